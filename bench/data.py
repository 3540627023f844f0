"""What both sides are given: the same training examples and the same visitor messages."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.settings import ROOT

EVERY = 40
"""Of each intent's examples, in the order of the files, every this many is trained on: DIET takes hours on all of them."""

FEWEST = 10
"""Examples of an intent that are kept in any case."""

MESSAGES = 97
"""A prime, so that visitors who start at different places do not fall into step."""

Examples = Mapping[str, Sequence[str]]


class _Block(str):
    """A text that YAML writes as a block."""


yaml.SafeDumper.add_representer(_Block, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", str(text), style="|"))


def examples() -> dict[str, list[str]]:
    """Return all training examples by intent, in the order of the files."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "data" / "nlu").rglob("*.yml")):
        for block in yaml.safe_load(path.read_text("utf-8")).get("nlu", ()):
            lines = [line.strip()[2:].strip() for line in str(block["examples"]).splitlines() if line.strip().startswith("- ")]
            found.setdefault(block["intent"], []).extend(lines)
    return found


def subset(every: int = EVERY) -> dict[str, list[str]]:
    """Return every n-th example of each intent, and never fewer than `FEWEST`: a fixed, stratified choice."""
    chosen: dict[str, list[str]] = {}
    for intent, lines in examples().items():
        step = max(1, min(every, len(lines) // FEWEST))
        chosen[intent] = lines[::step]
    return chosen


def write_nlu(path: Path, chosen: Examples) -> None:
    """Write examples as a Rasa training file."""
    blocks = [{"intent": name, "examples": _Block("".join(f"- {line}\n" for line in lines))} for name, lines in chosen.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"version": "3.1", "nlu": blocks}, sort_keys=False, allow_unicode=True, width=10**6), "utf-8")


def write_ours(folder: Path, chosen: Examples | None) -> None:
    """Make a copy of this project that trains on the chosen examples, or on all of them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in ("config.yml", "domain.yml", "endpoints.yml", "credentials.yml"):
        shutil.copy(ROOT / name, folder / name)
    for name in ("rules", "stories"):
        shutil.copytree(ROOT / "data" / name, folder / "data" / name)
    if chosen is None:
        shutil.copytree(ROOT / "data" / "nlu", folder / "data" / "nlu")
    else:
        write_nlu(folder / "data" / "nlu.yml", chosen)


def messages() -> list[str]:
    """Return the questions that visitors ask in the benchmarks: a fixed choice of our held-out ones, none of them trained on."""
    rows = _heldout("faq", "answer")
    return rows[:: max(1, len(rows) // MESSAGES)][:MESSAGES]


def reports() -> list[str]:
    """Return complaints that go to staff, from our held-out ones."""
    return _heldout("symptoms", "staff")[:50]


def _heldout(name: str, route: str) -> list[str]:
    lines = (ROOT / "tests" / "heldout" / f"{name}.jsonl").read_text("utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines if line.strip()]
    return [row["text"] for row in rows if row.get("route") == route]
