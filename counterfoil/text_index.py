"""SQLite's index of texts: an FTS5 table of labels and errors, written in arrears.

A full-text index written by every opening costs it two thirds more (docs/decisions/0012). So nobody writes it
but the scheduler's indexer: it follows the ids, which SQLite commits in their order, up to a place; what
changes or goes behind that place - an error, a purged receipt - is noted by triggers as due. Whoever searches
asks the index and, beside it, the few tickets past the place or due. PostgreSQL has trigram indexes instead.

Source: SQLite's documentation of FTS5 and its trigram tokenizer.
"""

from sqlalchemy import Connection, text

from .sqlite import begin_immediate

CHUNK = 500
"""Tickets in one transaction: some milliseconds of SQLite's one write lock."""

TABLES = "counterfoil_texts"
"""What the names of its tables begin with; SQLAlchemy's metadata know nothing of them."""

TEXTS = "(root_label IS NOT NULL OR error IS NOT NULL)"

SQLITE = (
    "DROP TABLE IF EXISTS counterfoil_texts",
    "CREATE VIRTUAL TABLE counterfoil_texts USING fts5(label, error, tokenize='trigram', columnsize=0)",
    # Many small segments instead of a merge now and then that holds the lock for a second.
    "INSERT INTO counterfoil_texts (counterfoil_texts, rank) VALUES ('automerge', 16)",
    "INSERT INTO counterfoil_texts (counterfoil_texts, rank) VALUES ('crisismerge', 64)",
    "DROP TABLE IF EXISTS counterfoil_texts_due",
    "CREATE TABLE counterfoil_texts_due (ticket_id INTEGER PRIMARY KEY)",
    "DROP TABLE IF EXISTS counterfoil_texts_place",
    "CREATE TABLE counterfoil_texts_place "
    "(one INTEGER PRIMARY KEY CHECK (one = 1), ticket_id INTEGER NOT NULL)",
    "INSERT INTO counterfoil_texts_place (one, ticket_id) VALUES (1, 0)",
    "CREATE TRIGGER counterfoil_tickets_texts_update "
    "AFTER UPDATE OF error, root_label ON counterfoil_tickets "
    "WHEN NEW.error IS NOT OLD.error OR NEW.root_label IS NOT OLD.root_label "
    "BEGIN INSERT OR IGNORE INTO counterfoil_texts_due (ticket_id) VALUES (NEW.id); END",
    "CREATE TRIGGER counterfoil_tickets_texts_delete AFTER DELETE ON counterfoil_tickets "
    "WHEN OLD.error IS NOT NULL OR OLD.root_label IS NOT NULL "
    "BEGIN INSERT OR IGNORE INTO counterfoil_texts_due (ticket_id) VALUES (OLD.id); END",
)
"""`triggers` creates them with the tables; anew, since tickets in a table made again are counted from 1."""

_TO_DO = text(
    "SELECT EXISTS (SELECT 1 FROM counterfoil_texts_due) OR EXISTS (SELECT 1 FROM counterfoil_tickets "
    "WHERE id > (SELECT ticket_id FROM counterfoil_texts_place))"
)
_DUE = text(
    "SELECT max(ticket_id), count(*) FROM "
    "(SELECT ticket_id FROM counterfoil_texts_due ORDER BY ticket_id LIMIT :chunk)"
)
_NEW = text(
    "SELECT max(id), count(*) FROM "
    "(SELECT id FROM counterfoil_tickets WHERE id > :place ORDER BY id LIMIT :chunk)"
)
_DROP = text(
    "DELETE FROM counterfoil_texts WHERE rowid IN "
    "(SELECT ticket_id FROM counterfoil_texts_due WHERE ticket_id <= :last AND ticket_id <= :place)"
)
_WRITE = "INSERT OR REPLACE INTO counterfoil_texts (rowid, label, error) SELECT id, root_label, error FROM"
_WRITE_AGAIN = text(
    f"{_WRITE} counterfoil_texts_due CROSS JOIN counterfoil_tickets ON id = ticket_id "
    f"WHERE ticket_id <= :last AND ticket_id <= :place AND {TEXTS}"
)
_WRITE_NEW = text(f"{_WRITE} counterfoil_tickets WHERE id > :place AND id <= :last AND {TEXTS} ORDER BY id")
_DONE = text("DELETE FROM counterfoil_texts_due WHERE ticket_id <= :last")
_PLACE = text("SELECT ticket_id FROM counterfoil_texts_place")
_MOVE = text("UPDATE counterfoil_texts_place SET ticket_id = :last")


def catch_up(connection: Connection, chunk: int = CHUNK) -> int:
    """Index up to `chunk` tickets that are due or past the place, in the caller's transaction; how many."""
    if not connection.execute(_TO_DO).scalar_one():
        return 0  # without the write lock
    begin_immediate(connection)
    place = connection.execute(_PLACE).scalar_one()
    last, due = connection.execute(_DUE, {"chunk": chunk}).one()
    if due:  # what is past the place is written with the new ones
        connection.execute(_DROP, {"last": last, "place": place})
        connection.execute(_WRITE_AGAIN, {"last": last, "place": place})
        connection.execute(_DONE, {"last": last})
    last, new = connection.execute(_NEW, {"chunk": chunk - due, "place": place}).one()
    if new:
        connection.execute(_WRITE_NEW, {"last": last, "place": place})
        connection.execute(_MOVE, {"last": last})
    return int(due) + int(new)
