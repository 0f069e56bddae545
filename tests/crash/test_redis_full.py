"""F8, F16: a Redis that is full or read-only answers and takes no bell: all back off, and say so once."""

from typing import Any

import pytest
from redis import Redis
from sqlalchemy.orm import sessionmaker

from console.redis_reach import redis_answers
from counterfoil import Counterfoil, Ticket
from tests.crash.stage import Stage, wait_until
from tests.servers import RedisServer
from worker.scheduler import rings as module
from worker.scheduler.rings import Rings
from worker.stop import Stop

FAULTS: dict[str, tuple[list[Any], list[Any], str]] = {
    "full": (["CONFIG", "SET", "maxmemory", 1], ["CONFIG", "SET", "maxmemory", 0], "used memory"),
    "read_only": (["REPLICAOF", "127.0.0.1", 1], ["REPLICAOF", "NO", "ONE"], "read only"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fault", [*FAULTS])
def test_a_redis_that_takes_no_writes_is_borne_and_told_until_it_takes_them_again(
    own_redis_stage: Stage,
    redis_server: RedisServer,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage, url = own_redis_stage, redis_server.url
    break_it, mend_it, words = FAULTS[fault]
    monkeypatch.setattr(module, "TRY_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 20.0)  # it is full, and may be slow
    worker, rings = stage.worker(), Rings(url, Stop())
    sessions = sessionmaker(stage.engine)
    Counterfoil(sessions, redis_url=url)
    with Redis.from_url(url) as redis:
        redis.execute_command(*break_it)
        worker.said("Redis is away")
        with sessions() as session:  # with the bell of an application
            session.add(Ticket(view_model="Crash.work"))
            session.commit()
        [ticket] = [row.id for row in stage.query("SELECT id FROM counterfoil_tickets")]

        for _ in range(5):
            rings.look()
            assert rings.waiting("default") == 0
            assert not rings.ring("default")
            assert words in str(rings.error).lower()
        told = [record.getMessage() for record in caplog.records if record.name == "counterfoil.scheduler"]
        assert ["takes no writes" in line for line in told] == [True]
        assert redis_answers(url, 5) is False
        wait_until(lambda: stage.seen_of_redis().get("redis") is False, "a word in the worker's row")
        assert worker.process.poll() is None
        assert stage.row(ticket).state == "pending"

        redis.execute_command(*mend_it)
    worker.said("Redis is back")
    assert redis_answers(url, 5) is True
    rings.look()
    assert rings.error is None
    assert stage.reached(ticket, "done").attempts == 1
    rings.close()
    assert worker.stop() == 0
    stage.check()
