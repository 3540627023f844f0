"""The handoff: the episode from "a person is needed" until a person has closed it, as rows and as values.

A visitor has at most one open handoff: a graver sign raises it, a further one is added to its history. All changes to a
conversation and its handoff happen under the lock of the visitor's row: staff, the bot and the visitor take turns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

import sqlalchemy as sa

from bot.store import Json, UtcDateTime, Words, metadata

Urgency = Literal["emergency", "urgent", "routine"]
HandoffState = Literal["waiting", "claimed", "snoozed", "closed"]
Owner = Literal["bot", "waiting", "claimed"]

# Lowest number first in the queue.
RANK: Mapping[str, int] = {"emergency": 0, "urgent": 1, "routine": 2}

handoff_table = sa.Table(
    "handoff",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("visitor", Words, sa.ForeignKey("visitor.id", ondelete="CASCADE"), nullable=False, index=True),
    # The message that holds its gravest sign.
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("urgency", sa.String(10), nullable=False),
    sa.Column("reason", Words, nullable=False),
    sa.Column("kind", Words, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("rules", Json, nullable=False),
    sa.Column("list_version", Words),
    sa.Column("visitor_text", Words, nullable=False),
    sa.Column("bot_text", Words, nullable=False),
    sa.Column("symptom", Words),
    sa.Column("region", Words),
    sa.Column("since", Words),
    sa.Column("after_treatment", sa.Boolean),
    sa.Column("callback_name", Words),
    sa.Column("callback_phone", Words),
    sa.Column("callback_best_time", Words),
    sa.Column("callback_consent_at", UtcDateTime),
    sa.Column("member", Words),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("opened_at", UtcDateTime, nullable=False),
    sa.Column("first_seen_at", UtcDateTime),
    sa.Column("first_seen_by", Words),
    sa.Column("acknowledged_at", UtcDateTime),
    sa.Column("acknowledged_by", Words),
    sa.Column("claimed_at", UtcDateTime),
    sa.Column("touched_at", UtcDateTime),
    sa.Column("snoozed_until", UtcDateTime),
    sa.Column("closed_at", UtcDateTime),
    sa.Column("closed_by", Words),
    sa.Column("outcome", Words),
    sa.Column("done", Words),
    sa.Column("expires_at", UtcDateTime),
    sa.Column("expired_at", UtcDateTime),
    sa.Column("waiting_since", UtcDateTime),
    sa.Column("unanswered_since", UtcDateTime),
    # One alarm is one climb of the ladder; a new sign after somebody acknowledged begins another.
    sa.Column("alarm", sa.Integer, nullable=False),
    sa.Column("alarmed_at", UtcDateTime, nullable=False),
    sa.Column("told_at", UtcDateTime),
    info={"visitor": "visitor"},
)
# The database itself keeps a visitor from having two open handoffs. A literal: a query with a parameter in its place
# could not use the index.
IS_OPEN = handoff_table.c.state != sa.literal_column("'closed'")
sa.Index("uq_handoff_open", handoff_table.c.visitor, unique=True, sqlite_where=IS_OPEN, postgresql_where=IS_OPEN)
sa.Index("ix_handoff_state", handoff_table.c.state)

event_table = sa.Table(
    "handoff_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("handoff_id", Words, sa.ForeignKey("handoff.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("what", sa.String(20), nullable=False),
    sa.Column("member", Words),
    sa.Column("detail", Json, nullable=False),
    # Set where the event is a sign in a visitor's message: the same sign is not written twice.
    sa.Column("visitor", Words),
    sa.Column("seq", sa.Integer),
    sa.Column("reason", Words),
    sa.Column("urgency", sa.String(10)),
    sa.UniqueConstraint("visitor", "seq", "reason", "urgency"),
)

note_table = sa.Table(
    "note",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("handoff_id", Words, sa.ForeignKey("handoff.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("member", Words, nullable=False),
    sa.Column("text", Words, nullable=False),
)


class Reported(Protocol):
    """What the safety list could read out of a visitor's report."""

    @property
    def symptom(self) -> str | None:
        """What hurts or worries."""

    @property
    def region(self) -> str | None:
        """Where."""

    @property
    def since(self) -> str | None:
        """Since when, in the visitor's words."""

    @property
    def after_treatment(self) -> bool | None:
        """Whether it came after a treatment; None when not said."""


@dataclass(frozen=True)
class Callback:
    """A visitor's wish to be called."""

    name: str
    phone: str
    best_time: str
    consent_at: datetime


@dataclass(frozen=True)
class Handoff:
    """A person is needed: why, since when, and what became of it."""

    id: str
    visitor: str
    channel: str
    site: str | None
    seq: int
    """The visitor's message with the gravest sign: what the rest of this record speaks of."""
    urgency: Urgency
    reason: str
    kind: str
    state: HandoffState
    rules: tuple[str, ...]
    """The ids of the patterns that matched."""
    list_version: str | None
    visitor_text: str
    bot_text: str
    """What the visitor was told in return."""
    symptom: str | None
    region: str | None
    since: str | None
    after_treatment: bool | None
    callback: Callback | None
    member: str | None
    held: bool
    """A person has taken it and not given it back: the bot is quiet, even if it is in the queue again."""
    opened_at: datetime
    first_seen_at: datetime | None
    """When staff saw it first; a later sign does not change it."""
    first_seen_by: str | None
    acknowledged_at: datetime | None
    """When somebody acknowledged the present alarm; a later sign begins another."""
    acknowledged_by: str | None
    claimed_at: datetime | None
    touched_at: datetime | None
    """The last act of the person who has it."""
    snoozed_until: datetime | None
    closed_at: datetime | None
    closed_by: str | None
    outcome: str | None
    done: str | None
    """What was done, in the words of who closed it."""
    expires_at: datetime | None
    """When an emergency stops to rule every reply; the handoff stays open."""
    expired_at: datetime | None
    waiting_since: datetime | None
    """The last message of the visitor that nobody has answered."""
    unanswered_since: datetime | None
    """The first of them: the queue goes by this one, so writing again does not cost the place."""
    alarm: int
    alarmed_at: datetime
    told: bool
    """A notification of this alarm was delivered, or somebody acknowledged."""

    @property
    def handed(self) -> bool:
        """Whether a colleague handed it to the person who has it, and they have not acted yet."""
        return self.state == "claimed" and self.touched_at is None


@dataclass(frozen=True)
class HandoffEvent:
    """One thing that happened to a handoff."""

    at: datetime
    what: str
    member: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Note:
    """What staff tell each other about a handoff; never shown to the visitor."""

    id: str
    at: datetime
    member: str
    text: str


@dataclass(frozen=True)
class Standing:
    """Who is talking to a visitor now."""

    owner: Owner
    """bot: nobody is asked for. waiting: somebody is, the bot still answers. claimed: a person has it, not the bot."""
    emergency: Handoff | None
    """The open emergency that rules every reply, until it is closed or expires."""
    handoff: Handoff | None
    told: bool


@dataclass(frozen=True)
class Situation:
    """How a conversation stands, all of one moment."""

    site: str | None
    language: str | None
    standing: Standing
    read_up_to: int
    """The number of the visitor's last message that was seen to, by the bot or a person; 0 if none."""


@dataclass(frozen=True)
class Sign:
    """What made a person necessary: one message of the visitor and what was found in it."""

    visitor: str
    seq: int
    urgency: Urgency
    reason: str
    kind: str = ""
    rules: tuple[str, ...] = ()
    list_version: str | None = None
    visitor_text: str = ""
    bot_text: str = ""
    symptom: str | None = None
    region: str | None = None
    since: str | None = None
    after_treatment: bool | None = None
    callback: Callback | None = None

    @property
    def key(self) -> dict[str, Any]:
        """What makes a sign the same sign: a graver reading of the same message is another."""
        return {"visitor": self.visitor, "seq": self.seq, "reason": self.reason, "urgency": self.urgency}

    @property
    def told_columns(self) -> dict[str, Any]:
        """The columns of a handoff that speak of its gravest sign."""
        return {
            "seq": self.seq,
            "urgency": self.urgency,
            "reason": self.reason,
            "kind": self.kind,
            "rules": list(self.rules),
            "list_version": self.list_version,
            "visitor_text": self.visitor_text,
            "bot_text": self.bot_text,
            "symptom": self.symptom,
            "region": self.region,
            "since": self.since,
            "after_treatment": self.after_treatment,
        }

    @property
    def callback_columns(self) -> dict[str, Any]:
        """The columns of a handoff that keep the wish to be called; none when there is no wish."""
        return callback_columns(self.callback) if self.callback else {}


def callback_columns(callback: Callback) -> dict[str, Any]:
    """Return the columns that keep a wish to be called."""
    return {
        "callback_name": callback.name,
        "callback_phone": callback.phone,
        "callback_best_time": callback.best_time,
        "callback_consent_at": callback.consent_at,
    }


def handoff_of(row: Mapping[str, Any]) -> Handoff:
    """Return the row (with the visitor's channel and site) as a value."""
    values = {name: row[name] for name in _PLAIN}
    phone = row["callback_phone"]
    return Handoff(
        **values,
        rules=tuple(row["rules"]),
        callback=_callback_of(row) if phone is not None else None,
        told=row["told_at"] is not None or row["acknowledged_at"] is not None,
    )


def _callback_of(row: Mapping[str, Any]) -> Callback:
    return Callback(row["callback_name"], row["callback_phone"], row["callback_best_time"], row["callback_consent_at"])


_PLAIN = tuple(name for name in Handoff.__dataclass_fields__ if name not in ("rules", "callback", "told"))
