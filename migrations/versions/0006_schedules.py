"""Recurring schedules, notices and the archive; kinds of tickets."""

import sqlalchemy as sa
from alembic import op

from counterfoil.clock import stamp
from counterfoil.columns import BigId, Json, Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counterfoil_schedules",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("cron", sa.String(length=200), nullable=False),
        sa.Column("zone", sa.String(length=100), nullable=False),
        sa.Column("view_model", sa.String(length=200), nullable=False),
        sa.Column("params", Json, nullable=True),
        sa.Column("catch_up", sa.String(length=8), nullable=False),
        sa.Column("opens", sa.String(length=200), nullable=True),
        sa.Column("app_version", sa.String(length=100), nullable=True),
        sa.Column("first_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("known_until", Utc(), nullable=True),
        sa.Column("next_at", Utc(), nullable=True),
        sa.Column("last_fire_at", Utc(), nullable=True),
        sa.Column("last_planted_at", Utc(), nullable=True),
        sa.Column("last_ticket_id", BigId, nullable=True),
        sa.Column("paused", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("paused_by", sa.String(length=200), nullable=True),
        sa.Column("paused_at", Utc(), nullable=True),
        sa.Column("paused_until", Utc(), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("counterfoil_schedules_pkey")),
    )
    op.create_index("counterfoil_schedules_next", "counterfoil_schedules", ["next_at"], unique=False)
    op.create_table(
        "counterfoil_kinds",
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("table_name", sa.String(length=200), nullable=False),
        sa.Column("schema_name", sa.String(length=200), nullable=True),
        sa.Column("key_column", sa.String(length=200), nullable=False),
        sa.Column("columns", Json, nullable=False),
        sa.Column("first_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("counterfoil_kinds_pkey")),
    )
    op.create_table(
        "counterfoil_notices",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("occasion", sa.String(length=16), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("ticket_id", BigId, nullable=True),
        sa.Column("batch_id", BigId, nullable=True),
        sa.Column("channel", sa.String(length=16), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("message", Json, nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("next_at", Utc(), nullable=True),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("failed_at", Utc(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_notices_pkey")),
        sqlite_autoincrement=True,
    )
    message = "channel IS NOT NULL"
    _partial("waiting", ["person", "topic", "id"], "channel IS NULL")
    _partial("open", ["next_at", "id"], f"{message} AND sent_at IS NULL AND failed_at IS NULL")
    _partial("told", ["person", "topic", "at"], message)
    _partial("failed", ["failed_at"], "failed_at IS NOT NULL")
    op.create_index("counterfoil_notices_at", "counterfoil_notices", ["at"], unique=False)
    # By these the purge finds what nothing names any more.
    op.create_index("counterfoil_batches_closed", "counterfoil_batches", ["closed_at"], unique=False)
    op.create_index("counterfoil_errors_traceback", "counterfoil_errors", ["traceback_id"], unique=False)
    op.create_index("counterfoil_tracebacks_seen", "counterfoil_tracebacks", ["seen_at"], unique=False)
    op.create_index(
        "counterfoil_attempts_traceback",
        "counterfoil_attempts",
        ["traceback_id"],
        unique=False,
        postgresql_where=sa.text("traceback_id IS NOT NULL"),
        sqlite_where=sa.text("traceback_id IS NOT NULL"),
    )


def _partial(name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"counterfoil_notices_{name}",
        "counterfoil_notices",
        columns,
        unique=False,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(where),
    )
