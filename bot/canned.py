"""Canned replies: texts that staff insert with a few keys, with gaps that fill themselves.

A gap is a placeholder as in answers ({clinic.phone}, {site.address}) or one of `OWN`. One that has nothing to stand
there stays visible in the composer, so that nobody sends a sentence with a hole in it unseen.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches

import sqlalchemy as sa

from bot import audit
from bot.clinic import Clinic
from bot.errors import NotFound, Refused
from bot.hours import join_words
from bot.store import Connection, Store, new_id, utc_now
from bot.tables import canned_reply
from bot.wording import facts, fill

LONGEST_TITLE, LONGEST_TEXT = 80, 2000

OWN: Mapping[str, str] = {
    "member.name": "the name of who answers",
    "visitor.name": "the visitor's name, if they left one to be called back",
    "visitor.phone": "the number they left to be called back",
}
"""Gaps that only a canned reply has, with what stands there."""

STARTERS = (
    ("Hello, a person here", "Hello, this is {member.name} at {clinic.name}. I have read what you wrote. "),
    ("May we call you?", "It is easier to talk about this on the phone. Which number may we call, and when suits you?"),
    ("Calling you now", "Thank you. I am calling you on {visitor.phone} now."),
    ("Call us", "Please call us on {clinic.phone}: we can help you faster that way."),
    ("Please come in", "Please come to {site.address}. If you are late or cannot find us, call {clinic.phone}."),
    ("Anything else?", "Is there anything else I can do for you? If not, our assistant takes over again here."),
)
"""What a clinic can begin with: added by a button, so that nothing speaks in its name unasked."""

_c = canned_reply.c

_GAP = re.compile(r"\{[^{}]*\}")


@dataclass(frozen=True)
class CannedReply:
    """A text that staff insert."""

    id: str
    title: str
    text: str
    member: str | None
    at: datetime


class Canned:
    """The clinic's canned replies."""

    def __init__(self, store: Store, clock: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._clock = clock

    def all(self) -> tuple[CannedReply, ...]:
        """Return all of them by title."""
        with self._store.reading() as connection:
            rows = connection.execute(sa.select(canned_reply).order_by(sa.func.lower(_c.title), _c.id)).mappings()
            return tuple(CannedReply(**row) for row in rows)

    def save(self, title: str, text: str, *, member: str, canned_id: str | None = None) -> CannedReply:
        """Write a reply: a new one, or one that is there."""
        title, text = " ".join(title.split()), text.strip()
        if not title or not text:
            raise Refused("a canned reply has a title and a text")
        if len(title) > LONGEST_TITLE or len(text) > LONGEST_TEXT:
            raise Refused(f"a title has at most {LONGEST_TITLE} characters, a text {LONGEST_TEXT}")
        reply = CannedReply(canned_id or new_id("canned"), title, text, member, self._clock())
        with self._store.transaction() as connection:
            before = self._get(connection, canned_id) if canned_id else None
            if before is None:
                connection.execute(sa.insert(canned_reply), vars(reply))
            else:
                connection.execute(sa.update(canned_reply).where(_c.id == canned_id).values(**vars(reply)))
            self._audit(connection, "canned.saved", member, before, reply)
        return reply

    def remove(self, canned_id: str, *, member: str) -> None:
        """Take a reply away."""
        with self._store.transaction() as connection:
            before = self._get(connection, canned_id)
            connection.execute(sa.delete(canned_reply).where(_c.id == canned_id))
            self._audit(connection, "canned.removed", member, before, None)

    def _get(self, connection: Connection, canned_id: str) -> CannedReply:
        row = connection.execute(sa.select(canned_reply).where(_c.id == canned_id)).mappings().first()
        if row is None:
            raise NotFound("no such canned reply")
        return CannedReply(**row)

    def _audit(self, connection: Connection, what: str, member: str, before: CannedReply | None, after: CannedReply | None) -> None:
        said = {"before": _said(before), "after": _said(after)}
        audit.append(self._store, connection, what, member=member, **said, at=self._clock())


def _said(reply: CannedReply | None) -> dict[str, str] | None:
    return None if reply is None else {"id": reply.id, "title": reply.title, "text": reply.text}


def gaps(clinic: Clinic) -> dict[str, str]:
    """Return every gap that fills itself, with what stands there."""
    return {name: value for name, value in {**facts(clinic, clinic.site(None)), **OWN}.items() if value}


def check_gaps(text: str, clinic: Clinic) -> None:
    """Refuse a gap that nothing fills, such as a misspelt one, with those that come near it."""
    known = [f"{{{name}}}" for name in gaps(clinic)]
    for gap in _GAP.findall(text):
        if gap not in known:
            near = get_close_matches(gap, known, cutoff=0.7) or [f"{{{name}}}" for name in OWN]
            raise Refused(f'nothing fills {gap}. There is {join_words(near)}; all are listed under "Gaps that fill themselves"')


def filled(text: str, clinic: Clinic, site: str | None, own: Mapping[str, str]) -> str:
    """Return a canned reply with its gaps filled; a gap without a value stays as it is."""
    known = {site.slug for site in clinic.sites}
    return fill(text, {**facts(clinic, clinic.site(site if site in known else None)), **own})
