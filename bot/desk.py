"""The desk: the truth about who is talking to a visitor, and the queue of those who need a person.

`open` makes a handoff and its notifications in one transaction. Staff claim (one wins), reply, put off, hand on, give
back and close; each is written to the handoff's history, and a closed one no longer changes. From a claim until the
conversation is given back or closed the bot is silent but for emergency advice, whatever happens in between. `tick`
does what time does: it climbs the alarm ladder, wakes what was put off, returns what was claimed and left, and ends
what has expired.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from bot import lookup, privacy
from bot.alarms import alarm_of, due_rules, event_key, sound
from bot.bell import Bell
from bot.conversations import Author, Conversations, Draft, Message, Visitor
from bot.errors import AlreadyClaimed, Conflict, Locked, NotFound, Refused
from bot.handoffs import (
    RANK,
    Callback,
    Handoff,
    HandoffEvent,
    Note,
    Owner,
    Reported,
    Sign,
    Situation,
    Standing,
    callback_columns,
    event_table,
    handoff_table,
    note_table,
)
from bot.notify import Notification, NotificationRule, Outbox
from bot.store import Connection, Store, new_id, storable, utc_now

__all__ = [
    "Author",
    "Callback",
    "Desk",
    "Draft",
    "Handoff",
    "HandoffEvent",
    "Message",
    "Note",
    "Situation",
    "Standing",
    "Visitor",
]

GIVEN_BACK = "given_back"


class Desk(Conversations):
    """Conversations, the handoffs in them, and what staff do with them."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        bell: Bell | None = None,
        rules: Iterable[NotificationRule] = (),
        *,
        clock: Callable[[], datetime] = utc_now,
        emergency_hours: float = 12.0,
        claim_silence_minutes: float = 30.0,
        public_url: str = "",
    ) -> None:
        super().__init__(store, bell or Bell(), clock)
        self.rules = tuple(rules)
        """Who is told; may be replaced while running."""
        self.on_opened: list[Callable[[str, str], object]] = []
        """Who counts: called with "opened" or "raised" and the urgency of a handoff, once it is kept."""
        self._outbox = outbox
        self._emergency = timedelta(hours=emergency_hours)
        self._silence = timedelta(minutes=claim_silence_minutes)
        self._public_url = public_url.rstrip("/")
        outbox.on_delivered.append(self._told)

    def open(
        self,
        visitor: str,
        seq: int,
        urgency: str,
        reason: str,
        kind: str = "",
        rules: Sequence[str] = (),
        list_version: str | None = None,
        visitor_text: str = "",
        bot_text: str = "",
        report: Reported | None = None,
        callback: Callback | Mapping[str, Any] | None = None,
    ) -> Handoff:
        """Ask for a person because of a visitor's message, once per message, reason and urgency.

        An open handoff of the visitor is raised or added to, never doubled. Notifications are written in the same
        transaction; after somebody has acknowledged, a new emergency or urgent sign begins a new alarm.
        """
        now = self._clock()
        wish = _callback(callback, now) if callback else None
        sign = _sign(visitor, seq, urgency, reason, kind, rules, list_version, visitor_text, bot_text, report, wish)
        with self.store.transaction() as connection:
            turn = self._turn(connection, visitor)
            known = lookup.with_sign(connection, sign)
            if known is not None:
                return lookup.get(connection, known)
            if turn.handoff_id is None:
                handoff_id = self._begin(connection, sign, now)
            else:
                handoff_id = self._add(connection, lookup.get(connection, turn.handoff_id), sign, now)
            self._ring(visitor)
            return lookup.get(connection, handoff_id)

    def standing(self, visitor: str) -> Standing:
        """Return who is talking to a visitor now."""
        with self.store.reading() as connection:
            return self._standing(lookup.open_of(connection, visitor))

    def situation(self, visitor: str) -> Situation:
        """Return how a conversation stands."""
        with self.store.reading() as connection:
            site, language, read_up_to, handoff = lookup.outline(connection, visitor)
        return Situation(site, language, self._standing(handoff), read_up_to)

    def _standing(self, handoff: Handoff | None) -> Standing:
        if handoff is None:
            return Standing("bot", None, None, False)
        rules = handoff.urgency == "emergency" and (handoff.expires_at is None or handoff.expires_at > self._clock())
        owner: Owner = "claimed" if handoff.held else "waiting"
        return Standing(owner, handoff if rules else None, handoff, handoff.told)

    def handoff(self, handoff_id: str) -> Handoff:
        """Return a handoff."""
        with self.store.reading() as connection:
            return lookup.get(connection, handoff_id)

    def handoffs(
        self,
        state: str | Collection[str] = "open",
        urgency: str | None = None,
        member: str | None = None,
        search: str = "",
        limit: int = 200,
        offset: int = 0,
    ) -> tuple[Handoff, ...]:
        """Return the queue: gravest first, then who waits longest. `state`: one, several, "open" or "all"."""
        with self.store.reading() as connection:
            return lookup.select(connection, state, urgency, member, search, limit, offset)

    def history(self, handoff_id: str) -> tuple[HandoffEvent, ...]:
        """Return all that happened to a handoff, in order."""
        with self.store.reading() as connection:
            return lookup.history(connection, handoff_id)

    def notes(self, handoff_id: str) -> tuple[Note, ...]:
        """Return what staff noted, in order."""
        with self.store.reading() as connection:
            return lookup.notes(connection, handoff_id)

    def acknowledge(self, handoff_id: str, member: str) -> Handoff:
        """Say that somebody has seen it: the alarm ends, and what was not sent yet is not sent."""
        with self._taken(handoff_id) as (connection, handoff, now):
            if handoff.acknowledged_at is not None and not (handoff.handed and handoff.member == member):
                return handoff
            return self._change(connection, handoff, now, "acknowledged", member, {})

    def claim(self, handoff_id: str, member: str) -> Handoff:
        """Take the conversation; of several at once one gets it, the others get AlreadyClaimed."""
        with self._taken(handoff_id) as (connection, handoff, now):
            if handoff.state == "claimed":
                _mine(handoff, member)
                return handoff
            values = {"state": "claimed", "member": member, "held": True, "claimed_at": now, "snoozed_until": None}
            return self._change(connection, handoff, now, "claimed", member, values)

    def reply(self, handoff_id: str, member: str, text: str, message_id: str) -> Message:
        """Answer the visitor as the person who has the conversation, once per message id."""
        with self._taken(handoff_id, closed_too=True) as (connection, handoff, now):
            said = self._said(connection, handoff.visitor, "staff", message_id)
            if said is not None:
                return said
            _not_closed(handoff)
            if not text.strip():
                raise Refused("the reply has no text")
            if handoff.state != "claimed":
                raise Conflict("take the conversation before you answer")
            _mine(handoff, member)
            last_seq = self._turn(connection, handoff.visitor).last_seq
            (message,) = self._say(
                connection,
                handoff.visitor,
                last_seq,
                now,
                [Draft(text)],
                [message_id],
                author="staff",
                member=member,
            )
            answered = {"waiting_since": None, "unanswered_since": None}
            self._change(connection, handoff, now, "replied", member, answered, seq=message.seq)
            return message

    def note(self, handoff_id: str, member: str, text: str) -> Note:
        """Keep a note for colleagues."""
        with self._taken(handoff_id) as (connection, handoff, now):
            note = Note(new_id("note"), now, member, storable(text))
            connection.execute(sa.insert(note_table), {**vars(note), "handoff_id": handoff_id})
            self._change(connection, handoff, now, "noted", member, {}, acknowledges=False, note=note.id)
            return note

    def snooze(self, handoff_id: str, member: str, until: datetime) -> Handoff:
        """Put it off until a time; a message of the visitor brings it back before."""
        with self._taken(handoff_id) as (connection, handoff, now):
            if until <= now:
                raise Refused("a conversation is put off to a time to come")
            _mine(handoff, member)
            values = {"state": "snoozed", "snoozed_until": until}
            return self._change(connection, handoff, now, "snoozed", member, values, until=until.isoformat())

    def wake(self, handoff_id: str, member: str) -> Handoff:
        """Bring back what was put off."""
        with self._taken(handoff_id) as (connection, handoff, now):
            return self._wake(connection, handoff, now, member) if handoff.state == "snoozed" else handoff

    def transfer(self, handoff_id: str, member: str, to_member: str) -> Handoff:
        """Hand it to a colleague, who is to say that they have seen it; if they do not act, it goes back to the queue."""
        with self._taken(handoff_id) as (connection, handoff, now):
            _mine(handoff, member)
            values = {"state": "claimed", "member": to_member, "held": True, "claimed_at": now, "snoozed_until": None}
            values.update(touched_at=None, unanswered_since=handoff.unanswered_since or now)
            return self._change(connection, handoff, now, "transferred", member, values, to=to_member)

    def give_back(self, handoff_id: str, member: str) -> Handoff:
        """Let the bot answer again; an emergency is closed with its outcome instead."""
        with self._taken(handoff_id) as (connection, handoff, now):
            _mine(handoff, member)
            if handoff.urgency == "emergency":
                raise Conflict("an emergency is not given back: close it and say what was done")
            return self._end(connection, handoff, now, member, GIVEN_BACK, "")

    def close(self, handoff_id: str, member: str, outcome: str, done: str = "") -> Handoff:
        """End it with an outcome and what was done: it no longer changes, and the bot answers again."""
        if not outcome.strip():
            raise Refused("say how it ended")
        with self._taken(handoff_id) as (connection, handoff, now):
            return self._end(connection, handoff, now, member, outcome, done)

    def attach_callback(self, handoff_id: str, callback: Callback | Mapping[str, Any], member: str | None = None) -> Handoff:
        """Keep the visitor's wish to be called; a later one replaces it."""
        with self._taken(handoff_id) as (connection, handoff, now):
            values = callback_columns(_callback(callback, now))
            return self._change(connection, handoff, now, "callback", member, values, acknowledges=False)

    def tick(self, now: datetime | None = None) -> int:
        """Do what time does to handoffs; safe to call often and from several processes. Return how many changed."""
        now = now or self._clock()
        return sum(self.tick_one(handoff_id, now) for handoff_id in self.due(now))

    def due(self, now: datetime | None = None) -> list[str]:
        """Return the handoffs to which time has something to do."""
        now = now or self._clock()
        with self.store.reading() as connection:
            handoffs = lookup.select(connection)
            keys = {handoff.id: {event_key(handoff, rule) for rule in due_rules(handoff, self.rules, now)} for handoff in handoffs}
            known = self._outbox.known(connection, {key for some in keys.values() for key in some})
        return [
            handoff.id
            for handoff in handoffs
            if keys[handoff.id] - known or _has_expired(handoff, now) or _is_rested(handoff, now) or self._is_left(handoff, now)
        ]

    def tick_one(self, handoff_id: str, now: datetime | None = None) -> int:
        """Do what time does to one handoff; return 1 where it changed, else 0."""
        now = now or self._clock()
        with contextlib.suppress(Locked, NotFound), self._taken(handoff_id, now=now) as (connection, handoff, _):
            before = handoff
            if _has_expired(handoff, now):
                handoff = self._change(connection, handoff, now, "expired", None, {"expired_at": now})
            if _is_rested(handoff, now):
                handoff = self._wake(connection, handoff, now, None)
            if self._is_left(handoff, now):
                values = {"state": "waiting", "member": None, **_anew(handoff, now)}
                handoff = self._change(connection, handoff, now, "requeued", None, values, left_by=handoff.member)
            return int(self._sound(connection, handoff, now) > 0 or handoff is not before)
        return 0

    def delete_visitor(self, visitor: str) -> int:
        """Delete all that is kept of a visitor, everywhere; return the number of rows."""
        with self.store.transaction() as connection:
            self._turn(connection, visitor)
            gone = privacy.delete(self.store, connection, visitor)
            self._ring(visitor)
        return gone

    def export_visitor(self, visitor: str) -> dict[str, list[dict[str, Any]]]:
        """Return all that is kept of a visitor, ready for JSON."""
        self.visitor(visitor)
        return privacy.export(self.store, visitor)

    def purge(self, now: datetime, retention: float | Mapping[str, float]) -> dict[str, int]:
        """Delete what is older than agreed, in days (per kind: `privacy.KINDS`)."""
        return privacy.purge(self.store, now, retention)

    @contextlib.contextmanager
    def _taken(
        self, handoff_id: str, *, closed_too: bool = False, now: datetime | None = None
    ) -> Iterator[tuple[Connection, Handoff, datetime]]:
        """Give a handoff under its conversation's lock; what is done with it is kept together, and rung."""
        with self.store.transaction() as connection:
            handoff = lookup.get(connection, handoff_id)
            if not self.store.embedded:
                self._turn(connection, handoff.visitor)
                handoff = lookup.get(connection, handoff_id)  # as it is now that nobody else can change it
            if not closed_too:
                _not_closed(handoff)
            yield connection, handoff, now or self._clock()
            self._ring(handoff.visitor)

    def _begin(self, connection: Connection, sign: Sign, now: datetime) -> str:
        row = {
            **sign.told_columns,
            **sign.callback_columns,
            "id": new_id("h"),
            "visitor": sign.visitor,
            "state": "waiting",
            "held": False,
            "opened_at": now,
            "waiting_since": now,
            "unanswered_since": now,
            "alarm": 1,
            "alarmed_at": now,
            "expires_at": self._expiry(sign, now),
        }
        connection.execute(sa.insert(handoff_table), row)
        self._sign_event(connection, row["id"], "opened", sign, now)
        self._sound(connection, lookup.get(connection, row["id"]), now)
        return str(row["id"])

    def _add(self, connection: Connection, handoff: Handoff, sign: Sign, now: datetime) -> str:
        """Raise an open handoff to a graver sign, or add the sign to it."""
        graver = RANK[sign.urgency] < RANK[handoff.urgency]
        values = {**sign.callback_columns, **(sign.told_columns if graver else {})}
        if sign.urgency == "emergency":
            values.update(expires_at=self._expiry(sign, now), expired_at=None)
        if graver or (sign.urgency != "routine" and handoff.acknowledged_at is not None):
            # Who acknowledged knew of something else: this is told anew.
            values.update(_anew(handoff, now))
            if handoff.state == "snoozed":
                values.update(state="waiting" if handoff.member is None else "claimed", snoozed_until=None)
        if values:
            connection.execute(sa.update(handoff_table).where(_h.id == handoff.id).values(**values))
        self._sign_event(connection, handoff.id, "raised" if graver else "added", sign, now)
        self._sound(connection, lookup.get(connection, handoff.id), now)
        return handoff.id

    def _expiry(self, sign: Sign, now: datetime) -> datetime | None:
        return now + self._emergency if sign.urgency == "emergency" else None

    def _sign_event(self, connection: Connection, handoff_id: str, what: str, sign: Sign, now: datetime) -> None:
        event = {"handoff_id": handoff_id, "at": now, "what": what, "detail": sign.told_columns, **sign.key}
        connection.execute(sa.insert(event_table), event)
        for count in self.on_opened if what != "added" else ():
            self.store.after_commit(partial(count, what, sign.urgency))

    def _sound(self, connection: Connection, handoff: Handoff, now: datetime) -> int:
        return sound(self._outbox, connection, handoff, self.rules, now, self._public_url)

    def _change(
        self,
        connection: Connection,
        handoff: Handoff,
        now: datetime,
        what: str,
        member: str | None,
        values: Mapping[str, Any],
        *,
        acknowledges: bool = True,
        **detail: Any,
    ) -> Handoff:
        """Keep a change and write it to the history; what a member does also says that somebody has seen it."""
        changes = dict(values)
        if member is not None and member == changes.get("member", handoff.member):
            changes["touched_at"] = now
        if acknowledges and member is not None and handoff.acknowledged_at is None:
            changes.update(acknowledged_at=now, acknowledged_by=member)
            if handoff.first_seen_at is None:
                changes.update(first_seen_at=now, first_seen_by=member)
            self._outbox.cancel(connection, handoff.id)
        if changes:
            connection.execute(sa.update(handoff_table).where(_h.id == handoff.id).values(**changes))
        event = {"handoff_id": handoff.id, "at": now, "what": what, "member": member, "detail": detail}
        connection.execute(sa.insert(event_table), event)
        return lookup.get(connection, handoff.id)

    def _wake(self, connection: Connection, handoff: Handoff, now: datetime, member: str | None) -> Handoff:
        back = "waiting" if handoff.member is None else "claimed"
        # Somebody is due to act from now on, or it goes back to the queue.
        values = {"state": back, "snoozed_until": None, "touched_at": now}
        values["unanswered_since"] = handoff.unanswered_since or now
        return self._change(connection, handoff, now, "woken", member, values)

    def _end(self, connection: Connection, handoff: Handoff, now: datetime, member: str, outcome: str, done: str) -> Handoff:
        values = {"state": "closed", "held": False, "closed_at": now, "closed_by": member, "outcome": outcome}
        values.update(done=done, snoozed_until=None, waiting_since=None, unanswered_since=None)
        what = GIVEN_BACK if outcome == GIVEN_BACK else "closed"
        return self._change(connection, handoff, now, what, member, values, outcome=outcome)

    def _told(self, connection: Connection, notification: Notification) -> None:
        """Keep that the team was told of this alarm (the outbox calls it where it keeps the delivery)."""
        if notification.handoff_id is not None:
            this_alarm = sa.and_(_h.id == notification.handoff_id, _h.alarm == alarm_of(notification.event_key))
            told = sa.update(handoff_table).where(this_alarm, _h.told_at.is_(None)).values(told_at=self._clock())
            connection.execute(told)

    def _is_left(self, handoff: Handoff, now: datetime) -> bool:
        """Say whether it was claimed and the visitor has waited for too long since."""
        if handoff.state != "claimed" or handoff.unanswered_since is None:
            return False
        acted = handoff.touched_at or handoff.claimed_at or handoff.unanswered_since
        return max(handoff.unanswered_since, acted) + self._silence <= now


def _sign(
    visitor: str,
    seq: int,
    urgency: str,
    reason: str,
    kind: str,
    rules: Sequence[str],
    list_version: str | None,
    visitor_text: str,
    bot_text: str,
    report: Reported | None,
    callback: Callback | None,
) -> Sign:
    if urgency not in RANK:
        raise ValueError(f"an urgency is one of {', '.join(RANK)}")
    reported = {name: getattr(report, name) for name in _REPORT} if report else {}
    return Sign(
        visitor,
        seq,
        urgency,  # type: ignore[arg-type]  # one of RANK, as just seen
        reason,
        kind,
        tuple(rules),
        list_version,
        storable(visitor_text),
        storable(bot_text),
        callback=callback,
        **reported,
    )


def _anew(handoff: Handoff, now: datetime) -> dict[str, Any]:
    """Return the columns that begin another alarm: nobody has been told, nobody has acknowledged."""
    fresh = {"acknowledged_at": None, "acknowledged_by": None, "told_at": None}
    return {**fresh, "alarm": handoff.alarm + 1, "alarmed_at": now}


def _callback(wish: Callback | Mapping[str, Any], now: datetime) -> Callback:
    """Return a wish, read where it comes as a form sends it."""
    if isinstance(wish, Callback):
        return wish
    if not wish.get("consent", True):
        raise Refused("a call back needs the visitor's consent")
    return Callback(str(wish.get("name", "")), str(wish["phone"]), str(wish.get("best_time", "")), now)


def _mine(handoff: Handoff, member: str) -> None:
    if handoff.state == "claimed" and handoff.member != member:
        raise AlreadyClaimed(str(handoff.member))


def _not_closed(handoff: Handoff) -> None:
    if handoff.state == "closed":
        raise Locked("this handoff is closed and can no longer change")


def _has_expired(handoff: Handoff, now: datetime) -> bool:
    return handoff.expired_at is None and handoff.expires_at is not None and handoff.expires_at <= now


def _is_rested(handoff: Handoff, now: datetime) -> bool:
    return handoff.state == "snoozed" and handoff.snoozed_until is not None and handoff.snoozed_until <= now


_h = handoff_table.c
_REPORT = ("symptom", "region", "since", "after_treatment")
