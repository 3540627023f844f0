"""The clinic's approved answers, and what to say when there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.handoff import OFFER, hand_off
from actions.turn import Turn, parts, say, topic_of
from bot.answers import TOPICS, Answer

Events = list[dict[str, Any]]

SITE = "site"
"""What is open after the assistant has asked which site is meant."""

HELP = re.compile(r"\b(?:help|options|can you|you can|ask you|able to|capable|know about|do for)\b", re.IGNORECASE)

CHOICES = 3
"""Closest topics offered when not sure: more than three are not read."""

DECLINED = frozenset({"out_of_scope", "other_health"})
SURELY = 0.9
"""Confidence from which a whole message is about something else, whatever its parts look like."""

NOTED = re.compile(
    # No two of these may read the same words: a message of many of them would be tried in every combination.
    r"^\W*(?:(?:a+h|oh|lol|haha|hm+|well|that(?:['\u2019]?s| is)|all|is|very|ok|okay|k|kk|alright|right|perfect|great|good|cool|nice|fine"
    r"|lovely|grand|brilliant|awesome|super|excellent|noted|understood|gotcha|got it|i see|makes sense|fair enough|good to know"
    r"|sounds (?:good|great|fair)|thanks|thank you|ta|then|so|much)\b\W*)*$",
    re.IGNORECASE,
)
"""A yes that only says "I have read it", in words or as a thumb: it takes up what was asked, and nothing that was merely mentioned."""

PLEASANTRIES = frozenset({"greet", "goodbye", "thank", "feedback", "affirm_nothing", "deny_nothing", "bot_challenge", "help"})


def find(turn: Turn, topic: str, text: str | None = None) -> Answer:
    """Look an approved answer up."""
    return parts().answers.find(topic, turn.text if text is None else text, site=turn.site, context=turn.about)


def answer(dispatcher: CollectingDispatcher, turn: Turn) -> Events:
    """Say the answer to each topic asked; returns what to remember."""
    turn = site_chosen(turn) or turn
    asked = worth_saying(turn)
    offer, about = "", dict(turn.about)
    for topic in asked:
        # "What can you do?" and "are you a robot?" are one intent: both ask who is there.
        found = find(turn, "help" if topic == "bot_challenge" and HELP.search(turn.text) else topic)
        say_answer(dispatcher, found, topic)
        offer, about = offer or (SITE if found.needs_site else found.offer or ""), {**about, **found.about}
    return [SlotSet("offer", offer), SlotSet("about", about), SlotSet("last_topic", turn.topic), SlotSet("unsure", 0)]


def worth_saying(turn: Turn) -> list[str]:
    """Return each topic once; "I can only help with our clinic" is not said beside an answer about the clinic.

    What is surely about something else has no part about the clinic: "when does the trail open, and is there parking?"
    """
    if turn.topic in DECLINED and turn.confidence >= SURELY:
        return [turn.topic]
    once = list(dict.fromkeys((turn.topic, *turn.topics)))
    return [topic for topic in once if topic != "out_of_scope"] or once


def site_chosen(turn: Turn) -> Turn | None:
    """Return the question asked before, for the site that is named now; None where no site was asked for or none is named."""
    site = parts().answers.site_named(turn.text) if turn.offer == SITE else None
    return replace(turn, intent=f"ask_{turn.last_topic}", topics=(), site=site) if site else None


def say_answer(dispatcher: CollectingDispatcher, found: Answer, topic: str) -> None:
    """Utter an answer with its buttons; where it differs by site, the buttons are the sites."""
    sites = [(one.title, str(one.site)) for one in found.follow_ups if one.site] if found.needs_site else []
    buttons = [(one.title, intent_of(one.topic)) for one in found.follow_ups if not found.needs_site]
    say(
        dispatcher,
        found.text,
        topic="small_talk" if topic in PLEASANTRIES else topic,
        route="decline" if topic in DECLINED else "answer",
        buttons=buttons,
        sites=sites,
        variant=found.variant,
        version=found.version,
    )


def intent_of(target: str) -> str:
    """Return what a button to a topic, to a person or to the call-back sends."""
    if target in TOPICS:
        return f"/ask_{target}"
    return {"callback": "/inform_callback", "talk_to_human": "/talk_to_human", "help": "/bot_challenge"}.get(target, f"/{target}")


class ActionAnswer(Action):
    """Says the clinic's answer to what was asked."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_answer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer; inside the call-back form, ask its question again afterwards."""
        turn = Turn.of(tracker)
        events = answer(dispatcher, turn)
        # Naming what follows spares a prediction: half of what a message costs beside understanding it.
        return [*events, FollowupAction("callback_form" if turn.in_form else "action_listen")]


def offer_closest(dispatcher: CollectingDispatcher, turn: Turn) -> list[str]:
    """Say that it is not understood and offer the closest topics; returns them."""
    close = [topic_of(name) for name, _ in turn.ranking]
    topics = [topic for topic in close if topic in TOPICS][:CHOICES]
    buttons = [(TOPICS[topic], f"/ask_{topic}") for topic in topics]
    text = parts().answers.find("not_sure", turn.text, site=turn.site).text
    say(dispatcher, text, topic="out_of_scope", route="decline", buttons=[*buttons, ("Talk to a person", "/talk_to_human")])
    return topics


class ActionNotSure(Action):
    """Says that it is not sure and offers the closest topics; the second time a person takes over."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_not_sure"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Offer topics, or hand off."""
        turn = Turn.of(tracker)
        if site_chosen(turn):
            return answer(dispatcher, turn)
        if turn.unsure >= 1:
            await hand_off(dispatcher, turn, "unsure")
            return [SlotSet("unsure", 0), SlotSet("offer", "callback")]
        topics = offer_closest(dispatcher, turn)
        return [SlotSet("unsure", turn.unsure + 1), SlotSet("offer", topics[0] if topics else "")]


class ActionTakeUpOffer(Action):
    """Does what was offered when the visitor says yes."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_take_up_offer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Start the call-back form, answer the offered topic, or take the yes as a kind word."""
        turn = Turn.of(tracker)
        stop = FollowupAction("action_listen")
        if NOTED.match(turn.text) and not _asked(tracker):
            turn = replace(turn, offer="")
        if turn.offer == "callback":
            return [SlotSet("offer", ""), FollowupAction("callback_form")]
        if turn.offer == "talk_to_human":
            await hand_off(dispatcher, turn, "asked")
            return [SlotSet("offer", "callback"), stop]
        if turn.offer == SITE and not site_chosen(turn):  # a mere "yes" names none: the question is still which one
            turn = replace(turn, intent=f"ask_{turn.last_topic}", text=turn.about.get("question", ""))
        if turn.offer == SITE:
            return [*answer(dispatcher, turn), stop]
        topic = turn.offer if turn.offer in TOPICS else "affirm_nothing"
        found = find(turn, topic, "")
        say_answer(dispatcher, found, topic)
        about = {**turn.about, **found.about}
        known = [SlotSet("about", about), SlotSet("last_topic", topic)] if topic in TOPICS else []
        offer = SITE if found.needs_site else found.offer or ""
        return [SlotSet("offer", offer), SlotSet("unsure", 0), *known, stop]


def _asked(tracker: Tracker) -> bool:
    """Say whether what was said last asks something; "I can also ask our team to call you" in the middle of an answer does not."""
    last: dict[str, Any] = next((event for event in reversed(tracker.events) if event.get("event") == "bot"), {})
    return "?" in str(last.get("text")) or bool(((last.get("data") or {}).get("custom") or {}).get("offer"))


class ActionDeclineOffer(Action):
    """Lets an offer go when the visitor says no."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_decline_offer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Say that it is fine; where none of the topics offered was meant, offer a call-back, as "not sure" promises."""
        turn = Turn.of(tracker)
        forgotten = [SlotSet(slot, None) for slot in ("callback_name", "callback_phone", "callback_time")]
        if turn.unsure >= 1:
            asked = parts().answers.find("callback")
            say(dispatcher, asked.text, topic="out_of_scope", route="decline", buttons=OFFER, offer="callback")
            return [SlotSet("offer", "callback"), SlotSet("unsure", 0)]
        found = find(turn, "deny_nothing", "")
        say_answer(dispatcher, found, "deny_nothing")
        return [SlotSet("offer", ""), *forgotten]
