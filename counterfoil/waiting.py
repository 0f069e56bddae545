"""How a ticket stands for who waits for it: by its public token, without rights, and nothing else of it.

The token is random (122 bits and more) and known to nobody but who was given it. What is not there was never
ordered - its transaction was rolled back - or is purged: who has seen it before is told the latter.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from .ticket import Ticket

TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")

TEXTS: Mapping[str, str] = {
    "waiting": "It waits for its turn.",
    "running": "It is being done.",
    "done": "Done.",
    "errored": "Something went wrong. The people in charge see it.",
    "withdrawn": "It was withdrawn: it is no longer needed.",
    "failed": "It could not be done.",
    "not ordered": "Nothing was ordered here.",
    "gone": "It was finished some time ago; its receipt is no longer kept.",
    "too long": "It takes longer than usual. You need not wait here: it goes on, and you may look again.",
}
"""Status -> what a person reads; a host gives its own in its own language."""

_STATUS = {
    "held": "waiting",
    "pending": "waiting",
    "running": "running",
    "done": "done",
    "errored": "errored",
    "expired": "withdrawn",
    "failed": "failed",
}
OPEN = frozenset(("waiting", "running"))
_LOOK = select(Ticket.state, Ticket.receipt).where(Ticket.token == bindparam("token"))


@dataclass(frozen=True)
class Standing:
    """`status` is a key of TEXTS; `receipt` what the work returned, as text, when it is done."""

    status: str
    receipt: str | None = None

    @property
    def finished(self) -> bool:
        """Whether waiting is over."""
        return self.status not in OPEN


def standing(connection: Connection, token: str, *, seen: bool = False, patient: bool = True) -> Standing:
    """How the ticket of this token stands. Index: the token's unique one.

    `seen`: it was there at an earlier look. `patient` False: who waits has waited long enough.
    """
    row: Any = None
    if TOKEN.fullmatch(token):
        row = connection.execute(_LOOK, {"token": token}).first()
    if row is None:
        return Standing("gone" if seen else "not ordered")
    status = _STATUS[row.state]
    if status == "done":
        return Standing(status, _as_text(row.receipt))
    return Standing("too long" if status in OPEN and not patient else status)


def _as_text(receipt: Any) -> str | None:
    return receipt if receipt is None or isinstance(receipt, str) else json.dumps(receipt, ensure_ascii=False)
