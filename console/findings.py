"""The overview's one line: what is wrong, cause before symptom, each with a link to where it is mended."""

from dataclasses import dataclass
from datetime import timedelta

from flask import url_for

from .queries.house import House
from .strings import gettext, ngettext
from .times import exact, number

SAMPLE_OLD = timedelta(seconds=30)


@dataclass(frozen=True)
class Finding:
    """One thing that is not well; tone warn or error; `link` None: nothing to look at."""

    tone: str
    text: str
    link: str | None = None


def findings(house: House, redis: bool | None) -> list[Finding]:
    """All that apply, causes first; an empty list means that all is well."""
    return [*_infrastructure(house, redis), *_queues(house), *_tickets(house)]


def _infrastructure(house: House, redis: bool | None) -> list[Finding]:
    found = []
    workers = url_for("workers")
    if redis is False:
        text = gettext("Redis does not answer: tickets start on the scheduler's beat at best, none is lost.")
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


def _queues(house: House) -> list[Finding]:
    found = []
    for queue in house.queues:
        name, there = queue.row.name, url_for("queues.one", name=queue.row.name)
        if queue.paused:
            text = gettext(
                "Queue %(name)s is paused by %(who)s since %(since)s: %(why)s",
                name=name,
                who=queue.row.paused_by or "?",
                since=exact(queue.row.paused_at) if queue.row.paused_at else "?",
                why=queue.row.paused_reason or gettext("no reason given"),
            )
            found.append(Finding("warn", text, there))
        elif queue.due and not queue.workers and house.workers:
            text = gettext("No worker listens to queue %(name)s, and tickets wait in it.", name=name)
            found.append(Finding("error", text, there))
        elif queue.is_behind:
            wait = timedelta(milliseconds=queue.oldest_wait_ms)
            text = gettext(
                "Queue %(name)s is behind: its oldest ticket waits since %(at)s.",
                name=name,
                at=exact(house.now - wait),
            )
            found.append(Finding("warn", text, there))
    return found


def _tickets(house: House) -> list[Finding]:
    errored = house.counts.get("alarm", house.counts.get("errored", 0))
    if not errored:
        return []
    text = ngettext(
        "One ticket is errored and needs you.",
        "%(n)s tickets are errored and need you.",
        errored,
        n=number(errored),
    )
    return [Finding("error", text, url_for("tickets", tab="errored"))]
