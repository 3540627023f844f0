"""The call-back form: name, phone, best time, consent; it can be refused, corrected, and interrupted by a question."""

from __future__ import annotations

import re
from typing import Any

import phonenumbers
from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.answers import answer
from actions.handoff import keep
from actions.turn import Turn, parts, say
from bot.answers import TOPICS
from bot.errors import FrontDeskError

Slots = dict[str, Any]

SURE = 0.5
"""Confidence from which words typed into the form count as a question of their own."""

LONGEST_NAME = 60
QUESTION = re.compile(
    r"\?|^\W*(?:and |but |wait |ok |so |actually |also )*"
    r"(?:how|what|when|where|which|who|why|do|does|is|are|can|could|should|will|would|how much|tell me)\b",
    re.IGNORECASE,
)
REFUSALS = re.compile(
    r"^\W*(no|nope|nah|no thanks?( you)?|never ?mind|forget it|cancel|stop|leave it|don'?t bother|not now)\W*$", re.IGNORECASE
)
CORRECTION = re.compile(r"\b(?:sorry|no|wait|actually|i meant|correction)\b.*?(\+?[\d(][\d\s().-]{6,}\d)", re.IGNORECASE)


def normal_phone(text: str, country: str) -> str | None:
    """Return the first phone number in a text in international form, or None where there is none that exists."""
    for match in phonenumbers.PhoneNumberMatcher(text, country, leniency=phonenumbers.Leniency.POSSIBLE):
        if phonenumbers.is_possible_number(match.number):
            return str(phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164))
    return None


class ValidateCallbackForm(FormValidationAction):
    """Checks what is typed into the form."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "validate_callback_form"

    def validate_callback_name(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Slots:
        """Take a name, an answer to a question in between, or a refusal."""
        interrupted = _interrupted(dispatcher, tracker, "callback_name")
        if interrupted is not None:
            return interrupted
        name = re.sub(
            r"^\s*(?:(?:hi|hello|ok|sure)\W+)?(?:my name(?:'s| is)|i am|i'm|it'?s|this is|name:?)\s+", "", str(value), flags=re.I
        )
        name = name.strip(" .,!\n")
        found: Slots = {"callback_name": name[:LONGEST_NAME] or None}
        number = normal_phone(str(value), parts().answers.clinic().country)
        if number:  # name and number in one breath
            found["callback_phone"] = number
            found["callback_name"] = re.sub(r"[\d+(][\d\s().+-]{5,}\d", "", name).strip(" ,.;:-") or None
        return found

    def validate_callback_phone(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Slots:
        """Take a phone number that exists, in international form."""
        number = normal_phone(str(value), parts().answers.clinic().country)
        if number:
            return {"callback_phone": number}
        interrupted = _interrupted(dispatcher, tracker, "callback_phone")
        if interrupted is not None:
            return interrupted
        _say_callback(dispatcher, "bad phone")
        return {"callback_phone": None}

    def validate_callback_time(self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Slots:
        """Take a best time in the visitor's words; a corrected phone number is taken too."""
        corrected = _corrected_phone(str(value))
        if corrected:
            return {"callback_phone": corrected, "callback_time": None}
        interrupted = _interrupted(dispatcher, tracker, "callback_time")
        return interrupted if interrupted is not None else {"callback_time": str(value).strip()[:200] or None}

    def validate_callback_consent(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """Take a yes or a no; without a yes nobody calls."""
        corrected = _corrected_phone(str(value))
        if corrected:
            return {"callback_phone": corrected, "callback_consent": None}
        intent = Turn.of(tracker).intent
        if REFUSALS.match(str(value)) or intent == "deny":
            return {"callback_consent": False}
        if intent == "affirm" or re.match(r"^\W*(y|yes|yeah|yep|ok|okay|sure|of course|please)\b", str(value), re.I):
            return {"callback_consent": True}
        interrupted = _interrupted(dispatcher, tracker, "callback_consent")
        return interrupted if interrupted is not None else {"callback_consent": None}


def _corrected_phone(text: str) -> str | None:
    found = CORRECTION.search(text)
    return normal_phone(found.group(1), parts().answers.clinic().country) if found else None


def _interrupted(dispatcher: CollectingDispatcher, tracker: Tracker, slot: str) -> Slots | None:
    """Answer a question typed into the form, or end the form where it is refused; None where neither is the case."""
    turn = Turn.of(tracker)
    if REFUSALS.match(turn.text):
        # The form ends: every step counts as answered, and without consent nobody calls.
        return {name: tracker.get_slot(name) or "-" for name in ("callback_name", "callback_phone", "callback_time")} | {
            "callback_consent": False
        }
    # Shaped as a question, too: a name or "after five" is always some topic to a classifier that knows only topics.
    if turn.topic in TOPICS and turn.confidence >= SURE and QUESTION.search(turn.text):
        answer(dispatcher, turn)
        return {slot: None}
    return None


def _say_callback(dispatcher: CollectingDispatcher, text: str) -> None:
    say(dispatcher, parts().answers.find("callback", text).text, topic="talk_to_human", route="staff")


class ActionRequestCallback(Action):
    """Hands the completed form to staff."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_request_callback"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """Keep the wish with the visitor's handoff, then say so; a refusal is kept by nobody."""
        turn = Turn.of(tracker)
        answers = parts().answers
        empty = [SlotSet(name, None) for name in ("callback_name", "callback_phone", "callback_time", "callback_consent", "offer")]
        if not tracker.get_slot("callback_consent"):
            text = answers.fixed("callback_refused")
            say(dispatcher, text, topic="talk_to_human", route="answer")
            return empty
        wish = {
            "name": tracker.get_slot("callback_name"),
            "phone": tracker.get_slot("callback_phone"),
            "best_time": tracker.get_slot("callback_time"),
            "consent": True,
        }
        try:
            handoff = await parts().store.run(_keep_wish, turn, wish)
            text = answers.fixed("callback_kept", answers.handoff_line("told" if handoff.told else "kept"))
        except FrontDeskError:
            text = answers.fixed("unavailable", answers.handoff_line("lost"))
        say(dispatcher, text, topic="talk_to_human", route="staff", handed_off=True)
        return empty


def _keep_wish(turn: Turn, wish: dict[str, Any]) -> Any:
    handoff = keep(turn, "callback", "routine", "")
    return parts().desk.attach_callback(handoff.id, wish)
