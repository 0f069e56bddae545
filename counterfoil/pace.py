"""Pace of an operation: a canary first, then the rate of the last healthy hour.

Ten tickets are acted on and their outcomes awaited: done is a success; errored, failed, backed off, lapsed,
stopped or taken away is none. With nine of ten it goes on, otherwise it halts and says why; a person may go
on anyway. After that, tickets are let go at the rate at which they were done in the last hour that was
healthy. The pace bounds what is let go, not what runs: that is the queue's pool.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from .clock import stamp
from .tables import Attempt, OperationItem, Sample
from .ticket import Ticket

RUN = ("retry", "run-now", "release")
"""The verbs after which tickets run: only their outcomes can be awaited."""
CANARY_ABOVE = 500
CANARY = 10
MISSES = 1
"""How many of the canary may not succeed; 9 of 10 are enough."""
UNKNOWN_PER_MINUTE = 60.0
"""The rate while no healthy hour is known: one a second, a house's first steps."""
HEALTHY_SHARE = 0.9
HOURS = 24
STEP = timedelta(minutes=5)
BURST_SECONDS = 10.0
"""A scheduler that comes back after an hour does not let go an hour's tickets at once."""
_MISSED = ("back off", "error", "fail", "lapse", "stop")


@dataclass(frozen=True)
class Outcome:
    """What became of a ticket of the canary: `succeeded` None while it is not known; `why` it did not."""

    ticket_id: int
    succeeded: bool | None
    why: str | None = None


def chosen(verb: str, matched: int) -> str:
    """What is chosen unless the person says otherwise: canary above 500 tickets that will run, else all."""
    return "canary" if verb in RUN and matched > CANARY_ABOVE else "all"


def outcomes(connection: Connection, operation: Any) -> list[Outcome]:
    """How the tickets of the canary fare, by their id; at most ten, by their primary keys."""
    ids = operation.canary or []
    items = select(OperationItem.ticket_id, OperationItem.at).where(
        OperationItem.operation_id == operation.id, OperationItem.ticket_id.in_(ids)
    )
    states = {
        row.id: row
        for row in connection.execute(select(Ticket.id, Ticket.state, Ticket.error).where(Ticket.id.in_(ids)))
    }
    return [
        _outcome(connection, item, states.get(item.ticket_id))
        for item in sorted(connection.execute(items), key=lambda row: row.ticket_id)
    ]


def _outcome(connection: Connection, item: Any, ticket: Any) -> Outcome:
    if ticket is None:
        return Outcome(item.ticket_id, False, "was purged")
    if ticket.state == "done":
        return Outcome(item.ticket_id, True)
    missed = select(Attempt.error, Attempt.outcome).where(
        Attempt.ticket_id == item.ticket_id, Attempt.ended_at >= item.at, Attempt.outcome.in_(_MISSED)
    )
    attempt = connection.execute(missed.order_by(Attempt.claim).limit(1)).first()
    if attempt is not None:
        return Outcome(item.ticket_id, False, _line(attempt.error) or str(attempt.outcome))
    if ticket.state in ("pending", "running"):
        return Outcome(item.ticket_id, None)
    return Outcome(item.ticket_id, False, _line(ticket.error) or f"is {ticket.state}")


def verdict(found: list[Outcome]) -> str | None:
    """`paced` when enough have succeeded, `halted` when they no longer can; None while that is open."""
    missed = sum(outcome.succeeded is False for outcome in found)
    if missed > MISSES:
        return "halted"
    enough = sum(outcome.succeeded is True for outcome in found) >= len(found) - MISSES
    return "paced" if enough else None


def halted_why(found: list[Outcome]) -> str:
    """The sentence for a person: how many did not succeed, and the first of them."""
    missed = [outcome for outcome in found if outcome.succeeded is False]
    return (
        f"{len(missed)} of the first {len(found)} did not succeed, at most {MISSES} may; "
        f"ticket {missed[0].ticket_id}: {missed[0].why}"
    )


def healthy_per_minute(connection: Connection) -> float | None:
    """Tickets done a minute in the latest hour in which nine of ten that ended were done; None if none was.

    From the sampler's figures, at every five minutes of at most a day. Index: counterfoil_samples_at.
    """
    now: datetime = connection.execute(select(stamp())).scalar_one()
    for hour in range(HOURS):
        end = now - timedelta(hours=hour)
        rates = [_rates(connection, end - STEP * n) for n in range(12)]
        done = sum(found.get("done", 0) for found in rates)
        if done and done >= HEALTHY_SHARE * sum(found.get("finished", 0) for found in rates):
            return float(done) / len(rates)
    return None


def _rates(connection: Connection, at: datetime) -> dict[str, Any]:
    latest = select(Sample.rates).where(Sample.at <= at, Sample.at > at - STEP)
    return connection.execute(latest.order_by(Sample.at.desc()).limit(1)).scalar() or {}


def allowance(operation: Any, now: datetime, most: int) -> tuple[int, datetime] | None:
    """How many more may be let go now, at `most`, and up to when the pace is then used; None: no bound."""
    if operation.changed + operation.skipped + operation.failed >= operation.matched:
        return None  # nothing is left: it may end
    if operation.phase == "canary":
        return CANARY - len(operation.canary or []), now
    if operation.phase != "paced":
        return None
    per_second = max(operation.pace_per_minute or UNKNOWN_PER_MINUTE, 0.1) / 60
    since = max(operation.paced_at, now - timedelta(seconds=max(BURST_SECONDS, 1 / per_second)))
    count = min(most, math.floor((now - since).total_seconds() * per_second + 1e-6))
    return count, since + timedelta(seconds=count / per_second)


def paced(connection: Connection) -> dict[str, Any]:
    """The columns of an operation that goes on at the rate of the last healthy hour, from now on."""
    rate = healthy_per_minute(connection) or UNKNOWN_PER_MINUTE
    return {"phase": "paced", "pace_per_minute": rate, "paced_at": stamp()}


def _line(error: str | None) -> str:
    return next((line.strip()[:200] for line in (error or "").splitlines() if line.strip()), "")
