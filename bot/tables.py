"""Tables whose owners keep no SQLAlchemy at import, or share them: content, canned replies, the dialogue state.

A table that holds anything of a visitor says so in `info={"visitor": <column>}` (or hangs on `handoff`): export and
deletion follow that mark, and a test fails when a table forgets it.
"""

from __future__ import annotations

import sqlalchemy as sa

from bot.store import Json, UtcDateTime, Words, metadata

# Every wording an answer ever had; the highest version is served, older ones are history and can be put back.
answer_version = sa.Table(
    "answer_version",
    metadata,
    sa.Column("key", Words, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("text", Json, nullable=False),
    sa.Column("approved_by", Words),
    sa.Column("reviewed_on", sa.Date),
    sa.Column("source", Words),
    sa.Column("member", Words),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("origin", Words, nullable=False),
)

# Texts that staff insert with a few keys.
canned_reply = sa.Table(
    "canned_reply",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("title", Words, nullable=False),
    sa.Column("text", Words, nullable=False),
    sa.Column("member", Words),
    sa.Column("at", UtcDateTime, nullable=False),
)

# Rasa's memory of a conversation: the slots, and the last events only, so that turn 300 costs what turn 10 does.
tracker_snapshot = sa.Table(
    "tracker_snapshot",
    metadata,
    sa.Column("sender_id", Words, primary_key=True),
    sa.Column("state", Words, nullable=False),
    sa.Column("events", Words, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    info={"visitor": "sender_id"},
)
