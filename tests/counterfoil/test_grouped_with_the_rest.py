"""Batches, encrypted params, hooks of a kind and collected records of tickets that share a commit (R9)."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, ForeignKey, MetaData, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from counterfoil import Ticket, catalogue, collect, keyring, open_batch, open_ticket, processor, target
from counterfoil.gathering import MOST, SECONDS, Groups
from counterfoil.grouped import Ended, run_together
from counterfoil.keyring import fresh, parse
from counterfoil.registry import registry
from tests.counterfoil.core import Bench
from tests.counterfoil.firm import firm

SECRET = "canary-4929-1374"
OWN = MetaData()
CALLS: list[tuple[str, str]] = []


class ParcelTicket(Ticket):
    """A kind that notes when its hooks are called, and in its own column how far it came."""

    __tablename__ = "parcel_tickets"
    metadata = OWN
    __mapper_args__ = {"polymorphic_identity": "grouped parcel"}

    id: Mapped[int] = mapped_column(ForeignKey(Ticket.id, ondelete="CASCADE"), primary_key=True)
    name: Mapped[str]
    stage: Mapped[str] = mapped_column(default="opened")

    def before_run(self) -> None:
        CALLS.append(("before", self.name))
        self.stage += " begun"

    def after_done(self, receipt: Any) -> None:
        CALLS.append(("after", self.name))
        self.stage += " sent"

    def handle_perform_error(self, error: BaseException) -> None:
        CALLS.append(("failed", self.name))
        self.stage += " jammed"


@pytest.fixture
def house(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setitem(SECONDS, engine.dialect.name, 60.0)
    CALLS.clear()
    with firm(engine, known=False) as made:
        keyring.adopt(parse(fresh("first")))
        ParcelTicket.__table__.create(engine)  # type: ignore[attr-defined]
        bench = made.bench = Bench(engine)
        bench.registry = bench.runner.registry = registry

        @processor("Index.customers")
        def index(customers: list[Any]) -> None:
            """Never run here."""

        @target("Parcel.pack", commit="group", max_attempts=2)
        def pack(ticket: Any, *, card: str = "", jams: bool = False) -> str:
            session = bench.current
            assert session is not None
            for customer in session.query(made.Customer).order_by(made.Customer.id):
                collect(session, index, customer)
            open_ticket(session, made.send, to=f"ticket {ticket.id}")
            if jams:
                raise ValueError(f"no room for {card}")
            return f"packed {card}"

        made.pack = pack
        with engine.begin() as connection:
            catalogue.write(connection, registry, "1")
        yield made


def run(bench: Bench) -> Ended:
    """Claim all that follow one another and run them together; one by one if that fails."""
    drain, groups = bench.lease(), Groups(registry)
    groups.size = MOST
    first = bench.claim(drain)
    assert first is not None
    with bench.engine.connect() as connection:
        gathered = groups.gather(connection, drain, first, MOST)
    ended = run_together(bench.runner, gathered)
    for claimed in ended.rest if ended.kept else (*ended.ran, *ended.rest):
        bench.runner.run_again(claimed)
    return ended


@pytest.mark.parametrize("jams", [False, True])
def test_each_of_a_group_keeps_its_batch_its_secret_its_hooks_and_what_it_collected(
    house: Any, session: Session, jams: bool
) -> None:
    session.add_all([house.Customer(name="Ada"), house.Customer(name="Bob")])
    may, june = open_batch(session, "May"), open_batch(session, "June")
    card = {"card": SECRET}
    ids = []
    for kind, options in (
        (Ticket, {"batch": may}),
        (Ticket, {"batch": june, "params": card, "encrypted": True}),
        (ParcelTicket, {"name": "well"}),
        (ParcelTicket, {"name": "ill", "params": card | {"jams": jams}, "encrypted": True}),
        (Ticket, {"batch": june}),
    ):
        ticket = kind(view_model=house.pack, **options)
        session.add(ticket)
        session.flush()
        ids.append(ticket.id)
    batches = dict(zip(ids, (may.id, june.id, None, None, june.id), strict=True))
    session.commit()

    ended = run(house.bench)
    assert ended.kept is not jams
    assert len(ended.tickets) == 5, "they do share a transaction"

    done = [id_ for id_ in ids if not (jams and id_ == ids[3])]
    rows = {id_: house.bench.row(id_) for id_ in ids}
    assert [id_ for id_ in ids if rows[id_].state == "done"] == done
    assert {rows[id_].attempts for id_ in ids} == {1}
    assert "packed ********" in str(rows[ids[1]].receipt)
    assert all(SECRET not in str(tuple(row)) for row in rows.values())
    opened = house.bench.all(
        "SELECT view_model, parent_id, batch_id FROM counterfoil_tickets WHERE parent_id IS NOT NULL"
    )
    assert sorted((name, parent, batch) for name, parent, batch in opened) == sorted(
        (name, id_, batches[id_]) for name in ("Index.customers", "Mail.send") for id_ in done
    )
    elements = house.bench.all(
        "SELECT t.parent_id, e.element_id FROM counterfoil_tickets t "
        "JOIN counterfoil_elements e ON e.ticket_id = t.id ORDER BY t.parent_id, e.position"
    )
    assert [tuple(row) for row in elements] == [(id_, f"Customer!{n}") for id_ in done for n in (1, 2)]
    stages = {row.name: row.stage for row in session.execute(select(ParcelTicket.name, ParcelTicket.stage))}
    together = [("before", "well"), ("after", "well"), ("before", "ill")]
    if jams:
        assert stages == {"well": "opened begun sent", "ill": "opened jammed"}
        assert [*together, *together, ("failed", "ill")] == CALLS
        assert "no room for ********" in rows[ids[3]].error
    else:
        assert stages == {"well": "opened begun sent", "ill": "opened begun sent"}
        assert [*together, ("after", "ill")] == CALLS
