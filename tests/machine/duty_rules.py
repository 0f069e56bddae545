"""Rules of time and of the scheduler: every duty is its own one, on a beat that the machine gives it."""

import time
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import text

from tests.machine.house import House
from tests.machine.model import FINAL, GRACE, JUMP, KEEP_TROUBLE, PUT_OFF, Known
from worker.scheduler.batches import Batches
from worker.scheduler.deadlines import Deadlines
from worker.scheduler.duty import Beat
from worker.scheduler.lifeline import Lifeline
from worker.scheduler.purger import Purger
from worker.scheduler.ringer import Ringer
from worker.scheduler.watch import Watch

DUTIES = {
    "ringer": Ringer, "lifeline": Lifeline, "deadlines": Deadlines, "batches": Batches, "purger": Purger,
}  # fmt: skip


class Duties:
    """A mixin of rules."""

    house: House

    def carry_on_until_nothing_is_open(self) -> None:
        """The operator's duty."""
        raise NotImplementedError

    @rule(jumps=st.sampled_from([1] * 5 + [int(1.5 * KEEP_TROUBLE / JUMP)]))
    def time_passes(self, jumps: int) -> None:
        self.house.pass_time(jumps * JUMP)

    @rule(word=st.sampled_from(sorted(DUTIES)))
    def duty(self, word: str) -> None:
        """One duty, as if the others were late; its scheduler is a new one."""
        watch = Watch(0.0, gap_seconds=float("inf"))
        watch.wrote(time.monotonic())
        self.house.bells.next_second()
        duty: Any = DUTIES[word]()
        duty.act(Beat(self.house.engine, self.house.settings, self.house.bells, watch))
        getattr(self, f"_{word}")()

    @rule()
    def beat(self) -> None:
        """All of them; then every due queue has its hint, and no lane is idle."""
        for word in DUTIES:
            self.duty(word=word)
        self.carry_on_until_nothing_is_open()
        self.duty(word="ringer")
        self.house.no_idle_lane()
        rows, model = self.house.rows(), self.house.model
        for queue in model.queues:
            if model.may_drain(queue) and any(rows[t.id].turn for t in model.candidates(queue)):
                assert self.house.bells.waiting(queue), f"{queue} has due tickets and no hint"
        for ticket in model.in_state("running"):
            assert model.has_lease(ticket), f"runs without a lease after a beat: {ticket}"

    def _ringer(self) -> None:
        model = self.house.model
        for pause in (*model.queues.values(), *model.view_models.values()):
            if not pause.holds(model.now):
                pause.on, pause.until = False, None
        for ticket in model.in_state("pending"):
            known = model.view_models.get(ticket.view_model)
            if ticket.aside is None and known is not None and known.on:
                ticket.aside, ticket.aside_since = "paused", model.now
            elif ticket.aside == "paused" and known is not None and not known.on:
                model.decide(ticket)
            elif ticket.aside == "unknown" and model.now - (ticket.aside_since or 0) > GRACE:
                self.house.life.settle(ticket, "error", kind="resolve")

    def _lifeline(self) -> None:
        running = self.house.model.in_state("running")
        drains = Counter(ticket.drain for ticket in running)
        for ticket in running:
            if self.house.model.has_lease(ticket):
                continue
            if drains[ticket.drain] > 1:  # a group: one at most was at its work
                self.house.life.settle(ticket, "give back")
            else:
                self.house.life.lapse(ticket)

    def _deadlines(self) -> None:
        for ticket in self.house.model.in_state("held", "pending"):
            if ticket.expires is not None and ticket.expires <= self.house.model.now:
                self.house.life.settle(ticket, "expire")

    def _batches(self) -> None:
        model = self.house.model
        for batch in model.batches.values():
            if batch.closed or not model.is_complete(batch, model.here()):
                continue
            batch.closed = True
            if batch.follow_up and not batch.followed:
                batch.followed = True
                made = self._one(
                    "SELECT follow_up_ticket_id FROM counterfoil_batches WHERE id = :id", batch.id
                )
                assert made not in model.tickets, f"the follow-up of {batch} is {made}"
                model.tickets[made] = Known(made, "M.work", "left", model.now, ("done",))
                model.decide(model.tickets[made])
        for batch in model.batches.values():
            closed = self._one("SELECT closed_at FROM counterfoil_batches WHERE id = :id", batch.id)
            assert (closed is not None) == batch.closed, f"closed at {closed}: {batch}"

    def _purger(self) -> None:
        model = self.house.model
        for ticket in model.in_state(*FINAL):
            assert ticket.delete is not None
            open_batch = ticket.batch is not None and not model.batches[ticket.batch].closed
            if ticket.delete > model.now:
                continue
            if open_batch:
                if ticket.kept is None:
                    ticket.delete = model.now + PUT_OFF
            elif ticket.kept is None or ticket.kept <= model.now:
                ticket.gone = True
                if ticket.batch is not None:
                    model.batches[ticket.batch].gone += 1

    def _one(self, sql: str, one: int) -> Any:
        with self.house.engine.connect() as connection:
            return connection.execute(text(sql), {"id": one}).scalar()
