"""Handing off: a durable row for staff first, then the words to the visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActiveLoop, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.details import told_in, wants_a_call
from actions.turn import REPORTS, Turn, parts, say
from bot.desk import Handoff
from bot.errors import FrontDeskError
from bot.safety import Assessment, Level, emergency_kind

Events = list[dict[str, Any]]

REASONS: Mapping[str, str] = {
    "report_symptom": "symptom",
    "report_condition": "condition",
    "report_emergency": "symptom",
    "talk_to_human": "asked",
}

WORDED: Mapping[str, str] = {"unsure": "unavailable"}
"""The wording for reasons other than a wish: "Of course." is no reply to what was not understood."""

CONDITIONS: Mapping[str, frozenset[str]] = {
    "contraindications": frozenset({"preg", "meds", "implants", "illness"}),
    "age_suitability": frozenset({"minor"}),
}
"""Finer answers that a personal situation may be told: each defers to a therapist. "No upper age" would sound like leave to come."""

OFFER = (("Ask for a call-back", "/affirm"), ("No, thank you", "/deny"))


def keep(turn: Turn, reason: str, urgency: str, kind: str) -> Handoff:
    """Open the handoff at the desk; under plain Rasa the message is kept there first."""
    desk, seq = parts().desk, turn.seq
    if seq is None:
        desk.create_visitor("rasa", visitor_id=turn.sender)
        message, _ = desk.accept(turn.sender, turn.message_id, turn.text)
        seq = message.seq
    found: Assessment = parts().safety.assess(turn.text)
    return desk.open(
        turn.sender,
        seq,
        urgency=urgency,
        reason=reason,
        kind=kind,
        rules=tuple(turn.assessment.get("rules") or ()),
        list_version=found.list_version,
        visitor_text=turn.text,
        report=found.report,
    )


async def hand_off(dispatcher: CollectingDispatcher, turn: Turn, reason: str, *, offer: bool = True) -> str:
    """Keep a handoff, tell the visitor and offer a call-back; returns the urgency."""
    level = Level[turn.assessment.get("level", "NONE")]
    emergency = turn.intent == "report_emergency" or level is Level.EMERGENCY
    milder = "urgent" if level is Level.URGENT else "staff"
    kind = emergency_kind(level, turn.assessment.get("kind") or "") if emergency else milder
    urgency = "emergency" if emergency else "urgent" if level is Level.URGENT else "routine"
    answers = parts().answers
    try:
        handoff = await parts().store.run(keep, turn, reason, urgency, kind)
        line = answers.handoff_line("told" if handoff.told else "kept")
    except FrontDeskError:
        # Not kept: the visitor is told so, with the phone number; the door tries once more.
        line = answers.handoff_line("lost")
    if emergency:
        return urgency  # the fixed text was uttered before this action
    topic = "symptom_report" if turn.intent in REPORTS else "talk_to_human"
    if turn.intent == "report_condition" and kind == "staff":
        text = _condition(turn, line)
    else:
        text = answers.fixed(WORDED.get(reason, "asked") if topic == "talk_to_human" else kind, line)
    offer = offer and not turn.in_form
    say(
        dispatcher,
        text,
        topic=topic,
        route="staff",
        buttons=OFFER if offer else (),
        handed_off=True,
        offer="callback" if offer else "",
    )
    return urgency


def _condition(turn: Turn, line: str) -> str:
    """Return the wording for a personal medical situation; one that comes with a complaint gets the symptom's."""
    answers, found = parts().answers, parts().safety.assess(turn.text)
    if found.bodily and (found.report.region or not found.matches):
        return answers.fixed("staff", line)
    finer = (answers.find(topic, turn.text, site=turn.site) for topic in CONDITIONS)
    fitting = [one.text for one in finer if one.variant in CONDITIONS[one.topic] and not one.needs_site]
    # Two situations at once, or one that no finer answer is about: the general wording speaks of all.
    return f"{fitting[0]} {line}" if len(fitting) == 1 else answers.fixed("condition", line)


class ActionHandOff(Action):
    """Hands the conversation to staff."""

    def name(self) -> str:
        """Return the name that domain.yml uses."""
        return "action_hand_off"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]) -> Events:
        """Hand off; an emergency ends the call-back form, anything else resumes it, and a number or a wish to be called begins it."""
        turn = Turn.of(tracker)
        details = _told(turn)
        # Who leaves a number with the wish for a person, or says "call me", wants to be called: nobody asks whether.
        calls = turn.intent == "talk_to_human" and ("callback_phone" in details or wants_a_call(turn.text))
        told = [SlotSet(slot, value) for slot, value in details.items()]
        urgency = await hand_off(dispatcher, turn, REASONS.get(turn.intent, "asked"), offer=not calls)
        if urgency == "emergency":
            return [ActiveLoop(None), SlotSet("requested_slot", None), SlotSet("offer", "")]
        if turn.in_form:
            return [*told, FollowupAction("callback_form")]
        if calls:
            return [*told, SlotSet("offer", ""), SlotSet("unsure", 0), FollowupAction("callback_form")]
        return [*told, SlotSet("offer", "callback"), SlotSet("unsure", 0)]


def _told(turn: Turn) -> dict[str, str]:
    """Return the call-back details that stand in the message: what is told once is not asked again."""
    if turn.intent == "report_emergency":
        return {}
    told = told_in(turn.text, parts().answers.clinic().country)
    if turn.intent == "talk_to_human":
        return told
    # "I'm Diabetic" is no name; a day in a report is when it began.
    return {slot: value for slot, value in told.items() if "callback_phone" in told and slot != "callback_time"}
