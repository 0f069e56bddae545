"""Revealing a ticket's params, secrets and encrypted ones too: an administrator's POST, in the trail (S2)."""

from typing import Any

from flask import g, request

from counterfoil.acts import Refused
from counterfoil.keyset import MAX_ID
from counterfoil.registry import registry
from counterfoil.revealing import reveal as revealed_params

from ..answers import page, toast, unfit
from ..database import db
from ..masking import params_table
from ..queries import ticket as queries
from ..queries.tickets import database_now
from .acts import LONGEST_REASON
from .ticket import context, purged


def reveal(ticket_id: int) -> Any:
    """POST /tickets/<id>/reveal: the params as they are, once; 422 names the key that this process lacks.

    What an application's own encryptor sealed, the console cannot open: it never imports the application.
    """
    reason = request.form.get("reason", "").strip()[:LONGEST_REASON].replace("\x00", "")
    told = queries.one(db.session.connection(), min(ticket_id, MAX_ID))
    if told is None:
        return purged(db.session.connection(), ticket_id)
    try:
        found = revealed_params(db.session.connection(), ticket_id, g.user.actor, registry, reason or None)
    except Refused as refused:
        db.session.rollback()
        toast(str(refused), "error")
        answer, found = unfit, None
    else:
        db.session.commit()
        answer = page
    connection = db.session.connection()
    told = queries.one(connection, ticket_id)
    if told is None:
        return purged(connection, ticket_id)
    shown = context(connection, told, database_now(connection))
    if found is not None:
        shown["revealed"] = params_table(found, reveal=True)
    return answer("ticket/page.html", fragment="ticket/params.html", **shown)
