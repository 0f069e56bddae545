"""Once opened, a ticket changes by its verbs only: setting a column of a saved one is refused.

Otherwise a host's code could move a ticket past the fence and past the trail.
"""

from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import InstanceState

from .ticket import Ticket


class TicketIsImmutable(AttributeError):
    """A column of a saved ticket was set."""

    def __init__(self, column: str, ticket_id: Any) -> None:
        super().__init__(
            f"ticket {ticket_id}: {column} cannot be set once it is opened; a ticket moves by its verbs "
            "(counterfoil.acts.act: hold, reschedule, reprioritise, move, expire, ...), or open another one"
        )


def _guard(state: InstanceState[Ticket], value: Any, before: Any, initiator: Any) -> None:
    # merge() sets what is there already.
    if state.key is not None and value != before:
        raise TicketIsImmutable(initiator.key, state.key[1][0])


for _column in Ticket.__table__.columns:
    event.listen(getattr(Ticket, _column.key), "set", _guard, raw=True, propagate=True)
