"""What the scheduler that acts tells of its duties: when each ran last, what that cost, what failed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class DutyNow:
    """One duty. `at`: its last run, which took `cost_ms` and did `count`; `error`: its latest failure."""

    word: str
    at: datetime | None
    cost_ms: float
    count: int
    total: int
    error: str | None
    error_at: datetime | None

    @property
    def fails(self) -> bool:
        """Whether it has not run well since its latest failure."""
        return self.error_at is not None and (self.at is None or self.at <= self.error_at)


def duties_of(processes: Iterable[Any], leader: str | None) -> list[DutyNow]:
    """Those of the scheduler that leads, by name; none while none does."""
    books = next((each.duties for each in processes if each.name == leader and each.here), None) or {}
    return [_duty(word, book) for word, book in sorted(books.items()) if isinstance(book, dict)]


def _duty(word: str, book: dict[str, Any]) -> DutyNow:
    return DutyNow(
        word=word,
        at=_instant(book.get("at")),
        cost_ms=float(book.get("cost_ms") or 0),
        count=int(book.get("count") or 0),
        total=int(book.get("total") or 0),
        error=book.get("error"),
        error_at=_instant(book.get("error_at")),
    )


def _instant(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written).replace(tzinfo=UTC) if written else None
