"""Signing in and out."""

from typing import Any

from flask import g, request, session
from sqlalchemy import select
from werkzeug.wrappers import Response

from counterfoil.acts import Actor
from counterfoil.tables import User

from .. import passwords, sessions
from ..answers import go, page
from ..database import db
from ..limits import bad_sign_ins
from ..own_paths import own_path
from ..record import record
from ..strings import gettext


def sign_in() -> Response:
    """The form, and its answer: 303 with a session, 401, or 429 after too many."""
    wanted = own_path(request.values.get("next"))
    if request.method != "POST":  # HEAD is a GET, and no token protects it
        return go(wanted) if g.user else _form(wanted)
    name = request.form.get("name", "").strip().lower()[:200]
    password = request.form.get("password", "")
    address = request.remote_addr or ""
    counts = bad_sign_ins()
    user = db.session.execute(select(User.__table__).where(User.name == name)).one_or_none()
    if counts.too_many_from(address) or (counts.too_many_for(name) and not _known(user, address)):
        return _form(
            wanted, name, 429, gettext("Too many attempts. Wait a quarter of an hour, then try again.")
        )
    if not passwords.verify(user.password_hash if user else None, password) or user is None or user.off:
        counts.count(address, name)
        _refused(user, address)
        return _form(wanted, name, 401, gettext("Name or password is wrong."))
    return signed_in(user.id, user.name, wanted)


def signed_in(user_id: int, name: str, wanted: str) -> Response:
    """Begin a session for a person who has just proved to be one; commits."""
    secret = sessions.begin(user_id)
    record(db.session.connection(), Actor(name, via="console"), "sign in", f"user {name}")
    db.session.commit()
    session.clear()  # the form token of before is worth nothing after
    answer = go(wanted)
    sessions.set_cookie(answer, secret)
    return answer


def sign_out() -> Response:
    """End this session; the cookie is worth nothing from here on."""
    if g.user:
        sessions.end(g.user.session_id)
        record(db.session.connection(), g.user.actor, "sign out", f"user {g.user.name}")
        db.session.commit()
    session.clear()
    answer = go("/sign-in")
    sessions.drop_cookie(answer)
    return answer


def _form(wanted: str, name: str = "", status: int = 200, complaint: str | None = None) -> Response:
    return page("sign_in/page.html", status=status, wanted=wanted, name=name, complaint=complaint)


def _known(user: Any, address: str) -> bool:
    return user is not None and sessions.known_address(user.id, address)


def _refused(user: Any, address: str) -> None:
    # A name that is nobody's is not written down: people type their password into the wrong field.
    subject = f"user {user.name}" if user else "unknown user"
    why = "switched off" if user and user.off else "wrong name or password"
    actor = Actor("nobody", via="console")
    record(db.session.connection(), actor, "sign in", subject, refused=f"{why}, from {address}")
    db.session.commit()
