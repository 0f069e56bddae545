"""The invariants of a database that tickets ran in (docs/reliability), checked by SQL after every fault.

`install` before the fault: the table `effect`, without a unique key on purpose, and a history of every
change of state or fence, filled by a trigger, so that nobody can forget to write it. `violations` after it.
"""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from counterfoil.ticket import FINAL, STATES

_COLUMNS = "ticket_id, was, became, old_fence, new_fence, old_drain, claims"
_CHANGE = "OLD.id, OLD.state, NEW.state, OLD.fence, NEW.fence, OLD.drain_id, NEW.claims"

_SETUP = {
    "sqlite": (
        "CREATE TABLE effect (ticket_id INTEGER, attempt INTEGER)",
        "CREATE TABLE history (n INTEGER PRIMARY KEY AUTOINCREMENT, ticket_id INTEGER, was TEXT, "
        "became TEXT, old_fence TEXT, new_fence TEXT, old_drain TEXT, claims INTEGER)",
        "CREATE TRIGGER history_of_tickets AFTER UPDATE OF state, fence ON counterfoil_tickets "
        "WHEN OLD.state <> NEW.state OR OLD.fence IS NOT NEW.fence "
        f"BEGIN INSERT INTO history ({_COLUMNS}) VALUES ({_CHANGE}); END",
    ),
    "postgresql": (
        "CREATE TABLE effect (ticket_id bigint, attempt int)",
        "CREATE TABLE history (n bigserial PRIMARY KEY, ticket_id bigint, was text, became text, "
        "old_fence text, new_fence text, old_drain text, claims int)",
        "CREATE FUNCTION write_history() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"INSERT INTO history ({_COLUMNS}) VALUES ({_CHANGE}); RETURN NULL; END $$",
        "CREATE TRIGGER history_of_tickets AFTER UPDATE ON counterfoil_tickets FOR EACH ROW "
        "WHEN (OLD.state <> NEW.state OR OLD.fence IS DISTINCT FROM NEW.fence) "
        "EXECUTE FUNCTION write_history()",
    ),
}

_FINALS = ", ".join(map(repr, FINAL))
_KNOWN = ", ".join(map(repr, STATES))
_OPERATORS = "'retry','undo','expire','fail','stop'"

_CHECKS = {
    "I1: a state outside the list": "SELECT id, state FROM counterfoil_tickets "
    f"WHERE state NOT IN ({_KNOWN})",
    "I1: final without its time": f"SELECT id, state FROM counterfoil_tickets WHERE state IN ({_FINALS}) "
    "AND (done IS NULL OR delete_time IS NULL)",
    "I2: effects inside": "SELECT t.id, t.state, count(e.ticket_id) FROM counterfoil_tickets t "
    "LEFT JOIN effect e ON e.ticket_id = t.id WHERE t.view_model NOT IN (SELECT name FROM "
    "counterfoil_view_models WHERE NOT transactional) GROUP BY t.id, t.state, t.run "
    "HAVING count(e.ticket_id) <> t.run + CASE WHEN t.state = 'done' THEN 1 ELSE 0 END",
    "I4: a final state changed without an operator": "SELECT h.ticket_id, h.was, h.became FROM history h "
    f"WHERE h.was IN ({_FINALS}) AND h.was <> h.became AND NOT EXISTS (SELECT 1 FROM counterfoil_trail r "
    f"WHERE r.ticket_id = h.ticket_id AND r.verb IN ({_OPERATORS}))",
    "I4: settled from something that did not run": "SELECT h.ticket_id, h.was, h.became FROM history h "
    "WHERE h.became IN ('done') AND h.was <> 'running'",
    "I5: more attempts than allowed": "SELECT id, attempts, max_attempts FROM counterfoil_tickets "
    "WHERE attempts > max_attempts OR attempts < 0 OR attempts > claims",
    "I5: attempts that were not claims": "SELECT t.id, t.attempts, t.claims FROM counterfoil_tickets t "
    "WHERE t.aside_since IS NULL AND NOT EXISTS (SELECT 1 FROM counterfoil_trail r WHERE r.ticket_id = t.id) "
    "AND t.attempts <> t.claims - (SELECT count(*) FROM counterfoil_attempts a WHERE a.ticket_id = t.id "
    "AND a.outcome IN ('postpone', 'give back'))",
    "I6: running without a live drain": "SELECT t.id, t.drain_id FROM counterfoil_tickets t "
    "WHERE t.state = 'running' AND NOT EXISTS (SELECT 1 FROM counterfoil_drains d WHERE d.id = t.drain_id)",
    "I6: pending without a turn that nothing holds back": "SELECT id FROM counterfoil_tickets "
    "WHERE state = 'pending' AND NOT turn AND lane IS NULL AND aside IS NULL",
    "I8: an operator's act without its event": "SELECT h.ticket_id, h.was, h.became FROM history h "
    f"WHERE h.was IN ({_FINALS}) AND h.became = 'pending' AND NOT EXISTS (SELECT 1 FROM counterfoil_trail r "
    "WHERE r.ticket_id = h.ticket_id)",
    "I10: a fence used twice": "SELECT new_fence, count(*) FROM history WHERE became = 'running' "
    "GROUP BY new_fence HAVING count(*) > 1",
    "I10: a claim without a new fence": "SELECT ticket_id, claims FROM history WHERE became = 'running' "
    "AND was <> 'running' AND (new_fence IS NULL OR new_fence = old_fence)",
    "I10: finished work that lost its fence": "SELECT ticket_id FROM history WHERE became = 'done' "
    "AND was = 'running' AND (new_fence IS NULL OR new_fence <> old_fence)",
    "I10: two of a lane": "SELECT lane, count(*) FROM counterfoil_tickets WHERE state = 'running' "
    "AND lane IS NOT NULL GROUP BY lane HAVING count(*) > 1",
    "I10: more drains than slots": "SELECT q.name FROM counterfoil_queues q WHERE q.pool_size < "
    "(SELECT count(*) FROM counterfoil_slots s WHERE s.queue = q.name AND s.drain_id IS NOT NULL)",
}

_AT_REST = {
    "I1: not settled": "SELECT id, state FROM counterfoil_tickets WHERE state = 'running' "
    "OR (state = 'pending' AND aside IS NULL)",
    "I11: drains left behind": "SELECT id, queue FROM counterfoil_drains",
    "I11: slots left taken": "SELECT queue, n FROM counterfoil_slots WHERE drain_id IS NOT NULL",
}


def install(engine: Engine) -> None:
    """Make `effect` and the history."""
    with engine.begin() as connection:
        for statement in _SETUP[engine.dialect.name]:
            connection.exec_driver_sql(statement)


def violations(engine: Engine, *, outside: Path | None = None, at_rest: bool = True) -> list[str]:
    """What is violated, a line each. `at_rest`: everything was let finish. `outside`: the work's own file."""
    found = []
    with engine.connect() as connection:
        checks = list((_CHECKS | (_AT_REST if at_rest else {})).items())
        # Which, by one statement: it is asked after every step of the machine.
        asked = [f"SELECT {n} WHERE EXISTS ({query})" for n, (_, query) in enumerate(checks)]
        for n in connection.execute(text(" UNION ALL ".join(asked))).scalars().all():
            name, query = checks[n]
            rows = connection.execute(text(query)).fetchall()
            found += [f"{name}: {tuple(row)}" for row in rows]
        if outside is not None:
            found += _outside(connection, outside)
    return found


def _outside(connection: Any, file: Path) -> list[str]:
    """I3: at least once outside when done, at most once a claim, under one key per run."""
    times: dict[int, int] = {}
    keys: dict[int, set[str]] = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        ticket_id, _, key = line.split()
        times[int(ticket_id)] = times.get(int(ticket_id), 0) + 1
        keys.setdefault(int(ticket_id), set()).add(key)
    found = []
    for row in connection.execute(text("SELECT id, state, claims, run FROM counterfoil_tickets")):
        happened = times.get(row.id, 0)
        if happened > row.claims or (row.state == "done" and not happened):
            found.append(f"I3: ticket {row.id} is {row.state}, {happened} times outside, {row.claims} claims")
        if len(keys.get(row.id, ())) > row.run + 1:
            found.append(
                f"I3: ticket {row.id} had {len(keys[row.id])} idempotency keys in {row.run + 1} runs"
            )
    return found
