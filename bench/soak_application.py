"""The application of the soak: work of some milliseconds that ends in every way there is."""

import os
import random
import time
from typing import Any

from counterfoil import Fail, Postpone, settle, target
from counterfoil.moves import MOVES
from tests.crash.app import Session, does, effect, make
from tests.race import worker

__all__ = ["Session", "make"]


def take_out(what: str) -> None:
    """Take one protection out of this process, so that the soak can be seen to find that it is missing."""
    if what == "fence":
        worker.take_out("fence")
    elif what == "lifeline":
        settle.lapse = lambda connection, limit=0: []
    elif what == "charge":
        MOVES["claim"].sets["attempts"] = "attempts"


take_out(os.environ.get("SOAK_WITHOUT", ""))


@target("Soak.work", max_attempts=4, timeout_seconds=20)
def work(ticket: Any, *, seconds: float, ending: str) -> str:
    """Effects inside and outside, then the ending: once, so that most of it is done in the end."""
    time.sleep(random.random() * seconds)
    effect(ticket)
    ticket.log(f"attempt {ticket.attempt} will end: {ending}")
    if ticket.attempt == 1:
        match ending:
            case "postpone":
                # It comes again as attempt 1, as often as chance wants.
                if random.random() < 0.7:
                    raise Postpone(0.2, "not now")
            case "error":
                raise ValueError("no luck")
            case "fail":
                raise Fail("never")
            case "kill" | "exit 3":
                does(ticket, ending)
    return ending
