"""RQ's worker, as far as it spreads hints over machines; what a hint leads to is ours.

RQ 2.12's parent quits when Redis is away at the wrong moment, marks jobs failed that were done, cleans up
registries that others share, and imports what Redis names. So: every call to Redis is guarded, a worker ends
only when it is told to, no job has a status, and a drain is run by `attend`. Each override has its
reproducer in tests/worker/test_rq_overrides.py.
"""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from redis import Redis
from redis.exceptions import RedisError
from rq import worker_registration
from rq.exceptions import DequeueTimeout, StopRequested
from rq.job import Job
from rq.queue import Queue
from rq.utils import now, utcformat
from rq.worker import DequeueStrategy, Worker, WorkerStatus
from sqlalchemy.exc import DBAPIError

from .job import PREFIX, DrainJob, HintQueue
from .stop import Stop, StopNow

log = logging.getLogger("counterfoil.worker")

T = TypeVar("T")

IDLE_SECONDS = 2
LONGEST_WAIT_SECONDS = 5.0


class DrainWorker(Worker):
    """Takes hints from the RQ queues of the given queues, in turns, and lets `attend(queue)` act on each.

    `between()` is called at least every few seconds while there are none. Neither may raise; if one does, it
    is logged and the worker goes on.
    """

    job_class = DrainJob
    queue_class = HintQueue

    def __init__(
        self,
        queues: list[str],
        *,
        name: str,
        connection: Redis,
        attend: Callable[[str], object],
        between: Callable[[], object],
        stop: Stop,
    ) -> None:
        super().__init__(
            [PREFIX + queue for queue in queues], name=name, connection=connection, serializer="json"
        )
        self.attend = attend
        self.between = between
        self.stop = stop
        self.redis_away = False

    def run(self, burst: bool = False) -> None:
        """Work until told to stop; with `burst`, until no hint is left."""
        self.work(burst=burst, dequeue_strategy=DequeueStrategy.ROUND_ROBIN)

    def reachable(self) -> dict[str, Any]:
        """For the worker's row: whether Redis answered when it was last asked, and what was refused there."""
        return {"redis": not self.redis_away, "forged": DrainJob.forged}

    def _set_ip_address(self, connection: Redis) -> None:
        """RQ lists every client of the Redis for this, and cannot be made while Redis is away."""
        self.ip_address = "unknown"

    # What RQ's loop calls, in the order in which it does.

    @property
    def dequeue_timeout(self) -> int:
        """Short, so that `between` runs and a frozen Redis is noticed."""
        return IDLE_SECONDS

    @property
    def connection_timeout(self) -> int:
        return IDLE_SECONDS + 2

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        """RQ also starts a thread for commands by Redis here: it ends with the first time-out, and it lets
        anybody on that Redis kill a horse. Workers are told by signals and by their row instead."""
        self.birth_date = self.last_heartbeat = now()
        self._guarded(self._register)

    def _install_signal_handlers(self) -> None:
        self.stop.install()

    def check_for_suspension(self, burst: bool) -> None:
        """`rq suspend` is one key for everybody on a Redis; our pauses are rows."""

    @property
    def should_run_maintenance_tasks(self) -> bool:
        """RQ's cleaning works on groups and registries that others share; we leave nothing in them."""
        return False

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """The next hint; None when there is none and `timeout` is None (burst). Outlives any Redis."""
        wait = 0.25
        while True:
            self._protected(self.between)
            if self.stop.asked:
                raise StopRequested
            try:
                result = self._dequeue(timeout)
            except DequeueTimeout:
                self._is_back()
                wait = 0.25
                continue
            except (RedisError, OSError) as error:
                self._is_away(error)
                self.stop.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SECONDS)
                continue
            except (ValueError, TypeError) as error:
                DrainJob.forged += 1
                log.warning("a message in Redis that is none of ours: %s", type(error).__name__)
                continue
            self._is_back()
            if result is not None:
                self.reorder_queues(reference_queue=result[1])
            return result

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Take the hint off Redis and run a drain. RQ's prepare, fork, monitor and status have no part."""
        assert isinstance(job, DrainJob)
        if job.origin != queue.name:
            DrainJob.forged += 1
            return
        self._guarded(lambda: self._take(job))
        self._protected(lambda: self.attend(job.queue))
        self.set_state(WorkerStatus.IDLE)

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Registers again on a Redis that was emptied."""
        self._guarded(self._beat)

    def set_state(self, state: str, pipeline: Any = None) -> None:
        self._state = state
        self._guarded(lambda: self.connection.hset(self.key, "state", str(getattr(state, "value", state))))

    def teardown(self) -> None:
        self._guarded(self.register_death)

    # What these have in common.

    def _dequeue(self, timeout: int | None) -> tuple[Job, Queue] | None:
        self._beat()
        try:
            # Anything between these two marks may be broken off: at worst a hint is lost, a beat's delay.
            self.stop.waiting = True
            if self.stop.asked:
                raise StopNow
            return self.queue_class.dequeue_any(
                self._ordered_queues,
                timeout,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self._serializer_arg,
                death_penalty_class=self.death_penalty_class,
            )
        except StopNow:
            raise StopRequested from None
        finally:
            self.stop.waiting = False

    def _beat(self) -> None:
        self.last_heartbeat = now()
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, "last_heartbeat", utcformat(self.last_heartbeat))
            pipeline.expire(self.key, self.worker_ttl + 60)
            is_new, _ = pipeline.execute()
        if is_new:
            self._register()

    def _register(self) -> None:
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping={**self.serialize(), "state": str(self._state)})
            worker_registration.register(self, pipeline)
            pipeline.expire(self.key, self.worker_ttl + 60)
            pipeline.execute()

    def _take(self, job: Job) -> None:
        self._state = WorkerStatus.BUSY
        with self.connection.pipeline(transaction=False) as pipeline:  # a ticket waits: one round trip
            pipeline.delete(job.key)
            pipeline.hset(self.key, "state", WorkerStatus.BUSY.value)
            pipeline.execute()

    def _guarded(self, call: Callable[[], object]) -> None:
        try:
            call()
        except (RedisError, OSError) as error:
            self._is_away(error)

    def _protected(self, call: Callable[[], object]) -> None:
        try:
            call()
        except (DBAPIError, TimeoutError) as error:
            log.warning("worker %s: the database does not answer: %s", self.name, type(error).__name__)
            self.stop.sleep(1.0)
        except Exception:
            log.exception("worker %s: an error of its own; it goes on", self.name)
            self.stop.sleep(1.0)

    def _is_away(self, error: Exception) -> None:
        if not self.redis_away:
            log.warning("Redis is away (%s: %s): trying on", type(error).__name__, error)
        self.redis_away = True

    def _is_back(self) -> None:
        if self.redis_away:
            log.warning("Redis is back")
        self.redis_away = False
