"""How things stand at this moment, in numbers for whoever watches the server: never a name, an id or a word of a visitor.

Counted from the rows, so every process that serves one database says the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from bot.conversations import IS_UNSETTLED, message_table
from bot.handoffs import IS_OPEN, handoff_table
from bot.notify import SELF_TEST, notification_table
from bot.store import Store

FRESH = timedelta(days=1)
"""How long a notification that could not be delivered says something about the way it should have gone."""


@dataclass(frozen=True)
class Gauges:
    """What is open, waiting or lost now."""

    handoffs: Mapping[tuple[str, str], int]
    """Open handoffs by state and urgency."""
    unseen: Mapping[str, int]
    """Open handoffs that nobody has acknowledged, by urgency."""
    notifications: Mapping[tuple[str, str], int]
    """Notifications by state and purpose (alarm or test)."""
    oldest_waiting_at: datetime | None
    """When the oldest notification was written that is still to be delivered."""
    unanswered: int
    """Messages of visitors that were accepted and are not answered yet."""


def gauges(store: Store) -> Gauges:
    """Count how things stand."""
    handoffs: Counter[tuple[str, str]] = Counter()
    unseen: Counter[str] = Counter()
    notifications: Counter[tuple[str, str]] = Counter()
    waiting = []
    with store.reading() as connection:
        for row in connection.execute(_HANDOFFS):
            handoffs[row.state, row.urgency] += row.number
            unseen[row.urgency] += row.number if row.unseen else 0
        for row in connection.execute(_NOTIFICATIONS):
            notifications[row.state, "test" if row.test else "alarm"] += row.number
            waiting += [row.oldest] if row.state in ("waiting", "sending") else []
        unanswered = connection.execute(_UNANSWERED).scalar() or 0
    return Gauges(handoffs, unseen, notifications, min(waiting, default=None), unanswered)


def undelivered(store: Store, now: datetime) -> int:
    """Count alarms that could not be delivered and still matter: their handoff is open, or it is less than a day ago."""
    matters = sa.or_(_n.created_at > now - FRESH, sa.exists().where(handoff_table.c.id == _n.handoff_id, IS_OPEN))
    lost = sa.select(sa.func.count()).where(_n.state == "dead", ~_IS_TEST, matters)
    with store.reading() as connection:
        return int(connection.execute(lost).scalar() or 0)


_h, _n = handoff_table.c, notification_table.c
_IS_TEST = _n.event_key.startswith(SELF_TEST, autoescape=True)
_NUMBER = sa.func.count().label("number")
_IS_UNSEEN = _h.acknowledged_at.is_(None)
_HANDOFFS = sa.select(_h.state, _h.urgency, _IS_UNSEEN.label("unseen"), _NUMBER).where(IS_OPEN)
_HANDOFFS = _HANDOFFS.group_by(_h.state, _h.urgency, _IS_UNSEEN)
_OLDEST = sa.func.min(_n.created_at).label("oldest")
_NOTIFICATIONS = sa.select(_n.state, _IS_TEST.label("test"), _NUMBER, _OLDEST).group_by(_n.state, _IS_TEST)
_UNANSWERED = sa.select(sa.func.count()).select_from(message_table).where(IS_UNSETTLED)
