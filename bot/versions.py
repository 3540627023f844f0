"""Every version of every entry: who changed it when, what it said before, and whether a file or the console did.

An entry is never overwritten: a change appends a version, the highest one is served, going back appends the old one
again. That is also how a file and the console stay honest with each other: a file may follow its own last version,
never a newer edit that it does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.engine import Connection

from bot.content import SIGNED, Entries, Fields
from bot.errors import Conflict, NotFound
from bot.store import Store
from bot.tables import answer_version as table

Origin = Literal["file", "console"]

OVERTAKEN = "somebody has changed this since you opened it: reload the page to see what it says now"


@dataclass(frozen=True)
class Version:
    """One version of one entry; `fields` is None where the entry was taken away."""

    key: str
    version: int
    fields: Fields | None
    position: int
    member: str | None
    at: datetime
    origin: Origin


@dataclass(frozen=True)
class Change:
    """One step of an entry's history: who, when, before, after."""

    key: str
    version: int
    member: str | None
    at: datetime
    origin: Origin
    before: Fields | None
    after: Fields | None


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do."""

    changed: Entries
    removed: tuple[str, ...]
    skipped: tuple[str, ...]
    """Keys whose file changed while the store holds a newer edit."""


class Versions:
    """Reads and appends versions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def count(self) -> int:
        """Return how many versions there are: it grows with every change, so it tells whether anything changed."""
        with self._store.reading() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())

    def latest(self) -> dict[str, Version]:
        """Return the served version of every entry, in the order of the files."""
        newest = sa.select(table.c.key, sa.func.max(table.c.version).label("top")).group_by(table.c.key).subquery()
        both = sa.and_(table.c.key == newest.c.key, table.c.version == newest.c.top)
        with self._store.reading() as connection:
            found = [_version(row) for row in connection.execute(sa.select(table).join(newest, both)).mappings()]
        return {one.key: one for one in sorted(found, key=lambda one: (one.position, one.key))}

    def history(self, key: str) -> tuple[Change, ...]:
        """Return an entry's changes, the newest first; NotFound where there is no such entry."""
        query = sa.select(table).where(table.c.key == key).order_by(table.c.version)
        with self._store.reading() as connection:
            found = [_version(row) for row in connection.execute(query).mappings()]
        if not found:
            raise NotFound(f"no entry {key!r}")
        before: list[Fields | None] = [None, *(one.fields for one in found)]
        steps = [Change(v.key, v.version, v.member, v.at, v.origin, b, v.fields) for v, b in zip(found, before, strict=False)]
        return tuple(reversed(steps))

    def change(self, key: str, fields: Fields | None, *, member: str, at: datetime, base: int | None = None) -> Version:
        """Append a version made in the console; Conflict if `base` is no longer the newest version."""
        with self._store.transaction() as connection:
            newest = self._newest(connection, key)
            if base is not None and newest is not None and newest.version != base:
                raise Conflict(OVERTAKEN)
            position = newest.position if newest else self._last_position(connection) + 1
            number = newest.version + 1 if newest else 1
            version = Version(key, number, fields, position, member, at, "console")
            self._append(connection, version)
            return version

    def plan(self, files: Entries) -> ImportPlan:
        """Compare the files with the store, changing nothing."""
        with self._store.reading() as connection:
            return _plan(files, *_lineage(connection))

    def bring_in(self, files: Entries, *, force: bool, at: datetime, member: str | None) -> ImportPlan:
        """Append what changed in the files; entries with a newer edit only by force."""
        with self._store.transaction() as connection:
            self._store.lock(connection, table)
            newest, from_file = _lineage(connection)
            plan = _plan(files, newest, from_file)
            order = {key: number for number, key in enumerate(files)}
            appended = []
            for key in (*plan.changed, *plan.removed, *(plan.skipped if force else ())):
                number = newest[key].version + 1 if key in newest else 1
                place = order.get(key, newest[key].position if key in newest else 0)
                appended.append(Version(key, number, files.get(key), place, member, at, "file"))
            self._append(connection, *appended)
            return plan

    def mark_exported(self, *, at: datetime, member: str | None) -> None:
        """Note that the files now say what the store says, so that the next change in a file follows from here."""
        with self._store.transaction() as connection:
            self._store.lock(connection, table)
            edited = [
                Version(one.key, one.version + 1, one.fields, one.position, member, at, "file")
                for one in _lineage(connection)[0].values()
                if one.origin == "console" and not is_passing(one.key)
            ]
            self._append(connection, *edited)

    def _newest(self, connection: Connection, key: str) -> Version | None:
        self._store.lock(connection, table)
        query = sa.select(table).where(table.c.key == key).order_by(table.c.version.desc()).limit(1)
        row = connection.execute(query).mappings().first()
        return _version(row) if row else None

    def _last_position(self, connection: Connection) -> int:
        return max((_version(row).position for row in connection.execute(sa.select(table)).mappings()), default=0)

    def _append(self, connection: Connection, *versions: Version) -> None:
        if not versions:
            return
        try:
            connection.execute(sa.insert(table), [_row(version) for version in versions])
        except sqlalchemy.exc.IntegrityError as error:
            raise Conflict(OVERTAKEN) from error


def is_passing(key: str) -> bool:
    """Say whether an entry is only for now and belongs in no file."""
    return key.startswith("clinic/closed_now/")


def same_fields(one: Fields | None, other: Fields | None) -> bool:
    """Compare two versions of an entry; the order of its fields says nothing, the order inside them does."""
    if one is None or other is None:
        return one is other
    return {k: _ordered(v) for k, v in one.items()} == {k: _ordered(v) for k, v in other.items()}


def _ordered(value: Any) -> Any:
    return [(k, _ordered(v)) for k, v in value.items()] if isinstance(value, Mapping) else value


def _row(version: Version) -> dict[str, Any]:
    fields = version.fields or {}
    reviewed = fields.get("reviewed_on")
    body = None if version.fields is None else {k: v for k, v in fields.items() if k not in SIGNED}
    return {
        "key": version.key,
        "version": version.version,
        "text": {"position": version.position, "fields": body},
        "approved_by": fields.get("approved_by"),
        "reviewed_on": date.fromisoformat(reviewed) if reviewed else None,
        "source": fields.get("source"),
        "member": version.member,
        "at": version.at,
        "origin": version.origin,
    }


def _version(row: Mapping[str, Any]) -> Version:
    fields = row["text"]["fields"]
    if fields is not None:
        signed = {"approved_by": row["approved_by"], "reviewed_on": row["reviewed_on"], "source": row["source"]}
        signed["reviewed_on"] = row["reviewed_on"].isoformat() if row["reviewed_on"] else None
        fields = {**fields, **{name: value for name, value in signed.items() if value is not None}}
    return Version(row["key"], row["version"], fields, row["text"]["position"], row["member"], row["at"], row["origin"])


def _lineage(connection: Connection) -> tuple[dict[str, Version], dict[str, Version]]:
    """Return the newest version of every entry, and the newest that came from a file."""
    newest: dict[str, Version] = {}
    from_file: dict[str, Version] = {}
    for row in connection.execute(sa.select(table).order_by(table.c.version)).mappings():
        version = _version(row)
        newest[version.key] = version
        if version.origin == "file":
            from_file[version.key] = version
    return newest, from_file


def _plan(files: Entries, newest: Mapping[str, Version], from_file: Mapping[str, Version]) -> ImportPlan:
    changed: Entries = {}
    removed, skipped = [], []
    for key in (*files, *(key for key in from_file if key not in files)):
        said, present, base = files.get(key), newest.get(key), from_file.get(key)
        if present is not None and same_fields(said, present.fields):
            continue
        if present is None or present.origin == "file":
            if said is None:
                removed.append(key)
            else:
                changed[key] = said
        elif base is None or not same_fields(said, base.fields):
            skipped.append(key)
    return ImportPlan(changed, tuple(removed), tuple(skipped))
