"""Tickets in every state, and a table large enough for plans to matter."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, text

from counterfoil.tables import Queue, ViewModelRecord
from counterfoil.ticket import FINAL, Ticket

_FILLED = {"queue": "default", "priority": 5, "max_attempts": 5, "keep_receipt_minutes": 10, "turn": False}


def known(connection: Connection, *names: str, **fields: Any) -> None:
    """Registered view models, as workers write them."""
    for name in names:
        connection.execute(insert(ViewModelRecord).values({"name": name, "sort": "method"} | fields))
    connection.execute(insert(Queue).values(name=fields.get("queue", f"of {names[0]}")))


def ticket(connection: Connection, state: str = "pending", **fields: Any) -> int:
    """One ticket in a state, with what that state's CHECKs and pages need; its id."""
    now = datetime.now(UTC)
    values: dict[str, Any] = {"view_model": "Customer.assign_number", "state": state, **_FILLED}
    if state == "pending":
        values["turn"] = True
    elif state == "running":
        values |= {"fence": "f", "drain_id": "drain1", "started_at": now, "claims": 1, "attempts": 1}
    elif state in FINAL:
        values |= {"done": now, "started_at": now - timedelta(seconds=1), "duration_ms": 900, "claims": 1}
        values |= {"attempts": 1, "delete_time": now + timedelta(days=30), "trouble": state != "done"}
    if state == "errored":
        values |= {"error": "OSError: the service does not answer", "error_kind": "run"}
    result = connection.execute(insert(Ticket).values(values | fields))
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


# One in a hundred pending or held, the rest final, as a table looks after a day; every state, queue, window.
_MANY = """
INSERT INTO counterfoil_tickets (view_model, root_id, root_label, queue, priority, max_attempts,
  keep_receipt_minutes, state, turn, retry_at, expires_at, done, delete_time, claims, attempts, trouble,
  fence, drain_id, error)
SELECT 'View' || (n / 100 % 20), 'Customer!' || (n % 5000), 'ACME ' || n, 'q' || (n / 100 % 5), 5, 5, 10,
  state, state = 'pending', retry_at, CASE WHEN state IN ('held','pending') AND n % 3 = 0 THEN {ahead} END,
  CASE WHEN state IN ('done','errored','expired','failed') THEN {past} END,
  CASE WHEN state IN ('done','errored','expired','failed') THEN {ahead} END,
  n / 100 % 3 % 2, n / 100 % 3 % 2, state <> 'done', CASE WHEN state = 'running' THEN 'f' END,
  CASE WHEN state = 'running' THEN 'drain' || (n % 4) END,
  CASE WHEN state = 'errored' THEN 'OSError: ' || n END
FROM (SELECT n, CASE WHEN n % 100 < 3 THEN 'pending' WHEN n % 100 = 3 THEN 'held'
    WHEN n % {count} = 4 THEN 'running' WHEN n % 100 = 5 THEN 'errored' WHEN n % 100 = 6 THEN 'failed'
    WHEN n % 100 = 7 THEN 'expired' ELSE 'done' END AS state,
  CASE WHEN n % 100 = 1 THEN {ahead} END AS retry_at FROM {numbers}) AS made
"""
_WORDS = {
    "postgresql": {
        "numbers": "generate_series(1, {count}) AS n",
        "ahead": "clock_timestamp() + n * interval '1 second'",
        "past": "clock_timestamp() - n * interval '1 second'",
    },
    "sqlite": {
        "numbers": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {count}) "
        "SELECT n FROM s)",
        "ahead": "(strftime('%Y-%m-%d %H:%M:%f','now','+'||n||' seconds')||'000')",
        "past": "(strftime('%Y-%m-%d %H:%M:%f','now','-'||n||' seconds')||'000')",
    },
}


def fill(connection: Connection, count: int) -> None:
    """A table of `count` tickets in every state."""
    words = {name: word.format(count=count) for name, word in _WORDS[connection.dialect.name].items()}
    connection.execute(text(_MANY.format(count=count, **words)))
    connection.commit()


def many(connection: Connection, count: int) -> None:
    """The same, with the statistics that a server would have."""
    fill(connection, count)
    connection.execute(text("ANALYZE"))
    connection.commit()
