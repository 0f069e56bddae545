"""SQLite's index of texts, and the triggers that note what it has yet to learn; PostgreSQL has its own."""

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.exc import DBAPIError

from counterfoil.schema import SchemaOutOfDate

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SQLITE = (
    "CREATE VIRTUAL TABLE counterfoil_texts USING fts5(label, error, tokenize='trigram', columnsize=0)",
    "INSERT INTO counterfoil_texts (counterfoil_texts, rank) VALUES ('automerge', 16)",
    "INSERT INTO counterfoil_texts (counterfoil_texts, rank) VALUES ('crisismerge', 64)",
    "CREATE TABLE counterfoil_texts_due (ticket_id INTEGER PRIMARY KEY)",
    "CREATE TABLE counterfoil_texts_place "
    "(one INTEGER PRIMARY KEY CHECK (one = 1), ticket_id INTEGER NOT NULL)",
    "INSERT INTO counterfoil_texts_place (one, ticket_id) VALUES (1, 0)",
    """
CREATE TRIGGER counterfoil_tickets_texts_update AFTER UPDATE OF error, root_label ON counterfoil_tickets
WHEN NEW.error IS NOT OLD.error OR NEW.root_label IS NOT OLD.root_label
BEGIN INSERT OR IGNORE INTO counterfoil_texts_due (ticket_id) VALUES (NEW.id); END
""",
    """
CREATE TRIGGER counterfoil_tickets_texts_delete AFTER DELETE ON counterfoil_tickets
WHEN OLD.error IS NOT NULL OR OLD.root_label IS NOT NULL
BEGIN INSERT OR IGNORE INTO counterfoil_texts_due (ticket_id) VALUES (OLD.id); END
""",
)


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    if not context.is_offline_mode():
        _needs_fts5()
    for statement in SQLITE:
        op.execute(sa.text(statement))


def _needs_fts5() -> None:
    try:
        op.get_bind().exec_driver_sql("CREATE VIRTUAL TABLE temp.tried USING fts5(text, tokenize='trigram')")
    except DBAPIError as error:
        raise SchemaOutOfDate(
            "the search needs SQLite's FTS5 with trigrams (SQLite 3.34 or later), which the SQLite of this "
            f"Python lacks ({str(error.orig).splitlines()[0]}): use a Python whose sqlite3 has it, as those of "
            "python.org and the distributions have, or PostgreSQL"
        ) from error
    op.get_bind().exec_driver_sql("DROP TABLE temp.tried")
