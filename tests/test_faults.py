"""The whole server, killed without warning again and again under fifty visitors; then everything is counted.

Each visitor numbers its messages and sends each until it is acknowledged, under one id, as the widget does. Afterwards nothing that
was acknowledged is lost, nothing stands twice, the order is the one of sending, and every message has its one answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fixtures_server import START_SECONDS, WHOLE, Server, free_port

from bot.channels.tokens import Tokens
from bot.desk import Desk
from bot.notify import Outbox
from bot.settings import ROOT
from bot.store import Store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.model,
    pytest.mark.timeout(2400),
]

KILLS = int(os.environ.get("FAULT_KILLS", "50"))
VISITORS = 50
BUDGET_SECONDS = 360.0
"""On a slow machine there are fewer kills rather than a longer test; never fewer than `FEWEST`."""

FEWEST = min(KILLS, 10)
SETTLE_SECONDS = 600
LONGEST_LIFE = 1.2
"""Seconds after it first answers within which the server is killed."""

KILLED_EARLY = 0.1
"""Share of the starts that are killed before they have come to an end."""

MESSAGES = 6
"""What each visitor writes at least."""

SECRET = "a secret of the tests"

TEXTS = ("what does it cost", "how long does it take", "are you open on saturday", "where are you", "does it hurt", "can i cancel")
FOR_A_PERSON = "i want to talk to a person please"
EMERGENCY = "i can't breathe and my chest hurts since yesterday"


# -- the server ----------------------------------------------------------------------------------------------------------


class Killed(Server):
    """A server that nobody waits for while it starts."""

    async def answers(self) -> None:
        """Wait until it takes connections."""
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up:
            assert self.process is not None
            assert self.process.poll() is None, self.log()[-3000:]
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.05)
        pytest.fail("the server did not start")


@pytest.fixture
def server(tmp_path: Path, model: Path) -> Iterator[Killed]:
    off = dict.fromkeys(("MESSAGES_PER_MINUTE", "ADDRESS_MESSAGES_PER_MINUTE", "VISITORS_PER_HOUR"), "0")
    # It starts fifty times: with its bytecode kept.
    own = {
        "PYTHONDONTWRITEBYTECODE": "",
        "CLINIC_DIR": str(ROOT / "clinic"),
        "SECRET_KEYS": SECRET,
        "RASA_TIMEOUT_SECONDS": "60",
        **off,
    }
    one = Killed(tmp_path, free_port(), own, (*WHOLE, "--model", str(model)))
    yield one
    one.stop()


# -- a visitor -----------------------------------------------------------------------------------------------------------


@dataclass
class Visitor:
    """Writes until told to stop, and keeps note of what the server has promised."""

    number: int
    client: aiohttp.ClientSession
    url: str
    token: str = ""
    sent: list[tuple[str, str]] = field(default_factory=list)
    """Id and text of every message, in the order of sending."""
    acknowledged: dict[str, int] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)
    retries: int = 0

    async def call(self, method: str, path: str, **body: Any) -> Any:
        """Call until the server answers, however often it dies meanwhile."""
        while True:
            headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
            try:
                async with self.client.request(method, self.url + path, json=body or None, headers=headers) as response:
                    if response.status < 500:
                        assert response.status < 300, (response.status, await response.text())
                        return await response.json()
            except (aiohttp.ClientError, OSError, asyncio.TimeoutError):
                self.retries += 1
            await asyncio.sleep(random.uniform(0.1, 0.5))

    async def talk(self, stop: asyncio.Event) -> None:
        self.token = (await self.call("POST", "/visitors", language="en"))["token"]
        while not stop.is_set() or len(self.sent) < MESSAGES:
            await self.write()
            await asyncio.sleep(random.uniform(0.0, 3.0))

    def wrote(self, text: str) -> bool:
        return any(one.startswith(text) for _, one in self.sent)

    async def write(self) -> None:
        message_id, count = uuid.uuid4().hex, len(self.sent)
        text = TEXTS[(self.number + count) % len(TEXTS)]
        if count == 2 and self.number % 10 == 0:
            text = FOR_A_PERSON
        if count == 4 and self.number % 10 == 5:
            text = EMERGENCY
        self.sent.append((message_id, f"{text} ({count})"))
        said = await self.call("POST", "/messages", id=message_id, text=self.sent[-1][1])
        self.acknowledged[message_id] = said["seq"]

    async def read(self) -> None:
        """Follow the conversation by its cursor, as a client without streaming does."""
        while True:
            await asyncio.sleep(random.uniform(0.2, 1.0))
            if self.token:
                self.heard += (await self.call("GET", f"/messages?after={len(self.heard)}&wait=5"))["messages"]


# -- the test ------------------------------------------------------------------------------------------------------------


async def test_nothing_acknowledged_is_lost_or_doubled_when_the_server_is_killed(server: Killed) -> None:
    stop = asyncio.Event()
    kills = 0
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as client:
        visitors = [Visitor(number, client, f"{server.url}/api/v1") for number in range(VISITORS)]
        readers = [asyncio.create_task(one.read()) for one in visitors]
        writers = [asyncio.create_task(one.talk(stop)) for one in visitors]
        begun = time.monotonic()
        server.launch()
        while kills < KILLS and (kills < FEWEST or time.monotonic() < begun + BUDGET_SECONDS):
            if random.random() < KILLED_EARLY:
                await asyncio.sleep(random.uniform(0.0, 3.0))
            else:
                await server.answers()
                await asyncio.sleep(random.uniform(0.0, LONGEST_LIFE))
            server.kill()
            kills += 1
            server.launch()
            print(f"\r{kills} kills, {sum(len(one.acknowledged) for one in visitors)} messages acknowledged", end="", flush=True)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*writers), SETTLE_SECONDS)
        await _until(lambda: _all_answered(visitors))
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        stored = await asyncio.gather(*(_stored(one) for one in visitors))
    server.stop()
    print(f"; {sum(one.retries for one in visitors)} calls were tried again")
    assert sum(len(one.acknowledged) for one in visitors) >= VISITORS
    for visitor, messages in zip(visitors, stored):
        _check(visitor, messages)
    await asyncio.to_thread(_check_handoffs, server, visitors)


def _check(visitor: Visitor, messages: list[dict[str, Any]]) -> None:
    mine = [message for message in messages if message["author"] == "visitor"]
    replies = [message for message in messages if message["author"] == "bot" and message["in_reply_to"] is not None]
    # What the store holds is what was sent: each once, none missing, in the order of sending.
    assert [(message["id"], message["text"]) for message in mine] == visitor.sent
    assert {message["id"]: message["seq"] for message in mine} == visitor.acknowledged
    # Numbers have no gap, and whoever read along saw the very same, each once.
    assert [message["seq"] for message in messages] == list(range(1, len(messages) + 1))
    assert visitor.heard == messages[: len(visitor.heard)]
    # Every message has its answer, once, in order; only the emergency text waits for nothing that was asked before.
    first = {message["in_reply_to"] for message in replies if message["payload"].get("kind") == "emergency"}
    answered = [message["in_reply_to"] for message in replies]
    urgent = [message for message in replies if message["payload"].get("emergency")]
    assert bool(urgent) == visitor.wrote(EMERGENCY)
    in_turn = [seq for seq in answered if seq not in first]
    assert in_turn == sorted(in_turn)
    assert set(answered) == {message["seq"] for message in mine}
    doubled = Counter((message["in_reply_to"], message["text"]) for message in replies)
    assert max(doubled.values()) == 1


def _check_handoffs(server: Killed, visitors: list[Visitor]) -> None:
    """Who asked for a person, or wrote of an emergency, is in the queue: once."""
    store = Store(f"sqlite:///{server.folder / 'var' / 'frontdesk.db'}")
    waiting = Desk(store, Outbox(store, ())).handoffs()
    store.close()
    urgencies = {one.visitor: one.urgency for one in waiting}
    assert len(urgencies) == len(waiting)
    tokens = Tokens([SECRET], 30)
    for visitor in visitors:
        urgency = urgencies.get(tokens.read(f"Bearer {visitor.token}").visitor)
        assert urgency is not None or not visitor.wrote(FOR_A_PERSON)
        assert (urgency == "emergency") == visitor.wrote(EMERGENCY)


async def _stored(visitor: Visitor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    more = True
    while more:
        page = await visitor.call("GET", f"/messages?after={len(found)}&limit=200")
        found += page["messages"]
        more = page["more"]
    return found


async def _all_answered(visitors: list[Visitor]) -> bool:
    """Tell whether each visitor's last message has its answer."""
    for visitor in visitors:
        messages = await _stored(visitor)
        answered = {message.get("in_reply_to") for message in messages if message["author"] == "bot"}
        if not set(visitor.acknowledged.values()) <= answered:
            return False
    return True


async def _until(met: Callable[[], Awaitable[bool]]) -> None:
    give_up = time.monotonic() + SETTLE_SECONDS
    while not await met():
        assert time.monotonic() < give_up, "not every message was answered"
        await asyncio.sleep(1)
