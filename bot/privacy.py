"""What is kept of a visitor: all of it on request, none of it on request, and no longer than agreed.

A table that holds anything of a visitor carries `info={"visitor": <column>}` or hangs on a handoff. Export and deletion
walk the tables by that mark, so a new table cannot be forgotten: a test greps the database afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from bot.audit import access_table
from bot.conversations import feedback_table, message_table, visitor_table
from bot.handoffs import handoff_table
from bot.notify import notification_table
from bot.store import Connection, Store, metadata
from bot.tables import tracker_snapshot

# What can be kept for a number of days of its own; settings may also give one number for all.
KINDS = ("messages", "handoffs", "trackers", "notifications", "access_log")

# Not the visitor's: whom the clinic tells, and machinery.
_NOT_THEIRS = {"notification": {"address", "lease"}}

# A purge takes its turn between messages: it never holds the database longer than this many visitors take.
BATCH = 200


def of_visitor(visitor: str) -> Iterator[tuple[sa.Table, Any]]:
    """Yield every table that may hold something of a visitor, with the condition that finds it."""
    theirs = sa.select(handoff_table.c.id).where(handoff_table.c.visitor == visitor)
    for table in metadata.sorted_tables:
        if "visitor" in table.info:
            yield table, table.c[table.info["visitor"]] == visitor
        elif "handoff_id" in table.c:
            yield table, table.c.handoff_id.in_(theirs)


def export(store: Store, visitor: str) -> dict[str, list[dict[str, Any]]]:
    """Return all that is kept of a visitor, table by table, ready for JSON."""
    kept: dict[str, list[dict[str, Any]]] = {}
    with store.reading() as connection:
        for table, condition in of_visitor(visitor):
            rows = connection.execute(sa.select(table).where(condition)).mappings()
            hidden = _NOT_THEIRS.get(table.name, set())
            kept[table.name] = [{name: _plain(value) for name, value in row.items() if name not in hidden} for row in rows]
    return {name: rows for name, rows in kept.items() if rows}


def delete(store: Store, connection: Connection, visitor: str) -> int:
    """Delete all that is kept of a visitor; return the number of rows."""
    store.after_commit(store.scrub)
    return _delete(connection, visitor)


def purge(store: Store, now: datetime, retention: float | Mapping[str, float]) -> dict[str, int]:
    """Delete what is older than agreed, in days per kind; nothing of a visitor whose handoff is open."""
    days = retention if isinstance(retention, Mapping) else dict.fromkeys(KINDS, retention)
    if unknown := days.keys() - set(KINDS):
        raise ValueError(f"nothing is kept under {', '.join(sorted(unknown))}: use {', '.join(KINDS)}")
    before = {kind: now - timedelta(days=number) for kind, number in days.items()}
    gone = {kind: _purge_rows(store, *_OLD[kind], before[kind]) for kind in KINDS if kind in before and kind in _OLD}
    if "messages" in before:
        gone["messages"] = _purge_messages(store, before["messages"])
    store.scrub()
    return gone


def _purge_rows(store: Store, table: sa.Table, column: Any, finished: Any, before: datetime) -> int:
    with store.transaction() as connection:
        return int(connection.execute(sa.delete(table).where(finished, column < before)).rowcount)


def _purge_messages(store: Store, before: datetime) -> int:
    """Delete old messages, and visitors of whom nothing is left."""
    visitor, gone, last = visitor_table.c, 0, ""
    idle = ~sa.exists().where(handoff_table.c.visitor == visitor.id, handoff_table.c.state != "closed")
    page = sa.select(visitor.id).where(visitor.created_at < before, idle).order_by(visitor.id).limit(BATCH)
    while True:
        with store.transaction() as connection:
            ids = connection.execute(page.where(visitor.id > last)).scalars().all()
            if not ids:
                return gone
            for table, column in ((message_table, "created_at"), (feedback_table, "at")):
                old = sa.delete(table).where(table.c.visitor.in_(ids), table.c[column] < before)
                gone += connection.execute(old).rowcount
            empty = sa.select(visitor.id).where(visitor.id.in_(ids), visitor.seen_at < before, _NOTHING_LEFT)
            for one in connection.execute(empty).scalars().all():
                _delete(connection, one)
        last = ids[-1]


def _delete(connection: Connection, visitor: str) -> int:
    gone = 0
    for table, condition in reversed(list(of_visitor(visitor))):
        gone += connection.execute(sa.delete(table).where(condition)).rowcount
    return gone


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value


_NOTHING_LEFT = ~sa.or_(
    sa.exists().where(message_table.c.visitor == visitor_table.c.id),
    sa.exists().where(handoff_table.c.visitor == visitor_table.c.id),
)
_OLD = {
    "handoffs": (handoff_table, handoff_table.c.closed_at, handoff_table.c.state == "closed"),
    "trackers": (tracker_snapshot, tracker_snapshot.c.updated_at, sa.true()),
    "notifications": (
        notification_table,
        notification_table.c.created_at,
        notification_table.c.state.not_in(("waiting", "sending")),
    ),
    "access_log": (access_table, access_table.c.at, sa.true()),
}
