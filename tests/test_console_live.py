"""The console's streams: what changes while something else is being sent still arrives."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any

from patience import PATIENCE_SECONDS

from bot.bell import Bell
from bot.channels.console_live import Feed, _QueueStream


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
        await self.sent.put(json.loads(text.split("data: ", 1)[1]))

    async def hears(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.sent.get(), PATIENCE_SECONDS)


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
