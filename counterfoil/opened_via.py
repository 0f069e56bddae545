"""The column `opened_via`, which also sees to it that tickets are saved by a session's flush.

A ticket object carries a mark until a flush has taken it in hand (its root's key, the bell). What bypasses
the unit of work - `bulk_save_objects` - would store a ticket without its root, so binding the mark raises.
"""

from typing import Any

from sqlalchemy import Dialect, String, TypeDecorator


class MustBeFlushed(TypeError):
    """A ticket was to be saved past the session's unit of work."""


class _Unsaved(str):
    __slots__ = ()


UNSAVED = _Unsaved("unsaved")
"""`opened_via` of a ticket object that no flush has taken in hand yet."""


class OpenedVia(TypeDecorator[str]):
    """Text that refuses to store the mark of an unsaved ticket."""

    impl = String(16)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if isinstance(value, _Unsaved):
            raise MustBeFlushed(
                "a Ticket must be saved by the session's flush, which knows its root's key: use session.add "
                "or add_all (bulk_save_objects skips both; many at once: insert(Ticket) with columns)"
            )
        return value
