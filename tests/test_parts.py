"""The parts as they are built for every process: what one process changes, the others follow."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest
from patience import until_then

from bot.parts import Parts, build
from bot.settings import Settings

pytest_plugins = ("fixtures_store",)

ROOM = "http://127.0.0.1:9/new-room"


@pytest.fixture
def two(settings: Settings, store_url: str) -> Iterator[tuple[Parts, Parts]]:
    own = replace(settings, database_url=store_url)
    one, other = build(own), build(own)
    yield one, other
    one.store.close()
    other.store.close()


def edit_rules(parts: Parts) -> None:
    rule = {"medium": "chat", "address": ROOM, "urgencies": ["emergency"], "after_minutes": 0}
    parts.answers.edit("clinic/notifications", {"items": [rule]}, member="m_owner")


def addresses(parts: Parts) -> list[str]:
    return [rule.address for rule in parts.desk.rules]


def test_an_edit_of_who_is_notified_is_followed_where_it_was_made(two: tuple[Parts, Parts]) -> None:
    one, _ = two
    edit_rules(one)
    assert addresses(one) == [ROOM]


async def test_an_edit_of_who_is_notified_is_followed_by_every_process(two: tuple[Parts, Parts]) -> None:
    one, other = two
    stop = asyncio.Event()
    watching = asyncio.ensure_future(other.answers.watch(stop))
    edit_rules(one)
    await until_then(lambda: addresses(other) == [ROOM])
    stop.set()
    await watching


def test_an_emergency_in_another_process_tells_whom_the_edit_names(two: tuple[Parts, Parts]) -> None:
    one, other = two
    edit_rules(one)
    other.answers.refresh()
    visitor = other.desk.create_visitor("website", "").id
    message, _ = other.desk.accept(visitor, "m1", "i cannot breathe")
    handoff = other.desk.open(visitor, message.seq, "emergency", "symptom")
    assert [one.address for one in other.outbox.of_handoff(handoff.id)] == [ROOM]


def test_an_edit_of_an_answer_leaves_the_rules_as_they_are(two: tuple[Parts, Parts]) -> None:
    one, other = two
    before = one.desk.rules
    one.answers.edit("cost", {"source": "clinic"}, member="m_owner", approved_by="Dr. Lee")
    other.answers.refresh()
    assert other.desk.rules == one.desk.rules == before
