"""The pipe from a horse to its parent: what the work logs and how far it is.

Length-prefixed JSON. The parent writes it to the database, so that it survives a rollback and a kill -9 and
does not meet the work's write lock. The work never waits for it longer than `PATIENCE_SECONDS` at the end of
a ticket: what does not fit is dropped and counted, and the count is sent. It cannot keep what a killed horse
had not handed to the kernel.
"""

import fcntl
import json
import os
import select
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from counterfoil.errors import safe

TEXT_LIMIT = 8_000
MESSAGE_LIMIT = 64 * 1024
BACKLOG_LIMIT = 1024 * 1024
PATIENCE_SECONDS = 1.0

_LENGTH = struct.Struct("=I")
_F_SETPIPE_SZ = getattr(fcntl, "F_SETPIPE_SZ", None)

Message = dict[str, Any]


def safe_text(text: object, limit: int = TEXT_LIMIT) -> str:
    """Text that every database stores, at most `limit` characters (100 or more) long. Never raises."""
    try:
        return safe(str(text), limit)
    except BaseException as error:
        return f"<a {type(text).__name__} whose text raises {type(error).__name__}>"


class Mouth:
    """The writing end, in the horse. No method raises; none blocks but `flush`, which is bounded."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is = _identity(descriptor)
        self._pid = os.getpid()
        self._backlog = bytearray()
        self._lock = threading.Lock()
        self.dropped = 0

    def say(self, message: Message) -> None:
        """Send, or keep for later, or drop: threads of the work may call it at once."""
        if os.getpid() != self._pid:
            return  # a child of the work: its halves of messages would break ours
        try:
            body = json.dumps(message, ensure_ascii=True, separators=(",", ":"), default=safe_text).encode()
        except (ValueError, TypeError, RecursionError):
            self.dropped += 1
            return
        # A signal handler of the work may log while its own thread is in here.
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            self.dropped += 1
            return
        try:
            if len(body) > MESSAGE_LIMIT or len(self._backlog) + len(body) > BACKLOG_LIMIT:
                self.dropped += 1
                return
            self._backlog += _LENGTH.pack(len(body)) + body
            self._push()
        finally:
            self._lock.release()

    def flush(self, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """Hand the backlog to the kernel, and the count of what was dropped; gives up after the patience."""
        if os.getpid() != self._pid:
            return
        until = time.monotonic() + patience_seconds
        while True:
            with self._lock:
                self._push()
                left = len(self._backlog)
            wait = until - time.monotonic()
            if not left or wait <= 0 or not self._ours():
                break
            wait_for(self._descriptor, select.POLLOUT, min(wait, 0.1))
        dropped, self.dropped = self.dropped, 0
        if dropped:
            self.say({"dropped": dropped})

    def _push(self) -> None:
        while self._backlog and self._ours():
            try:
                sent = os.write(self._descriptor, self._backlog[: select.PIPE_BUF * 16])
            except BlockingIOError:
                return
            except OSError:  # the parent is gone, and so are we in a moment
                self._backlog.clear()
                return
            del self._backlog[:sent]

    def _ours(self) -> bool:
        # The work may have closed our descriptor and opened a file of its own under the same number.
        if _identity(self._descriptor) == self._is:
            return True
        self._backlog.clear()
        return False


class Ear:
    """The reading end, in the parent."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._bytes = bytearray()
        self.broken = False
        self.ended = False

    def messages(self) -> Iterator[Message]:
        """What has arrived by now; does not wait. After nonsense it hears no more (`broken`)."""
        self._fill()
        while not self.broken and len(self._bytes) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._bytes)
            if length > MESSAGE_LIMIT:
                self._break()
                return
            end = _LENGTH.size + length
            if len(self._bytes) < end:
                return
            body = bytes(self._bytes[_LENGTH.size : end])
            del self._bytes[:end]
            try:
                message = json.loads(body)
            except ValueError:
                self._break()
                return
            if isinstance(message, dict):
                yield message

    def close(self) -> None:
        os.close(self.descriptor)

    def _fill(self) -> None:
        # Bounded: a horse that never stops talking must not keep the parent from its other duties.
        while len(self._bytes) < 2 * MESSAGE_LIMIT:
            try:
                some = os.read(self.descriptor, MESSAGE_LIMIT)
            except BlockingIOError:
                return
            except OSError:
                self.ended = True
                return
            if not some:
                self.ended = True
                return
            if not self.broken:
                self._bytes += some

    def _break(self) -> None:
        self.broken = True
        self._bytes.clear()


def open_pipe() -> tuple[int, int]:
    """Reading and writing end, neither blocking nor inherited by programs that the work starts."""
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    if _F_SETPIPE_SZ is not None:
        # Refused when the user's share of pipe memory is used up; the default size does, too.
        with suppress(OSError):
            fcntl.fcntl(writing, _F_SETPIPE_SZ, BACKLOG_LIMIT)
    return reading, writing


def wait_for(descriptor: int, event: int, seconds: float) -> None:
    """Wait until the descriptor is ready. Not by select(): its numbers end at 1023."""
    poll = select.poll()
    poll.register(descriptor, event)
    poll.poll(max(0, seconds * 1000))


def _identity(descriptor: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino
