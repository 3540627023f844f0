"""Rasa behind the door: loads the model once and answers one message at a time.

Does what Rasa's `MessageProcessor.handle_message` does, with the differences that the front desk needs: actions run in this process, the
tracker is kept in the transaction that stores the replies, and what was understood comes back with them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import rasa.core.processor
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.lock_store import InMemoryLockStore
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import TrackerStore
from rasa.model import get_latest_model
from rasa.shared.core.events import Event
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException

from bot.desk import Draft, Message
from bot.errors import ModelError
from bot.frontdesk import Response
from bot.nlg import FixedTexts
from bot.nlu.encoder import Vectors, shared_encoder
from bot.nlu.intent_classifier import questions_of
from bot.nlu.red_flags import OUTPUT as ASSESSMENT
from bot.nlu.red_flags import as_data, opinion_of
from bot.opinion import Opinion
from bot.rasa_runtime.actions import InProcessActions
from bot.rasa_runtime.graph_runner import PlainGraphRunner
from bot.rasa_runtime.rules import quicken
from bot.rasa_runtime.tracker_store import BoundedTrackerStore
from bot.safety import Assessment
from bot.store import Store

logger = logging.getLogger(__name__)

CHANNEL = "frontdesk"

EXPECTED_SECONDS = 10.0
"""How long a text that was encoded ahead is kept where nobody asks about it: a person has the conversation, or it was an emergency."""


class Collector(OutputChannel):
    """Collects what the dialogue says, whole."""

    def __init__(self) -> None:
        self.said: list[Mapping[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        """Return the channel's name."""
        return CHANNEL

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Keep one utterance."""
        self.said.append(message)


class RasaDialogue:
    """Answers messages with the trained model."""

    def __init__(self, model: Path, store: Store, *, keep_live: int = 2000) -> None:
        self._trackers = BoundedTrackerStore(store=store, write_through=False, keep_live=keep_live)
        self._processor = load_processor(model, self._trackers)
        self._encoding = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._expected: dict[str, asyncio.Future[dict[str, Vectors]]] = {}

    @property
    def model(self) -> str:
        """Return the name of the served model."""
        return str(self._processor.model_filename)

    async def opinion(self, text: str) -> Opinion | None:
        """Return what the learned detector makes of a text, None where the model has none."""
        text = _plain(text)
        async with self._encoded(text):
            return opinion_of(await self._processor.parse_message(UserMessage(text)))

    async def respond(self, message: Message, assessment: Assessment, site: str | None) -> Response:
        """Answer one message; the caller sees to order and time limits."""
        collector = Collector()
        known = {"seq": message.seq, "site": message.payload.get("site") or site, ASSESSMENT: as_data(assessment)}
        text = _plain(message.text)
        incoming = UserMessage(
            text,
            collector,
            message.visitor,
            parse_data=_chosen(message),
            input_channel=CHANNEL,
            message_id=message.id,
            metadata=known,
        )
        async with self._encoded(text):
            tracker = await self._turn(incoming, collector)
        return _response(tracker, collector, lambda connection: self._trackers.flush(connection, message.visitor))

    def expect(self, text: str) -> None:
        """Begin to encode a text that will be asked about soon."""
        text = _plain(text)
        self._expected[text] = self._begin(text)
        asyncio.get_running_loop().call_later(EXPECTED_SECONDS, self._expected.pop, text, None)

    @asynccontextmanager
    async def _encoded(self, text: str) -> AsyncIterator[None]:
        """Have a text encoded on another core: the only part of a message that Python's lock lets go; nothing is kept afterwards."""
        begun = self._expected.pop(text) if text in self._expected else self._begin(text)
        with shared_encoder().keeping(await begun):
            yield

    def _begin(self, text: str) -> asyncio.Future[dict[str, Vectors]]:
        texts = (text, *questions_of(text))
        return asyncio.get_running_loop().run_in_executor(self._encoding, shared_encoder().each, texts)

    async def _turn(self, incoming: UserMessage, collector: Collector) -> DialogueStateTracker:
        processor = self._processor
        tracker = await processor.log_message(incoming, should_save_tracker=False)
        tracker = await processor.run_action_extract_slots(collector, tracker)
        await processor._run_prediction_loop(collector, tracker)
        await processor.save_tracker(tracker)
        return tracker

    def forget(self, visitor: str) -> None:
        """Begin the visitor's next message from what was last stored."""
        self._trackers.forget(visitor)

    def reset(self, visitor: str) -> Callable[[Any], None]:
        """Return what ends the visitor's open questions, to run within a transaction."""
        return lambda connection: self._trackers.delete(connection, visitor)


def _plain(text: str) -> str:
    """Return the text as Rasa may read it: a leading slash would be obeyed as an intent at confidence 1."""
    return text.lstrip("/ ").strip() or "?"


class Processor(MessageProcessor):
    """Rasa's processor without a check of every message that only training data can fail."""

    def _check_for_unseen_features(self, parse_data: dict[str, Any]) -> None:
        pass


def load_processor(model: Path, trackers: TrackerStore) -> MessageProcessor:
    """Load a model archive (or the newest in a folder); raises ModelError with what to do."""
    archive = model if model.is_file() else get_latest_model(str(model))
    if not archive:
        raise ModelError(f"no trained model in {model}: run `python -m bot train`")
    nlg = FixedTexts()
    rasa.core.processor.DaskGraphRunner = PlainGraphRunner
    # Rasa copies whole events for lines at debug level, also where nobody reads them.
    rasa.core.processor.copy = SimpleNamespace(deepcopy=lambda one: one)
    _remember_event_classes()
    try:
        processor = Processor(archive, trackers, InMemoryLockStore(), nlg, action_endpoint=InProcessActions())
    except (RasaException, OSError, ValueError, KeyError, EOFError) as error:
        raise ModelError(f"cannot load the model {archive}: {type(error).__name__}. Run `python -m bot train --force`.") from error
    quicken(node._component for node in processor.graph_runner._instantiated_nodes.values())
    trackers.domain = processor.domain
    nlg.responses = processor.domain.responses
    return processor


def _remember_event_classes() -> None:
    """Let Rasa look an event's class up once; it walks through all classes for each event of each message."""
    if not hasattr(Event.resolve_by_type, "cache_info"):
        Event.resolve_by_type = staticmethod(lru_cache(maxsize=256)(Event.resolve_by_type))


def _chosen(message: Message) -> dict[str, Any] | None:
    """Return the parse of a button press, which needs no guessing; None for typed words."""
    intent = message.payload.get("intent")
    if not intent:
        return None
    return {
        "text": message.text,
        "intent": {"name": intent, "confidence": 1.0},
        "intent_ranking": [{"name": intent, "confidence": 1.0}],
        "entities": [],
    }


def _response(tracker: DialogueStateTracker, collector: Collector, flush: Callable[[Any], None]) -> Response:
    latest = tracker.latest_message
    intent = (latest.intent if latest else None) or {}
    confidence = float(intent.get("confidence") or 0.0)
    drafts = tuple(_draft(one, confidence) for one in collector.said if one.get("text"))
    routed = [draft for draft in drafts if draft.route]
    # The gravest route of all that was said: an answer beside a handoff is still a handoff, but not beside a question of the call-back form.
    told = [draft for draft in routed if "asks" not in draft.payload] or routed
    first = min(told, key=lambda draft: ("emergency", "staff", "answer", "decline").index(draft.route or "decline"), default=None)
    route = "emergency" if intent.get("name") == "report_emergency" else (first.route if first else None) or "decline"
    return Response(
        drafts,
        first.topic if first else None,
        route,
        confidence,
        handed_off=any(one.get("custom", {}).get("handed_off") for one in collector.said if one.get("custom")),
        flush=flush,
    )


def _draft(said: Mapping[str, Any], confidence: float) -> Draft:
    custom = dict(said.get("custom") or {})
    topic, route = custom.pop("topic", None), custom.pop("route", None)
    sites = custom.pop("sites", ())
    buttons = [_button(one["title"], one["payload"]) for one in said.get("buttons") or ()]
    buttons += [{"title": title, "site": slug, "intent": f"ask_{topic}"} for title, slug in sites]
    payload = {key: value for key, value in custom.items() if value}
    if buttons:
        payload["buttons"] = buttons
    return Draft(str(said["text"]), payload, topic, route, confidence)


def _button(title: str, payload: str) -> dict[str, str]:
    """Translate Rasa's `/intent` into what our channels send back: a title and, beside it, the intent."""
    return {"title": title, "intent": payload[1:]} if payload.startswith("/") else {"title": title, "text": payload}
