"""What a worker accepts from Redis: hints that a queue has something due, and nothing else.

A hint is an RQ job on the RQ queue `counterfoil:<queue>` whose one argument is the queue's name. What else
Redis holds under the job's key - another function, callbacks, webhooks, retries, a pickle - is neither
decoded nor imported nor called (promise 7): whoever can write to Redis can make a worker look at the
database once more, and nothing beyond.
"""

import json
import logging
import zlib
from typing import Any, NoReturn

from redis.exceptions import ResponseError
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from rq.queue import Queue

from counterfoil.queue_names import QUEUE_NAME

log = logging.getLogger("counterfoil.worker")

PREFIX = "counterfoil:"
DATA_LIMIT = 4096


class ForgedJob(NoSuchJobError):
    """What stands under the job's key is no hint of ours; RQ's dequeue passes on to the next message."""


def queue_of(rq_queue: str) -> str | None:
    """The queue that an RQ queue's name stands for; None when it is none of ours."""
    name = rq_queue.removeprefix(PREFIX)
    return name if rq_queue.startswith(PREFIX) and QUEUE_NAME.fullmatch(name) else None


class DrainJob(Job):
    """RQ's job with everything fixed but the queue's name. `forged` counts what was refused."""

    forged = 0
    queue = ""

    def refresh(self) -> None:
        """Read the two fields that a hint has; bounded, without decoding anything else.

        Raises:
            NoSuchJobError: there is nothing under the key (any more).
            ForgedJob: it is no hint.
        """
        try:
            with self.connection.pipeline(transaction=False) as pipeline:
                pipeline.hstrlen(self.key, "data")
                pipeline.hstrlen(self.key, "origin")
                sizes = pipeline.execute()
            if max(sizes) > DATA_LIMIT:
                self._refuse(f"{max(sizes)} bytes long")
            data, origin = self.connection.hmget(self.key, ["data", "origin"])
        except ResponseError as error:
            self._refuse(f"not even a hash ({error})")
        if data is None:
            raise NoSuchJobError(f"no such job: {self.key}")
        self.restore({"data": data, "origin": origin})

    def restore(self, raw_data: Any) -> None:
        """Take a hint's fields. Raises ForgedJob."""
        data, origin = raw_data.get("data") or b"", raw_data.get("origin") or b""
        self.queue = self._named(data)
        self.origin = origin.decode("utf-8", "replace")
        if self.origin != PREFIX + self.queue:
            self._refuse(f"for {self.queue!r}, found with the origin {self.origin!r}")
        self.description = f"drain {self.queue}"
        self.timeout = -1
        self.result_ttl = 0
        self.failure_ttl = 3600
        self._status = JobStatus.QUEUED

    @classmethod
    def _named(cls, data: bytes) -> str:
        unpack = zlib.decompressobj()
        try:
            if data[:1] == b"\x78":
                data = unpack.decompress(data, DATA_LIMIT)
            _function, instance, args, kwargs = json.loads(data)
        except (zlib.error, ValueError, TypeError, RecursionError):
            cls._refuse("not the JSON of a hint")
        if instance is not None or kwargs or not isinstance(args, list) or len(args) != 1:
            cls._refuse("with other arguments than one queue's name")
        (name,) = args
        if not isinstance(name, str) or not QUEUE_NAME.fullmatch(name):
            cls._refuse("with an argument that is no queue's name")
        return name

    @classmethod
    def _refuse(cls, what: str) -> NoReturn:
        DrainJob.forged += 1
        log.warning("a job in Redis %s: refused (%d so far)", what, DrainJob.forged)
        raise ForgedJob(f"a job {what}: refused")

    def perform(self) -> NoReturn:
        """The worker runs the drain by itself; nothing may be called through a job."""
        raise ForgedJob("jobs of Counterfoil are not performed by RQ")


class HintQueue(Queue):
    """RQ's queue, whose messages are hints: taken off at once, so that a kill leaves nothing to clean up.

    RQ moves a job to an intermediate list when a worker has exactly one queue, and marks what stays there as
    failed ten minutes later. A lost hint costs a beat.
    """

    job_class = DrainJob

    @classmethod
    def lmove(cls, connection: Any, queue_key: str, timeout: int | None) -> Any:
        return cls.lpop([queue_key], timeout, connection=connection)
