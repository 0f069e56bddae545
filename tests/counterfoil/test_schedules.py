"""Recurring tickets: declared, written, planted once, caught up, opened per result (O26, F15)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, literal, select, text, update
from sqlalchemy.orm import Session

from counterfoil import Ticket, catalogue, planting, schedule, target
from counterfoil.acts import Actor, Refused
from counterfoil.clock import later
from counterfoil.columns import Utc, utc_text
from counterfoil.declaration import RegistryError
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.schedule_acts import pause_schedule, resume_schedule, run_now
from counterfoil.tables import Process, ScheduleRecord, TrailEntry
from tests.counterfoil.firm import firm

HOUR = timedelta(hours=1)
OTTO = Actor("otto", "console")


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """It stands, in the middle of this minute: a fire that came meanwhile would be one more."""
    now = datetime.now(UTC).replace(second=30, microsecond=0)
    words = {"postgresql": f"CAST('{now.isoformat()}' AS timestamptz)", "sqlite": f"'{utc_text(now)}'"}
    monkeypatch.setattr(planting, "stamp", lambda: literal(now, Utc()))
    monkeypatch.setattr(planting, "MOMENT", words)
    monkeypatch.setattr(planting, "_due", planting._due.__wrapped__)
    return now


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine, known=False) as made:
        yield made


def declared(engine: Engine, **options: Any) -> str:
    """The schedule `often`, each minute, written to the tables as by a worker."""
    schedule("often", **({"cron": "* * * * *", "view_model": "Mail.send"} | options))
    write(engine)
    return "often"


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        catalogue.write(connection, registry, "1")


def set_back(engine: Engine, by: timedelta) -> datetime:
    """As after an outage: the next fire was so long ago; the fire that it is."""
    with engine.begin() as connection:
        now = connection.execute(select(planting.stamp())).scalar_one()
        fire = planting.next_fire("* * * * *", "UTC", now - by)
        connection.execute(update(ScheduleRecord).values(next_at=fire))
    assert fire is not None
    return fire


def plant(engine: Engine) -> int:
    with engine.begin() as connection:
        return sum(planting.plant(connection, row) for row in planting.due(connection))


def row(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(ScheduleRecord.__table__)).one()


def tickets(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(Ticket.__table__).order_by(Ticket.id)))


def test_a_fire_plants_one_ordinary_ticket_due_at_its_time(host: Any, engine: Engine) -> None:
    declared(engine, params={"to": "ada"})
    assert plant(engine) == 0, "never for the past"
    fire = set_back(engine, timedelta(minutes=1))
    assert plant(engine) == 1
    assert plant(engine) == 0
    (ticket,) = tickets(engine)
    assert (ticket.view_model, ticket.params, ticket.execute_earliest) == ("Mail.send", {"to": "ada"}, fire)
    assert (ticket.opened_by, ticket.opened_via) == ("schedule often", "schedule")
    standing = row(engine)
    assert (standing.last_ticket_id, standing.last_fire_at) == (ticket.id, fire)
    assert standing.next_at == fire + timedelta(minutes=1)


def test_two_schedulers_that_act_at_once_plant_one(host: Any, engine: Engine) -> None:
    declared(engine)
    set_back(engine, timedelta(minutes=1))
    with engine.connect() as connection:
        (one,), (other,) = planting.due(connection), planting.due(connection)
    for each in (one, other):
        with engine.begin() as connection:
            planting.plant(connection, each)
    assert len(tickets(engine)) == 1


def test_a_fire_is_not_planted_again_when_its_time_is_set_back_by_hand(host: Any, engine: Engine) -> None:
    declared(engine)
    set_back(engine, timedelta(minutes=1))
    planted = plant(engine)
    with engine.begin() as connection:
        connection.execute(update(ScheduleRecord).values(next_at=ScheduleRecord.last_fire_at))
    assert (planted, plant(engine)) == (1, 0)


@pytest.mark.parametrize(("catch_up", "planted"), [("one", 1), ("all", 60), ("none", 1)])
def test_after_an_hour_without_a_scheduler_the_catch_up_rule_holds(
    host: Any, engine: Engine, catch_up: str, planted: int
) -> None:
    declared(engine, catch_up=catch_up)
    first = set_back(engine, HOUR)
    plant(engine)
    made = tickets(engine)
    # A fire of the last two minutes is in time, and not caught up.
    assert len(made) == planted
    assert made[-1].execute_earliest > first + timedelta(minutes=57)
    assert row(engine).next_at > made[-1].execute_earliest
    assert plant(engine) == 0


def test_what_is_none_is_not_caught_up_at_all_when_it_is_late(host: Any, engine: Engine) -> None:
    declared(engine, cron="0 0 1 1 *", catch_up="none")
    with engine.begin() as connection:
        connection.execute(update(ScheduleRecord).values(next_at=datetime(2024, 1, 1, tzinfo=UTC)))
    assert plant(engine) == 0
    assert row(engine).next_at > datetime.now(UTC) - timedelta(days=1)


def test_all_of_a_long_outage_is_planted_look_by_look(host: Any, engine: Engine) -> None:
    declared(engine, catch_up="all")
    set_back(engine, 3 * HOUR)
    looks = [plant(engine), plant(engine), plant(engine)]
    assert looks[0] == planting.MOST_AT_ONCE
    assert (sum(looks), looks[2]) == (180, 0)
    assert len({ticket.execute_earliest for ticket in tickets(engine)}) == 180


def test_the_codes_definition_wins_and_the_operators_pause_stays(host: Any, engine: Engine) -> None:
    declared(engine)
    with engine.begin() as connection:
        pause_schedule(connection, "often", OTTO, "the printer is away")
    waits = set_back(engine, HOUR)
    write(engine)
    assert row(engine).next_at == waits, "a worker's start passes over no fire"
    registry.schedules.clear()
    declared(engine, cron="0 3 * * *", zone="Europe/Berlin")
    standing = row(engine)
    assert (standing.cron, standing.zone) == ("0 3 * * *", "Europe/Berlin")
    assert standing.next_at > datetime.now(UTC) - HOUR, "another line fires never for the past"
    assert (standing.paused, standing.paused_by, standing.paused_reason) == (
        True,
        "otto",
        "the printer is away",
    )


def test_while_it_is_paused_or_declared_by_nobody_its_fires_pass(host: Any, engine: Engine) -> None:
    declared(engine)
    with engine.begin() as connection:
        pause_schedule(connection, "often", OTTO, "why", datetime(2099, 1, 1, tzinfo=UTC))
    set_back(engine, HOUR)
    assert plant(engine) == 0
    assert row(engine).next_at > datetime.now(UTC) - HOUR
    with engine.begin() as connection:
        resume_schedule(connection, "often", OTTO)
        connection.execute(update(ScheduleRecord).values(known_until=later(-HOUR)))
    set_back(engine, timedelta(minutes=1))
    assert plant(engine) == 1, "no worker lives: that is an outage, not a new version of the code"
    with engine.begin() as connection:
        connection.execute(Process.__table__.insert().values(name="w", sort="worker", seen_until=later(HOUR)))
    set_back(engine, timedelta(minutes=3))
    assert plant(engine) == 0


def test_an_operators_acts_stand_in_the_trail_and_refuse_what_makes_no_sense(
    host: Any, engine: Engine
) -> None:
    declared(engine, params={"to": "ada"})
    with engine.begin() as connection:
        pause_schedule(connection, "often", OTTO, "why")
        planted = run_now(connection, "often", OTTO, "the file came late", seen=0)
    with engine.begin() as connection, pytest.raises(Refused, match=f"has planted ticket {planted}"):
        run_now(connection, "often", OTTO, seen=0)
    with engine.begin() as connection:
        resume_schedule(connection, "often", OTTO)
        with pytest.raises(Refused, match="is not paused"):
            resume_schedule(connection, "often", OTTO)
        with pytest.raises(Refused, match="there is no schedule 'nightly'; there are: often"):
            run_now(connection, "nightly", OTTO)
    with engine.connect() as connection:
        query = select(TrailEntry.verb, TrailEntry.actor, TrailEntry.subject, TrailEntry.reason)
        told = [tuple(each) for each in connection.execute(query.order_by(TrailEntry.id))]
    assert told == [
        ("pause", "otto", "schedule often", "why"),
        ("run-now", "otto", "schedule often", "the file came late"),
        ("resume", "otto", "schedule often", None),
    ]
    (ticket,) = tickets(engine)
    assert (ticket.id, ticket.params, ticket.opened_by, ticket.execute_earliest) == (
        planted, {"to": "ada"}, "otto", None,
    )  # fmt: skip


def test_a_query_opens_one_ticket_per_result_on_a_worker(
    host: Any, engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("counterfoil.recurring.CHUNK", 2)
    session.add_all([host.Customer(name=name) for name in ("a", "b", "c", "d", "out")])
    session.commit()
    greeter = host.Customer.ViewModels.TheGreeter
    wanted = select(host.Customer).where(host.Customer.name != "out").order_by(host.Customer.id)
    declared(engine, view_model=greeter, each=wanted)
    schedule(
        "mails", cron="* * * * *", view_model=host.send, params={"to": "?"}, each=lambda s: [{"to": "x"}, {}]
    )
    write(engine)
    set_back(engine, timedelta(minutes=1))
    assert plant(engine) == 2
    assert [ticket.view_model for ticket in tickets(engine)] == ["schedule.mails", "schedule.often"]
    ran = [(each.view_model, each.verb) for each in run_pending(session)]
    assert ran[:2] == [("schedule.mails", "finish"), ("schedule.often", "finish")]
    assert sorted(ran[2:]) == [("Mail.send", "finish")] * 2 + [("TheGreeter", "finish")] * 4
    mails, often = session.scalars(
        select(Ticket).where(Ticket.view_model.like("schedule.%")).order_by(Ticket.id)
    )
    assert (often.receipt, mails.receipt) == ("4 opened", "2 opened")
    opened = session.scalars(select(Ticket).where(Ticket.parent_id == often.id).order_by(Ticket.id)).all()
    assert [ticket.root_label for ticket in opened] == [f"customer {name}" for name in "abcd"]
    assert sorted(t.params["to"] for t in session.scalars(select(Ticket).filter_by(parent_id=mails.id))) == [
        "?",
        "x",
    ]


def test_a_result_whose_ticket_waits_already_gets_no_second_one(
    host: Any, engine: Engine, session: Session
) -> None:
    customer = host.Customer()
    session.add_all([customer, host.Customer()])
    session.flush()
    session.add(Ticket(root=customer, view_model="Customer.assign_number", guard=True))
    session.commit()
    declared(engine, view_model="Customer.assign_number", each=select(host.Customer))
    session.execute(text("UPDATE counterfoil_queues SET paused = true WHERE name = 'numbers'"))
    session.commit()
    set_back(engine, timedelta(minutes=1))
    plant(engine)
    run_pending(session)
    planted = session.scalars(select(Ticket).filter_by(view_model="schedule.often")).one()
    assert planted.receipt == "1 opened, 1 waited already"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"cron": "0 3 * *"}, "has 4 fields"),
        ({"zone": "Mars"}, "no time zone"),
        ({"view_model": "Nobody.knows"}, "no view model 'Nobody.knows' is registered"),
        ({"view_model": "Customer.assign_number"}, "give each="),
        ({"params": {"from": 1}}, "unexpected keyword argument 'from'"),
        ({"params": {"to": object()}}, "to"),
        ({"view_model": "Mail.seal", "params": {"to": "ada"}}, "are encrypted"),
        ({"catch_up": "some"}, "catch_up must be"),
        ({"name": "a/b"}, "a name is 1 to 100"),
        (
            {"view_model": "TheGreeter", "each": lambda s: [], "params": {"x": 1}},
            "unexpected keyword argument 'x'",
        ),
    ],
)
def test_a_declaration_that_cannot_work_is_refused_by_name(
    host: Any, engine: Engine, options: dict[str, Any], words: str
) -> None:
    target("Mail.seal", encrypted=True)(lambda *, to: None)
    given = {"name": "often", "cron": "* * * * *", "view_model": "Mail.send"} | options

    def declare() -> None:
        schedule(given.pop("name"), **given)
        write(engine)

    with pytest.raises(RegistryError, match=words) as told:
        declare()
    assert str(told.value).startswith("schedule ")
    assert row_count(engine) == 0


def row_count(engine: Engine) -> int:
    with engine.connect() as connection:
        return len(connection.execute(select(ScheduleRecord.name)).all())


def test_a_name_is_declared_once_and_a_module_may_be_imported_twice(host: Any, engine: Engine) -> None:
    for _ in range(2):
        schedule("often", cron="* * * * *", view_model="Mail.send")
    with pytest.raises(RegistryError, match="is declared twice"):
        schedule("often", cron="0 * * * *", view_model="Mail.send")
    registry.freeze()
    with pytest.raises(RegistryError, match="frozen"):
        schedule("seldom", cron="0 * * * *", view_model="Mail.send")


def test_a_view_model_may_be_declared_after_its_schedule(host: Any, engine: Engine) -> None:
    schedule("often", cron="* * * * *", view_model="Later.work")
    target("Later.work")(lambda: None)
    write(engine)
    assert row(engine).view_model == "Later.work"
