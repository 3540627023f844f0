"""Figures: each is computed by hand here once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.evaluation import Case, Prediction, calibration_error, confusions, read_cases, score
from bot.report import write_report


def said(
    case_route: str,
    route: str,
    *,
    topic: str = "cost",
    case_topic: str = "cost",
    confidence: float = 0.95,
    **alternatives: frozenset[str],
) -> Prediction:
    return Prediction(Case("1", "text", case_topic, case_route, **alternatives), topic, route, confidence)


def test_answer_is_right_only_with_its_topic() -> None:
    assert said("answer", "answer").right
    assert not said("answer", "answer", topic="booking").right


def test_alternatives_of_route_and_topic_count_as_right() -> None:
    assert said("answer", "answer", topic="booking", alt_topics=frozenset({"booking"})).right
    assert said("staff", "emergency", alt_routes=frozenset({"emergency"})).right


def test_alternative_answer_without_an_answer_topic_allows_none() -> None:
    assert not said("decline", "answer", case_topic="other_health", alt_routes=frozenset({"answer"})).right


def test_missed_emergency_is_one_that_nobody_is_told_of() -> None:
    report = score([said("emergency", "answer"), said("emergency", "staff"), said("emergency", "emergency")])
    assert (report.missed_emergencies, report.emergency_recall) == (1, pytest.approx(1 / 3))


def test_escalation_recall_counts_escalated_either_way() -> None:
    assert score(
        [said("emergency", "staff"), said("staff", "emergency"), said("staff", "decline")]
    ).escalation_recall == pytest.approx(2 / 3)


def test_false_escalations_are_counted_over_answers_and_declines() -> None:
    assert score([said("answer", "staff"), said("decline", "decline"), said("staff", "staff")]).false_escalation_rate == 0.5


def test_false_emergencies_are_counted_over_all() -> None:
    assert (
        score(
            [said("answer", "emergency"), said("staff", "emergency"), said("emergency", "emergency"), said("answer", "answer")]
        ).false_emergency_rate
        == 0.5
    )


def test_calibration_error_is_the_gap_in_each_bin() -> None:
    assert calibration_error(
        [said("answer", "answer", confidence=0.9), said("answer", "decline", confidence=0.9)]
    ) == pytest.approx(0.4)


def test_figure_without_rows_is_none() -> None:
    assert score([said("answer", "answer")]).emergency_recall is None


def test_confusions_come_most_frequent_first() -> None:
    wrong = [said("staff", "decline"), said("staff", "decline"), said("answer", "staff")]
    assert [(a, b, len(rows)) for a, b, rows in confusions(wrong)][0] == ("staff", "decline", 2)


def test_turns_are_read_as_one_conversation(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text(json.dumps({"id": "c1", "turns": [{"text": "a", "route": "answer"}, {"text": "b", "route": "staff"}]}) + "\n")
    (conversation,) = read_cases(file)
    assert [case.id for case in conversation.turns] == ["c1.1", "c1.2"]


def test_wrong_row_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    file.write_text('{"id": "1", "text": "a", "topic": "cost", "route": "answer"}\n{"id": "2", "route": "nowhere", "text": "x"}\n')
    with pytest.raises(Refused, match=r"c\.jsonl:2: expected"):
        read_cases(file)


def test_report_page_shows_the_worst_confusions_escaped(tmp_path: Path) -> None:
    wrong = Prediction(Case("1", "<b>my knee</b>", "symptom_report", "staff"), "cost", "answer", 0.7)
    page = write_report([wrong], score([wrong]), tmp_path).read_text()
    assert "staff taken for cost: 1" in page and "&lt;b&gt;my knee" in page
