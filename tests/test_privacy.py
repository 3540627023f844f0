"""Privacy: one visitor exported and deleted everywhere, and nothing kept longer than agreed."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from store_tools import Clock, everything

from bot.audit import append, note_access
from bot.bell import Bell
from bot.conversations import Draft
from bot.desk import Desk
from bot.errors import NotFound
from bot.notify import NotificationRule, Outbox
from bot.privacy import KINDS
from bot.store import Store
from bot.tables import tracker_snapshot

pytest_plugins = ("fixtures_store",)

RULES = (NotificationRule("email", "desk@clinic.example", ("emergency", "urgent", "routine")),)

# What only this visitor's rows may carry.
MARKS = (
    "breathe-mark",
    "answer-mark",
    "form-mark",
    "note-mark",
    "Ann Marker",
    "+15550009999",
    "slot-mark",
    "+15557770000",
)


@pytest.fixture
def desk(store: Store, clock: Clock) -> Desk:
    return Desk(store, Outbox(store, [], clock=clock), Bell(), RULES, clock=clock)


def live(desk: Desk, clock: Clock, address: str | None = None, close: bool = True) -> str:
    """Let a visitor leave something in every table that keeps anything of visitors."""
    visitor = desk.create_visitor("whatsapp", "downtown", address=address).id
    message, _ = desk.accept(visitor, "m1", "breathe-mark", {"form": "form-mark"})
    (reply,) = desk.settle(visitor, message.seq, [Draft("answer-mark")])
    desk.feedback(visitor, reply.seq, True)
    handoff = desk.open(visitor, message.seq, "urgent", "symptom", visitor_text="breathe-mark", bot_text="answer-mark")
    desk.attach_callback(handoff.id, {"name": "Ann Marker", "phone": "+15550009999"})
    desk.claim(handoff.id, "m_anna")
    desk.reply(handoff.id, "m_anna", "answer-mark", "r1")
    desk.note(handoff.id, "m_anna", "note-mark")
    with desk.store.transaction() as connection:
        note_access(connection, "m_anna", visitor, clock())
        row = {"sender_id": visitor, "state": "slot-mark", "events": "slot-mark", "updated_at": clock()}
        connection.execute(sa.insert(tracker_snapshot), row)
    if close:
        desk.close(handoff.id, "m_anna", "called", "note-mark")
    return visitor


def test_deleting_a_visitor_leaves_nothing_behind(desk: Desk, clock: Clock) -> None:
    visitor = live(desk, clock, "+15557770000")
    handoffs = [handoff.id for handoff in desk.handoffs("all")]
    before = everything(desk.store)
    assert all(mark in before for mark in (*MARKS, visitor, *handoffs))
    assert desk.delete_visitor(visitor) > 10
    after = everything(desk.store)
    assert [mark for mark in (*MARKS, visitor, *handoffs) if mark in after] == []
    with pytest.raises(NotFound):
        desk.visitor(visitor)


def test_deleting_works_while_a_handoff_is_open(desk: Desk, clock: Clock) -> None:
    visitor = live(desk, clock, close=False)
    desk.delete_visitor(visitor)
    assert visitor not in everything(desk.store)


def test_deleting_a_visitor_leaves_the_others_whole(desk: Desk, clock: Clock) -> None:
    first, second = live(desk, clock), live(desk, clock)
    kept = desk.export_visitor(second)
    desk.delete_visitor(first)
    assert desk.export_visitor(second) == kept


def test_deleting_overwrites_the_file(sqlite_url: str, clock: Clock) -> None:
    store = Store(sqlite_url)
    desk = Desk(store, Outbox(store, [], clock=clock), Bell(), RULES, clock=clock)
    visitor = live(desk, clock, "+15557770000")
    desk.delete_visitor(visitor)
    files = list(Path(sqlite_url.removeprefix("sqlite:///")).parent.iterdir())
    found = [mark for mark in (*MARKS, visitor) for file in files if mark.encode() in file.read_bytes()]
    assert found == []
    store.close()


def test_an_export_holds_everything_and_is_json(desk: Desk, clock: Clock) -> None:
    visitor = live(desk, clock, "+15557770000")
    live(desk, clock)
    export = desk.export_visitor(visitor)
    text = json.dumps(export)
    assert [mark for mark in MARKS if mark not in text] == []
    assert set(export) == {
        "visitor",
        "message",
        "handoff",
        "handoff_event",
        "note",
        "notification",
        "feedback",
        "access_log",
        "tracker_snapshot",
    }
    assert len(export["visitor"]) == 1
    assert "desk@clinic.example" not in text, "whom the clinic tells is not the visitor's"


def test_a_purge_takes_what_is_old_and_leaves_the_rest(desk: Desk, clock: Clock) -> None:
    old = live(desk, clock)
    clock.advance(days=100)
    new = live(desk, clock)
    kept = desk.export_visitor(new)
    gone = desk.purge(clock(), 90)
    assert set(gone) == set(KINDS)
    assert gone["messages"] == 4
    assert gone["handoffs"] == 1
    assert old not in everything(desk.store)
    assert desk.export_visitor(new) == kept
    assert set(desk.purge(clock(), 90).values()) == {0}


def test_a_purge_leaves_a_visitor_whose_handoff_is_open(desk: Desk, clock: Clock) -> None:
    visitor = live(desk, clock, close=False)
    clock.advance(days=1000)
    desk.purge(clock(), 90)
    assert len(desk.messages(visitor)) == 3
    assert len(desk.handoffs()) == 1


def test_each_kind_has_its_own_days(desk: Desk, clock: Clock) -> None:
    visitor = live(desk, clock)
    clock.advance(days=100)
    gone = desk.purge(clock(), {"messages": 30, "handoffs": 3650})
    assert (gone["messages"], gone["handoffs"]) == (4, 0)
    assert desk.messages(visitor) == ()
    assert len(desk.handoffs("closed")) == 1
    desk.purge(clock(), {"handoffs": 30, "messages": 30})
    assert visitor not in everything(desk.store)


def test_numbers_go_on_after_a_purge(desk: Desk, clock: Clock) -> None:
    visitor = live(desk, clock)
    clock.advance(days=50)
    before, _ = desk.accept(visitor, "m2", "I am back")
    clock.advance(days=50)
    desk.purge(clock(), 90)
    assert [message.seq for message in desk.messages(visitor)] == [before.seq]
    assert desk.accept(visitor, "m3", "Again")[0].seq == before.seq + 1


def test_a_kind_that_is_not_kept_is_refused(desk: Desk, clock: Clock) -> None:
    with pytest.raises(ValueError, match="messages"):
        desk.purge(clock(), {"mesages": 3})


def test_a_purge_of_many_visitors_goes_through_all_of_them(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.privacy.BATCH", 3)
    for number in range(10):
        visitor = desk.create_visitor("website").id
        desk.accept(visitor, "m1", f"question {number}")
    later = clock() + timedelta(days=91)
    assert desk.purge(later, 90)["messages"] == 10
    assert "question" not in everything(desk.store)


def test_the_audit_log_is_not_purged(desk: Desk, clock: Clock) -> None:
    with desk.store.transaction() as connection:
        append(desk.store, connection, "price", member="m_anna", after={"price": 80})
    desk.purge(clock() + timedelta(days=10_000), 90)
    assert "price" in everything(desk.store)
