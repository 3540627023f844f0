"""The archive of a backup: one gzipped tar file, its manifest first, then the files that the manifest names and checks.

What is read back was checked byte for byte, or it is not given out at all. Nobody but its owner may read the file, and
it comes into being under its name only when it is whole.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, Any

from bot.errors import BackupError

FORMAT = 1
"""Raised when an older version could not read the archive any more."""

MANIFEST = "manifest.json"

CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What an archive says about itself."""

    made_at: str
    """UTC, as ISO 8601."""
    version: str
    """Of the software that made it."""
    database: str
    """sqlite or postgresql."""
    schema: str
    """The PostgreSQL schema the tables stood in; empty for SQLite."""
    revision: str
    """Of the tables (migrations/versions/)."""
    tables: Mapping[str, int]
    """Rows by table."""
    audit_seq: int
    audit_hash: str
    """The end of the audit log: a log cut short afterwards does not end there."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name."""
    format: int = FORMAT

    @property
    def rows(self) -> int:
        """Return how many rows all tables hold together."""
        return sum(self.tables.values())


def pack(target: Path, manifest: Manifest, sources: Mapping[str, Path]) -> Manifest:
    """Write an archive of files, by their names in it; BackupError where there is a file already."""
    whole = Manifest(**{**asdict(manifest), "files": {name: _digest(path) for name, path in sources.items()}})
    text = json.dumps(asdict(whole), indent=2).encode()
    with (
        _becoming(target) as out,
        gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        archive.addfile(_entry(MANIFEST, len(text)), io.BytesIO(text))
        for name, path in sources.items():
            with path.open("rb") as file:
                archive.addfile(_entry(name, path.stat().st_size), file)
    return whole


def unpack(file: Path, folder: Path) -> Manifest:
    """Write an archive's files into a folder and return its manifest; BackupError unless every byte is as it was packed."""
    try:
        with gzip.open(file, "rb") as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            manifest = _manifest(archive)
            found = {}
            while (entry := archive.next()) is not None:
                found[entry.name] = _take(archive, entry, folder, manifest)
            while packed.read(CHUNK):  # to the end, where the checksum of the whole stands
                pass
    except FileNotFoundError:
        raise BackupError(f"{file}: no such file") from None
    except PermissionError as error:
        raise BackupError(f"{file}: {error.strerror}") from error
    except (OSError, EOFError, zlib.error, tarfile.TarError, ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{file} is damaged, or is no backup: nothing was restored ({type(error).__name__})") from error
    wrong = sorted(name for name, digest in manifest.files.items() if found.get(name) != digest)
    if wrong:
        raise BackupError(f"{file} is damaged: {', '.join(wrong)} is not what was backed up; nothing was restored")
    return manifest


@contextlib.contextmanager
def _becoming(target: Path) -> Iterator[IO[bytes]]:
    """Give a file that only its owner may read, and that gets its name when it is whole."""
    if target.exists():
        raise BackupError(f"{target} is there already: a backup never replaces a file")
    try:
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")  # made with mode 0600
    except OSError as error:
        raise BackupError(f"cannot write into {target.parent}: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        # Takes the name where nobody has it; renaming alone would replace a file that came meanwhile.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(name, target)
    except FileExistsError:
        raise BackupError(f"{target} is there already: a backup never replaces a file") from None
    except OSError as error:
        raise BackupError(f"cannot write {target}: {error.strerror}") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _manifest(archive: tarfile.TarFile) -> Manifest:
    first = archive.next()
    file = archive.extractfile(first) if first is not None and first.name == MANIFEST else None
    if file is None:
        raise ValueError("it does not begin with a manifest")
    said: dict[str, Any] = json.loads(file.read())
    if said["format"] > FORMAT:
        raise BackupError(f"this backup was made by a newer version ({said.get('version')}): install that one first")
    return Manifest(**said)


def _take(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, manifest: Manifest) -> str:
    """Write one file of an archive and return its checksum; only plain files that the manifest names, and only below the folder."""
    name = PurePosixPath(entry.name)
    if not entry.isfile() or entry.name not in manifest.files or name.is_absolute() or ".." in name.parts:
        raise ValueError("it holds what its manifest does not name")
    source, target = archive.extractfile(entry), folder / name
    assert source is not None  # a plain file has contents
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as out:
        while piece := source.read(CHUNK):
            digest.update(piece)
            out.write(piece)
    return digest.hexdigest()


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(CHUNK):
            digest.update(piece)
    return digest.hexdigest()
