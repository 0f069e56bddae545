"""On a Redis that others use: forged jobs (F37), and the host's own RQ worker beside ours."""

import os
import pickle
import signal
import subprocess
import sys
import zlib
from pathlib import Path

from redis import Redis
from rq import Queue
from rq.job import Callback
from rq.serializers import JSONSerializer

from tests.crash.stage import PATIENCE_SECONDS, ROOT, Stage, wait_until


class Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return (Path.touch, (self.path,))


def forge(redis: Redis, name: str, **fields: object) -> None:
    redis.hset(f"rq:job:{name}", mapping={"origin": "counterfoil:default", **fields})  # type: ignore[arg-type]
    redis.rpush("rq:queue:counterfoil:default", name)


def test_forged_jobs_do_nothing_and_the_worker_goes_on(stage: Stage) -> None:
    canary = stage.folder / "canary"
    payload = pickle.dumps(("os.getcwd", None, (Canary(canary),), {}))
    worker = stage.worker()
    with Redis.from_url(stage.redis_url) as redis:
        forge(redis, "pickle", data=zlib.compress(payload), meta=payload)
        forge(redis, "garbage", data=b"\0garbage", created_at=b"\xff", timeout=b"x", status=b"y")
        forge(redis, "bomb", data=zlib.compress(b"0" * 100_000_000))
        forge(redis, "huge", data=b"x" * 1_000_000)
        redis.set("rq:job:text", "no hash")
        redis.rpush("rq:queue:counterfoil:default", "text", b"\xff\xfe", "", "missing")
        target = Queue("counterfoil:default", connection=redis, serializer=JSONSerializer)
        target.enqueue("os.system", f"touch {canary}")
        target.enqueue("pathlib.Path.touch", str(canary), job_id="their-own")
        target.enqueue("counterfoil.drain", "default", on_success=Callback("os.abort"))
    ticket = stage.open()
    assert stage.reached(ticket, "done").attempts == 1
    with Redis.from_url(stage.redis_url) as redis:
        wait_until(lambda: redis.llen("rq:queue:counterfoil:default") == 0, "an empty queue")
    after = stage.open()
    stage.reached(after, "done")
    assert not canary.exists()
    assert "refused" in worker.text()
    # Counted in its row, for the console: what names its queue is a hint, whatever else it says.
    wait_until(lambda: stage.seen_of_redis().get("forged") == 8, "the count", story=stage.logs)
    assert stage.seen_of_redis()["redis"] is True
    assert worker.stop() == 0
    stage.check()


def test_the_hosts_own_rq_worker_and_ours_each_do_their_own(stage: Stage) -> None:
    log = stage.folder / "rq.log"
    with log.open("wb") as output:
        theirs = subprocess.Popen(
            [sys.executable, "-m", "rq.cli", "worker", "default", "--url", stage.redis_url],
            cwd=ROOT,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    try:
        worker = stage.worker("--queue", "default", "--queue", "second")
        with Redis.from_url(stage.redis_url) as redis:
            jobs = [Queue("default", connection=redis).enqueue("os.getppid") for _ in range(5)]
            tickets = [stage.open(queue=queue) for queue in ("default", "second") * 3]
            for ticket in tickets:
                assert stage.reached(ticket, "done").attempts == 1
            wait_until(
                lambda: all(job.get_status() == "finished" for job in jobs), "their jobs", story=log.read_text
            )
            assert {job.return_value(refresh=True) for job in jobs} == {theirs.pid}
            names = {key.decode() for key in redis.smembers("rq:workers:default")}
            ours = {key.decode() for key in redis.smembers("rq:workers:counterfoil:default")}
            assert len(names) == len(ours) == 1
            assert names.isdisjoint(ours)
        assert worker.stop() == 0
        assert theirs.poll() is None
    finally:
        theirs.send_signal(signal.SIGTERM)
        theirs.wait(PATIENCE_SECONDS)
    stage.check()
