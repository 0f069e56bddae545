"""F37, S22, S23: what a worker accepts from Redis is hints; nothing else is decoded, imported or called."""

import json
import pickle
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Callback, Job
from rq.serializers import JSONSerializer

from counterfoil import bell
from worker.job import PREFIX, DrainJob, ForgedJob, HintQueue, queue_of


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as connection:
        yield connection


def fetched(redis: Redis, **fields: Any) -> DrainJob:
    redis.hset("rq:job:one", mapping=fields)
    return DrainJob.fetch("one", connection=redis, serializer=JSONSerializer)


def data(*parts: Any) -> bytes:
    return zlib.compress(json.dumps(parts).encode())


def dequeued(redis: Redis, queue: str = "numbers") -> Any:
    queues = [HintQueue(PREFIX + queue, connection=redis, serializer=JSONSerializer)]
    return HintQueue.dequeue_any(queues, None, connection=redis, job_class=DrainJob, serializer="json")


def test_what_the_bell_enqueues_is_a_hint(redis: Redis) -> None:
    bell.ring(redis, {"numbers": 0.0})
    job, queue = dequeued(redis)
    assert (job.queue, queue.name, job.origin) == ("numbers", "counterfoil:numbers", "counterfoil:numbers")
    assert dequeued(redis) is None


class Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_a_pickle_is_never_loaded(redis: Redis, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    payload = pickle.dumps(("os.getcwd", None, (Canary(canary),), {}))
    for forged in (payload, zlib.compress(payload)):
        with pytest.raises(ForgedJob):
            fetched(redis, data=forged, origin="counterfoil:numbers", meta=payload, result=payload)
    assert not canary.exists()
    # The control: RQ's own job falls for it.
    redis.hset("rq:job:one", "data", zlib.compress(payload))
    assert Job.fetch("one", connection=redis).func_name == "os.getcwd"
    assert canary.exists()


@pytest.mark.parametrize(
    "forged",
    [
        data("counterfoil.drain", None, [], {}),
        data("counterfoil.drain", None, ["a", "b"], {}),
        data("counterfoil.drain", None, [["numbers"]], {}),
        data("counterfoil.drain", None, [7], {}),
        data("counterfoil.drain", None, ["numbers"], {"more": 1}),
        data("counterfoil.drain", "instance", ["numbers"], {}),
        data("counterfoil.drain", None, [""], {}),
        data("counterfoil.drain", None, ["numbers\n"], {}),
        data("counterfoil.drain", None, ["x" * 101], {}),
        data("counterfoil.drain", None, ["other"], {}),
        data(1),
        zlib.compress(b"[" * 3_000),
        zlib.compress(b"\xff\xfe"),
        zlib.compress(b"0" * 50_000_000)[:4_000],
        b"\x78garbage",
        b"garbage",
        b"",
        b"x" * 100_000,
    ],
)
def test_arguments_other_than_this_queues_name_are_refused(redis: Redis, forged: bytes) -> None:
    before = DrainJob.forged
    with pytest.raises(ForgedJob):
        fetched(redis, data=forged, origin="counterfoil:numbers")
    assert DrainJob.forged == before + 1


def test_function_callbacks_and_webhooks_that_redis_names_are_not_even_read(redis: Redis) -> None:
    job = fetched(
        redis,
        data=data("os.system", None, ["numbers"], {}),
        origin="counterfoil:numbers",
        success_callback_name="os.abort",
        failure_callback_name="os.abort",
        stopped_callback_name="os.abort",
        webhooks=json.dumps([{"url": "http://127.0.0.1:1/"}]),
        retries_left="3",
        timeout="nonsense",
        status="nonsense",
        created_at="nonsense",
    )
    assert job.queue == "numbers"
    assert job.success_callback is None
    assert job.failure_callback is None
    assert job.stopped_callback is None
    assert not job.webhooks
    assert not job.retries_left
    with pytest.raises(ForgedJob):
        job.perform()


def test_a_message_that_names_the_job_of_somebody_else_leaves_it_alone(redis: Redis) -> None:
    theirs = Queue("default", connection=redis).enqueue("os.getcwd", on_success=Callback("os.getcwd"))
    before = redis.hgetall(theirs.key)
    redis.rpush("rq:queue:counterfoil:numbers", theirs.id)
    assert dequeued(redis) is None
    assert redis.hgetall(theirs.key) == before


def test_a_key_of_another_type_and_a_missing_one_are_passed_over(redis: Redis) -> None:
    redis.set("rq:job:text", "text")
    redis.rpush("rq:queue:counterfoil:numbers", "text", "missing", "a:b")
    bell.ring(redis, {"numbers": 0.0})
    job, _ = dequeued(redis)
    assert job.queue == "numbers"
    with pytest.raises(NoSuchJobError):
        DrainJob.fetch("missing", connection=redis)


def test_only_names_under_our_prefix_stand_for_queues() -> None:
    assert queue_of("counterfoil:numbers") == "numbers"
    assert queue_of("counterfoil:größe 2") == "größe 2"
    assert queue_of("default") is None
    assert queue_of("counterfoil:") is None
    assert queue_of("counterfoil:a\nb") is None


def test_a_hint_that_was_taken_leaves_nothing_behind_when_its_taker_is_killed(redis: Redis) -> None:
    bell.ring(redis, {"numbers": 0.0})
    assert dequeued(redis) is not None
    assert not redis.keys("*intermediate*")
    # The control: RQ's own queue keeps it, to mark it failed ten minutes later.
    redis.delete(bell.bell_key("numbers"))
    bell.ring(redis, {"numbers": 0.0})
    plain = [Queue("counterfoil:numbers", connection=redis, serializer=JSONSerializer)]
    assert Queue.dequeue_any(plain, None, connection=redis, serializer=JSONSerializer) is not None
    assert redis.keys("*intermediate*")
