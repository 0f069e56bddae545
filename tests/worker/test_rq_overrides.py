"""RQ 2.12 as it is, and what we override: each test first shows the reason on RQ's own worker.

When one of the first halves fails after an upgrade of RQ, its override can go.
"""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis.exceptions
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from rq import Queue, Worker
from rq.exceptions import StopRequested
from rq.group import Group
from rq.suspension import suspend
from rq.worker import WorkerStatus

from counterfoil import bell
from tests.servers import RedisServer
from worker.job import DrainJob
from worker.stop import Stop
from worker.worker import DrainWorker

AWAY = redis.exceptions.RedisError


@pytest.fixture
def here(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0)) as connection:
        yield connection


@pytest.fixture
def dead(redis_server: RedisServer) -> Iterator[Callable[[], Redis]]:
    """A connection; call the result to kill its server."""
    connection = Redis.from_url(redis_server.url, retry=Retry(NoBackoff(), 0))

    def kill() -> Redis:
        redis_server.kill()
        return connection

    kill.connection = connection  # type: ignore[attr-defined]
    yield kill
    connection.close()


def ours(connection: Redis, **more: Any) -> DrainWorker:
    given: dict[str, Any] = {"attend": print, "between": lambda: None, "stop": Stop(), **more}
    return DrainWorker(["a", "b"], name="ours", connection=connection, **given)


def theirs(connection: Redis) -> Worker:
    return Worker(["theirs"], connection=connection)


def nowhere() -> Redis:
    return Redis(port=1, retry=Retry(NoBackoff(), 0))


def test_a_worker_can_be_made_while_redis_is_away() -> None:
    with pytest.raises(AWAY):
        theirs(nowhere())
    assert ours(nowhere()).ip_address == "unknown"


def test_the_whole_way_through_rqs_loop_survives_a_dead_redis(dead: Any) -> None:
    connection = dead.connection
    rq_worker = theirs(connection)
    rq_worker.register_birth()
    job = Queue("theirs", connection=connection).create_job("os.getcwd")
    dead()
    for call in (
        lambda: rq_worker.check_for_suspension(True),
        lambda: rq_worker.run_maintenance_tasks(),
        lambda: rq_worker.heartbeat(),
        lambda: rq_worker.prepare_execution(job),
        lambda: rq_worker.set_state(WorkerStatus.IDLE),
        lambda: rq_worker.register_death(),
        lambda: rq_worker.bootstrap(),
    ):
        with pytest.raises(AWAY):
            call()
    attended: list[str] = []
    our_worker = ours(nowhere(), attend=attended.append)
    hint = DrainJob("one", connection=nowhere())
    hint.queue, hint.origin = "a", "counterfoil:a"
    our_worker.bootstrap()
    our_worker.check_for_suspension(True)
    our_worker.heartbeat()
    our_worker.execute_job(hint, our_worker.queues[0])
    our_worker.set_state(WorkerStatus.IDLE)
    our_worker.teardown()
    assert attended == ["a"]


def test_a_stop_signal_in_an_outage_does_not_call_redis(dead: Any) -> None:
    rq_worker = theirs(dead.connection)
    rq_worker._state = WorkerStatus.BUSY
    dead()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with pytest.raises(AWAY):
            rq_worker.request_stop(signal.SIGTERM, None)
        our_worker = ours(nowhere())
        our_worker._install_signal_handlers()
        os.kill(os.getpid(), signal.SIGTERM)
        assert our_worker.stop.asked
        assert not our_worker.stop.at_once
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_time_out_of_the_dequeue_does_not_end_the_worker(
    here: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def times_out(*args: Any, **kwargs: Any) -> Any:
        raise redis.exceptions.TimeoutError

    rq_worker = theirs(here)
    monkeypatch.setattr(Queue, "dequeue_any", times_out)
    assert rq_worker.work(logging_level="CRITICAL") is False  # it quit
    rounds = 0

    def between() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 3:
            our_worker.stop.ask()

    our_worker = ours(here, between=between)
    our_worker._install_signal_handlers = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(Stop, "sleep", lambda stop, seconds: None)
    our_worker.run()
    assert rounds == 3


def test_a_message_that_is_no_text_does_not_end_the_worker(here: Redis) -> None:
    here.rpush("rq:queue:theirs", b"\xff\xfe", "job")
    rq_worker = theirs(here)
    rq_worker.work(burst=True, logging_level="CRITICAL")
    assert here.llen("rq:queue:theirs") == 1  # it quit at the first one
    attended: list[str] = []
    here.rpush("rq:queue:counterfoil:a", b"\xff\xfe")
    bell.ring(here, {"a": 0.0})
    our_worker = ours(here, attend=attended.append)
    our_worker._install_signal_handlers = lambda: None  # type: ignore[method-assign]
    our_worker.run(burst=True)
    assert attended == ["a"]


def test_a_suspension_for_everybody_on_a_redis_is_not_for_us(here: Redis) -> None:
    suspend(here)
    with pytest.raises(StopRequested):
        theirs(here).check_for_suspension(burst=True)
    ours(here).check_for_suspension(burst=True)


def test_maintenance_does_not_touch_what_others_share(here: Redis) -> None:
    group = Group.create(here, name="theirs")
    here.sadd("rq:groups", group.key)
    theirs(here).run_maintenance_tasks()
    assert not here.sismember("rq:groups", group.key)  # another worker's group is gone from the list
    assert not ours(here).should_run_maintenance_tasks


def test_a_heartbeat_on_an_emptied_redis_registers_again(here: Redis) -> None:
    for rq_worker in (theirs(here), ours(here)):
        rq_worker.birth_date = rq_worker.last_heartbeat = None
        rq_worker.bootstrap() if isinstance(rq_worker, DrainWorker) else rq_worker.register_birth()
        here.flushdb()
        rq_worker.heartbeat()
        registered = here.sismember("rq:workers", rq_worker.key)
        assert bool(registered) == isinstance(rq_worker, DrainWorker)


def test_no_thread_listens_for_commands_on_redis(here: Redis) -> None:
    rq_worker = theirs(here)
    rq_worker.bootstrap("CRITICAL")
    assert rq_worker.pubsub_thread.is_alive()
    rq_worker.teardown()
    our_worker = ours(here)
    our_worker.bootstrap()
    assert our_worker.pubsub_thread is None
    our_worker.teardown()


def test_several_queues_take_turns(here: Redis) -> None:
    for _ in range(3):
        for queue in ("a", "b"):
            here.delete(bell.bell_key(queue))
            bell.ring(here, {queue: 0.0})
    attended: list[str] = []
    our_worker = ours(here, attend=attended.append)
    our_worker._install_signal_handlers = lambda: None  # type: ignore[method-assign]
    our_worker.run(burst=True)
    assert attended == ["a", "b"] * 3


def test_an_error_of_a_drain_does_not_end_the_worker(here: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    attended: list[str] = []

    def fails(queue: str) -> None:
        attended.append(queue)
        raise RuntimeError("no database")

    for queue in ("a", "b"):
        bell.ring(here, {queue: 0.0})
    our_worker = ours(here, attend=fails)
    our_worker._install_signal_handlers = lambda: None  # type: ignore[method-assign]
    monkeypatch.setattr(Stop, "sleep", lambda stop, seconds: None)
    our_worker.run(burst=True)
    assert attended == ["a", "b"]
