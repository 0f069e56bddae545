"""The page that horse and parent share."""

import os
import signal
import time

import pytest

from worker.page import Page, PageUnreadable, Record, Stage

ONE = Record(Stage.RUNNING, 42, 3, "a" * 32, 12.5, 300.0)
OTHER = Record(Stage.FINISHING, 43, 1, "b" * 32, 99.0, 1.0)


def test_what_is_written_is_read() -> None:
    page = Page()
    assert page.read() == Record()
    for record in (ONE, OTHER, Record(), ONE):
        page.write(record)
        assert page.read() == record


def test_it_names_a_ticket_only_with_its_fence_and_an_empty_fence_names_none() -> None:
    assert ONE.names(42, "a" * 32)
    assert not ONE.names(42, "b" * 32)
    assert not ONE.names(43, "a" * 32)
    assert not Record(Stage.RUNNING, 42).names(42, "")


def test_a_writer_killed_in_the_middle_of_a_write_leaves_the_record_before_it() -> None:
    page = Page()
    page.write(ONE)
    # The next record is half there: its number is not.
    page._memory[192:230] = b"\xff" * 38
    assert page.read() == ONE


def test_a_page_that_somebody_wrote_over_is_said_to_be_unreadable() -> None:
    page = Page()
    page._memory[:512] = os.urandom(512)
    with pytest.raises(PageUnreadable):
        page.read()


def test_after_a_killed_horse_the_parent_clears_the_page_and_the_next_one_writes_on() -> None:
    page = Page()
    if (pid := os.fork()) == 0:
        for _ in range(5):
            page.write(ONE)
        os._exit(0)
    os.waitpid(pid, 0)
    assert page.read() == ONE
    page.clear()
    assert page.read() == Record()
    if (pid := os.fork()) == 0:
        page.write(OTHER)
        os._exit(0)
    os.waitpid(pid, 0)
    assert page.read() == OTHER


def test_the_parent_never_reads_a_mixture_of_two_records() -> None:
    page = Page()
    page.write(ONE)
    if (pid := os.fork()) == 0:
        while True:
            page.write(OTHER)
            page.write(ONE)
    try:
        began, seen = time.monotonic(), set()
        # Half a second, and until the other process has had its turn.
        while (passed := time.monotonic() - began) < 0.5 or (len(seen) < 2 and passed < 60):
            seen.add(page.read())
        assert seen == {ONE, OTHER}
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
