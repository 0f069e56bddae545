"""Saving a search under a name, for oneself or for all; deleting one's own.

A person of any role keeps own searches; sharing one is an operator's, deleting another's shared one an
administrator's.
"""

from flask import abort, g, request
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from werkzeug.wrappers import Response

from counterfoil.filters import FilterError, TicketFilter
from counterfoil.sqlite import begin_immediate
from counterfoil.tables import Search

from ..answers import go, toast
from ..database import db
from ..queries.searches import MOST
from ..strings import gettext

NAME_CHARACTERS = 100


def save() -> Response:
    """Save the list's filter (`query`) under `name`; one's own of that name is replaced."""
    name, shared = " ".join(request.form.get("name", "").split()), "shared" in request.form
    back = request.form.get("next")
    if shared and not g.user.may("operator"):
        abort(403)
    complaint, query = _checked(name, request.form.get("query", ""))
    if complaint:
        toast(complaint, "error")
        return go(back, "/tickets")
    connection = db.session.connection()
    begin_immediate(connection)
    mine = select(func.count()).select_from(Search).where(Search.user_id == g.user.id, Search.name != name)
    if connection.execute(mine).scalar_one() >= MOST:
        toast(gettext("You have %(n)d saved searches: delete one first.", n=MOST), "error")
        return go(back, "/tickets")
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(Search)
    connection.execute(
        insert.values(user_id=g.user.id, name=name, query=query, shared=shared).on_conflict_do_update(
            index_elements=["user_id", "name"], set_={"query": query, "shared": shared}
        )
    )
    db.session.commit()
    toast(gettext("Saved as “%(name)s”.", name=name))
    return go(back, "/tickets")


def delete(search_id: int) -> Response:
    """Delete one's own; an administrator any that is shared. 404 for what one cannot see."""
    found = db.session.get(Search, search_id)
    mine = found is not None and found.user_id == g.user.id
    if found is None or not (mine or found.shared):
        abort(404)
    if not mine and not g.user.may("admin"):
        abort(403)
    name = found.name
    db.session.delete(found)
    db.session.commit()
    toast(gettext("“%(name)s” is no longer saved.", name=name))
    return go(request.form.get("next"), "/tickets")


def _checked(name: str, written: str) -> tuple[str | None, str]:
    """What is wrong with a search to be saved, else its canonical query."""
    if not name or len(name) > NAME_CHARACTERS or not name.isprintable():
        return gettext("A saved search needs a name of at most %(n)d characters.", n=NAME_CHARACTERS), ""
    try:
        query = TicketFilter.parse(written).query()
    except FilterError as error:
        return str(error), ""
    return (None, query) if query else (gettext("Search for something first, then save it."), "")
