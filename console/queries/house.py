"""Whether the house stands: the last snapshot, the scheduler, the workers, the queues."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from math import sqrt
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    Select,
    String,
    bindparam,
    cast,
    func,
    literal,
    null,
    select,
    union_all,
)

from counterfoil.clock import moment
from counterfoil.columns import Utc
from counterfoil.tables import Drain, Leader, Notice, Process, Queue, Sample, ScheduleRecord, ViewModelRecord


@dataclass(frozen=True)
class QueueNow:
    """A queue and its figures by the last snapshot; `paused`: now, by the database's clock."""

    row: Row[Any]
    paused: bool
    due: int
    oldest_wait_ms: int
    running: int
    workers: int
    drains: int = 0
    rate: int = 0
    """Finished in the last minute."""
    attempts: int = 0
    failing: int = 0
    """Of the attempts of the last five minutes."""
    usual_failing: float = 0.0
    growth: int | None = None
    """Of due tickets, a minute; None: not watched for a minute yet."""
    views: dict[str, Any] = field(default_factory=dict)

    @property
    def failing_share(self) -> float:
        """Of its attempts in the last five minutes, 0 to 1."""
        return self.failing / self.attempts if self.attempts else 0.0

    @property
    def is_failing(self) -> bool:
        """Its share of failures over five minutes passes its usual by more than chance does.

        Three standard errors of a share of that many attempts (binomial), and three failures at least.
        """
        usual = max(self.usual_failing, 0.01)
        spread = sqrt(usual * (1 - usual) / self.attempts) if self.attempts and usual < 1 else 0.0
        return self.failing >= 3 and self.failing_share > usual + 3 * spread

    @property
    def empty_in_minutes(self) -> float | None:
        """When what is due is worked off at the pace of the last minutes; None: it is not getting less."""
        return self.due / -self.growth if self.due and self.growth is not None and self.growth < 0 else None

    @property
    def is_behind(self) -> bool:
        """Its oldest due ticket waits longer than the queue means to let one wait."""
        return self.oldest_wait_ms > int(self.row.target_wait_seconds) * 1000


@dataclass(frozen=True)
class House:
    """Everything at one moment; `now` is the database's."""

    now: datetime
    sampled_at: datetime | None
    counts: dict[str, int]
    rates: dict[str, Any]
    scheduler_until: datetime | None
    workers: list[Row[Any]]
    queues: list[QueueNow]
    paused_view_models: list[Row[Any]]
    paused_schedules: list[Row[Any]]
    unsent_notices: int
    """Notices given up within a day."""
    seen: dict[str, datetime]
    """Sort of process (worker, scheduler) -> the newest sign of life of one."""

    @property
    def has_scheduler(self) -> bool:
        """One acts."""
        return self.scheduler_until is not None and self.scheduler_until > self.now

    def paused_in(self, queue: QueueNow) -> list[Row[Any]]:
        """The paused view models whose tickets go to a queue, or are in it."""
        name = queue.row.name
        return [row for row in self.paused_view_models if row.queue == name or row.name in queue.views]

    @property
    def alarm(self) -> int:
        """How many are errored and not acknowledged."""
        return int(self.counts.get("alarm", self.counts.get("errored", 0)))

    @property
    def acknowledged(self) -> int:
        """How many of the errored ones are acknowledged."""
        return max(0, int(self.counts.get("errored", 0)) - self.alarm)


def house(connection: Connection, now: datetime) -> House:
    """Read it: short statements, each by a primary key or on a small table; `now` is the database's time."""
    sample = connection.execute(select(Sample.__table__).order_by(Sample.id.desc()).limit(1)).first()
    signs = connection.execute(_signs(), {"yesterday": now - timedelta(days=1)}).one()
    paused = paused_work(connection, now)
    listening = select(Process.__table__).where(Process.sort == "worker", Process.seen_until > now)
    workers = [*connection.execute(listening.order_by(Process.name).limit(500)).all()]
    figures = sample.queues if sample else {}
    rows = connection.execute(select(Queue.__table__).order_by(Queue.name).limit(500)).all()
    return House(
        now,
        sample.at if sample else None,
        sample.counts if sample else {},
        sample.rates if sample else {},
        signs.until,
        workers,
        [_queue(row, figures.get(row.name, {}), workers, now) for row in rows],
        [row for row in paused if row.sort == "view model"],
        [row for row in paused if row.sort == "schedule"],
        signs.unsent,
        {sort: at for sort in _SORTS if (at := getattr(signs, sort)) is not None},
    )


_SORTS = ("worker", "scheduler")


@cache
def _signs() -> Select[Any]:
    """Until when a scheduler acts, notices given up (index counterfoil_notices_failed), who was seen when."""
    yesterday = bindparam("yesterday", type_=Utc())
    given_up = select(func.count()).select_from(Notice).where(Notice.failed_at > yesterday)
    until = select(Leader.until).order_by(Leader.until.desc()).limit(1)
    seen = (
        select(func.max(Process.seen_at)).where(Process.sort == sort).scalar_subquery().label(sort)
        for sort in _SORTS
    )
    return select(until.scalar_subquery().label("until"), given_up.scalar_subquery().label("unsent"), *seen)


def paused_work(connection: Connection, now: datetime) -> list[Row[Any]]:
    """What is paused now, by name; `sort`: queue, view model or schedule; `queue`: where its tickets go."""
    return [*connection.execute(_paused(), {"now": now})]


@cache
def _paused() -> Any:
    now = bindparam("now", type_=Utc())
    each = []
    for sort, record, queue in (
        ("queue", Queue, Queue.name),
        ("view model", ViewModelRecord, func.coalesce(ViewModelRecord.route, ViewModelRecord.queue)),
        ("schedule", ScheduleRecord, cast(null(), String)),
    ):
        columns = (record.name, record.paused_by, record.paused_at, record.paused_until, record.paused_reason)
        still = record.paused & (record.paused_until.is_(None) | (record.paused_until > now))
        told = select(literal(sort).label("sort"), queue.label("queue"), *columns)
        each.append(told.where(still).order_by(record.name).limit(50).subquery().select())
    return union_all(*each)


def processes(connection: Connection) -> list[Row[Any]]:
    """Every process that has a row, gone ones too, schedulers first; `here`: its row has not run out."""
    here = (Process.seen_until > moment()).label("here")
    query = select(Process.__table__, here).order_by(Process.sort, Process.name).limit(500)
    return [*connection.execute(query).all()]


def drains(connection: Connection) -> dict[str, list[Row[Any]]]:
    """Worker's name -> what it drains now."""
    found: dict[str, list[Row[Any]]] = {}
    query = (
        select(Drain.__table__).where(Drain.until > moment()).order_by(Drain.queue, Drain.slot).limit(2000)
    )
    for row in connection.execute(query):
        found.setdefault(row.worker or "", []).append(row)
    return found


def leader(connection: Connection) -> str | None:
    """The scheduler that acts."""
    holder = select(Leader.holder).where(Leader.until > moment()).limit(1)
    return connection.execute(holder).scalar()


def _queue(row: Row[Any], figures: dict[str, Any], workers: list[Row[Any]], now: datetime) -> QueueNow:
    return QueueNow(
        row,
        bool(row.paused) and (row.paused_until is None or row.paused_until > now),
        int(figures.get("due", 0)),
        int(figures.get("oldest_wait_ms") or 0),
        int(figures.get("running", 0)),
        sum(1 for worker in workers if row.name in (worker.queues or ())),
        int(figures.get("drains", 0)),
        int(figures.get("rate", 0)),
        int(figures.get("attempts", 0)),
        int(figures.get("failing", 0)),
        float(figures.get("usual_failing") or 0),
        figures.get("growth"),
        figures.get("views", {}),
    )
