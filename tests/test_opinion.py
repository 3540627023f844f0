"""What the learned detector may change about the list's finding, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.opinion import ALARM, REPORT, Opinion, alarms, reports, weigh, weighed
from bot.safety import Level, SafetyList

LIST = SafetyList.load(Path(__file__).parents[1] / "clinic" / "safety.yml")
SURELY_NOTHING = Opinion(report=0.0, emergency=0.0)
CHEST = "i have chest pain and cant breathe"

chances = st.floats(0, 1)


@given(chances, st.floats(ALARM[Level.EMERGENCY], 1))
def test_possible_emergency_stands(report: float, emergency: float) -> None:
    assert weigh(Level.EMERGENCY, True, Opinion(report, emergency)) == (Level.EMERGENCY, True)


@given(st.floats(REPORT[Level.URGENT], 1))
def test_impossible_emergency_of_somebodys_body_is_urgent(report: float) -> None:
    assert weigh(Level.EMERGENCY, True, Opinion(report, 0.0)) == (Level.URGENT, True)


@given(st.sampled_from(Level), chances, chances)
def test_opinion_never_raises_a_level(level: Level, report: float, emergency: float) -> None:
    assert weigh(level, False, Opinion(report, emergency))[0] <= level


def test_few_words_in_which_one_reader_sees_danger_are_for_a_person_and_no_emergency() -> None:
    outside = Opinion(report=0.6, emergency=0.5, agreed=0.1)
    assert not alarms(Level.NONE, outside)
    assert reports(Level.NONE, outside)


@pytest.mark.parametrize("level", [level for level in Level if level])
def test_few_words_that_the_list_knows_are_not_doubted_for_their_number(level: Level) -> None:
    assert alarms(level, Opinion(report=0.9, emergency=0.9, agreed=0.0))


@pytest.mark.parametrize("level", list(Level))
def test_message_about_nobodys_body_is_left_to_the_dialogue(level: Level) -> None:
    assert weigh(level, True, SURELY_NOTHING) == (Level.NONE, False)


def test_list_stands_where_nobody_can_be_asked() -> None:
    found = LIST.assess(CHEST)
    assert weighed(found, found, None) is found


def test_overruled_assessment_keeps_what_was_found_for_staff() -> None:
    found = LIST.assess(CHEST)
    lowered = weighed(found, found, Opinion(report=0.9, emergency=0.0))
    assert (lowered.level, lowered.kind, lowered.matches) == (Level.URGENT, "urgent", found.matches)


def test_what_was_written_before_is_not_overruled_by_one_message() -> None:
    found, alone = LIST.assess("it feels very tight now", ["it's my chest"]), LIST.assess("it feels very tight now")
    assert weighed(found, alone, SURELY_NOTHING).level is Level.EMERGENCY


def test_crisis_is_never_doubted() -> None:
    found = LIST.assess("i want to kill myself")
    assert weighed(found, found, SURELY_NOTHING).level is Level.EMERGENCY


@pytest.mark.parametrize("level", list(Level))
def test_the_more_the_list_finds_the_less_the_detector_must_add(level: Level) -> None:
    milder = Level(max(level - 1, 0))
    assert REPORT[level] <= REPORT[milder]
    assert ALARM[level] <= ALARM[milder] or level is Level.ROUTINE


def test_detector_alone_must_be_surer_of_what_the_list_reads_as_an_ordinary_complaint() -> None:
    unsure = Opinion(report=0.9, emergency=ALARM[Level.ROUTINE] - 0.01)
    assert not alarms(Level.ROUTINE, unsure)
    assert alarms(Level.NONE, unsure) and alarms(Level.URGENT, unsure)


@given(st.sampled_from(Level), chances)
def test_detector_alone_is_enough_for_staff(level: Level, emergency: float) -> None:
    assert reports(level, Opinion(report=REPORT[Level.NONE], emergency=emergency))
