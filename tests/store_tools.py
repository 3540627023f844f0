"""What tests of the store share: a clock to move, databases to create, many threads at once, a text of everything."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from threading import Barrier
from typing import Any, TypeVar

import psycopg2
import sqlalchemy as sa
import sqlalchemy.engine

from bot.store import Store

T = TypeVar("T")

KINDS = ("sqlite", "postgresql")
_numbers = itertools.count()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, **by: float) -> datetime:
        """Move on, and return the new time."""
        self.now += timedelta(**by)
        return self.now


def new_database(server: sqlalchemy.engine.URL) -> str:
    """Create a PostgreSQL database and return its URL."""
    name = f"test_{next(_numbers)}"
    connection = psycopg2.connect(server.render_as_string(hide_password=False))
    connection.autocommit = True
    connection.cursor().execute(f'CREATE DATABASE "{name}"')
    connection.close()
    return str(server.set(database=name).render_as_string(hide_password=False))


def empty_database(url: str) -> None:
    """Empty every table of a PostgreSQL database (a fresh copy for each test takes six times as long)."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'")
        names = [name for name in cursor.fetchone()[0].split(",") if name != "alembic_version"]
        cursor.execute(f"TRUNCATE {','.join(names)} RESTART IDENTITY CASCADE")
        cursor.execute("INSERT INTO pulse VALUES (1, 0)")
    connection.close()


def at_once(number: int, call: Callable[[int], T]) -> list[T | Exception]:
    """Do a call in many threads that start together; return what each returned or raised."""
    start = Barrier(number)

    def one(index: int) -> T | Exception:
        start.wait()
        try:
            return call(index)
        except Exception as error:
            return error

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(one, range(number)))


def everything(store: Store) -> str:
    """Return every value of every table of the database, as one text to search in."""
    with store.reading() as connection:
        names = sa.inspect(connection).get_table_names()
        rows: list[Any] = []
        for name in names:
            rows += connection.execute(sa.text(f'SELECT * FROM "{name}"')).all()
    return "\n".join(map(repr, rows))
