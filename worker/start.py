"""What a worker settles before it serves: queues, Redis, and that its tickets are the application's."""

import os
from collections.abc import Sequence

from sqlalchemy import Engine, select
from sqlalchemy.exc import DBAPIError

from counterfoil import catalogue
from counterfoil.host import Counterfoil
from counterfoil.out_of_date import SchemaOutOfDate
from counterfoil.queue_names import QUEUE_NAME
from counterfoil.queue_rows import name_queues
from counterfoil.settings import Settings, SettingsError
from counterfoil.tables import Process

from .clerk import Clerk
from .presence import Presence
from .stop import Stop


def served_queues(queues: Sequence[str], host: Counterfoil) -> list[str]:
    """The queues given, else all that the application's view models name. Raises SettingsError."""
    named = {declaration.queue for declaration in host.registry.view_models.values()}
    served = list(dict.fromkeys(queues or sorted(named) or ["default"]))
    for queue in served:
        if not QUEUE_NAME.fullmatch(queue):
            raise SettingsError(f"--queue {queue!r}: a queue's name is letters, digits and _.:/@+- only")
    return served


def no_redis() -> str:
    """Raises SettingsError: there is no REDIS_URL."""
    raise SettingsError("REDIS_URL is not set: a worker is told by Redis what is due; name one")


def appear(
    name: str, queues: list[str], clerk: Clerk, stop: Stop, host: Counterfoil, settings: Settings
) -> Presence:
    """Write the worker's row and what the application declares.

    Raises SettingsError when the row does not show in the application's own database.
    """
    presence = Presence(
        name,
        queues,
        clerk=clerk,
        stop=stop,
        renew_seconds=settings.renew_seconds,
        app_version=settings.app_version,
        also=lambda connection, seconds: catalogue.keep_all_known(
            connection, host.registry, max(seconds, catalogue.KNOWN_SECONDS)
        ),
        reachable=dict,
    )
    clerk.wait(presence.appear)
    if not _sees(host.engine, name):
        clerk.wait(presence.disappear)
        raise SettingsError(
            f"the application {settings.app} keeps its tickets in {_masked(host.engine)}, but DATABASE_URL "
            f"is {_masked(clerk.engine)}: name the application's database in DATABASE_URL"
        )
    clerk.wait(lambda connection: catalogue.write(connection, host.registry, settings.app_version))
    clerk.wait(lambda connection: name_queues(connection, queues))
    return presence


def _sees(engine: Engine, name: str) -> bool:
    """Whether the row that was just written to DATABASE_URL shows in the application's database."""
    try:
        with engine.connect() as connection:
            found = connection.execute(select(Process.pid).where(Process.name == name)).scalar()
    except (DBAPIError, SchemaOutOfDate):
        return False
    finally:
        engine.dispose()  # what is open now would be inherited by every horse
    return found == os.getpid()


def _masked(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)
