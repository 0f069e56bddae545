"""The worker's own row: that it lives, where, what it serves; and what an operator wishes of it.

The row is in the past when the worker is gone. The view models that it knows are kept known for as long. It
goes with a clean stop; whoever looks at the table ignores rows of the past.
"""

import logging
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, update

from counterfoil.clock import later, stamp
from counterfoil.tables import Process

from .clerk import Clerk
from .stop import Stop

log = logging.getLogger("counterfoil.worker")

RENEWALS = 3
"""A row outlives so many renewals, less one."""


class Presence:
    """One process' row, renewed through the clerk. `also(connection, seconds)` is renewed with it.

    `reachable()`: what it sees of Redis.
    """

    def __init__(
        self,
        name: str,
        queues: list[str],
        *,
        clerk: Clerk,
        stop: Stop,
        renew_seconds: float,
        app_version: str | None,
        also: Callable[[Connection, float], None],
        reachable: Callable[[], dict[str, Any]],
    ) -> None:
        self.name = name
        self.queues = queues
        self.clerk = clerk
        self.stop = stop
        self.renew_seconds = renew_seconds
        self.app_version = app_version
        self.also = also
        self.reachable = reachable
        self.seen_seconds = RENEWALS * renew_seconds
        self._next_at = 0.0
        self._failing = False
        self._answer: Future[str | None] | None = None

    def appear(self, connection: Connection) -> None:
        """Write the row anew, in the caller's transaction."""
        connection.execute(delete(Process).where(Process.name == self.name))
        connection.execute(
            insert(Process).values(
                name=self.name,
                sort="worker",
                host=socket.gethostname(),
                pid=os.getpid(),
                queues=self.queues,
                app_version=self.app_version,
                seen_until=self._until(),
            )
        )
        self._next_at = time.monotonic() + self.renew_seconds

    def disappear(self, connection: Connection) -> None:
        """Remove the row, in the caller's transaction."""
        connection.execute(delete(Process).where(Process.name == self.name))

    def tick(self) -> None:
        """Renew when it is time, and take the operator's wish; never waits."""
        if self._answer is not None and self._answer.done():
            answer, self._answer = self._answer, None
            error = answer.exception()
            if error is not None and not self._failing:
                log.warning("worker %s cannot renew its row: %s: trying on", self.name, error)
            self._failing = error is not None
            if error is None and answer.result() == "stop" and not self.stop.asked:
                log.info("worker %s: an operator wishes it to stop", self.name)
                self.stop.ask()
        now = time.monotonic()
        if self._answer is None and now >= self._next_at:
            self._next_at = now + self.renew_seconds
            self._answer = self.clerk.ask(self._renew)

    def _renew(self, connection: Connection) -> str | None:
        found = connection.execute(
            update(Process)
            .where(Process.name == self.name)
            .values(seen_at=stamp(), seen_until=self._until(), reachable=self.reachable())
            .returning(Process.wish)
        ).fetchall()
        if not found:  # tidied away while the database was out of reach
            self.appear(connection)
        self.also(connection, self.seen_seconds)
        return found[0].wish if found else None

    def _until(self) -> later:
        return later(timedelta(seconds=self.seen_seconds))
