"""Settings: one frozen, typed object, read once from the environment; nonsense refuses to start.

`DATABASE_URL` and `REDIS_URL` bear their usual names; every other setting is `COUNTERFOIL_` and its name.
A name carries its unit.
"""

import string
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from .keyring import Keyring, parse

_HOST = frozenset(string.ascii_letters + string.digits + ".-*:[]")
SECRETS = ("encryption_keys", "listen_database_url", "secret_key", "smtp_password", "webhook_secret")


class SettingsError(ValueError):
    """A setting that is missing or makes no sense; one line, naming the setting and the cure."""


class Settings(BaseSettings):
    """What the processes are told. Times in the unit that the name says."""

    model_config = SettingsConfigDict(
        env_prefix="COUNTERFOIL_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    database_url: str = Field(
        "sqlite:///var/counterfoil.sqlite3", validation_alias=AliasChoices("database_url", "DATABASE_URL")
    )
    """The database that holds the tickets: the application's own. `sqlite:///...` or `postgresql://...`."""
    listen_database_url: str | None = None
    """The same database past PgBouncer: there the scheduler hears of tickets that plain SQL inserts, on
    PostgreSQL. Default: `DATABASE_URL`. Where it cannot hear they start at the beat."""
    redis_url: str | None = Field(None, validation_alias=AliasChoices("redis_url", "REDIS_URL"))
    """Where the bell hangs: `redis://`, `rediss://` or `unix://`. Default: `counterfoil up` starts one."""
    app: str | None = None
    """`module:callable` that gives the application; for workers. Scheduler and console do without."""
    app_version: str | None = None
    """The version of your application, told beside workers, attempts and groups of errors."""
    environment: str = "development"
    """Stands in the header, the title and every confirmation. `prod...` and `live...` are production: it
    refuses a weak secret, and a public address without TLS."""
    secret_key: str | None = None
    """Signs cookies and form tokens; 32 characters or more. Default: the file `secret` in `data`, made once;
    in production it must be set."""
    encryption_keys: SecretStr | None = None
    """`id:key` of encrypted params, with commas between, the current one first. `counterfoil keys new`."""
    url: str | None = None
    """Where people reach the console, with `https://`; stands in links, and makes cookies secure."""
    data: Path = Path("var")
    """The folder for the secret, and for what `counterfoil up` makes: database and Redis socket."""

    keep_trouble_days: int = Field(30, ge=0)
    """How long a ticket stays that had trouble: a failed attempt, a lapse, an operator's act."""
    keep_trail_days: int = Field(400, ge=400)
    """How long the trail stays; not less than 400."""
    archive_folder: Path | None = None
    """Where tickets are written before the purge deletes them. Default: nowhere."""
    unknown_grace_minutes: float = Field(15, ge=0)
    """How long a view model may be known to no live worker before its tickets are errored."""

    staged_minutes: int = Field(60, ge=1, le=9999)
    """After which a staged ticket that nobody released is reported."""

    beat_seconds: float = Field(1.0, gt=0, le=60)
    """How often the scheduler looks for what is due, lapsed, past its deadline."""
    lease_seconds: float = Field(60, ge=1)
    """How long a silent worker is believed to live."""
    renew_seconds: float = Field(15, gt=0)
    """How often a worker renews its lease; at most half of `lease_seconds`."""
    lapse_watch_seconds: float = Field(25, ge=0)
    """How long the database must have been steady before anything is rescued."""
    drain_budget_seconds: float = Field(60, gt=0)
    """After which a drain hands over to another one."""
    drain_budget_tickets: int = Field(1000, ge=1)
    """The same, in tickets."""
    grace_seconds: float = Field(20, ge=0)
    """After a TERM: how long the running ticket may go on before it is given back."""
    backoff_seconds: float = Field(15, gt=0)
    """The first wait after a failed attempt; doubled each time, with jitter."""
    backoff_limit_seconds: float = Field(3600, gt=0)
    """The longest wait."""

    smtp_host: str | None = None
    """The mail server of notices; without one no mail is sent."""
    smtp_port: int = Field(587, ge=1, le=65535)
    """Its port."""
    smtp_tls: str = "starttls"
    """`starttls`, `tls` or `none`."""
    smtp_user: str | None = None
    """Who signs in there; default: nobody does."""
    smtp_password: str | None = None
    """The password for it."""
    smtp_sender: str | None = None
    """The address that notices are sent from; needed with `smtp_host`."""
    mail_domain: str | None = None
    """Makes a mail address of a person's name without one: `ada` becomes `ada@<mail_domain>`."""
    webhook_url: str | None = None
    """Gets each notice by POST; without one none is sent."""
    webhook_secret: str | None = None
    """Signs them; 16 characters or more; needed with `webhook_url`."""

    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Host names that the console answers to, commas between; beside that of `url` and this machine's own."""
    proxies: int = Field(0, ge=0)
    """How many reverse proxies are in front of the console, whose forwarded headers are believed."""
    params_visible_to: str = "operator"
    """The least role that sees params: `viewer`, `operator` or `admin`."""
    public_bind_consent: bool = False
    """In production, lets the console listen on a public address without TLS in front."""

    @field_validator("database_url")
    @classmethod
    def _dialect(cls, value: str) -> str:
        if not value.startswith(("sqlite:", "postgresql:", "postgresql+", "postgres:")):
            raise ValueError("only sqlite:///... and postgresql://... are supported")
        return value

    @field_validator("listen_database_url")
    @classmethod
    def _listening(cls, value: str | None) -> str | None:
        if value and not value.startswith(("postgresql:", "postgresql+", "postgres:")):
            raise ValueError("only postgresql://... can be listened to; on SQLite leave it out")
        return value or None

    @field_validator("trusted_hosts", mode="before")
    @classmethod
    def _hosts(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        names = tuple(name.strip() for name in value.split(",") if name.strip())
        if wrong := [name for name in names if not set(name) <= _HOST]:
            raise ValueError(f"{wrong[0]!r} is no host name: write names with commas between them")
        return names

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, value: str | None) -> str | None:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("use redis://host:6379/0, rediss://... or unix:///path")
        return value or None

    @field_validator("url")
    @classmethod
    def _own_url(cls, value: str | None) -> str | None:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("use the console's address as people type it, with https:// or http://")
        return value

    @field_validator("encryption_keys")
    @classmethod
    def _keys(cls, value: SecretStr | None) -> SecretStr | None:
        parse(value.get_secret_value() if value else None)
        return value

    @field_validator("params_visible_to")
    @classmethod
    def _role(cls, value: str) -> str:
        if value not in ("viewer", "operator", "admin"):
            raise ValueError("use viewer, operator or admin")
        return value

    @field_validator("smtp_tls")
    @classmethod
    def _tls(cls, value: str) -> str:
        if value not in ("starttls", "tls", "none"):
            raise ValueError("use starttls, tls or none")
        return value

    @field_validator("webhook_url")
    @classmethod
    def _webhook(cls, value: str | None) -> str | None:
        if value and not value.startswith(("https://", "http://")):
            raise ValueError("use an address that begins with https:// (or http://)")
        return value

    @model_validator(mode="after")
    def _channels_are_whole(self) -> "Settings":
        if self.smtp_host and "@" not in (self.smtp_sender or ""):
            raise ValueError("smtp_host needs smtp_sender, the address that notices are sent from")
        if self.webhook_url and len(self.webhook_secret or "") < 16:
            raise ValueError("webhook_url needs webhook_secret, at least 16 characters that sign each notice")
        return self

    @model_validator(mode="after")
    def _renewals_fit_the_lease(self) -> "Settings":
        if self.renew_seconds * 2 > self.lease_seconds:
            raise ValueError(
                f"renew_seconds ({self.renew_seconds:g}) must be at most half of lease_seconds "
                f"({self.lease_seconds:g}): a lease has to survive one missed renewal"
            )
        return self

    def keyring(self) -> Keyring:
        """The keys of encrypted params."""
        return parse(self.encryption_keys.get_secret_value() if self.encryption_keys else None)


def read_settings(**overrides: Any) -> Settings:
    """The settings of this process: overrides, else the environment, else defaults. Raises SettingsError."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "settings"
        variable = (
            name.upper() if name.lower() in ("database_url", "redis_url") else f"COUNTERFOIL_{name.upper()}"
        )
        value = "..." if name in SECRETS else repr(first.get("input"))
        told = f"{variable}={value}: " if first["loc"] else ""
        raise SettingsError(f"{told}{first['msg'].removeprefix('Value error, ')}") from None
