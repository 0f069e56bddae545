"""View models: pauses and routes; what the charts need."""

import sqlalchemy as sa
from alembic import op

from counterfoil.clock import stamp
from counterfoil.columns import BigId, Json, Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counterfoil_rollups",
        sa.Column("span_seconds", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("queue", sa.String(length=100), nullable=False),
        sa.Column("view_model", sa.String(length=200), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("arrivals", BigId, nullable=True),
        sa.Column("finished", BigId, server_default="0", nullable=False),
        sa.Column("errored", BigId, server_default="0", nullable=False),
        sa.Column("ended", BigId, server_default="0", nullable=False),
        sa.Column("failing", BigId, server_default="0", nullable=False),
        sa.Column("run_ms", BigId, server_default="0", nullable=False),
        sa.Column("due", BigId, nullable=True),
        sa.Column("running", BigId, nullable=True),
        sa.Column("oldest_wait_ms", BigId, nullable=True),
        sa.Column("waits", Json, nullable=True),
        sa.Column("runs", Json, nullable=True),
        sa.PrimaryKeyConstraint(
            "span_seconds", "queue", "view_model", "at", name=op.f("counterfoil_rollups_pkey")
        ),
    )
    op.create_index("counterfoil_rollups_at", "counterfoil_rollups", ["span_seconds", "at"], unique=False)
    op.create_table(
        "counterfoil_versions",
        sa.Column("app_version", sa.String(length=100), nullable=False),
        sa.Column("first_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("last_seen_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("view_models", Json, nullable=True),
        sa.PrimaryKeyConstraint("app_version", name=op.f("counterfoil_versions_pkey")),
    )
    op.create_index(
        "counterfoil_trail_house",
        "counterfoil_trail",
        ["at"],
        unique=False,
        postgresql_where=sa.text("ticket_id IS NULL"),
        sqlite_where=sa.text("ticket_id IS NULL"),
    )
    op.create_index("counterfoil_attempts_ended", "counterfoil_attempts", ["ended_at"], unique=False)
