"""Rules of opening: committed, rolled back, in savepoints, once by a token, at most one by a guard."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule
from sqlalchemy import text
from sqlalchemy.orm import Session

from counterfoil import open_ticket
from counterfoil.batch_opening import open_batch, seal
from counterfoil.staged import release
from tests.machine.application import Thing
from tests.machine.house import House
from tests.machine.model import DEADLINES, DELAYS, Known, Packages

PICKS = st.integers(0, 30)
ENDINGS = st.sampled_from(
    [("done",), ("raise",), ("postpone", "done"), ("raise", "done"), ("fail",), ("postpone",), ("open",)]
)
WAYS = st.sampled_from(["commit"] * 6 + ["release", "rollback", "savepoint"])
VIEW_MODELS = st.sampled_from(["M.work", "M.right", "M.group"] * 3 + ["M.unmet", "M.foreign", "M.nobody"])
LANES = st.sampled_from([None, "one", "two"])
PRIORITIES = st.sampled_from([None, 1, 9])


class Opening:
    """A mixin of rules."""

    house: House

    @initialize(plans=st.lists(st.tuples(VIEW_MODELS, ENDINGS, LANES), min_size=2, max_size=5))
    def open_some(self, plans: list[tuple[str, tuple[str, ...], str | None]]) -> None:
        """So that there is something to act on from the first step."""
        for view_model, endings, lane in plans:
            self._open(view_model, endings, None, None, "commit", lane=lane)

    @rule(
        view_model=VIEW_MODELS,
        endings=ENDINGS, lane=LANES, delay=st.sampled_from(DELAYS), deadline=st.sampled_from(DEADLINES),
        priority=PRIORITIES, staged=st.integers(0, 5), batch=PICKS, way=WAYS,
    )  # fmt: skip
    def open_one(
        self, view_model: str, endings: tuple[str, ...], lane: str | None, delay: float | None,
        deadline: float | None, priority: int | None, staged: int, batch: int, way: str,
    ) -> None:  # fmt: skip
        if delay is not None and deadline is not None and deadline < delay:
            deadline = None
        batches = [None, None, None, *self.house.model.batches]
        options: dict[str, Any] = {"lane": lane, "priority": priority, "staged": staged == 5}
        self._open(view_model, endings, delay, deadline, way, batch=batches[batch % len(batches)], **options)

    @rule(
        token=st.sampled_from(["red", "blue"]), endings=ENDINGS, deadline=st.sampled_from(DEADLINES), way=WAYS
    )
    def open_once(self, token: str, endings: tuple[str, ...], deadline: float | None, way: str) -> None:
        there = self.house.model.holder_of_token("M.work", token)
        self._open("M.work", endings, None, deadline, way, there, idempotence_token=token)

    @rule(key=st.sampled_from(["sun", "moon"]), delay=st.sampled_from(DELAYS), lane=LANES, way=WAYS)
    def open_guarded(self, key: str, delay: float | None, lane: str | None, way: str) -> None:
        model = self.house.model
        there = model.waits_already(key, model.now + (delay or 0), None)
        self._open("M.work", ("done",), delay, None, way, there, guard=key, lane=lane)

    @rule(endings=st.sampled_from([None, ("done",)]), lane=LANES)
    def open_by_plain_sql(self, endings: tuple[str, ...] | None, lane: str | None) -> None:
        params = None if endings is None else '{"endings": ["done"]}'
        insert = (
            "INSERT INTO counterfoil_tickets (view_model, params, lane) "
            "VALUES ('M.work', {}, :lane) RETURNING id"
        )
        postgresql = self.house.engine.dialect.name == "postgresql"
        with self.house.engine.begin() as connection:
            clause = text(insert.format("CAST(:params AS jsonb)" if postgresql else ":params"))
            made = connection.execute(clause, {"params": params, "lane": lane}).scalar_one()
        self._known(Known(made, "M.work", "left", self.house.model.now, endings, lane=lane))

    @rule(expected=st.sampled_from([None, 0, 2]), follow_up=st.booleans())
    def open_batch(self, expected: int | None, follow_up: bool) -> None:
        more = {"follow_up": "M.work", "follow_up_params": {"endings": ["done"]}} if follow_up else {}
        with Session(self.house.engine) as session:
            made = open_batch(session, "some", expected=expected, **more).id
            session.commit()
        self.house.model.batches[made] = Packages(made, expected, follow_up)

    @rule(pick=PICKS)
    def seal_a_batch(self, pick: int) -> None:
        if not (batches := list(self.house.model.batches.values())):
            return
        batch = batches[pick % len(batches)]
        with Session(self.house.engine) as session:
            seal(session, batch.id)
            session.commit()
        batch.sealed = True

    @rule(pick=PICKS, committed=st.booleans())
    def the_application_releases(self, pick: int, committed: bool) -> None:
        if not (tickets := list(self.house.model.tickets.values())):
            return
        ticket = tickets[pick % len(tickets)]
        held = not ticket.gone and ticket.state == "held"
        with Session(self.house.engine) as session:
            if not ticket.gone:  # a purged one is not found, and one that is refused is read by nobody
                assert release(session, ticket.id) == held
            if committed:
                session.commit()
        if held and committed:
            self.house.life.release(ticket)
            ticket.moves += 1

    def _open(
        self, view_model: str, endings: tuple[str, ...], delay: float | None, deadline: float | None,
        way: str, there: Known | None = None, **options: Any,
    ) -> None:  # fmt: skip
        """Open in one of the ways; `there`: the ticket that makes another one needless."""
        house = self.house
        unmet = view_model == "M.unmet"
        given = {"params": {} if unmet else {"endings": list(endings)}} | options
        for name, minutes in (("execute_earliest", delay), ("expires_at", deadline)):
            given[name] = None if minutes is None else timedelta(minutes=minutes)
        with Session(house.engine) as session:
            given["root"] = session.get(Thing, 1) if unmet else None
            inner = session.begin_nested() if way in ("release", "savepoint") else None
            ticket = open_ticket(session, view_model, **given)
            session.flush()
            made = ticket.id if ticket.waiting_id is None else ticket.waiting_id
            queue, most = ticket.queue, ticket.max_attempts
            if inner is not None:
                inner.commit() if way == "release" else inner.rollback()
            if way != "rollback":
                session.commit()
        if there is not None:
            assert made == there.id, f"{made} stood in the way, not {there}"
            return
        assert made not in house.model.tickets, (
            f"{made} was taken for a ticket that does not make it needless"
        )
        if way in ("rollback", "savepoint"):
            return
        now = house.model.now
        known = Known(made, view_model, "right" if view_model == "M.right" else "left", now, endings)
        known.max_attempts = {"M.work": 3, "M.right": 2, "M.group": 3}.get(view_model, 5)
        if view_model == "M.nobody":
            known.queue, known.max_attempts, known.endings = queue, most, None  # until it is known
        known.earliest = None if delay is None else now + delay
        known.expires = None if deadline is None else now + deadline
        known.lane, known.priority = options.get("lane"), options.get("priority")
        if known.priority is None and view_model != "M.nobody":
            known.priority = 5
        known.batch, known.token = options.get("batch"), options.get("idempotence_token")
        known.guard = options.get("guard")
        if options.get("staged"):
            known.state = "held"
        self._known(known)

    def _known(self, ticket: Known) -> None:
        self.house.model.tickets[ticket.id] = ticket
        self.house.model.decide(ticket)
        self.house.life.reopen(ticket)
