"""Users: added, given a link, a role, switched off. Pages and the command line call the same functions.

Each works in the caller's transaction, writes the trail and raises `Unfit` with a sentence for a person. A
link's token is returned once; the table holds its SHA-256.
"""

import re

from sqlalchemy import Connection, insert, select, update

from counterfoil.acts import Actor
from counterfoil.clock import moment, stamp
from counterfoil.sqlite import begin_immediate
from counterfoil.tables import ConsoleSession, User

from . import entry_links
from .record import record
from .roles import ADMIN, ROLES

COMMAND_LINE = Actor("command line", via="cli")
START = Actor("console", via="cli")
_NAME = re.compile(r"[a-z0-9][a-z0-9._+-]{0,99}(@[a-z0-9][a-z0-9.-]{0,98})?")


class Unfit(ValueError):
    """What was asked of the users cannot be done; the text says why and what to do."""


def proper_name(name: str) -> str:
    """The name as it is stored: lower case, an e-mail address or a short name. Raises Unfit."""
    lower = name.strip().lower()
    if not _NAME.fullmatch(lower):
        raise Unfit(
            f"{name[:60]!r} is not a name for a user: take an e-mail address or a short name of letters, "
            "digits, dots and hyphens"
        )
    return lower


def add_user(connection: Connection, name: str, role: str, by: Actor = COMMAND_LINE) -> str:
    """A new user without a password; returns the token of the link that lets them set one. Raises Unfit."""
    name = proper_name(name)
    _check_role(role)
    if connection.execute(select(User.id).where(User.name == name)).first() is not None:
        raise Unfit(
            f"there is a user {name} already: a new link is made with `counterfoil users link {name}`"
        )
    user_id = connection.execute(insert(User).values(name=name, role=role)).inserted_primary_key
    assert user_id is not None
    record(connection, by, "add user", f"user {name}", after={"role": role})
    return entry_links.make(connection, int(user_id[0]), role)


def new_link(connection: Connection, name: str, by: Actor = COMMAND_LINE) -> str:
    """A further link, for a forgotten password; earlier ones end. Returns its token. Raises Unfit."""
    user = user_named(connection, name)
    if user.off:
        raise Unfit(f"{user.name} is switched off")
    record(connection, by, "link user", f"user {user.name}")
    return entry_links.make(connection, user.id, user.role)


def set_role(connection: Connection, name: str, role: str, by: Actor = COMMAND_LINE) -> None:
    """Another role, from the next request on. Raises Unfit; the last administrator stays one."""
    _check_role(role)
    user = user_named(connection, name)
    if role != ADMIN:
        _not_the_last_admin(connection, user)
    connection.execute(update(User).where(User.id == user.id).values(role=role))
    record(
        connection, by, "change role", f"user {user.name}", before={"role": user.role}, after={"role": role}
    )


def switch_off(connection: Connection, name: str, by: Actor = COMMAND_LINE) -> None:
    """No more sign-in; sessions and links end at once. Raises Unfit; the last administrator stays on."""
    user = user_named(connection, name)
    _not_the_last_admin(connection, user)
    connection.execute(update(User).where(User.id == user.id).values(off=True))
    connection.execute(
        update(ConsoleSession)
        .where(ConsoleSession.user_id == user.id, ConsoleSession.expires_at > moment())
        .values(expires_at=stamp())
    )
    entry_links.end(connection, user.id)
    record(connection, by, "switch off user", f"user {user.name}", before={"off": False}, after={"off": True})


def switch_on(connection: Connection, name: str, by: Actor = COMMAND_LINE) -> None:
    """May sign in again, with the password as it was. Raises Unfit."""
    user = user_named(connection, name)
    connection.execute(update(User).where(User.id == user.id).values(off=False))
    record(connection, by, "switch on user", f"user {user.name}", before={"off": True}, after={"off": False})


def first_admin_link(connection: Connection, by: Actor = START) -> str | None:
    """While nobody can sign in as administrator: the token of a link that makes one. Else None."""
    if entry_links.has_admin(connection):
        return None
    record(connection, by, "link user", "the first administrator")
    return entry_links.make(connection, None, ADMIN)


def user_named(connection: Connection, name: str) -> User:
    """The user of that name. Raises Unfit when there is none."""
    row = connection.execute(select(User.__table__).where(User.name == proper_name(name))).one_or_none()
    if row is None:
        raise Unfit(f"there is no user {name.strip().lower()[:200]}: `counterfoil users add` makes one")
    return User(**row._mapping)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise Unfit(f"{role[:40]!r} is no role: take one of {', '.join(ROLES)}")


def _not_the_last_admin(connection: Connection, user: User) -> None:
    # Locked: two administrators cannot take the role from each other at once (SQLite: the write lock).
    begin_immediate(connection)
    able = connection.execute(entry_links.admins().with_for_update()).scalars().all()
    if [*able] == [user.id]:
        raise Unfit(f"{user.name} is the last administrator who can sign in: make another one first")
