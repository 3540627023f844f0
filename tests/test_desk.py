"""The desk: who has a conversation, what staff do with it, and what time does."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from store_tools import Clock, at_once

from bot.bell import Bell
from bot.conversations import Draft
from bot.desk import Desk
from bot.errors import AlreadyClaimed, Conflict, Locked, NotFound, Refused
from bot.handoffs import Callback, Handoff
from bot.notify import NotificationRule, Outbox
from bot.store import Store

pytest_plugins = ("fixtures_store",)

ANSWER = Draft("We open at 8.", {}, "clinic_hours", "answer", 0.9)
ADVICE = Draft("Call 911 now.", {"emergency": True}, "emergency", "emergency", 1.0)
RULES = (
    NotificationRule("email", "desk@clinic.example"),
    NotificationRule("email", "owner@clinic.example", ("emergency", "urgent"), after_minutes=5),
    NotificationRule("chat", "https://chat.example/hook", ("emergency",), after_minutes=15),
    NotificationRule("email", "list@clinic.example", ("routine",)),
)


@dataclass(frozen=True)
class Report:
    symptom: str | None = "pain on breathing in"
    region: str | None = "chest"
    since: str | None = "since yesterday"
    after_treatment: bool | None = True


@pytest.fixture
def outbox(store: Store, clock: Clock) -> Outbox:
    return Outbox(store, [], clock=clock)


@pytest.fixture
def desk(store: Store, outbox: Outbox, clock: Clock) -> Desk:
    return Desk(store, outbox, Bell(), RULES, clock=clock, public_url="https://desk.example/")


@pytest.fixture
def visitor(desk: Desk) -> str:
    return desk.create_visitor("website", "downtown").id


def write(desk: Desk, visitor: str, text: str = "It hurts when I breathe in") -> int:
    message, _ = desk.accept(visitor, f"m{len(desk.messages(visitor))}", text)
    return message.seq


def ask(desk: Desk, visitor: str, urgency: str = "urgent", reason: str = "symptom", **more: Any) -> Handoff:
    seq = write(desk, visitor)
    text = "It hurts when I breathe in"
    return desk.open(visitor, seq, urgency, reason, "chest", ("RF01",), "2026-03", text, "Call us.", Report(), **more)


def told_to(outbox: Outbox) -> list[str]:
    return sorted(notification.address for notification in outbox.waiting())


def happened(desk: Desk, handoff: Handoff) -> list[str]:
    return [event.what for event in desk.history(handoff.id)]


def authors(desk: Desk, visitor: str) -> list[str]:
    return [message.author for message in desk.messages(visitor)]


# Opening


def test_a_handoff_keeps_what_was_seen_and_said(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    assert desk.handoff(handoff.id) == handoff
    assert (handoff.visitor, handoff.channel, handoff.site, handoff.seq) == (visitor, "website", "downtown", 1)
    assert (handoff.urgency, handoff.reason, handoff.kind, handoff.state) == ("urgent", "symptom", "chest", "waiting")
    assert (handoff.rules, handoff.list_version) == (("RF01",), "2026-03")
    assert (handoff.visitor_text, handoff.bot_text) == ("It hurts when I breathe in", "Call us.")
    assert (handoff.symptom, handoff.region) == ("pain on breathing in", "chest")
    assert (handoff.since, handoff.after_treatment) == ("since yesterday", True)
    assert handoff.opened_at == handoff.waiting_since == handoff.unanswered_since == clock()
    assert (handoff.told, handoff.held, handoff.expires_at) == (False, False, None)


def test_what_the_visitor_was_told_is_added_when_it_is_known(desk: Desk, visitor: str) -> None:
    seq = write(desk, visitor)
    handoff = desk.open(visitor, seq, "emergency", "symptom")
    desk.settle(visitor, seq, [ADVICE, Draft("We are told.", {"emergency": True})])
    desk.settle(visitor, write(desk, visitor, "ok"), [ANSWER])
    assert desk.handoff(handoff.id).bot_text == "Call 911 now.\n\nWe are told."


def test_a_handoff_and_its_notifications_are_one_transaction(
    desk: Desk, outbox: Outbox, visitor: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> bool:
        raise RuntimeError("the power fails here")

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "enqueue", broken)
        with pytest.raises(RuntimeError):
            ask(desk, visitor)
    assert desk.handoffs() == ()
    assert outbox.waiting() == ()
    ask(desk, visitor)
    assert len(desk.handoffs()) == 1
    assert told_to(outbox) == ["desk@clinic.example"]


def test_opening_again_for_the_same_sign_changes_nothing(desk: Desk, outbox: Outbox, visitor: str) -> None:
    seq = write(desk, visitor)
    results = at_once(10, lambda _: desk.open(visitor, seq, "urgent", "symptom"))
    assert len({getattr(result, "id", result) for result in results}) == 1
    assert happened(desk, desk.handoffs()[0]) == ["opened"]
    assert len(outbox.waiting()) == 1


def test_opening_again_after_it_was_closed_does_not_begin_anew(desk: Desk, visitor: str) -> None:
    seq = write(desk, visitor)
    handoff = desk.open(visitor, seq, "urgent", "symptom")
    desk.close(handoff.id, "m_anna", "called")
    assert desk.open(visitor, seq, "urgent", "symptom").state == "closed"
    assert desk.handoffs() == ()


def test_an_emergency_raises_an_open_routine_handoff(desk: Desk, outbox: Outbox, visitor: str, clock: Clock) -> None:
    first = desk.open(visitor, write(desk, visitor, "Can I talk to somebody?"), "routine", "asked")
    clock.advance(minutes=3)
    seq = write(desk, visitor)
    raised = desk.open(visitor, seq, "emergency", "symptom", "chest", ("RF01",), "2026-03", "It hurts", "Call", Report())
    assert raised.id == first.id
    assert (raised.urgency, raised.reason, raised.rules, raised.seq) == ("emergency", "symptom", ("RF01",), seq)
    assert raised.expires_at == clock() + timedelta(hours=12)
    assert raised.opened_at == first.opened_at
    assert happened(desk, raised) == ["opened", "raised"]
    assert desk.history(raised.id)[1].detail["visitor_text"] == "It hurts"
    assert len(desk.handoffs("all")) == 1
    assert told_to(outbox) == ["desk@clinic.example", "list@clinic.example"]


def test_a_graver_reading_of_the_same_message_still_raises(desk: Desk, visitor: str) -> None:
    seq = write(desk, visitor)
    desk.open(visitor, seq, "routine", "symptom")
    assert desk.open(visitor, seq, "emergency", "symptom").urgency == "emergency"
    assert desk.open(visitor, seq, "routine", "symptom").urgency == "emergency"


def test_a_lesser_sign_is_added_and_lowers_nothing(desk: Desk, visitor: str) -> None:
    emergency = ask(desk, visitor, "emergency")
    again = ask(desk, visitor, "routine", "asked")
    assert (again.id, again.urgency, again.reason) == (emergency.id, "emergency", "symptom")
    assert happened(desk, again) == ["opened", "added"]


def test_visitors_in_distress_at_once_have_one_handoff_each(desk: Desk) -> None:
    visitors = [desk.create_visitor("website").id for _ in range(4)]

    def one(number: int) -> Handoff:
        return ask(desk, visitors[number % 4], ("routine", "urgent", "emergency")[number % 3], f"reason-{number}")

    results = at_once(12, one)
    assert not [result for result in results if isinstance(result, Exception)]
    handoffs = desk.handoffs()
    assert sorted(handoff.visitor for handoff in handoffs) == sorted(visitors)
    assert {handoff.urgency for handoff in handoffs} == {"emergency"}
    assert [len(happened(desk, handoff)) for handoff in handoffs] == [3] * 4


def test_an_urgency_that_does_not_exist_is_refused(desk: Desk, visitor: str) -> None:
    with pytest.raises(ValueError, match="urgency"):
        desk.open(visitor, 1, "dire", "symptom")


def test_a_wish_to_be_called_is_kept_with_the_handoff(desk: Desk, visitor: str, clock: Clock) -> None:
    wish = Callback("Ann Lee", "+15550123456", "mornings", clock())
    handoff = ask(desk, visitor, "routine", "callback", callback=wish)
    assert handoff.callback == wish
    form = {"name": "Ann", "phone": "+15550123457", "best_time": "noon", "consent": True}
    assert desk.attach_callback(handoff.id, form).callback == Callback("Ann", "+15550123457", "noon", clock())
    assert desk.handoff(handoff.id).acknowledged_at is None
    with pytest.raises(Refused):
        desk.attach_callback(handoff.id, {**form, "consent": False})


# Who is talking


def test_nobody_is_asked_for_at_first(desk: Desk, visitor: str) -> None:
    standing = desk.standing(visitor)
    assert (standing.owner, standing.emergency, standing.handoff, standing.told) == ("bot", None, None, False)


def test_while_somebody_is_asked_for_the_bot_still_answers(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    standing = desk.standing(visitor)
    assert (standing.owner, standing.emergency, standing.handoff) == ("waiting", None, handoff)
    assert len(desk.settle(visitor, write(desk, visitor), [ANSWER])) == 1


def test_an_emergency_rules_until_it_expires_but_stays_in_the_queue(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor, "emergency")
    clock.advance(hours=11, minutes=59)
    desk.tick()
    assert desk.standing(visitor).emergency is not None
    clock.advance(minutes=1)
    assert desk.standing(visitor).emergency is None, "also before anybody ticks"
    desk.tick()
    desk.tick()
    assert happened(desk, handoff).count("expired") == 1
    assert desk.standing(visitor).owner == "waiting"
    assert [one.id for one in desk.handoffs("waiting")] == [handoff.id]


def test_another_emergency_sign_begins_the_hours_again(desk: Desk, visitor: str, clock: Clock) -> None:
    ask(desk, visitor, "emergency")
    clock.advance(hours=13)
    desk.tick()
    assert desk.standing(visitor).emergency is None
    ask(desk, visitor, "emergency")
    emergency = desk.standing(visitor).emergency
    assert emergency is not None
    assert emergency.expires_at == clock() + timedelta(hours=12)
    assert emergency.expired_at is None


def test_an_emergency_rules_until_a_person_closes_it(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor, "emergency")
    desk.claim(handoff.id, "m_anna")
    assert desk.standing(visitor).emergency is not None
    desk.close(handoff.id, "m_anna", "called", "Spoke to her, she is on her way to the hospital")
    assert desk.standing(visitor).owner == "bot"


# Claiming


def test_exactly_one_of_twenty_claimers_wins(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    results = at_once(20, lambda number: desk.claim(handoff.id, f"m_{number}"))
    winners = [result for result in results if isinstance(result, Handoff)]
    losers = [result for result in results if isinstance(result, AlreadyClaimed)]
    assert (len(winners), len(losers)) == (1, 19)
    assert desk.handoff(handoff.id).member == winners[0].member
    assert {loser.member for loser in losers} == {winners[0].member}
    assert happened(desk, handoff) == ["opened", "claimed"]


def test_claiming_ones_own_again_is_no_conflict(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    assert desk.claim(handoff.id, "m_anna") == desk.claim(handoff.id, "m_anna")
    assert happened(desk, handoff) == ["opened", "claimed"]


def test_after_a_claim_only_emergency_advice_of_the_bot_is_kept(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    question = write(desk, visitor, "and when do you open?")
    desk.claim(handoff.id, "m_anna")
    ran: list[int] = []
    assert desk.settle(visitor, question, [ANSWER], within=lambda _: ran.append(1)) == ()
    assert ran == [], "the dialogue does not go on behind what was not said"
    (advice,) = desk.settle(visitor, write(desk, visitor), [ANSWER, ADVICE])
    assert advice.text == ADVICE.text
    assert desk.announce(visitor, "nobody-yet", Draft("Please call us.")) is None
    assert desk.announce(visitor, "advice", ADVICE) is not None
    desk.give_back(handoff.id, "m_anna")
    assert len(desk.settle(visitor, write(desk, visitor), [ANSWER])) == 1


def test_the_bot_stays_quiet_through_hours_and_the_queue_until_given_back(
    desk: Desk, visitor: str, clock: Clock, store_url: str, outbox: Outbox
) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    for _ in range(3):
        clock.advance(hours=5)
        desk.tick()
        assert desk.settle(visitor, write(desk, visitor), [ANSWER]) == ()
        assert desk.standing(visitor).owner == "claimed"
    again = Store(store_url)  # a restart
    restarted = Desk(again, Outbox(again, [], clock=clock), clock=clock)
    assert restarted.settle(visitor, write(restarted, visitor), [ANSWER]) == ()
    again.close()
    assert desk.handoff(handoff.id).state == "waiting"
    desk.claim(handoff.id, "m_ben")
    desk.give_back(handoff.id, "m_ben")
    assert desk.standing(visitor).owner == "bot"
    assert len(desk.settle(visitor, write(desk, visitor), [ANSWER])) == 1


def test_no_bot_message_follows_a_claim_in_a_race(desk: Desk) -> None:
    for number in range(5):
        visitor = desk.create_visitor("website").id
        handoff = ask(desk, visitor)
        questions = [write(desk, visitor, f"question {number}") for number in range(8)]
        start = threading.Barrier(9)

        def answer(question: int, visitor: str = visitor, start: threading.Barrier = start) -> None:
            start.wait()
            desk.settle(visitor, question, [ANSWER])

        threads = [threading.Thread(target=answer, args=(question,)) for question in questions]
        for thread in threads:
            thread.start()
        start.wait()
        desk.claim(handoff.id, "m_anna")
        said = len(desk.messages(visitor))
        for thread in threads:
            thread.join()
        assert len(desk.messages(visitor)) == said, f"round {number}"
        assert desk.unsettled(visitor) == desk.unsettled(visitor)[:1], "only the handed-off message is still open"


# Answering


def test_a_reply_reaches_the_conversation_once(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    results = at_once(8, lambda _: desk.reply(handoff.id, "m_anna", "Please come in.", "r1"))
    assert len({str(result) for result in results}) == 1
    last = desk.messages(visitor)[-1]
    assert (last.author, last.member, last.text, last.id) == ("staff", "m_anna", "Please come in.", "r1")
    assert authors(desk, visitor) == ["visitor", "staff"]
    answered = desk.handoff(handoff.id)
    assert (answered.waiting_since, answered.unanswered_since) == (None, None)


def test_who_has_not_claimed_cannot_reply(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    with pytest.raises(Conflict):
        desk.reply(handoff.id, "m_anna", "Hello", "r1")
    desk.claim(handoff.id, "m_anna")
    with pytest.raises(AlreadyClaimed):
        desk.reply(handoff.id, "m_ben", "Hello", "r1")
    with pytest.raises(Refused):
        desk.reply(handoff.id, "m_anna", "  ", "r1")
    assert authors(desk, visitor) == ["visitor"]


def test_a_reply_sent_again_after_closing_is_the_same_reply(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    first = desk.reply(handoff.id, "m_anna", "Please come in.", "r1")
    desk.close(handoff.id, "m_anna", "answered")
    assert desk.reply(handoff.id, "m_anna", "Please come in.", "r1") == first
    with pytest.raises(Locked):
        desk.reply(handoff.id, "m_anna", "And bring shoes.", "r2")


def test_the_waiting_time_runs_from_the_last_and_the_place_from_the_first_unanswered(
    desk: Desk, visitor: str, clock: Clock
) -> None:
    handoff = ask(desk, visitor)
    first = clock()
    write(desk, visitor, "hello?")
    second = clock.advance(minutes=4)
    write(desk, visitor, "anybody?")
    waiting = desk.handoff(handoff.id)
    assert (waiting.waiting_since, waiting.unanswered_since) == (second, first)


def test_notes_are_for_colleagues_only(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    note = desk.note(handoff.id, "m_ben", "She called before.")
    assert desk.notes(handoff.id) == (note,)
    assert authors(desk, visitor) == ["visitor"]
    assert desk.handoff(handoff.id).acknowledged_at is None


# Putting off, handing on, ending


def test_a_message_of_the_visitor_wakes_what_was_put_off(desk: Desk, visitor: str, clock: Clock) -> None:
    waiting, claimed = ask(desk, visitor), ask(desk, desk.create_visitor("website").id)
    desk.claim(claimed.id, "m_anna")
    for handoff in (waiting, claimed):
        put_off = desk.snooze(handoff.id, "m_anna", clock() + timedelta(hours=3))
        assert (put_off.state, put_off.snoozed_until) == ("snoozed", clock() + timedelta(hours=3))
        write(desk, handoff.visitor)
        assert happened(desk, handoff)[-1] == "woken"
        assert desk.handoff(handoff.id).snoozed_until is None
    assert desk.handoff(waiting.id).state == "waiting"
    assert (desk.handoff(claimed.id).state, desk.handoff(claimed.id).member) == ("claimed", "m_anna")


def test_time_wakes_what_was_put_off(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.snooze(handoff.id, "m_anna", clock() + timedelta(hours=3))
    clock.advance(hours=2)
    assert desk.tick() == 0
    clock.advance(hours=1)
    assert desk.tick() == 1
    assert desk.handoff(handoff.id).state == "waiting"


def test_staff_wake_what_was_put_off(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    with pytest.raises(Refused):
        desk.snooze(handoff.id, "m_anna", clock())
    desk.snooze(handoff.id, "m_anna", clock() + timedelta(hours=3))
    assert desk.wake(handoff.id, "m_ben").state == "waiting"
    assert desk.wake(handoff.id, "m_ben").state == "waiting"
    assert happened(desk, handoff).count("woken") == 1


def test_what_was_put_off_by_one_can_be_taken_by_another(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    desk.snooze(handoff.id, "m_anna", clock() + timedelta(hours=3))
    taken = desk.claim(handoff.id, "m_ben")
    assert (taken.state, taken.member, taken.snoozed_until) == ("claimed", "m_ben", None)


def test_claimed_and_silent_goes_back_to_the_queue(desk: Desk, outbox: Outbox, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    clock.advance(minutes=29)
    desk.tick()
    assert desk.handoff(handoff.id).state == "claimed"
    clock.advance(minutes=1)
    desk.tick()
    back = desk.handoff(handoff.id)
    assert (back.state, back.member, back.held, back.told) == ("waiting", None, True, False)
    assert (back.acknowledged_at, back.alarm) == (None, 2)
    assert told_to(outbox) == ["desk@clinic.example"], "told anew"
    assert desk.claim(handoff.id, "m_ben").member == "m_ben"


def test_a_visitor_who_keeps_writing_does_not_hide_the_silence(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    for _ in range(6):
        clock.advance(minutes=5)
        write(desk, visitor, "hello?")
        desk.tick()
    assert desk.handoff(handoff.id).state == "waiting"


def test_who_answered_may_be_silent(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    desk.reply(handoff.id, "m_anna", "Please come in.", "r1")
    clock.advance(hours=5)
    desk.tick()
    assert desk.handoff(handoff.id).state == "claimed"
    write(desk, visitor, "thanks, one more thing")
    clock.advance(minutes=31)
    desk.tick()
    assert desk.handoff(handoff.id).state == "waiting"


def test_a_colleague_who_does_not_act_loses_it_to_the_queue(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.claim(handoff.id, "m_anna")
    desk.reply(handoff.id, "m_anna", "My colleague will tell you.", "r1")
    clock.advance(hours=1)
    with pytest.raises(AlreadyClaimed):
        desk.transfer(handoff.id, "m_ben", "m_ben")
    handed = desk.transfer(handoff.id, "m_anna", "m_ben")
    assert (handed.state, handed.member, handed.claimed_at) == ("claimed", "m_ben", clock())
    clock.advance(minutes=31)
    clock.advance(minutes=-2)
    assert desk.tick() == 0
    clock.advance(minutes=2)
    desk.tick()
    assert desk.handoff(handoff.id).state == "waiting"


def test_who_is_handed_a_conversation_says_that_they_have_seen_it(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor, "emergency")
    desk.claim(handoff.id, "m_anna")
    assert desk.transfer(handoff.id, "m_anna", "m_ben").handed
    assert desk.acknowledge(handoff.id, "m_anna").handed
    assert not desk.acknowledge(handoff.id, "m_ben").handed
    assert happened(desk, handoff) == ["opened", "claimed", "transferred", "acknowledged"]


def test_an_emergency_is_closed_and_not_given_back(desk: Desk, visitor: str) -> None:
    handoff = ask(desk, visitor, "emergency")
    desk.claim(handoff.id, "m_anna")
    with pytest.raises(Conflict):
        desk.give_back(handoff.id, "m_anna")
    with pytest.raises(Refused):
        desk.close(handoff.id, "m_anna", " ")
    assert desk.standing(visitor).owner == "claimed"


def test_a_closed_handoff_no_longer_changes(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    closed = desk.close(handoff.id, "m_anna", "called", "She is fine.")
    assert (closed.outcome, closed.done, closed.closed_by, closed.closed_at) == (
        "called",
        "She is fine.",
        "m_anna",
        clock(),
    )
    later = clock() + timedelta(hours=1)
    for change in (
        lambda: desk.claim(handoff.id, "m_ben"),
        lambda: desk.acknowledge(handoff.id, "m_ben"),
        lambda: desk.note(handoff.id, "m_ben", "late"),
        lambda: desk.snooze(handoff.id, "m_ben", later),
        lambda: desk.wake(handoff.id, "m_ben"),
        lambda: desk.transfer(handoff.id, "m_ben", "m_anna"),
        lambda: desk.give_back(handoff.id, "m_ben"),
        lambda: desk.close(handoff.id, "m_ben", "called"),
        lambda: desk.attach_callback(handoff.id, {"phone": "+1555"}),
    ):
        with pytest.raises(Locked):
            change()
    assert desk.handoff(handoff.id) == closed
    assert happened(desk, handoff) == ["opened", "closed"]


def test_a_new_sign_after_closing_is_a_new_handoff(desk: Desk, visitor: str) -> None:
    first = ask(desk, visitor)
    desk.close(first.id, "m_anna", "called")
    assert ask(desk, visitor).id != first.id


def test_an_unknown_handoff_is_not_found(desk: Desk) -> None:
    for call in (desk.handoff, lambda one: desk.claim(one, "m_anna"), lambda one: desk.close(one, "m_anna", "x")):
        with pytest.raises(NotFound):
            call("h_none")


# The alarm


def test_the_ladder_climbs_until_somebody_acknowledges(desk: Desk, outbox: Outbox, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor, "emergency")
    assert told_to(outbox) == ["desk@clinic.example"]
    clock.advance(minutes=4)
    assert desk.tick() == 0
    clock.advance(minutes=1)
    assert desk.tick() == 1
    assert desk.tick() == 0
    assert told_to(outbox) == ["desk@clinic.example", "owner@clinic.example"]
    acknowledged = desk.acknowledge(handoff.id, "m_anna")
    assert (acknowledged.acknowledged_by, acknowledged.acknowledged_at, acknowledged.told) == ("m_anna", clock(), True)
    assert acknowledged == desk.acknowledge(handoff.id, "m_ben")
    clock.advance(hours=1)
    assert desk.tick() == 0
    assert told_to(outbox) == [], "what was not sent yet is not sent"


def test_processes_that_tick_at_once_tell_everybody_once(desk: Desk, outbox: Outbox, visitor: str, clock: Clock) -> None:
    ask(desk, visitor, "emergency")
    clock.advance(minutes=20)
    results = at_once(8, lambda _: desk.tick())
    assert not [result for result in results if isinstance(result, Exception)]
    assert len(outbox.waiting()) == 3


@pytest.mark.parametrize("urgency", ["urgent", "emergency"])
def test_a_grave_sign_after_the_acknowledgement_is_told_anew(desk: Desk, outbox: Outbox, visitor: str, urgency: str) -> None:
    handoff = ask(desk, visitor, urgency)
    desk.claim(handoff.id, "m_anna")
    assert told_to(outbox) == []
    again = ask(desk, visitor, urgency)
    assert (again.alarm, again.told, again.acknowledged_at, again.state) == (2, False, None, "claimed")
    assert told_to(outbox) == ["desk@clinic.example"]
    desk.reply(handoff.id, "m_anna", "Call 911, I am calling you too.", "r1")
    assert desk.handoff(handoff.id).told
    assert told_to(outbox) == []


def test_a_later_sign_does_not_change_who_saw_it_first(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor, "urgent")
    seen_at = clock()
    desk.acknowledge(handoff.id, "m_anna")
    clock.advance(minutes=5)
    again = ask(desk, visitor, "emergency")
    assert (again.acknowledged_at, again.first_seen_at, again.first_seen_by) == (None, seen_at, "m_anna")
    clock.advance(minutes=5)
    claimed = desk.claim(handoff.id, "m_ben")
    assert (claimed.acknowledged_by, claimed.first_seen_at, claimed.first_seen_by) == ("m_ben", seen_at, "m_anna")


def test_a_grave_sign_before_the_acknowledgement_is_not_told_twice(desk: Desk, outbox: Outbox, visitor: str) -> None:
    ask(desk, visitor, "emergency")
    assert ask(desk, visitor, "emergency").alarm == 1
    assert len(outbox.waiting()) == 1


def test_a_grave_sign_wakes_what_was_put_off(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor, "urgent")
    desk.snooze(handoff.id, "m_anna", clock() + timedelta(hours=3))
    # Opened by an action for a message that was accepted before the conversation was put off.
    assert desk.open(visitor, 1, "emergency", "symptom").state == "waiting"


def test_notifications_carry_no_health_detail(desk: Desk, outbox: Outbox, visitor: str, clock: Clock) -> None:
    ask(desk, visitor, "emergency")
    ask(desk, desk.create_visitor("website").id, "routine")
    clock.advance(hours=1)
    desk.tick()
    for notification in outbox.waiting():
        said = f"{notification.subject} {notification.body}".replace(notification.link, "<link>").lower()
        assert said in (
            "a visitor needs a person now a visitor needs a person now. open <link>",
            "a visitor is waiting for a person a visitor is waiting for a person. open <link>",
        )
        assert notification.link == f"https://desk.example/staff/handoffs/{notification.handoff_id}"
        assert "@" not in notification.event_key


def test_rules_in_another_order_tell_nobody_twice(desk: Desk, outbox: Outbox, visitor: str, clock: Clock) -> None:
    ask(desk, visitor, "emergency")
    clock.advance(minutes=20)
    desk.tick()
    desk.rules = tuple(reversed(desk.rules))
    assert desk.tick() == 0
    assert len(outbox.waiting()) == 3


# The queue


def test_the_queue_is_gravest_first_then_longest_waiting(desk: Desk, clock: Clock) -> None:
    order = ["routine", "emergency", "urgent", "routine", "emergency", "urgent"]
    opened = []
    for urgency in order:
        opened.append(ask(desk, desk.create_visitor("website").id, urgency))
        clock.advance(minutes=1)
    write(desk, opened[1].visitor, "hello?")
    assert [handoff.id for handoff in desk.handoffs()] == [opened[index].id for index in (1, 4, 2, 5, 0, 3)]
    desk.claim(opened[1].id, "m_anna")
    desk.reply(opened[1].id, "m_anna", "I am here.", "r1")
    assert [handoff.id for handoff in desk.handoffs()][:2] == [opened[4].id, opened[1].id], "answered comes after"


def test_the_queue_can_be_narrowed(desk: Desk, clock: Clock) -> None:
    first, second, third = (ask(desk, desk.create_visitor("website").id, "urgent") for _ in range(3))
    desk.claim(first.id, "m_anna")
    desk.close(second.id, "m_anna", "called")
    clock.advance(minutes=1)
    desk.close(third.id, "m_anna", "called")
    assert [one.id for one in desk.handoffs(member="m_anna")] == [first.id]
    assert [one.id for one in desk.handoffs("closed")] == [third.id, second.id]
    assert len(desk.handoffs("all")) == 3
    assert len(desk.handoffs(("claimed", "closed"))) == 3
    assert desk.handoffs(("waiting", "snoozed")) == ()
    assert desk.handoffs(urgency="emergency") == ()
    assert len(desk.handoffs("all", limit=2)) == 2
    assert len(desk.handoffs("all", limit=2, offset=2)) == 1


def test_the_queue_can_be_searched(desk: Desk, visitor: str, clock: Clock) -> None:
    handoff = ask(desk, visitor)
    desk.attach_callback(handoff.id, {"name": "Ann Lee", "phone": "+15550123456", "best_time": ""})
    write(desk, visitor, "My 100% favourite_word is Zebra")
    ask(desk, desk.create_visitor("website").id)
    for words in ("zebra", "ann lee", "555-012-3456", "100%", "favourite_word"):
        assert [one.id for one in desk.handoffs(search=words)] == [handoff.id], words
    assert desk.handoffs(search="%_%") == ()
    assert len(desk.handoffs(search="chest")) == 2


def test_every_change_of_the_desk_rings(store: Store, clock: Clock) -> None:
    rung: list[str] = []

    class Rings(Bell):
        def ring(self, *names: str) -> None:
            rung.extend(names)

    bell = Rings()
    desk = Desk(store, Outbox(store, [], bell, clock=clock), bell, RULES, clock=clock)
    visitor = desk.create_visitor("website").id
    handoff = ask(desk, visitor)
    for act in (
        lambda: desk.acknowledge(handoff.id, "m_anna"),
        lambda: desk.claim(handoff.id, "m_anna"),
        lambda: desk.reply(handoff.id, "m_anna", "Hello", "r1"),
        lambda: desk.note(handoff.id, "m_anna", "A note"),
        lambda: desk.snooze(handoff.id, "m_anna", clock() + timedelta(hours=1)),
        lambda: write(desk, visitor),
        lambda: desk.transfer(handoff.id, "m_anna", "m_ben"),
        lambda: desk.tick(clock.advance(hours=1)),
        lambda: desk.close(handoff.id, "m_ben", "called"),
    ):
        rung.clear()
        act()
        assert {"queue", f"visitor:{visitor}"} <= set(rung)
