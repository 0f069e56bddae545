"""Counts of bad sign-ins: shared by processes, and harmless without Redis (S13)."""

import time

import pytest

from console import limits, passwords
from console.limits import BadSignIns
from tests.servers import RedisServer


def test_two_processes_count_together(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE_SECONDS", 30)  # a busy machine is no Redis that is away
    one, other = BadSignIns(redis_url), BadSignIns(redis_url)
    for _ in range(10):
        one.count("192.0.2.1", "ada")
        other.count("192.0.2.1", "ada")
    fresh = BadSignIns(redis_url)
    assert fresh.too_many_from("192.0.2.1")
    assert not fresh.too_many_from("192.0.2.2")
    assert not fresh.too_many_for("ada")


@pytest.mark.alone
def test_a_redis_that_is_away_neither_locks_out_nor_fails(redis_server: RedisServer) -> None:
    counts = BadSignIns(redis_server.url)
    counts.count("192.0.2.1", "ada")
    redis_server.stop()
    started = time.monotonic()
    assert not counts.too_many_from("192.0.2.1")
    for _ in range(19):
        counts.count("192.0.2.1", "ada")
    assert counts.too_many_from("192.0.2.1")
    assert not counts.too_many_from("192.0.2.2")
    assert time.monotonic() - started < 2


@pytest.mark.alone
def test_a_redis_that_hangs_costs_one_short_wait(redis_server: RedisServer) -> None:
    counts = BadSignIns(redis_server.url)
    counts.count("192.0.2.1", "ada")
    redis_server.freeze()
    started = time.monotonic()
    for _ in range(20):
        counts.too_many_from("192.0.2.1")
    assert time.monotonic() - started < 2


def test_the_same_work_is_done_for_a_user_who_is_not_there() -> None:
    """Counted, not timed: a clock would measure the neighbours."""
    checked = []

    class Recording:
        def verify(self, hashed: str, password: str) -> None:
            checked.append(hashed)

        def hash(self, password: str) -> str:
            return "$nobody"

    before = passwords.HASHER
    passwords._nobodys.cache_clear()
    try:
        passwords.HASHER = Recording()  # type: ignore[assignment]
        assert passwords.verify("$ada", "x")
        assert not passwords.verify(None, "x")
    finally:
        passwords.HASHER = before
        passwords._nobodys.cache_clear()
    assert checked == ["$ada", "$nobody"]
