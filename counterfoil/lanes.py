"""Lanes: no two tickets of one lane hold a valid fence at the same time, whatever the number of workers.

A candidate is pending AND turn. Turn is permission to be looked at, not the exclusion: a holder too many
costs a take-back, none costs a beat. Heads are per lane and queue (a paused queue must not hold up its lane
elsewhere), exclusion is per lane. The guess at opening stands in the insert trigger; here are `elect`, the
sweep that takes turns back, the look whether a lane runs, and the repair of idle lanes.

Indexes: counterfoil_tickets_wait, _turn, _lane, _claim; a test holds the plans.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import BigInteger, Connection, Integer, String, TextClause, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY

from .clock import MOMENT
from .database import by
from .hot import Hot
from .priority import NUMBERS

WAITING = "state = 'pending' AND NOT turn AND aside IS NULL AND lane IS NOT NULL"
HOLDING = "state = 'pending' AND turn AND lane IS NOT NULL"
RUNNING = "state = 'running' AND lane IS NOT NULL"
REPAIR_CHUNK = 5000
_NO_PLACE = ("", "")

# A loose scan finds the lane's queues, then per queue the best due one by a probe of each priority, else the
# earliest. It gives and never takes, and skips rows that somebody else is just moving.
_FIRST = (
    f"{WAITING} AND w.lane = q.lane AND w.queue = q.queue AND w.priority = p.priority "
    "AND w.due_at <= {until} ORDER BY w.due_at, w.id LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_ELECT_POSTGRESQL = text(f"""
UPDATE counterfoil_tickets SET turn = true WHERE id = ANY(ARRAY(
  WITH RECURSIVE q(lane, queue) AS (
    SELECT l.lane, (SELECT w.queue FROM counterfoil_tickets w WHERE {WAITING} AND w.lane = l.lane
                    ORDER BY w.lane, w.queue LIMIT 1)
      FROM unnest(:lanes) AS l(lane)
    UNION ALL
    SELECT q.lane, (SELECT w.queue FROM counterfoil_tickets w WHERE {WAITING} AND w.lane = q.lane
                    AND w.queue > q.queue ORDER BY w.lane, w.queue LIMIT 1)
      FROM q WHERE q.queue IS NOT NULL
  )
  SELECT coalesce(due.id, early.id) FROM q
  LEFT JOIN LATERAL (
    SELECT c.id FROM unnest(ARRAY[1,3,5,7,9]::smallint[]) AS p(priority), LATERAL (
      SELECT w.id FROM counterfoil_tickets w WHERE {_FIRST.format(until=MOMENT["postgresql"])}) c LIMIT 1
  ) due ON true
  LEFT JOIN LATERAL (
    SELECT c.id FROM unnest(ARRAY[1,3,5,7,9]::smallint[]) AS p(priority), LATERAL (
      SELECT w.id, w.due_at FROM counterfoil_tickets w
      WHERE due.id IS NULL AND {_FIRST.format(until="'infinity'")}) c ORDER BY c.due_at, c.id LIMIT 1
  ) early ON true
  WHERE q.queue IS NOT NULL AND coalesce(due.id, early.id) IS NOT NULL
))""").bindparams(bindparam("lanes", type_=ARRAY(String())))

_WAITING_W = WAITING.replace("state", "w.state").replace("turn", "w.turn").replace("aside", "w.aside")
_WAITING_W = _WAITING_W.replace("lane IS", "w.lane IS")
_PROBE = (
    "SELECT w.id, w.due_at FROM counterfoil_tickets w INDEXED BY counterfoil_tickets_wait "
    "WHERE {waiting} AND w.lane = q.lane "
    "AND w.queue = q.queue AND w.priority = {p}{due} ORDER BY w.due_at, w.id LIMIT 1"
)
_PROBES = [_PROBE.format(waiting=_WAITING_W, p=p, due="{due}") for p in NUMBERS]
_UNTIL_NOW = f" AND w.due_at <= {MOMENT['sqlite']}"
_DUE = ", ".join(f"(SELECT id FROM ({probe.format(due=_UNTIL_NOW)}))" for probe in _PROBES)
_EARLY = " UNION ALL ".join(f"SELECT * FROM ({probe.format(due='')})" for probe in _PROBES)
_ELECT_SQLITE = text(f"""
UPDATE counterfoil_tickets SET turn = 1 WHERE id IN (
  WITH RECURSIVE q(lane, queue) AS (
    SELECT l.value, (SELECT min(w.queue) FROM counterfoil_tickets w WHERE {_WAITING_W} AND w.lane = l.value)
      FROM json_each(:lanes) l
    UNION ALL
    SELECT q.lane, (SELECT min(w.queue) FROM counterfoil_tickets w WHERE {_WAITING_W} AND w.lane = q.lane
                    AND w.queue > q.queue)
      FROM q WHERE q.queue IS NOT NULL
  )
  SELECT coalesce({_DUE}, (SELECT id FROM ({_EARLY}) ORDER BY due_at, id LIMIT 1))
  FROM q WHERE q.queue IS NOT NULL
)""")


def _lanes(connection: Connection, lanes: Sequence[str]) -> dict[str, Any]:
    # One order of rows for every caller: two elections of the same lanes never meet crosswise.
    unique = sorted(set(lanes))
    return {"lanes": json.dumps(unique) if connection.dialect.name == "sqlite" else unique}


_ELECT = Hot({"postgresql": _ELECT_POSTGRESQL, "sqlite": _ELECT_SQLITE}.__getitem__)


def elect(connection: Connection, lanes: Sequence[str]) -> int:
    """Give the turn, per queue, to the best due waiting ticket of each lane, else to the earliest.

    In the caller's transaction; never waits for a lock. Returns how many turns were given.
    """
    if not lanes:
        return 0
    return _ELECT.count(connection, _lanes(connection, lanes))


_LANE = bindparam("lane", type_=String())
_SPACE = bindparam("space", type_=Integer())
_RUNS = Hot(
    lambda d: text(f"SELECT id FROM counterfoil_tickets WHERE {RUNNING} AND lane = :lane").bindparams(_LANE)
)
_TRY_LOCK = Hot(
    lambda d: text("SELECT pg_try_advisory_xact_lock(:space, hashtext(:lane))").bindparams(_LANE, _SPACE)
)
LOCK_SPACE = 0x0C0F01


def runs(connection: Connection, lane: str) -> bool:
    """Whether a ticket of the lane is running, in a new statement that sees what was committed before it."""
    return _RUNS.first(connection, {"lane": lane}) is not None


def try_lock(connection: Connection, lane: str) -> bool:
    """PostgreSQL: the lane's lock until the end of this transaction, without waiting."""
    found = _TRY_LOCK.first(connection, {"space": LOCK_SPACE, "lane": lane})
    return found is not None and bool(found[0])


# Take back the turns of busy lanes at the head of the queue. A finish in flight holds its row: then nothing
# is taken, else it waits for this short transaction and its elect sees what was taken. Each LATERAL bears a
# LIMIT, so that no plan joins over the table.
_SWEEP = text(f"""
UPDATE counterfoil_tickets SET turn = false WHERE id = ANY(ARRAY(
  SELECT w.id FROM unnest(ARRAY[1,3,5,7,9]::smallint[]) AS p(priority)
  CROSS JOIN LATERAL (
    SELECT t.id, t.lane FROM counterfoil_tickets t WHERE t.state = 'pending' AND t.turn AND t.queue = :queue
      AND t.priority = p.priority AND t.due_at <= {MOMENT["postgresql"]} ORDER BY t.due_at, t.id LIMIT 200) c
  CROSS JOIN LATERAL (
    SELECT r.id FROM counterfoil_tickets r WHERE r.lane = c.lane AND r.state = 'running'
    LIMIT 1 FOR SHARE SKIP LOCKED) r
  CROSS JOIN LATERAL (
    SELECT h.id FROM counterfoil_tickets h WHERE h.id = c.id AND h.state = 'pending' AND h.turn
    LIMIT 1 FOR UPDATE SKIP LOCKED) w))""").bindparams(bindparam("queue", type_=String()))
_HEAD = (
    "SELECT * FROM (SELECT t.id, t.lane FROM counterfoil_tickets t INDEXED BY counterfoil_tickets_claim "
    "WHERE t.state = 'pending' AND t.turn AND t.queue = :queue AND t.priority = {p} "
    f"AND t.due_at <= {MOMENT['sqlite']} ORDER BY t.due_at, t.id LIMIT 200)"
)
_SWEEP_SQLITE = text(f"""
UPDATE counterfoil_tickets SET turn = 0 WHERE id IN (
  SELECT c.id FROM ({" UNION ALL ".join(_HEAD.format(p=p) for p in NUMBERS)}) c
  WHERE EXISTS (SELECT 1 FROM counterfoil_tickets r
                WHERE r.state = 'running' AND r.lane IS NOT NULL AND r.lane = c.lane))""")


def sweep(connection: Connection, queue: str) -> int:
    """Take back turns of busy lanes, up to 200 a priority; only for a claim that met a busy lane."""
    clause = _SWEEP_SQLITE if connection.dialect.name == "sqlite" else _SWEEP
    return connection.execute(clause, {"queue": queue}).rowcount


def _idle(dialect: str) -> TextClause:
    # A loose scan over the pairs of lane and queue that wait: the lane's next queue, else the next lane.
    # (A comparison of pairs is bounded by the lane alone on SQLite, and walks through all of a busy one.)
    wait, turn = (by(dialect, index) for index in ("wait", "turn"))
    following = (
        f"coalesce((SELECT w.id FROM counterfoil_tickets w{wait} WHERE {_WAITING_W} AND w.lane = {{0}} "
        "AND w.queue > {1} ORDER BY w.lane, w.queue LIMIT 1), "
        f"(SELECT w.id FROM counterfoil_tickets w{wait} WHERE {_WAITING_W} AND w.lane > {{0}} "
        "ORDER BY w.lane, w.queue LIMIT 1))"
    )
    # Scalar subqueries, which PostgreSQL cannot turn into a hash of all that run or hold.
    holder = (
        f"(SELECT h.id FROM counterfoil_tickets h{turn} WHERE h.state = 'pending' AND h.turn "
        "AND h.lane IS NOT NULL AND h.lane = k.lane AND h.queue = k.queue AND h.priority = {} "
        f"AND h.due_at <= {MOMENT[dialect]} ORDER BY h.lane, h.queue, h.priority, h.due_at LIMIT 1) IS NULL"
    )
    return text(f"""
WITH RECURSIVE k(lane, queue) AS (
  SELECT f.lane, f.queue FROM counterfoil_tickets f WHERE f.id = {following.format(":lane", ":queue")}
  UNION ALL
  SELECT n.lane, n.queue FROM k JOIN counterfoil_tickets n ON n.id = {following.format("k.lane", "k.queue")}
)
SELECT k.lane, k.queue,
  (SELECT r.id FROM counterfoil_tickets r
   WHERE r.state = 'running' AND r.lane IS NOT NULL AND r.lane = k.lane LIMIT 1) IS NULL
  AND {" AND ".join(holder.format(p) for p in NUMBERS)} AS idle
FROM (SELECT lane, queue FROM k LIMIT :chunk) k""").bindparams(bindparam("chunk", type_=BigInteger()))


_IDLE = {dialect: _idle(dialect) for dialect in ("postgresql", "sqlite")}


def repair(
    connection: Connection, after: tuple[str, str] = _NO_PLACE, chunk: int = REPAIR_CHUNK
) -> tuple[int, tuple[str, str]]:
    """Elect in lanes that wait although nothing of them runs and no holder is due.

    Looks at up to `chunk` pairs of lane and queue behind `after`. Returns how many turns were given and the
    place to go on from; ("", "") when it came to the end.
    """
    rows = connection.execute(
        _IDLE[connection.dialect.name], {"lane": after[0], "queue": after[1], "chunk": chunk}
    ).fetchall()
    given = elect(connection, [row.lane for row in rows if row.idle])
    return given, ((rows[-1].lane, rows[-1].queue) if len(rows) == chunk else _NO_PLACE)
