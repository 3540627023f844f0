"""Signing in: passwords, one-time codes, pauses after wrong tries, and sessions that expire and can be ended.

A try is counted before the password is looked at, so that many tries at once cannot slip past the pause; a wrong
one-time code counts like a wrong password. An address without an account pauses like any other: nobody can tell.
"""

from __future__ import annotations

import secrets
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import argon2
import argon2.exceptions
import argon2.low_level
import pyotp
import sqlalchemy as sa

from bot.accounts import (
    LONGEST_PASSWORD,
    Accounts,
    StaffMember,
    check_password,
    hash_of,
    link_of,
    member_of,
    member_table,
    session_table,
)
from bot.errors import Refused, TooMany, Unauthorized
from bot.roles import ROLES
from bot.store import Connection, Store, utc_now

__all__ = [
    "ROLES",
    "CodeNeeded",
    "Staff",
    "StaffMember",
    "StaffSession",
    "first_account_hint",
    "invitation_link",
    "link_of",
    "reset_link",
    "sign_out_everywhere",
]

SESSION_HOURS = 12
"""The longest a session lasts: a working day."""

IDLE_MINUTES = 30
"""An open console is never idle, because it must be able to sound the alarm; a closed one is signed out after this."""

TOUCH_SECONDS = 60
"""How exactly it is kept when a session was last seen."""

KEPT_DAYS = 30
"""How long it can still be seen that somebody was signed in."""

FREE_TRIES = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30, 15 * 60

_m, _s = member_table.c, session_table.c


class CodeNeeded(Unauthorized):
    """The password is right; the one-time code is missing."""

    type = "code-needed"


@dataclass(frozen=True)
class StaffSession:
    """One browser in which somebody is signed in."""

    id: str
    member: StaffMember
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    device: str


class Staff(Accounts):
    """Accounts, and who is signed in."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime] = utc_now,
        hasher: argon2.PasswordHasher | None = None,
    ) -> None:
        super().__init__(store, clock, hasher)
        # Somebody who tries names learns nothing from the time it takes: a stranger's password is looked at as long.
        self._nobody = _hash_of_nobody(self._hasher)
        self._strangers = _Tries()

    def sign_in(self, email: str, password: str, code: str = "", device: str = "") -> tuple[StaffSession, str]:
        """Return a new session and its token; Unauthorized, CodeNeeded or TooMany otherwise."""
        row = self._count_try(email.strip().lower(), password)
        if not self._fits(row["password_hash"], password):
            raise Unauthorized("this e-mail address and this password do not belong together")
        step = self._check_code(row, code)
        token = secrets.token_urlsafe(32)
        now = self._clock()
        session = {"id": hash_of(token), "member": row["id"], "created_at": now, "seen_at": now, "device": device[:120]}
        session["expires_at"] = now + timedelta(hours=SESSION_HOURS)
        values: dict[str, Any] = {"failed_logins": 0, "locked_until": None}
        if self._hasher.check_needs_rehash(row["password_hash"]):
            values["password_hash"] = self._hasher.hash(password)
        with self._store.transaction() as connection:
            self._use_step(connection, row["id"], step)
            # The password may have been replaced, or the account switched off, since it was looked at.
            same = sa.and_(_m.id == row["id"], _m.password_hash == row["password_hash"], _m.disabled_at.is_(None))
            if not connection.execute(sa.update(member_table).where(same).values(**values)).rowcount:
                raise Unauthorized("this e-mail address and this password do not belong together")
            connection.execute(sa.delete(session_table).where(_s.expires_at < now - timedelta(days=KEPT_DAYS)))
            connection.execute(sa.insert(session_table), session)
            self._audit(connection, "staff.signed_in", row["id"], None, {"device": session["device"]})
        return self.session(token), token

    def session(self, token: str) -> StaffSession:
        """Return the session of a cookie; Unauthorized when it was ended, has expired or was left."""
        with self._store.reading() as connection:
            return self._session(connection, hash_of(token))

    def session_by_id(self, session: str) -> StaffSession:
        """Return a session that was read before, if it still stands."""
        with self._store.reading() as connection:
            return self._session(connection, session)

    def is_due(self, session: StaffSession) -> bool:
        """Say whether it is time to keep that the session was seen."""
        return self._clock() - session.seen_at >= timedelta(seconds=TOUCH_SECONDS)

    def touch(self, session: StaffSession) -> None:
        """Keep that a session was seen just now."""
        with self._store.transaction() as connection:
            connection.execute(sa.update(session_table).where(_s.id == session.id).values(seen_at=self._clock()))

    def sessions(self, member: str) -> tuple[StaffSession, ...]:
        """Return where a member is signed in, newest first."""
        mine = self._sessions().where(_s.member == member).order_by(_s.created_at.desc())
        with self._store.reading() as connection:
            return tuple(_session_of(row) for row in connection.execute(mine).mappings())

    def sign_out(self, session: str) -> None:
        """End one session."""
        with self._store.transaction() as connection:
            self._end(connection, _s.id == session)

    def end_sessions(self, member: str, by: str | None, *, but: str | None = None) -> int:
        """End every session of a member but perhaps one; return how many."""
        theirs = sa.and_(_s.member == member, _s.id != (but or ""), self._standing())
        with self._store.transaction() as connection:
            count = self._end(connection, theirs)
            self._audit(connection, "staff.signed_out", by, None, {"member": member, "sessions": count})
        return count

    def change_password(self, member: str, current: str, new: str, but: str | None = None) -> None:
        """Replace a password; the other sessions end."""
        row = self._count_try(self.member(member).email, current)
        if not self._fits(row["password_hash"], current):
            raise Refused("this is not your current password")
        check_password(new, self.member(member))
        hashed = self._hasher.hash(new)
        with self._store.transaction() as connection:
            self._set(connection, member, password_hash=hashed, failed_logins=0, locked_until=None)
            self._end(connection, sa.and_(_s.member == member, _s.id != (but or "")))
            self._audit(connection, "staff.password_changed", member, None, {"member": member})

    def set_code(self, member: str, secret: str, code: str) -> None:
        """Switch one-time codes on, once a code shows that the telephone knows the secret."""
        step = self._step(secret, code)
        if step is None:
            raise Refused("this code does not fit: take the one the app shows now")
        with self._store.transaction() as connection:
            self._set(connection, member, totp_secret=secret, totp_used_step=step)
            self._audit(connection, "staff.code_on", member, None, {"member": member})

    def drop_code(self, member: str, password: str) -> None:
        """Switch one-time codes off; the password says that it is really them."""
        row = self._count_try(self.member(member).email, password)
        if not self._fits(row["password_hash"], password):
            raise Refused("this is not your current password")
        with self._store.transaction() as connection:
            values = {"totp_secret": None, "totp_used_step": None, "failed_logins": 0, "locked_until": None}
            self._set(connection, member, **values)
            self._audit(connection, "staff.code_off", member, None, {"member": member})

    def _count_try(self, email: str, password: str) -> Mapping[str, Any]:
        """Count a try before the password is looked at; TooMany while the account pauses."""
        now = self._clock()
        with self._store.transaction() as connection:
            found = sa.select(member_table).where(_m.email == email, _m.disabled_at.is_(None)).with_for_update()
            row = connection.execute(found).mappings().first()
            known = row is not None and row["password_hash"] is not None
            tries, until = (row["failed_logins"], row["locked_until"]) if row and known else self._strangers.get(email)
            if until is not None and until > now:
                pause = int((until - now).total_seconds()) + 1
                raise TooMany("too many tries: wait a little, or ask the owner for a reset link", pause)
            until = _locked_until(tries + 1, now)
            if row is not None and known:
                self._set(connection, row["id"], failed_logins=tries + 1, locked_until=until)
                if until is not None:
                    self._audit(connection, "staff.locked", row["id"], None, {"tries": tries + 1})
                return dict(row)
        self._strangers.put(email, tries + 1, until)
        self._fits(self._nobody, password)
        raise Unauthorized("this e-mail address and this password do not belong together")

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password[: LONGEST_PASSWORD + 1])
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    def _check_code(self, row: Mapping[str, Any], code: str) -> int | None:
        if row["totp_secret"] is None:
            return None
        if not code.strip():
            # Half of it was right: this try does not count.
            with self._store.transaction() as connection:
                self._set(connection, row["id"], failed_logins=row["failed_logins"], locked_until=None)
            raise CodeNeeded("enter the code your app shows")
        step = self._step(row["totp_secret"], code)
        if step is None:
            raise Unauthorized("this code does not fit: take the one the app shows now")
        return step

    def _step(self, secret: str, code: str) -> int | None:
        """Return the time step a code belongs to: this one or the one before or after, because clocks differ."""
        totp = pyotp.TOTP(secret)
        now = int(self._clock().timestamp()) // totp.interval
        digits = "".join(code.split())
        fitting = (step for step in (now, now - 1, now + 1) if secrets.compare_digest(totp.generate_otp(step), digits))
        return next(fitting, None) if digits.isascii() else None

    def _use_step(self, connection: Connection, member: str, step: int | None) -> None:
        if step is None:
            return
        fresh = sa.or_(_m.totp_used_step.is_(None), _m.totp_used_step < step)
        used = sa.update(member_table).where(_m.id == member, fresh).values(totp_used_step=step)
        if not connection.execute(used).rowcount:
            raise Unauthorized("this code was used already: wait for the next one")

    def _standing(self) -> Any:
        now = self._clock()
        return sa.and_(_s.ended_at.is_(None), _s.expires_at > now, _s.seen_at > now - timedelta(minutes=IDLE_MINUTES))

    def _sessions(self) -> Any:
        about = (_s[name].label(f"session_{name}") for name in ("id", "created_at", "seen_at", "expires_at", "device"))
        joined = session_table.join(member_table, _m.id == _s.member)
        chosen = sa.select(member_table, *about).select_from(joined)
        return chosen.where(self._standing(), _m.disabled_at.is_(None))

    def _session(self, connection: Connection, session: str) -> StaffSession:
        row = connection.execute(self._sessions().where(_s.id == session)).mappings().first()
        if row is None:
            raise Unauthorized("please sign in")
        return _session_of(row)


class _Tries:
    """Tries with addresses that have no account: they pause like any other, so that nobody can tell them apart."""

    def __init__(self, most: int = 2000) -> None:
        self._kept: dict[str, tuple[int, datetime | None]] = {}
        self._most = most
        self._lock = threading.Lock()

    def get(self, email: str) -> tuple[int, datetime | None]:
        with self._lock:
            return self._kept.get(email, (0, None))

    def put(self, email: str, tries: int, until: datetime | None) -> None:
        with self._lock:
            self._kept.pop(email, None)
            self._kept[email] = (tries, until)
            if len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept)))


def first_account_hint(store: Store, public_url: str = "") -> str | None:
    """Return what the first start prints; None once there is an account. The address is given where the environment does not say it."""
    with store.reading() as connection:
        if connection.execute(sa.select(_m.id).limit(1)).first():
            return None
    there = f"PUBLIC_URL={public_url} " if public_url else ""
    command = f'{there}.venv/bin/python -m bot staff add you@example.com --name "Your Name" --role owner'
    return f"Nobody can sign in yet. Make the first account:  {command}"


def invitation_link(store: Store, base_url: str, email: str, name: str, role: str) -> str:
    """Make an account from the command line; return the link on which its owner chooses a password."""
    _, token = Staff(store).add(email, name, role)
    return link_of(base_url, token)


def reset_link(store: Store, base_url: str, email: str, *, drop_code: bool = False) -> str:
    """Return a link for a new password from the command line; `drop_code` for who lost the telephone."""
    staff = Staff(store)
    return link_of(base_url, staff.invite(staff.by_email(email).id, drop_code=drop_code))


def sign_out_everywhere(store: Store, email: str) -> int:
    """End every session of a member from the command line; return how many."""
    staff = Staff(store)
    return staff.end_sessions(staff.by_email(email).id, by=None)


def new_secret() -> str:
    """Return a new secret for one-time codes."""
    return pyotp.random_base32()


def code_uri(secret: str, member: StaffMember, clinic: str) -> str:
    """Return what the square code for the telephone says."""
    return pyotp.TOTP(secret).provisioning_uri(name=member.email, issuer_name=clinic)


def _hash_of_nobody(hasher: argon2.PasswordHasher) -> str:
    """Return a hash no password fits, which takes as long to look at as any; making it up costs nothing, unlike hashing."""
    salt, digest = (b64encode(secrets.token_bytes(length)).rstrip(b"=").decode() for length in (hasher.salt_len, hasher.hash_len))
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2{hasher.type.name.lower()}$v={argon2.low_level.ARGON2_VERSION}${costs}${salt}${digest}"


def _locked_until(tries: int, now: datetime) -> datetime | None:
    if tries < FREE_TRIES:
        return None
    pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries - FREE_TRIES, 20), LONGEST_PAUSE_SECONDS)
    return now + timedelta(seconds=pause)


def _session_of(row: Mapping[str, Any]) -> StaffSession:
    about = {name: row[f"session_{name}"] for name in ("id", "created_at", "seen_at", "expires_at", "device")}
    return StaffSession(member=member_of(row), **about)
