"""View models as workers registered them, what the last day was like, how many tickets they have."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, select, text

from counterfoil.clock import moment
from counterfoil.histogram import merged, quantile
from counterfoil.tables import Process, Rollup, Version, ViewModelRecord
from counterfoil.ticket import STATES, Ticket

from .counts import Number

MOST = 1000
MOST_TICKETS = 1000
MOST_VERSIONS = 50
DAY = timedelta(days=1)
SPAN_SECONDS = 900


@dataclass(frozen=True)
class Usual:
    """Of the last day: finished, failing attempts, median and 95th percentile of the run time in ms."""

    finished: int
    failing: int
    run_p50: float | None
    run_p95: float | None

    @property
    def failing_share(self) -> float | None:
        """Of its attempts, 0 to 1; None without one."""
        attempts = self.finished + self.failing
        return self.failing / attempts if attempts else None


@dataclass(frozen=True)
class Known:
    """A version of the application that knows it; `live`: how many workers of it are alive."""

    app_version: str
    first_seen_at: datetime
    last_seen_at: datetime
    live: int


def records(connection: Connection) -> list[Row[Any]]:
    """All of them by name, with `here`: a live worker knows it."""
    here = (ViewModelRecord.known_until > moment()).label("here")
    query = select(ViewModelRecord.__table__, here).order_by(ViewModelRecord.name).limit(MOST)
    return [*connection.execute(query)]


def record(connection: Connection, name: str) -> Row[Any] | None:
    """One; None when no worker has registered it."""
    here = (ViewModelRecord.known_until > moment()).label("here")
    query = select(ViewModelRecord.__table__, here).where(ViewModelRecord.name == name)
    return connection.execute(query).first()


def usual(connection: Connection, names: list[str], now: datetime) -> dict[str, Usual]:
    """Name -> what the last day was like; by the roll-ups' primary key, those without one are left out."""
    rows: dict[str, list[Any]] = {}
    query = select(Rollup.view_model, Rollup.finished, Rollup.failing, Rollup.runs).where(
        Rollup.queue == "", Rollup.view_model.in_(names)
    )
    # The quarters of the day, and the minutes of the quarter that is not over.
    quarter = datetime.fromtimestamp(int(now.timestamp()) // SPAN_SECONDS * SPAN_SECONDS, now.tzinfo)
    spans = ((SPAN_SECONDS, now - DAY), (60, quarter))
    for span, since in spans:
        for row in connection.execute(query.where(Rollup.span_seconds == span, Rollup.at >= since)):
            rows.setdefault(row.view_model, []).append(row)
    return {name: _usual(found) for name, found in rows.items()}


def tickets(connection: Connection, name: str) -> dict[str, Number]:
    """State -> how many, each exact to a bound; index counterfoil_tickets_view_model."""
    found = {}
    for state in STATES:
        inside = (
            select(Ticket.id)
            .where(Ticket.view_model == name, text(f"counterfoil_tickets.state = '{state}'"))
            .order_by(Ticket.id.desc())
            .limit(MOST_TICKETS + 1)
            .subquery()
        )
        n = connection.execute(select(func.count()).select_from(inside)).scalar_one()
        found[state] = Number(min(n, MOST_TICKETS), n > MOST_TICKETS)
    return found


def versions(connection: Connection, name: str, now: datetime) -> list[Known]:
    """The versions that know it, newest first."""
    live = select(Process.app_version, func.count()).where(Process.sort == "worker", Process.seen_until > now)
    alive: dict[Any, int] = dict(connection.execute(live.group_by(Process.app_version)).all())
    query = select(Version.__table__).order_by(Version.first_seen_at.desc()).limit(MOST_VERSIONS)
    return [
        Known(row.app_version, row.first_seen_at, row.last_seen_at, alive.get(row.app_version, 0))
        for row in connection.execute(query)
        if name in (row.view_models or ())
    ]


def _usual(rows: list[Any]) -> Usual:
    runs: dict[str, int] = {}
    for row in rows:
        runs = merged(runs, row.runs or {})
    finished, failing = sum(row.finished for row in rows), sum(row.failing for row in rows)
    return Usual(finished, failing, quantile(runs, 0.5), quantile(runs, 0.95))
