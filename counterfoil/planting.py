"""Schedules in the tables: what workers declare, what is due, and planting it once.

A fire is planted by who moves `next_at` ahead of it: one conditional UPDATE and the ticket in one
transaction, so two schedulers that act at once plant one. All times are the database's. The ticket's
`execute_earliest` is the fire's time, also when it is late.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import islice, takewhile
from typing import Any

from sqlalchemy import Connection, Row, TextualSelect, bindparam, case, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from .clock import MOMENT, later, stamp
from .columns import Utc, utc_text
from .cron import WrongCron, fires, latest_fire, next_fire
from .recurring import Schedule
from .tables import ScheduleRecord
from .ticket import Ticket

LATE_SECONDS = 120.0
"""A fire later than this was missed: `catch_up` says what becomes of it."""
MOST_AT_ONCE = 100
"""Fires of one schedule that one look plants; "all" goes on with the next look."""

Due = Row[Any]
"""A schedule whose fire has come, as `due` reads it."""

DECLARED = ("cron", "zone", "view_model", "params", "catch_up", "opens", "app_version", "known_until")


def write(
    connection: Connection, declared: Iterable[Schedule], app_version: str | None, seconds: float
) -> None:
    """Upsert what the code declares, in the order of names; pause and past stay.

    A schedule that is new, or whose times are others now, fires next after now: never for the past.
    """
    made = sorted(declared, key=lambda each: each.name)
    if not made:
        return
    now: datetime = connection.execute(select(stamp())).scalar_one()
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for each in made:
        row = {
            "name": each.name,
            "cron": each.cron,
            "zone": each.zone,
            "view_model": each.view_model,
            "params": (each.params or None) if each.opens is None else None,
            "catch_up": each.catch_up,
            "opens": each.opens,
            "app_version": app_version,
            "known_until": now + timedelta(seconds=seconds),
            "next_at": next_fire(each.cron, each.zone, now),
        }
        wanted = make(ScheduleRecord).values(row)
        new = wanted.excluded
        same = (ScheduleRecord.cron == new.cron) & (ScheduleRecord.zone == new.zone)
        values = {name: new[name] for name in DECLARED}
        values["next_at"] = case((same, ScheduleRecord.next_at), else_=new.next_at)
        connection.execute(wanted.on_conflict_do_update(index_elements=["name"], set_=values))


def keep_known(connection: Connection, names: Iterable[str], seconds: float) -> None:
    """Say that a live worker declares these for so many seconds more."""
    rows = [{"this": name} for name in sorted(names)]
    if rows:
        until = later(timedelta(seconds=seconds))
        connection.execute(
            update(ScheduleRecord).where(ScheduleRecord.name == bindparam("this")).values(known_until=until),
            rows,
            execution_options={"synchronize_session": False},
        )


def due(connection: Connection, after: str = "", chunk: int = 100) -> list[Due]:
    """Schedules whose next fire has come, the first by name behind `after`; index counterfoil_schedules_next.

    `paused` by the clock; `gone`: workers live and none of them declares it any more.
    """
    return list(connection.execute(_due(connection.dialect.name), {"after": after, "chunk": chunk}))


def plant(connection: Connection, row: Due) -> int:
    """Plant what is due of a row of `due`, in the caller's transaction; how many tickets.

    0 when it is paused or gone (its fires are passed over), or when another scheduler was faster.
    Raises WrongCron for a row that somebody has written by hand.
    """
    missed = _missed(row)
    following = next_fire(row.cron, row.zone, missed[-1])
    moved = update(ScheduleRecord).where(
        ScheduleRecord.name == row.name, ScheduleRecord.next_at == row.next_at
    )
    if connection.execute(moved.values(next_at=following)).rowcount == 0:
        return 0
    if row.paused or row.gone:
        return 0
    if row.catch_up == "none":
        missed = [fire for fire in missed if row.now - fire <= timedelta(seconds=LATE_SECONDS)]
    planted = [open_ticket(connection, row, f"schedule {row.name}", "schedule", fire) for fire in missed]
    tickets = [ticket for ticket in planted if ticket is not None]
    if tickets:
        connection.execute(
            update(ScheduleRecord)
            .where(ScheduleRecord.name == row.name)
            .values(last_fire_at=missed[-1], last_planted_at=stamp(), last_ticket_id=tickets[-1])
        )
    return len(tickets)


def _missed(row: Due) -> list[datetime]:
    """The fires to look at now, the last one the latest; but for "all" of however many, only that one."""
    if row.catch_up != "all":
        return [latest_fire(row.cron, row.zone, row.next_at, row.now)]
    others = takewhile(lambda fire: fire <= row.now, fires(row.cron, row.zone, row.next_at))
    return [row.next_at, *islice(others, MOST_AT_ONCE - 1)]


def open_ticket(
    connection: Connection, row: Any, by: str, via: str, at: datetime | None = None
) -> int | None:
    """The schedule's ticket, as plain SQL opens one; its id. A fire's is due at its time, else at once.

    None when this fire's ticket is there already (somebody has set `next_at` back by hand).
    """
    make: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {"view_model": row.view_model, "params": row.params, "opened_by": by, "opened_via": via}
    if at is not None:
        values |= {"execute_earliest": at, "idempotence_token": f"{row.name}@{utc_text(at)}"}
    wanted = make(Ticket).values(**values).on_conflict_do_nothing().returning(Ticket.id)
    made: int | None = connection.execute(wanted).scalar_one_or_none()
    return made


def upcoming(row: Any, now: datetime, number: int = 3) -> Sequence[datetime]:
    """The next fires of a schedule that are still to come; none for a line that cannot be read."""
    found = [] if row.next_at is None or row.next_at <= now else [row.next_at]
    try:
        for fire in fires(row.cron, row.zone, max([now, *found])):
            if len(found) >= number:
                break
            found.append(fire)
    except WrongCron:
        return []
    return found[:number]


@cache
def _due(dialect: str) -> TextualSelect:
    now = MOMENT[dialect]
    columns = "name, cron, zone, view_model, params, catch_up, next_at"
    return text(
        f"SELECT {columns}, {now} AS now, "
        f"paused AND (paused_until IS NULL OR paused_until > {now}) AS paused, "
        f"known_until <= {now} AND EXISTS (SELECT 1 FROM counterfoil_workers w WHERE w.sort = 'worker' "
        f"AND w.seen_until > {now}) AS gone FROM counterfoil_schedules "
        f"WHERE next_at <= {now} AND name > :after ORDER BY name LIMIT :chunk"
    ).columns(
        ScheduleRecord.name, ScheduleRecord.cron, ScheduleRecord.zone, ScheduleRecord.view_model,
        ScheduleRecord.params, ScheduleRecord.catch_up, ScheduleRecord.next_at, now=Utc(),
    )  # fmt: skip
