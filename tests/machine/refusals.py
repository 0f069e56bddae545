"""The model's refusals: by which code an operator's act or undo is refused; None when it is done."""

from collections.abc import Callable
from typing import Any

from counterfoil.acts import Refused
from tests.machine.life import LEAVES
from tests.machine.model import Entry, Known, Model


def tried(call: Callable[..., Any], *given: Any, **named: Any) -> tuple[Any, str | None]:
    """What an operator's word came to, and by which code it was refused; a refusal gives its reason."""
    try:
        return call(*given, **named), None
    except Refused as refused:
        if not refused.reason.strip():
            raise
        return None, refused.code


def of_act(model: Model, ticket: Known, verb: str, reason: str | None, expected: int | None) -> str | None:
    if verb in ("fail", "note") and not reason:
        return "argument"
    if ticket.gone:
        return "gone"
    if ticket.state not in LEAVES[verb]:
        return "state"
    if expected is not None and ticket.moves != expected:
        return "moved"
    if verb in ("retry", "edit") and _token_is_taken(model, ticket):
        return "token"
    return None


def of_undo(model: Model, entry: Entry) -> str | None:
    ticket = model.tickets[entry.ticket]
    if entry.verb in ("note", "undo"):
        return "argument"
    if ticket.gone:
        return "gone"
    changed = {name for name, value in entry.after.items() if value != entry.before[name]}
    seen = changed & {"state", "kept", "acknowledged"}
    if ticket.moves != entry.moves or any(getattr(ticket, name) != entry.after[name] for name in seen):
        return "moved"
    back = entry.before["state"] if "state" in changed else None
    others = [other.guard for other in model.in_state("pending") if other is not ticket]
    if back in ("pending", "running") and ticket.guard is not None and ticket.guard in others:
        return "token"
    if ticket.state == "running":
        return "state"
    if back is not None and _token_is_taken(model, ticket):
        return "token"
    return None


def _token_is_taken(model: Model, ticket: Known) -> bool:
    """While it was expired, its idempotence token was free for another one."""
    if ticket.state != "expired" or ticket.token is None:
        return False
    return model.holder_of_token(ticket.view_model, ticket.token) is not None
