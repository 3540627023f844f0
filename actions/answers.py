"""The clinic's approved answers, and what to say when there is none."""

from __future__ import annotations

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.handoff import hand_off
from actions.turn import Turn, parts, say, topic_of
from bot.answers import TOPICS, Answer

Events = list[dict[str, Any]]

CHOICES = 3
"""Closest topics offered when not sure: more than three are not read."""

DECLINED = frozenset({"out_of_scope", "other_health"})
PLEASANTRIES = frozenset({"greet", "goodbye", "thank", "feedback", "affirm", "deny", "bot_challenge"})


def find(turn: Turn, topic: str, text: str | None = None) -> Answer:
    """Look an approved answer up."""
    return parts().answers.find(topic, turn.text if text is None else text, site=turn.site)


def answer(dispatcher: CollectingDispatcher, turn: Turn) -> Events:
    """Say the answer to each topic asked; returns what to remember."""
    asked = dict.fromkeys((turn.topic, *turn.topics))
    for topic in asked:
        found = find(turn, topic)
        route = "decline" if topic in DECLINED else "answer"
        buttons = [(one.title, f"/ask_{one.topic}") for one in found.follow_ups]
        sites = [(site.title, site.slug) for site in parts().answers.clinic().sites] if found.needs_site else []
        say(
            dispatcher,
            found.text,
            topic="small_talk" if topic in PLEASANTRIES else topic,
            route=route,
            buttons=buttons,
            sites=sites,
            variant=found.variant,
            version=found.version,
        )
    offer = "callback" if any(find(turn, topic).offers_callback for topic in asked) else ""
    return [SlotSet("offer", offer), SlotSet("last_topic", turn.topic), SlotSet("unsure", 0)]


class ActionAnswer(Action):
    """Says the clinic's answer to what was asked."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_answer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Answer; inside the call-back form, ask its question again afterwards."""
        turn = Turn.of(tracker)
        events = answer(dispatcher, turn)
        return [*events, FollowupAction("callback_form")] if turn.in_form else events


class ActionNotSure(Action):
    """Says that it is not sure and offers the closest topics; the second time a person takes over."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_not_sure"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Offer topics, or hand off."""
        turn = Turn.of(tracker)
        if turn.unsure >= 1:
            await hand_off(dispatcher, turn, "unsure")
            return [SlotSet("unsure", 0), SlotSet("offer", "callback")]
        close = [topic_of(name) for name, _ in turn.ranking]
        topics = [topic for topic in close if topic in TOPICS][:CHOICES]
        buttons = [(TOPICS[topic], f"/ask_{topic}") for topic in topics]
        text = parts().answers.find("not_sure", turn.text, site=turn.site).text
        say(dispatcher, text, topic="out_of_scope", route="decline", buttons=[*buttons, ("Talk to a person", "/talk_to_human")])
        return [SlotSet("unsure", turn.unsure + 1), SlotSet("offer", topics[0] if topics else "")]


class ActionTakeUpOffer(Action):
    """Does what was offered when the visitor says yes."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_take_up_offer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Start the call-back form, answer the offered topic, or take the yes as a kind word."""
        turn = Turn.of(tracker)
        if turn.offer == "callback":
            return [SlotSet("offer", ""), FollowupAction("callback_form")]
        topic = turn.offer if turn.offer in TOPICS else "affirm_nothing"
        found = find(turn, topic, "")
        buttons = [(one.title, f"/ask_{one.topic}") for one in found.follow_ups]
        say(dispatcher, found.text, topic=topic if topic in TOPICS else "small_talk", route="answer", buttons=buttons)
        return [SlotSet("offer", ""), FollowupAction("action_listen")]


class ActionDeclineOffer(Action):
    """Lets an offer go when the visitor says no."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_decline_offer"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Say that it is fine."""
        turn = Turn.of(tracker)
        found = find(turn, "deny_nothing", "")
        buttons = [(one.title, f"/ask_{one.topic}") for one in found.follow_ups]
        say(dispatcher, found.text, topic="small_talk", route="answer", buttons=buttons)
        return [SlotSet("offer", "")]
