"""Rules of operators: any act on any ticket, its undo, pauses; done with its trail, or refused."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule
from sqlalchemy import select

from counterfoil import door, pauses
from counterfoil.acts import TOLD, Actor, act
from counterfoil.columns import utc_text
from counterfoil.tables import TrailEntry
from counterfoil.undo import undo
from tests.machine import refusals, world
from tests.machine.application import KNOWN, QUEUES
from tests.machine.house import House
from tests.machine.life import LEAVES
from tests.machine.model import Entry, Known
from tests.machine.opening_rules import PICKS
from tests.machine.refusals import tried

BY = Actor("olga", "console")
VERBS = st.sampled_from(sorted(LEAVES))
COMMITTED = st.sampled_from([True, True, True, False])
MINUTES = st.sampled_from([-30.0, 30.0, 90.0])
REASONS = st.sampled_from(["the machine", "the machine", "the machine", None])


class Operating:
    """A mixin of rules."""

    house: House
    acts: int = 0

    @rule(verb=VERBS, pick=PICKS, value=st.integers(0, 3), minutes=MINUTES, reason=REASONS,
          seen=st.sampled_from([None, None, 0, 1]), committed=COMMITTED)  # fmt: skip
    def operate(
        self, verb: str, pick: int, value: int, minutes: float, reason: str | None, seen: int | None,
        committed: bool,
    ) -> None:  # fmt: skip
        """`seen`: how many moves ago the page was made on which the person acts; None: it does not say."""
        if (ticket := self._ticket(pick)) is None:
            return
        expected = None if seen is None else ticket.moves - seen
        given, meant = self._arguments(verb, value, minutes)
        wanted = refusals.of_act(self.house.model, ticket, verb, reason, expected)
        told = ticket.told()
        before = self.house.rows().get(ticket.id)
        with self.house.transaction(committed) as connection:
            if self.house.without == "trail" and wanted is None:
                door.move(connection, verb, ticket.id, **given)
                trail_id = 0
            else:
                more = {"reason": reason, "expected_moves": expected} | given
                acted, code = tried(act, connection, verb, ticket.id, BY, **more)
                assert code == wanted, f"{verb} {ticket}: refused by {code}, the model says {wanted}"
                trail_id = 0 if acted is None else acted.trail_id
        if wanted is not None:
            return
        if not committed:
            assert tuple(before)[:-1] == tuple(self.house.rows()[ticket.id])[:-1], "rolled back, and changed"
            return
        self.house.life.act(ticket, verb, meant)
        self.house.model.entries.append(Entry(trail_id, verb, ticket.id, told, ticket.told(), ticket.moves))
        self._trail_equals_change(trail_id, before)

    @rule(pick=PICKS, committed=COMMITTED)
    def take_back(self, pick: int, committed: bool) -> None:
        """Undo of the last act, or of an older one."""
        if not (entries := self.house.model.entries):
            return
        entry = entries[-1 - pick % len(entries)]
        ticket = self.house.model.tickets[entry.ticket]
        wanted = refusals.of_undo(self.house.model, entry)
        before = self.house.rows().get(ticket.id)
        with self.house.transaction(committed) as connection:
            acted, code = tried(undo, connection, entry.id, BY, reason="a mistake")
        assert code == wanted, f"undo of {entry}: refused by {code}, the model says {wanted}"
        if committed and code is None:
            self.house.life.undo(ticket, entry.before, entry.after)
            self._trail_equals_change(acted.trail_id, before)

    @rule(queue=st.sampled_from(QUEUES), minutes=st.sampled_from([None, 30.0, 90.0]), committed=COMMITTED)
    def pause_a_queue(self, queue: str, minutes: float | None, committed: bool) -> None:
        self._pause("queue", queue, minutes, committed)

    @rule(name=st.sampled_from(KNOWN), minutes=st.sampled_from([None, 30.0, 90.0]), committed=COMMITTED)
    def pause_a_view_model(self, name: str, minutes: float | None, committed: bool) -> None:
        self._pause("view_model", name, minutes, committed)

    @rule(name=st.sampled_from([*QUEUES, *KNOWN]), committed=COMMITTED)
    def resume(self, name: str, committed: bool) -> None:
        """What is not paused is refused."""
        model = self.house.model
        pause = model.queues[name] if name in QUEUES else model.view_models[name]
        resume = pauses.resume_queue if name in QUEUES else pauses.resume_view_model
        with self.house.transaction(committed) as connection:
            _, code = tried(resume, connection, name, BY)
        assert code == (None if pause.on else "state")
        if committed:
            pause.on, pause.until = False, None

    def _pause(self, sort: str, name: str, minutes: float | None, committed: bool) -> None:
        model = self.house.model
        with self.house.transaction(committed) as connection:
            until = None if minutes is None else world.clock(connection) + timedelta(minutes=minutes)
            getattr(pauses, f"pause_{sort}")(connection, name, BY, "the machine", until)
        if committed:
            pause = model.queues[name] if sort == "queue" else model.view_models[name]
            pause.on, pause.until = True, None if minutes is None else model.now + minutes

    def _ticket(self, pick: int) -> Known | None:
        tickets = list(self.house.model.tickets.values())
        return tickets[-1 - pick % len(tickets)] if tickets else None

    def _arguments(self, verb: str, value: int, minutes: float) -> tuple[dict[str, Any], Any]:
        """What the act is given, and what the model makes of it."""
        self.acts += 1
        later = minutes + self.acts * 0.001  # so that no two acts set the same time
        with self.house.engine.connect() as connection:
            instant = world.clock(connection) + timedelta(minutes=later)
        meant = self.house.model.now + later
        match verb:
            case "edit":
                return {"params": {"endings": ["done"]}}, ("done",)
            case "extend":
                return ({"expires_at": None}, None) if value == 0 else ({"expires_at": instant}, meant)
            case "keep":
                return ({"until": None}, None) if value == 0 else ({"until": instant}, meant)
            case "reschedule":
                return {"at": instant}, meant
            case "reprioritise":
                number = (1, 3, 7, 9)[value]
                return {"priority": number}, number
            case "move":
                return {"queue": QUEUES[value % 2]}, QUEUES[value % 2]
            case "stop":
                return {"hold": value == 0}, value == 0
            case "acknowledge":
                return {}, self.acts
        return {}, None

    def _trail_equals_change(self, trail_id: int, before: Any) -> None:
        """The trail's row tells what the row of the ticket has become, and nothing else."""
        if self.house.without == "trail":
            return
        with self.house.engine.connect() as connection:
            row = world.rows(connection)[before.id]
            told: Any = connection.execute(
                select(TrailEntry.actor, TrailEntry.before, TrailEntry.after).where(TrailEntry.id == trail_id)
            ).one()
        names = [name for name in TOLD if getattr(before, name) != getattr(row, name)]
        assert told.actor == BY.name
        for entry, real in ((told.before, before), (told.after, row)):
            wanted = {name: getattr(real, name) for name in (*names, "moves")}
            seen = {name: value for name, value in entry.items() if name != "params"}
            assert seen == {
                name: utc_text(value) if hasattr(value, "tzinfo") else value for name, value in wanted.items()
            }
