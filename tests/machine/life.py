"""The model's moves: what each verb makes of a ticket, written from the contract and not from the product."""

from dataclasses import dataclass
from typing import Any

from tests.machine.model import (
    BACKOFF,
    EVIDENCE,
    FINAL,
    KEEP_RECEIPT,
    KEEP_TROUBLE,
    POSTPONED,
    POSTPONED_LIMIT,
    Known,
    Model,
)

_OPEN = ("held", "pending", "errored", "running")
LEAVES = {
    "retry": FINAL, "edit": ("errored", "failed", "expired"), "run-now": ("pending", "held"),
    "hold": ("pending",), "release": ("held",), "extend": ("pending", "held"),
    "reschedule": ("pending", "held"), "reprioritise": ("pending", "held"), "move": ("pending", "held"),
    "stop": ("running",), "expire": _OPEN, "fail": _OPEN, "keep": FINAL, "acknowledge": ("errored",),
    "note": ("held", "pending", "running", *FINAL),
}  # fmt: skip
"""The states that an operator's act leaves."""


@dataclass
class Life:
    """Moves tickets of the model; nothing here looks at a database."""

    model: Model

    def claim(self, ticket: Known, claimed: Any) -> None:
        ticket.state, ticket.fence, ticket.drain = "running", claimed.fence, claimed.drain_id
        ticket.claims += 1
        ticket.attempts += 1
        ticket.moves += 1
        ticket.fences.append(claimed)

    def ends(self, ticket: Known, claimed: Any) -> str:
        """The verb by which the work of a claimed ticket ends, given that its fence is still the one."""
        model = self.model
        if claimed.past_deadline:
            return "expire"
        if ticket.view_model == "M.foreign":
            return "give back"
        if ticket.view_model == "M.unmet":
            return "finish"
        if ticket.endings is None:
            return "error"
        ending = self.ending(ticket, claimed)
        if ending == "postpone":
            since = ticket.first_postponed
            return "error" if since is not None and model.now - since > POSTPONED_LIMIT else "postpone"
        if ending == "raise":
            return "back off" if ticket.attempts < ticket.max_attempts else "error"
        return "fail" if ending == "fail" else "finish"

    def ending(self, ticket: Known, claimed: Any) -> str | None:
        """How the work of this claim ends; None: it has no say."""
        endings = ticket.endings if ticket.view_model != "M.unmet" else None
        return None if endings is None else endings[min(claimed.claims, len(endings)) - 1]

    def settle(self, ticket: Known, verb: str, aside: str | None = None, kind: str = "run") -> None:
        """What the worker's word does; the fence was the current one."""
        now = self.model.now
        match verb:
            case "finish":
                ticket.state, ticket.done, ticket.error_kind = "done", now, None
                ticket.delete = now + (KEEP_TROUBLE if ticket.trouble else KEEP_RECEIPT)
                ticket.effects += ticket.view_model != "M.unmet"
            case "postpone":
                self._waits(ticket)
                ticket.attempts -= 1
                ticket.postponed += 1
                ticket.retry_at = now + POSTPONED
                if ticket.first_postponed is None:
                    ticket.first_postponed = now
            case "give back":
                self._waits(ticket)
                ticket.attempts -= 1
                ticket.aside = aside
                ticket.aside_since = None if aside is None else (ticket.aside_since or now)
            case "back off":
                self._waits(ticket)
                ticket.retry_at, ticket.error_kind, ticket.trouble = now + BACKOFF, kind, True
            case "error" | "fail":
                self._ends(ticket, "errored" if verb == "error" else "failed")
                ticket.error_kind = kind
            case "expire":
                self._ends(ticket, "expired")
        ticket.moves += 1

    def lapse(self, ticket: Known, kind: str = "lost", hold: bool = False) -> None:
        """A lapse, and a stop: the attempt counts."""
        if ticket.attempts >= ticket.max_attempts:
            self._ends(ticket, "errored")
        else:
            self._waits(ticket)
            ticket.state = "held" if hold else "pending"
            ticket.retry_at, ticket.trouble = self.model.now + BACKOFF, True
        ticket.error_kind = kind
        ticket.moves += 1

    def act(self, ticket: Known, verb: str, value: Any) -> None:
        """An operator's act that was not refused."""
        model, now = self.model, self.model.now
        match verb:
            case "retry" | "edit":
                ticket.run += ticket.state == "done"
                self._waits(ticket)
                ticket.attempts, ticket.postponed, ticket.acknowledged = 0, 0, 0
                ticket.done = ticket.delete = ticket.retry_at = ticket.first_postponed = None
                if ticket.expires is not None and ticket.expires <= now:
                    ticket.expires = None
                if verb == "edit":
                    ticket.endings = tuple(value)
                model.decide(ticket)
                self.reopen(ticket)
            case "run-now":
                ticket.retry_at, ticket.priority = now, 1
            case "hold":
                ticket.state, ticket.aside, ticket.aside_since = "held", None, None
            case "release":
                self.release(ticket)
            case "extend":
                ticket.expires = value
            case "reschedule":
                ticket.retry_at = value
            case "reprioritise":
                ticket.priority = value
            case "move":
                ticket.queue = value
            case "stop":
                self.lapse(ticket, "stopped", hold=value)
                ticket.moves -= 1
            case "expire" | "fail":
                self._ends(ticket, "expired" if verb == "expire" else "failed")
            case "keep":
                ticket.kept = EVIDENCE if value is None else value
            case "acknowledge":
                ticket.acknowledged = value
        ticket.moves += verb not in ("keep", "acknowledge", "note")
        ticket.trouble = ticket.trouble or ticket.state != "running"
        ticket.trail.append(verb)

    def release(self, ticket: Known) -> None:
        ticket.state = "pending"
        self.model.decide(ticket)

    def undo(self, ticket: Known, before: dict[str, Any], after: dict[str, Any]) -> None:
        back = {name: value for name, value in before.items() if value != after[name]}
        for name, value in back.items():
            setattr(ticket, name, value)
        if back.get("state") == "running":
            ticket.state = "pending"
        if "state" in back or "queue" in back:
            ticket.fence = ticket.drain = None
            self.model.decide(ticket)
        ticket.moves += 1
        ticket.trail.append("undo")
        if ticket.state in _OPEN:
            self.reopen(ticket)

    def reopen(self, ticket: Known) -> None:
        if ticket.batch is not None:
            self.model.batches[ticket.batch].closed = False

    def _waits(self, ticket: Known) -> None:
        ticket.state, ticket.fence, ticket.drain = "pending", None, None

    def _ends(self, ticket: Known, state: str) -> None:
        self._waits(ticket)
        ticket.state, ticket.done, ticket.trouble = state, self.model.now, True
        ticket.delete = self.model.now + KEEP_TROUBLE
        ticket.aside = ticket.aside_since = None
