"""Operations: canary, pace and undo; errors muted by count or silence."""

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    pass
