"""The one door: every visitor message of every channel passes `FrontDesk.receive`.

The invariant held here: if the red-flag list says emergency, the visitor gets the fixed emergency text and an urgent handoff exists, whatever
Rasa, an action, the database or the network did. Only a learned detector that finds it all but impossible lowers it (bot/opinion.py); where it
cannot be asked, the list stands. The screen runs before any limit can refuse a message; a refusal carries the
emergency text too. Messages are stored first and answered after: what was acknowledged is answered once, also after a crash.
"""

from __future__ import annotations

import asyncio
import logging
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from bot.answers import Answers
from bot.desk import Desk, Draft, Handoff, Message, Standing
from bot.errors import FrontDeskError, Refused, StoreUnavailable, TooLong, TooMany
from bot.opinion import Opinion, weighed
from bot.safety import Assessment, Level, SafetyList, emergency_kind
from bot.store import Store

logger = logging.getLogger(__name__)

LONGEST_TEXT = 2000
"""Characters of a message; also what the visitor's box and the chat API allow."""

EARLIER_MESSAGES = 12
"""Earlier visitor messages the screen sees: a symptom told in pieces seldom takes more."""

_LETTERS = r"[^\s\d!-&(-,./:-@\u2e80-\u9fff\uff00-\uffef]{2,20}"
FOREIGN_NAME = re.compile(rf"(?:[^\W\d_]{{1,4}}|{_LETTERS}(?: {_LETTERS})?)$")
"""Letters that may be a name in another writing: what is longer is a sentence, and gets the emergency line and a person."""

OPINION_SECONDS = 1.0
"""How long the learned detector may take before the list stands without it; it takes some 10 ms."""

RETRY_SECONDS = 5.0
"""How often messages that were accepted but not answered are looked for (a crash, a database that was away)."""


@dataclass(frozen=True)
class Incoming:
    """One visitor message as a channel hands it over."""

    visitor: str
    message_id: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    """What a button or the call-back form adds: `topic`, `offer`, `callback`."""
    address: str = ""
    """Network address, for limits only; never stored."""


@dataclass(frozen=True)
class Receipt:
    """Proof that a message is stored."""

    message: Message
    new: bool
    level: Level


@dataclass(frozen=True)
class Response:
    """What the dialogue says to one message."""

    drafts: tuple[Draft, ...]
    topic: str | None
    route: str
    confidence: float
    handed_off: bool = False
    flush: Callable[[Any], None] | None = None
    """Writes the dialogue's own state within the transaction that stores the replies."""


class Dialogue(Protocol):
    """What the door needs of Rasa."""

    @property
    def model(self) -> str:
        """Return the model's name, empty where there is none."""

    async def respond(self, message: Message, assessment: Assessment, site: str | None) -> Response:
        """Answer one message."""

    def expect(self, text: str) -> None:
        """Begin to understand a text that will be asked about soon."""

    async def opinion(self, text: str) -> Opinion | None:
        """Return what the learned detector makes of a text, None where there is none."""

    def forget(self, visitor: str) -> None:
        """Begin the visitor's next message from what was last stored."""

    def reset(self, visitor: str) -> Callable[[Any], None]:
        """Return what ends the visitor's open questions, to run within a transaction."""


class Limits(Protocol):
    """Counts messages per visitor and per address."""

    def check(self, visitor: str, address: str) -> None:
        """Raise TooMany where a limit is passed."""


class FrontDesk:
    """Receives messages, screens them, has them answered, and stores both."""

    def __init__(
        self,
        *,
        store: Store,
        safety: SafetyList,
        desk: Desk,
        answers: Answers,
        dialogue: Dialogue,
        limits: Limits | None = None,
        timeout_seconds: float = 8.0,
        lock: Callable[[str], Any] | None = None,
    ) -> None:
        self._store = store
        self._safety = safety
        self._desk = desk
        self._answers = answers
        self._dialogue = dialogue
        self._limits = limits
        self._timeout_seconds = timeout_seconds
        self._shared_lock = lock
        self._locks: dict[str, _Lock] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._assessed: dict[tuple[str, int], Assessment] = {}

    async def receive(self, incoming: Incoming) -> Receipt:
        """Store one message and set its answer going; raises a FrontDeskError whose `advice` is the emergency text, if there is one."""
        text = clean(incoming.text)
        try:
            self._refuse(incoming, text)
            self._expect(text)
            alone = self._safety.assess(text)
            receipt = await self._store.run(self._accept, incoming, text, alone, await self._opinion(text, alone))
        except FrontDeskError as error:
            raise await self._with_advice(error, incoming, text) from error
        self.wake(incoming.visitor)
        return receipt

    async def converse(self, incoming: Incoming) -> tuple[Message, ...]:
        """Receive one message and return its stored replies."""
        receipt = await self.receive(incoming)
        task = self._tasks.get(incoming.visitor)
        if task is not None:
            await task
        messages = await self._store.run(self._desk.messages, incoming.visitor, receipt.message.seq)
        return tuple(m for m in messages if m.in_reply_to == receipt.message.seq)

    def advice(self, text: str, earlier: Sequence[str] = ()) -> str | None:
        """Return the emergency text for a message that cannot be taken, or None where it is no emergency; opens nothing."""
        assessment = self._safety.assess(clean(text)[: LONGEST_TEXT * 2], earlier)
        return self._not_stored(assessment) if assessment.level is Level.EMERGENCY else None

    def wake(self, visitor: str) -> None:
        """See to it that the visitor's unanswered messages are being answered, in their order."""
        running = self._tasks.get(visitor)
        follow = None if running is None or running.done() else running
        task = asyncio.ensure_future(self._work(visitor, follow))
        self._tasks[visitor] = task
        task.add_done_callback(lambda done: self._tasks.pop(visitor, None) if self._tasks.get(visitor) is done else None)

    async def recover(self, stop: asyncio.Event) -> None:
        """Answer, until stopped, what a crash or a broken database left unanswered."""
        while not stop.is_set():
            try:
                for visitor in {m.visitor for m in await self._store.read(self._desk.unsettled)}:
                    if visitor not in self._tasks:
                        self.wake(visitor)
                # One at a time: what visitors write goes in between.
                for handoff_id in await self._store.read(self._desk.due):
                    await self._store.run(self._desk.tick_one, handoff_id)
            except FrontDeskError as error:
                logger.warning("front desk: recovery waits: %s", error)
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), RETRY_SECONDS)

    @property
    def model(self) -> str:
        """Return the name of the served model, empty where there is none."""
        return self._dialogue.model

    # -- receiving ---------------------------------------------------------------------------------------------------

    def _refuse(self, incoming: Incoming, text: str) -> None:
        if not text.strip() and not incoming.payload:
            raise Refused("the message has no text")
        if len(text) > LONGEST_TEXT:
            raise TooLong(f"the message has {len(text)} characters, the limit is {LONGEST_TEXT}")
        if self._limits is None:
            return
        try:
            self._limits.check(incoming.visitor, incoming.address)
        except TooMany:
            # An emergency is never refused for writing too often.
            if self._safety.assess(text).level < Level.EMERGENCY:
                raise

    def _expect(self, text: str) -> None:
        """Let the dialogue begin while the message is being stored; whatever goes wrong there, the message is taken."""
        try:
            self._dialogue.expect(text)
        except Exception as error:  # whatever Rasa or a component raises
            logger.error("front desk: the dialogue expects nothing: %s", type(error).__name__)

    async def _opinion(self, text: str, alone: Assessment) -> Opinion | None:
        """Ask the detector about a message in which the list finds something; whatever goes wrong there, the list stands."""
        if alone.level < Level.URGENT:
            return None
        try:
            return await asyncio.wait_for(self._dialogue.opinion(text), OPINION_SECONDS)
        except Exception as error:  # whatever Rasa or a component raises
            logger.error("front desk: no opinion of the detector: %s", type(error).__name__)
            return None

    def _accept(self, incoming: Incoming, text: str, alone: Assessment, opinion: Opinion | None) -> Receipt:
        """Store the message; an emergency is answered in the same breath, before anybody is told that it was received."""
        payload = self._believed(incoming, text)
        message, new = self._desk.accept(incoming.visitor, incoming.message_id, text, payload)
        assessment = weighed(self._assess(message), alone, opinion)
        self._assessed[message.visitor, message.seq] = assessment
        if new and assessment.level is Level.EMERGENCY:
            try:
                self._answer_emergency(message, assessment)
            except StoreUnavailable:
                logger.warning("front desk: emergency of message %s is answered again from the stored message", message.id)
        return Receipt(message, new, assessment.level)

    def _believed(self, incoming: Incoming, text: str) -> Mapping[str, Any]:
        """Return the payload without an intent that no button of ours has: a client must not choose how words are understood."""
        if "intent" not in incoming.payload:
            return incoming.payload
        said = (m for m in self._desk.messages(incoming.visitor, limit=1000) if m.author == "bot")
        offered = [button for message in said for button in message.payload.get("buttons", ())]
        if any(one.get("title") == text and one.get("intent") == incoming.payload["intent"] for one in offered):
            return incoming.payload
        return {key: value for key, value in incoming.payload.items() if key != "intent"}

    def _assess(self, message: Message) -> Assessment:
        earlier = self._desk.earlier(message.visitor, message.seq, EARLIER_MESSAGES)
        return self._safety.assess(message.text, earlier)

    async def _with_advice(self, error: FrontDeskError, incoming: Incoming, text: str) -> FrontDeskError:
        error.advice = None
        assessment = self._safety.assess(text[: LONGEST_TEXT * 2])
        if assessment.level is Level.EMERGENCY:
            error.advice = self._not_stored(assessment)
            if not isinstance(error, StoreUnavailable):
                error.advice = await self._store.run(self._open_refused, incoming, text, assessment) or error.advice
        return error

    def _open_refused(self, incoming: Incoming, text: str, assessment: Assessment) -> str | None:
        """Keep the emergency of a message that was refused; returns the text that says so, or None where it could not be kept."""
        try:
            message, _ = self._desk.accept(incoming.visitor, incoming.message_id, text[:LONGEST_TEXT], {})
            return self._answer_emergency(message, assessment)
        except FrontDeskError:
            return None

    # -- answering ---------------------------------------------------------------------------------------------------

    async def _work(self, visitor: str, follow: asyncio.Task[None] | None) -> None:
        if follow is not None:
            await asyncio.wait([follow])
        try:
            async with self._only_one(visitor):
                turn = await self._store.glance(self._next, visitor)
                while turn is not None:
                    await self._answer(turn)
                    turn = await self._store.glance(self._next, visitor, turn.message.seq) if turn.more else None
        except FrontDeskError as error:
            self._dialogue.forget(visitor)
            logger.warning("front desk: visitor %s is answered later: %s", visitor, error)
        except Exception as error:  # Redis away, a broken row: the message stays unanswered and is tried again
            self._dialogue.forget(visitor)
            logger.error("front desk: answering visitor %s failed: %s", visitor, type(error).__name__)

    async def _answer(self, turn: _Turn) -> None:
        message, assessment, standing = turn.message, turn.assessment, turn.standing
        if assessment.level is Level.EMERGENCY:
            await self._store.run(self._answer_emergency, message, assessment)
            return
        if standing.handoff is not None and (wish := message.payload.get("callback")):
            await self._store.run(self._desk.attach_callback, standing.handoff.id, wish)  # whoever answers
        if standing.owner == "claimed":
            await self._settle(message, Response((), None, "staff", 1.0))
        elif standing.emergency is not None:
            kind = "crisis_short" if standing.emergency.kind == "crisis" else "emergency_short"
            text = self._answers.fixed(kind, self._handoff_line(standing.emergency))
            await self._settle(message, Response((_emergency_draft(text, kind),), "emergency", "emergency", 1.0))
        elif "callback" in message.payload:
            await self._store.run(self._keep_callback, message, standing)
        elif assessment.foreign:
            await self._store.run(self._hand_off, message, assessment, "foreign")
        else:
            response = await self._ask(message, assessment, turn.site)
            if response.route == "emergency":  # the learned detector saw one that the list does not have
                await self._store.run(self._answer_emergency, message, assessment)
            else:
                await self._settle(message, response)

    def _next(self, visitor: str, after: int = 0) -> _Turn | None:
        """Return the visitor's next unanswered message and how things stand, all of one moment."""
        with self._store.reading():
            waiting = [message for message in self._desk.unsettled(visitor) if message.seq > after]
            if not waiting:
                return None
            message = waiting[0]
            found = self._assessed.pop((visitor, message.seq), None) or self._assess(message)
            if found.foreign and not found.matches and self._gives_name(message):
                found = replace(found, foreign=False)
            situation = self._desk.situation(visitor)
            return _Turn(message, found, situation.standing, situation.site, len(waiting) > 1)

    def _gives_name(self, message: Message) -> bool:
        """Say whether a few foreign letters answer the call-back form's question for a name."""
        before = self._desk.messages(message.visitor, message.seq - 2, 1)
        asked = any(one.author == "bot" and one.payload.get("asks") == "name" for one in before)
        return asked and bool(FOREIGN_NAME.match(message.text))

    async def _ask(self, message: Message, assessment: Assessment, site: str | None) -> Response:
        """Have Rasa answer; whatever goes wrong there becomes an answer of ours."""
        try:
            response = await asyncio.wait_for(self._dialogue.respond(message, assessment, site), self._timeout_seconds)
        except Exception as error:  # whatever Rasa, a component or an action raises
            self._dialogue.forget(message.visitor)
            logger.error("front desk: dialogue failed for message %s: %s", message.id, type(error).__name__)
            return await self._store.run(self._without_rasa, message, assessment)
        if response.route == "emergency":
            return response  # the door itself hands it off
        if assessment.level >= Level.URGENT and not response.handed_off:
            logger.error("front desk: message %s was not handed off by its action", message.id)
            return await self._store.run(self._without_rasa, message, assessment)
        if not response.drafts:
            return await self._store.run(self._without_rasa, message, assessment)
        return response

    def _without_rasa(self, message: Message, assessment: Assessment) -> Response:
        if assessment.level >= Level.ROUTINE or assessment.bodily:
            return self._handed_off(message, assessment, "symptom")
        handoff = self._open(message, "routine", "unavailable", "", assessment)
        text = self._answers.fixed("unavailable", self._handoff_line(handoff))
        return Response((Draft(text, {}, None, "staff", 0.0),), None, "staff", 0.0, handed_off=True)

    def _hand_off(self, message: Message, assessment: Assessment, reason: str) -> None:
        response = self._handed_off(message, assessment, reason)
        self._desk.settle(message.visitor, message.seq, response.drafts, response.topic, response.route, response.confidence)

    def _handed_off(self, message: Message, assessment: Assessment, reason: str) -> Response:
        kind = "foreign" if reason == "foreign" else "urgent" if assessment.level is Level.URGENT else "staff"
        urgency = "routine" if kind == "staff" else "urgent"
        handoff = self._open(message, urgency, reason, assessment.kind or kind, assessment)
        text = self._answers.fixed(kind, self._handoff_line(handoff))
        draft = Draft(text, {"offer": "callback"}, "symptom_report", "staff", 1.0)
        return Response((draft,), "symptom_report", "staff", 1.0, handed_off=True)

    def _answer_emergency(self, message: Message, assessment: Assessment) -> str:
        kind = emergency_kind(assessment.level, assessment.kind)
        handoff: Handoff | None = None
        try:
            handoff = self._open(message, "emergency", "symptom", kind, assessment)
        except StoreUnavailable:
            logger.error("front desk: the emergency of message %s could not be stored", message.id)
        text = self._answers.fixed(kind, self._handoff_line(handoff))
        draft = _emergency_draft(text, kind, assessment.rules)
        # The form or question that was open ends here: nothing resumes behind an emergency.
        self._desk.settle(
            message.visitor, message.seq, [draft], "emergency", "emergency", 1.0, within=self._dialogue.reset(message.visitor)
        )
        return text

    def _keep_callback(self, message: Message, standing: Standing) -> None:
        handoff = standing.handoff or self._open(message, "routine", "callback", "", self._assess(message))
        text = self._answers.fixed("callback_kept", self._handoff_line(handoff))
        self._desk.settle(
            message.visitor, message.seq, [Draft(text, {}, "talk_to_human", "staff", 1.0)], "talk_to_human", "staff", 1.0
        )

    def _open(self, message: Message, urgency: str, reason: str, kind: str, assessment: Assessment) -> Handoff:
        return self._desk.open(
            message.visitor,
            message.seq,
            urgency=urgency,
            reason=reason,
            kind=kind,
            rules=assessment.rules,
            list_version=assessment.list_version,
            visitor_text=message.text,
            bot_text="",
            report=assessment.report,
            callback=message.payload.get("callback"),
        )

    async def _settle(self, message: Message, response: Response) -> None:
        await self._store.run(
            self._desk.settle,
            message.visitor,
            message.seq,
            response.drafts,
            response.topic,
            response.route,
            response.confidence,
            within=response.flush,
        )

    # -- texts -------------------------------------------------------------------------------------------------------

    def _handoff_line(self, handoff: Handoff | None) -> str:
        return self._answers.handoff_line("told" if handoff and handoff.told else "kept" if handoff else "lost")

    def _not_stored(self, assessment: Assessment) -> str:
        return self._answers.fixed(assessment.kind or "emergency", self._answers.handoff_line("lost"))

    # -- one at a time -----------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _only_one(self, visitor: str) -> AsyncIterator[None]:
        lock = self._locks.setdefault(visitor, _Lock())
        lock.users += 1
        try:
            async with lock.lock:
                if self._shared_lock is None:
                    yield
                else:
                    async with self._shared_lock(visitor):
                        yield
        finally:
            lock.users -= 1
            if not lock.users:
                self._locks.pop(visitor, None)


@dataclass(frozen=True)
class _Turn:
    """A message to be answered, and what its answer depends on."""

    message: Message
    assessment: Assessment
    standing: Standing
    site: str | None
    more: bool
    """Another one waits behind it."""


class _Lock:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


def _emergency_draft(text: str, kind: str, matched: Sequence[str] = ()) -> Draft:
    return Draft(text, {"emergency": True, "kind": kind, "matched": list(matched)}, "emergency", "emergency", 1.0)


def clean(text: str) -> str:
    """Drop what no person types: control characters, lone surrogates, marks stacked on one letter; the words stay as they are."""
    kept: list[str] = []
    marks = 0
    for char in text.replace("\r\n", "\n"):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cc", "Cs") and char not in "\n\t":
            continue
        if marks <= 3:
            kept.append(char)
    return "".join(kept).strip()
