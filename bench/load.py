"""The load: visitors that talk over HTTP, one message at a time, and how long each waits for the reply."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import math
import statistics
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

REPLY_SECONDS = 60
TURNS_A_CONVERSATION = 10
"""Messages of one conversation in the load: stock grows slower with each turn, and long conversations are measured apart."""

CYCLE = 10
"""Questions that come again and again in a long conversation, so that its turns can be compared."""


class Visitor(Protocol):
    """One visitor of one side."""

    routes: Counter[str]

    async def begin(self) -> None:
        """Begin a conversation."""

    async def say(self, text: str) -> None:
        """Write, and wait for the reply."""

    async def end(self) -> None:
        """Leave."""


class StockVisitor:
    """Talks to Rasa's REST channel, which answers in the response."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, f"{url}/webhooks/rest/webhook"
        self.routes: Counter[str] = Counter()

    async def begin(self) -> None:
        self._sender = uuid.uuid4().hex

    async def say(self, text: str) -> None:
        async with self._session.post(self._url, json={"sender": self._sender, "message": text}) as response:
            response.raise_for_status()
            replies = await response.json()
        if not replies:
            raise RuntimeError("no reply")
        self.routes["replied"] += 1

    async def end(self) -> None:
        pass


@dataclass
class Sent:
    """What became of one message of ours."""

    seq: int
    reply: asyncio.Future[str]
    replied_at: float = 0.0


class OurVisitor:
    """Talks to the chat API as the widget does: posts a message, and hears the reply on its stream."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._api = session, f"{url}/api/v1"
        self.routes: Counter[str] = Counter()
        self.heard: list[int] = []
        self.acknowledged: list[str] = []
        self._waiting: dict[int, asyncio.Future[str]] = {}
        self._listening: asyncio.Task[None] | None = None
        self.reconnects = -1

    async def begin(self) -> None:
        await self.create()
        await self.listen()

    async def create(self) -> None:
        """Begin a conversation without listening."""
        async with self._session.post(f"{self._api}/visitors", json={}) as response:
            response.raise_for_status()
            self.headers = {"authorization": f"Bearer {(await response.json())['token']}"}

    async def listen(self) -> None:
        """Open the stream and wait until the greeting is heard."""
        self._greeted = asyncio.get_running_loop().create_future()
        self._listening = asyncio.create_task(self._listen())
        await asyncio.wait_for(asyncio.shield(self._greeted), REPLY_SECONDS)

    async def say(self, text: str) -> None:
        message = {"id": uuid.uuid4().hex, "text": text}
        async with self._session.post(f"{self._api}/messages", json=message, headers=self.headers) as response:
            response.raise_for_status()
            seq = (await response.json())["seq"]
        self.acknowledged.append(message["id"])
        self.routes[await asyncio.wait_for(self._reply_to(seq), REPLY_SECONDS)] += 1
        self._waiting.pop(seq, None)

    async def end(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening

    async def stored(self) -> list[dict[str, Any]]:
        """Read the whole conversation from the store."""
        found: list[dict[str, Any]] = []
        more, after = True, 0
        while more:
            address = f"{self._api}/messages?after={after}&limit=200"
            async with self._session.get(address, headers=self.headers) as response:
                response.raise_for_status()
                page = await response.json()
            found += page["messages"]
            after, more = page["next"], page["more"]
        return found

    def _reply_to(self, seq: int) -> asyncio.Future[str]:
        return self._waiting.setdefault(seq, asyncio.get_running_loop().create_future())

    async def _listen(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=40)
        while True:
            self.reconnects += 1
            last = {"last-event-id": str(self.heard[-1])} if self.heard else {}
            with contextlib.suppress(aiohttp.ClientError, asyncio.TimeoutError):
                async with self._session.get(f"{self._api}/events", headers={**self.headers, **last}, timeout=timeout) as stream:
                    stream.raise_for_status()
                    async for event, data in _events(stream.content):
                        if event == "message":
                            self._hear(json.loads(data))
            await asyncio.sleep(0.5)

    def _hear(self, message: dict[str, Any]) -> None:
        self.heard.append(message["seq"])
        if not self._greeted.done():
            self._greeted.set_result(None)
        answered = message.get("in_reply_to")
        if message["author"] == "bot" and answered is not None:
            reply = self._reply_to(answered)
            if not reply.done():
                reply.set_result(message.get("route") or "")


async def _events(lines: aiohttp.StreamReader) -> AsyncIterator[tuple[str, str]]:
    """Yield the events of a stream."""
    event, data = "", ""
    async for raw in lines:
        line = raw.decode().rstrip("\r\n")
        if line.startswith("event: "):
            event = line[7:]
        elif line.startswith("data: "):
            data = line[6:]
        elif not line and event:
            yield event, data
            event, data = "", ""


Meeting = Callable[[aiohttp.ClientSession], Visitor]


@dataclass
class Load:
    """What one stretch of load showed."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    routes: Counter[str] = field(default_factory=Counter)

    def as_data(self) -> dict[str, Any]:
        """Return the figures: times in milliseconds."""
        return {
            **percentiles(self.waits),
            "messages_per_second": round(len(self.waits) / self.seconds, 1) if self.seconds else None,
            "messages": len(self.waits),
            "errors": dict(self.errors),
            "routes": dict(self.routes),
        }


def percentiles(seconds: Sequence[float]) -> dict[str, float | None]:
    """Return p50, p95, p99 and the longest, in milliseconds."""
    ordered = sorted(seconds)

    def at(share: float) -> float | None:
        return round(ordered[max(0, math.ceil(len(ordered) * share) - 1)] * 1000, 2) if ordered else None

    return {"p50_ms": at(0.5), "p95_ms": at(0.95), "p99_ms": at(0.99), "max_ms": at(1.0)}


@contextlib.asynccontextmanager
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """Open a client that keeps as many connections as it needs, to this machine only."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=60)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=REPLY_SECONDS), trust_env=False
    ) as one:
        yield one


async def measure(meet: Meeting, messages: Sequence[str], visitors: int, seconds: float) -> Load:
    """Have some visitors talk at once, each writing again as soon as it has its reply."""
    load = Load()
    async with session() as client:
        begun = time.perf_counter()
        until = begun + seconds
        await asyncio.gather(*(_talk(meet, client, messages, number, until, load) for number in range(visitors)))
        load.seconds = time.perf_counter() - begun
    return load


async def _talk(
    meet: Meeting, client: aiohttp.ClientSession, messages: Sequence[str], number: int, until: float, load: Load
) -> None:
    said = itertools.islice(itertools.cycle(messages), number * 7, None)
    while time.perf_counter() < until:
        visitor = meet(client)
        await visitor.begin()
        for text in itertools.islice(said, TURNS_A_CONVERSATION):
            # With an emergency open every reply is the same short text, which would flatter the figures.
            if time.perf_counter() >= until or visitor.routes["emergency"]:
                break
            await _timed(visitor, text, load)
        load.routes.update(visitor.routes)
        await visitor.end()


async def _timed(visitor: Visitor, text: str, load: Load) -> None:
    begun = time.perf_counter()
    try:
        await visitor.say(text)
    except (aiohttp.ClientError, asyncio.TimeoutError, RuntimeError) as error:
        load.errors[type(error).__name__] += 1
    else:
        load.waits.append(time.perf_counter() - begun)


async def long_conversations(meet: Meeting, messages: Sequence[str], turns: int, conversations: int) -> list[list[float]]:
    """Hold long conversations one after the other; returns how long each turn took."""
    taken = []
    async with session() as client:
        for number in range(conversations):
            load, visitor = Load(), meet(client)
            await visitor.begin()
            some = messages[number * CYCLE : (number + 1) * CYCLE]
            for text in itertools.islice(itertools.cycle(some), turns):
                await _timed(visitor, text, load)
            await visitor.end()
            if load.errors:
                raise RuntimeError(f"errors in a long conversation: {dict(load.errors)}")
            taken.append(load.waits)
    return taken


def at_turn(taken: Iterable[Sequence[float]], turn: int, around: int = CYCLE // 2) -> float:
    """Return the median wait in milliseconds around a turn: the same questions at each turn that is a multiple of `CYCLE`."""
    near = [wait for waits in taken for wait in waits[max(0, turn - around - 1) : turn + around]]
    return round(statistics.median(near) * 1000, 2)
