"""Whole conversations with the trained model, through the door: texts, carry-over, forms and rows."""

from __future__ import annotations

from typing import Any

import pytest

from tests.visitor import Visitor

pytestmark = pytest.mark.model


@pytest.fixture
def visitor(frontdesk: Any, parts: Any) -> Visitor:
    return Visitor(frontdesk, parts)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("how long is a session?", "session_length"),
        ("HOW MUCH DOES IT COST", "cost"),
        ("whats teh adress", "clinic_location"),
        ("do u take insurence", "insurance_referral"),
        ("does it hurt", "does_it_hurt"),
        ("is it the same as acupuncture?", "acupuncture_difference"),
        ("can dry needling collapse a lung?", "risks_side_effects"),
        ("is it safe in pregnancy?", "contraindications"),
        ("r u open on satuday", "clinic_hours"),
    ],
)
async def test_question_gets_its_topics_answer(visitor: Visitor, text: str, topic: str) -> None:
    await visitor.says(text)
    assert (visitor.asked.route, visitor.asked.topic) == ("answer", topic)


async def test_follow_ups_change_topic(visitor: Visitor) -> None:
    for text, topic in (
        ("how long does it take?", "session_length"),
        ("and how much is that?", "cost"),
        ("and for a 14-year-old?", "age_suitability"),
    ):
        await visitor.says(text)
        assert visitor.asked.topic == topic


async def test_two_questions_in_one_message_get_both_answers(visitor: Visitor) -> None:
    replies = await visitor.says("How long is a session? And how much does it cost?")
    assert {reply.topic for reply in replies} == {"session_length", "cost"}


@pytest.mark.parametrize(
    "text",
    [
        "what time does the marathon start and is there parking near the finish?",
        "how does a vaccine work and how long does it last?",
    ],
)
async def test_a_question_about_something_else_is_not_answered_in_parts(visitor: Visitor, text: str) -> None:
    replies = await visitor.says(text)
    assert [reply.route for reply in replies] == ["decline"]


@pytest.mark.parametrize(
    ("first", "then", "topic"),
    [
        ("how much is a visit?", "and for two?", "cost"),
        ("what should people avoid after a session?", "coffee?", "aftercare"),
        ("when are you open on friday?", "from when?", "clinic_hours"),
        ("how much is a visit?", "where are you", "clinic_location"),
    ],
)
async def test_a_few_words_ask_what_was_asked_before(visitor: Visitor, first: str, then: str, topic: str) -> None:
    await visitor.says(first)
    await visitor.says(then)
    assert (visitor.asked.route, visitor.asked.topic) == ("answer", topic)


@pytest.mark.parametrize(
    "text",
    [
        "quick question",
        "im here",
        "I'm outside",
        "cant come today",
        "i wont make it today",
        "she's 9",
        "i'm 31 weeks",
        "call me",
        "feeling much better",
    ],
)
async def test_what_is_said_at_a_desk_all_day_is_no_emergency(visitor: Visitor, text: str) -> None:
    await visitor.says(text)
    assert visitor.asked.route != "emergency"


async def test_site_is_asked_only_where_the_answer_differs_and_may_be_typed(visitor: Visitor) -> None:
    replies = await visitor.says("are you open on saturday?")
    sites = [button["title"] for reply in replies for button in reply.payload.get("buttons", ())]
    assert len(sites) == 2
    assert "closed" in (await visitor.hears(sites[1])).lower()


async def test_offered_button_needs_no_guessing(visitor: Visitor) -> None:
    replies = await visitor.says("what is dry needling?")
    button = replies[0].payload["buttons"][0]
    await visitor.says(button["title"], intent=button["intent"])
    assert visitor.asked.confidence == 1.0


async def test_intent_that_no_button_offered_is_not_believed(visitor: Visitor) -> None:
    await visitor.says("my knee has been aching for three weeks", intent="greet")
    assert visitor.asked.route == "staff"


@pytest.mark.parametrize(
    "text",
    [
        "my knee has been aching for three weeks",
        "i'm on warfarin, can i have it?",
        "my daughter is 9, is that ok?",
        "Why does my hip click when I run?",
    ],
)
async def test_personal_report_goes_to_staff_and_is_kept_before_staff_are_mentioned(visitor: Visitor, text: str) -> None:
    said = await visitor.hears(text)
    assert visitor.asked.route == "staff"
    assert visitor.handoff is not None and visitor.handoff.visitor_text == text
    assert "I have told our team" not in said


async def test_told_needs_an_acknowledgement(visitor: Visitor, parts: Any) -> None:
    await visitor.says("my knee has been aching for three weeks")
    parts.desk.acknowledge(visitor.handoff.id, "Ann")
    assert "I have told our team" in await visitor.hears("my other knee hurts too now")


async def callback_form(visitor: Visitor) -> None:
    await visitor.says("I want to talk to a person")
    await visitor.says("yes please")


async def test_callback_form_keeps_name_phone_time_and_consent(visitor: Visitor) -> None:
    await callback_form(visitor)
    for text in ("Anna Example", "202-555-0142", "tomorrow morning", "yes"):
        await visitor.says(text)
    wish = visitor.handoff.callback
    assert (wish.name, wish.phone, wish.best_time) == ("Anna Example", "+12025550142", "tomorrow morning")


async def test_question_interrupts_the_callback_form_and_it_resumes(visitor: Visitor) -> None:
    await callback_form(visitor)
    await visitor.says("Anna Example")
    said = await visitor.hears("how much is a session?")
    assert "$" in said and "phone number" in said


async def test_question_in_the_callback_form_counts_as_answered(visitor: Visitor) -> None:
    await visitor.says("can someone call me back please")
    assert visitor.asked.route == "staff"
    await visitor.says("do I need a referral?")
    assert (visitor.asked.route, visitor.asked.topic) == ("answer", "insurance_referral")
    await visitor.says("Robin")
    assert visitor.asked.route == "staff"


async def test_wrong_phone_number_is_asked_for_again(visitor: Visitor) -> None:
    await callback_form(visitor)
    await visitor.says("Bob")
    assert "whole phone number" in await visitor.hears("202 555")


async def test_phone_number_can_be_corrected_later(visitor: Visitor) -> None:
    await callback_form(visitor)
    for text in ("Bob", "202-555-0142", "no wait the number is 202-555-0155", "after five", "yes"):
        await visitor.says(text)
    assert visitor.handoff.callback.phone == "+12025550155"


async def test_callback_form_can_be_refused(visitor: Visitor) -> None:
    await callback_form(visitor)
    assert "nobody will call" in await visitor.hears("never mind")
    assert visitor.handoff.callback is None


async def test_without_consent_nobody_calls(visitor: Visitor) -> None:
    await callback_form(visitor)
    for text in ("Bob", "202-555-0142", "mornings", "no"):
        await visitor.says(text)
    assert visitor.handoff.callback is None


@pytest.mark.parametrize("step", range(4))
async def test_red_flag_breaks_out_of_callback_form(visitor: Visitor, step: int) -> None:
    await callback_form(visitor)
    for text in ("Bob", "202-555-0142", "mornings")[:step]:
        await visitor.says(text)
    assert "Call 911" in await visitor.hears("actually i get a sharp pain in my chest when i breathe in")
    assert visitor.handoff.urgency == "emergency"


async def test_form_does_not_resume_behind_an_emergency(visitor: Visitor, parts: Any) -> None:
    await callback_form(visitor)
    await visitor.says("i cant breathe")
    parts.desk.close(visitor.handoff.id, "Ann", "called")
    await visitor.says("how long is a session?")
    assert visitor.asked.topic == "session_length"


async def test_twice_not_sure_hands_off(visitor: Visitor) -> None:
    from actions.turn import Turn  # noqa: F401 - the action under test reads it

    for text in ("wibble wobble the thing with the", "flurb the snozz then"):
        await visitor.says(text)
    routes = [m.route for m in visitor.parts.desk.messages(visitor.id) if m.author == "visitor"]
    assert set(routes) <= {"decline", "staff", "answer"}


async def test_off_topic_is_declined_with_what_it_can_do(visitor: Visitor) -> None:
    await visitor.says("what is the capital of france")
    assert visitor.asked.route == "decline"


@pytest.mark.parametrize(
    "text",
    [
        "/restart",
        '/report_symptom{"a": 1}',
        "/ask_cost",
        "<script>alert(1)</script>",
        "'; DROP TABLE message; --",
        "😀😀😀",
        "מה השעה",
        "a\u0301\u0301\u0301\u0301\u0301\u0301\u0301",
    ],
)
async def test_odd_input_gets_a_reply_and_executes_nothing(visitor: Visitor, text: str) -> None:
    assert await visitor.says(text)
    assert visitor.asked.confidence is not None


async def test_slash_command_is_not_obeyed(visitor: Visitor) -> None:
    await visitor.says("/restart")
    assert visitor.asked.confidence < 1.0 or visitor.asked.route == "decline"


async def test_conversation_survives_a_new_process(visitor: Visitor, frontdesk: Any) -> None:
    await callback_form(visitor)
    await visitor.says("Bob")
    frontdesk._dialogue.forget(visitor.id)  # what a restart leaves: only what was stored
    assert "good time" in await visitor.hears("202-555-0142")


async def test_long_conversations_keep_short_trackers(visitor: Visitor, parts: Any) -> None:
    import sqlalchemy as sa

    from bot.tables import tracker_snapshot

    for _ in range(8):
        await visitor.says("how long is a session?")
    with parts.store.reading() as connection:
        events = connection.execute(sa.select(tracker_snapshot.c.events).where(tracker_snapshot.c.sender_id == visitor.id)).scalar()
    assert events.count('"event": "user"') <= 3
