"""The alarm of a handoff: who is told, when, and in which words.

One alarm is one climb of the ladder: rules without a delay are told at once, the others when their minutes have passed
and nobody has acknowledged. The words say that a person is needed and where; what is wrong stays in the console.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.handoffs import Handoff
from bot.notify import NotificationRule, Outbox
from bot.store import Connection

SUBJECT = {
    True: "A visitor needs a person now",
    False: "A visitor is waiting for a person",
}


def due_rules(handoff: Handoff, rules: Iterable[NotificationRule], now: datetime) -> list[NotificationRule]:
    """Return the rules whose turn has come; none once somebody has acknowledged."""
    if handoff.acknowledged_at is not None or handoff.state in ("closed", "snoozed"):
        return []
    passed = now - handoff.alarmed_at
    return [rule for rule in rules if handoff.urgency in rule.urgencies and timedelta(minutes=rule.after_minutes) <= passed]


def event_key(handoff: Handoff, rule: NotificationRule) -> str:
    """Name the telling of one alarm to one address: the idempotency key of its notification."""
    return f"{handoff.id}.{handoff.alarm}.{rule.key}"


def alarm_of(key: str) -> int:
    """Return which alarm of its handoff a notification belongs to."""
    return int(key.split(".")[1])


def sound(
    outbox: Outbox,
    connection: Connection,
    handoff: Handoff,
    rules: Iterable[NotificationRule],
    now: datetime,
    public_url: str,
) -> int:
    """Write the notifications that are due, each once; return how many are new."""
    link = f"{public_url}/staff/handoffs/{handoff.id}"
    subject = SUBJECT[handoff.urgency in ("emergency", "urgent")]
    return sum(
        outbox.enqueue(
            connection,
            event_key=event_key(handoff, rule),
            medium=rule.medium,
            address=rule.address,
            subject=subject,
            body=f"{subject}. Open {link}",
            link=link,
            handoff_id=handoff.id,
        )
        for rule in due_rules(handoff, rules, now)
    )
