"""Grouped commit: several tickets in one transaction, on both dialects; how it falls apart, and into what."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from counterfoil.claimed import Claimed
from counterfoil.database import make_engine
from counterfoil.declaration import Declaration, RegistryError
from counterfoil.gathering import FIRST, MOST, SECONDS, Groups
from counterfoil.grouped import Ended, run_together
from counterfoil.lease import DrainLease
from counterfoil.opening import open_ticket
from counterfoil.registry import Registry
from counterfoil.running_ticket import Silent
from counterfoil.signals import Fail, Postpone
from counterfoil.ticket import Ticket
from tests.counterfoil.core import Bench, in_session


@pytest.fixture
def bench(engine: Engine) -> Bench:
    return Bench(engine)


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a group's time may be up sooner than a test thinks."""
    for dialect in SECONDS:
        monkeypatch.setitem(SECONDS, dialect, 60.0)


def note(bench: Bench, fails: Callable[[Any], None] = lambda ticket: None) -> Callable[..., None]:
    """Work with one effect, which then does what `fails` does."""

    def work(ticket: Any) -> str:
        assert bench.current is not None
        in_session(bench.current, f"attempt {ticket.attempt}", ticket.id)
        fails(ticket)
        return f"did {ticket.id}"

    return work


def grouped(bench: Bench, name: str = "T.many", call: Any = None, **options: Any) -> None:
    bench.work(name, call or note(bench), commit="group", **options)


def gather(bench: Bench, drain: DrainLease | None = None, size: int = MOST, but: Any = ()) -> list[Claimed]:
    """Claim one, and what may share its transaction."""
    drain = drain or bench.lease()
    groups = Groups(bench.registry)
    groups.size = size
    with bench.engine.connect() as connection:
        first = bench.claim(drain)
        return [] if first is None else groups.gather(connection, drain, first, size, but)


def run(bench: Bench, tickets: list[Claimed], drain: DrainLease | None = None) -> Ended:
    """Run them together, and one by one if that fails, as a drain does."""
    ended = run_together(bench.runner, tickets, None if drain is None else lambda: drain)
    for claimed in () if ended.kept else ended.ran:
        bench.runner.run_again(claimed)
    return ended


def ids(tickets: Any) -> list[int]:
    return [claimed.id for claimed in tickets]


def effects(bench: Bench) -> list[Any]:
    return [tuple(row) for row in bench.all("SELECT ticket_id, note FROM effect ORDER BY ticket_id, note")]


def ended_well(bench: Bench, tickets: list[int]) -> None:
    """Each is done, was charged one attempt, holds the fence of its claim, and has one effect."""
    for ticket in tickets:
        row = bench.row(ticket)
        assert (row.state, row.attempts, row.claims, bool(row.trouble)) == ("done", 1, 1, False)
        assert row.fence
        assert f"did {ticket}" in str(row.receipt)
    assert [e for e in effects(bench) if e[0] in tickets] == [(ticket, "attempt 1") for ticket in tickets]


def test_many_tickets_are_done_in_one_transaction_with_one_update(bench: Bench) -> None:
    grouped(bench)
    opened = [bench.open("T.many") for _ in range(20)]
    claimed = gather(bench)
    assert ids(claimed) == opened
    assert len({each.fence for each in claimed}) == 20
    for each in claimed:
        row = bench.row(each.id)
        assert (row.state, row.fence, row.attempts, row.claims) == ("running", each.fence, 1, 1)
        assert row.started_at is not None
    sent: list[str] = []
    event.listen(bench.engine, "before_cursor_execute", lambda *given: sent.append(given[2]))
    commits: list[int] = []
    event.listen(bench.engine, "commit", lambda connection: commits.append(1))
    ended = run(bench, claimed)
    assert (ended.kept, ids(ended.ran), list(ended.rest)) == (True, opened, [])
    assert (len([sql for sql in sent if "UPDATE" in sql]), len(commits)) == (1, 1)
    ended_well(bench, opened)
    assert {bench.row(each.id).fence for each in claimed} == {each.fence for each in claimed}


def test_a_group_follows_its_first_in_the_order_of_claims_and_ends_before_what_cannot_share(
    bench: Bench,
) -> None:
    grouped(bench)
    grouped(bench, "T.more")
    bench.work("T.single")
    later = "2026-01-01 00:00:00.000000+00" if bench.engine.dialect.name == "postgresql" else None
    at = {"retry_at": later or "2026-01-01 00:00:00.000000"}
    minor = bench.open("T.many", priority=9)
    last = bench.open("T.many")
    first, second = bench.open("T.many", **at), bench.open("T.more", **at)
    single = bench.open("T.single", **at)
    behind = bench.open("T.many", **at)
    elsewhere = bench.open("T.many", queue="elsewhere", **at)
    drain = bench.lease()
    assert ids(gather(bench, drain)) == [first, second]
    assert ids(gather(bench, drain)) == [single]
    assert ids(gather(bench, drain)) == [behind, last]
    assert ids(gather(bench, drain)) == [minor]
    assert bench.row(elsewhere).state == "pending"


def test_what_is_laned_late_paused_or_was_claimed_before_runs_by_itself(bench: Bench) -> None:
    grouped(bench)
    grouped(bench, "T.paused")
    past = "2026-01-01 00:00:00.000000" + ("+00" if bench.engine.dialect.name == "postgresql" else "")
    alone = [
        bench.open("T.many", lane="a lane"),
        bench.open("T.many", expires_at=past),
        bench.open("T.paused"),
        bench.open("T.many", claims=1),
    ]
    together = [bench.open("T.many"), bench.open("T.many")]
    drain = bench.lease()
    found = [ids(gather(bench, drain, but={"T.paused"})) for _ in range(5)]
    assert found == [*([ticket] for ticket in alone), together]


def test_what_is_past_its_deadline_expires_before_user_code(bench: Bench) -> None:
    grouped(bench)
    past = "2026-01-01 00:00:00.000000" + ("+00" if bench.engine.dialect.name == "postgresql" else "")
    one, late, other = bench.open("T.many"), bench.open("T.many", expires_at=past), bench.open("T.many")
    drain = bench.lease()
    while claimed := gather(bench, drain):
        if len(claimed) == 1:
            bench.run(claimed[0])
        else:
            run(bench, claimed, drain)
    assert bench.row(late).state == "expired"
    ended_well(bench, [one, other])


@pytest.mark.parametrize("how", ["raises", "postpones", "fails", "commits", "rolls back", "rolls back raw"])
def test_one_that_fails_rolls_all_back_and_each_runs_by_itself_charged_once(bench: Bench, how: str) -> None:
    def does(ticket: Any) -> None:
        session = bench.current
        assert session is not None
        if ticket.id != bad:
            return
        match how:
            case "raises":
                raise ValueError("no luck")
            case "postpones":
                raise Postpone(60, "not now")
            case "fails":
                raise Fail("never")
            case "commits":
                session.commit()
            case "rolls back":
                session.rollback()
            case "rolls back raw":
                session.connection().connection.driver_connection.rollback()  # type: ignore[union-attr]

    grouped(bench, call=note(bench, does))
    opened = [bench.open("T.many") for _ in range(6)]
    bad = opened[3]
    claimed = gather(bench)
    ended = run(bench, claimed)
    assert (ended.kept, ids(ended.ran)) == (False, opened if "rolls" in how else opened[:4])
    for left in ended.rest:
        bench.run(left)
    ended_well(bench, [ticket for ticket in opened if ticket != bad])
    row = bench.row(bad)
    assert row.claims == 1
    state, attempts = {
        "raises": ("pending", 1),
        "postpones": ("pending", 0),
        "fails": ("failed", 1),
        "commits": ("pending", 1),
    }.get(how, ("done", 1))
    assert (row.state, row.attempts) == (state, attempts)
    assert [e for e in effects(bench) if e[0] == bad] == []
    history = bench.all("SELECT ticket_id, outcome FROM counterfoil_attempts")
    assert [tuple(h) for h in history] == (
        [] if state == "done" else [(bad, {"raises": "back off", "commits": "back off"}.get(how, how[:-1]))]
    )


def test_what_cannot_be_resolved_and_a_false_precondition_are_as_in_single_runs(bench: Bench) -> None:
    grouped(bench)
    grouped(bench, "T.never", precondition=lambda subject: False)
    grouped(bench, "T.typed", call=lambda *, number: None)
    good, unmet = bench.open("T.many"), bench.open("T.never")
    wrong, after = bench.open("T.typed", params='{"nummer": 1}'), bench.open("T.many")
    ended = run(bench, gather(bench))
    for left in ended.rest:
        bench.run(left)
    ended_well(bench, [good, after])
    assert "precondition not met" in str(bench.row(unmet).receipt)
    row = bench.row(wrong)
    assert (row.state, row.error_kind, row.attempts) == ("errored", "resolve", 1)
    assert "number" in row.error


ISOLATIONS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_hosts_under_every_isolation_level_keep_a_group(postgresql_url: str, isolation: str) -> None:
    bench = Bench(make_engine(postgresql_url), isolation)
    grouped(bench)
    opened = [bench.open("T.many") for _ in range(5)]
    following = bench.open("T.many", priority=9)
    drain = bench.lease()
    ended = run(bench, gather(bench, drain), drain)
    assert ended.kept
    ended_well(bench, opened)
    rides = isolation == "READ COMMITTED"
    assert (ended.next is not None, bench.row(following).state) == (rides, "running" if rides else "pending")
    bench.engine.dispose()


@pytest.mark.parametrize("isolation", ISOLATIONS)
def test_a_ticket_that_an_operator_took_is_left_out_and_nothing_of_it_is_stored(
    postgresql_url: str, isolation: str
) -> None:
    bench = Bench(make_engine(postgresql_url), isolation)
    taken_in_the_middle(bench)
    bench.engine.dispose()


def test_a_ticket_that_an_operator_took_is_left_out_on_sqlite(sqlite_url: str) -> None:
    # There the group holds the write lock: an operator is in time before it begins, or waits for its end.
    engine = make_engine(sqlite_url)
    bench = Bench(engine)
    grouped(bench)
    opened = [bench.open("T.many") for _ in range(4)]
    claimed = gather(bench)
    take(bench, opened[1])
    assert not run(bench, claimed).kept
    assert bench.row(opened[1]).state == "failed"
    ended_well(bench, [opened[0], *opened[2:]])
    engine.dispose()


def take(bench: Bench, ticket: int) -> None:
    """What an operator's act does to a running ticket: its fence is replaced."""
    bench.execute(
        "UPDATE counterfoil_tickets SET state = 'failed', fence = NULL, done = opened_at, "
        "delete_time = opened_at WHERE id = :id",
        id=ticket,
    )


def taken_in_the_middle(bench: Bench) -> None:
    runs: list[int] = []

    def look(ticket: Any) -> None:
        runs.append(ticket.id)
        if ticket.id == opened[2] and len(runs) == 3:
            # By another connection, while the group is in its middle and has run the ticket already.
            operator = threading.Thread(target=take, args=(bench, opened[1]))
            operator.start()
            operator.join(30)
            assert not operator.is_alive()

    grouped(bench, call=note(bench, look))
    opened = [bench.open("T.many") for _ in range(4)]
    ended = run(bench, gather(bench))
    assert (ended.kept, ids(ended.ran)) == (False, opened)
    assert bench.row(opened[1]).state == "failed"
    ended_well(bench, [opened[0], *opened[2:]])
    assert effects(bench) == [(ticket, "attempt 1") for ticket in (opened[0], *opened[2:])]
    # Who lost it does not run it once more.
    assert runs.count(opened[1]) == 1


def test_follow_ups_belong_to_the_ticket_that_opened_them(bench: Bench) -> None:
    def work(ticket: Any) -> None:
        assert bench.current is not None
        open_ticket(bench.current, "T.follow", opened_by=f"ticket {ticket.id}")

    bench.work("T.follow")
    grouped(bench, call=work)
    opened = [bench.open("T.many") for _ in range(3)]
    assert run(bench, gather(bench)).kept
    found = bench.all("SELECT parent_id, opened_by FROM counterfoil_tickets WHERE view_model = 'T.follow'")
    assert sorted(tuple(row) for row in found) == [(ticket, f"ticket {ticket}") for ticket in opened]


def test_each_ticket_loads_what_it_needs_anew(bench: Bench) -> None:
    seen: list[int] = []

    def work(ticket: Any) -> None:
        session: Session | None = bench.current
        assert session is not None
        seen.append(len(session.identity_map))
        session.get(Ticket, ticket.id)

    grouped(bench, call=work)
    for _ in range(3):
        bench.open("T.many")
    assert run(bench, gather(bench)).kept
    assert seen == [0, 0, 0]


def test_a_group_ends_when_its_time_is_up_and_what_did_not_begin_is_given_back(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    grouped(bench)
    opened = [bench.open("T.many") for _ in range(4)]
    monkeypatch.setitem(SECONDS, bench.engine.dialect.name, 0.0)
    ended = run(bench, gather(bench))
    assert (ended.kept, ids(ended.ran), ids(ended.rest)) == (True, opened[:1], opened[1:])
    ended_well(bench, opened[:1])


def test_a_wish_to_stop_ends_a_group_after_its_ticket(bench: Bench) -> None:
    grouped(bench)
    opened = [bench.open("T.many") for _ in range(4)]
    ended = run_together(bench.runner, gather(bench), enough=lambda: len(effects_now(bench)) == 2)
    assert (ended.kept, ids(ended.ran), ids(ended.rest)) == (True, opened[:2], opened[2:])


def effects_now(bench: Bench) -> list[Any]:
    assert bench.current is not None
    return list(bench.current.execute(text("SELECT * FROM effect")))


def test_a_drain_begins_with_small_groups_and_takes_what_fits_in_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SECONDS, "postgresql", 0.5)
    groups = Groups(Registry())
    assert groups.size == FIRST
    groups.took(FIRST, 0.001, "postgresql")
    assert groups.size == 4 * FIRST
    groups.took(40, 0.004, "postgresql")
    assert groups.size == MOST
    groups.took(100, 10.0, "postgresql")
    assert groups.size == 2
    groups.took(2, 0.1, "postgresql")
    assert groups.size == 5


def test_a_failure_is_reported_once_and_what_was_logged_before_says_that_it_was_rolled_back(
    bench: Bench,
) -> None:
    lines: list[tuple[int, str]] = []
    reported: list[tuple[str, int, str]] = []

    class Ears(Silent):
        def log(self, claimed: Claimed, level: int, message: str) -> None:
            lines.append((claimed.id, message))

    def talks(ticket: Any) -> None:
        ticket.log("here")
        if ticket.id == bad:
            raise ValueError("no luck")

    bench.runner.witness = Ears()
    bench.runner.on_error = lambda error, ticket, verb: reported.append((str(error), ticket.id, verb))
    grouped(bench, call=note(bench, talks))
    good, bad = bench.open("T.many"), bench.open("T.many")
    assert not run(bench, gather(bench)).kept
    assert reported == [("no luck", bad, "back off")]
    told = "rolled back with its group (ValueError in one of them): it runs again, by itself"
    assert [text for ticket, text in lines if ticket == good] == ["here", told, "here"]
    assert [text for ticket, text in lines if ticket == bad] == ["here", told, "here"]
    ended_well(bench, [good])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"lane": "customer:{root_id}"}, "a lane runs one ticket"),
        ({"transactional": False}, "transactional=False exclude each other"),
        ({"commit": "often"}, "must be 'ticket' or 'group', not 'often'"),
    ],
)
def test_a_declaration_that_cannot_be_grouped_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(RegistryError, match=told):
        Declaration(**{"name": "T.many", "sort": "target", "callables": (), "commit": "group"} | options)
