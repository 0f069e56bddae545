"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, Integer, String, TypeDecorator
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeEngine

BigId = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

EVIDENCE = datetime(9999, 12, 31, tzinfo=UTC)
"""`kept` of a ticket that is kept as evidence: without end. In no time zone, and so in no session of
PostgreSQL, is it the year 10000, which Python cannot read."""

UTC_TEXT = "%Y-%m-%d %H:%M:%S.%f"


class NaiveTime(ValueError):
    """A time without a zone was given where an instant is needed."""

    def __init__(self, value: datetime) -> None:
        super().__init__(
            f"{value!r} has no time zone: give an aware time, for example datetime.now(UTC) or "
            f"{value!r}.replace(tzinfo=ZoneInfo('Europe/Berlin'))"
        )


def utc_text(value: datetime) -> str:
    """The text SQLite stores for an instant: UTC, six digits, sorts as time. Raises NaiveTime."""
    if value.tzinfo is None:
        raise NaiveTime(value)
    # Year first and zero-padded by hand: %Y does not pad years below 1000 on every platform.
    utc = value.astimezone(UTC)
    return f"{utc.year:04d}-{utc:%m-%d %H:%M:%S}.{utc.microsecond:06d}"


def within_calendar(value: datetime) -> datetime:
    """The instant in UTC; in every zone it is in a year that Python has. Raises NaiveTime, OverflowError."""
    if value.utcoffset() is None:
        raise NaiveTime(value)
    utc = value.astimezone(UTC)
    for hours in (-16, 16):  # as far as PostgreSQL's zones go
        utc + timedelta(hours=hours)
    return utc


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _of_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value).replace(tzinfo=UTC)


class Utc(TypeDecorator[datetime]):
    """An instant. PostgreSQL: timestamptz. SQLite: UTC text with six digits (its own type loses the zone)."""

    impl = String(26)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(26))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise NaiveTime(value)
        return value if dialect.name == "postgresql" else utc_text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None]:
        """The function itself, without SQLAlchemy's own around it: a page of rows has some 400 instants."""
        return _in_utc if dialect.name == "postgresql" else _of_text
