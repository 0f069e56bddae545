"""The pipe from horse to parent."""

import os
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from worker.pipe import BACKLOG_LIMIT, Ear, Mouth, open_pipe, safe_text


class Pipe:
    def __init__(self) -> None:
        reading, self.writing = open_pipe()
        self.ear, self.mouth = Ear(reading), Mouth(self.writing)

    def heard(self) -> list[dict[str, Any]]:
        return list(self.ear.messages())


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    for descriptor in (made.ear.descriptor, made.writing):
        os.close(descriptor)


def test_messages_arrive_in_order_and_whole(pipe: Pipe) -> None:
    sent = [{"log": "x" * n, "level": n} for n in range(200)]
    for message in sent:
        pipe.mouth.say(message)
    assert pipe.heard() == sent
    assert pipe.heard() == []


@pytest.mark.alone
def test_a_full_pipe_does_not_block_the_work_and_what_was_dropped_is_counted(pipe: Pipe) -> None:
    started = time.monotonic()
    for n in range(4 * BACKLOG_LIMIT // 8_000):
        pipe.mouth.say({"log": "x" * 8_000, "n": n})
    assert time.monotonic() - started < 5
    assert pipe.mouth.dropped > 0
    dropped = pipe.mouth.dropped
    heard: list[dict[str, Any]] = []
    while some := pipe.heard():
        heard += some
        pipe.mouth.flush(0)
    heard += pipe.heard()
    assert {"dropped": dropped} in heard
    numbers = [message["n"] for message in heard if "n" in message]
    assert len(numbers) == 4 * BACKLOG_LIMIT // 8_000 - dropped
    assert numbers == sorted(numbers)


@pytest.mark.alone
def test_a_flush_waits_for_a_reader_but_not_for_ever(pipe: Pipe) -> None:
    for _ in range(3 * BACKLOG_LIMIT // 8_000):
        pipe.mouth.say({"log": "x" * 8_000})
    started = time.monotonic()
    pipe.mouth.flush(0.3)
    assert 0.25 < time.monotonic() - started < 2


def test_a_line_too_long_is_dropped_and_a_value_json_does_not_know_becomes_text(pipe: Pipe) -> None:
    pipe.mouth.say({"log": "x" * 1_000_000})
    pipe.mouth.say({"log": object})
    pipe.mouth.say({("no", "key"): 1})
    assert pipe.heard() == [{"log": "<class 'object'>"}]
    assert pipe.mouth.dropped == 2


def test_a_child_of_the_work_cannot_break_into_a_message(pipe: Pipe) -> None:
    if (pid := os.fork()) == 0:
        pipe.mouth.say({"log": "from the child"})
        os._exit(0)
    os.waitpid(pid, 0)
    pipe.mouth.say({"log": "from the horse"})
    assert pipe.heard() == [{"log": "from the horse"}]


def test_threads_of_the_work_do_not_mix_their_messages(pipe: Pipe) -> None:
    def talk(name: str) -> None:
        for n in range(200):
            pipe.mouth.say({"log": name * 50, "n": n})

    threads = [threading.Thread(target=talk, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    heard = []
    while any(thread.is_alive() for thread in threads):
        heard += pipe.heard()
    for thread in threads:
        thread.join()
    pipe.mouth.flush(0)
    heard += pipe.heard()
    assert len(heard) == 800
    assert all(len(set(message["log"])) == 1 for message in heard)


def test_a_descriptor_that_the_work_closed_and_took_for_a_file_is_not_written_to(
    pipe: Pipe, tmp_path: Any
) -> None:
    kept = os.dup(pipe.writing)
    os.close(pipe.writing)
    taken = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    if taken != pipe.writing:
        os.dup2(taken, pipe.writing)
        os.close(taken)
    pipe.mouth.say({"log": "secret"})
    pipe.mouth.flush(0)
    assert (tmp_path / "file").read_bytes() == b""
    os.dup2(kept, pipe.writing)
    os.close(kept)


def test_nonsense_in_the_pipe_ends_the_listening_and_nothing_else(pipe: Pipe) -> None:
    for garbage in (b"\xff\xff\xff\xff", struct.pack("=I", 3) + b"{{{"):
        fresh = Pipe()
        fresh.mouth.say({"log": 1})
        os.write(fresh.writing, garbage)
        fresh.mouth.say({"log": 2})
        assert fresh.heard() == [{"log": 1}]
        assert fresh.ear.broken
        assert fresh.heard() == []
        for descriptor in (fresh.ear.descriptor, fresh.writing):
            os.close(descriptor)


def test_half_a_message_of_a_killed_horse_is_not_heard(pipe: Pipe) -> None:
    os.write(pipe.writing, struct.pack("=I", 100) + b'{"log": "ha')
    assert pipe.heard() == []
    assert not pipe.ear.broken


def test_text_is_made_safe_for_every_database() -> None:
    class Mute:
        def __str__(self) -> str:
            raise SystemExit

    assert "\0" not in safe_text("a\0b")
    safe_text("\ud800").encode()
    assert len(safe_text("x" * 10**6)) <= 8_000
    assert "SystemExit" in safe_text(Mute())
