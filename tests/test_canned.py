"""Canned replies: kept, replaced, taken away and audited, on both databases; and their gaps."""

from __future__ import annotations

import pytest
from store_tools import Clock

from bot import audit
from bot.canned import LONGEST_TEXT, LONGEST_TITLE, STARTERS, Canned, check_gaps, filled
from bot.clinic import build_clinic
from bot.content import read_content
from bot.errors import NotFound, Refused
from bot.fields import Problems
from bot.settings import ROOT
from bot.store import Store

pytest_plugins = ("fixtures_store",)


@pytest.fixture
def canned(store: Store, clock: Clock) -> Canned:
    return Canned(store, clock)


def test_replies_are_listed_by_title_however_it_is_written(canned: Canned) -> None:
    for title in ("may we call?", "Hello", "call us"):
        canned.save(title, "A text.", member="m_ann")
    assert [one.title for one in canned.all()] == ["call us", "Hello", "may we call?"]


def test_a_reply_keeps_who_wrote_it_and_when(canned: Canned, clock: Clock) -> None:
    saved = canned.save("  Call \n us ", " Call {clinic.phone}. ", member="m_ann")
    assert (saved.title, saved.text, saved.member, saved.at) == ("Call us", "Call {clinic.phone}.", "m_ann", clock.now)
    assert canned.all() == (saved,)


def test_a_reply_that_is_there_is_replaced(canned: Canned) -> None:
    first = canned.save("Call us", "Call us.", member="m_ann")
    second = canned.save("Call us today", "Call us today.", member="m_ben", canned_id=first.id)
    assert canned.all() == (second,)


@pytest.mark.parametrize(
    ("title", "text"), [("", "x"), ("x", " "), ("x" * (LONGEST_TITLE + 1), "x"), ("x", "x" * (LONGEST_TEXT + 1))]
)
def test_a_reply_without_a_title_or_a_text_or_too_long_is_refused(canned: Canned, title: str, text: str) -> None:
    with pytest.raises(Refused):
        canned.save(title, text, member="m_ann")
    assert canned.all() == ()


def test_what_is_not_there_is_neither_replaced_nor_removed(canned: Canned) -> None:
    with pytest.raises(NotFound):
        canned.save("x", "x", member="m_ann", canned_id="canned_gone")
    with pytest.raises(NotFound):
        canned.remove("canned_gone", member="m_ann")
    assert canned.all() == ()


def test_every_change_of_a_reply_is_in_the_audit_log(canned: Canned, store: Store) -> None:
    reply = canned.save("Call us", "Call us.", member="m_ann")
    canned.save("Call us", "Call us today.", member="m_ben", canned_id=reply.id)
    canned.remove(reply.id, member="m_ann")
    removed, changed, written = audit.entries(store)
    assert [one.what for one in (written, changed, removed)] == ["canned.saved", "canned.saved", "canned.removed"]
    assert (changed.before["text"], changed.after["text"], changed.member) == ("Call us.", "Call us today.", "m_ben")
    assert (written.before, removed.after) == (None, None)
    assert audit.verify(store).whole


def test_gaps_fill_themselves_and_one_without_a_value_stays_visible() -> None:
    clinic = build_clinic(read_content(ROOT / "clinic").entries, Problems())
    text = filled("I am {member.name}, on {visitor.phone}. Call {clinic.phone}.", clinic, None, {"member.name": "Ann"})
    assert text.startswith("I am Ann, on {visitor.phone}. Call ")
    assert "{clinic" not in text


@pytest.mark.parametrize(
    ("gap", "near"),
    [
        ("{vistor_name}", "{visitor.name}"),
        ("{visitor name}", "{visitor.name}"),
        ("{Visitor.name}", "{visitor.name}"),
        ("{clinic.fone}", "{clinic.phone}"),
        ("{}", "{member.name}"),
    ],
)
def test_a_gap_that_nothing_fills_is_refused_with_those_that_come_near(gap: str, near: str) -> None:
    clinic = build_clinic(read_content(ROOT / "clinic").entries, Problems())
    with pytest.raises(Refused) as refused:
        check_gaps(f"Hello {gap}, this is {{member.name}}.", clinic)
    assert str(refused.value).startswith(f"nothing fills {gap}. There is ")
    assert near in str(refused.value)


@pytest.mark.parametrize("title", [title for title, _ in STARTERS])
def test_what_a_clinic_can_begin_with_has_no_gap_that_nothing_fills(title: str) -> None:
    clinic = build_clinic(read_content(ROOT / "clinic").entries, Problems())
    own = {"member.name": "Ann", "visitor.name": "Kim", "visitor.phone": "555"}
    check_gaps(dict(STARTERS)[title], clinic)
    assert "{" not in filled(dict(STARTERS)[title], clinic, "willow", own)
