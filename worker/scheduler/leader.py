"""Who of several schedulers acts: one row with a term, by the database's clock, no session locks.

A holder that was stopped for longer than its term finds itself replaced at its next renewal. Between those
two moments two may act; every duty bears that. The term rises at every change of holder (Raft's word).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import BigInteger, Connection, Float, TextualSelect, bindparam, text

from counterfoil.clock import MOMENT, after
from counterfoil.columns import Utc

NAME = "scheduler"


@dataclass(frozen=True)
class Term:
    """A term of this holder: its number, and the database's time when it was renewed."""

    number: int
    renewed_at: datetime


@cache
def _hold(dialect: str) -> TextualSelect:
    until, moment = after(dialect, ":seconds"), MOMENT[dialect]
    statement = text(
        f"UPDATE counterfoil_leader SET holder = :holder, until = {until}, "
        f"term = term + CASE WHEN holder = :holder AND until > {moment} THEN 0 ELSE 1 END "
        f"WHERE name = '{NAME}' AND (holder = :holder OR until IS NULL OR until < {moment}) "
        "RETURNING term, until"
    )
    return statement.bindparams(bindparam("seconds", type_=Float())).columns(term=BigInteger(), until=Utc())


class Leadership:
    """One scheduler's claim to the leader row. `term_seconds`: how long it lasts without a renewal."""

    def __init__(self, holder: str, term_seconds: float) -> None:
        self.holder = holder
        self.term_seconds = term_seconds
        self._row_is_there = False

    def hold(self, connection: Connection) -> Term | None:
        """Take or renew the row, in the caller's transaction; None while another one holds it."""
        if not self._row_is_there:
            connection.execute(
                text(f"INSERT INTO counterfoil_leader (name) VALUES ('{NAME}') ON CONFLICT DO NOTHING")
            )
            self._row_is_there = True
        row = connection.execute(
            _hold(connection.dialect.name), {"holder": self.holder, "seconds": self.term_seconds}
        ).fetchone()
        if row is None:
            return None
        return Term(int(row.term), row.until - timedelta(seconds=self.term_seconds))

    def release(self, connection: Connection) -> None:
        """Give the row up, so that another scheduler need not wait for the term's end."""
        connection.execute(
            text(f"UPDATE counterfoil_leader SET until = NULL WHERE name = '{NAME}' AND holder = :holder"),
            {"holder": self.holder},
        )
