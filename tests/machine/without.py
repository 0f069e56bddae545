"""One protection taken out of this process, so that the machine can be seen to find that it is missing.

What the soak's workers take out at their start is put back here at the end: statements are compiled once.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from counterfoil import claim, door, finish, lanes, settle
from counterfoil.hot import Hot
from counterfoil.moves import MOVES
from tests.race import worker


@contextmanager
def taken_out(what: str) -> Iterator[None]:
    """Without the fence in the finish, the attempt's charge, the look whether a lane runs, or the lapse.

    The trail is the operator's to leave out: `House.without`.
    """
    with pytest.MonkeyPatch.context() as patch:
        for module, names in ((claim, ("_RIDING", "_KNOWN")), (finish, ("_BY_ID", "_BY_CTID", "_AND_RIDE"))):
            for name in names:
                known = getattr(module, name)
                patch.setattr(module, name, Hot(known.clause, known.result))
        match what:
            case "fence":
                worker.take_out("fence")
            case "charge":
                patch.setitem(MOVES["claim"].sets, "attempts", "attempts")
            case "lane":
                patch.setattr(lanes, "runs", lambda connection, lane: False)
            case "lifeline":
                patch.setattr(settle, "lapse", lambda connection, limit=0: [])
        _forget()
        yield
    _forget()


def _forget() -> None:
    """What was made of the table of moves is made anew."""
    for made in (door.assignments, door.statement, finish._finish_statement):
        made.cache_clear()
    finish._finish_and_ride_statement.cache_clear()
