"""The application of the soak: work of some milliseconds that ends in every way there is."""

import random
import time
from typing import Any

from counterfoil import Fail, Postpone, target
from tests.crash.app import Session, does, effect, make

__all__ = ["Session", "make"]


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
