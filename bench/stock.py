"""The stock side: what `rasa init` gives, with our topics in it and nothing else of ours."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.data import Examples, write_nlu
from bench.process import WORK, Server, Took, environment, free_port, install, run
from bot.content import read_yaml
from bot.settings import ROOT

ENVIRONMENT = ROOT / ".venv-stock"
LOCK = ROOT / "bench" / "requirements-stock.lock"
PROJECT = WORK / "stock"
RASA = str(ENVIRONMENT / "bin" / "rasa")

STORIES: Mapping[str, tuple[str, ...]] = {
    "a question": ("greet", "ask_what_is_dry_needling", "thank", "goodbye"),
    "a person, with a call": ("greet", "talk_to_human", "affirm", "inform_callback", "thank"),
    "a person, without a call": ("greet", "talk_to_human", "deny", "goodbye"),
}
"""As many as `rasa init` gives; what must be certain stands in rules, as on our side."""


def prepare(chosen: Examples) -> None:
    """Make the environment and the project: stock configuration, our examples, a fixed response for each intent."""
    install(ENVIRONMENT, LOCK)
    initial = ENVIRONMENT / "lib" / f"python3.{sys.version_info.minor}" / "site-packages" / "rasa" / "cli" / "initial_project"
    shutil.rmtree(PROJECT, ignore_errors=True)
    (PROJECT / "data").mkdir(parents=True)
    for name in ("config.yml", "endpoints.yml", "credentials.yml"):  # in-memory tracker, REST channel
        shutil.copy(initial / name, PROJECT / name)
    write_nlu(PROJECT / "data" / "nlu.yml", chosen)
    _write(PROJECT / "domain.yml", _domain(chosen))
    rules = [_path("rule", f"answer {one}", (one,)) for one in (*chosen, "nlu_fallback")]
    _write(PROJECT / "data" / "rules.yml", {"version": "3.1", "rules": rules})
    stories = [_path("story", name, intents) for name, intents in STORIES.items()]
    _write(PROJECT / "data" / "stories.yml", {"version": "3.1", "stories": stories})


def train() -> Took:
    """Train; returns what it took."""
    command = [RASA, "train", "--fixed-model-name", "stock", "--out", "models"]
    return run("stock: training", command, PROJECT, _variables(), WORK / "stock-train.log")


def server() -> Server:
    """Return Rasa's server: REST channel, in-memory tracker."""
    port = free_port()
    model = str(PROJECT / "models" / "stock.tar.gz")
    command = [RASA, "run", "--enable-api", "-i", "127.0.0.1", "-p", str(port), "--model", model]
    return Server("stock-server", command, "/status", port, PROJECT, _variables())


def _variables() -> dict[str, str]:
    return {**environment({"PYTHONPATH"}), "TF_CPP_MIN_LOG_LEVEL": "2"}


def _domain(chosen: Examples) -> dict[str, Any]:
    topics = read_yaml(ROOT / "clinic" / "answers.yml")[0]["topics"]
    texts = {f"ask_{slug}": str(answer["text"]) for slug, answer in topics.items()}
    responses = {
        f"utter_{one}": [
            {
                "text": texts.get(one, "I have left this for our team; please do not wait for them.")
                .replace("{", "(")
                .replace("}", ")")
            }
        ]
        for one in (*chosen, "nlu_fallback")
    }
    session = {"session_expiration_time": 60, "carry_over_slots_to_new_session": True}
    return {"version": "3.1", "intents": list(chosen), "responses": responses, "session_config": session}


def _path(kind: str, name: str, intents: tuple[str, ...]) -> dict[str, Any]:
    return {kind: name, "steps": [step for one in intents for step in ({"intent": one}, {"action": f"utter_{one}"})]}


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True), "utf-8")
