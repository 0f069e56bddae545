"""What happened within a stretch of time, by queue and view model: read once from what it left in the tables.

Limit: a finish that is committed more than LAG_SECONDS after its stamp is in no figure.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, TextClause, bindparam, text

from counterfoil.clock import between_ms
from counterfoil.columns import Utc
from counterfoil.histogram import bucket

LAG_SECONDS = 2.0
FAILING = ("back off", "error", "lapse")
"""Outcomes of an attempt that ended by an error, or with its worker."""

RETURNED = ("back off", "lapse", "postpone", "give back", "stop")
"""Outcomes after which the ticket waits again."""

Key = tuple[str, str]
"""Queue and view model."""


@dataclass
class Cell:
    """Figures of one queue and view model; what they mean: counterfoil.tables.Rollup."""

    finished: int = 0
    errored: int = 0
    ended: int = 0
    failing: int = 0
    returned: int = 0
    run_ms: int = 0
    waits: Counter[int] = field(default_factory=Counter)
    runs: Counter[int] = field(default_factory=Counter)

    def add(self, other: "Cell") -> None:
        """Count the other's in."""
        for name in ("finished", "errored", "ended", "failing", "returned", "run_ms"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.waits.update(other.waits)
        self.runs.update(other.runs)


Cells = dict[Key, Cell]


def read(connection: Connection, since: datetime, until: datetime) -> Cells:
    """What happened from `since` until before `until`, each by an index of times."""
    found: Cells = {}
    within = {"since": since, "until": until}
    wait = between_ms(connection.dialect.name, "due_at", "started_at")
    for state in ("done", "errored", "expired", "failed"):
        rows = connection.execute(
            _bound(
                f"SELECT queue, view_model, {wait} AS wait, duration_ms FROM counterfoil_tickets "
                f"WHERE state = '{state}' AND done IS NOT NULL AND done >= :since AND done < :until"
            ),
            within,
        )
        for queue, view_model, waited, ran in rows:
            _ticket(found.setdefault((queue or "", view_model), Cell()), state, waited, ran)
    attempts = _bound(
        "SELECT t.queue, t.view_model, a.outcome, a.duration_ms FROM counterfoil_attempts a "
        "JOIN counterfoil_tickets t ON t.id = a.ticket_id WHERE a.ended_at >= :since AND a.ended_at < :until"
    )
    for queue, view_model, outcome, ran in connection.execute(attempts, within):
        cell = found.setdefault((queue or "", view_model), Cell())
        cell.failing += outcome in FAILING
        cell.returned += outcome in RETURNED
        cell.run_ms += ran or 0
    return found


def totals(cells: Cells) -> Cells:
    """With the sums of each queue, each view model and all: a name left out is all of them."""
    found: Cells = {("", ""): Cell()}
    for (queue, view_model), cell in cells.items():
        for key in {(queue, view_model), (queue, ""), ("", view_model), ("", "")}:
            found.setdefault(key, Cell()).add(cell)
    return found


def _ticket(cell: Cell, state: str, waited: int | None, ran: int | None) -> None:
    if state != "done":
        cell.errored += state == "errored"
        cell.ended += state != "errored"
        return
    cell.finished += 1
    cell.run_ms += ran or 0
    if waited is not None:
        cell.waits[bucket(max(0, waited))] += 1
    if ran is not None:
        cell.runs[bucket(ran)] += 1


def _bound(sql: str) -> TextClause:
    return text(sql).bindparams(bindparam("since", type_=Utc()), bindparam("until", type_=Utc()))
