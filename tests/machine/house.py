"""The house of the machine: the world and its model side by side, and the comparison of the two."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from counterfoil import lanes, ringing
from counterfoil.claimed import Claimed
from counterfoil.columns import EVIDENCE
from counterfoil.lease import DrainLease, take_lease
from tests import invariants
from tests.machine import world
from tests.machine.application import KNOWN, POOLS, QUEUES, Hosts
from tests.machine.bells import Bells
from tests.machine.drains import Drains
from tests.machine.life import Life
from tests.machine.model import LEASE, Known, Lease, Model, Pause
from tests.worker.scheduling import settings_for

SLACK = 5.0
"""Minutes of real time that an example may take."""
SAME = (
    "state", "queue", "priority", "lane", "attempts", "max_attempts", "claims", "run", "moves", "aside",
    "trouble", "error_kind", "fence", "batch_id", "guard_key", "view_model", "postponed_count",
)  # fmt: skip
TIMES = {"due_at": "due", "expires_at": "expires", "done": "done", "delete_time": "delete", "kept": "kept"}


COUNTED = ("I2: effects inside", "I5: attempts that were not claims")
"""The model counts these for every ticket, also where the SQL does not know better: an unmet precondition has
no effect, and of a ticket that was set aside and is final nothing tells that a claim was given back."""


def violations(engine: Engine, at_rest: bool) -> list[str]:
    """The invariants of the soak."""
    return [line for line in invariants.violations(engine, at_rest=at_rest) if not line.startswith(COUNTED)]


class House:
    """What the rules of one example share. `without`: the protection that was taken out, for the controls."""

    def __init__(self, engine: Engine, bells: Bells, hosts: Hosts, without: str = "") -> None:
        world.empty(engine)
        bells.flush()
        ringing.attach(engine, bells)
        self.engine, self.bells, self.without = engine, bells, without
        self.model = Model(
            queues={name: Pause() for name in QUEUES},
            view_models={name: Pause() for name in KNOWN},
            pools=dict(POOLS),
        )
        self.life = Life(self.model)
        self.drains = Drains(engine, hosts, self.on_claim, self.on_end)
        self.settings = settings_for(engine)
        self.queue = ""

    @contextmanager
    def transaction(self, committed: bool = True) -> Iterator[Connection]:
        """Of an operator or a duty; rolled back at its end if it is not to be committed."""
        with self.engine.connect() as connection:
            yield connection
            if committed:
                connection.commit()

    def rows(self) -> dict[int, Any]:
        with self.engine.connect() as connection:
            return world.rows(connection)

    def pass_time(self, minutes: float) -> None:
        with self.engine.begin() as connection:
            world.jump(connection, timedelta(minutes=minutes))
        self.model.now += minutes
        self.bells.next_second()

    def lease(self, queue: str) -> DrainLease | None:
        """Take a lease; the model says whether there is one to be had."""
        may = self.model.may_drain(queue)
        with self.engine.begin() as connection:
            made = take_lease(connection, queue, "machine", LEASE * 60)
        assert (made is not None) == may, f"a lease of {queue}: {made}, the model says {may}"
        if made is not None:
            self.queue = queue
            self.model.leases[made.id] = Lease(made.id, queue, self.model.now + LEASE)
        return made

    def on_claim(self, claimed: Claimed) -> None:
        """A claim took a ticket that it may have, and no better one."""
        ticket = self.model.tickets[claimed.id]
        if ticket.fence == claimed.fence:
            return  # told before: it is in a group, or runs again by itself
        rows = self.rows()
        may = self.model.candidates(self.queue)
        assert ticket in may, f"claimed what no claim may have: {ticket}"
        place = (rows[ticket.id].priority, rows[ticket.id].due_at, ticket.id)
        for other in may:
            row = rows[other.id]
            better = row.turn and (row.priority, row.due_at, other.id) < place
            assert not better, f"claimed {ticket}, and {other} was before it"
        used = {old.fence for each in self.model.tickets.values() for old in each.fences}
        assert claimed.fence not in {None, *used}, f"no new fence: {claimed}"
        self.life.claim(ticket, claimed)

    def on_end(self, claimed: Claimed, verb: str) -> None:
        """A claimed ticket ended by a verb."""
        ticket = self.model.tickets[claimed.id]
        if ticket.fence != claimed.fence or ticket.state != "running":
            assert verb == "lost", f"{verb} by a fence that is not the current one: {ticket}"
            return
        if verb == "not begun":
            assert self.model.view_models[ticket.view_model].holds(self.model.now), f"given back: {ticket}"
            self.life.settle(ticket, "give back", aside="paused")
            return
        wanted = self.life.ends(ticket, claimed)
        assert verb == wanted, f"ended by {verb}, the model says {wanted}: {ticket}"
        misfit = ticket.endings is None and ticket.view_model != "M.unmet"
        aside = "unknown" if verb == "give back" else None
        self.life.settle(ticket, verb, aside=aside, kind="resolve" if misfit else "run")
        if verb == "finish" and self.life.ending(ticket, claimed) == "open":
            self._take_in_what_the_work_opened(ticket)

    def _take_in_what_the_work_opened(self, ticket: Known) -> None:
        of = f"SELECT max(id) FROM {world.TICKETS.name} WHERE parent_id = :id"
        with self.engine.connect() as connection:
            made = connection.execute(text(of), {"id": ticket.id}).scalar()
        assert made not in {None, *self.model.tickets}, f"its work opened nothing new, but {made}: {ticket}"
        child = Known(made, "M.work", "left", self.model.now, ("done",), priority=ticket.priority)
        child.batch = ticket.batch
        self.model.tickets[made] = child
        self.model.decide(child)
        self.life.reopen(child)

    def compare(self) -> None:
        """Everything is as the model says, and no invariant is violated."""
        with self.engine.connect() as connection:
            rows = world.rows(connection)
            effects, verbs = world.effects(connection), world.verbs(connection)
        here = {ticket.id: ticket for ticket in self.model.here()}
        assert rows.keys() == here.keys(), f"tickets {sorted(rows)}, the model has {sorted(here)}"
        found = [
            f"ticket {ticket.id}: {told}"
            for ticket in here.values()
            for told in (
                *self._differs(rows[ticket.id], ticket),
                *self._times_differ(rows[ticket.id], ticket),
            )
        ]
        for ticket in self.model.tickets.values():
            if effects.get(ticket.id, 0) != ticket.effects:
                found.append(f"ticket {ticket.id}: {effects.get(ticket.id, 0)} effects: {ticket}")
            if verbs.get(ticket.id, []) != ticket.trail:
                found.append(f"ticket {ticket.id}: the trail tells {verbs.get(ticket.id)}: {ticket.trail}")
        found += violations(self.engine, at_rest=False)
        assert not found, "\n".join(found)

    def _differs(self, row: Any, ticket: Known) -> list[str]:
        wanted = {"batch_id": ticket.batch, "postponed_count": ticket.postponed, "fence": ticket.fence}
        wanted |= {"guard_key": ticket.guard and f"{ticket.view_model}|{ticket.guard}"}
        wanted = {name: wanted[name] if name in wanted else getattr(ticket, name) for name in SAME}
        return list(world.differences({name: getattr(row, name) for name in SAME}, wanted))

    def _times_differ(self, row: Any, ticket: Known) -> list[str]:
        found = []
        for column, name in TIMES.items():
            seen, wanted = world.minutes(row, column), getattr(ticket, name)
            if getattr(row, column) == EVIDENCE:
                seen = float("inf")
            ahead = None if wanted is None else wanted - self.model.now
            if seen != ahead and (seen is None or ahead is None or abs(seen - ahead) > SLACK):
                found.append(f"{column} is {seen} minutes from now, not {ahead}")
        return found

    def no_idle_lane(self) -> None:
        """After a beat: where a lane waits and nothing of it runs, somebody due holds the turn."""
        waiting = [
            row for row in self.rows().values() if row.state == "pending" and not row.aside and row.lane
        ]
        for row in waiting:
            if row.turn or self.model.lane_runs(row.lane):
                continue
            place = (row.lane, row.queue)
            holders = [other for other in waiting if other.turn and (other.lane, other.queue) == place]
            due = row.due_at <= row.clock
            held = [other for other in holders if not due or other.due_at <= other.clock]
            assert held, f"lane {place} waits, nobody holds its turn: {row}"
        with self.engine.connect() as connection:
            assert lanes.repair(connection)[0] == 0, "a beat left a turn to be given"
