"""The stream: server-sent events, each message numbered, so that a client that comes back hears what it has missed.

A stream reads from the store and waits at the bell; it holds no message of its own. What it costs while nothing happens is one
waiting task, one bell subscription and a comment every 15 seconds.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from sanic.request import Request

from bot.bell import Bell, Subscription
from bot.channels.shapes import message_json
from bot.channels.tokens import Token
from bot.desk import Message
from bot.errors import FrontDeskError, NotFound, TooMany
from bot.store import utc_now

HEARTBEAT_SECONDS = 15.0
"""Well under the minute after which proxies and phone networks drop a silent connection."""

STREAMS_PER_VISITOR = 10
"""Tabs and devices of one visitor; more is a broken client."""

TYPING_SECONDS = 6.0
"""How long staff count as typing after they last did."""

STOP_SECONDS = 3.0
"""How long a server that stops gives its streams to end."""

PAGE = 200

HEADERS = {
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True)
class News:
    """What a reader finds when it looks: messages after its cursor, and who is talking."""

    messages: tuple[Message, ...]
    standing: dict[str, Any]
    read: int
    """The visitor's last message that was seen to, by the assistant or a person."""


Reading = Callable[[str, int, int], Awaitable[News]]


class Streams:
    """All open streams of this process."""

    def __init__(self, bell: Bell, read: Reading) -> None:
        self._bell = bell
        self.read = read
        self._open: Counter[str] = Counter()
        # A name of our own: other processes on the same bell go on serving when this one stops.
        self._stop = f"stop:{secrets.token_hex(8)}"
        self.stopping = False

    async def stop(self) -> None:
        """End every stream, so that a server that stops need not wait for them; clients come back by themselves."""
        self.stopping = True
        self._bell.ring(self._stop)
        until = asyncio.get_running_loop().time() + STOP_SECONDS
        while self._open and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.02)
        # A moment for the last bytes: Sanic then closes what is idle, and only waits for the rest.
        await asyncio.sleep(0.1)

    async def serve(self, request: Request, token: Token, after: int, headers: dict[str, str]) -> None:
        """Send what is new, then what happens, until the client leaves or may no longer listen."""
        if self._open[token.visitor] >= STREAMS_PER_VISITOR:
            raise TooMany("too many streams of one visitor", 30)
        self._open[token.visitor] += 1
        try:
            with self._bell.listening(f"visitor:{token.visitor}", typing_name(token.visitor), self._stop) as heard:
                # Read before the first byte is sent: what goes wrong here is still a proper answer.
                news = await self.read(token.visitor, after, PAGE)
                response = await request.respond(content_type="text/event-stream", headers={**HEADERS, **headers})
                await _Stream(response, token, after).run(self, heard, news)
        finally:
            self._open[token.visitor] -= 1
            if not self._open[token.visitor]:
                del self._open[token.visitor]


class _Stream:
    def __init__(self, response: Any, token: Token, after: int) -> None:
        self._response = response
        self._token = token
        self._cursor = after
        self._read = 0
        self._standing: dict[str, Any] | None = None
        self._typing_until = 0.0

    async def run(self, streams: Streams, heard: Subscription, first: News) -> None:
        loop = asyncio.get_running_loop()
        news: News | None = first
        while not streams.stopping:
            if news is not None:
                await self._tell(news, loop.time() < self._typing_until)
            try:
                if news is not None and len(news.messages) == PAGE:
                    news = await streams.read(self._token.visitor, self._cursor, PAGE)
                elif self._token.expires_at <= utc_now():
                    raise NotFound("the token has expired")
                else:
                    news = await self._wait(streams, heard, loop)
            except NotFound:
                await self._response.send(_event("gone", {}))
                break
            except FrontDeskError:
                break  # the database is away: the client comes back, and hears then what it has missed

    async def _wait(self, streams: Streams, heard: Subscription, loop: asyncio.AbstractEventLoop) -> News | None:
        """Wait for a ring and look again; None if only time has passed."""
        typing = self._typing_until - loop.time()
        rung = await heard.wait(min(HEARTBEAT_SECONDS, typing) if typing > 0 else HEARTBEAT_SECONDS)
        if typing_name(self._token.visitor) in rung:
            self._typing_until = loop.time() + TYPING_SECONDS
        elif not rung and typing <= 0:
            await self._response.send(": \n\n")
            return None
        return await streams.read(self._token.visitor, self._cursor, PAGE)

    async def _tell(self, news: News, staff_typing: bool) -> None:
        """Send all that is new in one piece."""
        parts = [_event("message", message_json(message), message.seq) for message in news.messages]
        self._cursor = news.messages[-1].seq if news.messages else self._cursor
        if any(message.author == "staff" for message in news.messages):
            staff_typing, self._typing_until = False, 0.0
        if news.read > self._read:
            self._read = news.read
            parts.append(_event("read", {"seq": news.read}))
        standing = {**news.standing, "staff_typing": staff_typing}
        # Said after the last page only: whoever hears it has caught up.
        if len(news.messages) < PAGE and standing != self._standing:
            self._standing = standing
            parts.append(_event("standing", standing))
        if parts:
            await self._response.send("".join(parts))


def typing_name(visitor: str) -> str:
    """Return the name that rings while staff type to a visitor; what is being typed is never kept."""
    return f"typing:staff:{visitor}"


def _event(name: str, data: dict[str, Any], seq: int | None = None) -> str:
    number = "" if seq is None else f"id: {seq}\n"
    return f"{number}event: {name}\ndata: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
