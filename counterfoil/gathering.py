"""The claim of a group: the tickets that share a transaction with the one that was just claimed.

They are those that follow it in the claim's order - its queue, its priority, then due time and id - up to the
first that cannot share: another kind of view model, a lane, a deadline that is past, or a ticket that was
claimed before. So nothing is overtaken. What failed, was postponed or lost its worker once runs by itself
from then on: a ticket that breaks its group, or kills its process, does so to its neighbours once.
"""

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Connection, String, TextClause
from sqlalchemy.dialects.postgresql import ARRAY

from . import door
from .claim import claiming
from .claimed import COLUMNS, Claimed
from .clock import MOMENT
from .columns import Utc
from .database import among, by
from .hot import Hot
from .lease import DrainLease
from .registry import Registry

MOST = 100
"""Tickets of a group: beyond it, what a commit costs is a hundredth of each, and a failure costs more."""

FIRST = 10
"""Tickets of a drain's first group, while it does not know how long they take."""

LEAST = 2

SECONDS = {"postgresql": 0.5, "sqlite": 0.05}
"""No ticket of a group begins later than so long after its first; on SQLite it holds the write lock."""


def _following(dialect: str) -> str:
    """The ids of what follows and may share, of `:size` candidates; index: counterfoil_tickets_claim."""
    locked, all_are = "", "min"
    names = "(SELECT value FROM json_each(:names))"
    if dialect == "postgresql":
        locked, all_are = " FOR UPDATE SKIP LOCKED", "bool_and"
        names = "(SELECT unnest(CAST(:names AS text[])))"
    may_share = (
        f"t.view_model IN {names} AND t.lane IS NULL AND t.claims = 0 "
        f"AND (t.expires_at IS NULL OR t.expires_at > {MOMENT[dialect]})"
    )
    return (
        f"SELECT g.id FROM (SELECT c.id, {all_are}(c.may_share) OVER (ORDER BY c.due_at, c.id) AS all_may "
        f"FROM (SELECT t.id, t.due_at, ({may_share}) AS may_share "
        f"FROM counterfoil_tickets t{by(dialect, 'claim')} WHERE t.state = 'pending' AND t.turn "
        f"AND t.queue = :queue AND t.priority = :priority AND t.due_at <= {MOMENT[dialect]} "
        f"AND t.due_at >= :due_at ORDER BY t.due_at, t.id LIMIT :size{locked}) c) g WHERE g.all_may"
    )


@cache
def _statement(dialect: str, claims: bool) -> TextClause:
    following = _following(dialect)
    sql = f"SELECT 1 FROM ({following}) g LIMIT 1"
    if claims:
        sql = claiming(dialect, among(dialect, following))
    more: dict[str, Any] = {"names": ARRAY(String()), "due_at": Utc()} if dialect == "postgresql" else {}
    return door.typed(sql, **more)


_LOOK = Hot(lambda dialect: _statement(dialect, claims=False))
_CLAIM = Hot(lambda dialect: _statement(dialect, claims=True), tuple(COLUMNS.values()))


class Groups:
    """How one drain makes groups: of which view models, and of how many tickets at a time."""

    def __init__(self, known: Registry) -> None:
        self.names = frozenset(name for name, found in known.view_models.items() if found.grouped)
        self.size = FIRST

    def may_begin(self, first: Claimed) -> bool:
        """Whether the ticket that was just claimed may share its transaction."""
        own = first.lane is not None or first.past_deadline or first.claims > 1
        return first.view_model in self.names and not own

    def gather(
        self, connection: Connection, drain: DrainLease, first: Claimed, most: int, but: Iterable[str] = ()
    ) -> list[Claimed]:
        """`first`, and what was claimed to share its transaction: at most `most`, in the claim's order.

        `connection` as `claim.claim` has it; `but`: view models that are paused.
        """
        size = min(most, self.size, MOST) - 1
        if size < 1 or not self.may_begin(first):
            return [first]
        postgresql = connection.dialect.name == "postgresql"
        names = sorted(self.names.difference(but))
        binds: dict[str, Any] = {
            "names": names if postgresql else json.dumps(names),
            "queue": drain.queue,
            "priority": first.priority,
            "due_at": first.due_at,
            "size": size,
            "drain": drain.id,
        }
        try:
            # SQLite: a look without a lock first, as a claim does.
            if not postgresql and _LOOK.first(connection, binds) is None:
                return [first]
            rows = _CLAIM.all(connection, binds)
            connection.commit()
        finally:
            connection.rollback()
        following = [Claimed._make(row) for row in rows]
        return [first, *sorted(following, key=lambda claimed: (claimed.due_at, claimed.id))]

    def took(self, tickets: int, seconds: float, dialect: str) -> None:
        """So many took so long: the next group takes half of what it may, or is four times as large."""
        fitting = int(tickets * SECONDS[dialect] / 2 / max(seconds, 1e-6))
        self.size = max(LEAST, min(MOST, 4 * self.size, fitting))
