"""The store: transactions, times, texts and a database that is away."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from store_tools import at_once

from bot.errors import SettingsError, StoreUnavailable
from bot.store import Store, UtcDateTime, new_id, pulse_table, storable
from bot.tables import canned_reply

pytest_plugins = ("fixtures_store",)

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=timezone.utc)


def add(store: Store, text: str = "Hello", at: datetime = NOON, key: str = "") -> str:
    key = key or new_id("r")
    with store.transaction() as connection:
        connection.execute(sa.insert(canned_reply), {"id": key, "title": "t", "text": text, "at": at})
    return key


def rows(store: Store) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(sa.select(canned_reply)))


def test_a_transaction_that_raises_leaves_nothing(store: Store) -> None:
    with pytest.raises(KeyError), store.transaction() as connection:
        connection.execute(sa.insert(canned_reply), {"id": "1", "title": "t", "text": "x", "at": NOON})
        raise KeyError
    assert rows(store) == []


def test_a_reading_connection_cannot_write(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match=r"read-?only"), store.reading() as connection:
        connection.execute(sa.update(pulse_table).values(beats=7))


def test_a_reading_connection_sees_one_moment(store: Store) -> None:
    with store.reading() as connection:
        before = connection.execute(sa.select(sa.func.count()).select_from(canned_reply)).scalar()
        writer = threading.Thread(target=add, args=(store,))
        writer.start()
        writer.join()
        after = connection.execute(sa.select(sa.func.count()).select_from(canned_reply)).scalar()
    assert (before, after) == (0, 0)
    assert len(rows(store)) == 1


def test_a_reading_inside_a_reading_sees_the_same_moment(store: Store) -> None:
    with store.reading() as outer:
        with store.reading() as inner:
            assert inner is outer
        outer.execute(sa.text("SELECT 1"))
    with store.reading() as after:
        assert after is not outer


def test_a_glance_is_not_held_up_by_a_writer(store: Store) -> None:
    add(store)
    with ThreadPoolExecutor(1) as elsewhere, store.transaction() as connection:
        connection.execute(sa.update(canned_reply).values(text="changed"))
        seen = elsewhere.submit(asyncio.run, store.glance(rows, store)).result(5)
    assert [row.text for row in seen] == ["Hello"]


def test_a_transaction_inside_a_transaction_is_refused_at_once(store: Store) -> None:
    with store.transaction(), pytest.raises(RuntimeError), store.transaction():
        pass
    assert store.healthy()


def test_calls_after_commit_run_once_and_only_if_kept(store: Store) -> None:
    called: list[str] = []
    with store.transaction():
        store.after_commit(lambda: called.append("kept"))
        assert called == []
    with pytest.raises(KeyError), store.transaction():
        store.after_commit(lambda: called.append("undone"))
        raise KeyError
    assert called == ["kept"]


def test_a_failing_call_after_commit_does_not_undo_the_change(store: Store) -> None:
    with store.transaction() as connection:
        connection.execute(sa.insert(canned_reply), {"id": "1", "title": "t", "text": "x", "at": NOON})
        store.after_commit(lambda: 1 / 0)
    assert len(rows(store)) == 1


def test_times_come_back_aware_and_in_utc(store: Store) -> None:
    in_new_york = NOON.astimezone(timezone(timedelta(hours=-5)))
    add(store, at=in_new_york.replace(microsecond=123456))
    (row,) = rows(store)
    assert row.at == NOON.replace(microsecond=123456)
    assert row.at.utcoffset() == timedelta(0)


def test_a_naive_time_is_refused(store: Store) -> None:
    with pytest.raises(sa.exc.StatementError, match="without a zone"):
        add(store, at=datetime(2026, 3, 2, 12, 0))


def test_no_time_stays_no_time() -> None:
    dialect = sa.create_engine("sqlite://").dialect
    assert UtcDateTime().process_bind_param(None, dialect) is None
    assert UtcDateTime().process_result_value(None, dialect) is None


@pytest.mark.parametrize(
    "text",
    ["a\x00b", "half \ud83d of a pair", "\u202eright to left", "Z\u0351\u0336a\u0322lgo", "💉🙂", "' OR 1=1; --"],
    ids=["nul", "half", "right-to-left", "zalgo", "emoji", "sql"],
)
def test_any_text_can_be_kept(store: Store, text: str) -> None:
    add(store, text=text)
    (row,) = rows(store)
    assert row.text == storable(text)
    assert len(row.text) >= len(text.replace("\x00", ""))


def test_whole_text_is_kept_as_it_is() -> None:
    assert storable("Grüße 🙂") == "Grüße 🙂"


def test_writers_at_once_all_get_their_turn(store: Store) -> None:
    results = at_once(20, lambda number: add(store, key=f"r{number}"))
    assert sorted(map(str, results)) == sorted(f"r{number}" for number in range(20))
    assert len(rows(store)) == 20


def test_two_stores_on_one_database_take_turns(store: Store, store_url: str) -> None:
    other = Store(store_url)
    stores = [store, other]
    results = at_once(16, lambda number: add(stores[number % 2], key=f"r{number}"))
    other.close()
    assert not [result for result in results if isinstance(result, Exception)]


async def test_calls_run_off_the_event_loop(store: Store) -> None:
    ids = await asyncio.gather(*(store.run(add, store, key=f"r{number}") for number in range(10)))
    assert len(set(ids)) == 10
    assert len(await store.read(rows, store)) == 10
    assert await store.run(threading.get_ident) != threading.get_ident()


def test_a_store_that_can_be_written_is_healthy(store: Store) -> None:
    assert store.healthy()


def test_a_read_only_sqlite_file_is_unavailable_in_one_line(sqlite_url: str) -> None:
    file = sqlite_url.removeprefix("sqlite:///")
    store = Store(f"sqlite:///file:{file}?mode=ro&uri=true")
    with pytest.raises(StoreUnavailable) as caught:
        add(store)
    assert "readonly" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not store.healthy()
    assert rows(store) == []
    store.close()


def test_a_read_only_postgresql_is_unavailable_in_one_line(migrated_database: str) -> None:
    store = Store(f"{migrated_database}&options=-c%20default_transaction_read_only%3Don")
    with pytest.raises(StoreUnavailable) as caught:
        add(store)
    assert "read-only" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert not store.healthy()
    store.close()


def test_a_server_that_is_away_is_unavailable_and_keeps_its_password_secret() -> None:
    store = Store("postgresql://clinic:s3cret@127.0.0.1:1/frontdesk")
    with pytest.raises(StoreUnavailable) as caught:
        add(store)
    assert "s3cret" not in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    store.close()


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"this is no database" * 100)
    store = Store(f"sqlite:///{tmp_path / 'broken.db'}")
    with pytest.raises(StoreUnavailable, match="not a database"):
        store.migrate()
    assert not store.healthy()
    store.close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(f"sqlite:///{tmp_path / 'file' / 'var' / 'frontdesk.db'}")
    with pytest.raises(StoreUnavailable, match="folder"):
        store.migrate()
    store.close()


def test_a_database_without_tables_is_unhealthy(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    assert not store.healthy()
    store.close()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/name", "not a url"])
def test_what_cannot_be_served_is_said_at_the_start(url: str) -> None:
    with pytest.raises(SettingsError):
        Store(url)


def test_a_statement_that_fails_does_not_repeat_what_was_written(store: Store) -> None:
    add(store, key="r1")
    with pytest.raises(sa.exc.IntegrityError) as caught:
        add(store, text="my chest hurts", key="r1")
    assert "chest" not in str(caught.value)


def test_ids_cannot_be_guessed() -> None:
    ids = {new_id("v") for _ in range(1000)}
    assert len(ids) == 1000
    assert all(one.startswith("v_") and len(one) == 34 for one in ids)


def test_sqlite_survives_a_power_cut_and_overwrites_what_is_deleted(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    with store.transaction() as connection:
        pragmas = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in _PRAGMAS}
    store.close()
    assert pragmas == _PRAGMAS


def test_deleted_text_is_gone_from_the_file(sqlite_url: str) -> None:
    store = Store(sqlite_url)
    add(store, text="a secret worth forgetting")
    with store.transaction() as connection:
        connection.execute(sa.delete(canned_reply))
    store.scrub()
    files = Path(sqlite_url.removeprefix("sqlite:///")).parent.iterdir()
    assert not [file for file in files if b"worth forgetting" in file.read_bytes()]
    store.close()


_PRAGMAS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
