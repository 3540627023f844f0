"""The shared world of the tests: a clinic, a database of one's own, the trained model, the front desk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ["RASA_TELEMETRY_ENABLED"] = "false"
os.environ["SQLALCHEMY_SILENCE_UBER_WARNING"] = "1"

import pytest

from bot.settings import ROOT, Settings


@pytest.fixture(autouse=True, scope="session")
def lists_read_once() -> Iterator[None]:
    """Compile each red-flag list once a run: it takes a second, and most tests want the same one."""
    from bot.safety import SafetyList

    real = SafetyList.load
    kept: dict[tuple[str, int], SafetyList] = {}

    def load(path: Path) -> SafetyList:
        key = (str(path), path.stat().st_mtime_ns if path.exists() else 0)
        if key not in kept:
            kept[key] = real(path)
        return kept[key]

    SafetyList.load = staticmethod(load)  # type: ignore[method-assign,assignment]
    yield
    SafetyList.load = real  # type: ignore[method-assign]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        clinic_dir=ROOT / "clinic",
        var_dir=tmp_path,
        models_dir=ROOT / "models",
        database_url=f"sqlite:///{tmp_path}/frontdesk.db",
        secret_keys=("a secret of the tests",),
    )


@pytest.fixture
def parts(settings: Settings) -> Iterator[Any]:
    from bot.parts import build

    built = build(settings)
    yield built
    built.store.close()


@pytest.fixture(scope="session")
def model() -> Path:
    """The model for the files as they are; training it takes a few minutes the first time."""
    from bot.training import ensure_model

    return ensure_model(ROOT / "models", print)


@pytest.fixture(scope="session")
def processor_cache() -> dict[str, Any]:
    return {}


@pytest.fixture
def frontdesk(parts: Any, model: Path, processor_cache: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The front desk with the trained model, which is loaded once for all tests."""
    from bot.rasa_runtime import dialogue
    from bot.server import build_frontdesk

    real = dialogue.load_processor

    def load_once(path: Path, trackers: Any) -> Any:
        if "processor" not in processor_cache:
            processor_cache["processor"] = real(path, trackers)
        processor = processor_cache["processor"]
        processor.tracker_store = trackers
        trackers.domain = processor.domain
        return processor

    monkeypatch.setattr(dialogue, "load_processor", load_once)
    generous = replace(parts, settings=replace(parts.settings, messages_per_minute=10_000, rasa_timeout_seconds=60.0))
    return build_frontdesk(generous, model)
