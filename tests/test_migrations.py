"""Migrations: from nothing, again, from two places at once, and nothing forgotten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from store_tools import KINDS, at_once, new_database

import bot.audit
import bot.desk
import bot.staff
import bot.tables  # noqa: F401
from bot.errors import StoreUnavailable
from bot.notify import Outbox
from bot.store import MIGRATIONS, Store, metadata

pytest_plugins = ("fixtures_store",)


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'new' / 'folder' / 'frontdesk.db'}"
    else:
        url = new_database(request.getfixturevalue("postgres"))
    store = Store(url)
    yield store
    store.close()


def differences(store: Store) -> list[Any]:
    with store.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))


def test_the_migrated_tables_are_the_ones_the_modules_declare(empty: Store) -> None:
    empty.migrate()
    assert differences(empty) == []
    assert empty.healthy()


def test_migrating_again_changes_nothing(empty: Store) -> None:
    empty.migrate()
    with empty.transaction() as connection:
        connection.execute(sa.text("UPDATE pulse SET beats = 41"))
    empty.migrate()
    with empty.reading() as connection:
        assert connection.execute(sa.text("SELECT beats FROM pulse")).scalar() == 41


def migrate_to(store: Store, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with store.transaction() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def test_a_database_of_the_first_version_is_brought_up_to_date_with_what_it_holds(empty: Store) -> None:
    if empty.embedded:
        empty._make_folder()
    migrate_to(empty, "0001")
    assert differences(empty) != []
    with empty.transaction() as connection:
        connection.execute(sa.text("UPDATE pulse SET beats = 41"))
    empty.migrate()
    assert differences(empty) == []
    with empty.reading() as connection:
        assert connection.execute(sa.text("SELECT beats FROM pulse")).scalar() == 41


def test_who_saw_a_handoff_first_is_taken_from_its_history(empty: Store) -> None:
    if empty.embedded:
        empty._make_folder()
    migrate_to(empty, "0002")
    with empty.transaction() as connection:
        for statement in _BEFORE_FIRST_SEEN:
            connection.execute(sa.text(statement))
    empty.migrate()
    assert differences(empty) == []
    desk = bot.desk.Desk(empty, Outbox(empty, []))
    assert desk.handoff("h_1").first_seen_by == "m_anna"
    assert desk.handoff("h_1").first_seen_at == datetime(2026, 11, 10, 9, 1, tzinfo=timezone.utc)
    assert desk.handoff("h_2").first_seen_at is None
    assert len(desk.history("h_1")) == 4


_AT = "'2026-11-10 09:0%s:00.000000+00:00'"
_BEFORE_FIRST_SEEN = (
    *(
        f"INSERT INTO visitor (id, channel, created_at, seen_at, last_seq) VALUES ('v_{n}', 'website', {_AT % 0}, {_AT % 0}, 2)"
        for n in (1, 2)
    ),
    *(
        "INSERT INTO handoff (id, visitor, seq, urgency, reason, kind, state, rules, visitor_text, bot_text, held, opened_at, "
        f"alarm, alarmed_at) VALUES ('h_{n}', 'v_{n}', 1, 'urgent', 'symptom', '', 'waiting', '[]', '', '', false, {_AT % 0}, 2, {_AT % 2})"
        for n in (1, 2)
    ),
    *(
        f"INSERT INTO handoff_event (handoff_id, at, what, member, detail) VALUES ('{handoff}', {_AT % minute}, '{what}', {who}, '{{}}')"
        for handoff, minute, what, who in (
            ("h_1", 0, "noted", "'m_ben'"),
            ("h_1", 1, "acknowledged", "'m_anna'"),
            ("h_1", 2, "raised", "NULL"),
            ("h_1", 3, "claimed", "'m_ben'"),
            ("h_2", 0, "noted", "'m_ben'"),
        )
    ),
)
"""A handoff that two have seen, and one that nobody has, as the version before kept them."""


def test_a_database_of_a_newer_version_is_refused_in_one_line_and_left_as_it_is(empty: Store) -> None:
    empty.migrate()
    with empty.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnavailable, match="^the database [^\n]* by a newer version: [^\n]*$"):
        empty.migrate()
    assert differences(empty) == []


def test_servers_that_start_together_migrate_once(empty: Store) -> None:
    assert at_once(4, lambda _: empty.migrate()) == [None] * 4
    assert empty.healthy()


def test_no_file_in_the_working_directory_is_needed(tmp_path: Path) -> None:
    root = MIGRATIONS.parent
    program = (
        f"import sys; sys.path.insert(0, {str(root)!r})\n"
        "from bot.store import Store\n"
        "store = Store('sqlite:///here.db'); store.migrate(); print(store.healthy())"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_every_table_that_names_a_visitor_is_marked_for_export_and_deletion() -> None:
    suspects = {"visitor", "sender_id"}
    unmarked = [
        table.name
        for table in metadata.tables.values()
        if suspects & set(table.c.keys()) and "visitor" not in table.info and "handoff_id" not in table.c
    ]
    assert unmarked == []
