"""A thread of the parent that does what may hang, one errand after the other, so that the parent never does.

It cannot break an errand off: whoever has one that may hang gives it a limit of its own.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 4.0


class Errands:
    """Calls are done in the order in which they were given; each answers by a future."""

    def __init__(self, name: str) -> None:
        self._given: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()
        self._working = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def send(self, call: Callable[[], T]) -> "Future[T]":
        """Have it done; the future holds what it returned or raised."""
        answer: Future[T] = Future()
        self._given.put((call, answer))
        return answer

    @contextmanager
    def still(self, seconds: float = PATIENCE_SECONDS) -> Iterator[bool]:
        """Between two errands, for a fork. Yields False when the thread did not come to a stop in time."""
        taken = self._working.acquire(timeout=seconds)
        try:
            yield taken
        finally:
            if taken:
                self._working.release()

    def close(self, seconds: float = PATIENCE_SECONDS) -> bool:
        """Do what was given, then end; False when that took longer than `seconds` (it is left behind)."""
        self._given.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _serve(self) -> None:
        while (item := self._given.get()) is not None:
            call, answer = item
            if not answer.set_running_or_notify_cancel():
                continue
            with self._working:
                try:
                    result = call()
                except BaseException as error:
                    answer.set_exception(error)
                else:
                    answer.set_result(result)
            del call, answer, item
