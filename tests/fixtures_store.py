"""Stores to test with: a real SQLite file and a real PostgreSQL server that the tests bring along."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pgserver
import pytest
import sqlalchemy.engine
from store_tools import KINDS, Clock, empty_database, new_database

from bot.store import Store


@pytest.fixture
def clock() -> Clock:
    """Return a clock at Monday, 2 March 2026, 9:00 UTC."""
    return Clock()


@pytest.fixture(scope="session")
def postgres() -> Iterator[sqlalchemy.engine.URL]:
    """Run a PostgreSQL server for the session."""
    # Not in pytest's own folder: under root the server runs as another user, and every pytest that starts meanwhile
    # takes away other users' access to that folder.
    folder = tempfile.mkdtemp(prefix="postgres-")
    server = pgserver.get_server(folder, cleanup_mode="delete")  # type: ignore[attr-defined]
    # No test cuts the power.
    for command in (
        "ALTER SYSTEM SET fsync = off",
        "ALTER SYSTEM SET full_page_writes = off",
        "SELECT pg_reload_conf()",
    ):
        server.psql(f"{command};")
    yield sqlalchemy.engine.make_url(server.get_uri())
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file with all tables, to copy."""
    file = tmp_path_factory.mktemp("migrated") / "frontdesk.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def migrated_database(postgres: sqlalchemy.engine.URL) -> str:
    """Return the URL of a PostgreSQL database with all tables; every test finds it empty."""
    url = new_database(postgres)
    _migrate(url)
    return url


@pytest.fixture(params=KINDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a fresh database with all tables, of each kind in turn."""
    if request.param == "sqlite":
        file = tmp_path / "frontdesk.db"
        shutil.copy(request.getfixturevalue("migrated_file"), file)
        return f"sqlite:///{file}"
    url: str = request.getfixturevalue("migrated_database")
    empty_database(url)
    return url


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
