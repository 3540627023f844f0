"""What an action reads of the visitor's message, and how it says something."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from bot.parts import Parts, build
from bot.settings import load_settings

REPORTS = frozenset({"report_symptom", "report_condition", "report_emergency"})

_parts: Parts | None = None


def use(parts: Parts) -> None:
    """Hand the actions the server's own parts."""
    global _parts
    _parts = parts


def parts() -> Parts:
    """Return the parts; under `rasa run actions` they are built at the first message."""
    global _parts
    if _parts is None:
        _parts = build(load_settings())
    return _parts


@dataclass(frozen=True)
class Turn:
    """One visitor message as Rasa understood it."""

    sender: str
    text: str
    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...]
    topics: tuple[str, ...]
    """Further topics asked in the same message."""
    assessment: dict[str, Any]
    seq: int | None
    """The message's number at the desk; None under plain Rasa, which has no desk in front."""
    site: str | None
    message_id: str
    offer: str
    about: dict[str, str]
    """What the answer before was about: "and on Sundays?" means the same site."""
    last_topic: str
    unsure: int
    in_form: bool

    @classmethod
    def of(cls, tracker: Tracker) -> Turn:
        """Read the tracker's latest message."""
        message = tracker.latest_message or {}
        intent = message.get("intent") or {}
        known = message.get("metadata") or {}
        return cls(
            sender=tracker.sender_id,
            text=message.get("text") or "",
            intent=intent.get("name") or "",
            confidence=float(intent.get("confidence") or 0.0),
            ranking=tuple((one["name"], float(one["confidence"])) for one in message.get("intent_ranking") or []),
            topics=tuple(topic_of(name) for name in message.get("also") or ()),
            assessment=message.get("assessment") or {},
            seq=known.get("seq"),
            site=known.get("site"),
            message_id=message.get("message_id") or "",
            offer=tracker.get_slot("offer") or "",
            about=dict(tracker.get_slot("about") or {}),
            last_topic=tracker.get_slot("last_topic") or "",
            unsure=int(tracker.get_slot("unsure") or 0),
            in_form=bool((tracker.active_loop or {}).get("name")),
        )

    @property
    def topic(self) -> str:
        """Return the topic that the intent stands for."""
        return topic_of(self.intent)


def topic_of(intent: str) -> str:
    """Return the topic of an intent: its slug without `ask_`."""
    return intent[4:] if intent.startswith("ask_") else intent


def say(
    dispatcher: CollectingDispatcher,
    text: str,
    *,
    topic: str,
    route: str,
    buttons: Sequence[tuple[str, str]] = (),
    **more: Any,
) -> None:
    """Utter a text with its topic, its route and buttons of (title, payload)."""
    dispatcher.utter_message(
        text=text,
        buttons=[{"title": title, "payload": payload} for title, payload in buttons],
        json_message={"topic": topic, "route": route, **more},
    )
