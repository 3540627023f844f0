"""Our side: the project as it is, served by `python -m bot serve`, every message stored in SQLite on disk."""

from __future__ import annotations

import shutil
import sys
from dataclasses import fields
from pathlib import Path

from bench.data import Examples, write_ours
from bench.process import WORK, Server, Took, disk_mb, environment, free_port, install, run
from bot.settings import ROOT, Settings

LIMITS = ("MESSAGES_PER_MINUTE", "ADDRESS_MESSAGES_PER_MINUTE", "VISITORS_PER_HOUR")
"""Switched off: all visitors of a benchmark come from one address."""


def prepare(name: str, chosen: Examples | None) -> None:
    """Make the project that is trained: on the chosen examples, or on all of them."""
    write_ours(WORK / name, chosen)


def train(name: str) -> Took:
    """Train; returns what it took."""
    command = [sys.executable, "-m", "rasa", "train", "--fixed-model-name", name, "--out", "models"]
    return run(f"{name}: training", command, WORK / name, _variables(), WORK / f"{name}-train.log")


def model(name: str) -> Path:
    """Return the trained archive."""
    return WORK / name / "models" / f"{name}.tar.gz"


def forget(name: str) -> None:
    """Delete a server's database."""
    shutil.rmtree(WORK / f"{name}-var", ignore_errors=True)


def server(name: str, archive: Path | None = None) -> Server:
    """Return a server with a database of its own."""
    folder = WORK / f"{name}-var"
    port = free_port()
    command = [sys.executable, "-m", "bot", "serve", "--port", str(port), "--model", str(archive or model(name))]
    variables = {**_variables(), "VAR_DIR": str(folder), **dict.fromkeys(LIMITS, "0")}
    return Server(f"{name}-server", command, "/ready", port, ROOT, variables)


def disk() -> dict[str, int]:
    """Return what the default environment, without what only development needs, takes on disk."""
    folder = WORK / "environment"
    install(folder, ROOT / "requirements.lock", "--compile-bytecode")
    return {"disk_mb": round(disk_mb(folder)), "disk_with_bytecode_mb": round(disk_mb(folder, bytecode=True))}


def _variables() -> dict[str, str]:
    return environment(one.name.upper() for one in fields(Settings))
