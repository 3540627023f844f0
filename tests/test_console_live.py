"""The console's streams: what changes while something else is being sent still arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from patience import PATIENCE_SECONDS

from bot.bell import Bell
from bot.channels import console_live
from bot.channels.console_live import Feed, _ConversationStream, _QueueStream
from bot.desk import Draft
from bot.parts import Parts, build
from bot.settings import ROOT, Settings


class Page:
    """An open console that keeps what it is sent; `meanwhile` happens while the first piece is on its way."""

    def __init__(self, meanwhile: Any) -> None:
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._meanwhile = meanwhile

    async def respond(self, **_: Any) -> Page:
        return self

    async def send(self, text: str) -> None:
        if self._meanwhile is not None:
            self._meanwhile()
            self._meanwhile = None
        for line in text.splitlines():
            if line.startswith("data: "):
                await self.sent.put(json.loads(line.removeprefix("data: ")))

    async def hears(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.sent.get(), PATIENCE_SECONDS)

    async def messages(self) -> list[dict[str, Any]]:
        """Return the next messages, whatever else is sent before them."""
        while not isinstance(heard := await self.hears(), list):
            pass
        return heard


async def test_an_emergency_that_comes_while_the_queue_is_being_sent_is_sent_next() -> None:
    feed = Feed(SimpleNamespace(bell=Bell()))  # type: ignore[arg-type]
    feed._task = asyncio.create_task(asyncio.sleep(PATIENCE_SECONDS))  # nobody reads a store here
    feed.stale, feed.rows = False, {"h_1": '{"id": "h_1"}'}

    def meanwhile() -> None:
        feed.rows = {"h_2": '{"id": "h_2", "urgency": "emergency"}', **feed.rows}
        feed._tell()

    page = Page(meanwhile)
    session = SimpleNamespace(member=SimpleNamespace(id="m_1"))
    stream = asyncio.create_task(_QueueStream(SimpleNamespace(), feed, session).run(page))  # type: ignore[arg-type]
    assert [row["id"] for row in (await page.hears())["rows"]] == ["h_1"]
    assert [row["id"] for row in (await page.hears())["rows"]] == ["h_2"]
    stream.cancel()
    feed._task.cancel()
    await asyncio.gather(stream, feed._task, return_exceptions=True)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    built = build(Settings(clinic_dir=ROOT / "clinic", var_dir=tmp_path, secret_keys=("k",)))
    yield built
    built.store.close()


def said(parts: Parts, visitor: str, text: str) -> int:
    """Have a visitor say something that nobody has read yet."""
    return parts.desk.accept(visitor, f"id {text}", text)[0].seq


def read(parts: Parts, visitor: str, seq: int) -> None:
    """Have the assistant read a message and answer it."""
    parts.desk.settle(visitor, seq, [Draft("An answer.", {}, "cost", "answer", 0.9)], "cost", "answer", 0.9)


def opened(parts: Parts, visitor: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Page, asyncio.Task[None]]:
    """Open the conversation in a page that no beat helps on."""
    monkeypatch.setattr(console_live, "HEARTBEAT_SECONDS", PATIENCE_SECONDS * 2)
    handoff = parts.desk.open(visitor, said(parts, visitor, "a person please"), "routine", "asked")
    page, session = Page(None), SimpleNamespace(member=SimpleNamespace(id="m_1"))
    stream = _ConversationStream(parts, Feed(parts), session, handoff.id, "0")  # type: ignore[arg-type]
    return page, asyncio.create_task(stream.run(page))  # type: ignore[arg-type]


async def ended(stream: asyncio.Task[None]) -> None:
    stream.cancel()
    await asyncio.gather(stream, return_exceptions=True)


async def test_a_long_conversation_is_sent_whole_at_once(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = parts.desk.create_visitor("website", "main").id
    for number in range(3):
        read(parts, visitor, said(parts, visitor, f"question {number}"))
    monkeypatch.setattr(console_live, "PAGE", 3)
    page, stream = opened(parts, visitor, monkeypatch)
    heard: list[dict[str, Any]] = []
    while not heard or heard[-1]["text"] != "a person please":
        heard += await page.messages()
    assert [one["seq"] for one in heard] == list(range(1, 8))
    await ended(stream)


async def test_a_message_is_sent_again_with_what_was_understood(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = parts.desk.create_visitor("website", "main").id
    page, stream = opened(parts, visitor, monkeypatch)
    assert [(one["seq"], one["topic"]) for one in await page.messages()] == [(1, None)]
    said(parts, visitor, "and what does it cost")
    assert [(one["seq"], one["topic"]) for one in await page.messages()] == [(2, None)]
    read(parts, visitor, 1)
    assert [(one["seq"], one["topic"]) for one in await page.messages()] == [(1, "cost"), (3, "cost")]
    read(parts, visitor, 2)
    assert [(one["seq"], one["topic"]) for one in await page.messages()] == [(2, "cost"), (4, "cost")]
    await ended(stream)
