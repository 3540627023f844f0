"""Backing up and restoring everything a clinic would miss: the database, the folder `clinic/`, the signing secret.

A backup is taken while the server runs. `check` restores it into a place of its own and compares it with what the
archive says of itself. `restore` wants the server stopped; what it replaces it keeps beside, under a name with the time.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from bot import __version__, audit
from bot.archive import Manifest, pack, unpack
from bot.dump import KEPT, Contents, Database, Sqlite, contents, database_of
from bot.errors import BackupError
from bot.settings import Settings
from bot.store import MIGRATIONS

DATABASE, SECRET, CLINIC = "database", "secret", "clinic"
"""Names in the archive."""


@dataclass(frozen=True)
class Row:
    """One table: how many rows the manifest says, and how many came back."""

    table: str
    said: int
    found: int


@dataclass(frozen=True)
class Checked:
    """What a backup was found to be."""

    manifest: Manifest
    rows: tuple[Row, ...]
    verdict: audit.Verdict

    @property
    def different(self) -> tuple[Row, ...]:
        """Return the tables that did not come back as they were."""
        return tuple(row for row in self.rows if row.said != row.found)

    @property
    def whole(self) -> bool:
        """Say whether everything came back, and nobody changed the record."""
        return not self.different and self.verdict.whole


@dataclass(frozen=True)
class Restored:
    """What was restored, and where what stood there before is now."""

    manifest: Manifest
    kept: tuple[str, ...]


def back_up(settings: Settings, file: Path) -> Manifest:
    """Write the database, `clinic/` and the signing secret into one archive, while others write."""
    file = file.absolute()
    if file.exists():
        raise BackupError(f"{file} is there already: a backup never replaces a file")
    database = database_of(settings.store_url)
    with _scratch(file.parent) as folder:
        found = database.take(folder / DATABASE)
        sources = {DATABASE: folder / DATABASE, **_beside(settings)}
        return pack(file, _manifest(database, found), sources)


def check(settings: Settings, file: Path) -> Checked:
    """Restore a backup into a place of its own, count it, and walk its audit log; what is served is not touched."""
    with _scratch() as folder:
        manifest = _read(file, folder)
        # A file is looked at anywhere; for the other kind a server is needed.
        sqlite = manifest.database == Sqlite.kind
        database = Sqlite(folder / DATABASE) if sqlite else _fitting(settings, manifest)
        with database.opened(folder / DATABASE) as store:
            found = contents(store).tables
            names = sorted({*manifest.tables, *found})
            rows = tuple(Row(name, manifest.tables.get(name, 0), found.get(name, 0)) for name in names)
            store.migrate()  # an older backup must come up to date too, and its log be readable afterwards
            return Checked(manifest, rows, audit.verify(store, audit.Head(manifest.audit_seq, manifest.audit_hash)))


def restore(settings: Settings, file: Path, *, force: bool = False, now: datetime | None = None) -> Restored:
    """Put a backup in the place of what is there; refused where a database holds anything, unless forced."""
    stamp = f"{now or datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}"
    with _scratch(database_of(settings.store_url).beside) as folder:
        manifest = _read(file, folder)
        database = _fitting(settings, manifest)
        if not database.is_empty() and not force:
            raise BackupError("there is a database that is not empty: --force puts it aside and takes the backup in its place")
        changes = dict(_changes(settings, folder, manifest))
        _hand_over(folder / DATABASE, folder.parent)
        kept = database.replace(folder / DATABASE, stamp)
        beside = [_put(source, target, stamp) for target, source in changes.items()]
        return Restored(manifest, tuple(one for one in (kept, *beside) if one))


def _manifest(database: Database, found: Contents) -> Manifest:
    return Manifest(
        made_at=f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
        version=__version__,
        database=database.kind,
        schema=found.schema,
        revision=found.revision,
        tables=found.tables,
        audit_seq=found.head.seq,
        audit_hash=found.head.hash,
    )


def _beside(settings: Settings) -> dict[str, Path]:
    """Return what is backed up beside the database, by its name in the archive."""
    found = {}
    if (settings.var_dir / SECRET).is_file():
        found[SECRET] = settings.var_dir / SECRET
    for path in sorted(settings.clinic_dir.rglob("*")):
        name = path.relative_to(settings.clinic_dir)
        # Hidden ones are not the clinic's: a version control's, an editor's, what a mounted volume keeps for itself.
        if path.is_file() and KEPT not in name.name and not any(part.startswith(".") for part in name.parts):
            found[f"{CLINIC}/{name.as_posix()}"] = path
    return found


def _read(file: Path, folder: Path) -> Manifest:
    """Unpack a backup that this version understands."""
    manifest = unpack(file, folder)
    if not any((MIGRATIONS / "versions").glob(f"{manifest.revision}_*.py")):
        raise BackupError(f"this backup was made by a newer version ({manifest.version}): install that one first")
    return manifest


def _fitting(settings: Settings, manifest: Manifest) -> Database:
    """Return the database that a backup goes into; BackupError where it is of another kind."""
    database = database_of(settings.store_url)
    if database.kind != manifest.database:
        raise BackupError(f"this backup is of {manifest.database}, and DATABASE_URL names {database.kind}")
    return database


def _changes(settings: Settings, folder: Path, manifest: Manifest) -> Iterator[tuple[Path, Path]]:
    """Yield the files that the backup has otherwise, each with where it was unpacked; BackupError where one cannot be written."""
    for name in manifest.files:
        source = folder / name
        if name == SECRET:
            target = settings.var_dir / SECRET
        elif name.startswith(f"{CLINIC}/"):
            target = settings.clinic_dir / name.removeprefix(f"{CLINIC}/")
        else:
            continue
        if target.is_file() and target.read_bytes() == source.read_bytes():
            continue
        there = next(parent for parent in target.parents if parent.exists())
        if not os.access(there, os.W_OK):
            raise BackupError(f"cannot write into {there}: nothing was restored; name a folder that can be written in CLINIC_DIR")
        yield target, source


def _put(source: Path, target: Path, stamp: str) -> str | None:
    """Give a file its place; return under which name the old one is kept."""
    kept = None
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        kept = f"{target}{KEPT}{stamp}"
        os.rename(target, kept)
    mode = 0o600 if source.name == SECRET else 0o644
    with source.open("rb") as found, os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "wb") as out:
        shutil.copyfileobj(found, out)
    _hand_over(target, target.parent)
    return kept


def _hand_over(file: Path, folder: Path) -> None:
    """Give a file to the owner of a folder, where root restores what a service of less power must write."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(file, owner.st_uid, owner.st_gid)


@contextlib.contextmanager
def _scratch(parent: Path | None = None) -> Iterator[Path]:
    """Give a folder that only we may read, gone afterwards; beside where its contents go, where there is room for them."""
    try:
        if parent is not None:
            parent.mkdir(parents=True, exist_ok=True)
        made = tempfile.TemporaryDirectory(dir=parent, prefix=".backup-")
    except OSError as error:
        raise BackupError(f"cannot write into {parent}: {error.strerror}") from error
    with made as folder:
        yield Path(folder)
