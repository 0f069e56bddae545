"""Each duty on its own, on both dialects."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Connection, Engine, insert, select

from counterfoil import sweeps
from counterfoil.clock import later, stamp
from counterfoil.tables import Process
from counterfoil.ticket import Ticket
from worker.scheduler import paced as pacing
from worker.scheduler.batches import Batches
from worker.scheduler.deadlines import Deadlines
from worker.scheduler.lifeline import Lifeline
from worker.scheduler.paced import Paced
from worker.scheduler.planter import Planter
from worker.scheduler.purger import Purger
from worker.scheduler.ringer import Ringer
from worker.scheduler.sampler import Sampler
from worker.scheduler.waker import Waker

from .scheduling import NoRedis, Stage

HOUR = timedelta(hours=1)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    made = Stage(engine)
    made.know()
    return made


def running(stage: Stage, drain: str = "gone") -> int:
    return stage.open(
        state="running", turn=False, fence="f" * 32, drain_id=drain, queue="default", claims=1, attempts=1,
        started_at=-HOUR, max_attempts=5,
    )  # fmt: skip


def test_deadlines_expire_what_waits_past_its_time_and_nothing_else(stage: Stage) -> None:
    late, held = stage.open(expires_at=-HOUR), stage.open(expires_at=-HOUR, state="held")
    early, without = stage.open(expires_at=HOUR), stage.open()
    assert Deadlines().act(stage.beat()) == 2
    assert [stage.state(t) for t in (late, held, early, without)] == [
        "expired",
        "expired",
        "pending",
        "pending",
    ]


def test_the_lifeline_rescues_what_no_drain_holds(stage: Stage) -> None:
    lost = running(stage)
    assert Lifeline().act(stage.beat()) == 1
    assert stage.state(lost) == "pending"


def test_the_lifeline_waits_until_the_database_has_been_steady(stage: Stage) -> None:
    lost = running(stage)
    assert Lifeline().act(stage.beat(watched=False)) == 0
    assert stage.state(lost) == "running"


def test_the_lifeline_buries_drains_that_are_long_gone_and_hold_nothing(stage: Stage) -> None:
    now, old = ("'2999-01-01 00:00:00.000000'", "'2020-01-01 00:00:00.000000'")
    for name, until in (("live", now), ("dead", old)):
        stage.do(f"INSERT INTO counterfoil_drains (id, queue, until) VALUES ('{name}', 'default', {until})")
    Lifeline().act(stage.beat())
    assert stage.do("SELECT id FROM counterfoil_drains") == [("live",)]


def test_the_ringer_rings_queues_with_due_candidates_only(stage: Stage) -> None:
    stage.open(queue="now")
    stage.open(queue="later", execute_earliest=HOUR)
    stage.open(queue="paused")
    stage.do("INSERT INTO counterfoil_queues (name, paused) VALUES ('paused', true)")
    Ringer().act(stage.beat())
    assert stage.rings.rung == ["now"]


def listen(stage: Stage, queue: str, workers: int) -> None:
    for n in range(workers):
        row = {"name": f"w{n}", "sort": "worker", "queues": [queue, "default"], "seen_until": later(HOUR)}
        with stage.engine.begin() as connection:
            connection.execute(insert(Process).values(row))


@pytest.mark.parametrize(
    ("workers", "hints", "rings"), [(0, 0, True), (0, 1, False), (3, 2, True), (3, 3, False)]
)
def test_the_ringer_piles_up_no_more_hints_than_workers_listen(
    engine: Engine, workers: int, hints: int, rings: bool
) -> None:
    stage = Stage(engine, NoRedis(hints))
    stage.know()
    stage.open(queue="busy")
    listen(stage, "busy", workers)
    Ringer().act(stage.beat())
    assert stage.rings.rung == (["busy"] if rings else [])


@pytest.mark.parametrize(
    ("taken", "hints", "rings"), [(0, 0, True), (2, 0, False), (0, 2, False), (1, 1, False)]
)
def test_the_ringer_adds_no_hint_beyond_the_free_places_of_a_pool(
    engine: Engine, taken: int, hints: int, rings: bool
) -> None:
    stage = Stage(engine, NoRedis(hints))
    stage.know()
    stage.open(queue="small")
    listen(stage, "small", 5)
    stage.do("INSERT INTO counterfoil_queues (name, pool_size) VALUES ('small', 2)")
    for n in range(taken):
        until = "'2999-01-01 00:00:00.000000'"
        stage.do(
            f"INSERT INTO counterfoil_slots (queue, n, drain_id, until) VALUES ('small', {n}, 'd', {until})"
        )
    Ringer().act(stage.beat())
    assert stage.rings.rung == (["small"] if rings else [])


def test_the_ringer_gives_a_turn_to_a_lane_that_waits_for_nobody(stage: Stage) -> None:
    ticket = stage.open(lane="customer-number")
    stage.do("UPDATE counterfoil_tickets SET turn = false")
    Ringer().act(stage.beat())
    assert stage.do("SELECT turn FROM counterfoil_tickets WHERE id = :id", id=ticket) == [(True,)]
    assert stage.rings.rung == ["default"]


def test_the_ringer_sets_aside_what_is_paused_and_back(stage: Stage) -> None:
    stage.open()
    stage.do("UPDATE counterfoil_view_models SET paused = true")
    Ringer().act(stage.beat())
    assert stage.do("SELECT aside FROM counterfoil_tickets") == [("paused",)]
    assert stage.rings.rung == []
    stage.do("UPDATE counterfoil_view_models SET paused = false")
    Ringer().act(stage.beat())
    assert stage.do("SELECT aside FROM counterfoil_tickets") == [(None,)]
    assert stage.rings.rung == ["default"]


def test_the_ringer_gives_up_what_no_worker_has_known_for_the_grace(stage: Stage) -> None:
    known, unknown = stage.open(), stage.open("Nobody.knows")
    Ringer().act(stage.beat())
    assert stage.state(unknown) == "pending"
    Ringer().act(stage.beat(unknown_grace_minutes=0))
    assert [stage.state(known), stage.state(unknown)] == ["pending", "errored"]


def test_the_ringer_looks_for_what_nobody_knows_again_at_once_only_if_it_found_some(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    ringer, first = Ringer(), stage.open("Nobody.knows")
    ringer.act(stage.beat(unknown_grace_minutes=0))
    second = stage.open("Nobody.knows")
    ringer.act(stage.beat(unknown_grace_minutes=0))
    assert [stage.state(first), stage.state(second)] == ["errored", "errored"]
    ringer.act(stage.beat(unknown_grace_minutes=0))  # finds none, and rests
    third = stage.open("Nobody.knows")
    ringer.act(stage.beat(unknown_grace_minutes=0))
    assert stage.state(third) == "pending"
    monkeypatch.setattr("worker.scheduler.ringer.time.monotonic", lambda: ringer._next_look)
    ringer.act(stage.beat(unknown_grace_minutes=0))
    assert stage.state(third) == "errored"


@pytest.mark.alone
def test_the_waker_sleeps_until_the_next_ticket_is_due_and_rings_it_then(stage: Stage) -> None:
    ticket = stage.open(queue="soon", execute_earliest=timedelta(seconds=1))
    assert Waker(longest_seconds=5).act(stage.beat()) == 1
    assert stage.rings.rung == ["soon"]
    with stage.engine.connect() as connection:
        now, due = connection.execute(select(stamp(), Ticket.due_at).where(Ticket.id == ticket)).one()
    assert timedelta(0) <= now - due < timedelta(seconds=1)


@pytest.mark.alone
def test_the_waker_rings_every_queue_once_for_what_is_due_at_one_moment(stage: Stage) -> None:
    at = datetime.now(UTC) + timedelta(seconds=1)
    for queue in ("one", "two", "one", "two"):
        stage.open(queue=queue, execute_earliest=at)
    assert Waker(longest_seconds=5).act(stage.beat()) == 2
    assert sorted(stage.rings.rung) == ["one", "two"]


@pytest.mark.alone
def test_the_waker_leaves_what_has_been_due_for_long_to_the_ringer(stage: Stage) -> None:
    stage.open(queue="paused", execute_earliest=-HOUR)
    stage.open(queue="soon", execute_earliest=timedelta(seconds=1))
    Waker(longest_seconds=5).act(stage.beat())
    assert stage.rings.rung == ["soon"]


@pytest.mark.alone
def test_the_waker_does_not_sleep_longer_than_a_beat(stage: Stage) -> None:
    stage.open(queue="much later", execute_earliest=HOUR)
    started = time.monotonic()
    assert Waker(longest_seconds=0.2).act(stage.beat()) == 0
    assert 0.2 <= time.monotonic() - started < 2
    assert stage.rings.rung == []


def test_the_purger_deletes_receipts_whose_time_is_over_and_old_samples(stage: Stage) -> None:
    stage.open(state="done", turn=False, done=-HOUR, delete_time=-HOUR)
    kept = stage.open(state="done", turn=False, done=-HOUR, delete_time=-HOUR, kept=HOUR)
    later = stage.open(state="done", turn=False, done=-HOUR, delete_time=HOUR)
    old, new = "'2020-01-01 00:00:00.000000'", "'2999-01-01 00:00:00.000000'"
    for at in (old, new):
        stage.do(
            "INSERT INTO counterfoil_samples (at, counts, queues, rates) "
            f"VALUES ({at}, '{{}}', '{{}}', '{{}}')"
        )
        stage.do(f"INSERT INTO counterfoil_workers (name, sort, seen_until) VALUES ({at}, 'worker', {at})")
    assert Purger().act(stage.beat()) == 1
    assert stage.do("SELECT id FROM counterfoil_tickets ORDER BY id") == [(kept,), (later,)]
    assert stage.do("SELECT count(*) FROM counterfoil_samples") == [(1,)]
    assert stage.do("SELECT count(*) FROM counterfoil_workers") == [(1,)]


def test_a_schedule_that_somebody_wrote_wrongly_does_not_stop_the_planter(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    for name, cron in (("a bad one", "often"), ("b", "0 0 1 1 *")):
        stage.do(
            "INSERT INTO counterfoil_schedules (name, cron, zone, view_model, catch_up, next_at) VALUES "
            f"('{name}', '{cron}', 'UTC', 'Work', 'one', '2026-01-01 00:00:00.000000')"
        )
    planter = Planter()
    assert [planter.act(stage.beat()) for _ in range(2)] == [1, 0]
    assert caplog.text.count("the schedule a bad one is passed over: 'often' is no cron line") == 1


def test_the_sampler_counts_every_tab_queue_and_rate(stage: Stage) -> None:
    stage.open(queue="numbers", expires_at=HOUR)
    stage.open(queue="numbers", execute_earliest=HOUR)
    stage.open(queue="numbers", retry_at=HOUR, claims=1)
    stage.open(state="held")
    running(stage)
    for state in ("done", "errored", "failed", "expired"):
        stage.open(state=state, turn=False, done=timedelta(0), delete_time=HOUR)
    stage.open(state="errored", turn=False, done=timedelta(0), delete_time=HOUR, acknowledged_at=timedelta(0))
    assert Sampler().act(stage.beat()) == 1
    ((counts, queues, rates),) = stage.do("SELECT counts, queues, rates FROM counterfoil_samples")
    if isinstance(counts, str):
        counts, queues, rates = map(json.loads, (counts, queues, rates))
    assert counts == {
        "all": 10, "pending": 1, "delayed": 1, "retrying": 1, "running": 1, "done": 1, "errored": 2,
        "expiring": 5, "leaving": 4, "expired": 1, "failed": 1, "held": 1, "alarm": 1, "forgotten": 0,
    }  # fmt: skip
    assert queues["numbers"]["due"] == 1
    assert queues["default"]["running"] == 1
    assert rates == {"done": 1, "errored": 2, "expired": 1, "failed": 1, "finished": 5}


def test_the_sampler_writes_nothing_while_nothing_changes(stage: Stage) -> None:
    sampler = Sampler()
    assert [sampler.act(stage.beat()) for _ in range(3)] == [1, 0, 0]


def refuse_to_move(stage: Stage, ticket: int) -> None:
    """A host's trigger that refuses every change of one ticket's state."""
    if stage.engine.dialect.name == "sqlite":
        stage.do(
            "CREATE TRIGGER host_refuses BEFORE UPDATE OF state ON counterfoil_tickets "
            f"WHEN OLD.id = {ticket} BEGIN SELECT RAISE(ABORT, 'the host says no'); END"
        )
        return
    stage.do(
        "CREATE FUNCTION host_refuses() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the host says no'; END $$"
    )
    stage.do(
        "CREATE TRIGGER host_refuses BEFORE UPDATE ON counterfoil_tickets "
        f"FOR EACH ROW WHEN (OLD.id = {ticket}) EXECUTE FUNCTION host_refuses()"
    )


def test_one_bad_row_at_the_head_does_not_stop_the_deadlines(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    bad, *others = [stage.open(expires_at=-HOUR) for _ in range(20)]
    refuse_to_move(stage, bad)
    sweeps._told_at.clear()  # the other dialect's ticket bears the same id
    assert Deadlines().act(stage.beat()) == 19
    assert stage.state(bad) == "pending"
    assert {stage.state(ticket) for ticket in others} == {"expired"}
    assert f"ticket {bad} is passed over" in caplog.text
    assert "the host says no" in caplog.text


def test_one_bad_row_at_the_head_does_not_stop_the_lifeline(stage: Stage) -> None:
    bad, *others = [running(stage) for _ in range(20)]
    refuse_to_move(stage, bad)
    assert Lifeline().act(stage.beat()) == 19
    assert stage.state(bad) == "running"
    assert {stage.state(ticket) for ticket in others} == {"pending"}


def test_a_figure_that_is_dear_is_taken_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, taken = 1000.0, []
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: clock))

    def take(connection: Connection, now: datetime) -> int:
        nonlocal clock
        taken.append(clock)
        clock += 0.125
        return len(taken)

    paced, connection = Paced(take, 0.0), cast(Connection, None)
    for _ in range(40):
        paced.refresh(connection, datetime.now(UTC))
        clock += 0.0625
    assert [at - taken[0] for at in taken] == [0.0, 1.25, 2.5]  # ten times its cost
    assert paced.value == 3


def test_dear_figures_together_take_a_tenth_of_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, spent = 1000.0, dict.fromkeys((0.004, 0.1, 0.4), 0)
    monkeypatch.setattr(pacing, "time", SimpleNamespace(monotonic=lambda: clock))

    def costing(seconds: float) -> Callable[[Connection, datetime], None]:
        def take(connection: Connection, now: datetime) -> None:
            nonlocal clock
            spent[seconds] += 1
            clock += seconds

        return take

    together: list[Paced] = []
    figures = [Paced(costing(seconds), 0.9, together) for seconds in spent]
    while clock < 1200:
        for figure in figures:
            figure.refresh(cast(Connection, None), datetime.now(UTC))
        clock += 0.05
    assert sum(seconds * times for seconds, times in spent.items()) == pytest.approx(0.1 * 200, rel=0.1)
    cheap, dear, dearest = spent.values()
    assert dear == pytest.approx(2 * dearest, rel=0.1)  # four times the cost, half as often
    assert cheap >= 200  # once a second, which it may


def test_batches_closes_what_is_complete_and_opens_the_follow_up(stage: Stage) -> None:
    insert = "INSERT INTO counterfoil_batches (label, expected, follow_up) VALUES ('b', 1, 'Work.do')"
    (first,), (second,) = (stage.do(f"{insert} RETURNING id") for _ in range(2))
    stage.open(batch_id=first.id)
    stage.open(batch_id=second.id, state="done", turn=False)
    duty = Batches()
    assert duty.act(stage.beat()) == 1
    assert duty.act(stage.beat()) == 0
    (opened,) = stage.do("SELECT * FROM counterfoil_tickets WHERE opened_via = 'batch'")
    (closed,) = stage.do("SELECT * FROM counterfoil_batches WHERE closed_at IS NOT NULL")
    assert (closed.id, closed.follow_up_ticket_id, opened.view_model) == (second.id, opened.id, "Work.do")
