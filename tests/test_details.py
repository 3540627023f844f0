"""Call-back details in a visitor's own words: what is a name, a number, a time, and what is none."""

from __future__ import annotations

import pytest

from actions.details import name_in, name_told, phone_in, time_in, told_in, wants_a_call, without_phone


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Ann", "Ann"),
        ("ann smith", "ann smith"),
        ("ANN SMITH", "ANN SMITH"),
        ("it's Ann", "Ann"),
        ("It’s Kathryn with a K", "Kathryn"),
        ("i'm ann", "ann"),
        ("Sure, it's Ann.", "Ann"),
        ("hi, i'm ann smith", "ann smith"),
        ("my name is Dr. O'Neil-Smith", "Dr. O'Neil-Smith"),
        ("my name is ann smith thanks", "ann smith"),
        ("Nguyễn Thị", "Nguyễn Thị"),
        ("José María García López", "José María García López"),
        ("王芳", "王芳"),
        ("Олег", "Олег"),
        ("नेहा शर्मा", "नेहा शर्मा"),
        ("Mohammed al-Farsi", "Mohammed al-Farsi"),
        ("Smith, John", "Smith, John"),
        ("Sam Jr.", "Sam Jr."),
        ("Ann please", "Ann"),
        ("ann here", "ann"),
        ("Robert but everyone calls me Bob", "Robert"),
        ("change the name to Elizabeth please", "Elizabeth"),
        ("name: Omar Hassan", "Omar Hassan"),
        ("its under the name Garcia", "Garcia"),
        ("Will Smith", "Will Smith"),
        ("will smith", "will smith"),
        ("An Do", "An Do"),
        ("Ann Price", "Ann Price"),
        ("Tom 555-0155", "Tom"),
    ],
)
def test_name_is_taken_out_of_an_answer(answer: str, name: str) -> None:
    assert name_in(answer) == name


@pytest.mark.parametrize(
    "answer",
    [
        *("can i talk to a real person instead?", "what?", "what", "how much is it?", "how much", "HOW MUCH IS IT", "who is this"),
        *("no", "no never mind", "never mind", "No Thanks", "i'd rather not", "prefer not to say", "not telling you", "stop"),
        *("hello", "Good morning", "thanks", "Thank You", "yes", "Yes please", "ok", "y"),
        *("07700 900123", "3035550187", "...", "😀", ""),
        *("i'm not sure", "I'm confused", "hang on", "one sec", "idk", "i already told you", "me", "my number is"),
        *("parking", "sore back", "tomorrow morning", "call me back", "Acupuncture for kids", "Will It Hurt"),
    ],
)
def test_what_is_no_name_is_not_taken_for_one(answer: str) -> None:
    assert name_in(answer) is None


def test_little_word_is_a_name_where_it_is_said_again() -> None:
    assert name_in("Can") is None
    assert name_in("Can", again=True) == "Can"
    assert name_in("thanks", again=True) is None


def test_name_is_as_long_as_a_name() -> None:
    assert name_in("x" * 200) == "x" * 60
    assert name_in("Ann Bea Cleo Dora Eve Flo Gina") is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("please call me, I'm Ann", "Ann"),
        ("my name is Sarah and i have a question", "Sarah"),
        ("I'm fed up with this", None),
        ("I'm On Warfarin", None),
        ("it's about my bill", None),
    ],
)
def test_name_within_a_message_must_be_introduced_and_written_as_one(text: str, name: str | None) -> None:
    assert name_told(text) == name


@pytest.mark.parametrize(
    ("text", "country", "number"),
    [
        ("303 555 0128", "US", "+13035550128"),
        ("it is (303) 555-0128, thanks", "US", "+13035550128"),
        ("+44 7700 900123", "US", "+447700900123"),
        ("07700 900123", "GB", "+447700900123"),
        ("07700 900123", "US", None),
        ("202 555", "US", None),
        ("555-0142", "US", None),
        ("2026-11-24 10:30", "US", None),
        ("between 9 30 and 11 45", "US", None),
    ],
)
def test_phone_number_is_one_that_can_be_called_from_anywhere(text: str, country: str, number: str | None) -> None:
    assert phone_in(text, country) == number


def test_text_without_its_number_keeps_its_other_words() -> None:
    assert without_phone("Ann 303 555 0128 or 303 555 0129", "US").split() == ["Ann", ",", "or", ","]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("call me after 5pm", "after 5pm"),
        ("tomorrow between 9 and 11, please", "tomorrow between 9 and 11"),
        ("mornings", "mornings"),
        ("whenever but not during school pickup", "whenever but not during school pickup"),
        ("what do you mean?", None),
    ],
)
def test_time_is_what_a_text_says_about_when(text: str, time: str | None) -> None:
    assert time_in(text) == time


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("please call me on 555 010 0123, I'm Ann", {"callback_name": "Ann", "callback_phone": "+15550100123"}),
        ("call me on 303 555 0128 after 5pm", {"callback_phone": "+13035550128", "callback_time": "after 5pm"}),
        ("Anna Kowalska, 303 555 0138", {"callback_name": "Anna Kowalska", "callback_phone": "+13035550138"}),
        ("Dr Lee please call me 303 555 0128", {"callback_phone": "+13035550128"}),
        ("it's Monday and nobody called 303 555 0128", {"callback_phone": "+13035550128"}),
        ("this is Mike", {"callback_name": "Mike"}),
        ("can someone call me tomorrow?", {}),
    ],
)
def test_message_that_opens_the_form_tells_some_of_it(text: str, told: dict[str, str]) -> None:
    assert told_in(text, "US") == told


@pytest.mark.parametrize(
    "text", ["can someone call me back please", "ring me tomorrow", "could i get a callback", "give us a bell", "phone my husband"]
)
def test_wish_to_be_called_is_recognised(text: str) -> None:
    assert wants_a_call(text)


@pytest.mark.parametrize(
    "text", ["can i call you?", "what number do i ring", "i want to talk to a person", "my back hurts, who do i call"]
)
def test_wish_to_call_is_not_a_wish_to_be_called(text: str) -> None:
    assert not wants_a_call(text)
