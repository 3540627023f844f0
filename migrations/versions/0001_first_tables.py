"""All tables of the first version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables, the ones that others refer to first."""
    op.create_table(
        "answer_version",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text()),
        sa.Column("reviewed_on", sa.Date()),
        sa.Column("source", sa.Text()),
        sa.Column("member", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", "version", name="pk_answer_version"),
    )
    op.create_table(
        "audit",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member", sa.Text()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_table(
        "canned_reply",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("member", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_canned_reply"),
    )
    op.create_table(
        "member",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.Text()),
        sa.Column("totp_secret", sa.Text()),
        sa.Column("totp_used_step", sa.Integer()),
        sa.Column("failed_logins", sa.Integer(), server_default="0", nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_member"),
        sa.UniqueConstraint("email", name="uq_member_email"),
    )
    op.create_table(
        "pulse",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pulse"),
    )
    op.create_table(
        "setting_override",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("member", sa.Text()),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", "version", name="pk_setting_override"),
    )
    op.create_table(
        "tracker_snapshot",
        sa.Column("sender_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sender_id", name="pk_tracker_snapshot"),
    )
    op.create_table(
        "visitor",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.String(length=40), nullable=False),
        sa.Column("site", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("language", sa.String(length=20)),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_visitor"),
        sa.UniqueConstraint("channel", "address", name="uq_visitor_channel_address"),
    )
    op.create_table(
        "access_log",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["visitor"], ["visitor.id"], name="fk_access_log_visitor", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_access_log"),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
    op.create_index("ix_access_log_visitor", "access_log", ["visitor"])
    op.create_table(
        "feedback",
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("helpful", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["visitor"], ["visitor.id"], name="fk_feedback_visitor", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("visitor", "seq", name="pk_feedback"),
    )
    op.create_table(
        "handoff",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("urgency", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("list_version", sa.Text()),
        sa.Column("visitor_text", sa.Text(), nullable=False),
        sa.Column("bot_text", sa.Text(), nullable=False),
        sa.Column("symptom", sa.Text()),
        sa.Column("region", sa.Text()),
        sa.Column("since", sa.Text()),
        sa.Column("after_treatment", sa.Boolean()),
        sa.Column("callback_name", sa.Text()),
        sa.Column("callback_phone", sa.Text()),
        sa.Column("callback_best_time", sa.Text()),
        sa.Column("callback_consent_at", sa.DateTime(timezone=True)),
        sa.Column("member", sa.Text()),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True)),
        sa.Column("acknowledged_by", sa.Text()),
        sa.Column("claimed_at", sa.DateTime(timezone=True)),
        sa.Column("touched_at", sa.DateTime(timezone=True)),
        sa.Column("snoozed_until", sa.DateTime(timezone=True)),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("closed_by", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("done", sa.Text()),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("expired_at", sa.DateTime(timezone=True)),
        sa.Column("waiting_since", sa.DateTime(timezone=True)),
        sa.Column("unanswered_since", sa.DateTime(timezone=True)),
        sa.Column("alarm", sa.Integer(), nullable=False),
        sa.Column("alarmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["visitor"], ["visitor.id"], name="fk_handoff_visitor", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_handoff"),
    )
    op.create_index("ix_handoff_state", "handoff", ["state"])
    op.create_index("ix_handoff_visitor", "handoff", ["visitor"])
    op.create_index(
        "uq_handoff_open",
        "handoff",
        ["visitor"],
        unique=True,
        sqlite_where=sa.text("state != 'closed'"),
        postgresql_where=sa.text("state != 'closed'"),
    )
    op.create_table(
        "invitation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.String(length=20), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("invited_by", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["member"], ["member.id"], name="fk_invitation_member", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_invitation"),
    )
    op.create_index("ix_invitation_member", "invitation", ["member"])
    op.create_table(
        "message",
        sa.Column("visitor", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("author", sa.String(length=10), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member", sa.Text()),
        sa.Column("topic", sa.Text()),
        sa.Column("route", sa.String(length=20)),
        sa.Column("confidence", sa.Float()),
        sa.Column("in_reply_to", sa.Integer()),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["visitor"], ["visitor.id"], name="fk_message_visitor", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("visitor", "seq", name="pk_message"),
        sa.UniqueConstraint("visitor", "author", "id", name="uq_message_visitor_author_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_message_unsettled",
        "message",
        ["created_at"],
        sqlite_where=sa.text("author = 'visitor' AND settled_at IS NULL"),
        postgresql_where=sa.text("author = 'visitor' AND settled_at IS NULL"),
    )
    op.create_table(
        "saved_filter",
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["member"], ["member.id"], name="fk_saved_filter_member", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("member", "name", name="pk_saved_filter"),
    )
    op.create_table(
        "staff_session",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.Column("device", sa.Text()),
        sa.ForeignKeyConstraint(["member"], ["member.id"], name="fk_staff_session_member", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_staff_session"),
    )
    op.create_index("ix_staff_session_member", "staff_session", ["member"])
    op.create_table(
        "handoff_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("handoff_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("member", sa.Text()),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("visitor", sa.Text()),
        sa.Column("seq", sa.Integer()),
        sa.Column("reason", sa.Text()),
        sa.Column("urgency", sa.String(length=10)),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoff.id"], name="fk_handoff_event_handoff_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_handoff_event"),
        sa.UniqueConstraint("visitor", "seq", "reason", "urgency", name="uq_handoff_event_visitor_seq_reason_urgency"),
    )
    op.create_index("ix_handoff_event_handoff_id", "handoff_event", ["handoff_id"])
    op.create_table(
        "note",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("handoff_id", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("member", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoff.id"], name="fk_note_handoff_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
    )
    op.create_index("ix_note_handoff_id", "note", ["handoff_id"])
    op.create_table(
        "notification",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("event_key", sa.Text(), nullable=False),
        sa.Column("medium", sa.String(length=20), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=False),
        sa.Column("handoff_id", sa.Text()),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True)),
        sa.Column("lease", sa.String(length=32)),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoff.id"], name="fk_notification_handoff_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_notification"),
        sa.UniqueConstraint("event_key", name="uq_notification_event_key"),
    )
    op.create_index("ix_notification_handoff_id", "notification", ["handoff_id"])
    op.create_index("ix_notification_state_next_try_at", "notification", ["state", "next_try_at"])
    # The row that a health check writes.
    pulse = sa.table("pulse", sa.column("id", sa.Integer), sa.column("beats", sa.Integer))
    op.bulk_insert(pulse, [{"id": 1, "beats": 0}])


def downgrade() -> None:
    """Drop the tables, and with them everything that was kept."""
    for table in (
        "notification",
        "note",
        "handoff_event",
        "staff_session",
        "saved_filter",
        "message",
        "invitation",
        "handoff",
        "feedback",
        "access_log",
        "visitor",
        "tracker_snapshot",
        "setting_override",
        "pulse",
        "member",
        "canned_reply",
        "audit",
        "answer_version",
    ):
        op.drop_table(table)
