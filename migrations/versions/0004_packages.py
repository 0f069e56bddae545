"""Work packages: elements, batches, and the index by which the flood guard finds an equal waiting ticket."""

import sqlalchemy as sa
from alembic import op

from counterfoil.clock import stamp
from counterfoil.columns import BigId, Json, Utc

revision = "0004"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "counterfoil_elements",
        sa.Column("ticket_id", BigId, autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("element_id", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("ticket_id", "position", name=op.f("counterfoil_elements_pkey")),
        sa.UniqueConstraint(
            "ticket_id", "element_id", name=op.f("counterfoil_elements_ticket_id_element_id_key")
        ),
    )
    op.create_table(
        "counterfoil_batches",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("sealed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("parent_id", BigId, nullable=True),
        sa.Column("opened_by", sa.String(length=200), nullable=True),
        sa.Column("opened_at", Utc(), server_default=stamp(), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("follow_up", sa.String(length=200), nullable=True),
        sa.Column("follow_up_root_id", sa.String(length=400), nullable=True),
        sa.Column("follow_up_root_label", sa.String(length=200), nullable=True),
        sa.Column("follow_up_params", Json, nullable=True),
        sa.Column("follow_up_ticket_id", BigId, nullable=True),
        sa.Column("gone_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("gone_errored", sa.Integer(), server_default="0", nullable=False),
        sa.Column("gone_expired", sa.Integer(), server_default="0", nullable=False),
        sa.Column("gone_failed", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["parent_id"], ["counterfoil_batches.id"], name=op.f("counterfoil_batches_parent_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("counterfoil_batches_pkey")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "counterfoil_batches_open",
        "counterfoil_batches",
        ["id"],
        unique=False,
        postgresql_where=sa.text("closed_at IS NULL"),
        sqlite_where=sa.text("closed_at IS NULL"),
    )
    op.create_index("counterfoil_batches_parent", "counterfoil_batches", ["parent_id", "id"], unique=False)
    # With the id, so that a batch's tickets of one state are read in their order.
    op.drop_index("counterfoil_tickets_batch", "counterfoil_tickets")
    op.create_index(
        "counterfoil_tickets_batch",
        "counterfoil_tickets",
        ["batch_id", "state", "id"],
        unique=False,
        postgresql_where=sa.text("batch_id IS NOT NULL"),
        sqlite_where=sa.text("batch_id IS NOT NULL"),
    )
    op.create_index(
        "counterfoil_tickets_guard",
        "counterfoil_tickets",
        ["guard_key", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND guard_key IS NOT NULL"),
        sqlite_where=sa.text("state = 'pending' AND guard_key IS NOT NULL"),
    )
