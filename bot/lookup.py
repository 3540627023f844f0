"""Looking up handoffs: one, a visitor's, or the queue in the order in which they are due.

The functions take a connection, so that `Desk` can read before or within a change. Gravest first, then who waits
longest; those that staff have answered come after those they have not.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from bot.conversations import message_table, visitor_table
from bot.errors import NotFound
from bot.handoffs import (
    IS_OPEN,
    RANK,
    Handoff,
    HandoffEvent,
    Note,
    Sign,
    event_table,
    handoff_of,
    handoff_table,
    note_table,
)
from bot.store import Connection


def get(connection: Connection, handoff_id: str) -> Handoff:
    """Return a handoff."""
    row = connection.execute(_HANDOFF, {"handoff": handoff_id}).mappings().first()
    if row is None:
        raise NotFound("no such handoff")
    return handoff_of(row)


def open_of(connection: Connection, visitor: str) -> Handoff | None:
    """Return a visitor's open handoff, if there is one."""
    row = connection.execute(_OPEN_OF, {"visitor": visitor}).mappings().first()
    return handoff_of(row) if row else None


def outline(connection: Connection, visitor: str) -> tuple[str | None, str | None, int, Handoff | None]:
    """Return a visitor's site, language, last message seen to and open handoff: mostly one read, where there is no handoff."""
    row = connection.execute(_OUTLINE, {"visitor": visitor}).first()
    if row is None:
        raise NotFound("no such visitor")
    return row.site, row.language, row.read_up_to, get(connection, row.handoff) if row.handoff else None


def with_sign(connection: Connection, sign: Sign) -> str | None:
    """Return the id of the handoff that has this sign already."""
    found: str | None = connection.execute(_WITH_SIGN, sign.key).scalar()
    return found


def select(
    connection: Connection,
    state: str | Collection[str] = "open",
    urgency: str | None = None,
    member: str | None = None,
    search: str = "",
    limit: int | None = None,
    offset: int = 0,
) -> tuple[Handoff, ...]:
    """Return handoffs in order; `state` is one or several of them, "open" or "all"."""
    chosen = _HANDOFFS
    if state == "open":
        chosen = chosen.where(IS_OPEN)
    elif state != "all":
        chosen = chosen.where(_h.state.in_([state] if isinstance(state, str) else list(state)))
    if urgency is not None:
        chosen = chosen.where(_h.urgency == urgency)
    if member is not None:
        chosen = chosen.where(_h.member == member)
    if search.strip():
        chosen = chosen.where(_speaks_of(search.strip()))
    order = (_h.closed_at.desc(), _h.id) if state == "closed" else _DUE
    rows = connection.execute(chosen.order_by(*order).limit(limit).offset(offset)).mappings()
    return tuple(handoff_of(row) for row in rows)


def history(connection: Connection, handoff_id: str) -> tuple[HandoffEvent, ...]:
    """Return all that happened to a handoff, in order."""
    return tuple(HandoffEvent(*row) for row in connection.execute(_HISTORY, {"handoff": handoff_id}))


def notes(connection: Connection, handoff_id: str) -> tuple[Note, ...]:
    """Return what staff noted, in order."""
    return tuple(Note(*row) for row in connection.execute(_NOTES, {"handoff": handoff_id}))


def _speaks_of(words: str) -> Any:
    """Match what is written anywhere in a handoff or its conversation, or a phone number however it is typed."""
    said = words.lower()
    columns = (_h.visitor_text, _h.symptom, _h.region, _h.callback_name, _h.callback_phone, _h.visitor)
    matches = [sa.func.lower(column).contains(said, autoescape=True) for column in columns]
    in_messages = sa.func.lower(message_table.c.text).contains(said, autoescape=True)
    matches.append(sa.exists().where(message_table.c.visitor == _h.visitor, in_messages))
    digits = "".join(filter(str.isdigit, words))
    if len(digits) >= 4:
        matches.append(_h.callback_phone.contains(digits))
    return sa.or_(*matches)


_h = handoff_table.c
_HANDOFFS = sa.select(handoff_table, visitor_table.c.channel, visitor_table.c.site).join_from(
    handoff_table, visitor_table, _h.visitor == visitor_table.c.id
)
_HANDOFF = _HANDOFFS.where(_h.id == sa.bindparam("handoff"))
_m = message_table.c
_SEEN_TO = (
    sa.select(_m.seq)
    .where(_m.visitor == visitor_table.c.id, _m.author == "visitor", _m.settled_at.is_not(None))
    .order_by(_m.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_OUTLINE = (
    sa.select(
        visitor_table.c.site, visitor_table.c.language, sa.func.coalesce(_SEEN_TO, 0).label("read_up_to"), _h.id.label("handoff")
    )
    .select_from(visitor_table.outerjoin(handoff_table, sa.and_(_h.visitor == visitor_table.c.id, IS_OPEN)))
    .where(visitor_table.c.id == sa.bindparam("visitor"))
)
_OPEN_OF = _HANDOFFS.where(_h.visitor == sa.bindparam("visitor"), IS_OPEN)
_DUE = (
    sa.case(dict(RANK), value=_h.urgency),
    _h.unanswered_since.is_(None),
    _h.unanswered_since,
    _h.opened_at,
    _h.id,
)
_e = event_table.c
_HISTORY = sa.select(_e.at, _e.what, _e.member, _e.detail).where(_e.handoff_id == sa.bindparam("handoff")).order_by(_e.id)
_NOTES = (
    sa.select(*[note_table.c[name] for name in Note.__dataclass_fields__])
    .where(note_table.c.handoff_id == sa.bindparam("handoff"))
    .order_by(note_table.c.at, note_table.c.id)
)
_WITH_SIGN = sa.select(_e.handoff_id).where(
    _e.visitor == sa.bindparam("visitor"),
    _e.seq == sa.bindparam("seq"),
    _e.reason == sa.bindparam("reason"),
    _e.urgency == sa.bindparam("urgency"),
)
