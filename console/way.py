"""A ticket's way through the states: the diagram of the life, with where it stands and where it has been.

Been is what its row, its attempts and the trail tell; what they no longer hold is not marked.
"""

from typing import NamedTuple

from counterfoil.ticket import FINAL

from .queries.ticket import Told

WAY = ("held", "pending", "running")
ENDS = ("done", "errored", "expired", "failed")
_ENDED = {"error": "errored", "fail": "failed"}


class Step(NamedTuple):
    """One state of the diagram. `place`: now, been or never."""

    state: str
    place: str
    ends: bool


def way(told: Told) -> list[Step]:
    """All states in the order of the life."""
    been = _been(told)
    places = dict.fromkeys(been, "been") | {told.row.state: "now"}
    return [Step(state, places.get(state, "never"), state in FINAL) for state in (*WAY, *ENDS)]


def _been(told: Told) -> set[str]:
    found = {"pending", "running"} if told.row.claims else set()
    found |= {_ENDED[attempt.outcome] for attempt in told.attempts if attempt.outcome in _ENDED}
    for entry in told.trail:
        for fields in (entry.before, entry.after):
            if not entry.refused and fields and fields.get("state"):
                found.add(fields["state"])
    return found
