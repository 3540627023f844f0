"""What must fit together across files: pipeline, domain, examples, rules, answers, actions."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from rasa_sdk import Action

import actions
from actions.answers import DECLINED, PLEASANTRIES, intent_of
from actions.handoff import REASONS
from actions.turn import REPORTS
from bot import nlg
from bot.content import TARGETS, TOPICS, WORDINGS, read_yaml
from bot.safety_rules import TEXTS
from bot.settings import ROOT

ANSWERED_BY_WORDING = frozenset({"greet", "goodbye", "thank", "feedback", "bot_challenge", "other_health", "out_of_scope"})
"""Intents that `action_answer` answers with a wording of the same name."""


_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read(path: str | Path) -> Any:
    return yaml.load((ROOT / path).read_text(encoding="utf-8"), Loader=_Loader)


@lru_cache(maxsize=1)
def answers() -> dict[str, Any]:
    return read_yaml(ROOT / "clinic" / "answers.yml")[0]


@lru_cache(maxsize=1)
def domain() -> dict[str, Any]:
    return dict(read("domain.yml"))


@lru_cache(maxsize=8)
def data(folder: str, key: str) -> list[tuple[Path, dict[str, Any]]]:
    """Every block under `key` in the YAML files below a folder of data/, with its file."""
    files = sorted((ROOT / "data" / folder).rglob("*.yml"))
    return [(path, block) for path in files for block in read(path).get(key) or ()]


@lru_cache(maxsize=1)
def examples() -> dict[str, list[tuple[str, str]]]:
    """The examples of each intent, with the file each stands in."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path, block in data("nlu", "nlu"):
        lines = [line.strip()[1:].strip() for line in str(block.get("examples", "")).splitlines() if line.strip().startswith("-")]
        found[str(block["intent"])] += [(line, str(path.relative_to(ROOT))) for line in lines]
    return dict(found)


@lru_cache(maxsize=1)
def steps() -> list[tuple[str, list[dict[str, Any]]]]:
    """Every rule and story: its name and its steps."""
    rules = [(block["rule"], block["steps"]) for _, block in data("rules", "rules")]
    return rules + [(block["story"], block["steps"]) for _, block in data("stories", "stories")]


def answered(intent: str) -> list[str]:
    """The actions that rules let follow an intent directly."""
    found = []
    for _, block in data("rules", "rules"):
        told = block["steps"]
        found += [
            after["action"]
            for step, after in zip(told, told[1:], strict=False)
            if step.get("intent") == intent and "action" in after
        ]
    return found


TOPIC_INTENTS = sorted(name for name in domain()["intents"] if name.startswith("ask_"))


# -- dotted paths ------------------------------------------------------------------------------------------------------


def dotted() -> Iterator[tuple[str, str]]:
    config = read("config.yml")
    for part in ("pipeline", "policies"):
        yield from (("config.yml", one["name"]) for one in config[part])
    endpoints = read("endpoints.yml")
    yield from (("endpoints.yml", one["type"]) for one in endpoints.values() if "type" in one)
    yield from (("credentials.yml", name) for name in read("credentials.yml") or {})


@pytest.mark.parametrize(("file", "path"), [(file, path) for file, path in dotted() if "." in path])
def test_dotted_path_imports(file: str, path: str) -> None:
    module, _, name = path.rpartition(".")
    assert inspect.isclass(getattr(importlib.import_module(module), name)), f"{file}: {path}"


def test_every_part_of_the_pipeline_is_ours_or_rasas() -> None:
    from rasa.engine.recipes.default_recipe import DefaultV1Recipe

    for name in (one["name"] for part in ("pipeline", "policies") for one in read("config.yml")[part] if "." in one["name"]):
        module, _, attribute = name.rpartition(".")
        registered = {part.clazz for part in DefaultV1Recipe._registered_components.values()}
        assert getattr(importlib.import_module(module), attribute) in registered, f"{name} is not registered with the recipe"


def test_the_red_flag_screen_speaks_after_everything_that_is_learned() -> None:
    names = [one["name"].rpartition(".")[2] for one in read("config.yml")["pipeline"]]
    assert (
        names.index("SentenceEncoder")
        < names.index("IntentClassifier")
        < names.index("SymptomDetector")
        < names.index("RedFlagScreen")
    )
    assert names[-1] == "NotSure"


# -- topics ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("intent", TOPIC_INTENTS)
def test_topic_has_examples_a_rule_and_an_answer(intent: str) -> None:
    assert len(examples().get(intent, ())) >= 50, "write examples in data/nlu/topics"
    assert answered(intent) == ["action_answer"], "write one rule in data/rules/topics.yml"
    assert answers()["topics"][intent[4:]]["text"], "write an answer in clinic/answers.yml"


def test_topics_are_the_same_everywhere() -> None:
    slugs = {name[4:] for name in TOPIC_INTENTS}
    assert slugs == set(TOPICS)
    assert slugs == set(answers()["topics"])
    assert set(answers()["wordings"]) == set(WORDINGS)


@pytest.mark.parametrize("intent", sorted(domain()["intents"]))
def test_intent_has_examples_and_a_rule(intent: str) -> None:
    assert examples().get(intent), "no examples"
    assert any(step.get("intent") == intent for _, told in steps() for step in told), "no rule"


def test_every_example_and_every_rule_is_of_an_intent_of_the_domain() -> None:
    known = {*domain()["intents"], "nlu_fallback"}
    assert set(examples()) - known == set()
    assert {step["intent"] for _, told in steps() for step in told if "intent" in step} - known == set()


def test_no_example_stands_under_two_intents() -> None:
    owners: dict[str, set[str]] = defaultdict(set)
    for intent, lines in examples().items():
        for line, file in lines:
            # Case and punctuation are folded away; what is only punctuation or emoji stands for itself.
            plain = re.sub(r"[\W_]+", " ", line.lower()).strip() or line
            owners[plain].add(f"{intent} ({file})")
    twice = {line: sorted(found) for line, found in owners.items() if len({one.partition(" ")[0] for one in found}) > 1}
    assert twice == {}


def test_pleasantries_and_what_is_declined_have_a_wording() -> None:
    for intent in ANSWERED_BY_WORDING:
        assert answered(intent) == ["action_answer"]
        assert intent in WORDINGS
    assert (DECLINED | PLEASANTRIES) - set(WORDINGS) == set()


def test_every_button_and_every_offer_leads_to_an_intent() -> None:
    leads = {target for target in TARGETS if intent_of(target)[1:] not in domain()["intents"]}
    entries = [*answers()["topics"].values(), *answers()["wordings"].values()]
    entries += [variant for entry in list(entries) for variant in (entry.get("variants") or {}).values()]
    used = {target for entry in entries for target in (*(entry.get("follow_ups") or {}).values(), entry.get("offer")) if target}
    assert used & leads == set()


# -- actions and forms -------------------------------------------------------------------------------------------------


def custom_actions() -> dict[str, type[Action]]:
    found = [getattr(actions, name) for name in actions.__all__]
    return {one().name(): one for one in found}


def test_actions_of_the_domain_are_the_ones_there_are() -> None:
    assert set(domain()["actions"]) == set(custom_actions())


def test_every_action_class_is_exported() -> None:
    defined = {
        node.name
        for path in (ROOT / "actions").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and {"Action", "FormValidationAction"} & {ast.unparse(base) for base in node.bases}
    }
    assert defined == set(actions.__all__)


def test_every_action_of_a_rule_or_story_exists() -> None:
    known = {*custom_actions(), *domain()["responses"], *domain()["forms"], "action_listen", "action_restart"}
    assert {step["action"] for _, told in steps() for step in told if "action" in step} - known == set()


def test_fallbacks_are_actions_of_the_domain() -> None:
    rules = next(one for one in read("config.yml")["policies"] if one["name"] == "RulePolicy")
    assert rules["core_fallback_action_name"] in domain()["actions"]


@pytest.mark.parametrize("form", sorted(domain()["forms"]))
def test_form_lets_go_of_every_report(form: str) -> None:
    assert (
        set(domain()["forms"][form]["ignored_intents"])
        == REPORTS
        == {name for name in domain()["intents"] if name.startswith("report_")}
    )


@pytest.mark.parametrize("form", sorted(domain()["forms"]))
def test_form_has_a_slot_a_question_and_a_check_for_every_step(form: str) -> None:
    check = custom_actions()[f"validate_{form}"]
    for slot in domain()["forms"][form]["required_slots"]:
        assert {"active_loop": form, "requested_slot": slot} in domain()["slots"][slot]["mappings"][0]["conditions"]
        assert f"utter_ask_{slot}" in domain()["responses"]
        assert hasattr(check, f"validate_{slot}")


def test_slots_that_actions_set_are_slots_of_the_domain() -> None:
    named = set()
    for path in (ROOT / "actions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "SlotSet" and isinstance(node.args[0], ast.Constant):
                named.add(node.args[0].value)
    assert named - {*domain()["slots"], "requested_slot"} == set()


def test_every_report_and_every_wish_for_a_person_has_a_reason() -> None:
    assert set(REASONS) == REPORTS | {"talk_to_human"}
    for intent in REASONS:
        assert "action_hand_off" in {step.get("action") for _, told in steps() if {"intent": intent} in told for step in told}


def test_an_emergency_utters_its_fixed_text_before_any_action_runs() -> None:
    assert answered("report_emergency") == ["utter_emergency"]
    assert nlg.FIXED["utter_emergency"] in TEXTS
    assert "utter_emergency" in domain()["responses"]


# -- Rasa's quirks -----------------------------------------------------------------------------------------------------


def test_no_file_under_data_is_taken_for_something_else() -> None:
    """Rasa takes a file for training data of a kind if the key stands at the start of any line, indented or not."""
    keys = ("nlu:", "rules:", "stories:", "responses:", "intents:")
    for path in sorted((ROOT / "data").rglob("*.yml")):
        found = {key for line in path.read_text(encoding="utf-8").splitlines() for key in keys if line.lstrip().startswith(key)}
        own = path.relative_to(ROOT / "data").parts[0] + ":"
        assert found == {own}, path


def test_no_example_begins_with_a_slash() -> None:
    assert [line for lines in examples().values() for line, _ in lines if line.startswith("/")] == []
