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
