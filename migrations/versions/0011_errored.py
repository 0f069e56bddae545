"""What is looked for among failures stands in an index beside their order; PostgreSQL reads the rows."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_context().dialect.name != "sqlite":
        return
    op.create_index(
        "counterfoil_tickets_errored",
        "counterfoil_tickets",
        [
            *("state", "done", "id", "queue", "priority", "attempts"),
            *("view_model", "root_id", "token", "root_label", "error"),  # the longest last
        ],
        unique=False,
        sqlite_where=sa.text("state = 'errored' AND done IS NOT NULL"),
    )
