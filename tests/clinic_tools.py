"""What tests of the clinic's content share: a copy of the sample clinic to spoil, and a clock."""

from __future__ import annotations

import shutil
from datetime import datetime, timezone
from pathlib import Path

CLINIC = Path(__file__).resolve().parent.parent / "clinic"

MONDAY = datetime(2026, 11, 23, 17, 0, tzinfo=timezone.utc)
"""Monday of Thanksgiving week, 10:00 in Denver."""


class Clock:
    """A clock that stands until it is set."""

    def __init__(self, now: datetime = MONDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def copy_clinic(folder: Path) -> Path:
    """Copy the sample clinic into a folder; a red-flag list is made up where the sample has none."""
    target = folder / "clinic"
    target.mkdir()
    for name in ("clinic.yml", "answers.yml"):
        shutil.copy(CLINIC / name, target / name)
    (target / "safety.yml").write_text(SAFETY, encoding="utf-8")
    return target


def change(file: Path, old: str, new: str) -> int:
    """Change one place of a file; returns the line it stands on."""
    text = file.read_text(encoding="utf-8")
    assert text.count(old) >= 1, f"{old!r} is not in {file.name}"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


SAFETY = """\
version: "test"
texts:
  emergency: >-
    This could be an emergency. Call {emergency.number} now, or ask someone near you to call. {handoff.line}
  crisis: Please call or text {crisis.line} now. {handoff.line}
  poison: If not, call {poison.line} now. {handoff.line}
  urgent: Call {clinic.phone}. If we are closed, call {urgent.line}. {handoff.line}
  staff: You can also call {clinic.phone}, {clinic.hours}. {handoff.line}
rules: []
"""
