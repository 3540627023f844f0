"""What a yes or a no leads to, and what happens where nothing was understood."""

from __future__ import annotations

import pytest
from fixtures_dialogue import Understood

pytest_plugins = ("fixtures_dialogue",)

CLOSE = ("ask_cost", "ask_session_length", "ask_booking", "ask_history")


async def test_not_sure_offers_the_closest_topics_and_a_person(visitor: Understood) -> None:
    said = await visitor.hears("wibble wobble", "nlu_fallback", 0.1, CLOSE)
    assert "I am not sure" in said
    assert visitor.buttons == ["What does it cost?", "How long is a session?", "Book an appointment", "Talk to a person"]
    assert visitor.handoff is None


async def test_twice_not_sure_hands_off_without_pretending_that_a_person_was_asked_for(visitor: Understood) -> None:
    await visitor.hears("wibble wobble", "nlu_fallback", 0.1, CLOSE)
    said = await visitor.hears("flurb the snozz", "nlu_fallback", 0.1, CLOSE)
    assert "Of course" not in said and "I have left this for our team" in said
    assert visitor.handoff is not None and visitor.handoff.reason == "unsure"
    assert "Ask for a call-back" in visitor.buttons


async def test_not_sure_twice_with_an_answer_between_is_not_twice_in_a_row(visitor: Understood) -> None:
    await visitor.hears("wibble wobble", "nlu_fallback", 0.1, CLOSE)
    await visitor.hears("what does it cost?", "ask_cost")
    assert "I am not sure" in await visitor.hears("flurb the snozz", "nlu_fallback", 0.1, CLOSE)


async def test_yes_to_an_offered_topic_ends_the_row_too(visitor: Understood) -> None:
    await visitor.hears("wibble wobble", "nlu_fallback", 0.1, CLOSE)
    assert "$" in await visitor.hears("yes", "affirm")
    assert visitor.slot("last_topic") == "cost"
    assert "I am not sure" in await visitor.hears("flurb the snozz", "nlu_fallback", 0.1, CLOSE)


async def test_beside_an_answer_nothing_is_declined(visitor: Understood) -> None:
    said = await visitor.hears("how much is it, and the parking", "out_of_scope", 0.7, also=("ask_cost",))
    assert "$" in said and "I can only help" not in said


async def test_of_what_is_surely_about_something_else_no_part_is_answered(visitor: Understood) -> None:
    said = await visitor.hears("what does the train cost, and is there parking", "out_of_scope", 0.95, also=("ask_cost",))
    assert "I can only help" in said and "$" not in said


async def test_no_to_the_offered_topics_offers_a_call(visitor: Understood) -> None:
    await visitor.hears("wibble wobble", "nlu_fallback", 0.1, CLOSE)
    assert await visitor.hears("no", "deny") == "Shall I ask our team to call you?"
    assert "What name" in await visitor.hears("yes", "affirm")


async def test_no_to_the_call_too_is_fine(visitor: Understood) -> None:
    await visitor.hears("wibble wobble", "nlu_fallback", 0.1, CLOSE)
    await visitor.hears("no", "deny")
    assert "If you have another question" in await visitor.hears("no", "deny")
    assert not visitor.open


async def test_yes_to_an_offered_call_back_begins_the_form_with_what_was_told(visitor: Understood) -> None:
    await visitor.hears("my knee aches, my number is 303 555 0128", "report_symptom")
    assert "What name" in await visitor.hears("yes", "affirm")
    assert "When is a good time" in await visitor.hears("Ann", "inform_callback")


@pytest.mark.parametrize(
    "text", ["ok", "Perfect!", "lol ok", "great thanks", "ah ok, got it", "👍", "that's fine", "that\u2019s fine"]
)
async def test_word_of_acknowledgement_takes_up_nothing_that_an_answer_only_mentions(visitor: Understood, text: str) -> None:
    assert "I can ask our team to call you" in await visitor.hears("can i book here?", "ask_booking")
    assert await visitor.hears(text, "affirm") == "Good. What would you like to know?"
    assert not visitor.open


@pytest.mark.parametrize("text", ["yes", "ok yes please", "sure", "please do", "ok call me"])
async def test_yes_takes_up_a_call_back_that_an_answer_mentions(visitor: Understood, text: str) -> None:
    await visitor.hears("can i book here?", "ask_booking")
    assert "What name" in await visitor.hears(text, "affirm")


@pytest.mark.parametrize("word", ["👍", "thats ", "that is ", "ok "])
async def test_words_of_acknowledgement_without_end_are_read_at_once(visitor: Understood, word: str) -> None:
    await visitor.hears("can i book here?", "ask_booking")
    assert "What name" in await visitor.hears(word * 400 + "x", "affirm")


@pytest.mark.parametrize(("asked", "intent"), [("my knee aches", "report_symptom"), ("could you book it for me", "ask_booking")])
async def test_ok_takes_up_what_was_offered_in_so_many_words(visitor: Understood, asked: str, intent: str) -> None:
    await visitor.hears(asked, intent)
    assert "What name" in await visitor.hears("ok", "affirm")


async def test_no_to_an_offered_call_back_forgets_the_number(visitor: Understood) -> None:
    await visitor.hears("my knee aches, my number is 303 555 0128", "report_symptom")
    assert "If you have another question" in await visitor.hears("no thanks", "deny")
    assert visitor.slot("callback_phone") is None


async def test_yes_after_a_person_was_asked_for_in_the_form_begins_it_again(visitor: Understood) -> None:
    await visitor.hears("could you ring me", "inform_callback")
    await visitor.hears("can i talk to a real person instead?", "talk_to_human")
    assert "What name" in await visitor.hears("yes", "affirm")


async def test_yes_and_no_out_of_the_blue_are_kind_words(visitor: Understood) -> None:
    assert await visitor.hears("yes", "affirm") == "Good. What would you like to know?"
    assert "If you have another question" in await visitor.hears("no", "deny")


async def test_follow_up_is_about_what_was_answered_before(visitor: Understood) -> None:
    await visitor.hears("how long is a 30 minute session?", "ask_session_length")
    assert "$75" in await visitor.hears("and how much is that?", "ask_cost")


async def test_site_typed_after_it_was_asked_for_answers_the_question_before(visitor: Understood) -> None:
    assert "Which of our clinics" in await visitor.hears("are you open on saturday?", "ask_clinic_hours")
    assert "Juniper Road" in await visitor.hears("juniper", "nlu_fallback", 0.1)


async def test_yes_to_the_question_which_site_asks_it_again(visitor: Understood) -> None:
    asked = await visitor.hears("are you open on saturday?", "ask_clinic_hours")
    assert await visitor.hears("yes", "affirm") == asked
    assert "Juniper Road" in await visitor.hears("juniper", "nlu_fallback", 0.1)


async def test_yes_that_names_the_site_is_an_answer(visitor: Understood) -> None:
    await visitor.hears("are you open on saturday?", "ask_clinic_hours")
    assert (await visitor.hears("yes at juniper road", "affirm")).startswith("Juniper Road")
