"""The audit log: a chain that shows what was changed afterwards."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from store_tools import Clock, at_once

from bot.audit import Entry, access_table, append, audit_table, entries, note_access, verify
from bot.bell import Bell
from bot.conversations import Conversations
from bot.store import Store

pytest_plugins = ("fixtures_store",)


def record(store: Store, what: str, number: int = 0) -> Entry:
    with store.transaction() as connection:
        return append(store, connection, what, member="m_anna", before={"price": number}, after={"price": number + 1})


@pytest.fixture
def chain(store: Store) -> Store:
    for number in range(5):
        record(store, "price", number)
    return store


def test_an_untouched_chain_is_whole(chain: Store) -> None:
    verdict = verify(chain)
    assert verdict.whole
    assert verdict.head.seq == 5


def test_an_empty_chain_is_whole(store: Store) -> None:
    assert verify(store).whole


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit SET after = '{\"price\":1}' WHERE seq = 3",
        "UPDATE audit SET member = 'm_eve' WHERE seq = 3",
        "UPDATE audit SET member = NULL WHERE seq = 3",
        "UPDATE audit SET what = 'hours' WHERE seq = 3",
        "UPDATE audit SET at = '2026-03-02 10:00:00.000000' WHERE seq = 3",
        "UPDATE audit SET hash = previous_hash WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
    ],
)
def test_a_changed_row_is_named(chain: Store, change: str) -> None:
    with chain.transaction() as connection:
        connection.exec_driver_sql(change)
    assert verify(chain).broken_at == 3


def test_rows_that_changed_places_are_found(chain: Store) -> None:
    with chain.transaction() as connection:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            connection.execute(sa.update(audit_table).where(audit_table.c.seq == old).values(seq=new))
    assert verify(chain).broken_at == 2


def test_a_chain_cut_short_is_found_with_a_head_noted_elsewhere(chain: Store) -> None:
    head = verify(chain).head
    with chain.transaction() as connection:
        connection.execute(sa.delete(audit_table).where(audit_table.c.seq >= 4))
    assert verify(chain).whole
    assert verify(chain, head).broken_at == 4


def test_a_chain_written_anew_is_found_with_a_head_noted_elsewhere(chain: Store) -> None:
    head = verify(chain).head
    with chain.transaction() as connection:
        connection.execute(sa.delete(audit_table))
    for _ in range(6):
        record(chain, "nothing happened")
    assert verify(chain).whole
    assert verify(chain, head).broken_at == 5


def test_a_head_noted_earlier_fits_a_chain_that_grew(chain: Store) -> None:
    head = verify(chain).head
    record(chain, "hours")
    assert verify(chain, head).whole


def test_members_at_once_add_to_one_chain(store: Store) -> None:
    results = at_once(12, lambda number: record(store, "price", number))
    assert not [result for result in results if isinstance(result, Exception)]
    assert verify(store).whole
    assert [entry.seq for entry in entries(store)] == list(range(12, 0, -1))


def test_an_undone_change_leaves_no_entry(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction() as connection:
        append(store, connection, "price", member=None)
        raise KeyError
    assert entries(store) == ()


def test_entries_can_be_paged(chain: Store) -> None:
    assert [entry.seq for entry in entries(chain, before_seq=4, limit=2)] == [3, 2]


def test_who_opened_a_conversation_is_kept(store: Store, clock: Clock) -> None:
    visitor = Conversations(store, Bell(), clock).create_visitor("website").id
    with store.transaction() as connection:
        note_access(connection, "m_anna", visitor, clock())
    with store.reading() as connection:
        (row,) = connection.execute(sa.select(access_table))
    assert (row.member, row.visitor, row.at) == ("m_anna", visitor, clock())
