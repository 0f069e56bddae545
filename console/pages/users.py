"""The users: who may what, new links, on and off."""

from collections.abc import Callable
from typing import Any

from flask import abort, current_app, g, request, url_for
from sqlalchemy import Connection, exists, select
from werkzeug.wrappers import Response

from counterfoil.acts import Actor
from counterfoil.clock import moment
from counterfoil.tables import EntryLink, User

from .. import people
from ..answers import go, page, toast, unfit
from ..database import db
from ..people import Unfit
from ..roles import ROLES
from ..strings import gettext

Change = Callable[[Connection, str, Actor], None]
SWITCHES: dict[str, Change] = {"off": people.switch_off, "on": people.switch_on}


def users() -> Response:
    """The list, and the form for a new one."""
    return page("settings/users.html", **_listed())


def add() -> Response:
    """A new user; the link is shown on this answer and never again."""
    name, role = request.form.get("name", ""), request.form.get("role", "")
    try:
        token = people.add_user(db.session.connection(), name, role, g.user.actor)
    except Unfit as why:
        db.session.rollback()
        return unfit("settings/users.html", **_listed() | {"complaint": str(why), "typed": name})
    db.session.commit()
    return _with_link(people.proper_name(name), token)


def change(user_id: int, verb: str) -> Response:
    """One of: role, link, off, on."""
    name = db.session.execute(select(User.name).where(User.id == user_id)).scalar_one_or_none()
    if name is None or verb not in ("role", "link", *SWITCHES):
        abort(404)
    connection = db.session.connection()
    try:
        if verb == "link":
            token = people.new_link(connection, name, g.user.actor)
            db.session.commit()
            return _with_link(name, token)
        if verb == "role":
            people.set_role(connection, name, request.form.get("role", ""), g.user.actor)
        else:
            SWITCHES[verb](connection, name, g.user.actor)
    except Unfit as why:
        db.session.rollback()
        return unfit("settings/users.html", **_listed() | {"complaint": str(why)})
    db.session.commit()
    toast(gettext("%(name)s is changed.", name=name))
    return go(url_for("users"))


def _listed() -> dict[str, Any]:
    open_link = exists().where(
        EntryLink.user_id == User.id, EntryLink.used_at.is_(None), EntryLink.expires_at > moment()
    )
    rows = db.session.execute(
        select(
            User.id,
            User.name,
            User.role,
            User.off,
            User.signed_in_at,
            User.password_hash.is_not(None).label("entered"),
            open_link.label("has_link"),
        ).order_by(User.name)
    ).all()
    return {"users": rows, "roles": ROLES, "complaint": None, "typed": "", "link": None, "link_for": None}


def _with_link(name: str, token: str) -> Response:
    base = (current_app.config["COUNTERFOIL"].url or request.url_root).rstrip("/")
    link = base + url_for("first_entry", token=token).removeprefix(request.script_root)
    return page("settings/users.html", **_listed() | {"link": link, "link_for": name})
