"""Attempts whose process could not call the application's hooks: from when on the next drain does."""

import sqlalchemy as sa
from alembic import op

from counterfoil.columns import Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("counterfoil_attempts", sa.Column("tell_at", Utc(), nullable=True))
    op.create_index(
        "counterfoil_attempts_untold",
        "counterfoil_attempts",
        ["tell_at"],
        unique=False,
        postgresql_where=sa.text("tell_at IS NOT NULL"),
        sqlite_where=sa.text("tell_at IS NOT NULL"),
    )
