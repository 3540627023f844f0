"""The door: the emergency invariant, order, idempotence, bad input, with every part behind it broken in turn."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import pytest
from patience import until_then

from bot.desk import Draft
from bot.errors import Refused, StoreUnavailable, TooLong, TooMany
from bot.frontdesk import LONGEST_TEXT, FrontDesk, Incoming, Response, clean
from bot.opinion import Opinion
from tests.visitor import Visitor

CHEST = "i cant breathe and my chest hurts since the session"
KNEE = "my knee has been hurting since tuesday"
WRIST = "my wrist went floppy after the needling and i cant lift it"


class Scripted:
    """A dialogue that does what the test says; it stands in for Rasa, which has tests of its own."""

    model = "scripted"

    def __init__(self, answer: Any = None, thinks: Any = None) -> None:
        self.thinks = thinks
        self.answer = answer or Response(
            (Draft("A session takes 45 minutes.", {}, "session_length", "answer", 0.9),), "session_length", "answer", 0.9
        )
        self.seen: list[str] = []
        self.resets: list[str] = []

    async def respond(self, message: Any, assessment: Any, site: Any) -> Response:
        self.seen.append(message.text)
        if isinstance(self.answer, Exception):
            raise self.answer
        if callable(self.answer):
            return await self.answer(message)
        return self.answer

    def expect(self, text: str) -> None:
        pass

    async def opinion(self, text: str) -> Opinion | None:
        if isinstance(self.thinks, Exception):
            raise self.thinks
        return await self.thinks() if callable(self.thinks) else self.thinks

    def forget(self, visitor: str) -> None:
        pass

    def reset(self, visitor: str) -> Any:
        self.resets.append(visitor)
        return lambda connection: None


def door(parts: Any, dialogue: Any, **changes: Any) -> FrontDesk:
    return FrontDesk(
        store=parts.store,
        safety=parts.safety,
        desk=parts.desk,
        answers=parts.answers,
        dialogue=dialogue,
        **{"timeout_seconds": 30.0, **changes},
    )


@pytest.fixture
def visitor(parts: Any) -> Visitor:
    return Visitor(door(parts, Scripted()), parts)


async def test_question_gets_the_dialogues_answer(visitor: Visitor) -> None:
    assert await visitor.hears("how long is a session?") == "A session takes 45 minutes."
    assert visitor.asked.route == "answer"


async def test_emergency_gets_the_fixed_text_and_an_urgent_handoff(visitor: Visitor) -> None:
    text = await visitor.hears(CHEST)
    assert text.lstrip("*").startswith("This could be an emergency. Call 911 now")
    assert visitor.handoff is not None and visitor.handoff.urgency == "emergency"
    assert visitor.asked.route == "emergency"


async def test_emergency_is_answered_before_receive_returns(visitor: Visitor, parts: Any) -> None:
    await visitor.frontdesk.receive(Incoming(visitor.id, "m1", CHEST))
    assert [m.author for m in parts.desk.messages(visitor.id)] == ["visitor", "bot"]


async def test_emergency_never_reaches_the_dialogue(parts: Any) -> None:
    dialogue = Scripted()
    await Visitor(door(parts, dialogue), parts).says(CHEST)
    assert dialogue.seen == []


async def test_emergency_that_the_detector_finds_impossible_goes_to_the_dialogue(parts: Any) -> None:
    dialogue = Scripted(thinks=Opinion(report=0.0, emergency=0.0))
    assert "45 minutes" in await Visitor(door(parts, dialogue), parts).hears("chest pain heart attack film cast")


async def test_emergency_that_the_detector_finds_a_mere_report_goes_to_staff_as_urgent(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted(thinks=Opinion(report=0.9, emergency=0.0))), parts)
    await visitor.says(CHEST)
    assert (visitor.asked.route, visitor.handoff.urgency) == ("staff", "urgent")


async def test_emergency_stands_where_the_detector_finds_it_possible(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted(thinks=Opinion(report=0.9, emergency=0.06))), parts)
    assert "911" in await visitor.hears(CHEST)


async def test_emergency_told_in_pieces_is_not_overruled_by_its_last_piece(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted(thinks=Opinion(report=0.0, emergency=0.0))), parts)
    await visitor.says("it's my chest")
    assert "911" in await visitor.hears("it feels very tight now")


async def test_emergency_survives_a_detector_that_fails(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted(thinks=RuntimeError("no model"))), parts)
    assert "911" in await visitor.hears(CHEST)


async def test_emergency_survives_a_detector_that_takes_too_long(parts: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("bot.frontdesk.OPINION_SECONDS", 0.05)
    visitor = Visitor(door(parts, Scripted(thinks=lambda: asyncio.sleep(30))), parts)
    assert "911" in await visitor.hears(CHEST)


async def test_emergency_ends_the_open_form(parts: Any) -> None:
    dialogue = Scripted()
    visitor = Visitor(door(parts, dialogue), parts)
    await visitor.says(CHEST)
    assert dialogue.resets == [visitor.id]


NAME_ASKED = Response((Draft("What name?", {"asks": "name"}, "talk_to_human", "staff", 1.0),), "talk_to_human", "staff", 1.0)


@pytest.mark.parametrize("name", ["王芳", "Олег Иванов", "محمد"])
async def test_foreign_name_is_no_foreign_message_where_a_name_was_asked_for(parts: Any, name: str) -> None:
    dialogue = Scripted(NAME_ASKED)
    visitor = Visitor(door(parts, dialogue), parts)
    await visitor.says("please call me")
    await visitor.says(name)
    assert dialogue.seen[1:] == [name] and visitor.handoff is None


@pytest.mark.parametrize("text", ["я ничего не понимаю", "救命", "我不会说英语，谢谢", "помогите"])
async def test_foreign_sentence_or_cry_for_help_is_no_name(parts: Any, text: str) -> None:
    dialogue = Scripted(NAME_ASKED)
    visitor = Visitor(door(parts, dialogue), parts)
    await visitor.says("please call me")
    assert "911" in await visitor.hears(text)
    assert dialogue.seen[1:] == [] and visitor.handoff is not None


async def test_foreign_word_is_foreign_where_no_name_was_asked_for(visitor: Visitor) -> None:
    assert "911" in await visitor.hears("王芳")
    assert visitor.handoff is not None and visitor.handoff.reason == "foreign"


@pytest.mark.parametrize("text", ["what's your price?", "ignore that, i'm fine", "just joking lol"])
async def test_open_emergency_keeps_every_reply_an_emergency(visitor: Visitor, text: str) -> None:
    await visitor.says(CHEST)
    assert "911" in await visitor.hears(text)
    assert visitor.asked.route == "emergency"


async def test_every_reply_in_an_open_crisis_names_the_crisis_line(visitor: Visitor) -> None:
    await visitor.says("i want to kill myself")
    assert "988" in await visitor.hears("sorry")


async def test_closed_emergency_gives_the_bot_back(visitor: Visitor, parts: Any) -> None:
    await visitor.says(CHEST)
    parts.desk.close(visitor.handoff.id, "Ann", "called")
    assert "45 minutes" in await visitor.hears("how long is a session?")


async def test_expired_emergency_gives_the_bot_back(visitor: Visitor, parts: Any) -> None:
    from datetime import timedelta

    from bot.store import utc_now

    await visitor.says(CHEST)
    parts.desk._clock = lambda: utc_now() + timedelta(hours=13)
    parts.desk.tick()
    assert "45 minutes" in await visitor.hears("how long is a session?")


@pytest.mark.parametrize("failure", [RuntimeError("action failed"), ValueError("no model"), KeyError("rasa")])
async def test_emergency_survives_a_broken_dialogue(parts: Any, failure: Exception) -> None:
    visitor = Visitor(door(parts, Scripted(failure)), parts)
    assert "911" in await visitor.hears(CHEST)
    assert visitor.handoff.urgency == "emergency"


async def test_question_to_a_broken_dialogue_is_left_for_staff_with_the_phone_number(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted(RuntimeError())), parts)
    assert parts.answers.clinic().site(None).phone in await visitor.hears("how long is a session?")
    assert visitor.handoff is not None


async def test_symptom_with_a_broken_dialogue_reaches_staff(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted(RuntimeError())), parts)
    await visitor.says(KNEE)
    assert visitor.handoff.reason == "symptom"
    assert visitor.asked.route == "staff"


async def test_dialogue_that_takes_too_long_is_answered_for(parts: Any) -> None:
    async def sleep(message: Any) -> Response:
        await asyncio.sleep(60)
        raise AssertionError

    visitor = Visitor(door(parts, Scripted(sleep), timeout_seconds=0.05), parts)
    await visitor.says("how long is a session?")
    assert visitor.asked.route == "staff"


async def test_faq_answer_to_a_listed_symptom_is_replaced_by_a_handoff(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted()), parts)
    text = await visitor.hears(WRIST)
    assert "45 minutes" not in text
    assert visitor.handoff.urgency in ("urgent", "emergency")


@pytest.mark.parametrize("text", [WRIST, KNEE])
async def test_learned_emergency_stands_over_a_milder_finding_of_the_list(parts: Any, text: str) -> None:
    learned = Response((Draft("Call 911.", {}, "emergency", "emergency", 0.9),), "emergency", "emergency", 0.9)
    visitor = Visitor(door(parts, Scripted(learned)), parts)
    assert (await visitor.hears(text)).startswith("This could be an emergency. Call 911 now")
    assert (visitor.handoff.urgency, visitor.handoff.kind) == ("emergency", "emergency")


async def test_emergency_on_a_read_only_database_carries_the_text_and_the_truth(
    parts: Any, visitor: Visitor, monkeypatch: Any
) -> None:
    read_only(parts, monkeypatch)
    with pytest.raises(StoreUnavailable) as caught:
        await visitor.says(CHEST)
    assert "911" in caught.value.advice and "could not reach our team" in caught.value.advice


async def test_question_on_a_read_only_database_is_an_error_for_the_visitor(parts: Any, visitor: Visitor, monkeypatch: Any) -> None:
    read_only(parts, monkeypatch)
    with pytest.raises(StoreUnavailable) as caught:
        await visitor.says("how long is a session?")
    assert caught.value.advice is None and "call us" in caught.value.for_visitor


def read_only(parts: Any, monkeypatch: Any) -> None:
    """Make the real SQLite database refuse to be written."""
    import sqlalchemy as sa

    engine = parts.store._writer

    @sa.event.listens_for(engine, "begin")
    def forbid(connection: Any) -> None:
        raise sa.exc.OperationalError("write", {}, sqlite3.OperationalError("attempt to write a readonly database"))


async def test_retry_of_a_message_is_answered_once(visitor: Visitor, parts: Any) -> None:
    incoming = Incoming(visitor.id, "m1", "how long is a session?")
    first = await visitor.frontdesk.converse(incoming)
    again = await visitor.frontdesk.converse(incoming)
    assert first == again
    assert len(parts.desk.messages(visitor.id)) == 2


async def test_messages_of_one_visitor_are_answered_in_their_order(parts: Any) -> None:
    async def slow_first(message: Any) -> Response:
        await asyncio.sleep(0.05 if message.text == "0" else 0)
        return Response((Draft(message.text, {}, "x", "answer", 1.0),), "x", "answer", 1.0)

    visitor = Visitor(door(parts, Scripted(slow_first)), parts)
    await asyncio.gather(*(visitor.says(str(number)) for number in range(6)))
    said = [m.text for m in parts.desk.messages(visitor.id) if m.author == "bot"]
    asked = [m.text for m in parts.desk.messages(visitor.id) if m.author == "visitor"]
    assert said == asked


async def test_message_left_unanswered_by_a_crash_is_answered_by_recovery(parts: Any) -> None:
    visitor = Visitor(door(parts, Scripted()), parts)
    parts.desk.accept(visitor.id, "m1", "how long is a session?")
    stop = asyncio.Event()
    task = asyncio.ensure_future(visitor.frontdesk.recover(stop))
    await until_then(lambda: len(parts.desk.messages(visitor.id)) == 2)
    stop.set()
    await task
    assert [m.author for m in parts.desk.messages(visitor.id)] == ["visitor", "bot"]


async def test_bot_is_silent_while_a_person_has_the_conversation(visitor: Visitor, parts: Any) -> None:
    await visitor.says(WRIST)
    parts.desk.claim(visitor.handoff.id, "Ann")
    assert await visitor.says("how long is a session?") == ()


async def test_emergency_is_answered_where_the_dialogue_cannot_even_expect_it(parts: Any) -> None:
    class Shut(Scripted):
        def expect(self, text: str) -> None:
            raise RuntimeError("cannot schedule new futures after shutdown")

    assert "911" in await Visitor(door(parts, Shut()), parts).hears(CHEST)


async def test_red_flag_is_answered_while_a_person_has_the_conversation(visitor: Visitor, parts: Any) -> None:
    await visitor.says(WRIST)
    parts.desk.claim(visitor.handoff.id, "Ann")
    assert "911" in await visitor.hears(CHEST)
    assert visitor.handoff.urgency == "emergency"


async def test_empty_message_is_refused(visitor: Visitor) -> None:
    with pytest.raises(Refused):
        await visitor.says(" \n\u0000 ")


async def test_long_message_is_refused(visitor: Visitor) -> None:
    with pytest.raises(TooLong):
        await visitor.says("a" * (LONGEST_TEXT + 1))


async def test_long_message_with_a_red_flag_carries_the_emergency_text_and_is_kept(visitor: Visitor) -> None:
    with pytest.raises(TooLong) as caught:
        await visitor.says(CHEST + " and so on" * 300)
    assert "911" in caught.value.advice
    assert visitor.handoff.urgency == "emergency"


class NoMore:
    def check(self, visitor: str, address: str) -> None:
        raise TooMany("too many")


async def test_too_many_messages_are_refused(parts: Any) -> None:
    with pytest.raises(TooMany):
        await Visitor(door(parts, Scripted(), limits=NoMore()), parts).says("hello")


async def test_emergency_is_never_refused_for_writing_too_often(parts: Any) -> None:
    assert "911" in await Visitor(door(parts, Scripted(), limits=NoMore()), parts).hears(CHEST)


async def test_other_language_gets_the_emergency_line_and_staff(visitor: Visitor) -> None:
    assert "911" in await visitor.hears("Hola, quiero saber si trabajan los domingos y cuánto cuesta una sesión")
    assert visitor.handoff is not None


async def test_callback_form_is_kept_while_a_person_has_the_conversation(visitor: Visitor, parts: Any) -> None:
    await visitor.says(WRIST)
    parts.desk.claim(visitor.handoff.id, "Ann")
    await visitor.says("Ann, 202-555-0142, mornings", callback={"name": "Ann", "phone": "+12025550142", "consent": True})
    assert visitor.handoff.callback.phone == "+12025550142"


async def test_callback_form_is_kept_while_an_emergency_is_open(visitor: Visitor) -> None:
    await visitor.says(CHEST)
    await visitor.says("Ann, 202-555-0142, mornings", callback={"name": "Ann", "phone": "+12025550142", "consent": True})
    assert visitor.handoff.callback.phone == "+12025550142"
    assert visitor.asked.route == "emergency"


async def test_callback_form_that_tells_of_an_emergency_is_kept_with_it(visitor: Visitor) -> None:
    wish = {"name": "Ann", "phone": "+12025550142", "best_time": CHEST, "consent": True}
    assert "911" in (await visitor.says(f"Ann, 202-555-0142, {CHEST}", callback=wish))[-1].text
    assert visitor.handoff.urgency == "emergency"
    assert visitor.handoff.callback.phone == "+12025550142"


async def test_callback_form_is_kept_with_the_handoff(visitor: Visitor) -> None:
    wish = {"name": "Ann", "phone": "+12025550142", "best_time": "mornings", "consent": True}
    await visitor.says("Ann, 202-555-0142, mornings", callback=wish)
    assert visitor.handoff.callback.phone == "+12025550142"


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("a\u0000b", "ab"), ("Z\u0351\u0352\u0353\u0354\u0355a", "Z\u0351\u0352\u0353a"), ("  hi\r\n", "hi"), ("مرحبا", "مرحبا")],
)
def test_clean_drops_what_no_person_types(typed: str, kept: str) -> None:
    assert clean(typed) == kept


async def test_message_texts_never_reach_the_log(parts: Any, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    visitor = Visitor(door(parts, Scripted(RuntimeError("boom"))), parts)
    await visitor.says("my secretword knee hurts")
    await visitor.says(CHEST + " secretword")
    assert "secretword" not in caplog.text
