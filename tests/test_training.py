"""When a model is trained anew."""

from __future__ import annotations

from pathlib import Path

import pytest

import bot.training

READ = (
    "config.yml",
    "domain.yml",
    "data/nlu/faq.yml",
    "bot/nlu/encoder.py",
    "bot/nlu/minilm/model.onnx",
    "bot/nlu/minilm/tokenizer.json",
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in READ:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("before")
    monkeypatch.setattr(bot.training, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", READ)
def test_model_is_of_another_time_once_a_file_that_training_reads_has_changed(root: Path, name: str) -> None:
    models = root / "models"
    models.mkdir()
    archive = models / f"frontdesk-{bot.training.fingerprint()}.tar.gz"
    archive.touch()
    assert bot.training.current_model(models) == archive
    (root / name).write_text("after")
    assert bot.training.current_model(models) is None


def test_file_that_training_does_not_read_leaves_the_model_as_it_is(root: Path) -> None:
    before = bot.training.fingerprint()
    (root / "bot" / "nlu" / "minilm" / "README.md").write_text("about the encoder")
    assert bot.training.fingerprint() == before
