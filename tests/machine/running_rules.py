"""Rules of running: drains that bells or chance begin, workers that die or come back too late."""

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import text

from counterfoil import settle
from counterfoil.claim import claim
from counterfoil.clock import after
from counterfoil.errors import Failure
from counterfoil.lease import end_lease, renew_lease, revive_lease
from tests.machine.application import QUEUES
from tests.machine.house import House
from tests.machine.model import LEASE
from tests.machine.opening_rules import PICKS

WHICH = st.sampled_from(QUEUES)


class Running:
    """A mixin of rules."""

    house: House

    @rule(queue=WHICH, tickets=st.sampled_from([1, 2, 5, 1000]))
    def drain(self, queue: str, tickets: int) -> None:
        house = self.house
        if (lease := house.lease(queue)) is None:
            return
        house.drains.drain(lease, tickets)
        with house.engine.begin() as connection:
            end_lease(connection, lease.id)
        del house.model.leases[lease.id]
        if {"left_over": True} in house.drains.said:
            house.bells.ring(queue)
            return
        rows = house.rows()
        left = [ticket for ticket in house.model.candidates(queue) if rows[ticket.id].turn]
        assert not left, f"a drain ended before {left}"

    @rule(queue=WHICH)
    def answer_a_bell(self, queue: str) -> None:
        if self.house.bells.answer(queue):
            self.drain(queue=queue, tickets=1000)

    @rule(queue=WHICH, how=st.sampled_from(["lose", "double", "reorder"]))
    def spoil_a_bell(self, queue: str, how: str) -> None:
        getattr(self.house.bells, how)(queue)

    @rule()
    def flush_redis(self) -> None:
        self.house.bells.flush()

    @rule(queue=WHICH)
    def claim_and_be_gone(self, queue: str) -> None:
        """The worker dies, or is cut off; its lease runs on."""
        house = self.house
        if (lease := house.lease(queue)) is None:
            return
        with house.engine.connect() as connection:
            claimed = claim(connection, lease)
            if claimed is not None:
                house.on_claim(claimed)
                house.drains.groups().gather(connection, lease, claimed, 1000)

    @rule(pick=PICKS)
    def cut_off(self, pick: int) -> None:
        """A lease runs out, and nothing else."""
        if not (leases := list(self.house.model.leases.values())):
            return
        lease = leases[pick % len(leases)]
        past = after(self.house.engine.dialect.name, "-60")
        with self.house.engine.begin() as connection:
            for table, key in (("drains", "id"), ("slots", "drain_id")):
                connection.execute(
                    text(f"UPDATE counterfoil_{table} SET until = {past} WHERE {key} = :id"), {"id": lease.id}
                )
        lease.until = self.house.model.now - 1

    @rule(pick=PICKS, revive=st.booleans())
    def renew(self, pick: int, revive: bool) -> None:
        """One that ran out is not renewed; it is taken up again while its slot is its own."""
        house = self.house
        if not (leases := list(house.model.leases.values())):
            return
        lease = leases[pick % len(leases)]
        with house.engine.begin() as connection:
            held = renew_lease(connection, lease.id, LEASE * 60)
        assert held == (lease.until > house.model.now)
        if not held and revive:
            with house.engine.connect() as connection:
                held = revive_lease(connection, lease.id, LEASE * 60)
                connection.commit() if held else connection.rollback()
        if held:
            lease.until = house.model.now + LEASE

    @rule(pick=PICKS, old=PICKS)
    def finish_late(self, pick: int, old: int) -> None:
        """A worker runs its claim to the end, however long ago it was, and whatever has become of it."""
        house = self.house
        if (found := self._claim(pick, old)) is None:
            return
        ticket, claimed = found
        before = house.rows().get(ticket.id)
        house.queue = claimed.queue
        current = ticket.state == "running" and ticket.fence == claimed.fence
        outcome = house.drains.runner.run(claimed)
        assert current or outcome.verb == "lost", f"{outcome.verb} by a past fence: {ticket}"
        assert current or _same(house.rows().get(ticket.id), before), "a past fence changed its ticket"

    @rule(
        pick=PICKS, old=PICKS,
        verb=st.sampled_from(["postpone", "give back", "back off", "error", "fail", "expire"]),
    )  # fmt: skip
    def settle_by_a_fence(self, pick: int, old: int, verb: str) -> None:
        """The single moves of a worker and its parent, by any fence that there ever was."""
        house = self.house
        if (found := self._claim(pick, old)) is None:
            return
        ticket, claimed = found
        before = house.rows().get(ticket.id)
        this = (claimed.id, claimed.fence)
        failure = Failure("run", "no luck", fingerprint="no luck")
        with house.engine.begin() as connection:
            match verb:
                case "postpone":
                    held = settle.postpone(connection, *this, 1800, "not now")
                case "give back":
                    held = settle.give_back(connection, *this)
                case "back off" | "error":
                    reached = settle.fail_attempt(connection, *this, failure, final=verb == "error")
                    held, verb = reached is not None, "error" if reached == "errored" else "back off"
                case "fail":
                    held = settle.fail_by_work(connection, *this, failure)
                case _:
                    held = settle.expire_claimed(connection, *this)
        current = ticket.state == "running" and ticket.fence == claimed.fence
        assert held == current, f"{verb} by {'the' if current else 'a past'} fence: {held}"
        if not held:
            assert _same(house.rows().get(ticket.id), before), "a past fence changed its ticket"
            return
        if verb in ("back off", "error"):
            assert (verb == "error") or ticket.attempts < ticket.max_attempts
        house.life.settle(ticket, verb)

    def _claim(self, pick: int, old: int):  # type: ignore[no-untyped-def]
        """A ticket that was claimed, and one of its claims."""
        tickets = [ticket for ticket in self.house.model.tickets.values() if ticket.fences]
        if not tickets:
            return None
        ticket = tickets[-1 - pick % len(tickets)]
        return ticket, ticket.fences[-1 - old % len(ticket.fences)]


def _same(row: object, before: object) -> bool:
    """Whether a row is as it was; `clock`, its last column, goes on."""
    if row is None or before is None:
        return row is before
    return tuple(row)[:-1] == tuple(before)[:-1]  # type: ignore[arg-type]
