"""Drop a table that was reserved and never written: the clinic's facts are entries of `answer_version`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop it."""
    op.drop_table("setting_override")


def downgrade() -> None:
    """Make it again, empty as it was."""
    op.create_table(
        "setting_override",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("member", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "version", name="pk_setting_override"),
    )
