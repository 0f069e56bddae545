"""Settings: one frozen, typed object, read once from the environment; nonsense refuses to start.

`DATABASE_URL` and `REDIS_URL` bear their usual names; every other setting is `COUNTERFOIL_` and its name.
A name carries its unit.
"""

from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .keyring import Keyring, parse

SECRETS = ("encryption_keys", "secret_key", "smtp_password", "webhook_secret")


class SettingsError(ValueError):
    """A setting that is missing or makes no sense; one line, naming the setting and the cure."""


class Settings(BaseSettings):
    """What the processes are told. Times in the unit that the name says."""

    model_config = SettingsConfigDict(env_prefix="COUNTERFOIL_", frozen=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///var/counterfoil.sqlite3", validation_alias=AliasChoices("database_url", "DATABASE_URL")
    )
    redis_url: str | None = Field(None, validation_alias=AliasChoices("redis_url", "REDIS_URL"))
    listen_database_url: str | None = None
    app: str | None = None
    app_version: str | None = None
    environment: str = "development"
    secret_key: str | None = None
    encryption_keys: SecretStr | None = None
    url: str | None = None
    data: Path = Path("var")

    keep_trouble_days: int = Field(30, ge=0)
    keep_trail_days: int = Field(400, ge=400)
    archive_folder: Path | None = None
    unknown_grace_minutes: float = Field(15, ge=0)

    staged_minutes: int = Field(60, ge=1, le=9999)

    beat_seconds: float = Field(1.0, gt=0, le=60)
    lease_seconds: float = Field(60, ge=1)
    renew_seconds: float = Field(15, gt=0)
    lapse_watch_seconds: float = Field(25, ge=0)
    drain_budget_seconds: float = Field(60, gt=0)
    drain_budget_tickets: int = Field(1000, ge=1)
    grace_seconds: float = Field(20, ge=0)
    backoff_seconds: float = Field(15, gt=0)
    backoff_limit_seconds: float = Field(3600, gt=0)

    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_tls: str = "starttls"
    smtp_user: str | None = None
    smtp_password: str | None = None
    smtp_sender: str | None = None
    mail_domain: str | None = None
    webhook_url: str | None = None
    webhook_secret: str | None = None

    trusted_hosts: tuple[str, ...] = ()
    proxies: int = Field(0, ge=0)
    params_visible_to: str = "operator"
    metrics_on_loopback: bool = False
    public_bind_consent: bool = False

    @field_validator("database_url")
    @classmethod
    def _dialect(cls, value: str) -> str:
        if not value.startswith(("sqlite:", "postgresql:", "postgresql+", "postgres:")):
            raise ValueError("only sqlite:///... and postgresql://... are supported")
        return value

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
