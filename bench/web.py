"""`python -m bench.web`: the website chat under load, with real HTTP clients on loopback.

A thousand visitors on streams, each writing every 20 seconds; five thousand streams on which nothing happens; how long a start
takes until the first reply. Writes bench/web.json and bench/web.png; `--quick` is a short try.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from rich.console import Console
from rich.table import Table

from bench import data, load, ours, plot
from bench.process import WORK, Server, allow_many_files, end_properly, entry, machine, say, serving
from bot.settings import ROOT

NAME = "web"
REPORT = ROOT / "bench" / "web.json"
TARGET_P95_MS = 250
TARGET_IDLE_MB = 150
AT_ONCE = 50
"""Visitors who arrive at the same moment."""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    visitors: int = 1000
    every_seconds: float = 20.0
    seconds: float = 180.0
    idle: int = 5000
    idle_seconds: float = 45.0
    starts: int = 3


QUICK = Plan(visitors=100, every_seconds=5.0, seconds=20.0, idle=300, idle_seconds=16.0, starts=1)


@dataclass
class Talk:
    """What a thousand visitors saw."""

    waits: list[tuple[float, float]] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    sent: int = 0


def main() -> None:
    """Measure, print the table, write the report and its picture."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.web", description="Load the website chat.  Example: python -m bench.web --quick"
    )
    parser.add_argument("--quick", action="store_true", help="a short try; writes var/bench/web-quick.json")
    parser.add_argument("--only", choices=("start", "load", "idle"), help="one part; the others keep their last figures")
    options = parser.parse_args()
    plan = QUICK if options.quick else Plan()
    target = WORK / "web-quick.json" if options.quick else REPORT
    allow_many_files()
    end_properly()
    report: dict[str, Any] = json.loads(target.read_text("utf-8")) if options.only and target.exists() else {}
    report |= {"machine": machine(), "commands": ["make bench-web", "python -m bench.web --help"], "plan": plan.__dict__}
    server = _server()
    if options.only in (None, "start"):
        report["start"] = asyncio.run(_starts(server, plan))
    waits: list[tuple[float, float]] = []
    if options.only in (None, "load"):
        with serving(server):
            report["load"], waits = asyncio.run(_load(server, plan))
    if options.only in (None, "idle"):
        with serving(server):
            report["idle"] = asyncio.run(_idle(server, plan))
    _print(report)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if waits:
        plot.web(report, waits, target.with_suffix(".png"))
    say(f"wrote {target.relative_to(ROOT)}")


def _server() -> Server:
    """Return a server with the model of the files as they are and a database of its own."""
    from bot.training import ensure_model

    archive = ensure_model(ROOT / "models", say)
    ours.forget(NAME)
    return ours.server(NAME, archive)


# -- start ---------------------------------------------------------------------------------------------------------------


async def _starts(server: Server, plan: Plan) -> dict[str, Any]:
    """Start a few times, on a database that is there; each time until a visitor has a reply."""
    ready, replied = [], []
    for number in range(plan.starts + 1):
        begun = time.monotonic()
        seconds = (await asyncio.to_thread(server.start)).seconds
        async with load.session() as client:
            visitor = load.OurVisitor(client, server.url)
            await visitor.begin()
            await visitor.say(data.messages()[0])
            took = time.monotonic() - begun
            await visitor.end()
        await asyncio.to_thread(server.stop)
        say(f"start: ready after {seconds:.2f} s, first reply after {took:.2f} s" + (" (first start)" if not number else ""))
        ready.append(seconds)
        replied.append(took)
    return {
        "first_start_to_reply_seconds": round(replied[0], 2),
        "ready_seconds": round(statistics.median(ready[1:]), 2),
        "first_reply_seconds": round(statistics.median(replied[1:]), 2),
    }


# -- load ----------------------------------------------------------------------------------------------------------------


async def _load(server: Server, plan: Plan) -> tuple[dict[str, Any], list[tuple[float, float]]]:
    """Have many visitors talk, then compare what each sent, what each heard and what is stored."""
    talk = Talk()
    async with load.session() as client:
        say(f"load: {plan.visitors} visitors arrive")
        visitors = [load.OurVisitor(client, server.url) for _ in range(plan.visitors)]
        await _each(visitors, load.OurVisitor.begin)
        # Read once, before the clock runs: a thousand readings hold the clients up, and their messages then come all at once.
        texts, complaints = data.messages(), data.reports()
        await load.measure(lambda one: load.OurVisitor(one, server.url), texts, 2, 3)
        say(f"load: each writes every {plan.every_seconds:g} s for {plan.seconds:g} s")
        cpu, begun = server.cpu_seconds(), time.monotonic()
        ticker = asyncio.create_task(_tick(talk, begun))
        await asyncio.gather(*(_talk(visitor, plan, talk, begun, texts, complaints) for visitor in visitors))
        ticker.cancel()
        seconds, cpu = time.monotonic() - begun, server.cpu_seconds() - cpu
        memory = server.memory_mb()
        say("load: comparing what was sent, heard and stored")
        faults: Counter[str] = Counter()
        await _each(visitors, lambda visitor: _compare(visitor, faults))
        await _each(visitors, load.OurVisitor.end)
    routes = sum((visitor.routes for visitor in visitors), Counter[str]())
    figures = {
        "visitors": plan.visitors,
        "every_seconds": plan.every_seconds,
        "seconds": round(seconds, 1),
        "target_p95_ms": TARGET_P95_MS,
        "messages": talk.sent,
        "messages_per_second": round(talk.sent / seconds, 1),
        **load.percentiles([wait for _, wait in talk.waits]),
        "errors": dict(talk.errors),
        "lost": faults["lost"] + faults["unanswered"],
        "doubled": faults["doubled"],
        "stream_differs_from_store": faults["differs"],
        "reconnects": sum(visitor.reconnects for visitor in visitors),
        "routes": dict(routes),
        "memory_mb": round(memory, 1),
        "processor_share": round(cpu / seconds, 2),
    }
    return figures, talk.waits


async def _talk(
    visitor: load.OurVisitor, plan: Plan, talk: Talk, begun: float, texts: Sequence[str], complaints: Sequence[str]
) -> None:
    """Write at a steady pace, beginning at a moment of one's own; now and then a complaint."""
    chance = random.Random(id(visitor))
    due = begun + chance.uniform(0, plan.every_seconds)
    while due < begun + plan.seconds:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        text = chance.choice(complaints if chance.random() < 0.05 else texts)
        talk.sent += 1
        started = time.monotonic()
        try:
            await visitor.say(text)
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            talk.errors[type(error).__name__] += 1
        else:
            talk.waits.append((started - begun, time.monotonic() - started))
        due += plan.every_seconds


async def _compare(visitor: load.OurVisitor, faults: Counter[str]) -> None:
    """Count what was acknowledged and is not there, what is there twice, and what the stream told otherwise than the store."""
    stored = await visitor.stored()
    mine = Counter(message["id"] for message in stored if message["author"] == "visitor")
    answered = {message.get("in_reply_to") for message in stored if message["author"] == "bot"}
    replies = Counter((message.get("in_reply_to"), message["text"]) for message in stored if message["author"] == "bot")
    faults["lost"] += sum(one not in mine for one in visitor.acknowledged)
    faults["unanswered"] += sum(message["author"] == "visitor" and message["seq"] not in answered for message in stored)
    faults["doubled"] += sum(count - 1 for count in (*mine.values(), *replies.values()))
    faults["differs"] += visitor.heard != [message["seq"] for message in stored]


async def _tick(talk: Talk, begun: float) -> None:
    while True:
        await asyncio.sleep(15)
        recent = [wait for at, wait in talk.waits if at + begun > time.monotonic() - 15]
        p95 = load.percentiles(recent)["p95_ms"]
        say(
            f"  {time.monotonic() - begun:.0f} s: {talk.sent} messages, p95 of the last 15 s {p95 or 0:.0f} ms, errors {sum(talk.errors.values())}"
        )


# -- idle ----------------------------------------------------------------------------------------------------------------


async def _idle(server: Server, plan: Plan) -> dict[str, Any]:
    """Open streams on which nothing happens; returns what they cost."""
    meet: load.Meeting = lambda one: load.OurVisitor(one, server.url)  # noqa: E731
    await load.measure(meet, data.messages(), 4, 5)
    before = server.memory_mb()
    nobody = await _share(server, min(15.0, plan.idle_seconds))
    async with load.session() as client:
        visitors = [load.OurVisitor(client, server.url) for _ in range(plan.idle)]
        say(f"idle: {plan.idle} visitors arrive")
        await _each(visitors, load.OurVisitor.create)
        created = server.memory_mb()
        await _each(visitors, load.OurVisitor.listen)
        opened = server.memory_mb()
        say(f"idle: {plan.idle} streams are open; nothing happens for {plan.idle_seconds:g} s")
        share = await _share(server, plan.idle_seconds)
        after = server.memory_mb()
        reconnects = sum(visitor.reconnects for visitor in visitors)
        measured = await load.measure(meet, data.messages(), 1, 5)
        await _each(visitors, load.OurVisitor.end)
    highest = max(created, opened, after)
    return {
        "streams": plan.idle,
        "memory_before_mb": round(before, 1),
        "memory_visitors_mb": round(created, 1),
        "memory_streams_mb": round(highest, 1),
        "more_mb": round(highest - before, 1),
        "target_more_mb": TARGET_IDLE_MB,
        "kb_a_stream": round(1000 * (highest - before) / plan.idle, 1),
        "processor_share_nobody": round(nobody, 3),
        "processor_share": round(share, 3),
        "processor_microseconds_a_stream_second": round(1e6 * (share - nobody) / plan.idle, 1),
        "reconnects": reconnects,
        "p50_ms_beside": load.percentiles(measured.waits)["p50_ms"],
    }


async def _share(server: Server, seconds: float) -> float:
    """Return the share of one core that the server takes."""
    cpu, begun = server.cpu_seconds(), time.monotonic()
    await asyncio.sleep(seconds)
    return (server.cpu_seconds() - cpu) / (time.monotonic() - begun)


async def _each(visitors: Iterable[load.OurVisitor], act: Callable[[load.OurVisitor], Awaitable[None]]) -> None:
    """Have every visitor do something, a few at once."""
    left = iter(visitors)

    async def some() -> None:
        for visitor in left:
            await act(visitor)

    await asyncio.gather(*itertools.starmap(some, [()] * AT_ONCE))


# -- the table -----------------------------------------------------------------------------------------------------------


def _print(report: dict[str, Any]) -> None:
    table = Table("figure", "value", "target", "", title="The website chat under load")
    start, talk, idle = (report.get(part) or {} for part in ("start", "load", "idle"))
    rows: Sequence[tuple[str, Any, float | None]] = (
        ("process start to first reply, s", start.get("first_reply_seconds"), None),
        ("the same on an empty database, s", start.get("first_start_to_reply_seconds"), None),
        (f"p95, {talk.get('visitors')} visitors, ms", talk.get("p95_ms"), TARGET_P95_MS),
        ("p50, ms", talk.get("p50_ms"), None),
        ("p99, ms", talk.get("p99_ms"), None),
        ("messages a second", talk.get("messages_per_second"), None),
        ("errors", sum(talk.get("errors", {}).values()) if talk else None, 0),
        ("lost messages", talk.get("lost"), 0),
        ("doubled messages", talk.get("doubled"), 0),
        ("streams that differ from the store", talk.get("stream_differs_from_store"), 0),
        ("cores that the server took", talk.get("processor_share"), None),
        (f"{idle.get('streams')} idle streams, MB more", idle.get("more_mb"), TARGET_IDLE_MB),
        ("an idle stream, kB", idle.get("kb_a_stream"), None),
        ("an idle stream, microseconds of processor a second", idle.get("processor_microseconds_a_stream_second"), None),
    )
    for name, value, most in rows:
        verdict = "" if most is None or value is None else "[green]met[/green]" if value <= most else "[red]not met[/red]"
        table.add_row(name, "-" if value is None else f"{value:g}", "" if most is None else f"at most {most:g}", verdict)
    Console(width=max(100, Console().width)).print(table)


if __name__ == "__main__":
    entry(main)
