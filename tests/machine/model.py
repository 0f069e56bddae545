"""The model: what every ticket must be, in plain Python, without a look at the product's own table of moves.

Times are minutes of a clock that stands still but for `jump`. The world's jumps are multiples of JUMP, and no
delay of the machine is: whether something is due is never a question of milliseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

JUMP = 50.0
DELAYS = (None, 30.0, 90.0)
DEADLINES = (None, 35.0, 120.0)
KEEP_RECEIPT, KEEP_TROUBLE, PUT_OFF = 20.0, 30 * 1440.0, 60.0
BACKOFF, POSTPONED = 40.0, 30.0
POSTPONED_LIMIT, GRACE, GUARD_AGE, LEASE = 1440.0, 15.0, 60.0, 10.0
EVIDENCE = inf
FINAL = ("done", "errored", "expired", "failed")

TOLD = (
    "state", "queue", "priority", "retry_at", "expires", "kept", "run", "attempts", "done", "delete",
    "postponed", "first_postponed", "acknowledged", "error_kind",
)  # fmt: skip
"""What an undo brings back, as far as the model holds it."""


@dataclass
class Known:
    """What the model holds of one ticket. `endings`: how its work ends, by claim; None: its params misfit."""

    id: int
    view_model: str
    queue: str
    opened: float
    endings: tuple[str, ...] | None
    priority: int | None = 5
    lane: str | None = None
    max_attempts: int = 3
    earliest: float | None = None
    retry_at: float | None = None
    expires: float | None = None
    batch: int | None = None
    token: str | None = None
    guard: str | None = None
    state: str = "pending"
    aside: str | None = None
    aside_since: float | None = None
    attempts: int = 0
    claims: int = 0
    run: int = 0
    moves: int = 0
    trouble: bool = False
    error_kind: str | None = None
    done: float | None = None
    delete: float | None = None
    kept: float | None = None
    postponed: int = 0
    first_postponed: float | None = None
    acknowledged: int = 0
    fence: str | None = None
    drain: str | None = None
    effects: int = 0
    gone: bool = False
    trail: list[str] = field(default_factory=list)
    fences: list[Any] = field(default_factory=list)
    """Every claim that there ever was."""

    @property
    def natural(self) -> float:
        return self.opened if self.earliest is None else self.earliest

    @property
    def due(self) -> float:
        return self.natural if self.retry_at is None else self.retry_at

    def told(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in TOLD}


@dataclass
class Pause:
    """Of a queue or a view model; `until` None: until somebody resumes."""

    on: bool = False
    until: float | None = None

    def holds(self, now: float) -> bool:
        return self.on and (self.until is None or self.until > now)


@dataclass
class Lease:
    """A drain that took its slot and did not end."""

    id: str
    queue: str
    until: float


@dataclass
class Packages:
    """A batch."""

    id: int
    expected: int | None
    follow_up: bool
    sealed: bool = False
    closed: bool = False
    followed: bool = False
    gone: int = 0


@dataclass
class Entry:
    """An act in the trail, as an undo needs it."""

    id: int
    verb: str
    ticket: int
    before: dict[str, Any]
    after: dict[str, Any]
    moves: int


@dataclass
class Item:
    """A ticket of an operation's frozen set."""

    ticket: int
    moves: int
    undoes: Entry | None = None
    result: str | None = None
    entry: Entry | None = None


@dataclass
class Bulk:
    """An operation."""

    id: int
    verb: str
    ids: list[int]
    undo_of: "Bulk | None" = None
    state: str = "asked"
    items: list[Item] = field(default_factory=list)

    def count(self, result: str) -> int:
        return sum(item.result == result for item in self.items)


@dataclass
class Model:
    """The whole house. `unknown`: view models that no worker has registered."""

    now: float = 0.0
    tickets: dict[int, Known] = field(default_factory=dict)
    queues: dict[str, Pause] = field(default_factory=dict)
    view_models: dict[str, Pause] = field(default_factory=dict)
    pools: dict[str, int] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    batches: dict[int, Packages] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    operations: dict[int, Bulk] = field(default_factory=dict)

    def here(self) -> list[Known]:
        """Tickets that were not purged, oldest first."""
        return [ticket for ticket in self.tickets.values() if not ticket.gone]

    def in_state(self, *states: str) -> list[Known]:
        return [ticket for ticket in self.here() if ticket.state in states]

    def decide(self, ticket: Known) -> None:
        """What the trigger says of a ticket that waits anew: whether, and why, it is aside."""
        known = self.view_models.get(ticket.view_model)
        cause = None
        if ticket.state == "pending":
            cause = "unknown" if known is None else "paused" if known.on else None
        ticket.aside = cause
        ticket.aside_since = None if cause is None else (ticket.aside_since or self.now)

    def lane_runs(self, lane: str | None) -> bool:
        return lane is not None and any(other.lane == lane for other in self.in_state("running"))

    def candidates(self, queue: str) -> list[Known]:
        """Whom a claim may take, if they have a turn."""
        return [
            ticket
            for ticket in self.in_state("pending")
            if ticket.queue == queue
            and ticket.aside is None
            and ticket.due <= self.now
            and not self.lane_runs(ticket.lane)
        ]

    def may_drain(self, queue: str) -> bool:
        """Whether a drain gets a lease: not paused, and a slot is free."""
        taken = [lease for lease in self.leases.values() if lease.queue == queue and lease.until > self.now]
        return not self.queues[queue].holds(self.now) and len(taken) < self.pools.get(queue, 1000)

    def has_lease(self, ticket: Known) -> bool:
        lease = self.leases.get(ticket.drain or "")
        return lease is not None and lease.until > self.now

    def holder_of_token(self, view_model: str, token: str) -> Known | None:
        for other in self.here():
            if (other.view_model, other.token) == (view_model, token) and other.state != "expired":
                return other
        return None

    def waits_already(self, guard: str, due: float, expires: float | None) -> Known | None:
        """The ticket that makes another one with this guard needless."""
        for other in self.in_state("pending"):
            lasts = other.expires is None or (expires is not None and other.expires >= expires)
            if other.guard == guard and self.now - GUARD_AGE < other.natural <= due and lasts:
                return other
        return None

    def is_complete(self, batch: Packages, here: Iterable[Known]) -> bool:
        mine = [ticket for ticket in here if ticket.batch == batch.id]
        if any(ticket.state in ("held", "pending", "running", "errored") for ticket in mine):
            return False
        return batch.sealed or (batch.expected is not None and batch.expected <= batch.gone + len(mine))
