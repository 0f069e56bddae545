"""One-time links that let a person set a password: 24 hours, once, and only the newest of a person."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from counterfoil.clock import later, moment, stamp
from counterfoil.tables import EntryLink, User

from .digest import digest, new_secret
from .roles import ADMIN

LASTS = timedelta(hours=24)


@dataclass(frozen=True)
class Link:
    """A link that may still be used; `user_id` and `name` None: it makes the first administrator."""

    id: str
    user_id: int | None
    name: str | None
    role: str


def make(connection: Connection, user_id: int | None, role: str) -> str:
    """A new link's token, which is stored nowhere. A person's earlier links end."""
    token = new_secret()
    if user_id is not None:
        end(connection, user_id)
    connection.execute(
        insert(EntryLink).values(id=digest(token), user_id=user_id, role=role, expires_at=later(LASTS))
    )
    return token


def find(connection: Connection, token: str) -> Link | None:
    """The link of a token, if it may still be used."""
    row = connection.execute(
        select(EntryLink.id, EntryLink.user_id, EntryLink.role, User.name)
        .outerjoin(User, User.id == EntryLink.user_id)
        .where(EntryLink.id == digest(token), EntryLink.used_at.is_(None), EntryLink.expires_at > moment())
        .where((EntryLink.user_id.is_(None)) | (User.off.is_(False)))
    ).one_or_none()
    if row is None or (row.user_id is None and has_admin(connection)):
        return None
    return Link(row.id, row.user_id, row.name, row.role)


def use(connection: Connection, link: Link) -> bool:
    """Take the link; of two who use it at once, one gets True."""
    done = connection.execute(
        update(EntryLink)
        .where(EntryLink.id == link.id, EntryLink.used_at.is_(None), EntryLink.expires_at > moment())
        .values(used_at=stamp())
    )
    return done.rowcount == 1


def end(connection: Connection, user_id: int) -> None:
    """A person's open links end."""
    connection.execute(
        update(EntryLink)
        .where(EntryLink.user_id == user_id, EntryLink.used_at.is_(None))
        .values(used_at=stamp())
    )


def has_admin(connection: Connection) -> bool:
    """Whether there is an administrator who can sign in."""
    return connection.execute(admins().limit(1)).first() is not None


def admins() -> Select[Any]:
    """The ids of the administrators who can sign in."""
    return select(User.id).where(User.role == ADMIN, User.off.is_(False), User.password_hash.is_not(None))
