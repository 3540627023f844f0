"""The database: one place that opens it, keeps its transactions honest and says so when it is away.

SQLite (embedded, one writer at a time, WAL) and PostgreSQL behave alike to the modules above: a `transaction()` either
happens wholly or not at all, `reading()` sees one moment, and a database that cannot be used is a `StoreUnavailable`
with one line that says why. Tables live in the modules that own them and register on `metadata`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import logging
import secrets
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa
import sqlalchemy.engine
import sqlalchemy.exc
import sqlalchemy.pool

from bot.errors import SettingsError, StoreUnavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
Connection: TypeAlias = sqlalchemy.engine.Connection

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"

# How long a writer waits for another process (the command line beside the server) before it gives up.
LOCK_WAIT_SECONDS = 10

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# One row that a health check writes: only a write proves that writing works (a full disk still reads well).
pulse_table = sa.Table(
    "pulse",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("beats", sa.Integer, nullable=False),
)


class UtcDateTime(sa.types.TypeDecorator):  # type: ignore[misc]  # SQLAlchemy 1.4 carries no types
    """A moment: aware and in UTC on the way in and on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Take an aware time only: a naive one is somebody's local time, and nobody knows whose."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        moment = value.astimezone(timezone.utc)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give the time back aware, in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=timezone.utc)
        return value.astimezone(timezone.utc)


class Words(sa.types.TypeDecorator):  # type: ignore[misc]
    """Text as people send it: what no database can keep (NUL, half a surrogate pair) becomes a replacement mark."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Make the text storable."""
        return None if value is None else storable(value)


class Json(sa.types.TypeDecorator):  # type: ignore[misc]
    """A JSON value kept as ASCII text, so both databases keep the same bytes."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        """Write the value."""
        return None if value is None else json.dumps(value, separators=(",", ":"), default=list)

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        """Read the value."""
        return None if value is None else json.loads(value)


def storable(text: str) -> str:
    """Return the text with what no database can keep replaced by U+FFFD."""
    if text.isascii() and "\x00" not in text:
        return text
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return whole.replace("\x00", "\ufffd")


def utc_now() -> datetime:
    """Return this moment, aware and in UTC."""
    return datetime.now(timezone.utc)


def new_id(prefix: str) -> str:
    """Return a new id that nobody can guess: 128 random bits behind a prefix that says what it names."""
    return f"{prefix}_{secrets.token_hex(16)}"


class Store:
    """Opens the database and hands out transactions."""

    def __init__(self, url: str) -> None:
        self._url = address_of(url)
        self.embedded = self._url.get_backend_name() == "sqlite"
        self._inside = threading.local()
        if self.embedded:
            self._writer, self._reader = _sqlite(self._url)
            self._write_pool = ThreadPoolExecutor(1, thread_name_prefix="store-write")
            self._read_pool = ThreadPoolExecutor(4, thread_name_prefix="store-read")
        else:
            self._writer, self._reader = _postgresql(self._url)
            self._write_pool = self._read_pool = ThreadPoolExecutor(8, thread_name_prefix="store")

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Give a connection whose changes happen together, or not at all if the block raises."""
        if getattr(self._inside, "writing", False):
            # One connection writes to SQLite: a second one in the same thread would wait for itself.
            raise RuntimeError("a transaction is open in this thread: pass its connection on")
        self._inside.writing = True
        self._inside.afterwards = []
        try:
            with self._explained(), self._writer.begin() as connection:
                yield connection
        finally:
            self._inside.writing = False
        for call in self._inside.afterwards:
            _safely(call)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give a connection that sees one moment of the database and cannot change it; one inside another sees the same moment."""
        outer = getattr(self._inside, "reading", None)
        if outer is not None:
            yield outer
            return
        with self._explained(), self._reader.begin() as connection:
            self._inside.reading = connection
            try:
                yield connection
            finally:
                self._inside.reading = None

    def after_commit(self, call: Callable[[], object]) -> None:
        """Do `call` once this thread's open transaction has been kept; never if it is undone."""
        if not getattr(self._inside, "writing", False):
            raise RuntimeError("no transaction is open in this thread")
        self._inside.afterwards.append(call)

    async def run(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Do a blocking call that may write, off the event loop; on SQLite one at a time, in order."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._write_pool, functools.partial(call, *args, **kwargs))

    async def read(self, call: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Do a blocking call that only reads, off the event loop, without holding up the writers."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_pool, functools.partial(call, *args, **kwargs))

    async def glance(self, call: Callable[..., T], *args: Any) -> T:
        """Read a few rows of one conversation: an embedded database has them sooner than another thread takes over, and no writer stops it."""
        return call(*args) if self.embedded else await self.read(call, *args)

    def migrate(self) -> None:
        """Bring the tables up to date; a database that is up to date is left alone."""
        # Imported here: only a start and the tests migrate, and alembic costs time and memory.
        from alembic import command
        from alembic.config import Config
        from alembic.util.exc import CommandError

        if self.embedded:
            self._make_folder()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self._explained(), self._writer.begin() as connection:
            if not self.embedded:
                # Two servers that start together must not both create the tables.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(738211)"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:  # its tables are of a migration that we do not have
                said = "was brought up to date by a newer version: install that one, or restore a backup from before"
                raise StoreUnavailable(f"the database {self._url!r} {said}") from error

    def healthy(self) -> bool:
        """Say whether the database can be written, by writing."""
        try:
            with self.transaction() as connection:
                beat = sa.update(pulse_table).values(beats=pulse_table.c.beats + 1)
                return bool(connection.execute(beat).rowcount == 1)
        except (StoreUnavailable, sa.exc.SQLAlchemyError) as error:
            log.warning("the database is not healthy: %s", type(error).__name__)
            return False

    def scrub(self) -> None:
        """Overwrite deleted rows on disk as far as the database lets us (SQLite; PostgreSQL vacuums by itself)."""
        if not self.embedded:
            return
        with self._explained(), self._writer.connect() as connection, contextlib.suppress(sqlite3.Error):
            # A reader in the middle of something is waited for by the next scrub.
            connection.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def lock(self, connection: Connection, table: sa.Table) -> None:
        """Let nobody else write `table` until this transaction ends (SQLite has one writer anyway)."""
        if not self.embedded:
            connection.execute(sa.text(f"LOCK TABLE {table.name} IN SHARE ROW EXCLUSIVE MODE"))

    def close(self) -> None:
        """Let running calls end and close every connection."""
        self._write_pool.shutdown()
        self._read_pool.shutdown()
        self._writer.dispose()
        self._reader.dispose()

    def _make_folder(self) -> None:
        try:
            Path(self._url.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"cannot make the folder of {self._url!r}: {error.strerror}") from error

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.TimeoutError as error:
            raise StoreUnavailable(f"cannot use the database {self._url!r}: all connections are busy") from error
        except sa.exc.DBAPIError as error:
            if isinstance(error, (sa.exc.IntegrityError, sa.exc.DataError, sa.exc.ProgrammingError)):
                raise  # a fault of ours, not of the database
            reason = str(error.orig).strip().splitlines()[:1] or [type(error.orig).__name__]
            raise StoreUnavailable(f"cannot use the database {self._url!r}: {reason[0]}") from error


def address_of(url: str) -> sqlalchemy.engine.URL:
    """Read the URL as operators write it; what we cannot serve is said now, not at the first message."""
    try:
        address = sqlalchemy.engine.make_url(url.replace("postgres://", "postgresql://", 1))
    except sa.exc.ArgumentError as error:
        raise SettingsError("the database URL is not one: sqlite:///path or postgresql://host/name") from error
    backend = address.get_backend_name()
    if backend == "postgresql":
        return address.set(drivername="postgresql+psycopg2")
    if backend != "sqlite":
        raise SettingsError(f"a database of kind {backend} is not known: use sqlite:///path or postgresql://host/name")
    if address.database in (None, "", ":memory:"):
        raise SettingsError("a database in memory forgets symptoms: name a file, sqlite:///path")
    return address


def _sqlite(url: sqlalchemy.engine.URL) -> tuple[sqlalchemy.engine.Engine, sqlalchemy.engine.Engine]:
    # Every file connection may be used by any thread of ours, one at a time: the pool sees to that.
    arguments = {"check_same_thread": False, "timeout": LOCK_WAIT_SECONDS, "cached_statements": 512}
    common = {
        "connect_args": arguments,
        "future": True,
        "hide_parameters": True,  # an error text ends in a log, and parameters are what visitors wrote
        "poolclass": sa.pool.QueuePool,
        "pool_timeout": LOCK_WAIT_SECONDS,
    }
    # One writing connection: threads queue for it fairly, where SQLite itself would poll with growing pauses.
    writer = sa.create_engine(url, pool_size=1, max_overflow=0, **common)
    reader = sa.create_engine(url, pool_size=4, max_overflow=16, **common)
    sa.event.listen(writer, "connect", _open_for_writing)
    sa.event.listen(reader, "connect", _open_for_reading)
    # The write lock is taken at once: a transaction that reads first and writes later could fail half-way.
    writer.dialect.do_begin = lambda connection: connection.execute("BEGIN IMMEDIATE")
    reader.dialect.do_begin = lambda connection: connection.execute("BEGIN")
    return writer, reader


def _open_for_writing(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves; the sqlite3 module would say it too late
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")  # a symptom survives a power cut
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA secure_delete=ON")  # what a visitor had deleted is overwritten, not just unlinked


def _open_for_reading(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA query_only=ON")


def _postgresql(url: sqlalchemy.engine.URL) -> tuple[sqlalchemy.engine.Engine, sqlalchemy.engine.Engine]:
    own = f"-c timezone=UTC -c lock_timeout={LOCK_WAIT_SECONDS}s -c statement_timeout=60s"
    writer = sa.create_engine(
        url,
        future=True,
        hide_parameters=True,  # as above
        pool_size=10,
        max_overflow=15,
        pool_timeout=LOCK_WAIT_SECONDS,
        pool_pre_ping=True,  # a restarted server costs a round trip, not a visitor's message
        isolation_level="READ COMMITTED",
        connect_args={
            "connect_timeout": 5,
            "options": f"{own} {url.query.get('options', '')}",  # the operator's, given in the URL, come last
        },
    )
    reader = writer.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return writer, reader


def _safely(call: Callable[[], object]) -> None:
    """Do what follows a commit: the change is kept whatever happens here."""
    try:
        call()
    except Exception:
        log.exception("a call after a commit failed")
