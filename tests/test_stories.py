"""The dialogues as Rasa walks them: intents and order of actions.

`tests/conversations` is what `rasa test core` reads. It runs no actions, so where an action itself names what follows (what a "yes" leads
to, the form's question after an interruption) the dialogue is walked here, through the door, and the kept tracker is read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from bot.settings import ROOT
from bot.tables import tracker_snapshot
from tests.visitor import Visitor

CONVERSATIONS = ROOT / "tests" / "conversations"


def read(folder: str, key: str) -> list[dict[str, Any]]:
    files = sorted((ROOT / folder).glob("*.yml"))
    return [block for path in files for block in yaml.safe_load(path.read_text(encoding="utf-8")).get(key) or ()]


@lru_cache(maxsize=1)
def stories() -> list[dict[str, Any]]:
    return read("tests/conversations", "stories")


def rasa_test(model: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "rasa",
        "test",
        "core",
        "--model",
        str(model),
        "--stories",
        str(CONVERSATIONS),
        "--out",
        str(out),
    ]
    return subprocess.run([*command, "--no-plot", *more], cwd=ROOT, capture_output=True, text=True, check=False)


# -- the files -----------------------------------------------------------------------------------------------------------


def test_every_file_is_one_that_rasa_takes_for_a_test() -> None:
    assert {path.name for path in CONVERSATIONS.iterdir() if not path.name.startswith(("test_", "."))} == set()
    assert len({story["story"] for story in stories()}) == len(stories())


def test_every_rule_beside_the_topics_is_walked_by_a_conversation() -> None:
    walked = {step["intent"] for story in stories() for step in story["steps"] if "intent" in step}
    ruled = {step["intent"] for rule in read("data/rules", "rules") for step in rule["steps"] if "intent" in step}
    assert {intent for intent in ruled if not intent.startswith("ask_")} - walked == set()


# -- Rasa's own test -----------------------------------------------------------------------------------------------------


@pytest.mark.model
def test_conversations_follow_rules_and_stories(model: Path, tmp_path: Path) -> None:
    done = rasa_test(model, tmp_path, "--fail-on-prediction-errors")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.model
def test_conversations_are_understood_word_by_word(model: Path, tmp_path: Path) -> None:
    done = rasa_test(model, tmp_path, "--e2e")
    assert done.returncode == 0, done.stderr[-4000:]
    failed = tmp_path / "failed_test_stories.yml"
    assert "stories:" not in failed.read_text(encoding="utf-8"), failed.read_text(encoding="utf-8")


# -- walked with the actions ---------------------------------------------------------------------------------------------


def executed(parts: Any, visitor: str) -> list[str]:
    """The actions that the visitor's last message made Rasa run, as the kept tracker has them."""
    with parts.store.reading() as connection:
        kept = connection.execute(sa.select(tracker_snapshot.c.events).where(tracker_snapshot.c.sender_id == visitor)).scalar()
    events = json.loads(kept or "[]")
    last = max((at for at, event in enumerate(events) if event["event"] == "user"), default=0)
    passing = ("action_listen", "action_extract_slots", "action_session_start")
    return [event["name"] for event in events[last:] if event["event"] == "action" and event["name"] not in passing]


def active_form(parts: Any, visitor: str) -> str | None:
    with parts.store.reading() as connection:
        kept = connection.execute(sa.select(tracker_snapshot.c.events).where(tracker_snapshot.c.sender_id == visitor)).scalar()
    loops = [event["name"] for event in json.loads(kept or "[]") if event["event"] == "active_loop"]
    return loops[-1] if loops else None


Walk = list[tuple[str, list[str]]]

START: Walk = [("call me on 303 555 0128 after 5pm", ["callback_form"])]

WALKS: dict[str, Walk] = {
    "yes to an offered call-back": [
        ("my back has been hurting for a week", ["action_hand_off"]),
        ("yes", ["action_take_up_offer", "callback_form"]),
    ],
    "a person is asked for, and the call-back taken": [
        ("i want to talk to a person", ["action_hand_off"]),
        ("yes please", ["action_take_up_offer", "callback_form"]),
        ("this is Sam", ["callback_form"]),
    ],
    "a call is asked for": [
        ("can someone call me?", ["action_hand_off", "callback_form"]),
        ("Sam", ["callback_form"]),
    ],
    "no to an offered call-back": [
        ("my back has been hurting for a week", ["action_hand_off"]),
        ("no thanks", ["action_decline_offer"]),
    ],
    "yes out of the blue": [("yes", ["action_take_up_offer"])],
    "no out of the blue": [("no", ["action_decline_offer"])],
    "two questions in one message": [("how much is a visit? and where can i park?", ["action_answer"])],
    "follow-ups": [
        ("how long does it take?", ["action_answer"]),
        ("and how much is that?", ["action_answer"]),
        ("and for a 14-year-old?", ["action_answer"]),
    ],
    "form interrupted by a question": [
        *START,
        ("how much is a visit?", ["callback_form"]),
        ("Jo Park", ["callback_form"]),
        ("303 555 0187", ["callback_form"]),
        ("what are your opening hours?", ["callback_form"]),
        ("tomorrow after 5 pm", ["callback_form"]),
        ("yes", ["callback_form", "action_request_callback"]),
    ],
    "form refused": [*START, ("never mind", ["callback_form", "action_request_callback"])],
    "form interrupted by a symptom and resumed": [
        *START,
        ("my hip has been aching for a month", ["action_hand_off", "callback_form"]),
        ("Jo Park", ["callback_form"]),
    ],
    "form interrupted by a condition and resumed": [
        *START,
        ("i'm on warfarin, can i have it?", ["action_hand_off", "callback_form"]),
        ("Jo Park", ["callback_form"]),
    ],
}


@pytest.mark.model
@pytest.mark.parametrize("name", sorted(WALKS))
async def test_dialogue_runs_its_actions_in_order(name: str, frontdesk: Any, parts: Any) -> None:
    visitor = Visitor(frontdesk, parts)
    for text, expected in WALKS[name]:
        await visitor.says(text)
        assert executed(parts, visitor.id) == expected, text


@pytest.mark.model
async def test_form_is_over_after_an_emergency_was_typed_into_it(frontdesk: Any, parts: Any) -> None:
    visitor = Visitor(frontdesk, parts)
    await visitor.says("call me on 303 555 0128 after 5pm")
    assert active_form(parts, visitor.id) == "callback_form"
    assert "911" in await visitor.hears("it hurts when i breathe in since my session")
    assert active_form(parts, visitor.id) is None
    assert visitor.handoff is not None
    parts.desk.close(visitor.handoff.id, "Ann", "called the visitor")
    await visitor.says("what does it cost?")
    assert executed(parts, visitor.id) == ["action_answer"]


@pytest.mark.model
async def test_form_is_over_after_it_was_completed(frontdesk: Any, parts: Any) -> None:
    visitor = Visitor(frontdesk, parts)
    for text in ("call me on 303 555 0128 after 5pm", "Jo Park", "303 555 0187", "tomorrow after 5 pm", "yes"):
        await visitor.says(text)
    assert active_form(parts, visitor.id) is None
    handoff = visitor.handoff
    assert handoff is not None and handoff.callback is not None
    assert (handoff.callback.name, handoff.callback.phone) == ("Jo Park", "+13035550187")
