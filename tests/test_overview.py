"""The owner's figures, counted from a real database with a known past."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest

from bot.audit import note_access
from bot.bell import Bell
from bot.desk import Desk, Draft
from bot.errors import Refused
from bot.notify import Outbox
from bot.overview import FORMULA, Overview, Table, accesses, overview
from bot.store import Store

pytest_plugins = ("fixtures_store",)

ZONE = "America/Denver"
FIRST, LAST = date(2026, 11, 9), date(2026, 11, 22)


class Past:
    """A clinic's desk in which tests say what happened, and when."""

    def __init__(self, store: Store) -> None:
        self.now = datetime(2026, 11, 10, 17, 0, tzinfo=timezone.utc)  # Tuesday, 10:00 at the clinic
        self.store = store
        self.desk = Desk(store, Outbox(store, []), Bell(), clock=lambda: self.now)
        self.numbers = iter(range(10_000))

    def visitor(self) -> str:
        return self.desk.create_visitor("website", "main").id

    def ask(self, visitor: str, text: str, topic: str | None, route: str) -> int:
        message, _ = self.desk.accept(visitor, f"m{next(self.numbers)}", text)
        self.desk.settle(visitor, message.seq, [Draft("An answer.", {}, topic, route, 0.9)], topic, route, 0.9)
        return message.seq

    def figures(self, first: date = FIRST, last: date = LAST) -> Overview:
        return overview(self.store, first, last, ZONE)


@pytest.fixture
def past(store: Store) -> Past:
    return Past(store)


def row(table: Table, name: str) -> tuple[object, ...]:
    return next(row for row in table.rows if row[0] == name)


def test_an_empty_clinic_has_no_share_and_no_surprises(past: Past) -> None:
    figures = past.figures()
    assert figures.share_answered is None
    assert figures.totals["conversations"] == 0
    assert [len(table.rows) for table in figures.tables.values()] == [2, 0, 6, 0, 0, 7]


def test_a_conversation_ends_one_way_and_a_person_outweighs_an_answer(past: Past) -> None:
    answered, reported, lost, unhappy, polite = (past.visitor() for _ in range(5))
    past.ask(answered, "what does it cost", "cost", "answer")
    past.ask(reported, "what does it cost", "cost", "answer")
    seq = past.ask(reported, "my chest hurts", "symptom_report", "staff")
    past.desk.open(reported, seq, "urgent", "symptom")
    past.ask(lost, "do you fly kites", "out_of_scope", "decline")
    past.desk.feedback(unhappy, past.ask(unhappy, "where are you", "clinic_location", "answer") + 1, helpful=False)
    past.ask(polite, "hello", "greet", "answer")
    figures = past.figures()
    assert figures.totals == {
        "conversations": 4, "answered": 1, "person": 1, "unanswered": 1, "unhelpful": 1, "small_talk": 1,
    }  # fmt: skip
    assert figures.share_answered == 0.25
    assert (figures.helpful, figures.unhelpful) == (0, 1)


def test_the_formula_says_what_it_leaves_out() -> None:
    assert "telephoned" in FORMULA and "Greetings" in FORMULA and "divided by" in FORMULA


def test_the_weeks_add_up_to_the_totals(past: Past) -> None:
    visitor = past.visitor()
    for _ in range(3):
        past.ask(visitor, "what does it cost", "cost", "answer")
    past.now += timedelta(days=7)
    past.ask(visitor, "when are you open", "clinic_hours", "answer")
    figures = past.figures()
    assert [entry[:2] for entry in figures.tables["weeks"].rows] == [("2026-11-09", 1), ("2026-11-16", 1)]
    assert figures.totals["conversations"] == 2


def test_days_and_hours_are_the_clinics_own(past: Past) -> None:
    past.now = datetime(2026, 11, 23, 5, 30, tzinfo=timezone.utc)  # still Sunday, 22:30 at the clinic
    past.ask(past.visitor(), "what does it cost", "cost", "answer")
    figures = past.figures()
    assert row(figures.tables["hours"], "Sunday")[1 + 22] == 1
    assert figures.totals["conversations"] == 1
    assert past.figures(date(2026, 11, 23), date(2026, 11, 30)).totals["conversations"] == 0


def test_time_to_acknowledge_is_apart_for_open_and_closed_hours(past: Past) -> None:
    opened = []
    for minutes in (1, 2, 3, 30):
        visitor = past.visitor()
        handoff = past.desk.open(visitor, past.ask(visitor, "it hurts", None, "staff"), "urgent", "symptom")
        past.now += timedelta(minutes=minutes)
        past.desk.acknowledge(handoff.id, "m_anna")
        opened.append(handoff.opened_at)
    past.desk.open(visitor, past.ask(visitor, "and now my chest", None, "staff"), "urgent", "symptom")  # seen before all the same
    visitor = past.visitor()
    past.desk.open(visitor, past.ask(visitor, "it hurts", None, "staff"), "urgent", "symptom")
    table = overview(past.store, FIRST, LAST, ZONE, lambda at: at in opened).tables["acknowledged"]
    assert row(table, "Urgent, while open") == ("Urgent, while open", 4, 0, 2.5, 30.0, 30.0)
    assert row(table, "Urgent, while closed") == ("Urgent, while closed", 1, 1, None, None, None)


def test_reasons_are_counted_by_urgency(past: Past) -> None:
    for urgency, reason in (("emergency", "symptom"), ("urgent", "symptom"), ("routine", "asked")):
        visitor = past.visitor()
        past.desk.open(visitor, past.ask(visitor, "a person please", None, "staff"), urgency, reason)
    assert past.figures().tables["reasons"].rows == (("symptom", 1, 1, 0, 2), ("asked", 0, 0, 1, 1))


def test_questions_it_could_not_answer_are_put_together(past: Past) -> None:
    for text in ("Do you validate parking?", "do you validate   parking", "DO YOU VALIDATE PARKING!!", "gift cards?"):
        past.ask(past.visitor(), text, "not_sure", "answer")
    rows = past.figures().tables["questions"].rows
    assert rows[0][1:] == (3, "2026-11-10")
    assert rows[1][:2] == ("gift cards?", 1)


def test_who_reported_something_does_not_have_their_words_in_the_figures(past: Past) -> None:
    visitor = past.visitor()
    past.ask(visitor, "my secret rash looks odd", "not_sure", "decline")
    past.desk.open(visitor, past.ask(visitor, "it is my arm", None, "staff"), "urgent", "symptom")
    tables = past.figures().tables
    assert "secret" not in "".join(table.csv() for table in tables.values())


def test_topics_carry_their_votes(past: Past) -> None:
    for helpful in (True, True, False):
        visitor = past.visitor()
        past.desk.feedback(visitor, past.ask(visitor, "what does it cost", "cost", "answer") + 1, helpful=helpful)
    assert past.figures().tables["topics"].rows == (("cost", 3, 2, 1),)


def test_csv_does_not_become_a_formula_in_a_spreadsheet() -> None:
    table = Table("t", ("Question", "Times"), (("=HYPERLINK(1)", 2), ("@x", None), ("fine, with comma", 3)))
    assert table.csv().splitlines() == ["Question,Times", "'=HYPERLINK(1),2", "'@x,", '"fine, with comma",3']


@pytest.mark.parametrize(("first", "last"), [(LAST, FIRST), (date(2020, 1, 1), date(2026, 1, 1))])
def test_a_period_that_makes_no_sense_is_refused(past: Past, first: date, last: date) -> None:
    with pytest.raises(Refused):
        past.figures(first, last)


def test_who_opened_which_conversation_is_found_by_visitor_and_by_member(past: Past) -> None:
    first, second = past.visitor(), past.visitor()
    with past.store.transaction() as connection:
        for member, visitor in (("m_ann", first), ("m_ben", first), ("m_ann", second)):
            note_access(connection, member, visitor, past.now)
    assert [(one.member, one.visitor) for one in accesses(past.store)] == [("m_ann", second), ("m_ben", first), ("m_ann", first)]
    assert [one.member for one in accesses(past.store, visitor=first)] == ["m_ben", "m_ann"]
    assert [one.visitor for one in accesses(past.store, member="m_ann")] == [second, first]
    assert len(accesses(past.store, limit=1)) == 1
