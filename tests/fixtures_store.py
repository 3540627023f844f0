"""Stores to test with: a real SQLite file and a real PostgreSQL server that the tests bring along."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pgserver
import pytest
import sqlalchemy.engine
from store_tools import KINDS, Clock, new_database

from bot.store import Store


@pytest.fixture
def clock() -> Clock:
    """Return a clock at Monday, 2 March 2026, 9:00 UTC."""
    return Clock()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlalchemy.engine.URL]:
    """Run a PostgreSQL server for the session."""
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")
    yield sqlalchemy.engine.make_url(server.get_uri())
    server.cleanup()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with all tables, to copy."""
    file = tmp_path_factory.mktemp("migrated") / "frontdesk.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: sqlalchemy.engine.URL) -> str:
    """Return the name of a PostgreSQL database with all tables, to copy."""
    _migrate(new_database(postgres, name="migrated"))
    return "migrated"


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a fresh database with all tables, of each kind in turn."""
    if request.param == "sqlite":
        file = tmp_path / "frontdesk.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        return f"sqlite:///{file}"
    template = request.getfixturevalue("migrated_database")
    return new_database(request.getfixturevalue("postgres"), template=template)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """Return a fresh store, of each kind in turn."""
    store = Store(store_url)
    yield store
    store.close()


@pytest.fixture
def sqlite_url(migrated_file: Path, tmp_path: Path) -> str:
    """Return the URL of a fresh SQLite database with all tables, where one kind is enough."""
    file = tmp_path / "one.db"
    shutil.copy(migrated_file, file)
    return f"sqlite:///{file}"


def _migrate(url: str) -> None:
    store = Store(url)
    store.migrate()
    store.scrub()
    store.close()
