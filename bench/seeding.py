"""A large installation's tables: what a month of a busy shop leaves, for measuring pages and plans.

A base of some thousand tickets is made row by row and then copied within the database, each copy with roots
and tokens of its own and some minutes older. The scheduler's own figures (samples, groups of errors) are left
to a scheduler: start one, and it finds 40,000 failures of three causes in a million tickets to fold.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, insert, text

from counterfoil import text_index
from counterfoil.clock import RANDOM_TOKEN
from counterfoil.errors import fingerprint
from counterfoil.ticket import Ticket

BASE = 5_000
QUEUES = ("default", "mail", "invoices", "exports", "sync", "reports", "images", "bench")
SHARES = {
    "done": 800,
    "delayed": 60,
    "pending": 40,
    "errored": 40,
    "expired": 20,
    "failed": 10,
    "retrying": 20,
    "held": 10,
}
"""Of a thousand tickets; `retrying` is pending and was tried."""

CAUSES = (
    (
        "ConnectionError",
        "shop.gateway:charge",
        "HTTPSConnectionPool(host='bank.example'): refused, order {n}",
    ),
    ("IntegrityError", "shop.numbers:assign", "duplicate key value: Key (number)=({n}) already exists"),
    ("TypeError", "shop.mail:render", "unsupported operand: Decimal and NoneType for order {n}"),
)
"""Class, place and text of what went wrong."""


def seed(engine: Engine, tickets: int, seed_of_chance: int = 1) -> int:
    """Fill with about so many tickets, on top of what is there; how many were added. Ends with ANALYZE."""
    chance = random.Random(seed_of_chance)
    copies = max(1, round(tickets / BASE))
    with engine.begin() as connection:
        _know(connection)
        before = connection.execute(text("SELECT coalesce(max(id), 0) FROM counterfoil_tickets")).scalar_one()
        connection.execute(insert(Ticket.__table__), [*_base(chance, min(BASE, tickets))])  # type: ignore[arg-type]
        last = connection.execute(text("SELECT max(id) FROM counterfoil_tickets")).scalar_one()
    for copy in range(1, copies):
        with engine.begin() as connection:
            _copy(connection, before, last, copy)
    with engine.begin() as connection:
        _attempts(connection, before)
        added = connection.execute(
            text("SELECT count(*) FROM counterfoil_tickets WHERE id > :before"), {"before": before}
        ).scalar_one()
    while engine.dialect.name == "sqlite" and _index(engine):
        pass
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if engine.dialect.name == "postgresql" else "ANALYZE")
    return int(added)


def _index(engine: Engine) -> int:
    """A chunk of what a scheduler would have written to SQLite's index of texts by then."""
    with engine.begin() as connection:
        return text_index.catch_up(connection)


def _know(connection: Connection) -> None:
    """What workers would have registered."""
    rows = [{"name": f"Seed.work{n}", "queue": QUEUES[n % len(QUEUES)]} for n in range(30)]
    known = (
        "INSERT INTO counterfoil_view_models (name, sort, queue) VALUES (:name, 'target', :queue) "
        "ON CONFLICT DO NOTHING"
    )
    connection.execute(text(known), rows)
    queues = "INSERT INTO counterfoil_queues (name) VALUES (:name) ON CONFLICT DO NOTHING"
    connection.execute(text(queues), [{"name": name} for name in QUEUES])


def _base(chance: random.Random, count: int) -> Iterator[dict[str, Any]]:
    now = datetime.now(UTC)
    states, weights = list(SHARES), list(SHARES.values())
    for n in range(count):
        state = chance.choices(states, weights)[0]
        opened = now - timedelta(seconds=chance.randrange(3600))
        yield _ticket(chance, n, state, opened)


def _ticket(chance: random.Random, n: int, state: str, opened: datetime) -> dict[str, Any]:
    number = chance.randrange(30)
    row: dict[str, Any] = {
        "view_model": f"Seed.work{number}",
        "queue": QUEUES[number % len(QUEUES)],
        "root_id": f"Order!{n}",
        "root_label": f"order A-{n}, {chance.choice(('ACME', 'Babbage & Sons', 'Hopper Compilers'))}",
        "priority": chance.choice((1, 3, 5, 5, 5, 5, 7, 9)),
        "state": {"delayed": "pending", "retrying": "pending"}.get(state, state),
        "turn": state in ("pending", "delayed", "retrying"),
        "max_attempts": 5,
        "keep_receipt_minutes": 10,
        "opened_at": opened,
        "kind": "ticket",
        "opened_via": "bench",
        "opened_by": chance.choice(("mia", "noah", "sofia")),
    }
    nothing = ("execute_earliest", "retry_at", "expires_at", "done", "delete_time", "duration_ms")
    row |= dict.fromkeys((*nothing, "fence", "error", "error_kind", "fingerprint", "started_at"))
    row |= {"attempts": 0, "claims": 0, "trouble": False}
    if state == "delayed":
        row["execute_earliest"] = opened + timedelta(hours=chance.randrange(2, 400))
    if state in ("held", "delayed") and chance.random() < 0.2:
        row["expires_at"] = opened + timedelta(hours=chance.randrange(2, 40))
    if state in ("done", "errored", "failed", "expired"):
        spent = chance.randrange(5, 4000)
        done = opened + timedelta(seconds=chance.randrange(90), milliseconds=spent)
        kept = timedelta(days=30) if state != "done" else timedelta(days=8)
        row |= {"done": done, "started_at": done - timedelta(milliseconds=spent), "delete_time": done + kept}
        row |= {"duration_ms": spent, "attempts": 1, "claims": 1, "fence": f"{n:032x}"}
    if state in ("errored", "failed", "retrying"):
        cause = chance.choices(range(len(CAUSES)), (80, 15, 5))[0]
        row |= {"trouble": True, "attempts": 5 if state == "errored" else 2, "claims": 5} | _error(cause, n)
    if state == "retrying":
        row["retry_at"] = opened + timedelta(hours=2)
    return row


def _error(cause: int, n: int) -> dict[str, str]:
    name, place, words = CAUSES[cause]
    said = f"{name}: {words.format(n=n)}"
    return {"error": said, "error_kind": "run", "fingerprint": fingerprint(name, place, said)}


def _copy(connection: Connection, before: int, last: int, copy: int) -> None:
    """The base once more: other roots and tokens, some minutes older."""
    dialect = connection.dialect.name
    shifted = {"opened_at", "done", "delete_time", "started_at"}
    columns = [c.name for c in Ticket.__table__.columns if c.computed is None and c.name != "id"]

    def value(column: str) -> str:
        if column == "token":
            return RANDOM_TOKEN[dialect]
        if column == "root_id":
            return f"root_id || '-{copy}'"
        if column == "root_label":
            return f"replace(root_label, ',', '-{copy},')"
        if column == "error":
            return f"error || '{copy}'"
        if column in shifted and dialect == "postgresql":
            return f"{column} - interval '{copy * 7} minutes'"
        if column in shifted:
            return f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{copy * 7} minutes')"
        return column

    connection.execute(
        text(
            f"INSERT INTO counterfoil_tickets ({', '.join(columns)}) "
            f"SELECT {', '.join(map(value, columns))} FROM counterfoil_tickets "
            "WHERE id > :before AND id <= :last"
        ),
        {"before": before, "last": last},
    )


def _attempts(connection: Connection, before: int) -> None:
    """The last attempt of each that failed; a scheduler's grouper folds them."""
    connection.execute(
        text(
            "INSERT INTO counterfoil_attempts "
            "(ticket_id, claim, outcome, error, error_kind, fingerprint, ended_at) "
            "SELECT id, claims, CASE state WHEN 'pending' THEN 'back off' WHEN 'errored' THEN 'error' "
            "ELSE 'fail' END, error, error_kind, fingerprint, coalesce(done, opened_at) "
            "FROM counterfoil_tickets "
            "WHERE id > :before AND fingerprint IS NOT NULL"
        ),
        {"before": before},
    )
