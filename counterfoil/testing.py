"""For a host's own tests: what was opened, and running it inline (a pytest plugin, installed with us).

    def test_order(session, counterfoil_inline):
        place_order(session)
        assert_opened(session, root=order)
        counterfoil_inline.run_pending()
        assert order.sent

Both work in a session that is rolled back at the test's end.
"""

from typing import Any

import pytest
from sqlalchemy import Engine, inspect, select
from sqlalchemy.orm import Session, scoped_session

from . import sqlite
from .base import Base
from .declare import name_of
from .inline import Ran, run_pending
from .roots import root_id_of
from .ticket import Ticket

__all__ = [
    "Inline",
    "Ran",
    "assert_opened",
    "counterfoil_inline",
    "counterfoil_session",
    "create_tables",
    "run_pending",
]


def create_tables(engine: Engine) -> None:
    """Make our tables in a test's database that lacks them, beside `db.create_all()`; in memory too.

    A database that is kept has its tables from `counterfoil db upgrade`.
    """
    if not inspect(sqlite.prepare(engine)).has_table(Ticket.__tablename__):
        Base.metadata.create_all(engine)


def assert_opened(
    session: Session | scoped_session[Any],
    *,
    root: Any = None,
    view_model: Any = None,
    count: int | None = None,
) -> list[Ticket]:
    """Assert that tickets of this root and view model are open in the session; returns them, oldest first.

    `count`: exactly so many; without it at least one. 0 asserts that there are none.
    """
    found = _session(session)
    found.flush()
    where, wanted = [], []
    if root is not None:
        name = root_id_of(root)
        assert name is not None, f"{root!r} is not saved: no ticket can name it"
        where.append(Ticket.root_id == name)
        wanted.append(f"root {name}")
    if view_model is not None:
        where.append(Ticket.view_model == name_of(view_model))
        wanted.append(f"view model {name_of(view_model)}")
    tickets = list(found.scalars(select(Ticket).where(*where).order_by(Ticket.id)))
    if len(tickets) == count or (count is None and tickets):
        return tickets
    everything = found.execute(
        select(Ticket.view_model, Ticket.root_id, Ticket.state).order_by(Ticket.id)
    ).all()
    there = "".join(f"\n  {row.view_model} on {row.root_id}, {row.state}" for row in everything) or " none"
    expected = "at least 1 ticket" if count is None else f"{count} ticket(s)"
    about = " and ".join(wanted) or "anything"
    raise AssertionError(f"expected {expected} with {about}, found {len(tickets)}; open are:{there}")


class Inline:
    """The fixture's object: both helpers, bound to the test's session."""

    def __init__(self, session: Session | scoped_session[Any]) -> None:
        self.session = _session(session)

    def run_pending(self) -> list[Ran]:
        """Run everything that is due in the test's transaction; returns what ran and how it ended."""
        return run_pending(self.session)

    def assert_opened(self, **wanted: Any) -> list[Ticket]:
        """As `assert_opened`."""
        return assert_opened(self.session, **wanted)


@pytest.fixture
def counterfoil_session(request: pytest.FixtureRequest) -> Any:
    """The session that tickets are opened in: the fixture `session` or `db_session`; override it at will."""
    for name in ("session", "db_session"):
        try:
            return request.getfixturevalue(name)
        except pytest.FixtureLookupError:
            continue
    raise pytest.UsageError(
        "counterfoil_inline needs your session: name a fixture `session` or `db_session`, or override the "
        "fixture `counterfoil_session` to return it"
    )


@pytest.fixture
def counterfoil_inline(counterfoil_session: Any) -> Inline:
    """Runs due tickets within the test: `counterfoil_inline.run_pending()`."""
    return Inline(counterfoil_session)


def _session(session: Session | scoped_session[Any]) -> Session:
    return session() if isinstance(session, scoped_session) else session
