"""Why a ticket is not running: every reason that applies, most binding first, each with its remedy.

A pure function of the facts that `queries/standing.py` read. When a ticket's turn comes is reckoned from what
its queue finished in the last minute, as if those ahead were like those; no more is promised.
"""

from dataclasses import dataclass
from typing import Any

from flask import url_for

from .queries.standing import MOST_AHEAD, Standing
from .strings import gettext, ngettext
from .times import exact, relative


@dataclass(frozen=True)
class Reason:
    """One reason. `code` names its kind; `link` and `link_text` lead to what it names, or to the remedy.

    `command` is a remedy to be typed.
    """

    code: str
    text: str
    link: str | None = None
    link_text: str | None = None
    command: str | None = None


def reasons(row: Any, facts: Standing) -> list[Reason]:
    """Why this ticket (held or pending) is not running, most binding first."""
    if row.state == "held":
        return [_held(row, facts)]
    if row.state != "pending":
        return []
    found = [_aside(row, facts), _queue_paused(facts), _not_yet(row, facts), _no_worker(row, facts)]
    found += [_lane(row, facts), _pool(row, facts), _redis(facts), _scheduler(facts), _ahead(row, facts)]
    return [reason for reason in found if reason] or [_any_moment()]


def _held(row: Any, facts: Standing) -> Reason:
    by = facts.held_by
    if by is None:
        text = gettext(
            "Held by the application that opened it, since %(at)s: it has not said that it is complete.",
            at=exact(row.opened_at),
        )
        return Reason("staged", text, "#acts", gettext("release it"))
    why = f": {by.reason}" if by.reason else ""
    text = gettext("Held by %(who)s since %(at)s%(why)s.", who=by.actor, at=exact(by.at), why=why)
    return Reason("held", text, "#acts", gettext("release it"))


def _aside(row: Any, facts: Standing) -> Reason | None:
    since = exact(row.aside_since) if row.aside_since else "?"
    if row.aside == "root":
        text = gettext(
            "Its root is not saved yet, since %(since)s: the application adds it in the same transaction.",
            since=since,
        )
        return Reason("root", text)
    known = facts.view_model
    if known is not None and known.paused and not (known.paused_until and known.paused_until <= facts.now):
        text = gettext("The view model is paused") + _who(known)
        return Reason("view-model-paused", text, *_to("view_models", known.name))
    if row.aside == "paused":
        text = gettext("Its view model was paused; the scheduler puts it back, oldest first.")
        return Reason("coming-back", text, *_to("view_models", row.view_model))
    lacking = known is None or known.known_until is None or known.known_until < facts.now
    if row.aside == "unknown" or (lacking and facts.workers):  # without any worker, that is the reason
        versions = facts.versions or ([known.app_version] if known and known.app_version else [])
        text = gettext("Known to no live worker: %(name)s.", name=row.view_model)
        if versions:
            text += " " + gettext("Versions that know it: %(versions)s.", versions=", ".join(versions[:5]))
        else:
            text += " " + gettext("No version that has run here knows it.")
        return Reason("unknown", text, *_to("workers"))
    return None


def _queue_paused(facts: Standing) -> Reason | None:
    queue = facts.queue
    if queue is None or not queue.paused or (queue.paused_until and queue.paused_until <= facts.now):
        return None
    text = gettext("Queue %(name)s is paused", name=queue.name) + _who(queue)
    return Reason("queue-paused", text, *_to("queues", queue.name))


def _not_yet(row: Any, facts: Standing) -> Reason | None:
    if row.due_at <= facts.now:
        return None
    at = {"at": exact(row.due_at), "in": relative(row.due_at, facts.now)}
    now = ("#acts", gettext("run it now"))
    if row.postponed_count and row.postponed_reason and not row.attempts:
        text = gettext("Postponed by the work, for the %(n)s. time, until %(at)s (%(in)s): %(why)s", **at,
                       n=row.postponed_count, why=row.postponed_reason)  # fmt: skip
        return Reason("postponed", text, *now)
    if row.claims and row.attempts:
        text = gettext("Retrying: attempt %(n)s of %(most)s is at %(at)s (%(in)s).", **at,
                       n=row.attempts + 1, most=row.max_attempts or "?")  # fmt: skip
        return Reason("retrying", text, *now)
    return Reason("not-due", gettext("Not due until %(at)s (%(in)s).", **at), *now)


def _no_worker(row: Any, facts: Standing) -> Reason | None:
    if facts.workers:
        return None
    queue = row.queue or "?"
    text = gettext("No live worker listens to queue %(name)s: start one with", name=queue)
    return Reason("no-worker", text, *_to("workers"), command=f"counterfoil worker --queue {queue}")


def _lane(row: Any, facts: Standing) -> Reason | None:
    holder = facts.holder
    if holder is not None:
        text = gettext("Its lane %(lane)s is busy, since %(at)s.", lane=row.lane, at=exact(holder.started_at))
        return Reason("lane-busy", text, *_ticket(holder.id))
    if facts.before is not None:
        text = gettext("Another ticket of its lane %(lane)s has the turn.", lane=row.lane)
        return Reason("lane-turn", text, *_ticket(facts.before.id))
    return None


def _pool(row: Any, facts: Standing) -> Reason | None:
    size = facts.queue.pool_size if facts.queue else None
    if size is None or facts.slots_taken < size or row.due_at > facts.now:
        return None
    text = gettext("The pool of queue %(name)s is full: %(taken)s of %(size)s.", name=row.queue, size=size,
                   taken=facts.slots_taken)  # fmt: skip
    return Reason("pool-full", text, *_to("queues", row.queue))


def _redis(facts: Standing) -> Reason | None:
    for process in facts.schedulers:
        if (process.reachable or {}).get("redis") is False:
            text = gettext("Redis is away, says %(name)s: workers cannot be called.", name=process.name)
            return Reason("redis-away", text, *_to("workers"))
    return None


def _scheduler(facts: Standing) -> Reason | None:
    if facts.schedulers or (facts.leader_until and facts.leader_until > facts.now):
        return None
    text = gettext("No scheduler is alive: what waits for its time, or lost its bell, is not called.")
    return Reason("scheduler-away", text, *_to("workers"))


def _ahead(row: Any, facts: Standing) -> Reason | None:
    if not facts.ahead or row.due_at > facts.now:
        return None
    if facts.ahead >= MOST_AHEAD:
        text = gettext("More than %(n)s tickets are ahead of it in its queue", n=MOST_AHEAD)
    else:
        text = ngettext(
            "%(num)d ticket is ahead of it in its queue",
            "%(num)d tickets are ahead of it in its queue",
            facts.ahead,
        )
    text += _in_about(facts)
    return Reason("ahead", text, url_for("tickets", tab="pending", queue=row.queue), gettext("see them"))


def _in_about(facts: Standing) -> str:
    if facts.rate is None:
        return "."
    if facts.rate == 0:
        return gettext(": its turn does not come at this rate, nothing was finished in the last minute.")
    minutes = max(1, round(facts.ahead / facts.rate))
    more = gettext("more than") if facts.ahead >= MOST_AHEAD else gettext("about")
    return ngettext(": %(more)s %(num)d minute.", ": %(more)s %(num)d minutes.", minutes, more=more)


def _any_moment() -> Reason:
    return Reason("any-moment", gettext("Nothing stands in its way: a worker takes it any moment."))


def _who(paused: Any) -> str:
    text = gettext(" by %(who)s since %(at)s", who=paused.paused_by or "?",
                   at=exact(paused.paused_at) if paused.paused_at else "?")  # fmt: skip
    if paused.paused_until:
        text += gettext(", until %(at)s", at=exact(paused.paused_until))
    return text + (f": {paused.paused_reason}" if paused.paused_reason else "")


def _to(endpoint: str, name: str | None = None) -> tuple[str, str]:
    """A link to the page of a thing, or to a list."""
    words = {"queues": gettext("to the queue"), "view_models": gettext("to the view model")}
    there = url_for(f"{endpoint}.one", name=name) if name else url_for(endpoint)
    return there, words.get(endpoint, gettext("to the workers"))


def _ticket(ticket_id: int) -> tuple[str, str]:
    return url_for("tickets.one", ticket_id=ticket_id), gettext("ticket %(id)s", id=ticket_id)
