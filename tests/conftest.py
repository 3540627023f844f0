"""The shared world of the tests: a clinic, a database of one's own, the trained model, the front desk."""

from __future__ import annotations

import os
import pickle
import shutil
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


@pytest.fixture(autouse=True, scope="session")
def contents_read_once() -> Iterator[None]:
    """Parse each content of a clinic's file once a run, whatever its place: hundreds of tests start with the same files."""
    from bot import content

    real = content.read_yaml
    kept: dict[bytes, tuple[bytes, content.Lines]] = {}

    def read(path: Path) -> tuple[dict[str, Any], content.Lines]:
        if not path.is_file():
            return real(path)
        text = path.read_bytes()
        if text not in kept:
            data, lines = real(path)
            kept[text] = pickle.dumps(data), lines
        data_again, lines = kept[text]
        return pickle.loads(data_again), replace(lines, file=content._shown(path))  # noqa: S301

    content.read_yaml = read
    yield
    content.read_yaml = real


@pytest.fixture(scope="session")
def started_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the SQLite file of a clinic that was started once, to copy: a start imports all answers anew into an empty one."""
    from bot.parts import build

    folder = tmp_path_factory.mktemp("started")
    parts = build(_settings(folder))
    parts.store.scrub()
    parts.store.close()
    return folder / "frontdesk.db"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return _settings(tmp_path)


@pytest.fixture
def parts(settings: Settings, started_file: Path) -> Iterator[Any]:
    from bot.parts import build

    shutil.copy(started_file, settings.var_dir)
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


def _settings(folder: Path) -> Settings:
    return Settings(
        clinic_dir=ROOT / "clinic",
        var_dir=folder,
        models_dir=ROOT / "models",
        database_url=f"sqlite:///{folder}/frontdesk.db",
        secret_keys=("a secret of the tests",),
    )
