"""Rules of bulk operations: asked, frozen, started, carried on in chunks of which some are lost, undone."""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import select

from counterfoil import operations
from counterfoil.operation_steps import SKIPPED
from counterfoil.tables import Operation, OperationItem
from tests.machine import refusals
from tests.machine.house import House
from tests.machine.life import LEAVES
from tests.machine.model import Bulk, Entry, Item
from tests.machine.opening_rules import PICKS
from tests.machine.operating_rules import BY, COMMITTED
from tests.machine.refusals import tried

CHUNK = 2
_ORDER = {"stopping": 0, "asked": 1, "started": 2}


class Operations:
    """A mixin of rules."""

    house: House
    acts: int = 0

    @rule(verb=st.sampled_from(operations.VERBS), pick=PICKS, number=st.integers(1, 6), committed=COMMITTED)
    def ask_for_many(self, verb: str, pick: int, number: int, committed: bool) -> None:
        tickets = [*self.house.model.tickets][::-1]
        if not (ids := sorted((tickets * 2)[pick % max(len(tickets), 1) :][:number])):
            return
        self.acts += 1
        token = f"the machine's token {self.acts}".replace(" ", "-").replace("'", "-")
        with self.house.transaction(committed) as connection:
            made = operations.ask(connection, verb, BY, token, ids=ids)
            assert operations.ask(connection, verb, BY, token, ids=ids) == made
        if committed:
            self.house.model.operations[made] = Bulk(made, verb, sorted(set(ids)))

    @rule(pick=PICKS)
    def start_many(self, pick: int) -> None:
        if (bulk := self._bulk(pick)) is None:
            return
        with self.house.transaction() as connection:
            _, code = tried(operations.start, connection, bulk.id, BY, "the machine", len(bulk.items))
        assert code == (None if bulk.state == "previewed" else "moved")
        if code is None:
            bulk.state = "started"

    @rule(pick=PICKS)
    def stop_many(self, pick: int) -> None:
        if (bulk := self._bulk(pick)) is None:
            return
        reached = {"started": "stopping", "previewed": "stopped", "asked": "stopped"}.get(bulk.state)
        with self.house.transaction() as connection:
            _, code = tried(operations.stop, connection, bulk.id, BY)
        assert code == ("moved" if reached is None else None)
        bulk.state = reached or bulk.state

    @rule(pick=PICKS)
    def undo_many(self, pick: int) -> None:
        if (bulk := self._bulk(pick)) is None:
            return
        open_ = [other.id for other in self._all() if other.undo_of is bulk and other.state in _ORDER]
        wanted = "argument" if bulk.verb == "undo" else None
        if wanted is None and not open_ and not bulk.count("changed"):
            wanted = "state"
        with self.house.transaction() as connection:
            made, code = tried(operations.undo, connection, bulk.id, BY, "a mistake")
        assert code == wanted
        if code is not None or open_:
            assert made is None or [made] == open_
            return
        if bulk.state == "started":
            bulk.state = "stopping"
        self.house.model.operations[made] = Bulk(made, "undo", [], undo_of=bulk)

    @rule(dies=st.sampled_from([False, False, True]))
    def carry_on(self, dies: bool) -> None:
        """One chunk; the scheduler may die in the middle of it."""
        open_ = sorted((bulk for bulk in self._all() if bulk.state in _ORDER), key=_place)
        with self.house.transaction(committed=not dies) as connection:
            worked = operations.work(connection)
        assert worked == bool(open_)
        if not open_ or dies:
            return
        bulk = open_[0]
        if bulk.state == "stopping":
            bulk.state = "stopped"
        elif bulk.state == "asked":
            self._freeze(bulk)
        else:
            self._step(bulk)

    def carry_on_until_nothing_is_open(self) -> None:
        """The operator's duty in a beat."""
        while any(bulk.state in _ORDER for bulk in self._all()):
            self.carry_on(dies=False)

    def compare_operations(self) -> None:
        """Each one stands as the model says."""
        columns = [Operation.id, Operation.state, Operation.changed, Operation.skipped, Operation.failed]
        with self.house.engine.connect() as connection:
            rows = [tuple(row) for row in connection.execute(select(*columns).order_by(Operation.id))]
        counted = ("changed", "skipped", "failed")
        assert rows == [(bulk.id, bulk.state, *map(bulk.count, counted)) for bulk in self._all()]

    def _freeze(self, bulk: Bulk) -> None:
        if bulk.undo_of is not None:
            changed = [item for item in bulk.undo_of.items if item.result == "changed"]
            bulk.items = [Item(item.ticket, item.moves, undoes=item.entry) for item in changed]
            bulk.state = "started"
            return
        bulk.state = "previewed"
        leaves = [state for state in LEAVES[bulk.verb] if (bulk.verb, state) != ("retry", "done")]
        for ticket in (self.house.model.tickets[one] for one in bulk.ids):
            if not ticket.gone:
                result = None if ticket.state in leaves else "skipped"
                bulk.items.append(Item(ticket.id, ticket.moves, result=result))

    def _step(self, bulk: Bulk) -> None:
        items = [item for item in bulk.items if item.result is None][:CHUNK]
        if not items:
            bulk.state = "done"
        for item in items:
            self._item(bulk, item)

    def _item(self, bulk: Bulk, item: Item) -> None:
        model, life = self.house.model, self.house.life
        ticket = model.tickets[item.ticket]
        if item.undoes is not None:
            code = refusals.of_undo(model, item.undoes)
        else:
            code = refusals.of_act(model, ticket, bulk.verb, "the machine", item.moves)
        if code is not None:
            item.result = "skipped" if code in SKIPPED else "failed"
        else:
            self.acts += 1
            told = ticket.told()
            if item.undoes is not None:
                life.undo(ticket, item.undoes.before, item.undoes.after)
            else:
                life.act(ticket, bulk.verb, self.acts)
            item.result = "changed"
        query = select(OperationItem.result, OperationItem.reason, OperationItem.trail_id).where(
            OperationItem.operation_id == bulk.id, OperationItem.ticket_id == item.ticket
        )
        with self.house.engine.connect() as connection:
            row = connection.execute(query).one()
        assert row.result == item.result, f"{bulk.verb} on {ticket}: {row}, the model says {code}"
        assert (row.reason is None) == (code is None)
        if code is None:
            item.entry = Entry(row.trail_id, bulk.verb, ticket.id, told, ticket.told(), ticket.moves)
            model.entries.append(item.entry)

    def _bulk(self, pick: int) -> Bulk | None:
        there = self._all()
        return there[-1 - pick % len(there)] if there else None

    def _all(self) -> list[Bulk]:
        return list(self.house.model.operations.values())


def _place(bulk: Bulk) -> tuple[int, int, int]:
    done = sum(item.result is not None for item in bulk.items) if bulk.state == "started" else 0
    return _ORDER[bulk.state], done, bulk.id
