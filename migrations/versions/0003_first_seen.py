"""Keep who saw a handoff first, apart from who acknowledged its present alarm: a later sign begins another alarm."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What a member can do to a handoff that shows they have seen it; a note or a kept wish does not.
_SEEN = ("acknowledged", "claimed", "replied", "snoozed", "woken", "transferred", "given_back", "closed")


def upgrade() -> None:
    """Add the columns and fill them from the history."""
    op.add_column("handoff", sa.Column("first_seen_at", sa.DateTime(timezone=True)))
    op.add_column("handoff", sa.Column("first_seen_by", sa.Text()))
    handoff = sa.table("handoff", sa.column("id"), sa.column("first_seen_at"), sa.column("first_seen_by"))
    event = sa.table("handoff_event", *map(sa.column, ("id", "handoff_id", "at", "what", "member")))
    seen = sa.and_(event.c.handoff_id == handoff.c.id, event.c.member.is_not(None), event.c.what.in_(_SEEN))

    def first(column: sa.ColumnClause[object]) -> sa.ScalarSelect[object]:
        return sa.select(column).where(seen).order_by(event.c.id).limit(1).scalar_subquery()

    op.execute(sa.update(handoff).values(first_seen_at=first(event.c.at), first_seen_by=first(event.c.member)))


def downgrade() -> None:
    """Drop them."""
    op.drop_column("handoff", "first_seen_by")
    op.drop_column("handoff", "first_seen_at")
