"""The purge: tickets with all that is theirs, what is left behind, the archive before it (E5, E6, F29)."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, literal, text

from counterfoil import archive, leftovers, purge
from counterfoil.acts import Actor, act
from counterfoil.archive import Archive
from counterfoil.columns import Utc
from counterfoil.errors import Failure
from counterfoil.settings import Settings
from counterfoil.settle import remember
from counterfoil.tables import (
    Attempt,
    Batch,
    Element,
    ErrorGroup,
    Log,
    Operation,
    OperationItem,
    Traceback,
    TrailEntry,
)
from tests.counterfoil.core import Bench

OLD = "2020-01-01 00:00:00.000000"
NEW = "2999-01-01 00:00:00.000000"


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the archive is: not there yet. It is one day's, also where midnight passes in a test."""
    today = datetime.now(UTC)
    monkeypatch.setattr(archive, "stamp", lambda: literal(today, Utc()))
    return tmp_path / "archive"


def over(bench: Bench, **columns: Any) -> int:
    """A receipt whose time is over."""
    done = {"state": "done", "turn": False, "done": OLD, "delete_time": OLD}
    return bench.open("Work", **done | columns)


def story(bench: Bench, ticket: int) -> None:
    """A ticket's attempt with its traceback, a log, an element and the trail."""
    with bench.engine.begin() as connection:
        connection.execute(insert(Traceback).values(id="t" * 64, text="Traceback: password=hunter2"))
        failed = {"ticket_id": ticket, "claim": 1, "outcome": "back off", "traceback_id": "t" * 64}
        connection.execute(insert(Attempt).values(**failed, error="ValueError: token=abc"))
        connection.execute(insert(Log).values(ticket_id=ticket, claim=1, level=20, message="printed 3"))
        connection.execute(insert(Element).values(ticket_id=ticket, position=1, element_id="Invoice!7"))
        entry = {"actor": "otto", "via": "console", "verb": "retry", "ticket_id": ticket, "reason": "again"}
        connection.execute(insert(TrailEntry).values(entry))


def number(bench: Bench, table: str) -> int:
    ((n,),) = bench.all(f"SELECT count(*) FROM counterfoil_{table}")
    return int(n)


def purged(bench: Bench, folder: Path | None = None, chunk: int = 100) -> int:
    with bench.engine.begin() as connection:
        return purge.purge(connection, chunk, Archive(folder, "host:1") if folder else None)


def archived(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines()]


def test_a_ticket_leaves_with_all_that_is_its_own_and_the_trail_stays(bench: Bench) -> None:
    story(bench, over(bench))
    assert purged(bench) == 1
    assert {n: number(bench, n) for n in ("tickets", "attempts", "logs", "elements", "trail")} == {
        "tickets": 0, "attempts": 0, "logs": 0, "elements": 0, "trail": 1,
    }  # fmt: skip


def test_its_whole_story_is_archived_before_and_secrets_are_masked(bench: Bench, folder: Path) -> None:
    sealed = '{"v": "gAAAA"}'
    first = over(bench, root_id="Customer!42", params='{"password": "hunter2", "copies": 2}')
    second = over(bench, params=sealed, encryptor="default", key_id="k1")
    story(bench, first)
    assert purged(bench, folder) == 2
    assert number(bench, "tickets") == 0
    one, other = archived(folder)
    assert (one["id"], one["root_id"], one["state"]) == (first, "Customer!42", "done")
    assert one["params"] == {"password": "********", "copies": 2}
    assert one["attempts"][0]["traceback"] == "Traceback: password=********"
    assert one["attempts"][0]["error"] == "ValueError: token=********"
    assert [line["message"] for line in one["logs"]] == ["printed 3"]
    assert [element["element_id"] for element in one["elements"]] == ["Invoice!7"]
    assert [entry["reason"] for entry in one["trail"]] == ["again"]
    assert (other["id"], other["params"]) == (second, json.loads(sealed))
    assert "token" not in one
    (file,) = folder.iterdir()
    assert file.stat().st_mode & 0o077 == 0, "nobody else reads it"


def test_what_cannot_be_archived_is_not_purged(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = over(bench)
    purged(bench, folder)
    before = archived(folder)
    kept = over(bench)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(archive.os, "fsync", full)
        with pytest.raises(OSError, match="No space"):
            purged(bench, folder)
    assert number(bench, "tickets") == 1
    assert archived(folder) == before, "nothing half-written is left"
    assert purged(bench, folder) == 1
    assert [line["id"] for line in archived(folder)] == [ticket, kept]


def test_a_purge_that_broke_off_is_done_again_and_a_torn_line_cut_off(bench: Bench, folder: Path) -> None:
    ticket = over(bench)
    with bench.engine.connect() as connection:
        purge.purge(connection, 100, Archive(folder, "host:1"))
        connection.rollback()
    (file,) = folder.iterdir()
    with file.open("a") as torn:
        torn.write('{"id": 4711, "sta')
    assert purged(bench, folder) == 1
    assert [line["id"] for line in archived(folder)] == [ticket, ticket], "a line may stand twice"


def test_an_open_batchs_tickets_and_kept_ones_are_neither_archived_nor_purged(
    bench: Bench, folder: Path
) -> None:
    with bench.engine.begin() as connection:
        batch = connection.execute(insert(Batch).values(label="May").returning(Batch.id)).scalar_one()
    over(bench, batch_id=batch)
    over(bench, kept=NEW)
    ticket = over(bench)
    assert purged(bench, folder) == 1
    assert [line["id"] for line in archived(folder)] == [ticket]
    assert number(bench, "tickets") == 2


def test_a_purge_in_chunks_archives_each_ticket_once(bench: Bench, folder: Path) -> None:
    tickets = [over(bench) for _ in range(7)]
    assert [purged(bench, folder, 3) for _ in range(4)] == [3, 3, 1, 0]
    assert [line["id"] for line in archived(folder)] == tickets


# SQLite's writers stand in line: there the purge waits for the retry, and finds the ticket pending.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_retry_that_is_under_way_survives_the_purge(bench: Bench, engine: Engine, folder: Path) -> None:
    retried, other = over(bench, state="errored"), over(bench)
    with engine.connect() as connection:
        act(connection, "retry", retried, Actor("otto", "console"))
        assert purged(bench, folder) == 1
        connection.commit()
    assert bench.row(retried).state == "pending"
    assert [line["id"] for line in archived(folder)] == [other]


def left(bench: Bench, **settings: Any) -> dict[str, int]:
    """What the rules delete, by word."""
    found: dict[str, int] = {}
    with bench.engine.begin() as connection:
        for rule in leftovers.rules(Settings(**settings)):
            while gone := leftovers.delete(connection, rule, 2):
                found[rule.word] = found.get(rule.word, 0) + gone
    return found


def test_old_operations_leave_with_their_items_once_the_trail_has(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        for n, (state, named) in enumerate([("done", False), ("done", True), ("previewed", False)]):
            made = {"submit_token": f"t{n}", "verb": "retry", "asked_by": "ada", "state": state}
            at = text(f"'{OLD}'")
            started = {"started_at": at, "ended_at": at} if state == "done" else {}
            query = insert(Operation).values(**made, **started, asked_at=at)
            operation = connection.execute(query.returning(Operation.id)).scalar_one()
            items = [{"ticket_id": i, "moves": 0, "state": "errored"} for i in range(3)]
            connection.execute(insert(OperationItem), [item | {"operation_id": operation} for item in items])
            if named:
                told = {"actor": "ada", "via": "console", "verb": "retry", "operation_id": operation}
                connection.execute(insert(TrailEntry).values(told))
        connection.execute(insert(Operation).values(submit_token="new", verb="retry", asked_by="ada"))
        preview = leftovers.leaving(connection, Settings(), 0, 100)
    assert preview["operations"] == 2
    assert left(bench) == {"operations": 2 + 6}
    assert (number(bench, "operations"), number(bench, "operation_items")) == (2, 3)


def test_a_traceback_leaves_when_no_attempt_and_no_group_names_it(bench: Bench) -> None:
    with bench.engine.begin() as connection:
        for name in "abcd":
            old = {} if name == "d" else {"seen_at": text(f"'{OLD}'")}
            connection.execute(insert(Traceback).values(id=name * 64, text=name, **old))
        attempt = {"ticket_id": 1, "claim": 1, "outcome": "error", "traceback_id": "a" * 64}
        connection.execute(insert(Attempt).values(attempt))
        seen = {"first_seen_at": text(f"'{NEW}'"), "last_seen_at": text(f"'{NEW}'")}
        connection.execute(insert(ErrorGroup).values(fingerprint="f", traceback_id="b" * 64, **seen))
    assert left(bench) == {"tracebacks": 1}
    assert [row[0][0] for row in bench.all("SELECT id FROM counterfoil_tracebacks ORDER BY id")] == [
        "a",
        "b",
        "d",
    ]


def test_a_traceback_that_is_seen_again_is_young_again(bench: Bench) -> None:
    ticket = bench.open("Work")
    failure = Failure("run", "ValueError", traceback="Traceback ...")
    for _ in range(2):
        with bench.engine.begin() as connection:
            remember(connection, bench.row(ticket), "back off", failure, None, None)
        bench.execute("DELETE FROM counterfoil_attempts")
        if _ == 0:
            bench.execute(f"UPDATE counterfoil_tracebacks SET seen_at = '{OLD}'")
    assert left(bench) == {}
    assert number(bench, "tracebacks") == 1


def test_a_closed_batch_leaves_when_its_tickets_and_parts_have(bench: Bench) -> None:
    with bench.engine.begin() as connection:

        def batch(closed: bool, **more: Any) -> int:
            when = text(f"'{OLD}'") if closed else None
            query = insert(Batch).values(label="b", closed_at=when, **more).returning(Batch.id)
            return int(connection.execute(query).scalar_one())

        year, busy = batch(True), batch(True)
        batch(True, parent_id=year)
        open_one = batch(False)
        batch(True, parent_id=open_one)
    over(bench, batch_id=busy)
    found = left(bench)
    assert found == {"batches": 2}, "the part first, then what it was a part of"
    assert number(bench, "batches") == 3
