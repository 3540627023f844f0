"""Our side: the project as it is, served by `python -m bot serve`, every message stored in SQLite on disk."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from bench.data import Examples, write_ours
from bench.process import WORK, Server, Took, disk_mb, free_port, install, run
from bot.settings import ROOT

LIMITS = ("MESSAGES_PER_MINUTE", "ADDRESS_MESSAGES_PER_MINUTE", "VISITORS_PER_HOUR")
"""Switched off: all visitors of a benchmark come from one address."""


def prepare(name: str, chosen: Examples | None) -> None:
    """Make the project that is trained: on the chosen examples, or on all of them."""
    write_ours(WORK / name, chosen)


def train(name: str) -> Took:
    """Train; returns what it took."""
    command = [sys.executable, "-m", "rasa", "train", "--fixed-model-name", name, "--out", "models"]
    return run(f"{name}: training", command, WORK / name, _environment(), WORK / f"{name}-train.log")


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
    environment = {**_environment(), "VAR_DIR": str(folder), **dict.fromkeys(LIMITS, "0")}
    return Server(f"{name}-server", command, "/ready", port, ROOT, environment)


def environment_mb() -> float:
    """Return what the default environment, without what only development needs, takes on disk."""
    folder = WORK / "environment"
    install(folder, ROOT / "requirements.lock")
    return disk_mb(folder)


def _environment() -> dict[str, str]:
    named = {
        "HOST",
        "PORT",
        "VAR_DIR",
        "CLINIC_DIR",
        "MODELS_DIR",
        "DATABASE_URL",
        "REDIS_URL",
        "PUBLIC_URL",
        "SMTP_URL",
        "LOG_LEVEL",
    }
    kept = {name: value for name, value in os.environ.items() if name not in named}
    return {**kept, "RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
