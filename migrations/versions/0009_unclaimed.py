"""What is pending and was never claimed has an index of its own: delayed ones stand behind no retrying ones."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "counterfoil_tickets_unclaimed",
        "counterfoil_tickets",
        ["due_at", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending' AND claims = 0"),
        sqlite_where=sa.text("state = 'pending' AND claims = 0"),
    )
    op.drop_index("counterfoil_tickets_pending", table_name="counterfoil_tickets")
