"""The page that a horse and its parent share: which ticket, under which fence, until when, at what stage.

An anonymous shared mapping, written by the horse only. Two records are written in turn and a number names
the current one, so that a horse killed in the middle of a write leaves the record before it; a checksum
guards what a reader caught half-way. It cannot tell what happened in the database: a horse that dies between
a commit and the next record has moved on further than its page says, and the fence tells.
"""

import mmap
import struct
import time
import zlib
from enum import IntEnum
from typing import NamedTuple

NO_TICKET = 0
NEVER = 0.0

_NUMBER = struct.Struct("=Q")
_RECORD = struct.Struct("=QBqq32sdd")  # number, stage, ticket id, claims, fence, deadline, timeout
_SUM = struct.Struct("=I")
_RECORD_BYTES = 128
_FIRST = 64


class Stage(IntEnum):
    """How far the horse is with its ticket; user code starts only after RUNNING was written."""

    IDLE = 0
    CLAIMED = 1
    RUNNING = 2
    FINISHING = 3
    TELLING = 4  # hooks hear of a failure: the ticket has settled and is charged nothing


class Record(NamedTuple):
    """What the page says. `deadline` is the monotonic clock's, in seconds; 0.0 means none.

    RUNNING without a fence stands for a page that could not be read.
    """

    stage: Stage = Stage.IDLE
    ticket_id: int = NO_TICKET
    claims: int = 0
    fence: str = ""
    deadline: float = NEVER
    timeout_seconds: float = 0.0

    def names(self, ticket_id: int, fence: str) -> bool:
        """Whether the page speaks of this ticket under this fence."""
        return bool(fence) and self.ticket_id == ticket_id and self.fence == fence


class PageUnreadable(Exception):
    """No intact record was found: somebody wrote over the mapping."""


class Page:
    """One shared page; made before the fork, used on both sides of it."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)
        self._number = 0
        self.write(Record())

    def write(self, record: Record) -> None:
        """Publish a record; the horse's side. Never waits."""
        number = self._number + 1
        body = _RECORD.pack(
            number,
            record.stage,
            record.ticket_id,
            record.claims,
            record.fence.encode("ascii"),
            record.deadline,
            record.timeout_seconds,
        )
        at = _FIRST + (number % 2) * _RECORD_BYTES
        self._memory[at : at + len(body) + _SUM.size] = body + _SUM.pack(zlib.crc32(body))
        # Last, and eight aligned bytes: from here on readers look at the new record.
        self._memory[: _NUMBER.size] = _NUMBER.pack(number)
        self._number = number

    def read(self) -> Record:
        """The record published last; the parent's side.

        Raises:
            PageUnreadable: for a tenth of a second nothing intact was found.
        """
        patience = time.monotonic() + 0.1
        while True:
            (number,) = _NUMBER.unpack_from(self._memory, 0)
            record = self._record(number)
            if record is not None:
                return record
            if time.monotonic() > patience:
                raise PageUnreadable("the page shared with the horse holds no intact record")

    def clear(self) -> None:
        """Before the next horse: idle."""
        (self._number,) = _NUMBER.unpack_from(self._memory, 0)
        self.write(Record())

    def close(self) -> None:
        self._memory.close()

    def _record(self, number: int) -> Record | None:
        at = _FIRST + (number % 2) * _RECORD_BYTES
        copy = self._memory[at : at + _RECORD.size + _SUM.size]
        body, (checksum,) = copy[: _RECORD.size], _SUM.unpack(copy[_RECORD.size :])
        if zlib.crc32(body) != checksum:
            return None
        written, stage, ticket_id, claims, fence, deadline, timeout = _RECORD.unpack(body)
        if written != number:
            return None
        named = fence.rstrip(b"\0").decode("ascii")
        return Record(Stage(stage), ticket_id, claims, named, deadline, timeout)
