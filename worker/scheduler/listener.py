"""Listener: rings at once for tickets that plain SQL inserted (PostgreSQL; rows of our own do not notify).

When: always, in a thread and on a connection of its own, whether its scheduler leads or not: a second ring is
harmless, and no ticket waits for a change of the leader. It believes that it listens when it has heard its
own echo: beside a pooler in transaction mode, or on another database, LISTEN succeeds and nothing comes.
While it is away such tickets start at the next beat; so do those that were inserted in that time.
"""

import select
import time
from contextlib import suppress
from secrets import token_hex

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from counterfoil import candidates
from counterfoil.database import make_engine
from counterfoil.settings import Settings

from .duty import Away, Beat, log

CHANNEL = "counterfoil"
"""The insert trigger's; its payload is the queue."""
ECHO_CHANNEL = "counterfoil_echo"
ECHO_SECONDS = 2.0
SLICE_SECONDS = 0.5
"""How long one wait lasts, so that TERM is heard."""
SHORTEST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS = 0.5, 30.0

NAME = "counterfoil listener"  # in pg_stat_activity

LIMITS: dict[str, object] = {
    "application_name": NAME,
    "connect_timeout": 2,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}


class Listener:
    """Hears and rings; `act` is one wait and what came of it. Index: counterfoil_tickets_claim."""

    word = "listener"
    every_seconds = 0.0

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.listen_database_url or settings.database_url)
        self._engine = make_engine(
            url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False),
            poolclass=NullPool,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            connect_args=LIMITS,
        )
        # What the driver raises by itself, not through SQLAlchemy, is caught too.
        self._errors = (DBAPIError, self._engine.dialect.loaded_dbapi.Error, OSError, _Deaf)
        named = "COUNTERFOIL_LISTEN_DATABASE_URL" if settings.listen_database_url else "DATABASE_URL"
        self._place = f"{named} ({url.render_as_string(hide_password=True)})"
        self._connection: Connection | None = None
        self._heard: dict[str, dict[str, None]] = {CHANNEL: {}, ECHO_CHANNEL: {}}  # in order, each once
        self._back_off = SHORTEST_BACK_OFF_SECONDS
        self._told = False

    def act(self, beat: Beat) -> int:
        """Waits for a notice, at most SLICE_SECONDS; how many queues it rang. Raises Away."""
        try:
            if self._connection is None:
                self._connection = self._listen(beat)
            self._wait(self._connection, 0 if self._heard[CHANNEL] else SLICE_SECONDS)
            return sum(self._ring(beat, self._connection, queue) for queue in self._taken(CHANNEL))
        except self._errors as error:
            raise self._away(error) from None

    def close(self) -> None:
        """End the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):
                connection.close()

    def _ring(self, beat: Beat, connection: Connection, queue: str) -> int:
        # Anybody may notify of anything; and what is not due yet is the waker's.
        if candidates.has_due(connection, queue):
            return int(beat.rings.ring(queue))
        beat.rings.wake(queue)
        return 0

    def _listen(self, beat: Beat) -> Connection:
        connection = self._engine.connect()
        try:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.add_notify_handler(lambda notice: self._note(notice.channel, notice.payload))
            connection.execute(text(f"LISTEN {CHANNEL}"))
            connection.execute(text(f"LISTEN {ECHO_CHANNEL}"))
            self._hear_echo(beat, connection)
            connection.execute(text(f"UNLISTEN {ECHO_CHANNEL}"))
        except BaseException:
            with suppress(Exception):  # a pooler may keep what was listened on for its next client
                connection.execute(text("UNLISTEN *"))
            with suppress(Exception):
                connection.close()
            raise
        log.info("listening for tickets that plain SQL inserts%s", " again" * self._told)
        self._back_off, self._told = SHORTEST_BACK_OFF_SECONDS, False
        return connection

    def _hear_echo(self, beat: Beat, connection: Connection) -> None:
        """Call over a connection of the scheduler's, and wait for it here. Raises _Deaf."""
        token = token_hex(8)
        with beat.transaction() as other:
            other.execute(
                text("SELECT pg_notify(:channel, :token)"), {"channel": ECHO_CHANNEL, "token": token}
            )
        until = time.monotonic() + ECHO_SECONDS
        while token not in self._taken(ECHO_CHANNEL):
            if (left := until - time.monotonic()) <= 0:
                raise _Deaf(
                    "LISTEN hears nothing there: a pooler in transaction mode, or another database; name a "
                    "direct address of the tickets' database in COUNTERFOIL_LISTEN_DATABASE_URL"
                )
            self._wait(connection, left)

    def _wait(self, connection: Connection, seconds: float) -> None:
        """Until something is heard, at most so long."""
        connection.rollback()  # no statement: SQLAlchemy's own idea of a transaction ends
        driver = connection.connection.driver_connection
        assert driver is not None
        watched = select.poll()
        watched.register(driver.fileno(), select.POLLIN)
        if watched.poll(seconds * 1000):
            driver.pgconn.consume_input()
            while notice := driver.pgconn.notifies():
                self._note(notice.relname.decode(), notice.extra.decode(errors="replace"))

    def _note(self, channel: str, payload: str) -> None:
        self._heard[channel][payload] = None

    def _taken(self, channel: str) -> list[str]:
        """What was heard on a channel, taken off the list."""
        found = [*self._heard[channel]]
        self._heard[channel].clear()
        return found

    def _away(self, error: Exception) -> Away:
        self.close()
        told = (str(getattr(error, "orig", error)).strip() or type(error).__name__).splitlines()[0]
        if not self._told:
            log.warning(
                "the listener is away (%s: %s): tickets that plain SQL inserts start at the beat; trying on",
                self._place,
                told,
            )
        self._told = True
        seconds, self._back_off = self._back_off, min(self._back_off * 2, LONGEST_BACK_OFF_SECONDS)
        return Away(f"{self._place}: {told}"[:500], seconds)


class _Deaf(Exception):
    """It listens and does not hear."""
