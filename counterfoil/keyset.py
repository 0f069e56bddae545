"""Places in an index's order, and the conditions that read on from one: keyset paging.

A place is a key and an id, written into an address as text: `f.1764.17` reads forward from behind that row,
`b.` backward from before it. It stays valid whatever happens to the row, and costs the same at any depth,
which an OFFSET does not.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, tuple_

from .tabs import Order
from .ticket import Ticket

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WRITTEN = re.compile(r"([fb])(?:\.(-?[0-9A-Za-z_]{1,32}))?\.([0-9]{1,19})", re.ASCII)
MAX_ID = 2**63 - 1


class CursorError(ValueError):
    """A cursor that is none, or one of another list. The message says what to do."""

    def __init__(self, written: str) -> None:
        super().__init__(
            f"cursor={written[:80]!r}: no place in this list; open the list's first page and go on from there"
        )


@dataclass(frozen=True)
class Place:
    """Where a row stands in an order: its key (None when the order is the id alone) and its id."""

    key: datetime | str | None
    id: int

    @classmethod
    def of(cls, row: Any, order: Order) -> "Place":
        """The place of a row that has the order's column and an id."""
        return cls(None if order.kind == "id" else getattr(row, order.column), row.id)

    def written(self) -> str:
        """As it stands in an address."""
        if self.key is None:
            return str(self.id)
        key = (self.key - _EPOCH) // timedelta(microseconds=1) if isinstance(self.key, datetime) else self.key
        return f"{key}.{self.id}"

    def sort_key(self) -> tuple[Any, int]:
        """Compares places of one order."""
        return ("" if self.key is None else self.key, self.id)


def read_place(written: str, order: Order) -> tuple[Place, bool]:
    """A place from an address and whether it reads forward. Raises CursorError."""
    found = _WRITTEN.fullmatch(written)
    if not found or (found[2] is None) != (order.kind == "id") or int(found[3]) > MAX_ID:
        raise CursorError(written)
    key: datetime | str | None = found[2]
    if order.kind == "time":
        try:
            key = _EPOCH + timedelta(microseconds=int(found[2]))
        except (ValueError, OverflowError):
            raise CursorError(written) from None
    return Place(key, int(found[3])), found[1] == "f"


def ordering(order: Order, forward: bool = True) -> list[ColumnElement[Any]]:
    """ORDER BY that the order's index serves, in either direction."""
    descending = order.descending == forward
    columns = [Ticket.id] if order.kind == "id" else [getattr(Ticket, order.column), Ticket.id]
    return [column.desc() if descending else column.asc() for column in columns]


def beyond(order: Order, place: Place, forward: bool = True, inclusive: bool = False) -> ColumnElement[bool]:
    """Rows that come after a place (before it when not forward), as one row comparison."""
    left: Any
    right: Any
    if order.kind == "id":
        left, right = Ticket.id.expression, place.id
    else:
        left, right = tuple_(getattr(Ticket, order.column), Ticket.id), tuple_(place.key, place.id)
    return is_beyond(left, right, order.descending == forward, inclusive)


def is_beyond(left: Any, right: Any, descending: bool, inclusive: bool) -> ColumnElement[bool]:
    """Left comes after right, in one direction or the other."""
    found: ColumnElement[bool]
    if descending:
        found = left <= right if inclusive else left < right
    else:
        found = left >= right if inclusive else left > right
    return found
