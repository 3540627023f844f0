"""The call-back form: name, phone, best time, consent; it can be refused, corrected, and interrupted by a question.

What was told before it asks is not asked again (actions/details.py reads it). A report is never read here: the form lets go of it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, FormValidationAction, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.types import DomainDict

from actions.answers import answer, offer_closest, site_chosen
from actions.details import LONGEST_TIME, name_in, name_told, phone_in, time_in, told_in, without_phone
from actions.handoff import hand_off, keep
from actions.turn import Turn, parts, say
from bot.answers import TOPICS
from bot.desk import Callback
from bot.errors import FrontDeskError

Slots = dict[str, Any]

DETAILS = ("callback_name", "callback_phone", "callback_time", "callback_consent")

SURE = 0.5
"""Confidence from which words shaped as a question count as one of their own."""

CERTAIN = 0.9
"""The same for words that have no such shape: a name is always some topic to a classifier that knows only topics."""

ASIDES = frozenset({*TOPICS, "bot_challenge", "other_health", "out_of_scope"})
"""What is answered in the middle of the form."""

PLEASANT = frozenset({"greet", "thank", "goodbye", "affirm", "deny", "feedback"})
"""Intents that are no answer to what is asked for by name."""

QUESTION = re.compile(
    r"\?|^\W*(?:and |but |wait |ok |so |actually |also )*"
    r"(?:how|what|when|where|which|who|why|do|does|is|are|can|could|should|will|would|how much|tell me)\b",
    re.IGNORECASE,
)
REFUSAL = re.compile(
    r"^\W*(?:(?:no|oh|ok(?:ay)?|well|actually|sorry|please|hmm)\W+)*"
    r"(?:no(?:pe)?|nah|never ?mind(?: (?:it|that|then))?|nvm|forget (?:it|that|about it)|cancel(?: (?:it|that|this))?|stop(?: (?:it|this))?"
    r"|skip it|leave it|quit|exit|bye|goodbye|not (?:now|interested)|no (?:need|calls?|call-?backs?)|i(?:'ve| have)? changed my mind"
    r"|do(?:n'?t| not)(?: (?:bother|call(?: me)?|ring(?: me)?|phone(?: me)?))?"
    r"|i (?:really )?do(?:n'?t| not) want (?:a|any|to|this|it|you|anyone)\b.*|(?:i(?:'d| would)? )?(?:rather|prefer) not\b.*|no (?:phone|number)\b.*"
    r"|i do(?:n'?t| not) have a (?:phone|number)\b.*|(?:i(?:'m| am) )?not (?:giving|telling|sharing)\b.*)"
    r"(?:\W+(?:no|thanks?(?: you)?|please|sorry|then|for now|i(?:'m| am) (?:good|fine|ok(?:ay)?)|it'?s (?:ok(?:ay)?|fine)))*\W*$",
    re.IGNORECASE,
)
YES = re.compile(r"^\W*(?:y|yes|yeah|yep|yup|ok|okay|sure|of course|please|go ahead|fine)\b", re.IGNORECASE)
WILLING = re.compile(r"\b(?:no (?:problem|worries|objections?)|not a problem|why not|do(?:n'?t| not) mind)\b", re.IGNORECASE)
NEGATED = re.compile(r"\b(?:no|not|never|do(?:n'?t| not)|can(?:'t|not)|won't|only|instead|unless|maybe|perhaps)\b", re.IGNORECASE)
PUZZLED = re.compile(r"^\W*(?:what|who|why|how|where|which|huh|eh|pardon|sorry|say again)\W*$", re.IGNORECASE)
BY_PHONE = re.compile(r"\b(?:call|calls|called|ring|phone|reach|contact)\b", re.IGNORECASE)
CHANGE = re.compile(r"\b(?:chang\w*|correct\w*|wrong|different|another|mistyped|typo|update|edit|fix)\b", re.IGNORECASE)
CHANGED = {
    "callback_phone": re.compile(r"\b(?:number|phone|mobile|cell|digits?)\b", re.IGNORECASE),
    "callback_name": re.compile(r"\b(?:name|surname)\b", re.IGNORECASE),
    "callback_time": re.compile(r"\b(?:time|day|hour)\b", re.IGNORECASE),
}


class ValidateCallbackForm(FormValidationAction):
    """Checks what is typed into the form."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "validate_callback_form"

    async def get_extraction_events(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> list[dict[str, Any]]:
        """Take what is known when the form opens; once it asks, each step reads its own answer."""
        if tracker.get_slot("requested_slot"):
            return []
        turn = Turn.of(tracker)
        told = {**await _known(turn), **told_in(turn.text, _country())}
        return [SlotSet(slot, value) for slot, value in told.items() if tracker.get_slot(slot) is None]

    async def validate_callback_name(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """Take a name, with a number if it comes in one breath."""
        if not _asked(tracker, "callback_name"):
            return {"callback_name": value}
        number = phone_in(str(value), _country())
        text, again = without_phone(str(value), _country()), _said_again(tracker)
        name = name_in(text, again=again)
        if not (name and (number or again or name_told(text))):
            # What may be a name is one unless the classifier is all but certain: "Dr Lee" stands in wishes for a person too.
            aside = await _aside(dispatcher, tracker, "callback_name", CERTAIN if name else SURE)
            if aside is not None:
                return aside
        return {"callback_name": name, **({"callback_phone": number} if number else {})}

    async def validate_callback_phone(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """Take a phone number that can be called, in international form."""
        number = phone_in(str(value), _country())
        if number or not _asked(tracker, "callback_phone"):
            return {"callback_phone": number or value}
        aside = _corrected(str(value), "callback_phone") or await _aside(dispatcher, tracker, "callback_phone")
        if aside is not None:
            return aside
        if any(char.isdigit() for char in str(value)):
            _say_callback(dispatcher, "bad phone")
        return {"callback_phone": None}

    async def validate_callback_time(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """Take a best time in the visitor's words; a corrected detail is taken too."""
        if not _asked(tracker, "callback_time"):
            return {"callback_time": value}
        corrected = _corrected(str(value), "callback_time")
        if corrected is not None:
            return corrected
        text = str(value).strip()
        if not (time_in(text) and (BY_PHONE.search(text) or not QUESTION.search(text))):
            aside = await _aside(dispatcher, tracker, "callback_time")
            if aside is not None:
                return aside
        return {"callback_time": None if "?" in text and not time_in(text) else text[:LONGEST_TIME] or None}

    async def validate_callback_consent(
        self, value: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict
    ) -> Slots:
        """Take a yes or a no; without a plain yes nobody calls."""
        text = str(value)
        corrected = _corrected(text, "callback_consent")
        if corrected is not None:
            return corrected
        said = _consent(Turn.of(tracker), text)
        if said is not None:
            return {"callback_consent": said}
        aside = await _aside(dispatcher, tracker, "callback_consent")
        if aside is not None:
            return aside
        when = None if QUESTION.search(text) else time_in(text)
        return {"callback_consent": None, **({"callback_time": text[:LONGEST_TIME]} if when else {})}


def _asked(tracker: Tracker, slot: str) -> bool:
    """Say whether the form asks for this; what was told before it opened is not looked at twice."""
    return bool(tracker.get_slot("requested_slot") == slot)


def _country() -> str:
    return parts().answers.clinic().country


async def _known(turn: Turn) -> Slots:
    """Return the name of a wish that staff have already: who corrects the number afterwards is not asked for it again."""
    wish = await _kept_wish(turn)
    return {"callback_name": wish.name} if wish and wish.name else {}


async def _kept_wish(turn: Turn) -> Callback | None:
    try:
        handoff = (await parts().store.run(parts().desk.standing, turn.sender)).handoff
    except FrontDeskError:
        return None
    return handoff.callback if handoff else None


def _said_again(tracker: Tracker) -> bool:
    """Say whether the visitor answers the same as before: who insists on "Can" is called so."""
    said = [" ".join(str(event.get("text")).lower().split()) for event in tracker.events if event.get("event") == "user"]
    return len(said) > 1 and said[-1] == said[-2]


def _corrected(text: str, slot: str) -> Slots | None:
    """Take a detail of an earlier step that is corrected in a later one; it is asked for anew where only the wish is said."""
    number, rest = phone_in(text, _country()), without_phone(text, _country())
    if number:
        return {slot: time_in(rest) if slot == "callback_time" else None, "callback_phone": number}
    if not CHANGE.search(text):
        return None
    for other, named in CHANGED.items():
        if other != slot and named.search(text):
            return {slot: None, other: name_told(text) if other == "callback_name" else None}
    return None


def _consent(turn: Turn, text: str) -> bool | None:
    """Return what was said to "may we call you?", None where it was neither a plain yes nor a no."""
    text = WILLING.sub("sure", _plain(text))
    if REFUSAL.match(text) or (turn.intent == "deny" and turn.confidence >= SURE):
        return False
    said = YES.match(text) or (turn.intent == "affirm" and turn.confidence >= SURE)
    return True if said and not NEGATED.search(text) and "?" not in text else None


def _plain(text: str) -> str:
    return text.replace("\u2019", "'")


async def _aside(dispatcher: CollectingDispatcher, tracker: Tracker, slot: str, sure: float = SURE) -> Slots | None:
    """Deal with words that are no answer to the form's question; None where they may be one."""
    turn = Turn.of(tracker)
    meant = turn.intent if turn.confidence >= sure else ""
    if _refused(turn, meant, slot):
        # Without consent nobody calls; the form ends here.
        return {slot: None, "callback_consent": False, "requested_slot": None}
    if meant == "talk_to_human":
        return await _person_wanted(dispatcher, turn, slot)
    if site_chosen(turn) or _asks(turn, sure):
        return {slot: None, **{event["name"]: event["value"] for event in answer(dispatcher, turn)}}
    if turn.intent == "nlu_fallback" and QUESTION.search(turn.text) and len(turn.text.split()) > 2:
        offer_closest(dispatcher, turn)
        return {slot: None}
    return {slot: None} if PUZZLED.match(turn.text) or _pleasant(turn, meant, slot) else None


def _refused(turn: Turn, meant: str, slot: str) -> bool:
    denied = meant == "deny" and slot in ("callback_name", "callback_phone")
    return bool(REFUSAL.match(_plain(turn.text))) or (denied and not QUESTION.search(turn.text))


async def _person_wanted(dispatcher: CollectingDispatcher, turn: Turn, slot: str) -> Slots:
    """Hand off to who would rather talk here, and end the form; a wish to be called is what the form is for."""
    if BY_PHONE.search(turn.text):
        return {slot: None}
    await hand_off(dispatcher, replace(turn, in_form=False), "asked")
    return {slot: None, "callback_consent": None, "requested_slot": None}


def _asks(turn: Turn, sure: float) -> bool:
    """Say whether a question of its own was typed, or a button of an earlier answer was tapped."""
    if turn.topic not in ASIDES:
        return False
    if turn.confidence >= 1.0:
        return True
    if QUESTION.search(turn.text):
        return turn.confidence >= sure
    return turn.topic in TOPICS and turn.confidence >= CERTAIN and not time_in(turn.text)


def _pleasant(turn: Turn, meant: str, slot: str) -> bool:
    """Say whether a kind word was typed and nothing else; "morning" is a time too, and so is "any is fine"."""
    if slot in ("callback_time", "callback_consent") and time_in(turn.text):
        return False
    if slot == "callback_time" and (meant == "deny" or len(turn.text.split()) > 2):
        return False
    return meant in PLEASANT


def _say_callback(dispatcher: CollectingDispatcher, text: str) -> None:
    say(dispatcher, parts().answers.find("callback", text).text, topic="talk_to_human", route="staff")


class ActionRequestCallback(Action):
    """Hands the completed form to staff."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_request_callback"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> list[dict[str, Any]]:
        """Keep the wish with the visitor's handoff, then say so; of a refusal nothing is kept."""
        turn = Turn.of(tracker)
        answers = parts().answers
        empty = [SlotSet(name, None) for name in (*DETAILS, "offer")]
        consent = tracker.get_slot("callback_consent")
        if consent is None:  # the form ended without it: a person was asked for instead, and that was answered
            return [*empty, SlotSet("offer", "callback")]
        if not consent:
            # "Nobody will call you" is said only where it is so: an earlier wish stays with staff.
            text = answers.find("deny_nothing").text if await _kept_wish(turn) else answers.fixed("callback_refused")
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
