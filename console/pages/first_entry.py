"""The one-time link: sets a password, and makes the first administrator."""

from flask import abort, request
from sqlalchemy import insert, update
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response

from counterfoil.acts import Actor
from counterfoil.tables import User

from .. import entry_links, passwords, sessions
from ..answers import page, unfit
from ..complaints import password_complaint
from ..database import db
from ..entry_links import Link
from ..people import Unfit, proper_name
from ..record import record
from ..strings import gettext
from .sign_in import signed_in


def first_entry(token: str) -> Response:
    """The form behind a link, and its answer; 404 for a link that is used, out of date or made up."""
    link = entry_links.find(db.session.connection(), token[:200])
    if link is None:
        return page("first_entry/over.html", status=404)
    if request.method != "POST":  # HEAD is a GET, and no token protects it
        return page("first_entry/page.html", link=link, name=link.name or "", complaints={})
    typed = link.name or request.form.get("name", "")
    password = request.form.get("password", "")
    complaints = {}
    try:
        name = proper_name(typed)
    except Unfit as unfit_name:
        name, complaints["name"] = typed, str(unfit_name)
    if complaint := password_complaint(password, request.form.get("again", ""), name):
        complaints["password"] = complaint
    if complaints:
        return unfit("first_entry/page.html", link=link, name=typed, complaints=complaints)
    hashed = passwords.hash_password(password)
    if not entry_links.use(db.session.connection(), link):
        db.session.rollback()
        return page("first_entry/over.html", status=404)
    try:
        user_id = _enter(link, name, hashed)
    except IntegrityError:
        db.session.rollback()
        complaints["name"] = gettext("There is a user of that name already.")
        return unfit("first_entry/page.html", link=link, name=typed, complaints=complaints)
    return signed_in(user_id, name, "/")


def _enter(link: Link, name: str, password_hash: str) -> int:
    """The user of the link, with the password; made now if it is the first administrator's."""
    connection = db.session.connection()
    actor = Actor(name, via="console")
    if link.user_id is None:
        if entry_links.has_admin(connection):  # made in the meantime, by another such link
            abort(404)
        made = connection.execute(
            insert(User).values(name=name, role=link.role, password_hash=password_hash)
        ).inserted_primary_key
        assert made is not None
        record(connection, actor, "add user", f"user {name}", after={"role": link.role})
        return int(made[0])
    connection.execute(update(User).where(User.id == link.user_id).values(password_hash=password_hash))
    sessions.end_all(link.user_id)
    record(connection, actor, "set password", f"user {name}")
    return link.user_id
