"""Training: the model that belongs to the files as they are now, trained only when they have changed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.errors import ModelError
from bot.settings import ROOT

KEPT = 3
"""Trained models kept beside the newest, to go back to."""

Say = Callable[[str], None]


def _sources() -> Iterator[Path]:
    yield from (ROOT / "config.yml", ROOT / "domain.yml")
    yield from sorted((ROOT / "data").rglob("*.yml"))
    yield from sorted((ROOT / "bot" / "nlu").glob("*.py"))
    yield from (ROOT / "bot" / "nlu" / "minilm" / name for name in ("model.onnx", "tokenizer.json"))


def fingerprint() -> str:
    """Return a short hash of everything that training reads."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def current_model(models_dir: Path) -> Path | None:
    """Return the model trained from the files as they are, or None."""
    archive = models_dir / f"frontdesk-{fingerprint()}.tar.gz"
    return archive if archive.exists() else None


def ensure_model(models_dir: Path, say: Say, force: bool = False) -> Path:
    """Return the model for the files as they are, training it first where needed; raises ModelError where training fails."""
    archive = current_model(models_dir)
    if archive is None or force:
        archive = _train(models_dir, say)
    return archive


def _train(models_dir: Path, say: Say) -> Path:
    name = f"frontdesk-{fingerprint()}"
    say("Training the model (a few minutes the first time; only what changed afterwards)")
    models_dir.mkdir(parents=True, exist_ok=True)
    # In a process of its own: what training needs in memory is given back, and Rasa's own progress is shown as it comes.
    command = [sys.executable, "-m", "rasa", "train", "--out", str(models_dir), "--fixed-model-name", name, "--quiet"]
    environment = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    lines: list[str] = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        for line in process.stdout or ():
            lines.append(line.rstrip())
            if "train component" in line or "Restored component" in line:
                say("  " + line.split(" - ")[-1].strip())
    archive = models_dir / f"{name}.tar.gz"
    if process.returncode != 0 or not archive.exists():
        last = next((line for line in reversed(lines) if line.strip()), "no output")
        raise ModelError(f"training failed: {last}. Run `rasa train` to see all of it.")
    _tidy(models_dir, archive)
    return archive


def _tidy(models_dir: Path, newest: Path) -> None:
    """Delete old models of ours; those trained by hand with `rasa train` are left alone."""
    ours = sorted(models_dir.glob("frontdesk-*.tar.gz"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in [one for one in ours if one != newest][KEPT:]:
        path.unlink(missing_ok=True)
