"""The console's queue and conversations: what staff see of them and do with them.

Each verb is one call of the desk, which decides; what was done is written to the audit log with states and ids, never
with what anybody wrote. Opening a conversation is written to the access log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.canned import Canned, filled
from bot.channels.console_guard import Call, Guard
from bot.channels.console_live import Live, typing
from bot.channels.console_shapes import handoff_detail, handoff_row, message_row, settled
from bot.content import TOPICS
from bot.desk import Desk, Handoff
from bot.errors import NotFound, Refused
from bot.parts import Parts
from bot.store import new_id, utc_now
from bot.suggestions import matching, suggest

PAGE = 50

TRANSCRIPT = 500

OUTCOMES: Mapping[str, str] = {
    "answered": "Answered here",
    "called": "Called them, spoke with them",
    "no_answer": "Called them, nobody answered",
    "emergency": "Told to call the emergency number",
    "clinician": "Passed to a clinician",
    "booked": "Booked an appointment",
    "no_action": "Nothing to do",
}

GRAVE = frozenset({"emergency", "urgent"})

LONGEST_REPLY = 4000


def add_desk(guard: Guard, live: Live) -> None:
    """Register the addresses of the queue and of conversations."""
    parts = guard.parts
    _add_queue(guard, live)
    _add_reading(guard, live)
    _add_helpers(guard)
    verbs = _Verbs(guard)
    for name in ("acknowledge", "claim", "reply", "note", "snooze", "wake", "transfer", "give_back", "close"):
        guard.on("POST", f"/api/handoffs/<handoff_id>/{name}", "conversations")(getattr(verbs, name))

    @guard.on("POST", "/api/handoffs/<handoff_id>/typing", "conversations")
    async def type_(call: Call, handoff_id: str) -> dict[str, Any]:
        visitor = call.text("visitor", longest=80)
        # Whose page says "reply" is shown to the visitor as typing; a note is nobody's business.
        names = (typing(visitor, call.by), *([f"typing:staff:{visitor}"] if call.body.get("to_visitor") else []))
        parts.bell.ring(*names)
        return {}


def _add_queue(guard: Guard, live: Live) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/stream", "queue")
    async def stream(call: Call) -> None:
        await live.queue(call)

    @guard.on("GET", "/api/handoffs", "queue")
    async def find(call: Call) -> dict[str, Any]:
        offset = int(call.asked("offset", "0")) if call.asked("offset", "0").isdigit() else 0
        wanted = {name: call.asked(name) or None for name in ("urgency", "member")}
        found = await parts.store.read(
            parts.desk.handoffs,
            call.asked("state") or "all",
            **wanted,
            search=call.asked("search")[:200],
            limit=PAGE + 1,
            offset=offset,
        )
        return {"rows": [handoff_row(handoff) for handoff in found[:PAGE]], "more": len(found) > PAGE}

    @guard.on("GET", "/api/filters", "queue")
    async def filters(call: Call) -> dict[str, Any]:
        return {"filters": await parts.store.read(parts.staff.filters, call.by)}

    @guard.on("PUT", "/api/filters", "queue")
    async def keep(call: Call) -> dict[str, Any]:
        given = call.body.get("query")
        query = {str(key)[:20]: str(value)[:200] for key, value in given.items()} if isinstance(given, dict) else None
        return {"filters": await parts.store.run(parts.staff.save_filter, call.by, call.text("name"), query)}


def _add_reading(guard: Guard, live: Live) -> None:
    parts = guard.parts

    @guard.on("GET", "/api/handoffs/<handoff_id>", "conversations")
    async def conversation(call: Call, handoff_id: str) -> dict[str, Any]:
        found = await parts.store.read(_conversation, parts, handoff_id)
        await guard.note_access(call, found["visitor"]["id"])
        return found

    @guard.on("GET", "/api/handoffs/<handoff_id>/stream", "conversations")
    async def stream(call: Call, handoff_id: str) -> None:
        await live.conversation(call, handoff_id)

    @guard.on("GET", "/api/handoffs/<handoff_id>/messages", "conversations")
    async def earlier(call: Call, handoff_id: str) -> dict[str, Any]:
        handoff = await parts.store.read(parts.desk.handoff, handoff_id)
        before = int(call.asked("before", "0")) if call.asked("before", "0").isdigit() else 0
        first = max(0, before - 1 - TRANSCRIPT)
        messages = await parts.store.read(parts.desk.messages, handoff.visitor, first, before - 1 - first)
        return {"messages": [message_row(message) for message in messages]}


def _add_helpers(guard: Guard) -> None:
    parts = guard.parts
    canned = Canned(parts.store)

    @guard.on("GET", "/api/handoffs/<handoff_id>/canned", "conversations")
    async def canned_for(call: Call, handoff_id: str) -> dict[str, Any]:
        handoff = await parts.store.read(parts.desk.handoff, handoff_id)
        wish, clinic = handoff.callback, parts.answers.clinic()
        own = {"member.name": call.member.name}
        if wish is not None:
            own |= {"visitor.name": wish.name, "visitor.phone": wish.phone}
        replies = await parts.store.read(canned.all)
        shown = [{"id": r.id, "title": r.title, "text": filled(r.text, clinic, handoff.site, own)} for r in replies]
        return {"canned": shown}

    @guard.on("GET", "/api/handoffs/<handoff_id>/suggestions", "conversations")
    async def suggestions(call: Call, handoff_id: str) -> dict[str, Any]:
        return await parts.store.read(_suggestions, parts, handoff_id, call.asked("search")[:200])


class _Verbs:
    """What staff do with a handoff."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._store, self._desk = guard.parts.store, guard.parts.desk

    async def acknowledge(self, call: Call, handoff_id: str) -> dict[str, Any]:
        return await self._do(call, handoff_id, "acknowledged", self._desk.acknowledge, call.by)

    async def claim(self, call: Call, handoff_id: str) -> dict[str, Any]:
        return await self._do(call, handoff_id, "claimed", self._desk.claim, call.by)

    async def wake(self, call: Call, handoff_id: str) -> dict[str, Any]:
        return await self._do(call, handoff_id, "woken", self._desk.wake, call.by)

    async def give_back(self, call: Call, handoff_id: str) -> dict[str, Any]:
        return await self._do(call, handoff_id, "given_back", self._desk.give_back, call.by)

    async def snooze(self, call: Call, handoff_id: str) -> dict[str, Any]:
        until = moment(call.text("until"))
        if until > utc_now() + timedelta(days=31):
            raise Refused("a conversation is put off for a month at most")
        return await self._do(call, handoff_id, "snoozed", self._desk.snooze, call.by, until)

    async def transfer(self, call: Call, handoff_id: str) -> dict[str, Any]:
        to = await self._store.read(self._guard.parts.staff.member, call.text("to"))
        if to.disabled_at is not None or not to.joined:
            raise Refused(f"{to.name} cannot sign in")
        return await self._do(call, handoff_id, "transferred", self._desk.transfer, call.by, to.id)

    async def close(self, call: Call, handoff_id: str) -> dict[str, Any]:
        outcome, done = call.text("outcome"), call.text("done", "").strip()
        if outcome not in OUTCOMES:
            raise Refused(f"an outcome is one of {', '.join(OUTCOMES)}")
        handoff = await self._store.read(self._desk.handoff, handoff_id)
        # The record of a symptom report ends with what was done about it.
        if handoff.urgency in GRAVE and len(done) < 3:
            raise Refused("say what was done: this is kept as the record of the report")
        return await self._do(call, handoff_id, "closed", self._desk.close, call.by, outcome, done)

    async def note(self, call: Call, handoff_id: str) -> dict[str, Any]:
        text = call.text("text", longest=LONGEST_REPLY).strip()
        if not text:
            raise Refused("the note has no text")
        return await self._do(call, handoff_id, "noted", self._desk.note, call.by, text)

    async def reply(self, call: Call, handoff_id: str) -> dict[str, Any]:
        text = call.text("text", longest=LONGEST_REPLY).strip()
        message_id = call.text("message_id", new_id("s"), longest=80)
        return await self._do(call, handoff_id, "replied", self._desk.reply, call.by, text, message_id)

    async def _do(self, call: Call, handoff_id: str, what: str, verb: Any, *arguments: Any) -> dict[str, Any]:
        return await self._store.run(self._audited, call.by, handoff_id, what, verb, *arguments)

    def _audited(self, member: str, handoff_id: str, what: str, verb: Any, *arguments: Any) -> dict[str, Any]:
        before = self._desk.handoff(handoff_id)
        verb(handoff_id, *arguments)
        after = self._desk.handoff(handoff_id)
        self._guard.write(f"handoff.{what}", member, _state(before), _state(after))
        return {"handoff": handoff_row(after)}


def _state(handoff: Handoff) -> dict[str, Any]:
    until = handoff.snoozed_until.isoformat() if handoff.snoozed_until else None
    said = {"handoff": handoff.id, "state": handoff.state, "member": handoff.member, "outcome": handoff.outcome}
    return {name: value for name, value in {**said, "until": until}.items() if value is not None}


def _conversation(parts: Parts, handoff_id: str) -> dict[str, Any]:
    desk = parts.desk
    handoff = desk.handoff(handoff_id)
    visitor = desk.visitor(handoff.visitor)
    messages = [message_row(message) for message in _latest(desk, handoff.visitor)]
    told = parts.outbox.of_handoff(handoff_id)
    return {
        "handoff": handoff_detail(handoff, desk.history(handoff_id), desk.notes(handoff_id), told),
        "visitor": {
            "id": visitor.id,
            "channel": visitor.channel,
            "site": visitor.site,
            "language": visitor.language,
            "created_at": visitor.created_at.isoformat(timespec="seconds"),
        },
        "messages": messages,
        "cursor": settled(messages, 0),
    }


def _latest(desk: Desk, visitor: str) -> list[Any]:
    """Return the last messages of a conversation; `messages` pages forward only."""
    messages: list[Any] = []
    while page := desk.messages(visitor, messages[-1].seq if messages else 0, TRANSCRIPT):
        messages = [*messages, *page][-TRANSCRIPT:]
        if len(page) < TRANSCRIPT:
            break
    return messages


def _suggestions(parts: Parts, handoff_id: str, search: str) -> dict[str, Any]:
    handoff = parts.desk.handoff(handoff_id)
    entries = {key: version.fields or {} for key, version in parts.answers.entries().items()}
    said = [message.text for message in _latest(parts.desk, handoff.visitor) if message.author == "visitor"][-3:]
    topics = matching(search, entries) if search else suggest(said or [handoff.visitor_text], entries)
    found = []
    for topic in topics:
        try:
            answer = parts.answers.find(topic, said[-1] if said else "", handoff.site)
        except NotFound:
            continue
        found.append({"topic": topic, "title": TOPICS[topic], "text": answer.text})
    return {"suggestions": found}


def moment(text: str) -> datetime:
    """Read a moment; Refused without a time zone."""
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Refused("this is not a time") from None
    if at.tzinfo is None:
        raise Refused("this time has no zone")
    return at
