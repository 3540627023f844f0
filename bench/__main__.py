"""`python -m bench`: this assistant beside stock Rasa, on the same examples, messages and machine.

Writes bench/report.json and bench/report.png. See bench/README.md for what is measured and how.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import data, load, ours, plot, stock
from bench.process import WORK, Server, Took, allow_many_files, disk_mb, end_properly, entry, machine, say
from bot.settings import ROOT

REPORT = ROOT / "bench" / "report.json"
SIDES = {"stock": "stock Rasa", "ours": "this assistant, same examples", "ours-all": "this assistant, all its examples"}
TURNS = (10, 100, 300)


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    every: int = data.EVERY
    seconds: float = 40.0
    warm_up: float = 10.0
    starts: int = 3
    conversations: int = 3
    turns: tuple[int, ...] = TURNS


QUICK = Plan(every=60, seconds=5.0, warm_up=3.0, starts=1, conversations=1, turns=(10, 30, 50))


@dataclass(frozen=True)
class Figure:
    """One line of the comparison; `target` is for ours divided by stock, or for ours alone where there is no stock figure."""

    name: str
    unit: str
    key: tuple[str, ...]
    target: float | None = None
    more_is_better: bool = False
    alone: bool = False


FIGURES = (
    Figure("training", "s", ("training_seconds",), 1 / 5),
    Figure("training, processor time", "s", ("training_cpu_seconds",)),
    Figure("start-up until ready", "s", ("start_seconds",), 1 / 3),
    Figure("start-up, processor time", "s", ("start_cpu_seconds",)),
    Figure("resident memory after warm-up", "MB", ("memory_mb",), 0.4),
    Figure("messages a second, 16 visitors", "/s", ("visitors_16", "messages_per_second"), 5, more_is_better=True),
    Figure("messages a second, 1 visitor", "/s", ("visitors_1", "messages_per_second"), more_is_better=True),
    Figure("p50, 1 visitor", "ms", ("visitors_1", "p50_ms"), 1 / 5),
    Figure("p95, 1 visitor", "ms", ("visitors_1", "p95_ms")),
    Figure("p99, 1 visitor", "ms", ("visitors_1", "p99_ms")),
    Figure("p50, 16 visitors", "ms", ("visitors_16", "p50_ms"), 1 / 5),
    Figure("p95, 16 visitors", "ms", ("visitors_16", "p95_ms")),
    Figure("p99, 16 visitors", "ms", ("visitors_16", "p99_ms")),
    *(Figure(f"wait at turn {turn}", "ms", (f"turn_{turn}_ms",)) for turn in TURNS),
    Figure("turn 300 / turn 10", "x", ("turn_growth",), 1.3, alone=True),
    Figure("environment on disk", "MB", ("disk_mb",), 1300, alone=True),
    Figure("the same, all of it compiled", "MB", ("disk_with_bytecode_mb",)),
)


def main() -> None:
    """Measure, print the table, write the report and its picture."""
    options = _options()
    plan = QUICK if options.quick else Plan()
    allow_many_files()
    end_properly()
    WORK.mkdir(parents=True, exist_ok=True)
    about = machine()
    say(f"{about['processor']}, {about['cores']} cores, load {about['load_before']}; everything runs on loopback")
    wanted = {None: tuple(SIDES), "ours": ("ours", "ours-all")}.get(options.only, (options.only,))
    if options.quick:
        wanted = tuple(name for name in wanted if name != "ours-all")
    sides = {name: _side(name, plan, options.reuse) if name in wanted else _kept(name, plan) for name in SIDES}
    report = {
        "machine": about,
        "commands": ["make bench", "python -m bench --help"],
        "plan": {**plan.__dict__, "examples": _counts(plan), "messages": len(data.messages())},
        "figures": _rows(sides),
        "sides": sides,
    }
    _print(report)
    target = WORK / "quick.json" if options.quick else REPORT
    target.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    plot.comparison(report, target.with_suffix(".png"))
    say(f"wrote {target.relative_to(ROOT)} and {target.with_suffix('.png').relative_to(ROOT)}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Compare with stock Rasa.  Example: python -m bench --only ours"
    )
    parser.add_argument(
        "--only", choices=("stock", "ours", "ours-all"), help="measure one side; the other's figures are those of the last time"
    )
    parser.add_argument("--reuse", action="store_true", help="train only what has changed since the last time; its time is kept")
    parser.add_argument(
        "--quick", action="store_true", help="a short try: few examples, seconds of load; writes var/bench/quick.json"
    )
    return parser.parse_args()


# -- one side ----------------------------------------------------------------------------------------------------------


def _side(name: str, plan: Plan, reuse: bool) -> dict[str, Any]:
    """Measure one side, and keep its figures for the next time."""
    say(f"{SIDES[name]}: preparing")
    chosen = None if name == "ours-all" else data.subset(plan.every)
    kept = _kept(name, plan)
    prepare, train, serve = _steps(name)
    key = _key(name, chosen)
    if not (reuse and kept and kept["key"] == key and _archive(name).exists()):
        prepare(chosen)
        say(f"{SIDES[name]}: training on {sum(map(len, (chosen or data.examples()).values()))} examples")
        took = train()
        figures = {"key": key, "training_seconds": round(took.seconds, 1), "training_cpu_seconds": round(took.cpu_seconds, 1)}
    else:
        say(f"{SIDES[name]}: nothing changed since the last training")
        figures = {name: kept[name] for name in ("key", "training_seconds", "training_cpu_seconds")}
    figures |= _starts(name, serve, plan)
    figures |= asyncio.run(_serve(name, serve(), plan))
    figures |= {"disk_mb": round(disk_mb(stock.ENVIRONMENT))} if name == "stock" else ours.disk()
    _file(name, plan).write_text(json.dumps(figures), "utf-8")
    return figures


def _steps(name: str) -> tuple[Callable[[Any], None], Callable[[], Took], Callable[[], Server]]:
    if name == "stock":
        return stock.prepare, stock.train, stock.server
    return partial(ours.prepare, name), partial(ours.train, name), partial(ours.server, name)


def _starts(name: str, serve: Callable[[], Server], plan: Plan) -> dict[str, Any]:
    """Start a few times; the first, which finds cold files and makes the database, is kept apart."""
    taken = []
    if name != "stock":
        ours.forget(name)
    for number in range(plan.starts + 1):
        server = serve()
        taken.append(server.start())
        server.stop()
        say(f"{SIDES[name]}: ready after {taken[-1].seconds:.1f} s" + (" (first start)" if not number else ""))
    return {
        "first_start_seconds": round(taken[0].seconds, 2),
        "start_seconds": round(statistics.median(one.seconds for one in taken[1:]), 2),
        "start_cpu_seconds": round(statistics.median(one.cpu_seconds for one in taken[1:]), 2),
    }


async def _serve(name: str, server: Server, plan: Plan) -> dict[str, Any]:
    """Start a server and put load on it."""
    meet = partial(_meet, load.StockVisitor if name == "stock" else load.OurVisitor, server)
    messages = data.messages()
    figures: dict[str, Any] = {}
    server.start()
    try:
        await load.measure(meet, messages, 4, plan.warm_up)
        figures["memory_mb"] = round(server.memory_mb(), 1)
        for visitors in (1, 16):
            say(f"{SIDES[name]}: {visitors} visitors for {plan.seconds:.0f} s")
            measured = await load.measure(meet, messages, visitors, plan.seconds)
            figures[f"visitors_{visitors}"] = measured.as_data()
        figures["memory_after_load_mb"] = round(server.memory_mb(), 1)
        say(f"{SIDES[name]}: {plan.conversations} conversations of {max(plan.turns)} turns")
        taken = await load.long_conversations(meet, messages, max(plan.turns) + load.CYCLE // 2, plan.conversations)
    finally:
        server.stop()
    figures |= {f"turn_{turn}_ms": load.at_turn(taken, turn) for turn in plan.turns}
    figures["turn_growth"] = round(figures[f"turn_{plan.turns[-1]}_ms"] / figures[f"turn_{plan.turns[0]}_ms"], 2)
    figures["turn_waits_ms"] = [round(1000 * statistics.median(waits), 1) for waits in zip(*taken)]
    return figures


def _meet(kind: Callable[..., load.Visitor], server: Server, client: Any) -> load.Visitor:
    return kind(client, server.url)


def _archive(name: str) -> Path:
    return stock.PROJECT / "models" / "stock.tar.gz" if name == "stock" else ours.model(name)


def _key(name: str, chosen: data.Examples | None) -> str:
    """Return a hash of what training reads."""
    digest = hashlib.sha256(json.dumps(chosen or data.examples()).encode())
    own = [stock.LOCK, ROOT / "bench" / "stock.py"] if name == "stock" else []
    ours_own = [ROOT / "config.yml", ROOT / "domain.yml", *sorted((ROOT / "bot" / "nlu").glob("*.py"))]
    for path in own or ours_own:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _file(name: str, plan: Plan) -> Path:
    return WORK / f"{name}-every{plan.every}.json"


def _kept(name: str, plan: Plan) -> dict[str, Any]:
    """Return the figures of the last time, or nothing."""
    file = _file(name, plan)
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else {}


def _counts(plan: Plan) -> dict[str, int]:
    return {"same": sum(map(len, data.subset(plan.every).values())), "all": sum(map(len, data.examples().values()))}


# -- the table ---------------------------------------------------------------------------------------------------------


def _rows(sides: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows = []
    for figure in FIGURES:
        values = {name: _value(side, figure.key) for name, side in sides.items()}
        mine, theirs = values["ours"], values["stock"]
        compared = mine if figure.alone else mine / theirs if mine is not None and theirs else None
        met = None
        if figure.target is not None and compared is not None:
            met = compared >= figure.target if figure.more_is_better else compared <= figure.target
        rows.append(
            {
                "name": figure.name,
                "unit": figure.unit,
                "stock": theirs,
                "ours": mine,
                "ours_all": values["ours-all"],
                "ratio": round(mine / theirs, 3) if mine is not None and theirs else None,
                "target": _target(figure),
                "met": met,
            }
        )
    return rows


def _value(side: Mapping[str, Any], key: Sequence[str]) -> float | None:
    value: Any = side
    for part in key:
        value = (value or {}).get(part)
    return None if value is None else float(value)


def _target(figure: Figure) -> str | None:
    if figure.target is None:
        return None
    if figure.alone:
        return f"at most {figure.target:g} {figure.unit}"
    return f"at least {figure.target:g}x" if figure.more_is_better else f"at most {figure.target:.3g}x"


def _print(report: Mapping[str, Any]) -> None:
    table = Table(
        "figure", "stock", "ours", "ours / stock", "target", "", "ours, all examples", title="This assistant beside stock Rasa"
    )
    for row in report["figures"]:
        shown = [_number(row[name]) for name in ("stock", "ours", "ratio")]
        verdict = {True: "[green]met[/green]", False: "[red]not met[/red]", None: ""}[row["met"]]
        unit = "" if row["unit"] == "x" else f", {row['unit']}"
        table.add_row(row["name"] + unit, *shown, row["target"] or "", verdict, _number(row["ours_all"]))
    console = Console(width=max(120, Console().width))
    console.print(table)
    for name, side in report["sides"].items():
        errors = {
            visitors: side[visitors]["errors"] for visitors in ("visitors_1", "visitors_16") if side.get(visitors, {}).get("errors")
        }
        if errors:
            console.print(f"[red]{SIDES[name]}: errors {errors}[/red]")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"


if __name__ == "__main__":
    entry(main)
