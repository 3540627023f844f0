"""Accounts of the people who answer: who they are, their role, and the links that let them in the first time.

There is no default password. An account begins as an invitation, a link that works once; a reset is another one. Only
hashes are kept: of passwords (argon2), of the tokens in cookies and in links. Every change is in the audit log.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import argon2
import sqlalchemy as sa

from bot import audit
from bot.errors import Conflict, NotFound, Refused, Unauthorized
from bot.roles import OWNER, ROLES
from bot.store import Connection, Json, Store, UtcDateTime, Words, metadata, new_id, utc_now

INVITATION_DAYS, RESET_HOURS = 7, 24

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200

# What people choose when a form asks for ten characters.
_COMMON = ("password", "passw0rd", "1234567890", "0123456789", "qwertyuiop", "iloveyou", "letmein", "welcome")

member_table = sa.Table(
    "member",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("email", Words, nullable=False, unique=True),
    sa.Column("name", Words, nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password_hash", Words),
    sa.Column("totp_secret", Words),
    # The time step of the last one-time code taken: the same code is not taken twice.
    sa.Column("totp_used_step", sa.Integer),
    sa.Column("failed_logins", sa.Integer, nullable=False, server_default="0"),
    sa.Column("locked_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("disabled_at", UtcDateTime),
)

# `id` is a hash of the token in the cookie: who reads the table cannot sign in with it.

# An invitation or a reset: a link that works once.

# `id` is a hash of the token in the cookie: who reads the table cannot sign in with it.
session_table = sa.Table(
    "staff_session",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("member", Words, sa.ForeignKey("member.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.Column("device", Words),
)

# An invitation or a reset: a link that works once.
invitation_table = sa.Table(
    "invitation",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("member", Words, sa.ForeignKey("member.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("invited_by", Words),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("used_at", UtcDateTime),
)

# A view of the queue that somebody wants to come back to.
saved_filter_table = sa.Table(
    "saved_filter",
    metadata,
    sa.Column("member", Words, sa.ForeignKey("member.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("name", Words, primary_key=True),
    sa.Column("query", Json, nullable=False),
)

_m, _s, _i, _f = member_table.c, session_table.c, invitation_table.c, saved_filter_table.c


@dataclass(frozen=True)
class StaffMember:
    """A person of the clinic who answers."""

    id: str
    email: str
    name: str
    role: str
    created_at: datetime
    disabled_at: datetime | None
    locked_until: datetime | None
    joined: bool
    """Has chosen a password."""
    has_code: bool
    """Signs in with a one-time code as well."""


class Accounts:
    """Who may sign in, and what they may do."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime] = utc_now,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._hasher = hasher or argon2.PasswordHasher()

    def add(self, email: str, name: str, role: str, by: str | None = None) -> tuple[StaffMember, str]:
        """Make an account and its invitation; return the token for the link. `by` None is the command line."""
        email, name = clean_email(email), " ".join(name.split())
        if role not in ROLES:
            raise Refused(f"a role is one of {', '.join(ROLES)}")
        if not name:
            raise Refused("say the person's name")
        new = new_id("m")
        row = {"id": new, "email": email, "name": name, "role": role, "created_at": self._clock()}
        with self._store.transaction() as connection:
            if connection.execute(sa.select(_m.id).where(_m.email == email)).first():
                raise Conflict("there is an account with this e-mail address")
            connection.execute(sa.insert(member_table), row)
            self._audit(connection, "staff.added", by, None, {"member": new, "role": role})
            return self._get(connection, new), self._invite(connection, new, "invitation", by)

    def invite(self, member: str, by: str | None = None, *, drop_code: bool = False) -> str:
        """Return the token of a new link (invitation or reset); earlier links of the member stop working."""
        with self._store.transaction() as connection:
            purpose = "reset" if self._get(connection, member).joined else "invitation"
            return self._invite(connection, member, "reset_code" if drop_code else purpose, by)

    def invited(self, token: str) -> StaffMember:
        """Return whom a link is for; Unauthorized when it was used, replaced or has expired."""
        with self._store.reading() as connection:
            return self._get(connection, self._open_invitation(connection, token)["member"])

    def accept(self, token: str, password: str) -> StaffMember:
        """Choose a password through a link; every session of before ends."""
        check_password(password, self.invited(token))
        hashed = self._hasher.hash(password)
        with self._store.transaction() as connection:
            row = self._open_invitation(connection, token)
            used = sa.update(invitation_table).where(_i.id == row["id"], _i.used_at.is_(None))
            connection.execute(used.values(used_at=self._clock()))
            values = {"password_hash": hashed, "failed_logins": 0, "locked_until": None}
            if row["purpose"] == "reset_code":
                values |= {"totp_secret": None, "totp_used_step": None}
            self._set(connection, row["member"], **values)
            self._end(connection, _s.member == row["member"])
            self._audit(connection, f"staff.{row['purpose']}_accepted", row["member"], None, {"member": row["member"]})
            return self._get(connection, row["member"])

    def members(self) -> tuple[StaffMember, ...]:
        """Return everybody, those who left last."""
        everybody = sa.select(member_table).order_by(_m.disabled_at.is_not(None), _m.name, _m.id)
        with self._store.reading() as connection:
            return tuple(member_of(row) for row in connection.execute(everybody).mappings())

    def member(self, member: str) -> StaffMember:
        """Return a member."""
        with self._store.reading() as connection:
            return self._get(connection, member)

    def by_email(self, email: str) -> StaffMember:
        """Return the member with this e-mail address."""
        with self._store.reading() as connection:
            found = connection.execute(sa.select(_m.id).where(_m.email == clean_email(email))).scalar()
            return self._get(connection, found or "")

    def change(self, member: str, by: str | None, *, name: str | None = None, role: str | None = None) -> StaffMember:
        """Change a name or a role; the last owner stays one."""
        if role is not None and role not in ROLES:
            raise Refused(f"a role is one of {', '.join(ROLES)}")
        with self._store.transaction() as connection:
            was = self._get(connection, member)
            values = {"name": " ".join((name or was.name).split()) or was.name, "role": role or was.role}
            if values["role"] != OWNER:
                self._keep_an_owner(connection, was)
            self._set(connection, member, **values)
            before = {"member": member, "name": was.name, "role": was.role}
            self._audit(connection, "staff.changed", by, before, {"member": member, **values})
            return self._get(connection, member)

    def switch(self, member: str, by: str | None, *, on: bool) -> StaffMember:
        """Switch an account off (every session ends at once) or on again."""
        with self._store.transaction() as connection:
            was = self._get(connection, member)
            if not on:
                self._keep_an_owner(connection, was)
                self._end(connection, _s.member == member)
                self._retire_links(connection, member)
            self._set(connection, member, disabled_at=None if on else self._clock())
            what = "staff.switched_on" if on else "staff.switched_off"
            self._audit(connection, what, by, {"on": was.disabled_at is None}, {"member": member, "on": on})
            return self._get(connection, member)

    def filters(self, member: str) -> Mapping[str, Any]:
        """Return a member's saved filters by name."""
        mine = sa.select(_f.name, _f.query).where(_f.member == member).order_by(_f.name)
        with self._store.reading() as connection:
            return {row.name: row.query for row in connection.execute(mine)}

    def save_filter(self, member: str, name: str, query: Mapping[str, str] | None) -> Mapping[str, Any]:
        """Keep a filter under a name, or forget it (None); return all of them."""
        name = " ".join(name.split())[:40]
        if not name:
            raise Refused("give the filter a name")
        with self._store.transaction() as connection:
            connection.execute(sa.delete(saved_filter_table).where(_f.member == member, _f.name == name))
            if query is not None:
                connection.execute(sa.insert(saved_filter_table), {"member": member, "name": name, "query": dict(query)})
        return self.filters(member)

    def _invite(self, connection: Connection, member: str, purpose: str, by: str | None) -> str:
        now = self._clock()
        life = timedelta(days=INVITATION_DAYS) if purpose == "invitation" else timedelta(hours=RESET_HOURS)
        token = secrets.token_urlsafe(32)
        row = {"id": hash_of(token), "purpose": purpose, "member": member, "invited_by": by, "created_at": now}
        self._retire_links(connection, member)
        connection.execute(sa.insert(invitation_table), {**row, "expires_at": now + life})
        self._audit(connection, f"staff.{purpose}", by, None, {"member": member})
        return token

    def _retire_links(self, connection: Connection, member: str) -> None:
        retired = sa.update(invitation_table).where(_i.member == member, _i.used_at.is_(None))
        connection.execute(retired.values(used_at=self._clock()))

    def _open_invitation(self, connection: Connection, token: str) -> Mapping[str, Any]:
        standing = sa.and_(_i.id == hash_of(token), _i.used_at.is_(None), _i.expires_at > self._clock())
        chosen = sa.select(invitation_table).select_from(invitation_table.join(member_table, _m.id == _i.member))
        row = connection.execute(chosen.where(standing, _m.disabled_at.is_(None))).mappings().first()
        if row is None:
            raise Unauthorized("this link was used already or has expired: ask for a new one")
        return dict(row)

    def _keep_an_owner(self, connection: Connection, member: StaffMember) -> None:
        owners = sa.select(sa.func.count()).where(_m.role == OWNER, _m.disabled_at.is_(None), _m.id != member.id)
        if member.role == OWNER and not connection.execute(owners).scalar():
            raise Conflict("this is the only owner: make somebody else an owner first")

    def _end(self, connection: Connection, which: Any) -> int:
        ended = sa.update(session_table).where(which, _s.ended_at.is_(None)).values(ended_at=self._clock())
        return int(connection.execute(ended).rowcount)

    def _get(self, connection: Connection, member: str) -> StaffMember:
        row = connection.execute(sa.select(member_table).where(_m.id == member)).mappings().first()
        if row is None:
            raise NotFound("no such member of staff")
        return member_of(row)

    def _set(self, connection: Connection, member: str, **values: Any) -> None:
        connection.execute(sa.update(member_table).where(_m.id == member).values(**values))

    def _audit(self, connection: Connection, what: str, by: str | None, before: Any, after: Any) -> None:
        audit.append(self._store, connection, what, member=by, before=before, after=after, at=self._clock())


def link_of(base_url: str, token: str) -> str:
    """Return the link of an invitation; the token stands behind the #, where no server and no log sees it."""
    return f"{base_url.rstrip('/')}/staff/welcome#{token}"


def check_password(password: str, member: StaffMember) -> None:
    """Refuse what is too short or easy to guess."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise Refused(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters: three or four words do well")
    rest = password.lower()
    for word in (*_COMMON, *member.email.partition("@")[0].split("."), *member.name.lower().split()):
        rest = rest.replace(word, "") if len(word) > 3 else rest
    if len(set(rest)) < 5:
        raise Refused("this password is easy to guess: take three or four words that do not belong together")


def hash_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def member_of(row: Mapping[str, Any]) -> StaffMember:
    """Return the row as a value."""
    plain = {name: row[name] for name in ("id", "email", "name", "role", "created_at", "disabled_at", "locked_until")}
    return StaffMember(**plain, joined=row["password_hash"] is not None, has_code=row["totp_secret"] is not None)


def clean_email(text: str) -> str:
    """Return an address as it is kept; Refused where it is none."""
    email = text.strip().lower()
    name, at, host = email.partition("@")
    if not (name and at and host) or any(letter.isspace() for letter in email) or "@" in host or len(email) > 254:
        raise Refused("this is not an e-mail address")
    return email
