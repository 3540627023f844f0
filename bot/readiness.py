"""What stands between an alarm and the people it is for, in plain words: warnings for whoever watches `/ready`.

A warning never makes the server "not ready": visitors get their answers, and the emergency text, without the alarm
path. But somebody must mend it before the next emergency. No addresses: the page may be read by anybody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from bot.notify import NotificationRule, SelfTest

STALE = timedelta(hours=49)
"""The alarm path tests itself once a day: after two days without a test nobody knows."""

SET_UP = {
    "email": "e-mail is named in the notification rules, but SMTP_URL is not set",
}


def alarm_warnings(
    rules: Iterable[NotificationRule], media: Collection[str], test: SelfTest | None, undelivered: int, now: datetime
) -> tuple[str, ...]:
    """Return what is wrong with the alarm path, the gravest first; nothing when an alarm would arrive."""
    rules = tuple(rules)
    found = []
    if not any(rule.medium in media and "emergency" in rule.urgencies for rule in rules):
        found.append("nobody is told of an emergency outside the console: no notification rule for emergencies can be delivered")
    for medium in sorted({rule.medium for rule in rules} - set(media)):
        found.append(SET_UP.get(medium, f"{medium} is named in the notification rules, but nothing delivers it"))
    if rules:
        found += _tested(test, now)
    if undelivered:
        found.append(f"alarms that could not be delivered: {undelivered}; the console lists them under Notifications")
    return tuple(found)


def _tested(test: SelfTest | None, now: datetime) -> list[str]:
    if test is None:
        return ["the alarm path has not been tested yet"]
    if test.failed:
        return [f"the last test of the alarm path failed for {test.failed} of {test.ways} ways"]
    if now - test.at > STALE:
        return [f"the alarm path was last tested {(now - test.at).days} days ago"]
    return []
