"""Operations: canary, pace and undo; errors muted by count or silence."""

import sqlalchemy as sa
from alembic import op

from counterfoil.columns import BigId, Json, Utc

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in (
        sa.Column("pace", sa.String(length=8), server_default="all", nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=True),
        sa.Column("canary", Json, nullable=True),
        sa.Column("halted_why", sa.Text(), nullable=True),
        sa.Column("pace_per_minute", sa.Float(), nullable=True),
        sa.Column("paced_at", Utc(), nullable=True),
        sa.Column("undo_of", BigId, nullable=True),
    ):
        op.add_column("counterfoil_operations", column)
    op.create_index(
        "counterfoil_operations_undo",
        "counterfoil_operations",
        ["undo_of"],
        unique=False,
        postgresql_where=sa.text("undo_of IS NOT NULL"),
        sqlite_where=sa.text("undo_of IS NOT NULL"),
    )
    op.add_column("counterfoil_operation_items", sa.Column("trail_id", BigId, nullable=True))
    op.add_column("counterfoil_operation_items", sa.Column("undoes", BigId, nullable=True))
    # What was done before is as easy to take back as what is done from now on.
    op.execute(
        "UPDATE counterfoil_operation_items SET trail_id = (SELECT max(t.id) FROM counterfoil_trail t "
        "WHERE t.ticket_id = counterfoil_operation_items.ticket_id "
        "AND t.operation_id = counterfoil_operation_items.operation_id) WHERE result = 'changed'"
    )
    op.add_column("counterfoil_errors", sa.Column("muted_at", Utc(), nullable=True))
    op.add_column("counterfoil_errors", sa.Column("muted_failures", BigId, nullable=True))
    op.add_column(
        "counterfoil_errors",
        sa.Column("muted_quiet", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
