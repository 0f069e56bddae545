"""The few numbers that moves depend on; a process sets them from its settings when it starts."""

from dataclasses import dataclass

from .settings import Settings


@dataclass(frozen=True)
class Policy:
    """How long trouble is kept (days); how failed attempts wait (seconds, doubled each time, limited);
    after how many minutes a staged ticket that nobody released is reported."""

    trouble_days: int = 30
    backoff_seconds: float = 15
    backoff_limit_seconds: float = 3600
    staged_minutes: int = 60


_current = Policy()


def current() -> Policy:
    """The policy of this process."""
    return _current


def adopt(settings: Settings) -> None:
    """Take the numbers from the settings; called once, at the start of a process."""
    global _current
    _current = Policy(
        trouble_days=settings.keep_trouble_days,
        backoff_seconds=settings.backoff_seconds,
        backoff_limit_seconds=settings.backoff_limit_seconds,
        staged_minutes=settings.staged_minutes,
    )
