"""Groups of errors, what is to be folded into them, and the errored tickets that somebody has acknowledged."""

import sqlalchemy as sa
from alembic import op

from counterfoil.columns import BigId, Json, Utc

revision = "0002"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counterfoil_errors",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("class_name", sa.String(length=200), nullable=True),
        sa.Column("place", sa.String(length=400), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_kind", sa.String(length=16), nullable=True),
        sa.Column("view_model", sa.String(length=200), nullable=True),
        sa.Column("first_seen_at", Utc(), nullable=False),
        sa.Column("last_seen_at", Utc(), nullable=False),
        sa.Column("app_version", sa.String(length=100), nullable=True),
        sa.Column("last_app_version", sa.String(length=100), nullable=True),
        sa.Column("failures", BigId, server_default="0", nullable=False),
        sa.Column("errored", BigId, server_default="0", nullable=False),
        sa.Column("trend", Json, nullable=True),
        sa.Column("ticket_id", BigId, nullable=True),
        sa.Column("traceback_id", sa.String(length=64), nullable=True),
        sa.Column("acknowledged_at", Utc(), nullable=True),
        sa.Column("acknowledged_by", sa.String(length=200), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("muted_until", Utc(), nullable=True),
        sa.Column("muted_by", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("counterfoil_errors_pkey")),
    )
    op.create_index("counterfoil_errors_seen", "counterfoil_errors", ["last_seen_at"], unique=False)
    _partial("errors", "errored", ["errored"], "errored > 0")
    op.add_column("counterfoil_attempts", sa.Column("place", sa.String(length=400), nullable=True))
    op.add_column(
        "counterfoil_attempts",
        sa.Column("grouped", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    _partial("attempts", "ungrouped", ["id"], "fingerprint IS NOT NULL AND NOT grouped")
    _partial("tickets", "acknowledged", ["id"], "state = 'errored' AND acknowledged_at IS NOT NULL")


def _partial(table: str, name: str, columns: list[str], where: str) -> None:
    op.create_index(
        f"counterfoil_{table}_{name}",
        f"counterfoil_{table}",
        columns,
        unique=False,
        postgresql_where=sa.text(where),
        sqlite_where=sa.text(where),
    )
