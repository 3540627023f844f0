"""The record of what staff did: changes in a chain of hashes, and who opened which conversation.

Every audit row carries the hash of the row before it. A changed, removed, inserted or reordered row breaks the chain,
and `verify` names the first one that does not fit. Rows cut off at the end leave a whole chain: keep the head that
`verify` returns somewhere else, and give it to the next `verify`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.store import Connection, Json, Store, UtcDateTime, Words, metadata, utc_now

audit_table = sa.Table(
    "audit",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("member", Words),
    sa.Column("what", Words, nullable=False),
    sa.Column("before", Json),
    sa.Column("after", Json),
    sa.Column("previous_hash", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
)

access_table = sa.Table(
    "access_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("member", Words, nullable=False),
    sa.Column("visitor", Words, sa.ForeignKey("visitor.id", ondelete="CASCADE"), nullable=False, index=True),
    info={"visitor": "visitor"},
)

# What the first row calls the hash of the row before it.
BEGINNING = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One change that somebody made."""

    seq: int
    at: datetime
    member: str | None
    """Who did it; None for the assistant itself or the command line."""
    what: str
    before: Any
    after: Any
    previous_hash: str
    hash: str


@dataclass(frozen=True)
class Head:
    """The end of the chain: note it elsewhere, and a chain cut short is found too."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Verdict:
    """What `verify` found."""

    head: Head
    broken_at: int | None
    """The first row that does not fit; None when the chain is whole."""

    @property
    def whole(self) -> bool:
        """Say whether nothing was changed."""
        return self.broken_at is None


def append(
    store: Store,
    connection: Connection,
    what: str,
    *,
    member: str | None,
    before: Any = None,
    after: Any = None,
    at: datetime | None = None,
) -> Entry:
    """Add a change to the chain, in the transaction that makes the change."""
    store.lock(connection, audit_table)  # the chain has one end
    last = connection.execute(_LAST).first()
    seq, previous = (last.seq + 1, last.hash) if last else (1, BEGINNING)
    values = {"seq": seq, "at": at or utc_now(), "member": member, "what": what, "before": before, "after": after}
    digest = _digest(values, previous)
    connection.execute(sa.insert(audit_table), {**values, "previous_hash": previous, "hash": digest})
    return Entry(**values, previous_hash=previous, hash=digest)


def verify(store: Store, head: Head | None = None) -> Verdict:
    """Walk the whole chain; with a `head` noted earlier, also find rows cut off at the end."""
    seq, previous = 0, BEGINNING
    with store.reading() as connection:
        for row in connection.execute(_ALL).mappings():
            fits = row["seq"] == seq + 1 and row["previous_hash"] == previous and row["hash"] == _digest(row, previous)
            noted = head is None or head.seq != row["seq"] or head.hash == row["hash"]
            if not (fits and noted):
                return Verdict(Head(seq, previous), broken_at=seq + 1)
            seq, previous = row["seq"], row["hash"]
    cut = head is not None and head.seq > seq
    return Verdict(Head(seq, previous), broken_at=seq + 1 if cut else None)


def head(connection: Connection) -> Head:
    """Return the end of the chain, unverified: to note it elsewhere."""
    last = connection.execute(_LAST).first()
    return Head(last.seq, last.hash) if last else Head(0, BEGINNING)


def entries(store: Store, before_seq: int | None = None, limit: int = 100) -> tuple[Entry, ...]:
    """Return changes, newest first."""
    newest = sa.select(audit_table).order_by(audit_table.c.seq.desc()).limit(limit)
    if before_seq is not None:
        newest = newest.where(audit_table.c.seq < before_seq)
    with store.reading() as connection:
        return tuple(Entry(**row) for row in connection.execute(newest).mappings())


def note_access(connection: Connection, member: str, visitor: str, at: datetime | None = None) -> None:
    """Keep that a member opened a visitor's conversation."""
    connection.execute(sa.insert(access_table), {"at": at or utc_now(), "member": member, "visitor": visitor})


_LAST = sa.select(audit_table.c.seq, audit_table.c.hash).order_by(audit_table.c.seq.desc()).limit(1)
_ALL = sa.select(audit_table).order_by(audit_table.c.seq)


def _digest(values: Mapping[str, Any], previous: str) -> str:
    """Hash what the row says, the same way whichever database kept it."""
    said = [values["seq"], values["at"].isoformat(timespec="microseconds"), values["member"], values["what"]]
    text = json.dumps([*said, values["before"], values["after"], previous], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
