"""F5, F6, F7: Redis is emptied, goes away, comes back, says things twice."""

import os
import signal

import pytest
from redis import Redis

from tests.crash.stage import Stage, wait_until
from tests.servers import RedisServer


def test_redis_emptied_loses_no_ticket(own_redis_stage: Stage, redis_server: RedisServer) -> None:
    stage = own_redis_stage
    worker = stage.worker()
    running = stage.open(before="wait")
    stage.marked(f"started {running} 1")
    waiting = [stage.open() for _ in range(50)]
    with Redis.from_url(redis_server.url) as redis:
        redis.flushall()
    stage.let_go()
    assert stage.reached(running, "done").attempts == 1
    for ticket in waiting:
        assert stage.reached(ticket, "done").attempts == 1
    # It registered again on the empty Redis.
    with Redis.from_url(redis_server.url) as redis:
        wait_until(lambda: redis.scard("rq:workers") == 1, "its registration")
    assert worker.stop() == 0
    stage.check()


@pytest.mark.parametrize("how", ["stopped", "frozen"])
def test_redis_away_in_the_middle_of_a_ticket_and_while_idle(
    own_redis_stage: Stage, redis_server: RedisServer, how: str
) -> None:
    stage = own_redis_stage
    worker = stage.worker()
    running = stage.open(before="wait")
    stage.marked(f"started {running} 1")
    redis_server.kill() if how == "stopped" else redis_server.freeze()
    opened_meanwhile = stage.open(ring=False)
    # Several renewals of the lease, each with its heartbeat to Redis, fall into the outage.
    stage.pass_time(2.0, lambda: worker.process.poll() is None)
    stage.let_go()
    wait_until(lambda: stage.row(running).state == "done", "its end", story=stage.logs)
    # The drain goes on with what the database holds, and then the worker idles without Redis.
    wait_until(lambda: stage.row(opened_meanwhile).state == "done", "the other's end", story=stage.logs)
    worker.said("Redis is away")
    stage.pass_time(1.0, lambda: worker.process.poll() is None)
    redis_server.start() if how == "stopped" else redis_server.thaw()
    worker.said("Redis is back")
    after = stage.open()
    assert stage.reached(after, "done").attempts == 1
    assert worker.stop() == 0
    stage.check()


def test_term_reaches_a_worker_whose_redis_is_away(own_redis_stage: Stage, redis_server: RedisServer) -> None:
    stage = own_redis_stage
    worker = stage.worker()
    redis_server.kill()
    worker.said("Redis is away")
    assert worker.stop() == 0


def test_a_worker_starts_while_redis_is_away_and_serves_when_it_is_back(
    own_redis_stage: Stage, redis_server: RedisServer
) -> None:
    stage = own_redis_stage
    redis_server.kill()
    worker = stage.worker()
    worker.said("Redis is away")
    ticket = stage.open(ring=False)
    redis_server.start()
    assert stage.reached(ticket, "done").attempts == 1
    assert worker.stop() == 0
    stage.check()


def test_messages_too_many_find_nothing_and_leave_nothing_in_redis(
    own_redis_stage: Stage, redis_server: RedisServer
) -> None:
    stage = own_redis_stage
    workers = [stage.worker(), stage.worker()]
    tickets = [stage.open(ring=False) for _ in range(20)]
    for _ in range(10):
        stage.ring()
    for ticket in tickets:
        row = stage.reached(ticket, "done")
        assert (row.attempts, row.claims) == (1, 1)
    with Redis.from_url(redis_server.url) as redis:

        def left() -> bool:
            keys = {key.decode() for key in redis.keys("*")}
            return not {key for key in keys if key.startswith(("rq:job:", "rq:execution", "rq:wip"))}

        wait_until(left, "an empty Redis")
    for worker in workers:
        assert worker.stop() == 0
    with Redis.from_url(redis_server.url) as redis:
        assert redis.smembers("rq:workers") == set()
    stage.check()


@pytest.mark.alone
def test_a_frozen_redis_does_not_keep_the_parent_from_a_deadline(
    own_redis_stage: Stage, redis_server: RedisServer
) -> None:
    stage = own_redis_stage
    # A heartbeat to Redis ten times a second: were one waited for, it would be for seconds.
    worker = stage.worker(settings={"COUNTERFOIL_RENEW_SECONDS": "0.1"})
    ticket = stage.open("Crash.short", what="spin", max_attempts=1)
    stage.marked("started")
    redis_server.freeze()
    row = wait_until(
        lambda: (row := stage.row(ticket)).state == "errored" and row, "its end", story=stage.logs
    )
    assert row.error_kind == "timeout"
    assert row.duration_ms < 2_500
    redis_server.thaw()
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait() == 0
    stage.check()
