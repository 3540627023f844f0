"""A database as one file: taken from one that is being written to, looked at in a place of its own, put in the place of another.

SQLite is copied by its own backup call, PostgreSQL by `pg_dump`. Either way the copy is of one moment, and so are the
rows that are counted with it. What is replaced is kept beside: a file under another name, a schema under another name.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import sqlalchemy as sa
import sqlalchemy.engine
import sqlalchemy.exc
import sqlalchemy.pool

from bot import audit
from bot.errors import BackupError, StoreUnavailable
from bot.store import Connection, Store, address_of, new_id

ALWAYS_THERE = frozenset({"pulse"})
"""Tables that hold a row from the beginning: a database with nothing else in it is empty."""

REVISION = "alembic_version"

KEPT = ".before-"
"""Between the name of a file that was replaced and the time."""


@dataclass(frozen=True)
class Contents:
    """What stands in a database at one moment."""

    schema: str
    revision: str
    tables: Mapping[str, int]
    head: audit.Head


class Database(Protocol):
    """A database that can be copied and replaced."""

    kind: str
    beside: Path | None
    """Where a file must be made that `replace` can move; None where it is read, not moved."""

    def take(self, file: Path) -> Contents:
        """Copy it to a file while others write to it, and say what is in the copy."""

    def opened(self, file: Path) -> contextlib.AbstractContextManager[Store]:
        """Give a store on what is in a file, in a place of its own."""

    def is_empty(self) -> bool:
        """Say whether there is nothing to lose."""

    def replace(self, file: Path, stamp: str) -> str | None:
        """Put what is in a file in its place; return under which name the old one is kept, None where there was none."""


def database_of(url: str) -> Database:
    """Return the database at an address."""
    address = address_of(url)
    return Sqlite(Path(address.database)) if address.get_backend_name() == "sqlite" else Postgresql(address)


def contents(store: Store) -> Contents:
    """Count what stands in a store."""
    with store.reading() as connection:
        return _contents(connection)


class Sqlite:
    """An embedded database: one file, and what its log holds beside it."""

    kind = "sqlite"

    def __init__(self, file: Path) -> None:
        self._file = file
        self.beside: Path | None = file.absolute().parent

    def take(self, file: Path) -> Contents:
        """Copy it page by page within one read: writers go on, and what they write meanwhile is not in it."""
        if not self._file.is_file():
            raise BackupError(f"there is no database at {self._file} yet")
        with _said(f"cannot copy {self._file}"):
            _copy(self._file, file)
        with contextlib.closing(_Opened(file)) as store:
            return contents(store)

    @contextlib.contextmanager
    def opened(self, file: Path) -> Iterator[Store]:
        """Open the file itself: it is in a place of its own already."""
        with _said("the database in the backup cannot be read"), contextlib.closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise BackupError("the database in the backup is damaged")
        with contextlib.closing(_Opened(file)) as store:
            yield store

    def is_empty(self) -> bool:
        """Say whether there is no file, or no row in it; a file that cannot be read may hold anything."""
        if not self._file.exists():
            return True
        try:
            with contextlib.closing(_Opened(self._file)) as store, store.reading() as connection:
                return _is_empty(connection)
        except (StoreUnavailable, sa.exc.SQLAlchemyError):
            return False

    def replace(self, file: Path, stamp: str) -> str | None:
        """Give the file its place; the old one and its log are renamed."""
        kept = None
        self._file.parent.mkdir(parents=True, exist_ok=True)
        if self._file.exists():
            self._close_log()
            kept = f"{self._file}{KEPT}{stamp}"
            for end in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.rename(f"{self._file}{end}", f"{kept}{end}")
        os.replace(file, self._file)
        return kept

    def _close_log(self) -> None:
        """Write the log into the file, which works only while nobody else has it open."""
        try:
            with contextlib.closing(sqlite3.connect(self._file, timeout=1)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise BackupError("the server, or another command, uses the database: stop it first") from error
            raise BackupError(f"cannot put {self._file} aside: {error}") from error
        except sqlite3.DatabaseError:
            pass  # damaged: it is kept as it is


class Postgresql:
    """A database on a server, copied and filled by PostgreSQL's own programs."""

    kind = "postgresql"
    beside: Path | None = None

    def __init__(self, url: sqlalchemy.engine.URL) -> None:
        self._url = url

    def take(self, file: Path) -> Contents:
        """Have `pg_dump` write the schema as it stood in one moment, and count in the same one."""
        pg_dump = _program("pg_dump")
        with contextlib.closing(Store(self._address())) as store, store.reading() as connection:
            snapshot = connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar()
            found = _contents(connection)
            what = ("--format=custom", f"--snapshot={snapshot}", f'--schema="{found.schema}"', f"--file={file}")
            self._run(pg_dump, "--no-owner", "--no-privileges", *what)
        return found

    @contextlib.contextmanager
    def opened(self, file: Path) -> Iterator[Store]:
        """Fill a database that is made for this and dropped afterwards."""
        scratch = Postgresql(self._url.set(database=new_id("frontdesk_check")))
        with _said("cannot make a database to check in", "give the account CREATEDB, or name another server in DATABASE_URL"):
            self._do(f'CREATE DATABASE "{scratch._url.database}" TEMPLATE template0')
        try:
            scratch._fill(file, "public")
            with contextlib.closing(Store(scratch._address())) as store:
                yield store
        finally:
            with _said("cannot drop the database that was made to check in"):
                self._do(f'DROP DATABASE "{scratch._url.database}"')

    def is_empty(self) -> bool:
        """Say whether no table holds a row."""
        with contextlib.closing(Store(self._address())) as store, store.reading() as connection:
            return _is_empty(connection)

    def replace(self, file: Path, stamp: str) -> str | None:
        """Fill the schema anew; the old one is renamed, and gets its name back where filling fails."""
        schema, tables = self._look()
        if not tables:
            self._fill(file, schema)
            return None
        if REVISION not in tables:
            raise BackupError(f"the schema {schema} holds tables that are not ours ({tables[0]}, ...): name another database")
        kept = f"{schema}_before_{stamp.lower()}"
        with _said(f"cannot put the schema {schema} aside", "make an empty database and name it in DATABASE_URL"):
            self._do(f'ALTER SCHEMA "{schema}" RENAME TO "{kept}"', f'CREATE SCHEMA "{schema}"')
        try:
            self._fill(file, schema)
        except BackupError:
            self._do(f'DROP SCHEMA "{schema}" CASCADE', f'ALTER SCHEMA "{kept}" RENAME TO "{schema}"')
            raise
        return f"schema {kept}"

    def _look(self) -> tuple[str, list[str]]:
        """Return the schema and its tables; BackupError while somebody else is connected."""
        with contextlib.closing(Store(self._address())) as store:
            for wait in (0.1, 0.5, 1.0, 0.0):  # who has just gone is seen for a moment longer
                with store.reading() as connection:
                    if not connection.execute(_OTHERS).scalar():
                        return _schema(connection), sorted(sa.inspect(connection).get_table_names())
                time.sleep(wait)
        raise BackupError("the server, or another program, uses the database: stop it first")

    def _fill(self, file: Path, schema: str) -> None:
        what = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
        self._run(_program("pg_restore"), *what, f"--schema={schema}", str(file))

    def _do(self, *statements: str) -> None:
        """Do what may not be done within a transaction, or together with others."""
        engine = sa.create_engine(self._url, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT", future=True)
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    def _run(self, program: str, *words: str) -> None:
        """Run a program of PostgreSQL's; the password goes by a file, where no list of processes shows it."""
        with tempfile.NamedTemporaryFile("w") as passwords:
            known = self._url.get_dialect()().create_connect_args(self._url)[1]
            password = str(known.pop("password", "") or "").replace("\\", "\\\\").replace(":", "\\:")
            passwords.write(f"*:*:*:*:{password}\n")
            passwords.flush()
            if password:
                known["passfile"] = passwords.name
            command = [program, f"--dbname={_conninfo(known)}", "--no-password", *words]
            done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line.strip() for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
            raise BackupError("; ".join(lines[:2]))

    def _address(self) -> str:
        return str(self._url.render_as_string(hide_password=False))


class _Opened(Store):
    """A store on a file that is looked at only."""

    def __init__(self, file: Path) -> None:
        super().__init__(f"sqlite:///{file}")


def _copy(source: Path, target: Path) -> None:
    reading = sqlite3.connect(f"file:{quote(str(source))}?mode=rw", uri=True)
    with contextlib.closing(reading), contextlib.closing(sqlite3.connect(target)) as copy:
        reading.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with no log beside it


def _contents(connection: Connection) -> Contents:
    names = sa.inspect(connection).get_table_names()
    if REVISION not in names:
        raise BackupError("there are no tables yet: start the server once")
    revision = str(connection.execute(sa.text(f"SELECT version_num FROM {REVISION}")).scalar())
    tables = {name: _rows(connection, name) for name in sorted(names) if name != REVISION}
    return Contents(_schema(connection), revision, tables, audit.head(connection))


def _rows(connection: Connection, name: str) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(sa.table(name))).scalar() or 0)


def _schema(connection: Connection) -> str:
    return "" if connection.dialect.name == "sqlite" else str(connection.execute(sa.text("SELECT current_schema()")).scalar())


def _is_empty(connection: Connection) -> bool:
    names = set(sa.inspect(connection).get_table_names()) - ALWAYS_THERE - {REVISION}
    return not any(connection.execute(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)).first() for name in names)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise BackupError(f"{name} is not installed: it is one of PostgreSQL's client programs (package postgresql-client)")
    return found


def _conninfo(known: Mapping[str, Any]) -> str:
    import psycopg2.extensions

    return str(psycopg2.extensions.make_dsn(**known))


@contextlib.contextmanager
def _said(what: str, advice: str = "") -> Iterator[None]:
    """Turn what the database says into one line."""
    try:
        yield
    except (sqlite3.Error, sa.exc.DBAPIError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise BackupError(f"{what}: {reason}{'; ' if advice else ''}{advice}") from error


_OTHERS = sa.text(
    "SELECT count(*) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
