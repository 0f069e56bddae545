"""The pipe by which a waiting horse is handed its lease.

One line of JSON, shorter than what a pipe takes at one stroke. Its end without a line - the parent closed it,
or is no more - ends the horse, and so does TERM before the line.
"""

import json
import logging
import os
import select
from collections.abc import Callable, Sequence
from contextlib import suppress

from counterfoil.lease import DrainLease

from .horse import Told, Wish
from .pipe import Mouth

log = logging.getLogger("counterfoil.worker")


class HandOver:
    """The parent's end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def give(self, lease: DrainLease) -> bool:
        """Hand the lease over; whether there was somebody to take it."""
        assert self._descriptor is not None
        line = json.dumps([lease.id, lease.queue, lease.slot]).encode() + b"\n"
        try:
            given = os.write(self._descriptor, line) == len(line)
        except OSError:
            given = False
        self.close()
        return given

    def close(self) -> None:
        """The horse ends, if it has not been told anything."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Orders:
    """Both ends before the fork; after it, the horse's."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()  # not inherited by programs that the work starts

    def giving(self) -> HandOver:
        """In the parent, after the fork: its end. The horse's is closed here."""
        os.close(self._reading)
        return HandOver(self._writing)

    def forget_giving(self) -> None:
        """In the horse: the parent's end must not be open here, or its end would never show."""
        os.close(self._writing)

    def close(self) -> None:
        """There was no fork."""
        os.close(self._reading)
        os.close(self._writing)

    def wait(self, warm: Sequence[Callable[[], object]], mouth: Mouth, wish: Wish) -> DrainLease | None:
        """In the horse: get warm, then wait; the lease, or None when it is to end, or could not get warm."""
        try:
            for step in warm:
                if self._came(0) or wish.stop:
                    break
                step()
        except Exception as error:
            log.warning("a spare horse could not get warm: %s: %s", type(error).__name__, error)
            return None
        mouth.say({"warm": True})
        with suppress(Told):
            wish.wait(lambda: self._came(None))
        try:
            return self._read()
        finally:
            os.close(self._reading)

    def _came(self, seconds: float | None) -> bool:
        poll = select.poll()
        poll.register(self._reading, select.POLLIN)
        return bool(poll.poll(None if seconds is None else seconds * 1000))

    def _read(self) -> DrainLease | None:
        if not self._came(0):
            return None
        line = os.read(self._reading, select.PIPE_BUF)
        return DrainLease(*json.loads(line)) if line.endswith(b"\n") else None
