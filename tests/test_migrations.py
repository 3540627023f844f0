"""Migrations: from nothing, again, from two places at once, and nothing forgotten."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
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
