"""The bell: rings after the outermost commit only, costs a host next to nothing, and may be lost."""

import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from counterfoil import Counterfoil, Ticket, bell, open_ticket, ringing
from counterfoil.registry import registry
from tests.counterfoil.core import Bench
from tests.counterfoil.firm import firm
from tests.servers import RedisServer


class Listener:
    """A ringer that writes down what it is told."""

    def __init__(self) -> None:
        self.heard: list[Mapping[str, float]] = []

    def get_ready(self) -> None:
        """Always."""

    def ring(self, due: Mapping[str, float]) -> None:
        self.heard.append(due)


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine) as made:
        yield made


@pytest.fixture
def listener(engine: Engine) -> Listener:
    made = Listener()
    ringing.attach(engine, made)
    return made


def test_it_rings_once_for_each_queue_right_after_the_commit(
    host: Any, session: Session, listener: Listener
) -> None:
    customer = host.Customer()
    session.add_all([customer, Ticket(root=customer, view_model=host.Customer.assign_number)])
    session.add_all(Ticket(view_model=host.send) for _ in range(3))
    session.flush()
    assert listener.heard == []
    session.commit()
    assert listener.heard == [{"numbers": 0.0, "default": 0.0}]
    session.commit()
    assert len(listener.heard) == 1


def test_nothing_rings_at_a_savepoints_release_nor_after_a_rollback(
    host: Any, session: Session, listener: Listener
) -> None:
    with session.begin_nested():
        session.add(Ticket(view_model=host.send))
    assert listener.heard == []
    session.rollback()
    session.commit()
    session.close()
    assert listener.heard == []
    with session.begin_nested():
        session.add(Ticket(view_model=host.send))
    session.commit()
    assert listener.heard == [{"default": 0.0}]


def test_a_session_joined_to_an_outer_transaction_does_not_ring_before_the_outer_commit(
    host: Any, engine: Engine, listener: Listener
) -> None:
    with engine.connect() as connection:
        with connection.begin(), Session(connection, join_transaction_mode="create_savepoint") as session:
            session.add(Ticket(view_model=host.send))
            session.commit()
            assert listener.heard == []
        assert listener.heard == [], "the driver's commit was just now"
        connection.execute(text("SELECT 1"))
        assert listener.heard == [{"default": 0.0}]
        connection.rollback()
        with connection.begin() as outer, Session(connection) as session:
            session.add(Ticket(view_model=host.send))
            session.commit()
            outer.rollback()
    assert len(listener.heard) == 1


def test_an_outer_commit_rings_at_the_latest_when_the_connection_is_given_back(
    host: Any, engine: Engine, listener: Listener
) -> None:
    with engine.begin() as connection, Session(connection) as session:
        session.add(Ticket(view_model=host.send))
        session.commit()
    assert listener.heard == [{"default": 0.0}]


def test_a_ticket_that_is_no_candidate_does_not_ring(host: Any, session: Session, listener: Listener) -> None:
    customer = host.Customer()
    session.add(customer)
    session.commit()
    session.add(Ticket(view_model=host.send, staged=True))
    session.add(Ticket(view_model="Nobody.knows"))
    session.add(Ticket(view_model=host.send, execute_earliest=timedelta(minutes=1)))
    session.commit()
    assert listener.heard == []
    session.add(Ticket(view_model=host.send, execute_earliest=timedelta(seconds=2)))
    session.commit()
    (heard,) = listener.heard
    assert heard["default"] == pytest.approx(2, abs=0.5)


def test_a_ticket_opened_by_its_token_rings_once(host: Any, session: Session, listener: Listener) -> None:
    for _ in range(2):
        open_ticket(session, host.send, idempotence_token="7")
        session.commit()
    assert listener.heard == [{"default": 0.0}]


def test_flask_sqlalchemys_commit_rings_and_its_savepoints_do_not(database_url: str) -> None:
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = database_url
    db = SQLAlchemy(app)
    tickets = Counterfoil(app, db)
    listener = Listener()
    ringing.attach(tickets.engine, listener)
    with firm(tickets.engine) as host, app.app_context():
        with db.session.begin_nested():
            db.session.add(Ticket(view_model=host.send))
        assert listener.heard == []
        db.session.commit()
        assert listener.heard == [{"default": 0.0}]
        db.session.remove()
    tickets.engine.dispose()


def test_the_commit_enqueues_one_drain_a_second_with_a_random_id(
    host: Any, engine: Engine, session: Session, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bell.RINGS_MS == 1000
    monkeypatch.setattr(bell, "RINGS_MS", 60_000)  # five commits may take more than a second
    monkeypatch.setattr(bell, "WAIT_SECONDS", 30.0)
    ringing.attach(engine, bell.Bell(redis_url))
    for _ in range(5):
        session.add(Ticket(view_model=host.send))
        session.commit()
    with Redis.from_url(redis_url) as redis:
        queue = Queue("counterfoil:default", connection=redis, serializer=JSONSerializer)
        (job,) = queue.jobs
        assert (job.func_name, job.args, job.kwargs) == ("counterfoil.drain", ["default"], {})
        assert (job.timeout, job.result_ttl, job.failure_ttl) == (-1, 0, 3600)
        assert len(job.id) == 32
        assert 2 * 1000 < redis.pttl("counterfoil:bell:default") <= bell.RINGS_MS  # type: ignore[operator]
        redis.delete(bell.bell_key("default"))
        session.add(Ticket(view_model=host.send))
        session.commit()
        assert len(queue.get_job_ids()) == 2


def test_it_tells_the_waker_of_what_is_due_soon(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "RINGS_MS", 60_000)  # of a second nothing may be left by the time we look
    with Redis.from_url(redis_url) as redis:
        for _ in range(40):
            bell.ring(redis, {"default": 1.5})
        assert redis.llen(bell.WAKE) == 16
        assert bell.RINGS_MS < redis.pttl(bell.WAKE) <= 2 * bell.RINGS_MS  # type: ignore[operator]
        assert redis.keys("rq:*") == []


@contextmanager
def rude_server(answer_after: float | None) -> Iterator[str]:
    """Accepts connections and never answers, or answers each call so many seconds late."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client:
            try:
                while asked := client.recv(4096):
                    if answer_after is not None:
                        time.sleep(answer_after)
                        client.sendall(b"+OK\r\n" * asked.count(b"*"))
            except OSError:
                return

    def accept() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            Thread(target=serve, args=(client,), daemon=True).start()

    Thread(target=accept, daemon=True).start()
    try:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@contextmanager
def closed_port(_: float | None) -> Iterator[str]:
    with socket.socket() as bound:  # and does not listen: nobody else can have the port meanwhile
        bound.bind(("127.0.0.1", 0))
        yield f"redis://127.0.0.1:{bound.getsockname()[1]}/0"


@pytest.mark.alone
@pytest.mark.parametrize(
    ("server", "answer_after"), [(closed_port, None), (rude_server, None), (rude_server, 0.1)]
)
def test_a_dead_silent_or_slow_redis_costs_at_most_20_ms_once(
    host: Any, engine: Engine, session: Session, server: Any, answer_after: float | None
) -> None:
    plain, first, second = [], [], []
    with server(answer_after) as url:
        for _ in range(25):  # the least of many: what neighbours take comes on top
            engine.dispose()
            ringing.attach(engine, Listener())
            plain.append(commit_seconds(session, host))
            ringing.attach(engine, bell.Bell(url))
            first.append(commit_seconds(session, host))
            second.append(commit_seconds(session, host))
    assert min(first) - min(plain) < 0.020
    assert min(second) - min(plain) < 0.005, "not tried again"


def commit_seconds(session: Session, host: Any) -> float:
    session.add(Ticket(view_model=host.send))
    session.flush()
    begun = time.perf_counter()
    session.commit()
    return time.perf_counter() - begun


def test_it_is_tried_again_after_a_while(redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bell, "WAIT_SECONDS", 30.0)
    clock = SimpleNamespace(now=100.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(bell, "time", clock)  # a Redis may take longer to start than the bell is quiet
    made = bell.Bell(redis_server.url)
    redis_server.stop()
    made.ring({"default": 0.0})
    redis_server.start()
    clock.now += bell.QUIET_SECONDS - 1
    made.ring({"default": 0.0})
    with Redis.from_url(redis_server.url) as redis:
        assert redis.keys("*") == [], "quiet for 5 s"
        clock.now += 1
        made.ring({"default": 0.0})
        assert redis.llen("rq:queue:counterfoil:default") == 1


def test_a_restarted_redis_is_rung_at_the_first_commit(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bell, "WAIT_SECONDS", 30.0)
    made = bell.Bell(redis_server.url)
    made.ring({"default": 0.0})
    redis_server.kill()
    redis_server.start()
    made.ring({"default": 0.0})
    with Redis.from_url(redis_server.url) as redis:
        assert redis.llen("rq:queue:counterfoil:default") == 1


def test_it_rings_in_a_forked_child_too(redis_url: str) -> None:
    code = f"""
        import os
        from counterfoil import bell
        bell.WAIT_SECONDS = 30.0
        made = bell.Bell({redis_url!r})
        made.ring({{"parent": 0.0}})
        child = os.fork()
        if child == 0:
            made.ring({{"child": 0.0}})
            os._exit(0)
        os.waitpid(child, 0)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True, timeout=60)
    with Redis.from_url(redis_url) as redis:
        assert redis.smembers("rq:queues") == {
            b"rq:queue:counterfoil:parent", b"rq:queue:counterfoil:child"
        }  # fmt: skip


def test_a_follow_up_opened_by_running_work_rings_after_the_finish(
    engine: Engine, listener: Listener
) -> None:
    bench = Bench(engine)

    def work() -> None:
        assert bench.current is not None
        open_ticket(bench.current, "T.next")
        bench.current.flush()
        assert listener.heard == []

    with registry.scoped():
        bench.work("T.next", queue="elsewhere")
        bench.work("T.work", work)
        bench.open("T.work")
        assert [verb for _, verb in bench.drain()] == ["finish"]
    assert listener.heard == [{"elsewhere": 0.0}]


def test_an_engine_without_a_bell_takes_tickets_in_silence(host: Any, session: Session) -> None:
    session.add(Ticket(view_model=host.send))
    session.commit()
    assert ringing.NOTES not in session.connection().info


def test_the_bell_rings_within_the_same_process_on_two_engines(
    host: Any, engine: Engine, session: Session, listener: Listener
) -> None:
    other = create_engine(engine.url)
    heard_too = Listener()
    ringing.attach(other, heard_too)
    session.add(Ticket(view_model=host.send))
    session.commit()
    other.dispose()
    assert (len(listener.heard), heard_too.heard) == (1, [])
