"""What leaves the API: messages, standing and transcript, without anything that is staff's alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from bot.channels.look import Look, Number, as_button
from bot.desk import Message, Standing

_SHOWN = ("emergency", "kind", "offer", "feedback", "member_name")
"""What of a reply's payload a visitor's page may see: never the patterns that matched."""


def message_json(message: Message) -> dict[str, Any]:
    """Return a message as clients see it."""
    shown: dict[str, Any] = {
        "seq": message.seq,
        "id": message.id,
        "author": message.author,
        "text": message.text,
        "created_at": message.created_at.isoformat(timespec="milliseconds"),
    }
    if message.author == "visitor":
        return shown
    return {
        **shown,
        "in_reply_to": message.in_reply_to,
        "topic": message.topic,
        "route": message.route,
        "payload": payload_json(message.payload),
    }


def payload_json(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client needs of a reply's payload, its buttons in one shape."""
    shown = {name: payload[name] for name in _SHOWN if name in payload}
    rows = [*(payload.get("buttons") or ()), *(payload.get("follow_ups") or ())]
    buttons = [button for row in rows if (button := as_button(row))]
    return {**shown, "buttons": buttons} if buttons else shown


def standing_json(standing: Standing, look: Look, at: datetime, staff_typing: bool = False) -> dict[str, Any]:
    """Return who is talking to the visitor, and what can honestly be said about waiting."""
    emergency, handoff = standing.emergency, standing.handoff
    return {
        "owner": standing.owner,
        "emergency": None
        if emergency is None
        else {"kind": emergency.kind, "numbers": [number_json(n) for n in look.numbers_for(emergency.kind)]},
        "told": standing.told,
        "callback": bool(handoff and handoff.callback),
        "team": look.team(at),
        "staff_typing": staff_typing,
    }


def number_json(number: Number) -> dict[str, str]:
    """Return a number to call."""
    return {"number": number.number, "uri": number.uri}


def transcript(messages: Iterable[Message], look: Look, at: datetime) -> str:
    """Return a conversation as plain text, in the clinic's own time."""
    names = {name: look.text(f"author.{name}") for name in ("visitor", "bot", "staff")}
    head = look.text("transcript.head", time=_clock(look, at))
    lines = [head, "=" * len(head), ""]
    for message in messages:
        lines += [f"{_clock(look, message.created_at)}  {names[message.author]}:", plain(message.text), ""]
    return "\n".join([*lines, look.text("transcript.foot"), ""])


def plain(text: str) -> str:
    """Return a message's text without its marks."""
    return text.replace("**", "")


def _clock(look: Look, at: datetime) -> str:
    local = look.site.hours.local(at)
    return f"{local:%Y-%m-%d %H:%M}"
