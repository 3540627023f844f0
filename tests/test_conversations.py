"""Conversations: every message is kept once, in order, and answered once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from store_tools import Clock, at_once

from bot.bell import Bell
from bot.conversations import Draft, Message, feedback_table
from bot.desk import Desk
from bot.errors import NotFound
from bot.notify import Outbox
from bot.store import Store, storable
from bot.tables import canned_reply

pytest_plugins = ("fixtures_store",)

HOURS = Draft("We open at 8.", {"buttons": [{"title": "Book"}]}, "clinic_hours", "answer", 0.9)
ADVICE = Draft("Call 911 now.", {"emergency": True, "kind": "emergency"}, "emergency", "emergency", 1.0)


class Rings(Bell):
    """A bell that remembers."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: list[str] = []

    def ring(self, *names: str) -> None:
        self.rung += names
        super().ring(*names)


@pytest.fixture
def bell() -> Rings:
    return Rings()


@pytest.fixture
def desk(store: Store, bell: Rings, clock: Clock) -> Desk:
    return Desk(store, Outbox(store, [], bell, clock=clock), bell, clock=clock)


@pytest.fixture
def visitor(desk: Desk) -> str:
    return desk.create_visitor("website", "downtown").id


def accepted(result: Any) -> tuple[Message, bool]:
    assert isinstance(result, tuple), result
    message, new = result
    assert isinstance(message, Message)
    return message, bool(new)


def test_a_visitor_comes_back_as_created(desk: Desk, clock: Clock) -> None:
    created = desk.create_visitor("whatsapp", "downtown", address="+15550100", language="en")
    assert desk.visitor(created.id) == created
    assert created.created_at == clock()


def test_the_same_address_on_a_channel_is_the_same_visitor(desk: Desk) -> None:
    results = at_once(10, lambda _: desk.create_visitor("whatsapp", address="+15550100"))
    assert len({getattr(result, "id", result) for result in results}) == 1
    assert desk.create_visitor("sms", address="+15550100") not in results
    assert desk.create_visitor("website").id != desk.create_visitor("website").id


def test_a_visitor_may_bring_an_id(desk: Desk) -> None:
    assert desk.create_visitor("shell", visitor_id="default").id == "default"
    assert desk.create_visitor("shell", visitor_id="default").channel == "shell"


def test_a_new_visitor_is_greeted_once(desk: Desk) -> None:
    visitor = desk.create_visitor("website", None, "v_1", language="en", greeting=Draft("Hello."))
    desk.create_visitor("website", None, "v_1", language="en", greeting=Draft("Hello."))
    (greeting,) = desk.messages(visitor.id)
    assert (greeting.seq, greeting.author, greeting.text, greeting.in_reply_to) == (1, "bot", "Hello.", None)
    assert desk.accept(visitor.id, "m1", "Hi")[0].seq == 2


def test_a_visitor_can_move_to_another_site(desk: Desk, visitor: str) -> None:
    assert desk.update_visitor(visitor, site="uptown").site == "uptown"
    with pytest.raises(ValueError, match="site"):
        desk.update_visitor(visitor, id="other")


def test_what_a_visitor_wrote_is_kept_whole(desk: Desk, visitor: str, clock: Clock) -> None:
    payload = {"topic": "cost", "nested": {"list": [1, None, "ü"]}}
    message, new = desk.accept(visitor, "m1", "How much?\nSay 💉", payload)
    assert new
    assert desk.messages(visitor) == (message,)
    assert (message.seq, message.author, message.payload, message.created_at) == (1, "visitor", payload, clock())


@pytest.mark.parametrize("text", ["", "a\x00b", "\ud800", "x" * 100_000], ids=["empty", "nul", "half", "long"])
def test_any_words_are_accepted_as_they_will_be_read(desk: Desk, visitor: str, text: str) -> None:
    message, _ = desk.accept(visitor, "m\x001", text)
    assert message.text == storable(text)
    assert desk.messages(visitor) == (message,)
    assert desk.accept(visitor, "m\x001", text) == (message, False)


def test_a_message_sent_again_is_the_same_message(desk: Desk, visitor: str) -> None:
    first, _ = desk.accept(visitor, "m1", "How much?")
    again, new = desk.accept(visitor, "m1", "How much, again?")
    assert not new
    assert again == first


def test_retries_at_once_make_one_message(desk: Desk, visitor: str) -> None:
    results = [accepted(result) for result in at_once(20, lambda _: desk.accept(visitor, "m1", "How much?"))]
    assert sum(new for _, new in results) == 1
    assert len({message.seq for message, _ in results}) == 1
    assert len(desk.messages(visitor)) == 1


def test_numbers_are_dense_and_in_order_when_many_write_at_once(desk: Desk, visitor: str) -> None:
    def turn(number: int) -> None:
        message, _ = desk.accept(visitor, f"m{number % 15}", "How much?")  # some are retries
        desk.settle(visitor, message.seq, [HOURS, HOURS])

    assert at_once(20, turn) == [None] * 20
    messages = desk.messages(visitor)
    assert [message.seq for message in messages] == list(range(1, 46))
    questions = [message for message in messages if message.author == "visitor"]
    assert len({question.id for question in questions}) == 15
    for question in questions:
        replies = [message for message in messages if message.in_reply_to == question.seq]
        assert len(replies) == 2
        assert replies[0].seq + 1 == replies[1].seq


def test_numbers_stay_dense_when_two_processes_write(desk: Desk, visitor: str, store_url: str) -> None:
    other = Store(store_url)  # as another process would open it
    desks = (desk, Desk(other, Outbox(other, [])))

    def turn(number: int) -> None:
        message, _ = desks[number % 2].accept(visitor, f"m{number // 2}", "How much?")
        desks[number % 2].settle(visitor, message.seq, [HOURS])

    assert at_once(16, turn) == [None] * 16
    other.close()
    assert [message.seq for message in desk.messages(visitor)] == list(range(1, 17))


def test_visitors_do_not_share_numbers_or_message_ids(desk: Desk) -> None:
    visitors = [desk.create_visitor("website").id for _ in range(10)]
    results = [accepted(result) for result in at_once(10, lambda number: desk.accept(visitors[number], "m1", "Hi"))]
    assert [(message.seq, new) for message, new in results] == [(1, True)] * 10


def test_a_stranger_is_not_accepted(desk: Desk) -> None:
    for call in (
        lambda: desk.accept("v_nobody", "m1", "Hi"),
        lambda: desk.settle("v_nobody", 1, [HOURS]),
        lambda: desk.visitor("v_nobody"),
        lambda: desk.open("v_nobody", 1, "routine", "asked"),
        lambda: desk.delete_visitor("v_nobody"),
        lambda: desk.export_visitor("v_nobody"),
    ):
        with pytest.raises(NotFound):
            call()
    assert desk.standing("v_nobody").owner == "bot"


def test_replies_are_kept_with_what_was_understood(desk: Desk, visitor: str) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    (reply,) = desk.settle(visitor, question.seq, [HOURS], "clinic_hours", "answer", 0.93)
    assert (reply.author, reply.in_reply_to, reply.payload) == ("bot", question.seq, HOURS.payload)
    kept_question, kept_reply = desk.messages(visitor)
    assert kept_reply == reply
    assert (kept_question.topic, kept_question.route, kept_question.confidence) == ("clinic_hours", "answer", 0.93)


def test_settling_again_returns_the_first_replies(desk: Desk, visitor: str) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    first = desk.settle(visitor, question.seq, [HOURS, ADVICE])
    assert desk.settle(visitor, question.seq, [Draft("Something else.")]) == first
    assert len(desk.messages(visitor)) == 3


def test_settling_at_once_never_doubles_replies(desk: Desk, visitor: str) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    results = at_once(20, lambda number: desk.settle(visitor, question.seq, [Draft(f"Reply {number}")]))
    assert len({str(result) for result in results}) == 1
    assert len(desk.messages(visitor)) == 2


def test_a_visitor_cannot_take_the_id_of_a_reply(desk: Desk, visitor: str) -> None:
    desk.accept(visitor, "2.0", "a guess at the id of the next reply")
    question, _ = desk.accept(visitor, "m2", "When do you open?")
    assert len(desk.settle(visitor, question.seq, [HOURS])) == 1
    question, _ = desk.accept(visitor, "m3", "And on Sunday?")
    (reply,) = desk.settle(visitor, question.seq, [HOURS])
    message, new = desk.accept(visitor, reply.id, "the id of a reply that was given")
    assert new
    assert message.author == "visitor"


def test_only_a_message_of_the_visitor_can_be_settled(desk: Desk, visitor: str) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    (reply,) = desk.settle(visitor, question.seq, [HOURS])
    for seq in (reply.seq, 99):
        with pytest.raises(NotFound):
            desk.settle(visitor, seq, [HOURS])


def test_what_belongs_to_the_replies_is_kept_with_them_or_not_at_all(desk: Desk, visitor: str, clock: Clock) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")

    def broken(connection: Any) -> None:
        connection.execute(sa.insert(canned_reply), {"id": "1", "title": "t", "text": "x", "at": clock()})
        raise KeyError

    with pytest.raises(KeyError):
        desk.settle(visitor, question.seq, [HOURS], within=broken)
    assert desk.messages(visitor) == (question,)
    assert desk.unsettled() == (question,)
    with desk.store.reading() as connection:
        assert connection.execute(sa.select(canned_reply)).all() == []


def test_within_runs_only_the_first_time(desk: Desk, visitor: str) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    ran: list[int] = []
    for _ in range(2):
        desk.settle(visitor, question.seq, [HOURS], within=lambda _: ran.append(1))
    assert ran == [1]


def test_after_a_crash_the_unanswered_are_found_in_order(desk: Desk, visitor: str, clock: Clock) -> None:
    first, _ = desk.accept(visitor, "m1", "When do you open?")
    clock.advance(minutes=1)
    other = desk.create_visitor("website").id
    second, _ = desk.accept(other, "m1", "How much?")
    clock.advance(minutes=1)
    third, _ = desk.accept(visitor, "m2", "And on Sunday?")
    assert desk.unsettled() == (first, second, third)
    assert desk.unsettled(visitor=visitor) == (first, third)
    assert desk.unsettled(older_than=clock() - timedelta(minutes=1)) == (first,)
    desk.settle(visitor, first.seq, [])
    assert desk.unsettled() == (second, third)


def test_a_conversation_is_read_from_a_cursor(desk: Desk, visitor: str) -> None:
    for number in range(5):
        desk.accept(visitor, f"m{number}", f"Question {number}")
    assert [message.seq for message in desk.messages(visitor, after=2)] == [3, 4, 5]
    assert [message.seq for message in desk.messages(visitor, after=1, limit=2)] == [2, 3]


def test_earlier_words_come_in_the_order_they_were_written(desk: Desk, visitor: str) -> None:
    for number in range(5):
        question, _ = desk.accept(visitor, f"m{number}", f"Question {number}")
        desk.settle(visitor, question.seq, [HOURS])
    assert desk.earlier(visitor, before_seq=question.seq, limit=3) == ["Question 1", "Question 2", "Question 3"]


def test_it_is_known_how_far_the_visitor_was_read(desk: Desk, visitor: str) -> None:
    assert desk.situation(visitor).read_up_to == 0
    first, _ = desk.accept(visitor, "m1", "When do you open?")
    desk.accept(visitor, "m2", "And on Sunday?")
    desk.settle(visitor, first.seq, [HOURS])
    assert desk.situation(visitor).read_up_to == first.seq


def test_an_announcement_is_made_once(desk: Desk, visitor: str) -> None:
    first = desk.announce(visitor, "nobody-yet", Draft("Nobody is free yet. Please call us."))
    assert first == desk.announce(visitor, "nobody-yet", Draft("Nobody is free yet. Please call us."))
    assert desk.messages(visitor) == (first,)


def test_the_last_vote_on_an_answer_counts(desk: Desk, visitor: str) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    (reply,) = desk.settle(visitor, question.seq, [HOURS])
    desk.feedback(visitor, reply.seq, False)
    desk.feedback(visitor, reply.seq, True)
    with desk.store.reading() as connection:
        (vote,) = connection.execute(sa.select(feedback_table))
    assert (vote.visitor, vote.seq, vote.helpful) == (visitor, reply.seq, True)
    for seq in (question.seq, 99):
        with pytest.raises(NotFound):
            desk.feedback(visitor, seq, True)


def test_every_change_rings_after_it_was_kept(desk: Desk, visitor: str, bell: Rings) -> None:
    question, _ = desk.accept(visitor, "m1", "When do you open?")
    assert bell.rung == [f"visitor:{visitor}"]
    desk.settle(visitor, question.seq, [HOURS])
    assert bell.rung == [f"visitor:{visitor}"] * 2


def test_the_unanswered_and_the_open_are_found_by_index(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    seen: list[tuple[str, Any]] = []
    desk = Desk(store, Outbox(store, []))
    visitor = desk.create_visitor("website").id
    for engine in (store._reader, store._writer):
        sa.event.listen(engine, "before_cursor_execute", lambda *call: seen.append((call[2], call[3])))
    desk.unsettled()
    desk.accept(visitor, "m1", "Hi")
    desk.standing(visitor)
    with store.reading() as connection:
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters).all())
            for query, parameters in list(seen)
            if query.startswith("SELECT")
        ]
    assert len(plans) == 3
    assert "ix_message_unsettled" in plans[0]
    assert not [plan for plan in plans if "SCAN" in plan and "ix_message_unsettled" not in plan]
    store.close()
