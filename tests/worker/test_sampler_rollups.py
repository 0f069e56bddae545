"""What the sampler writes for the charts, on both dialects."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, func, insert, select

from counterfoil.clock import stamp
from counterfoil.histogram import bucket, merged, quantile
from counterfoil.tables import Attempt, Rollup
from worker.scheduler import flow, rollups, usual
from worker.scheduler.stream import Stream

from .scheduling import Stage

AT = datetime(2026, 5, 4, 3, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


@pytest.fixture
def stage(engine: Engine) -> Stage:
    made = Stage(engine)
    made.know("Order.print")
    made.know("Order.send")
    return made


def finish(stage: Stage, view_model: str, at: datetime, state: str = "done", **more: Any) -> int:
    """A ticket of queue `slow` that finished then, after 2 s of waiting and 4 s of running."""
    times = {"due_at": None, "execute_earliest": at - 6 * SECOND, "started_at": at - 4 * SECOND, "done": at}
    times.pop("due_at")
    values = {"queue": "slow", "state": state, "turn": False, "duration_ms": 4000, **times, **more}
    return stage.open(view_model, **values)


def fail(stage: Stage, ticket: int, at: datetime, outcome: str = "back off") -> None:
    row = {"ticket_id": ticket, "claim": 1, "outcome": outcome, "ended_at": at, "duration_ms": 500}
    with stage.engine.begin() as connection:
        connection.execute(insert(Attempt).values(row))


def row(stage: Stage, span: int, queue: str = "", view_model: str = "") -> Any:
    query = select(Rollup.__table__).where(
        Rollup.span_seconds == span, Rollup.queue == queue, Rollup.view_model == view_model
    )
    with stage.engine.connect() as connection:
        return connection.execute(query.order_by(Rollup.at)).first()


def test_a_quantile_of_a_histogram_is_off_by_a_tenth_at_most() -> None:
    durations = [n * 7 + 1 for n in range(1000)]
    counts: dict[str, int] = {}
    for each in durations:
        counts = merged(counts, {str(bucket(each)): 1})
    for share in (0.1, 0.5, 0.95):
        assert quantile(counts, share) == pytest.approx(durations[int(share * 1000)], rel=0.1)
    assert quantile({}, 0.5) is None
    assert quantile({str(bucket(0.2)): 3}, 0.5) == 0


def test_a_stretch_of_time_is_told_by_queue_and_view_model(stage: Stage) -> None:
    finish(stage, "Order.print", AT)
    finish(stage, "Order.print", AT + 9 * SECOND)
    finish(stage, "Order.print", AT + 10 * SECOND)
    finish(stage, "Order.send", AT + SECOND, "expired")
    errored = finish(stage, "Order.send", AT + SECOND, "errored")
    fail(stage, errored, AT + SECOND, "error")
    fail(stage, errored, AT + SECOND, "postpone")
    fail(stage, errored, AT - SECOND)
    with stage.engine.connect() as connection:
        found = flow.read(connection, AT, AT + 10 * SECOND)
    printed, sent = found["slow", "Order.print"], found["slow", "Order.send"]
    assert (printed.finished, printed.run_ms, printed.failing) == (2, 8000, 0)
    assert dict(printed.waits) == {bucket(2000): 2}
    assert dict(printed.runs) == {bucket(4000): 2}
    assert (sent.errored, sent.ended, sent.failing, sent.returned, sent.run_ms) == (1, 1, 1, 1, 1000)
    assert flow.totals(found)["", ""].finished == 2


def test_minutes_become_quarters_and_old_minutes_leave(stage: Stage) -> None:
    for n in range(16):
        cell = flow.Cell(finished=10, failing=n == 3)
        cell.waits[bucket(1000)] += 10
        stands = {("slow", ""): {"due": n, "running": 1, "oldest_wait_ms": 1000 * n}}
        with stage.engine.begin() as connection:
            rollups.write_minute(connection, AT + n * MINUTE, {("slow", "Order.print"): cell}, stands, stands)
    quarter = row(stage, 900, "slow")
    assert (quarter.at, quarter.finished, quarter.failing, quarter.arrivals) == (AT, 150, 1, 150)
    assert (quarter.due, quarter.oldest_wait_ms) == (14, 14_000)
    assert quarter.waits == {str(bucket(1000)): 150}
    with stage.engine.begin() as connection:
        rollups.write_minute(connection, AT + timedelta(hours=9), {}, None, None)
        minutes = select(func.count()).where(Rollup.span_seconds == 60)
        assert connection.execute(minutes).scalar_one() == 1
    assert row(stage, 14_400).at == AT.replace(hour=0)
    assert row(stage, 14_400).finished == 160


def test_what_became_due_is_what_left_and_what_the_queue_grew_by(stage: Stage) -> None:
    before = {("slow", ""): {"due": 100, "running": 2}}
    now = {("slow", ""): {"due": 160, "running": 4, "oldest_wait_ms": 5}}
    cells = {("slow", "Order.print"): flow.Cell(finished=30, errored=1, ended=2, returned=5)}
    with stage.engine.begin() as connection:
        rollups.write_minute(connection, AT, cells, now, before)
    assert row(stage, 60, "slow").arrivals == 62 + 38


def test_the_stream_writes_each_minute_once_and_tells_rate_failures_and_growth(stage: Stage) -> None:
    beat, stream = stage.beat(), Stream()
    with stage.engine.connect() as connection:
        now = rollups.floor(connection.execute(select(stamp())).scalar_one(), 60)
    queue = {"due": 0, "running": 0, "views": {}}
    stream.act(beat, now + 3 * SECOND, {"slow": queue})
    for n in range(6):
        fail(stage, finish(stage, "Order.print", now + n * 10 * SECOND), now + n * SECOND)
    own = {"due": 120, "running": 1, "oldest_wait_ms": 9}
    later = {"slow": queue | {"due": 120, "views": {"Order.print": own}}}
    for _ in range(2):
        stream.act(beat, now + 63 * SECOND, later)
    minute = row(stage, 60, "slow", "Order.print")
    assert (minute.at, minute.finished, minute.failing, minute.due) == (now, 6, 6, 120)
    told = stream.per_queue("slow", 120, now + 63 * SECOND)
    assert told == {"rate": 6, "attempts": 12, "failing": 6, "growth": 120}
    assert Stream().per_queue("slow", 0, now)["growth"] is None


def test_another_scheduler_goes_on_where_the_last_minute_was_written(stage: Stage) -> None:
    with stage.engine.begin() as connection:
        now = rollups.floor(connection.execute(select(stamp())).scalar_one(), 60)
        rollups.write_minute(connection, now - 5 * MINUTE, {}, None, None)
    finish(stage, "Order.print", now - 3 * MINUTE)
    stream = Stream()
    for _ in range(3):
        stream.act(stage.beat(), now + 3 * SECOND, {})
    assert row(stage, 60, "slow").at == now - 3 * MINUTE
    with stage.engine.connect() as connection:
        minutes = select(func.count()).where(Rollup.span_seconds == 60, Rollup.queue == "")
        total = connection.execute(minutes.where(Rollup.view_model == "")).scalar_one()
    assert total == 5


def test_what_is_usual_leaves_the_last_hour_out(stage: Stage) -> None:
    with stage.engine.begin() as connection:
        for hours, failing in ((3, 10), (0.5, 90)):
            values = {"span_seconds": 900, "queue": "slow", "view_model": "", "finished": 90}
            at = AT - timedelta(hours=hours)
            connection.execute(insert(Rollup).values(at=at, failing=failing, **values))
        assert usual.failing_shares(connection, AT) == {"slow": 0.1}


# PostgreSQL's planner reads all of a table this small.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_stretch_is_read_by_indexes_of_times(stage: Stage) -> None:
    with stage.engine.connect() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT 1 FROM counterfoil_attempts a JOIN counterfoil_tickets t "
            "ON t.id = a.ticket_id WHERE a.ended_at >= 'x' AND a.ended_at < 'y'"
        ).fetchall()
    assert "counterfoil_attempts_ended" in str(plan)
    assert "SCAN" not in str(plan)
