"""Who may do what in the console: one table, read by the server, the pages and docs/desk.md.

tests/test_console.py walks every address of the console with every role and compares what happens with this table.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.errors import Forbidden

FRONT_DESK, CLINICIAN, OWNER = "front_desk", "clinician", "owner"

ROLES = (FRONT_DESK, CLINICIAN, OWNER)

ROLE_TITLES = {FRONT_DESK: "Front desk", CLINICIAN: "Clinician", OWNER: "Owner"}


@dataclass(frozen=True)
class Permission:
    """Something that can be done, in the words of docs/desk.md, and by whom."""

    name: str
    title: str
    roles: frozenset[str]


def _row(name: str, title: str, *roles: str) -> Permission:
    return Permission(name, title, frozenset(roles or ROLES))


PERMISSIONS = (
    _row("queue", "See the queue, search it, keep filters"),
    _row("conversations", "Open conversations, take over, reply, note, put off, hand on, give back, close"),
    _row("hours", "Change opening hours, holidays and closures; close now"),
    _row("canned", "Write canned replies"),
    _row("notifications", "See what was not delivered, try again, test the alarm path"),
    _row("account", "Change their own password, one-time code and sessions"),
    _row("answers_read", "Read the approved answers"),
    _row("answers", "Change approved answers, put an older wording back", CLINICIAN, OWNER),
    _row("records", "Read and print the records of symptom reports", CLINICIAN, OWNER),
    _row("facts", "Change prices, the team and contact details", OWNER),
    _row("rules", "Change who is notified of what", OWNER),
    _row("overview", "See the figures", OWNER),
    _row("logs", "Read the audit log and who opened which conversation", OWNER),
    _row("staff", "Invite people, change roles, reset, sign out, switch off accounts", OWNER),
    _row("visitors", "Export or delete all that is kept of a visitor", OWNER),
)

_BY_NAME = {permission.name: permission for permission in PERMISSIONS}


def may(role: str, permission: str) -> bool:
    """Say whether a role may do something; a permission that is not in the table is a mistake of ours."""
    return role in _BY_NAME[permission].roles


def require(role: str, permission: str) -> None:
    """Raise Forbidden unless the role may do it."""
    if not may(role, permission):
        raise Forbidden(f"your role may not do this: {_BY_NAME[permission].title}")


def permissions_of(role: str) -> tuple[str, ...]:
    """List what a role may do."""
    return tuple(permission.name for permission in PERMISSIONS if role in permission.roles)
