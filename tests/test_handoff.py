"""What a visitor reads when a message goes to staff, and what staff are left."""

from __future__ import annotations

import pytest
from fixtures_dialogue import Understood

from actions.handoff import CONDITIONS

pytest_plugins = ("fixtures_dialogue",)

LEFT = "I have left this for our team; please do not wait for them."
SYMPTOM = "I can't give advice about your own health"
GENERAL = "Please tell our team about this before you book"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("i'm on warfarin, can i have it?", "Do not stop or change any medicine"),
        ("I'm pregnant, can I come?", "a therapist and your maternity team"),
        ("i have a pacemaker, is that ok?", "Please tell our team about a pacemaker"),
        ("my daughter is 9, is that ok?", "Our rule for under-18s"),
        ("i've got a bad cold, should i still come?", "needling usually has to wait"),
        ("type 1 diabetic here, ok?", GENERAL),
        ("my son is 9 and on methotrexate", GENERAL),
        ("i'm 81, too old?", GENERAL),
    ],
)
async def test_personal_situation_gets_its_own_wording_and_goes_to_staff(visitor: Understood, text: str, says: str) -> None:
    said = await visitor.hears(text, "report_condition")
    assert says in said and LEFT in said and SYMPTOM not in said
    assert visitor.said[0]["custom"]["route"] == "staff"
    assert visitor.handoff is not None and visitor.handoff.reason == "condition" and visitor.handoff.visitor_text == text


@pytest.mark.parametrize("text", ["I'm diabetic and my foot is numb", "i have a fever, can i still come?"])
async def test_situation_with_a_complaint_gets_the_symptoms_wording(visitor: Understood, text: str) -> None:
    assert SYMPTOM in await visitor.hears(text, "report_condition")


async def test_situation_that_is_urgent_gets_the_urgent_wording(visitor: Understood) -> None:
    said = await visitor.hears("my wrist went floppy after the needling and i cant lift it", "report_condition")
    assert "needs to speak to you today" in said


@pytest.mark.parametrize("key", [f"{topic}/{variant}" for topic, variants in CONDITIONS.items() for variant in sorted(variants)])
def test_every_wording_for_a_situation_defers_to_a_therapist(understood_parts: object, key: str) -> None:
    text = understood_parts.answers.entries()[key].fields["text"]  # type: ignore[attr-defined]
    assert "therapist" in text and any(words in text for words in ("check", "is a question for", "cannot say"))


async def test_situation_told_in_the_form_is_worded_and_the_form_resumes(visitor: Understood) -> None:
    await visitor.hears("could you ring me", "inform_callback")
    said = await visitor.hears("i'm on warfarin, can i have it?", "report_condition")
    assert "Do not stop or change any medicine" in said and "What name" in said


async def test_symptom_keeps_its_wording(visitor: Understood) -> None:
    assert SYMPTOM in await visitor.hears("my knee has been aching for three weeks", "report_symptom")
