"""Who opens tickets: asked of the host once for each ticket, where nobody was named.

    Counterfoil(app, db, opened_by=lambda: current_user.email)

Asked in the flush, in the host's own context. What has no answer - no request, nobody signed in - leaves the
ticket without an opener; it never stops the opening.
"""

import logging
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Engine

LENGTH = 200

Opener = Callable[[], Any]

log = logging.getLogger(__name__)

_OPENERS: WeakKeyDictionary[Dialect, Opener] = WeakKeyDictionary()


def attach(engine: Engine, opener: Opener) -> None:
    """Ask `opener` about tickets on this engine; a second call replaces the first one's."""
    _OPENERS[engine.dialect] = opener


def ask(connection: Connection) -> str | None:
    """Who opens, as the host says; None when it does not know. Never raises."""
    opener = _OPENERS.get(connection.dialect)
    if opener is None:
        return None
    try:
        found = opener()
    except Exception:
        log.debug("who opens a ticket could not be told", exc_info=True)
        return None
    return None if not found else str(found)[:LENGTH].replace("\x00", "")
