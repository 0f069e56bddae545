"""The first start: while nobody can sign in as administrator, a one-time link stands in the output."""

import logging
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from counterfoil.clock import later
from counterfoil.database import make_engine
from counterfoil.settings import Settings
from counterfoil.tables import EntryLink

from .people import first_admin_link

JUST_MADE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


def announce(settings: Settings, url: str) -> None:
    """Print the link; not when one was made a moment ago, by `counterfoil up`, which prints its own."""
    engine = make_engine(settings.database_url)
    made = select(EntryLink.id).where(EntryLink.user_id.is_(None), EntryLink.created_at > later(-JUST_MADE))
    try:
        with engine.begin() as connection:
            if connection.execute(made.limit(1)).first():
                return
            token = first_admin_link(connection)
    except SQLAlchemyError as error:
        _log.warning("no link for a first administrator was made: %s", str(error).splitlines()[0])
        return
    finally:
        engine.dispose()
    if token:
        print(f"First entry, once, within a day: {url.rstrip('/')}/first-entry/{token}", flush=True)
