"""Conversations: visitors, and every message of every author as a row with a number before anyone is told.

Numbers are dense per visitor and given under the lock of the visitor's row. `accept` keeps what a visitor wrote;
`settle` keeps what the assistant answered and marks the message as answered, in one transaction: a message that was
accepted is answered once, however often it is retried and wherever a crash falls between.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
import sqlalchemy.exc

from bot.bell import Bell
from bot.errors import NotFound
from bot.handoffs import IS_OPEN, event_table, handoff_table
from bot.store import Connection, Json, Store, UtcDateTime, Words, metadata, new_id, storable, utc_now

Author = Literal["visitor", "bot", "staff"]
visitor_table = sa.Table(
    "visitor",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("channel", sa.String(40), nullable=False),
    sa.Column("site", Words),
    sa.Column("address", Words),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("language", sa.String(20)),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.UniqueConstraint("channel", "address"),
    info={"visitor": "id"},
)

message_table = sa.Table(
    "message",
    metadata,
    sa.Column("visitor", Words, sa.ForeignKey("visitor.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", Words, nullable=False),
    sa.Column("author", sa.String(10), nullable=False),
    sa.Column("text", Words, nullable=False),
    sa.Column("payload", Json, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("member", Words),
    sa.Column("topic", Words),
    sa.Column("route", sa.String(20)),
    sa.Column("confidence", sa.Float),
    sa.Column("in_reply_to", sa.Integer),
    # When the assistant was done with a visitor's message; empty until then, and for the other authors.
    sa.Column("settled_at", UtcDateTime),
    # A visitor's page chooses the ids of its messages: it must not be able to take one of ours.
    sa.UniqueConstraint("visitor", "author", "id"),
    info={"visitor": "visitor"},
    sqlite_with_rowid=False,
)
_v, _m, _h = visitor_table.c, message_table.c, handoff_table.c
# Accepted and not answered. Literals, as in the index: with a parameter in their place it could not be used.
IS_UNSETTLED = sa.and_(_m.author == sa.literal_column("'visitor'"), _m.settled_at.is_(None))
sa.Index("ix_message_unsettled", _m.created_at, sqlite_where=IS_UNSETTLED, postgresql_where=IS_UNSETTLED)

feedback_table = sa.Table(
    "feedback",
    metadata,
    sa.Column("visitor", Words, sa.ForeignKey("visitor.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("helpful", sa.Boolean, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    info={"visitor": "visitor"},
)


@dataclass(frozen=True)
class Visitor:
    """The person writing."""

    id: str
    channel: str
    site: str | None
    address: str | None
    """Where the channel delivers replies: a phone number, a chat id; None on the website."""
    created_at: datetime
    language: str | None


@dataclass(frozen=True)
class Message:
    """One utterance in a conversation."""

    visitor: str
    seq: int
    id: str
    author: Author
    text: str
    payload: Mapping[str, Any]
    """What the words do not say: buttons, the emergency mark, a form."""
    created_at: datetime
    member: str | None = None
    topic: str | None = None
    route: str | None = None
    confidence: float | None = None
    in_reply_to: int | None = None


@dataclass(frozen=True)
class Draft:
    """What the assistant would say; it becomes a message when it is settled."""

    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    topic: str | None = None
    route: str | None = None
    confidence: float | None = None

    @property
    def emergency(self) -> bool:
        """Say whether this is emergency advice, which is said even while a person has the conversation."""
        return bool(self.payload.get("emergency"))


class Conversations:
    """Visitors and their messages."""

    def __init__(self, store: Store, bell: Bell, clock: Callable[[], datetime] = utc_now) -> None:
        self.store = store
        self._bell = bell
        self._clock = clock
        self.on_settled: list[Callable[[str | None], object]] = []
        """Who counts: called with the route of every message that was answered, once it is kept."""

    def create_visitor(
        self,
        channel: str,
        site: str | None = None,
        visitor_id: str | None = None,
        address: str | None = None,
        *,
        language: str | None = None,
        greeting: Draft | None = None,
    ) -> Visitor:
        """Return the visitor with this id, or this address on this channel; a new one, greeted, when there is none."""
        now = self._clock()
        visitor = Visitor(visitor_id or new_id("v"), channel, site, address, now, language)
        known = self._known(channel, visitor_id, address)
        if known:
            return known
        try:
            with self.store.transaction() as connection:
                connection.execute(sa.insert(visitor_table), {**vars(visitor), "seen_at": now, "last_seq": 0})
                if greeting is not None:
                    self._say(connection, visitor.id, 0, now, [greeting], ["greeting"])
        except sa.exc.IntegrityError:
            known = self._known(channel, visitor_id, address)
            if known is None:
                raise
            return known  # somebody else has just created it
        return visitor

    def visitor(self, visitor_id: str) -> Visitor:
        """Return a visitor."""
        with self.store.reading() as connection:
            row = connection.execute(_VISITOR, {"visitor": visitor_id}).first()
        if row is None:
            raise NotFound("no such visitor")
        return Visitor(*row)

    def update_visitor(self, visitor_id: str, **changes: str | None) -> Visitor:
        """Change a visitor's site, address or language."""
        if not changes.keys() <= {"site", "address", "language"}:
            raise ValueError("only site, address and language of a visitor change")
        with self.store.transaction() as connection:
            connection.execute(sa.update(visitor_table).where(_v.id == visitor_id).values(**changes))
        return self.visitor(visitor_id)

    def accept(self, visitor: str, message_id: str, text: str, payload: Mapping[str, Any] | None = None) -> tuple[Message, bool]:
        """Keep what a visitor wrote, once per message id; say whether it is new."""
        now = self._clock()
        with self.store.transaction() as connection:
            turn = self._turn(connection, visitor, _ACCEPTING, message_id=message_id)
            if turn.seq is not None:
                earlier = connection.execute(_MESSAGE, {"visitor": visitor, "seq": turn.seq}).one()
                return Message(*earlier), False
            message = Message(visitor, turn.last_seq + 1, storable(message_id), "visitor", storable(text), dict(payload or {}), now)
            connection.execute(_INSERT, _row(message))
            connection.execute(_ADVANCE, {"for_visitor": visitor, "by": 1, "now": now})
            if turn.handoff_id is not None:
                self._heard(connection, turn, now)
            self._ring(visitor, queue=turn.handoff_id is not None)
        return message, True

    def settle(
        self,
        visitor: str,
        seq: int,
        replies: Sequence[Draft],
        topic: str | None = None,
        route: str | None = None,
        confidence: float | None = None,
        *,
        within: Callable[[Connection], None] | None = None,
    ) -> tuple[Message, ...]:
        """Keep the replies to a visitor's message and mark it as answered; a second call returns the first's replies.

        While a person has the conversation only emergency advice is kept. `within` writes what belongs to the replies
        in the same transaction; it is left out when a person took the conversation before the replies could be kept.
        """
        now = self._clock()
        with self.store.transaction() as connection:
            turn = self._turn(connection, visitor, _SETTLING, seq=seq, author="visitor")
            if turn.seq is None:
                raise NotFound("no such message")
            if turn.settled_at is not None:
                return self._replies(connection, visitor, seq)
            drafts = [draft for draft in replies if draft.emergency] if turn.held else list(replies)
            said = {"topic": topic, "route": route, "confidence": confidence, "now": now}
            connection.execute(_SETTLE, {"for_visitor": visitor, "for_seq": seq, **said})
            ids = [f"{seq}.{number}" for number in range(len(drafts))]
            messages = self._say(connection, visitor, turn.last_seq, now, drafts, ids, in_reply_to=seq)
            if messages and turn.handoff_seq == seq and not turn.bot_text:
                told = "\n\n".join(draft.text for draft in drafts)
                connection.execute(sa.update(handoff_table).where(_h.id == turn.handoff_id).values(bot_text=told))
            if within is not None and len(drafts) == len(replies):
                within(connection)
            for count in self.on_settled:
                self.store.after_commit(partial(count, route))
            self._ring(visitor, queue=turn.handoff_id is not None)
        return messages

    def announce(self, visitor: str, key: str, draft: Draft) -> Message | None:
        """Say something nobody asked for, once per key; None while a person has the conversation."""
        now = self._clock()
        with self.store.transaction() as connection:
            turn = self._turn(connection, visitor)
            said = self._said(connection, visitor, "bot", key)
            if said is not None:
                return said
            if turn.held and not draft.emergency:
                return None
            (message,) = self._say(connection, visitor, turn.last_seq, now, [draft], [key])
            self._ring(visitor, queue=turn.handoff_id is not None)
        return message

    def unsettled(self, visitor: str | None = None, older_than: datetime | None = None) -> tuple[Message, ...]:
        """Return messages that were accepted and not answered (a crash came between), oldest first."""
        found = _UNSETTLED if visitor is None else _UNSETTLED_OF
        if older_than is not None:
            found = found.where(_m.created_at < older_than)
        with self.store.reading() as connection:
            return tuple(Message(*row) for row in connection.execute(found, {} if visitor is None else {"visitor": visitor}))

    def messages(self, visitor: str, after: int = 0, limit: int = 200) -> tuple[Message, ...]:
        """Return a conversation from a cursor on."""
        page = {"visitor": visitor, "after": after, "limit": limit}
        with self.store.reading() as connection:
            return tuple(Message(*row) for row in connection.execute(_PAGE, page))

    def earlier(self, visitor: str, before_seq: int, limit: int = 20) -> list[str]:
        """Return what the visitor wrote before a message, in the order it was written."""
        page = {"visitor": visitor, "before": before_seq, "limit": limit}
        with self.store.reading() as connection:
            return [row.text for row in connection.execute(_EARLIER, page)][::-1]

    def feedback(self, visitor: str, seq: int, helpful: bool) -> None:
        """Keep whether an answer helped; a second vote on it replaces the first."""
        vote = {"helpful": helpful, "at": self._clock()}
        one = sa.and_(feedback_table.c.visitor == visitor, feedback_table.c.seq == seq)
        with self.store.transaction() as connection:
            turn = self._turn(connection, visitor, _SETTLING, seq=seq, author="bot")
            if turn.seq is None:
                raise NotFound("no such answer")
            if not connection.execute(sa.update(feedback_table).where(one).values(**vote)).rowcount:
                connection.execute(sa.insert(feedback_table), {"visitor": visitor, "seq": seq, **vote})

    def _known(self, channel: str, visitor_id: str | None, address: str | None) -> Visitor | None:
        same = [_v.id == visitor_id] if visitor_id is not None else []
        if address is not None:
            same.append(sa.and_(_v.channel == channel, _v.address == address))
        if not same:
            return None
        with self.store.reading() as connection:
            row = connection.execute(_VISITORS.where(sa.or_(*same))).first()
        return Visitor(*row) if row else None

    def _turn(self, connection: Connection, visitor: str, reading: Any = None, **about: Any) -> Any:
        """Take the conversation's lock, then read where it stands: under the lock, what is read stays true."""
        if not self.store.embedded:
            connection.execute(_LOCK, {"visitor": visitor})
        row = connection.execute(_STANDING if reading is None else reading, {"visitor": visitor, **about}).first()
        if row is None:
            raise NotFound("no such visitor")
        return row

    def _say(
        self,
        connection: Connection,
        visitor: str,
        last_seq: int,
        now: datetime,
        drafts: Sequence[Draft],
        ids: Sequence[str],
        *,
        in_reply_to: int | None = None,
        author: Author = "bot",
        member: str | None = None,
    ) -> tuple[Message, ...]:
        """Append messages of ours; the caller holds the conversation's lock."""
        messages = tuple(
            Message(
                visitor,
                last_seq + number,
                message_id,
                author,
                storable(draft.text),
                dict(draft.payload),
                now,
                member,
                draft.topic,
                draft.route,
                draft.confidence,
                in_reply_to,
            )
            for number, (draft, message_id) in enumerate(zip(drafts, ids, strict=True), start=1)
        )
        if messages:
            connection.execute(_INSERT, [_row(message) for message in messages])
            connection.execute(_ADVANCE, {"for_visitor": visitor, "by": len(messages), "now": now})
        return messages

    def _said(self, connection: Connection, visitor: str, author: Author, message_id: str) -> Message | None:
        row = connection.execute(_SAID, {"visitor": visitor, "author": author, "id": storable(message_id)}).first()
        return Message(*row) if row else None

    def _heard(self, connection: Connection, turn: Any, now: datetime) -> None:
        """Let the open handoff know that the visitor wrote; one that was put off comes back."""
        connection.execute(_HEARD, {"handoff": turn.handoff_id, "now": now})
        if turn.state == "snoozed":
            back = "waiting" if turn.member is None else "claimed"
            woken = sa.update(handoff_table).where(_h.id == turn.handoff_id)
            connection.execute(woken.values(state=back, snoozed_until=None, touched_at=now))
            event = {"handoff_id": turn.handoff_id, "at": now, "what": "woken", "detail": {"by": "visitor"}}
            connection.execute(sa.insert(event_table), event)

    def _replies(self, connection: Connection, visitor: str, seq: int) -> tuple[Message, ...]:
        answer = _MESSAGES.where(_m.visitor == visitor, _m.in_reply_to == seq, _m.author == "bot").order_by(_m.seq)
        return tuple(Message(*row) for row in connection.execute(answer))

    def _ring(self, visitor: str, *, queue: bool = True) -> None:
        """Ring for the visitor, and for staff if a handoff is concerned, once the change is kept."""
        names: Iterable[str] = (f"visitor:{visitor}", "queue") if queue else (f"visitor:{visitor}",)
        self.store.after_commit(lambda: self._bell.ring(*names))


def _row(message: Message) -> dict[str, Any]:
    return vars(message)


# Built once: SQLAlchemy then finds each one's SQL in its cache, which is most of the speed of a message.
_now = sa.bindparam("now", type_=UtcDateTime)
_visitor_given = _v.id == sa.bindparam("visitor")
_open_handoff = sa.and_(_h.visitor == _v.id, IS_OPEN)
_stands = (
    _v.last_seq,
    _h.id.label("handoff_id"),
    _h.state,
    _h.held,
    _h.member,
    _h.seq.label("handoff_seq"),
    _h.bot_text,
)
_LOCK = sa.select(_v.id).where(_visitor_given).with_for_update()
_STANDING = sa.select(*_stands).select_from(visitor_table.outerjoin(handoff_table, _open_handoff)).where(_visitor_given)
_same_id = sa.and_(_m.visitor == _v.id, _m.author == "visitor", _m.id == sa.bindparam("message_id", type_=Words))
_ACCEPTING = (
    sa.select(*_stands, _m.seq)
    .select_from(visitor_table.outerjoin(handoff_table, _open_handoff).outerjoin(message_table, _same_id))
    .where(_visitor_given)
)
_same_seq = sa.and_(_m.visitor == _v.id, _m.seq == sa.bindparam("seq"), _m.author == sa.bindparam("author"))
_SETTLING = (
    sa.select(*_stands, _m.seq, _m.settled_at)
    .select_from(visitor_table.outerjoin(handoff_table, _open_handoff).outerjoin(message_table, _same_seq))
    .where(_visitor_given)
)
_INSERT = sa.insert(message_table)
_ADVANCE = (
    sa.update(visitor_table)
    .where(_v.id == sa.bindparam("for_visitor"))
    .values(last_seq=_v.last_seq + sa.bindparam("by"), seen_at=_now)
)
_SETTLE = (
    sa.update(message_table)
    .where(_m.visitor == sa.bindparam("for_visitor"), _m.seq == sa.bindparam("for_seq"))
    .values(
        topic=sa.bindparam("topic"),
        route=sa.bindparam("route"),
        confidence=sa.bindparam("confidence"),
        settled_at=_now,
    )
)
_HEARD = (
    sa.update(handoff_table)
    .where(_h.id == sa.bindparam("handoff"))
    .values(
        waiting_since=_now,
        unanswered_since=sa.func.coalesce(_h.unanswered_since, _now),
    )
)
_VISITORS = sa.select(*[visitor_table.c[name] for name in Visitor.__dataclass_fields__])
_VISITOR = _VISITORS.where(_visitor_given)
_MESSAGES = sa.select(*[message_table.c[name] for name in Message.__dataclass_fields__])
_UNSETTLED = _MESSAGES.where(IS_UNSETTLED).order_by(_m.created_at, _m.visitor, _m.seq)
_UNSETTLED_OF = _MESSAGES.where(IS_UNSETTLED, _m.visitor == sa.bindparam("visitor")).order_by(_m.seq)
_MESSAGE = _MESSAGES.where(_m.visitor == sa.bindparam("visitor"), _m.seq == sa.bindparam("seq"))
_SAID = _MESSAGES.where(_m.visitor == sa.bindparam("visitor"), _m.author == sa.bindparam("author"), _m.id == sa.bindparam("id"))
_PAGE = (
    _MESSAGES.where(_m.visitor == sa.bindparam("visitor"), _m.seq > sa.bindparam("after"))
    .order_by(_m.seq)
    .limit(sa.bindparam("limit"))
)
_EARLIER = (
    sa.select(_m.text)
    .where(_m.visitor == sa.bindparam("visitor"), _m.author == "visitor", _m.seq < sa.bindparam("before"))
    .order_by(_m.seq.desc())
    .limit(sa.bindparam("limit"))
)
