"""Pauses of queues and view models, by a person or the product; routes; pool sizes. On both dialects."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text, update

from counterfoil import aside, catalogue, operations, target
from counterfoil.acts import Actor, Refused
from counterfoil.clock import later
from counterfoil.pauses import lift_over, pause_queue, pause_view_model, resume_view_model
from counterfoil.queue_sizes import set_size
from counterfoil.registry import Registry, registry
from counterfoil.routes import route_view_model
from counterfoil.tables import Operation, Queue, TrailEntry, Version, ViewModelRecord
from counterfoil.ticket import Ticket

ADA, CLOCK = Actor("ada", "console"), Actor("scheduler: ringer", "scheduler")
HOUR = timedelta(hours=1)
TOKEN = "a-token-of-a-form-0001"


@pytest.fixture
def known(engine: Engine) -> Engine:
    values = {"sort": "target", "known_until": later(HOUR)}
    with engine.begin() as connection:
        connection.execute(insert(ViewModelRecord).values(name="Order.print", **values))
        connection.execute(insert(ViewModelRecord).values(name="Order.send", **values))
    return engine


def open_(engine: Engine, view_model: str, **columns: Any) -> int:
    with engine.begin() as connection:
        made = insert(Ticket.__table__).values(view_model=view_model, **columns).returning(Ticket.id)
        return int(connection.execute(made).scalar_one())


def trail(engine: Engine) -> list[tuple[Any, ...]]:
    query = select(TrailEntry.actor, TrailEntry.verb, TrailEntry.subject, TrailEntry.reason)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(TrailEntry.id))]


def column(engine: Engine, what: str) -> list[Any]:
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT {what} FROM counterfoil_tickets ORDER BY id"))
        return list(found.scalars())


def test_tickets_of_a_paused_view_model_wait_aside_and_a_lane_s_other_goes_on(known: Engine) -> None:
    first = open_(known, "Order.print", lane="customer:1")
    other = open_(known, "Order.send", lane="customer:1")
    with known.begin() as connection:
        pause_view_model(connection, "Order.print", ADA, "prints nonsense")
        assert aside.set_aside(connection) == 1
    later_one = open_(known, "Order.print")
    assert column(known, "aside") == ["paused", None, "paused"]
    assert [bool(turn) for turn in column(known, "turn")] == [False, True, False]
    with known.begin() as connection:
        resume_view_model(connection, "Order.print", ADA, "mended")
        assert aside.set_back(connection) == 2
    assert column(known, "aside") == [None, None, None]
    assert [first, other, later_one] == sorted([first, other, later_one])
    assert trail(known) == [
        ("ada", "pause", "view model Order.print", "prints nonsense"),
        ("ada", "resume", "view model Order.print", "mended"),
    ]


def test_a_pause_whose_time_is_up_is_lifted_with_a_row_in_the_trail(known: Engine) -> None:
    open_(known, "Order.print")
    with known.begin() as connection:
        pause_view_model(connection, "Order.print", ADA, "until noon", later(-HOUR))  # type: ignore[arg-type]
        pause_view_model(connection, "Order.send", ADA, "until night", later(HOUR))  # type: ignore[arg-type]
        pause_queue(connection, "default", ADA, "until noon", later(-HOUR))  # type: ignore[arg-type]
        connection.execute(text("UPDATE counterfoil_tickets SET turn = false, aside = 'paused'"))
    with known.begin() as connection:
        assert lift_over(connection, CLOCK) == 2
        assert lift_over(connection, CLOCK) == 0
        aside.set_back(connection)
        paused = select(ViewModelRecord.name).where(ViewModelRecord.paused)
        assert list(connection.execute(paused).scalars()) == ["Order.send"]
    assert column(known, "aside") == [None]
    assert ("scheduler: ringer", "resume", "queue default", "its time was up") in trail(known)


@pytest.mark.parametrize("name", ["Order.prnit", "x" * 300])
def test_what_no_worker_has_registered_cannot_be_paused(known: Engine, name: str) -> None:
    with known.begin() as connection, pytest.raises(Refused, match=r"there are: .*print, .*send"):
        pause_view_model(connection, name, ADA, "why")


class Unspeakable:
    """An annotation that cannot be told."""

    def __repr__(self) -> str:
        raise RuntimeError("the module of this type is half imported")


def registered(broken: bool) -> Registry:
    with registry.scoped() as own:
        target("Order.print")(print_broken if broken else print_whole)
        target("Order.send")(print_whole)
        return Registry(dict(own.view_models), dict(own.root_classes))


def print_whole(*, order: int) -> None:
    pass


def print_broken(*, order: int) -> None:
    pass


print_broken.__annotations__["order"] = Unspeakable()


def test_what_cannot_be_loaded_is_paused_by_the_product_and_goes_on_when_it_is_mended(engine: Engine) -> None:
    with engine.begin() as connection:
        catalogue.write(connection, registered(broken=True), "2.0")
    waits, runs = open_(engine, "Order.print"), open_(engine, "Order.send")
    assert waits < runs
    assert column(engine, "aside") == ["paused", None]
    with engine.begin() as connection:
        told = select(ViewModelRecord.paused_reason).where(ViewModelRecord.name == "Order.print")
        assert "version 2.0" in (why := connection.execute(told).scalar_one())
        assert "half imported" in why
        catalogue.write(connection, registered(broken=True), "2.0")  # another worker of the same version
        catalogue.write(connection, registered(broken=False), "2.1")
        aside.set_back(connection)
        versions = connection.execute(select(Version.app_version, Version.view_models)).all()
    assert column(engine, "aside") == [None, None]
    assert [entry[:3] for entry in trail(engine)] == [
        ("counterfoil", "pause", "view model Order.print"),
        ("counterfoil", "resume", "view model Order.print"),
    ]
    assert {row.app_version: row.view_models for row in versions} == {
        "2.0": ["Order.send"],
        "2.1": ["Order.print", "Order.send"],
    }


def test_the_product_leaves_a_person_s_pause_alone(known: Engine) -> None:
    with known.begin() as connection:
        pause_view_model(connection, "Order.print", ADA, "prints nonsense")
        catalogue.write(connection, registered(broken=True))
        catalogue.write(connection, registered(broken=False))
        by = select(ViewModelRecord.paused, ViewModelRecord.paused_by)
        assert connection.execute(by.where(ViewModelRecord.name == "Order.print")).one() == (True, "ada")


def test_a_route_takes_new_tickets_at_once_and_moves_what_waits_as_an_operation(known: Engine) -> None:
    waits = open_(known, "Order.print", execute_earliest=later(HOUR))
    held, elsewhere = open_(known, "Order.print", state="held"), open_(known, "Order.print", queue="own")
    done = open_(known, "Order.print", state="done", queue="default", turn=False)
    with known.begin() as connection:
        number = route_view_model(connection, "Order.print", ADA, TOKEN, queue="slow", reason="floods")
    routed = open_(known, "Order.print")
    with known.begin() as connection:
        while connection.execute(select(Operation.state)).scalar_one() == "asked":
            operations.work(connection)
        assert connection.execute(select(Operation.matched)).scalar_one() == 2
        operations.start(connection, number, ADA, "floods", 2)
        while operations.work(connection):
            pass
    queues = dict(zip([waits, held, elsewhere, done, routed], column(known, "queue"), strict=True))
    assert queues == {waits: "slow", held: "slow", elsewhere: "own", done: "default", routed: "slow"}
    with known.begin() as connection:
        catalogue.write(connection, registered(broken=False))  # the code's queue does not win
        with pytest.raises(Refused, match="goes to queue slow already"):
            route_view_model(connection, "Order.print", ADA, TOKEN + "1", queue="slow")
        route_view_model(connection, "Order.print", ADA, TOKEN + "2", queue=None)
    assert column(known, "queue")[-1] == "slow"
    assert open_(known, "Order.print")
    assert column(known, "queue")[-1] == "default"


def test_pool_size_and_wanted_wait_are_checked_and_told(known: Engine) -> None:
    with known.begin() as connection:
        pause_queue(connection, "default", ADA)
        set_size(connection, "default", ADA, pool_size=4, target_wait_seconds=30, reason="the bank's limit")
        entry = select(TrailEntry.before, TrailEntry.after).order_by(TrailEntry.id.desc()).limit(1)
        before, after = connection.execute(entry).one()
        assert before == {"pool_size": None, "target_wait_seconds": 60}
        assert after == {"pool_size": 4, "target_wait_seconds": 30}
        for size, wait, name, word in (
            (0, 30, "default", "pause it"),
            (4, 0, "default", "wanted wait"),
            (4, 30, "default", "already"),
            (2, 30, "no-such", "there is no queue"),
        ):
            with pytest.raises(Refused, match=word):
                set_size(connection, name, ADA, pool_size=size, target_wait_seconds=wait)
        connection.execute(update(Queue).values(paused=False))
