"""One's own password, theme, zone and shortcuts."""

from zoneinfo import available_timezones

from flask import current_app, g, request
from sqlalchemy import select, update
from werkzeug.wrappers import Response

from counterfoil.tables import User

from .. import passwords, sessions
from ..answers import go, page, toast, unfit
from ..complaints import password_complaint
from ..database import db
from ..layout import THEMES
from ..limits import bad_sign_ins
from ..record import record
from ..strings import gettext

ONE_YEAR_SECONDS = 365 * 86400


def profile() -> Response:
    """The form."""
    return page("profile/page.html", complaints={}, zones=_zones())


def change() -> Response:
    """Whichever part was sent: the theme, the zone, the shortcuts, the password."""
    if "theme" in request.form:
        return _theme(request.form["theme"])
    if "zone" in request.form:
        return _zone(request.form["zone"])
    if "shortcuts" in request.form:
        _prefer("shortcuts", "off" if request.form["shortcuts"] == "off" else "on")
        return go("/profile")
    return _password()


def _theme(theme: str) -> Response:
    if theme not in THEMES:
        return _complain("theme", gettext("There is no such theme."))
    _prefer("theme", theme)
    answer = go(request.form.get("next"), "/profile")
    # For the pages before the sign-in, which know no person.
    answer.set_cookie("theme", theme, max_age=ONE_YEAR_SECONDS, **sessions.cookie_attributes())
    return answer


def _zone(zone: str) -> Response:
    if zone not in _zones():
        return _complain("zone", gettext("There is no such time zone."))
    _prefer("zone", zone)
    toast(gettext("Times are shown in %(zone)s.", zone=zone))
    return go("/profile")


def _password() -> Response:
    row = db.session.execute(select(User.password_hash).where(User.id == g.user.id)).one()
    counts = bad_sign_ins()
    address = request.remote_addr or ""
    if counts.too_many_from(address):
        return _complain(
            "current", gettext("Too many attempts. Wait a quarter of an hour, then try again."), 429
        )
    if not passwords.verify(row.password_hash, request.form.get("current", "")):
        counts.count(address, g.user.name)
        return _complain("current", gettext("This is not your password."))
    password = request.form.get("password", "")
    if complaint := password_complaint(password, request.form.get("again", ""), g.user.name):
        return _complain("password", complaint)
    hashed = passwords.hash_password(password)
    db.session.execute(update(User).where(User.id == g.user.id).values(password_hash=hashed))
    sessions.end_all(g.user.id)
    secret = sessions.begin(g.user.id)
    record(db.session.connection(), g.user.actor, "set password", f"user {g.user.name}")
    db.session.commit()
    toast(gettext("Your password is changed. You are signed out everywhere else."))
    answer = go("/profile")
    sessions.set_cookie(answer, secret)
    return answer


def _prefer(key: str, value: str) -> None:
    preferences = g.user.preferences | {key: value}
    db.session.execute(update(User).where(User.id == g.user.id).values(preferences=preferences))
    db.session.commit()


def _complain(field: str, complaint: str, status: int = 422) -> Response:
    current_app.logger.info("profile of %s: %s refused", g.user.name, field)
    if status != 422:
        return page("profile/page.html", status=status, complaints={field: complaint}, zones=_zones())
    return unfit("profile/page.html", complaints={field: complaint}, zones=_zones())


def _zones() -> list[str]:
    return sorted(
        zone for zone in available_timezones() if not zone.startswith(("Etc/", "SystemV/", "posix"))
    )
