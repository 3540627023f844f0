"""The bell: tells waiting readers that something changed, never what.

A ring carries names only ("visitor:<id>", "queue"). Whoever hears one reads again from its own cursor, so a ring that
is lost, doubled or late costs a moment and never a message. Without Redis the bell rings in this process; with Redis in
all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import threading
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Any

log = logging.getLogger(__name__)

CHANNEL = "frontdesk:bell"

# After a gap in the connection to Redis nobody knows what was missed: everybody reads again.
EVERYTHING = "*"

# How long to wait before Redis is tried again.
RETRY_SECONDS = 1.0


class Subscription:
    """Hears the names it was made for, from the moment it is entered; rings add up while nobody listens."""

    def __init__(self, bell: Bell, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        self._bell = bell
        self._rung: set[str] = set()
        self._waiter: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()

    async def wait(self, timeout_seconds: float | None = None) -> frozenset[str]:
        """Return the names that rang since the last call; wait for one if none did; empty after the timeout. One waits at a time."""
        if not self._rung:
            # A future and a timer: a task for each of thousands of silent streams would cost megabytes.
            self._waiter = waiter = self._loop.create_future()
            timer = None if timeout_seconds is None else self._loop.call_later(timeout_seconds, _wake, waiter)
            try:
                await waiter
            finally:
                self._waiter = None
                if timer is not None:
                    timer.cancel()
        rung = frozenset(self._rung)
        self._rung.clear()
        return rung

    def __enter__(self) -> Subscription:
        self._bell._add(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bell._remove(self)

    def _hear(self, names: frozenset[str]) -> None:
        """Take a ring, from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop of a reader that is gone is closed
            self._loop.call_soon_threadsafe(self._note, names)

    def _note(self, names: frozenset[str]) -> None:
        self._rung |= names
        if self._waiter is not None:
            _wake(self._waiter)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Bell:
    """Rings names and wakes whoever waits for them."""

    def __init__(self, redis_url: str | None = None) -> None:
        self._redis_url = redis_url
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Subscription]] = {}
        self._own = secrets.token_hex(8)
        self._outgoing: asyncio.Queue[frozenset[str]] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def ring(self, *names: str) -> None:
        """Wake everybody who waits for one of the names: from any thread, at once, without ever failing."""
        rung = frozenset(names)
        self._ring_here(rung)
        if self._loop is not None and self._outgoing is not None:
            with contextlib.suppress(RuntimeError):  # a loop that is closing
                self._loop.call_soon_threadsafe(self._outgoing.put_nowait, rung)

    def listening(self, *names: str) -> Subscription:
        """Return a subscription to enter with `with`: enter, then read, then wait, and no ring is missed."""
        return Subscription(self, names)

    async def subscribe(self, names: Iterable[str]) -> AsyncIterator[frozenset[str]]:
        """Yield the names that rang, again and again."""
        with self.listening(*names) as subscription:
            while True:
                yield await subscription.wait()

    async def wait(self, names: Iterable[str], timeout_seconds: float) -> frozenset[str]:
        """Wait for one ring from now on; rings before the call are not heard (use `listening` for those)."""
        with self.listening(*names) as subscription:
            return await subscription.wait(timeout_seconds)

    async def start(self) -> None:
        """Join the other processes, if there is a Redis."""
        if self._redis_url is None or self._tasks:
            return
        self._loop = asyncio.get_running_loop()
        self._outgoing = asyncio.Queue()
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._publish(self._outgoing))]

    async def close(self) -> None:
        """Leave the other processes."""
        tasks, self._tasks, self._outgoing = self._tasks, [], None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, subscription: Subscription) -> None:
        with self._lock:
            for name in subscription.names:
                self._listeners.setdefault(name, set()).add(subscription)

    def _remove(self, subscription: Subscription) -> None:
        with self._lock:
            for name in subscription.names:
                listeners = self._listeners.get(name, set())
                listeners.discard(subscription)
                if not listeners:
                    self._listeners.pop(name, None)

    def _ring_here(self, names: frozenset[str]) -> None:
        with self._lock:
            if EVERYTHING in names:
                heard = {listener: listener.names for group in self._listeners.values() for listener in group}
            else:
                hearing = {listener for name in names for listener in self._listeners.get(name, ())}
                heard = {listener: listener.names & names for listener in hearing}
        for listener, rung in heard.items():
            listener._hear(rung)

    async def _listen(self) -> None:
        """Ring here what other processes rang; come back whenever Redis does."""
        while True:
            client = self._client()
            try:
                channel = client.pubsub(ignore_subscribe_messages=True)
                await channel.subscribe(CHANNEL)
                self._ring_here(frozenset({EVERYTHING}))
                async for message in channel.listen():
                    self._take(message["data"])
            except Exception as error:  # whatever Redis does, the bell in this process keeps ringing
                log.warning("the bell does not hear other processes: %s", type(error).__name__)
            finally:
                await client.close()
            await asyncio.sleep(RETRY_SECONDS)

    async def _publish(self, outgoing: asyncio.Queue[frozenset[str]]) -> None:
        """Tell other processes what rang here; what cannot be told is dropped: readers also look by themselves."""
        client = self._client()
        try:
            while True:
                names = await outgoing.get()
                try:
                    await client.publish(CHANNEL, json.dumps({"from": self._own, "names": sorted(names)}))
                except Exception as error:
                    log.warning("the bell does not reach other processes: %s", type(error).__name__)
        finally:
            await client.close()

    def _take(self, data: bytes) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):  # somebody else's words on our channel
            ring = json.loads(data)
            if ring["from"] != self._own:
                self._ring_here(frozenset(map(str, ring["names"])))

    def _client(self) -> Any:
        # Imported here: most clinics run one process and need no Redis.
        import redis.asyncio

        return redis.asyncio.from_url(self._redis_url, socket_connect_timeout=2)
