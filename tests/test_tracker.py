"""A tracker that is copied is in the state that replaying its events leads to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionReverted,
    ActiveLoop,
    BotUttered,
    Event,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot.rasa_runtime.tracker import Tracker
from bot.settings import ROOT

QUESTION = UserUttered("When do you open?", {"name": "ask_hours", "confidence": 0.9})
TURN = [ActionExecuted("action_listen"), QUESTION, SlotSet("offer", "site"), ActionExecuted("action_answer"), BotUttered("At 8.")]
BEGIN: list[Event] = [ActionExecuted("action_session_start"), SessionStarted()]
FORM: list[Event] = [ActionExecuted("callback_form"), ActiveLoop("callback_form"), SlotSet("requested_slot", "callback_name")]

TALKS = {
    "a turn": [*BEGIN, *TURN],
    "two sessions": [*BEGIN, *TURN, *BEGIN, *TURN, ActionExecuted("action_listen")],
    "a restart": [*BEGIN, *TURN, Restarted(), *TURN],
    "an open form": [*BEGIN, *TURN, *FORM, *TURN, ActionExecuted("callback_form")],
    "an action taken back": [*BEGIN, *TURN, ActionReverted()],
    "nothing yet": [],
}


@pytest.fixture(scope="module")
def domain() -> Domain:
    return Domain.load(str(ROOT / "domain.yml"))


def both(domain: Domain, events: Sequence[Event]) -> tuple[Tracker, DialogueStateTracker]:
    return (
        Tracker.from_events("v_1", events, domain.slots),
        DialogueStateTracker.from_events("v_1", events, domain.slots),
    )


def state(tracker: DialogueStateTracker, domain: Domain) -> dict[str, Any]:
    kept = tracker.current_state()
    return {**kept, "events": list(tracker.events), "loop": tracker.active_loop, "past": tracker.past_states(domain)}


@pytest.mark.parametrize("events", TALKS.values(), ids=TALKS.keys())
def test_a_copy_is_in_the_state_that_replaying_leads_to(domain: Domain, events: list[Event]) -> None:
    quick, plain = both(domain, events)
    assert state(quick.copy(), domain) == state(plain.copy(), domain)


@pytest.mark.parametrize("events", TALKS.values(), ids=TALKS.keys())
def test_the_events_that_count_are_the_same(domain: Domain, events: list[Event]) -> None:
    quick, plain = both(domain, events)
    assert quick.applied_events() == plain.applied_events()


def test_what_happens_to_a_copy_leaves_the_first_one_alone(domain: Domain) -> None:
    tracker, _ = both(domain, TALKS["an open form"])
    before = state(tracker, domain)
    tracker.copy().update_with_events([SlotSet("offer", "callback"), ActiveLoop(None), *TURN], domain)
    assert state(tracker, domain) == before
