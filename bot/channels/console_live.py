"""The console's live streams: the queue for everybody, and one conversation for who has it open.

The queue is read once per change, however many are watching; each stream sends only what differs from what it has sent.
Who views and who types is never stored: a stream rings a bell in its own name, and the others there hear it.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from sanic.request import Request

from bot.bell import Subscription
from bot.channels.console_guard import HEADERS, Call
from bot.channels.console_shapes import handoff_detail, handoff_row, is_late, message_row, settled
from bot.errors import FrontDeskError, NotFound, StoreUnavailable, TooMany, Unauthorized
from bot.parts import Parts
from bot.staff import StaffSession

HEARTBEAT_SECONDS = 15.0
"""Well under the minute after which proxies drop a silent connection; also how soon an ended session is noticed."""

TOGETHER_SECONDS = 0.05
"""Changes that come together are told together."""

LONGEST_QUEUE = 500

PAGE = 500

VIEWING_SECONDS, TYPING_SECONDS = 25.0, 6.0

STREAMS_PER_MEMBER = 30


class Feed:
    """The open queue, read once for all streams of this process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = f"stop:{secrets.token_hex(8)}"
        self._task: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._open: dict[str, int] = {}
        self.rows: Mapping[str, str] = {}
        """Every open handoff as it is sent, by id and in order."""
        self.stale = True
        """The database is away: what is shown may be old."""
        self.stopping = False

    @property
    def news(self) -> asyncio.Event:
        """Return what is set at the next change."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._follow())
        return self._news

    async def stop(self) -> None:
        """End every stream, so that a server that stops need not wait for them."""
        self.stopping = True
        self._parts.bell.ring(self._stop)
        self._tell()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def count(self, member: str, step: int) -> None:
        """Count a member's streams; many are a broken page."""
        number = self._open.get(member, 0) + step
        if step > 0 and number > STREAMS_PER_MEMBER:
            raise TooMany("too many open pages", 30)
        self._open[member] = number

    def listening(self, *names: str) -> Subscription:
        """Return a subscription that also hears when the server stops."""
        return self._parts.bell.listening(*names, self._stop)

    async def _follow(self) -> None:
        with self.listening("queue") as heard:
            while not self.stopping:
                await self._refresh()
                await heard.wait(HEARTBEAT_SECONDS)
                await asyncio.sleep(TOGETHER_SECONDS)

    async def _refresh(self) -> None:
        try:
            rows, stale = await self._parts.store.read(self._read), False
        except StoreUnavailable:
            rows, stale = dict(self.rows), True
        if rows != self.rows or stale != self.stale:
            self.rows, self.stale = rows, stale
            self._tell()

    def _read(self) -> dict[str, str]:
        late: dict[str, list[Any]] = {}
        for notification in (*self._parts.outbox.waiting(), *self._parts.outbox.dead()):
            if notification.handoff_id and is_late(notification):
                late.setdefault(notification.handoff_id, []).append(notification)
        found = self._parts.desk.handoffs("open", limit=LONGEST_QUEUE)
        return {handoff.id: json.dumps(handoff_row(handoff, late.get(handoff.id, ()))) for handoff in found}

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Live:
    """Serves the streams."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.feed = Feed(parts)

    async def queue(self, call: Call) -> None:
        """Send the queue, then every change of it."""
        await self._serve(call, _QueueStream(self._parts, self.feed, call.session))

    async def conversation(self, call: Call, handoff_id: str) -> None:
        """Send what is new in a conversation, who else is there, and who types."""
        after = call.request.headers.get("last-event-id") or call.asked("after", "0")
        stream = _ConversationStream(self._parts, self.feed, call.session, handoff_id, after)
        await self._serve(call, stream)

    async def _serve(self, call: Call, stream: _Stream) -> None:
        self.feed.count(call.by, 1)
        try:
            await stream.run(call.request)
        finally:
            self.feed.count(call.by, -1)


class _Stream:
    """One open connection; ends with its session."""

    def __init__(self, parts: Parts, feed: Feed, session: StaffSession) -> None:
        self._parts, self._feed, self._session = parts, feed, session
        self._response: Any = None

    async def run(self, request: Request) -> None:
        """Serve until the client leaves, the session ends or the server stops."""
        raise NotImplementedError

    async def _begin(self, request: Request) -> None:
        headers = {**HEADERS, "x-accel-buffering": "no"}
        self._response = await request.respond(content_type="text/event-stream; charset=utf-8", headers=headers)

    async def _send(self, events: Iterable[tuple[str, str]], number: int | None = None) -> None:
        """Send events as (name, JSON) in one piece; the number is what a client that comes back has seen."""
        mark = "" if number is None else f"id: {number}\n"
        text = "".join(f"{mark}event: {name}\ndata: {data}\n\n" for name, data in events)
        # A page that hears nothing for a while says so: silence must not look like an empty queue.
        await self._response.send(text or "event: beat\ndata: {}\n\n")

    async def _stands(self) -> bool:
        """Say whether the session still stands, and keep that it was seen."""
        try:
            session = await self._parts.store.read(self._parts.staff.session_by_id, self._session.id)
            if session.member.role != self._session.member.role:
                raise Unauthorized("the role has changed")
            if self._parts.staff.is_due(session):
                await self._parts.store.run(self._parts.staff.touch, session)
        except StoreUnavailable:
            return True  # the alarm goes on with what is known
        except Unauthorized:
            await self._send([("signed-out", "{}")])
            return False
        return True


class _QueueStream(_Stream):
    async def run(self, request: Request) -> None:
        news = self._feed.news
        await self._begin(request)
        sent: Mapping[str, str] = {}
        first = True
        with self._feed.listening(f"staff:{self._session.member.id}") as ended:
            while not self._feed.stopping:
                if not (first and self._feed.stale):
                    # While one change is being sent the next may come: what counts as sent is what was looked at before.
                    rows = self._feed.rows
                    await self._send(self._changes(rows, sent, whole=first))
                    first, sent = False, rows
                if not await self._wait(news, ended):
                    return
                news = self._feed.news

    async def _wait(self, news: asyncio.Event, ended: Subscription) -> bool:
        """Wait for a change or a while; look after the session when it may have ended."""
        changed, rung = asyncio.ensure_future(news.wait()), asyncio.ensure_future(ended.wait(HEARTBEAT_SECONDS))
        try:
            await asyncio.wait({changed, rung}, return_when=asyncio.FIRST_COMPLETED)
            return await self._stands() if rung.done() else True
        finally:
            changed.cancel()
            rung.cancel()

    def _changes(self, rows: Mapping[str, str], sent: Mapping[str, str], *, whole: bool) -> list[tuple[str, str]]:
        changed = [row for key, row in rows.items() if sent.get(key) != row]
        removed = [key for key in sent if key not in rows]
        if not (changed or removed or whole):
            return [("state", json.dumps({"stale": self._feed.stale}))]
        head = json.dumps({"whole": whole, "stale": self._feed.stale, "removed": removed})
        return [("queue", f'{head[:-1]}, "rows": [{", ".join(changed)}]}}')]


class _ConversationStream(_Stream):
    def __init__(self, parts: Parts, feed: Feed, session: StaffSession, handoff_id: str, after: str) -> None:
        super().__init__(parts, feed, session)
        self._handoff_id = handoff_id
        self._cursor = int(after) if after.isdigit() else 0
        """Up to here everything was sent, and nothing of it will change."""
        self._sent: dict[int, dict[str, Any]] = {}
        """What was sent behind the cursor: messages that the assistant had not read yet, and those after them."""
        self._more = False
        self._detail = ""
        self._around = ""
        self._seen: dict[str, float] = {}
        """Names that rang, and until when that counts."""

    async def run(self, request: Request) -> None:
        handoff = await self._parts.store.read(self._parts.desk.handoff, self._handoff_id)
        members = await self._parts.store.read(self._parts.staff.members)
        others = [member.id for member in members if member.id != self._session.member.id]
        visitor = handoff.visitor
        names = [viewing(visitor, other) for other in others] + [typing(visitor, other) for other in others]
        always = (f"visitor:{visitor}", f"typing:visitor:{visitor}", f"staff:{self._session.member.id}")
        with self._feed.listening(*always, *names) as heard:
            await self._begin(request)
            rung: frozenset[str] = frozenset(always[:1])
            while not self._feed.stopping:
                if not await self._tell(visitor, others, rung):
                    return
                rung = frozenset(always[:1]) if self._more else await heard.wait(self._pause())
                if f"staff:{self._session.member.id}" in rung and not await self._stands():
                    return

    async def _tell(self, visitor: str, others: list[str], rung: frozenset[str]) -> bool:
        """Send what is new; False when there is nothing more to come."""
        try:
            events, number = await self._news(visitor, rung)
        except NotFound:
            await self._send([("gone", "{}")])
            return False
        except FrontDeskError:
            return False  # the database is away: the page comes back, and hears then what it has missed
        around = json.dumps(self._heard(visitor, others, rung))
        if around != self._around:
            self._around = around
            events.append(("around", around))
        if events or not rung:
            await self._send(events, number)
        return bool(rung) or await self._stands()

    async def _news(self, visitor: str, rung: frozenset[str]) -> tuple[list[tuple[str, str]], int | None]:
        if rung and f"visitor:{visitor}" not in rung:
            return [], None
        messages, detail = await self._parts.store.read(self._read, visitor)
        self._more = len(messages) == PAGE
        changed = [message for message in messages if self._sent.get(message["seq"]) != message]
        self._cursor = settled(messages, self._cursor)
        self._sent = {message["seq"]: message for message in messages if message["seq"] > self._cursor}
        events = []
        if changed:
            events.append(("messages", json.dumps(changed)))
        if detail != self._detail:
            self._detail = detail
            events.append(("handoff", detail))
        return events, self._cursor if changed else None

    def _read(self, visitor: str) -> tuple[list[dict[str, Any]], str]:
        desk = self._parts.desk
        messages = desk.messages(visitor, self._cursor, PAGE)
        handoff = desk.handoff(self._handoff_id)
        told = self._parts.outbox.of_handoff(handoff.id)
        detail = handoff_detail(handoff, desk.history(handoff.id), desk.notes(handoff.id), told)
        return [message_row(message) for message in messages], json.dumps(detail)

    def _heard(self, visitor: str, others: list[str], rung: frozenset[str]) -> dict[str, Any]:
        """Keep what rang, answer who has just come, and return who is here now."""
        now = asyncio.get_running_loop().time()
        here = {other for other in others if self._seen.get(viewing(visitor, other), 0) > now}
        for name in rung:
            self._seen[name] = now + (TYPING_SECONDS if name.startswith("typing:") else VIEWING_SECONDS)
        present = [other for other in others if self._seen.get(viewing(visitor, other), 0) > now]
        if set(present) - here or not rung or not self._around:
            self._parts.bell.ring(viewing(visitor, self._session.member.id))
        return {
            "viewing": present,
            "typing": [other for other in others if self._seen.get(typing(visitor, other), 0) > now],
            "visitor_typing": self._seen.get(f"typing:visitor:{visitor}", 0) > now,
        }

    def _pause(self) -> float:
        """Say how long it takes until somebody counts as gone or the next sign of life is due."""
        now = asyncio.get_running_loop().time()
        ends = [until - now for until in self._seen.values() if until > now]
        return max(0.05, min([HEARTBEAT_SECONDS, *ends]))


def viewing(visitor: str, member: str) -> str:
    """Return the name that rings while a member has a conversation open."""
    return f"viewing:{visitor}:{member}"


def typing(visitor: str, member: str) -> str:
    """Return the name that rings, for colleagues, while a member types."""
    return f"typing:staff:{visitor}:{member}"
