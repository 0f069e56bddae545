"""A staged ticket waits, held, until its application releases it (O23)."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from counterfoil import Ticket, open_ticket, release
from counterfoil.columns import NaiveTime


def staged(session: Session, **options: object) -> Ticket:
    """A held ticket that is committed."""
    ticket = open_ticket(session, "Anything.later", staged=True, **options)  # type: ignore[arg-type]
    session.commit()
    return ticket


def test_it_is_held_until_the_release_commits(session: Session) -> None:
    ticket = staged(session)
    assert ticket.state == "held"
    assert release(session, ticket)
    assert ticket.state == "pending"
    session.rollback()
    assert ticket.state == "held"
    assert release(session, ticket.id)
    session.commit()
    assert ticket.state == "pending"


def test_one_that_is_not_held_is_not_released(session: Session) -> None:
    ticket = staged(session)
    assert release(session, ticket)
    assert not release(session, ticket)
    assert not release(session, 987654)


def test_one_that_is_new_in_the_session_may_be_released_at_once(session: Session) -> None:
    ticket = open_ticket(session, "Anything.later", staged=True)
    assert release(session, ticket)
    session.commit()
    assert ticket.state == "pending"


def test_its_deadline_stays_unless_the_release_takes_it_away(session: Session) -> None:
    deadline = datetime.now(UTC) + timedelta(hours=1)
    first, second, third = (staged(session, expires_at=deadline) for _ in range(3))
    release(session, first)
    release(session, second, expires_at=None)
    release(session, third, expires_at=deadline + timedelta(hours=1))
    session.commit()
    assert (first.expires_at, second.expires_at) == (deadline, None)
    assert third.expires_at == deadline + timedelta(hours=1)


def test_a_naive_deadline_is_refused(session: Session) -> None:
    with pytest.raises(NaiveTime):
        release(session, staged(session), expires_at=datetime(2030, 1, 1))  # noqa: DTZ001
