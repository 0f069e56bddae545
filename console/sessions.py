"""Signed-in browsers, in the database: a cookie holds 256 random bits, the table their SHA-256.

Limits: 12 h without a request, 7 days in all. Ended at sign-out and when the password changes. A row that has
ended stays for 30 days: it tells from which addresses an account was used before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from flask import current_app, request
from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from counterfoil.acts import Actor
from counterfoil.clock import later, moment, stamp
from counterfoil.database import wait_at_most
from counterfoil.tables import ConsoleSession, Sample, User

from .database import BUSY_SECONDS, db
from .digest import digest, new_secret
from .roles import includes

COOKIE = "counterfoil"
IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
SEEN_EVERY = timedelta(minutes=1)
REMEMBERED = timedelta(days=30)


@dataclass(frozen=True)
class SignedIn:
    """Who asks: `g.user` of a request with a session."""

    id: int
    name: str
    role: str
    preferences: dict[str, Any]
    session_id: str
    now: datetime
    """The database's time when the request came: what "due" and "in 24 hours" mean on its page."""
    sampled_at: datetime | None = None
    counts: dict[str, Any] | None = None
    """The latest sample's numbers and time, which every page shows: read along with the person."""

    def may(self, role: str) -> bool:
        """Whether this person may do what asks for `role`."""
        return includes(self.role, role)

    @property
    def actor(self) -> Actor:
        """The person as the trail names them."""
        return Actor(self.name, via="console")


def begin(user_id: int) -> str:
    """Make a session of a user who has just proved to be one; returns the cookie's value. Does not commit."""
    secret = new_secret()
    db.session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < later(-REMEMBERED)))
    _end(ConsoleSession.id == digest(request.cookies.get(COOKIE, "")))
    db.session.execute(
        insert(ConsoleSession).values(
            id=digest(secret),
            user_id=user_id,
            expires_at=later(ABSOLUTE),
            address=(request.remote_addr or "")[:64],
            agent=request.user_agent.string[:200],
        )
    )
    db.session.execute(update(User).where(User.id == user_id).values(signed_in_at=stamp()))
    return secret


def find() -> SignedIn | None:
    """The person of this request's cookie, or None. Raises SQLAlchemyError when the database is away."""
    secret = request.cookies.get(COOKIE)
    if not secret:
        return None
    row = db.session.connection().execute(_found(), {"session": digest(secret)}).one_or_none()
    if row is None:
        return None
    if row.stale:
        _seen(row.session_id)
    preferences = row.preferences or {}
    return SignedIn(row.id, row.name, row.role, preferences, row.session_id, row.now, row.at, row.counts)


@cache
def _found() -> Any:
    """The person of the session `session`; made once, every request asks it."""
    stale = (ConsoleSession.last_seen_at < later(-SEEN_EVERY)).label("stale")
    person = (User.id, User.name, User.role, User.preferences)
    return (
        select(
            *person,
            ConsoleSession.id.label("session_id"),
            stale,
            moment().label("now"),
            Sample.at,
            Sample.counts,
        )
        .select_from(User)
        .join(ConsoleSession, ConsoleSession.user_id == User.id)
        .outerjoin(Sample, Sample.id == select(func.max(Sample.id)).scalar_subquery())
        .where(
            ConsoleSession.id == bindparam("session"),
            ConsoleSession.expires_at > moment(),
            ConsoleSession.last_seen_at > later(-IDLE),
            User.off.is_(False),
        )
    )


def end(session_id: str) -> None:
    """End one session. Does not commit."""
    _end(ConsoleSession.id == session_id)


def end_all(user_id: int) -> None:
    """End every session of a user. Does not commit."""
    _end(ConsoleSession.user_id == user_id)


def known_address(user_id: int, address: str) -> bool:
    """Whether this account was used from there before."""
    found = select(ConsoleSession.id).where(
        ConsoleSession.user_id == user_id, ConsoleSession.address == address
    )
    return db.session.execute(found.limit(1)).first() is not None


def set_cookie(response: Response, secret: str) -> None:
    """Hand the browser its session."""
    response.set_cookie(COOKIE, secret, max_age=int(ABSOLUTE.total_seconds()), **cookie_attributes())


def drop_cookie(response: Response) -> None:
    """Take it back."""
    response.delete_cookie(COOKIE, **cookie_attributes())


def cookie_attributes() -> dict[str, Any]:
    """Attributes of every cookie we set; Secure over https and in production."""
    return {
        "path": current_app.config["APPLICATION_ROOT"] if not request.script_root else request.script_root,
        "secure": request.is_secure or bool(current_app.config["SESSION_COOKIE_SECURE"]),
        "httponly": True,
        "samesite": "Lax",
    }


def _end(which: Any) -> None:
    db.session.execute(
        update(ConsoleSession).where(which, ConsoleSession.expires_at > moment()).values(expires_at=stamp())
    )


def _seen(session_id: str) -> None:
    """Best effort: a page does not wait for a busy database to note that it was asked for."""
    connection = db.session.connection()
    try:
        wait_at_most(connection, 0.1)
        # Of two requests at once, one stamps.
        db.session.execute(
            update(ConsoleSession)
            .where(ConsoleSession.id == session_id, ConsoleSession.last_seen_at < later(-SEEN_EVERY))
            .values(last_seen_at=stamp())
        )
        db.session.commit()
    except SQLAlchemyError:
        db.session.rollback()
    finally:
        if connection.dialect.name == "sqlite":
            wait_at_most(db.session.connection(), BUSY_SECONDS)
