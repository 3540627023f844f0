"""The call-back form in Rasa's own form loop: what it takes, what it asks again, what ends it, what interrupts it."""

from __future__ import annotations

import pytest
from fixtures_dialogue import Understood

pytest_plugins = ("fixtures_dialogue",)

NAME, PHONE, TIME, CONSENT = "What name", "On which phone number", "When is a good time", "May our team call"

STEPS = ("Ann", "303 555 0128", "tomorrow morning")


@pytest.fixture
def form(visitor: Understood) -> Understood:
    return visitor


async def opened(form: Understood, *answers: str) -> str:
    """Open the form with a message that tells nothing, and answer its first questions."""
    said = await form.hears("could you ring me", "inform_callback")
    for text in answers:
        said = await form.hears(text, "inform_callback")
    return said


# -- from beginning to end -----------------------------------------------------------------------------------------------


async def test_form_asks_four_questions_and_keeps_the_wish(form: Understood) -> None:
    assert NAME in await opened(form)
    assert PHONE in await form.hears("Ann", "inform_callback")
    assert TIME in await form.hears("303 555 0128", "inform_callback")
    assert CONSENT in await form.hears("after 5 pm", "inform_callback")
    assert "Thank you" in await form.hears("yes", "affirm")
    assert form.wish == ("Ann", "+13035550128", "after 5 pm")
    assert not form.open


async def test_question_for_the_name_is_marked_for_the_door(form: Understood) -> None:
    await opened(form)
    assert form.said[-1]["custom"]["asks"] == "name"


async def test_name_and_number_of_the_opening_message_are_not_asked_again(form: Understood) -> None:
    said = await form.hears("please call me on 555 010 0123, I'm Ann", "inform_callback")
    assert TIME in said and NAME not in said and PHONE not in said
    await form.hears("any time", "inform_callback")
    await form.hears("yes", "affirm")
    assert form.wish == ("Ann", "+15550100123", "any time")


async def test_number_left_with_the_wish_for_a_person_begins_the_form(form: Understood) -> None:
    said = await form.hears("can a person call me on 303 555 0128 please", "talk_to_human")
    assert "Of course." in said and NAME in said
    assert form.slot("callback_phone") == "+13035550128"
    assert form.buttons == []


async def test_number_left_with_a_symptom_is_not_asked_for_when_the_call_back_is_taken(form: Understood) -> None:
    await form.hears("my knee aches since monday, my number is 303 555 0128", "report_symptom")
    assert (form.slot("callback_phone"), form.slot("callback_time"), form.open) == ("+13035550128", None, False)


async def test_name_and_number_in_one_breath_are_both_taken(form: Understood) -> None:
    await opened(form)
    assert TIME in await form.hears("Anna Kowalska, 303-555-0138", "inform_callback")
    assert (form.slot("callback_name"), form.slot("callback_phone")) == ("Anna Kowalska", "+13035550138")


async def completed(form: Understood) -> None:
    await opened(form, *STEPS)
    await form.hears("yes", "affirm")


async def test_who_asks_to_be_called_again_is_not_asked_for_the_name_again(form: Understood) -> None:
    await completed(form)
    assert TIME in await form.hears("please call me on 303 555 0199 instead", "inform_callback")
    await form.hears("mornings", "inform_callback")
    await form.hears("yes", "affirm")
    assert form.wish == ("Ann", "+13035550199", "mornings")


async def test_nobody_will_call_is_not_said_while_staff_have_an_earlier_wish(form: Understood) -> None:
    await completed(form)
    await form.hears("please call me on 303 555 0199 instead", "inform_callback")
    assert "nobody will call" not in await form.hears("forget it", "deny")
    assert form.wish == ("Ann", "+13035550128", "tomorrow morning")


# -- names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"), [("ann smith", "ann smith"), ("my name is Dr. O'Neil-Smith", "Dr. O'Neil-Smith"), ("王芳", "王芳")]
)
async def test_name_is_taken(form: Understood, text: str, name: str) -> None:
    await opened(form)
    assert PHONE in await form.hears(text, "nlu_fallback")
    assert form.slot("callback_name") == name


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("thanks", "thank"),
        ("hello", "greet"),
        ("yes", "affirm"),
        ("ok", "affirm"),
        ("what?", "nlu_fallback"),
        ("07700 900123", "inform_callback"),
        ("can someone call me?", "talk_to_human"),
    ],
)
async def test_what_is_no_name_is_asked_again(form: Understood, text: str, intent: str) -> None:
    await opened(form)
    assert NAME in await form.hears(text, intent)
    assert form.open and form.slot("callback_name") is None


@pytest.mark.parametrize(("text", "intent"), [("Dr Lee", "talk_to_human"), ("Bo", "greet"), ("Parker", "ask_clinic_location")])
async def test_name_is_believed_where_the_classifier_is_not_all_but_certain(form: Understood, text: str, intent: str) -> None:
    await opened(form)
    assert PHONE in await form.hears(text, intent, 0.7)


async def test_name_that_looks_like_something_else_is_believed_when_said_again(form: Understood) -> None:
    await opened(form)
    assert NAME in await form.hears("Ty", "thank")
    assert PHONE in await form.hears("Ty", "thank")
    assert form.slot("callback_name") == "Ty"


# -- refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(4))
@pytest.mark.parametrize("text", ["no never mind", "forget it", "I don’t want a call", "no thanks, i'm good"])
async def test_refusal_ends_the_form_politely_at_every_step(form: Understood, step: int, text: str) -> None:
    await opened(form, *STEPS[:step])
    assert "nobody will call you" in await form.hears(text, "deny")
    assert not form.open and form.wish is None
    assert all(form.slot(f"callback_{name}") is None for name in ("name", "phone", "time", "consent"))


@pytest.mark.parametrize("text", ["i'd rather not give my number", "no phone, email only", "nope"])
async def test_who_gives_no_number_is_not_pressed(form: Understood, text: str) -> None:
    await opened(form, *STEPS[:1])
    assert "nobody will call you" in await form.hears(text, "inform_callback")


async def test_person_asked_for_instead_gets_staff_and_leaves_the_form(form: Understood) -> None:
    await opened(form)
    said = await form.hears("can i talk to a real person instead?", "talk_to_human")
    assert "Of course." in said and "nobody will call" not in said and NAME not in said
    assert not form.open and form.handoff is not None and form.handoff.reason == "asked"
    assert form.slot("offer") == "callback"


# -- interruptions -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "question"), [(0, NAME), (1, PHONE), (2, TIME), (3, CONSENT)])
async def test_question_is_answered_and_the_form_resumes_at_its_step(form: Understood, step: int, question: str) -> None:
    await opened(form, *STEPS[:step])
    said = await form.hears("how much is it?", "ask_cost")
    assert "$" in said and said.rstrip().splitlines()[-1].startswith(question)


async def test_question_that_is_not_understood_gets_choices_and_the_form_resumes(form: Understood) -> None:
    await opened(form)
    said = await form.hears("can you wibble the flurb?", "nlu_fallback", 0.1)
    assert "I am not sure" in said and NAME in said


async def test_site_asked_for_in_the_form_may_be_typed(form: Understood) -> None:
    await opened(form)
    assert "Which of our clinics" in await form.hears("are you open on saturday?", "ask_clinic_hours")
    said = await form.hears("Willow Street", "ask_clinic_location")
    assert "9:00 am" in said or "closed" in said.lower()
    assert form.slot("callback_name") is None and NAME in said


async def test_tapped_button_is_a_question_whatever_its_words(form: Understood) -> None:
    await opened(form)
    said = await form.hears("Opening hours", "ask_clinic_hours", 1.0)
    assert form.slot("callback_name") is None and NAME in said and said.strip() != NAME


async def test_symptom_goes_to_staff_and_the_form_resumes(form: Understood) -> None:
    await opened(form)
    said = await form.hears("my hip has been aching for a month", "report_symptom")
    assert form.handoff is not None and form.handoff.reason == "symptom"
    assert NAME in said and form.open and form.slot("callback_name") is None


@pytest.mark.parametrize("step", range(4))
async def test_emergency_breaks_out_at_every_step(form: Understood, step: int) -> None:
    await opened(form, *STEPS[:step])
    await form.hears("i get a sharp pain in my chest when i breathe in", "report_emergency")
    assert not form.open and form.handoff is not None and form.handoff.urgency == "emergency"


# -- corrections ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [2, 3])
async def test_number_typed_later_corrects_the_first(form: Understood, step: int) -> None:
    asked = await opened(form, *STEPS[:step])
    assert await form.hears("303 555 0187", "inform_callback") == asked
    assert form.slot("callback_phone") == "+13035550187"


@pytest.mark.parametrize("step", [2, 3])
@pytest.mark.parametrize("text", ["change my number", "sorry that's the wrong number"])
async def test_number_is_asked_for_anew_on_request(form: Understood, step: int, text: str) -> None:
    await opened(form, *STEPS[:step])
    assert PHONE in await form.hears(text, "inform_callback")


async def test_name_is_corrected_in_a_later_step(form: Understood) -> None:
    await opened(form, *STEPS[:2])
    assert TIME in await form.hears("change the name to Elizabeth please", "inform_callback")
    assert form.slot("callback_name") == "Elizabeth"


async def test_time_is_corrected_when_consent_is_asked(form: Understood) -> None:
    await opened(form, *STEPS)
    assert CONSENT in await form.hears("actually ring in the afternoon", "inform_callback")
    assert form.slot("callback_time") == "actually ring in the afternoon"


# -- phone, time, consent ------------------------------------------------------------------------------------------------


async def test_half_a_number_is_told_and_words_without_one_are_not_blamed(form: Understood) -> None:
    await opened(form, *STEPS[:1])
    assert "whole phone number" in await form.hears("202 555", "inform_callback")
    assert "whole phone number" not in await form.hears("hang on a moment", "nlu_fallback")


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("tomorrow after 5", "ask_clinic_hours"),
        ("can you call after 5?", "ask_clinic_hours"),
        ("morning", "greet"),
        ("no preference", "deny"),
    ],
)
async def test_time_is_taken_in_the_visitors_words(form: Understood, text: str, intent: str) -> None:
    await opened(form, *STEPS[:2])
    assert CONSENT in await form.hears(text, intent)
    assert form.slot("callback_time") == text


@pytest.mark.parametrize(
    ("text", "intent"), [("what?", "nlu_fallback"), ("hello", "greet"), ("thanks", "thank"), ("parking", "ask_clinic_location")]
)
async def test_what_is_no_time_is_asked_again(form: Understood, text: str, intent: str) -> None:
    await opened(form, *STEPS[:2])
    assert TIME in await form.hears(text, intent)


@pytest.mark.parametrize(
    ("text", "intent"), [("yes", "affirm"), ("sure, no problem", "nlu_fallback"), ("Yes please", "nlu_fallback"), ("👍", "affirm")]
)
async def test_plain_yes_is_consent(form: Understood, text: str, intent: str) -> None:
    await opened(form, *STEPS)
    await form.hears(text, intent)
    assert form.wish == ("Ann", "+13035550128", "tomorrow morning")


@pytest.mark.parametrize("text", ["please don't", "please don't call me", "ok no", "no"])
async def test_no_is_never_taken_for_consent(form: Understood, text: str) -> None:
    await opened(form, *STEPS)
    assert "nobody will call you" in await form.hears(text, "nlu_fallback")
    assert form.wish is None


@pytest.mark.parametrize("text", ["ok but only by text", "yes?", "maybe"])
async def test_yes_that_is_not_plain_is_asked_again(form: Understood, text: str) -> None:
    await opened(form, *STEPS)
    assert CONSENT in await form.hears(text, "affirm")
    assert form.wish is None
