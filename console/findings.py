"""The overview's one line: what is wrong, cause before symptom, each with a link to where it is mended."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import current_app, url_for

from .queries.causes import WINDOW, Cause
from .queries.house import House
from .strings import gettext, ngettext
from .times import exact, number, told

SAMPLE_OLD = timedelta(seconds=30)


@dataclass(frozen=True)
class Finding:
    """One thing that is not well; tone warn or error; `link` None: nothing to look at."""

    tone: str
    text: str
    link: str | None = None


def findings(house: House, redis: bool | None, causes: dict[str, Cause]) -> list[Finding]:
    """All that apply, causes first; an empty list means that all is well. `causes`: by failing queue."""
    symptoms = [*_failing(house, causes), *_behind(house), *_tickets(house), *_unsent(house)]
    return [*_infrastructure(house, redis), *_deaf(house), *_paused(house), *symptoms]


def _infrastructure(house: House, redis: bool | None) -> list[Finding]:
    found = []
    workers = url_for("workers")
    if redis is False:
        text = gettext(
            "Redis does not answer or takes no writes: tickets start on the scheduler's beat at best, "
            "none is lost."
        )
        found.append(Finding("error", text))
    if not house.has_scheduler:
        text = gettext("No scheduler acts: nothing is rung on time, lapsed or purged.")
        if house.scheduler_until:
            text += " " + gettext("Its last sign of life was for %(at)s.", at=exact(house.scheduler_until))
        found.append(Finding("error", text, workers))
    if not house.workers:
        found.append(Finding("error", gettext("No worker is alive: nothing runs."), workers))
    if house.has_scheduler and (house.sampled_at is None or house.now - house.sampled_at > SAMPLE_OLD):
        text = gettext("The numbers are old.")
        if house.sampled_at:
            text = gettext("The numbers are old: last counted %(at)s.", at=exact(house.sampled_at))
        found.append(Finding("warn", text, workers))
    return found


def _paused(house: House) -> list[Finding]:
    found = []
    for queue in house.queues:
        if queue.paused:
            there = url_for("queues.one", name=queue.row.name)
            text = gettext("Queue %(name)s is paused %(told)s", name=queue.row.name, told=_told(queue.row))
            found.append(Finding("warn", text, there))
    for row in house.paused_view_models:
        there = url_for("view_models.one", name=row.name)
        text = gettext("View model %(name)s is paused %(told)s", name=row.name, told=_told(row))
        found.append(Finding("warn", text, there))
    for row in house.paused_schedules:
        text = gettext("Schedule %(name)s is paused %(told)s", name=row.name, told=_told(row))
        found.append(Finding("warn", text, url_for("schedules")))
    return found


def _unsent(house: House) -> list[Finding]:
    if not house.unsent_notices:
        return []
    text = ngettext(
        "One notice was given up within a day: somebody was not told.",
        "%(n)s notices were given up within a day: somebody was not told.",
        house.unsent_notices,
        n=number(house.unsent_notices),
    )
    return [Finding("warn", text, url_for("workers.notices"))]


def _told(row: Any) -> str:
    return gettext(
        "by %(who)s since %(since)s: %(why)s",
        who=row.paused_by or "?",
        since=exact(row.paused_at) if row.paused_at else "?",
        why=row.paused_reason or gettext("no reason given"),
    )


def _deaf(house: House) -> list[Finding]:
    return [
        Finding(
            "error",
            gettext("No worker listens to queue %(name)s, and tickets wait in it.", name=queue.row.name),
            url_for("queues.one", name=queue.row.name),
        )
        for queue in house.queues
        if queue.due and not queue.workers and not queue.paused and house.workers
    ]


def _failing(house: House, causes: dict[str, Cause]) -> list[Finding]:
    found = []
    for queue in house.queues:
        if not queue.is_failing:
            continue
        text = gettext(
            "Queue %(name)s is failing: %(n)s of %(all)s attempts since %(since)s, usually %(usual)s %%.",
            name=queue.row.name,
            n=number(queue.failing),
            all=number(queue.attempts),
            since=exact((house.sampled_at or house.now) - WINDOW),
            usual=f"{queue.usual_failing * 100:.0f}",
        )
        there = url_for("errors")
        if cause := causes.get(queue.row.name):
            text += " " + gettext("Most of it: %(error)s", error=told(cause.error))
            there = url_for("errors.one", fingerprint=cause.fingerprint)
        found.append(Finding("error", text, there))
    return found


def _behind(house: House) -> list[Finding]:
    return [
        Finding(
            "warn",
            gettext(
                "Queue %(name)s is behind: its oldest ticket waits since %(at)s.",
                name=queue.row.name,
                at=exact(house.now - timedelta(milliseconds=queue.oldest_wait_ms)),
            ),
            url_for("queues.one", name=queue.row.name),
        )
        for queue in house.queues
        if queue.is_behind and not queue.paused and queue.workers
    ]


def _tickets(house: House) -> list[Finding]:
    found, forgotten = [], house.counts.get("forgotten", 0)
    if forgotten:
        minutes = current_app.config["COUNTERFOIL"].staged_minutes
        text = ngettext(
            "One staged ticket was not released by its application within %(minutes)s minutes.",
            "%(n)s staged tickets were not released by their application within %(minutes)s minutes.",
            forgotten,
            n=number(forgotten),
            minutes=minutes,
        )
        there = url_for("tickets", tab="held", q=f"staged:yes age:>{minutes}m")
        found.append(Finding("warn", text, there))
    if not house.alarm:
        return found
    text = ngettext(
        "One ticket is errored and needs you.",
        "%(n)s tickets are errored and need you.",
        house.alarm,
        n=number(house.alarm),
    )
    return [Finding("error", text, url_for("tickets", tab="errored")), *found]
