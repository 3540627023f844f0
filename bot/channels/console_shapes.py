"""What the console's pages are sent: rows of the queue, conversations, messages, notifications, members.

Plain values with ISO times; the pages put them on the screen as text, never as HTML.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.desk import Handoff, HandoffEvent, Message, Note
from bot.notify import MAX_TRIES, Notification
from bot.roles import ROLE_TITLES
from bot.staff import StaffMember

REASONS: Mapping[str, str] = {
    "symptom": "Reports a symptom",
    "condition": "Health question about themselves",
    "asked": "Asked for a person",
    "unsure": "The assistant was not sure",
    "foreign": "Writes in another language",
    "callback": "Wants a call back",
    "unavailable": "The assistant could not answer",
}

LONGEST_SNIPPET = 120

LOOK_BACK = 20
"""How far back a message may still be waiting for the assistant to read it; one that is further back was never read."""


def handoff_row(handoff: Handoff, undelivered: Sequence[Notification] = ()) -> dict[str, Any]:
    """Return a handoff as the queue shows it."""
    return {
        "id": handoff.id,
        "visitor": handoff.visitor,
        "channel": handoff.channel,
        "site": handoff.site,
        "urgency": handoff.urgency,
        "state": handoff.state,
        "held": handoff.held,
        "member": handoff.member,
        "reason": reason_title(handoff.reason),
        "summary": summary(handoff),
        "said": _snippet(handoff.bot_text),
        "callback": _callback(handoff),
        "opened_at": _at(handoff.opened_at),
        "waiting_since": _at(handoff.waiting_since),
        "unanswered_since": _at(handoff.unanswered_since),
        "snoozed_until": _at(handoff.snoozed_until),
        "first_seen_at": _at(handoff.first_seen_at),
        "first_seen_by": handoff.first_seen_by,
        "handed": handoff.handed,
        "acknowledged_at": _at(handoff.acknowledged_at),
        "acknowledged_by": handoff.acknowledged_by,
        "closed_at": _at(handoff.closed_at),
        "outcome": handoff.outcome,
        "alarm": handoff.alarm,
        "told": handoff.told,
        # Once it is closed nobody need be called about it any more.
        "undelivered": [] if handoff.state == "closed" else [_undelivered(notification) for notification in undelivered],
    }


def handoff_detail(
    handoff: Handoff, history: Iterable[HandoffEvent], notes: Iterable[Note], told: Sequence[Notification]
) -> dict[str, Any]:
    """Return all there is to know about a handoff beside its messages."""
    return {
        **handoff_row(handoff, [one for one in told if is_late(one)]),
        "kind": handoff.kind,
        "rules": list(handoff.rules),
        "list_version": handoff.list_version,
        "seq": handoff.seq,
        "visitor_text": handoff.visitor_text,
        "bot_text": handoff.bot_text,
        "symptom": handoff.symptom,
        "region": handoff.region,
        "since": handoff.since,
        "after_treatment": handoff.after_treatment,
        "claimed_at": _at(handoff.claimed_at),
        "closed_by": handoff.closed_by,
        "done": handoff.done,
        "expires_at": _at(handoff.expires_at),
        "expired_at": _at(handoff.expired_at),
        "history": [_event(event) for event in history],
        "notes": [{"id": note.id, "at": _at(note.at), "member": note.member, "text": note.text} for note in notes],
        "notifications": [notification_row(one) for one in told],
    }


def message_row(message: Message) -> dict[str, Any]:
    """Return a message with what the assistant understood."""
    payload = message.payload
    return {
        "seq": message.seq,
        "author": message.author,
        "text": message.text,
        "at": _at(message.created_at),
        "member": message.member,
        "topic": message.topic,
        "route": message.route,
        "confidence": None if message.confidence is None else round(message.confidence, 2),
        "emergency": bool(payload.get("emergency")),
        "buttons": [str(one.get("title", "")) for one in payload.get("buttons") or () if isinstance(one, Mapping)],
    }


def settled(messages: Sequence[Mapping[str, Any]], cursor: int) -> int:
    """Return up to where messages will not change: what the assistant understood comes after the message itself."""
    seqs: list[int] = [message["seq"] for message in messages]
    last = seqs[-1] if seqs else cursor
    unread = [seq for seq, one in zip(seqs, messages, strict=True) if one["author"] == "visitor" and one["route"] is None]
    return min([last, *(seq - 1 for seq in unread if seq > last - LOOK_BACK)])


def notification_row(notification: Notification) -> dict[str, Any]:
    """Return a notification, with its address as far as staff need it."""
    return {
        "id": notification.id,
        "medium": notification.medium,
        "address": _masked(notification),
        "state": notification.state,
        "tries": notification.tries,
        "most_tries": MAX_TRIES,
        "next_try_at": _at(notification.next_try_at),
        "last_error": notification.last_error,
        "created_at": _at(notification.created_at),
        "delivered_at": _at(notification.delivered_at),
        "handoff": notification.handoff_id,
    }


def member_row(member: StaffMember) -> dict[str, Any]:
    """Return a member as the owner sees them."""
    return {
        "id": member.id,
        "name": member.name,
        "email": member.email,
        "role": member.role,
        "role_title": ROLE_TITLES[member.role],
        "joined": member.joined,
        "has_code": member.has_code,
        "locked_until": _at(member.locked_until),
        "disabled_at": _at(member.disabled_at),
        "created_at": _at(member.created_at),
    }


def is_late(notification: Notification) -> bool:
    """Say whether a try has failed, so that somebody had better telephone."""
    tried = notification.tries - (notification.state == "sending")  # the try that is under way may yet arrive
    return notification.state in ("waiting", "sending", "dead") and tried > 0


def summary(handoff: Handoff) -> str:
    """Return one line: symptom, region, since when, after treatment; the visitor's words where none was found."""
    after = "after treatment" if handoff.after_treatment else None
    since = handoff.since and (handoff.since if handoff.since.startswith("since") else f"since {handoff.since}")
    said = (handoff.symptom or "").casefold()
    rest = [part for part in (handoff.region, since) if part and part.casefold() not in said]
    found = [part for part in (handoff.symptom, *rest, after) if part]
    line = ", ".join(found) if handoff.symptom or handoff.region else ""
    return line[:1].upper() + line[1:] if line else _snippet(handoff.visitor_text) or reason_title(handoff.reason)


def reason_title(reason: str) -> str:
    """Return why a person is needed, in words."""
    return REASONS.get(reason, reason.replace("_", " ").capitalize())


def _callback(handoff: Handoff) -> dict[str, Any] | None:
    wish = handoff.callback
    if wish is None:
        return None
    said = {"name": wish.name, "phone": wish.phone, "best_time": wish.best_time}
    return {**said, "consent_at": _at(wish.consent_at)}


def _undelivered(notification: Notification) -> dict[str, Any]:
    row = notification_row(notification)
    return {name: row[name] for name in ("id", "medium", "state", "tries", "most_tries")}


def _event(event: HandoffEvent) -> dict[str, Any]:
    shown = ("seq", "urgency", "reason", "rules", "until", "to", "outcome", "left_by", "by")
    detail = {name: event.detail[name] for name in shown if event.detail.get(name) is not None}
    if "reason" in detail:
        detail["reason"] = reason_title(detail["reason"])
    return {"at": _at(event.at), "what": event.what, "member": event.member, "detail": detail}


def _masked(notification: Notification) -> str:
    """Hide what is a secret: the path of a chat webhook lets anybody post."""
    if notification.medium == "email":
        return notification.address
    scheme, mark, rest = notification.address.partition("://")
    return f"{scheme}{mark}{rest.partition('/')[0]}/..." if mark else "..."


def _snippet(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SNIPPET else f"{line[: LONGEST_SNIPPET - 1].rstrip()}\u2026"


def _at(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")
