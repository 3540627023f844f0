"""Telling people outside: a notification is a row first, and delivered after.

The row is written in the transaction that makes it necessary, so neither exists without the other. A worker leases
rows, delivers them, and tries again with growing pauses; after `MAX_TRIES` a row is dead and stays visible. A worker
that is killed loses its lease, and another one delivers. Every try carries the same idempotency key, so a receiver that
was reached twice can tell. Subjects and bodies never say what is wrong with anybody: they link to the console.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, Literal, Protocol
from urllib.parse import unquote, urlsplit

import aiohttp
import aiosmtplib
import sqlalchemy as sa
import sqlalchemy.dialects.postgresql
import standardwebhooks

from bot.bell import Bell
from bot.errors import Conflict, NotFound, StoreUnavailable
from bot.store import Connection, Store, UtcDateTime, Words, metadata, new_id, utc_now

log = logging.getLogger(__name__)

State = Literal["waiting", "sending", "delivered", "dead", "cancelled"]

MAX_TRIES = 8

# 5, 10, 20 ... seconds: eight tries span about ten minutes, longer than a mail server's restart, shorter than patience.
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 900.0

# A delivery is given up before its lease ends, so two workers do not hold the same row.
DELIVERY_TIMEOUT_SECONDS = 20.0
LEASE_SECONDS = 60.0

# How long a worker sleeps at most: another process may write a row without a bell between them.
POLL_SECONDS = 5.0

BATCH = 10

SELF_TEST = "test."

notification_table = sa.Table(
    "notification",
    metadata,
    sa.Column("id", Words, primary_key=True),
    sa.Column("event_key", Words, nullable=False, unique=True),
    sa.Column("medium", sa.String(20), nullable=False),
    sa.Column("address", Words, nullable=False),
    sa.Column("subject", Words, nullable=False),
    sa.Column("body", Words, nullable=False),
    sa.Column("link", Words, nullable=False),
    sa.Column("handoff_id", Words, sa.ForeignKey("handoff.id", ondelete="CASCADE"), index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_try_at", UtcDateTime, nullable=False),
    sa.Column("last_error", Words),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    # Who is delivering it now: only the holder of the lease may say that the try failed.
    sa.Column("lease", sa.String(32)),
)
sa.Index("ix_notification_state_next_try_at", notification_table.c.state, notification_table.c.next_try_at)


class NotifyError(Exception):
    """A medium could not deliver; `retry` says whether trying again can help."""

    def __init__(self, text: str, *, retry: bool) -> None:
        super().__init__(text)
        self.retry = retry


@dataclass(frozen=True)
class NotificationRule:
    """Who is told of which handoffs, and how many minutes after the alarm began if nobody has acknowledged it."""

    medium: str
    address: str
    urgencies: tuple[str, ...] = ("emergency", "urgent")
    after_minutes: int = 0

    @property
    def key(self) -> str:
        """Name the rule without its address, and the same way when the rules are put in another order."""
        said = f"{self.medium} {self.address} {self.after_minutes}"
        return hashlib.sha256(said.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Notification:
    """Something to be told outside."""

    id: str
    event_key: str
    """The idempotency key: the same for every try of one event to one address."""
    medium: str
    address: str
    subject: str
    body: str
    link: str
    handoff_id: str | None
    state: State
    tries: int
    next_try_at: datetime
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None


@dataclass(frozen=True)
class SelfTest:
    """The latest test of the alarm path: it has passed when every way has delivered."""

    at: datetime
    ways: int
    delivered: int
    failed: int


class Notifier(Protocol):
    """A medium that tells it."""

    medium: str

    async def deliver(self, notification: Notification) -> None:
        """Deliver, or raise NotifyError."""


class Outbox:
    """The notifications that are written, and the worker that delivers them."""

    def __init__(
        self,
        store: Store,
        notifiers: Iterable[Notifier],
        bell: Bell | None = None,
        *,
        on_delivered: Callable[[Connection, Notification], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._store = store
        self._notifiers = {notifier.medium: notifier for notifier in notifiers}
        self._bell = bell or Bell()
        self._clock = clock
        self.on_delivered = [on_delivered] if on_delivered else []
        """What else is true once a notification is delivered, written in the same transaction."""

    @property
    def media(self) -> frozenset[str]:
        """Return the media that somebody can be told by."""
        return frozenset(self._notifiers)

    def enqueue(
        self,
        connection: Connection,
        *,
        event_key: str,
        medium: str,
        address: str,
        subject: str,
        body: str,
        link: str,
        handoff_id: str | None = None,
    ) -> bool:
        """Write a notification in the caller's transaction; say whether it is new (one event_key is one row)."""
        if connection.execute(_BY_KEY, {"key": event_key}).first():
            return False
        now = self._clock()
        row = {
            "id": new_id("n"),
            "event_key": event_key,
            "medium": medium,
            "address": address,
            "subject": subject,
            "body": body,
            "link": link,
            "handoff_id": handoff_id,
            "state": "waiting",
            "tries": 0,
            "next_try_at": now,
            "created_at": now,
        }
        kept = connection.execute(_insert_once(connection), row).rowcount == 1
        self._store.after_commit(lambda: self._bell.ring("outbox"))
        return bool(kept)

    def cancel(self, connection: Connection, handoff_id: str) -> None:
        """Give up what is not delivered yet: somebody knows already."""
        connection.execute(
            sa.update(notification_table)
            .where(_t.handoff_id == handoff_id, _t.state.in_(("waiting", "sending")))
            .values(state="cancelled")
        )

    def known(self, connection: Connection, keys: Iterable[str]) -> set[str]:
        """Return which of the event keys have their notification."""
        wanted = sorted(keys)
        if not wanted:
            return set()
        return set(connection.execute(sa.select(_t.event_key).where(_t.event_key.in_(wanted))).scalars())

    def waiting(self) -> tuple[Notification, ...]:
        """Return what is still to be delivered."""
        return self._select(_t.state.in_(("waiting", "sending")))

    def dead(self) -> tuple[Notification, ...]:
        """Return what could not be delivered: these people must be called."""
        return self._select(_t.state == "dead")

    def of_handoff(self, handoff_id: str) -> tuple[Notification, ...]:
        """Return what was, or could not be, told about a handoff."""
        return self._select(_t.handoff_id == handoff_id)

    def retry(self, notification_id: str) -> Notification:
        """Give a dead notification another round of tries."""
        again = {"state": "waiting", "tries": 0, "next_try_at": self._clock(), "lease": None}
        with self._store.transaction() as connection:
            matches = _t.id == notification_id
            revived = sa.update(notification_table).where(matches, _t.state == "dead").values(**again)
            if not connection.execute(revived).rowcount:
                if not connection.execute(sa.select(_t.id).where(matches)).first():
                    raise NotFound("no such notification")
                raise Conflict("only a dead notification is tried again by hand")
            self._store.after_commit(lambda: self._bell.ring("outbox", "queue"))
            return _notification(connection.execute(sa.select(*_COLUMNS).where(matches)).one())

    def self_test(self, rules: Iterable[NotificationRule], link: str) -> tuple[str, ...]:
        """Send a test along every distinct way out; return the event keys to look for in `tested`."""
        ways = sorted({(rule.medium, rule.address) for rule in rules})
        stamp = f"{self._clock():%Y%m%dT%H%M%S%f}"
        keys = tuple(f"{SELF_TEST}{stamp}.{number}" for number in range(len(ways)))
        with self._store.transaction() as connection:
            for key, (medium, address) in zip(keys, ways, strict=True):
                self.enqueue(
                    connection,
                    event_key=key,
                    medium=medium,
                    address=address,
                    subject="Test: the alarm path works",
                    body=f"This is a test of the alarm path. Nobody is waiting. {link}",
                    link=link,
                )
        return keys

    def last_test(self) -> SelfTest | None:
        """Return what became of the latest test of the alarm path; None before the first."""
        newest = self.tested(1)
        if not newest:
            return None
        name = newest[0].event_key.rpartition(".")[0] + "."
        states = [one.state for one in self._select(_t.event_key.startswith(name, autoescape=True))]
        return SelfTest(newest[0].created_at, len(states), states.count("delivered"), states.count("dead"))

    def tested(self, limit: int = 20) -> tuple[Notification, ...]:
        """Return the latest tests of the alarm path, newest first."""
        found = self._select(_t.event_key.startswith(SELF_TEST, autoescape=True), newest=limit)
        return tuple(reversed(found))

    async def work(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop; nothing that goes wrong ends this loop."""
        stopped = asyncio.create_task(stop.wait())
        try:
            with self._bell.listening("outbox") as rung:
                while not stop.is_set():
                    pause = await self._round()
                    if pause > 0:
                        ring = asyncio.create_task(rung.wait(pause))
                        await asyncio.wait({ring, stopped}, return_when=asyncio.FIRST_COMPLETED)
                        ring.cancel()
        finally:
            stopped.cancel()

    async def deliver_due(self) -> int:
        """Deliver what is due now, once; return how many were tried."""
        leased = await self._store.run(self._lease)
        await asyncio.gather(*(self._deliver(notification, lease) for notification, lease in leased))
        return len(leased)

    async def _round(self) -> float:
        try:
            if await self.deliver_due():
                return 0
            return await self._store.run(self._pause_seconds)
        except StoreUnavailable as error:
            log.warning("the outbox waits for the database: %s", error)
        except Exception:
            log.exception("the outbox stumbled")
        return POLL_SECONDS

    def _lease(self) -> list[tuple[Notification, str]]:
        """Take due rows, and rows whose holder is gone, for a while: `next_try_at` is when the lease ends."""
        now = self._clock()
        due = sa.and_(_t.state.in_(("waiting", "sending")), _t.next_try_at <= now)
        order = sa.select(*_COLUMNS).where(due).order_by(_t.next_try_at).limit(BATCH).with_for_update(skip_locked=True)
        lease = secrets.token_hex(8)
        with self._store.transaction() as connection:
            rows = connection.execute(order).all()
            if not rows:
                return []
            held = sa.update(notification_table).where(_t.id.in_([row.id for row in rows]))
            until = now + timedelta(seconds=LEASE_SECONDS)
            connection.execute(held.values(state="sending", tries=_t.tries + 1, next_try_at=until, lease=lease))
        return [(_notification(row), lease) for row in rows]

    async def _deliver(self, notification: Notification, lease: str) -> None:
        """Try once and keep what came of it; `notification` is as it was before this try."""
        try:
            if notification.tries >= MAX_TRIES:  # its last holder died with it
                raise NotifyError(notification.last_error or "the worker was stopped on the last try", retry=False)
            notifier = self._notifiers.get(notification.medium)
            if notifier is None:
                raise NotifyError(f"no notifier for {notification.medium} is set up", retry=False)
            await asyncio.wait_for(notifier.deliver(notification), DELIVERY_TIMEOUT_SECONDS)
        except NotifyError as error:
            await self._store.run(self._failed, notification, lease, str(error), error.retry)
        except asyncio.TimeoutError:
            await self._store.run(self._failed, notification, lease, "no answer in time", True)
        except Exception as error:  # a fault of a notifier must not stop the others
            log.exception("notification %s: the notifier stumbled", notification.id)
            await self._store.run(self._failed, notification, lease, type(error).__name__, True)
        else:
            await self._store.run(self._delivered, notification)

    def _delivered(self, notification: Notification) -> None:
        """Keep that it arrived; whoever holds the lease by now, and even if it was cancelled meanwhile, it did."""
        now = self._clock()
        arrived = sa.update(notification_table).where(_t.id == notification.id, _t.state != "delivered")
        with self._store.transaction() as connection:
            kept = arrived.values(state="delivered", delivered_at=now, last_error=None, lease=None)
            if connection.execute(kept).rowcount:
                for hook in self.on_delivered:
                    hook(connection, notification)
                self._store.after_commit(lambda: self._bell.ring("queue"))
        log.info("notification %s delivered by %s", notification.id, notification.medium)

    def _failed(self, notification: Notification, lease: str, reason: str, retry: bool) -> None:
        """Keep that a try failed, unless another worker has taken the row since."""
        tried = notification.tries + 1
        state = "waiting" if retry and tried < MAX_TRIES else "dead"
        after = self._clock() + timedelta(seconds=_pause_after(tried))
        mine = sa.update(notification_table).where(_t.id == notification.id, _t.lease == lease, _t.state == "sending")
        with self._store.transaction() as connection:
            connection.execute(mine.values(state=state, next_try_at=after, last_error=reason[:300], lease=None))
            self._store.after_commit(lambda: self._bell.ring("queue"))
        log.warning("notification %s: try %d of %d failed: %s", notification.id, tried, MAX_TRIES, state)

    def _pause_seconds(self) -> float:
        """Say how long nothing will be due."""
        pending = sa.select(sa.func.min(_t.next_try_at)).where(_t.state.in_(("waiting", "sending")))
        with self._store.reading() as connection:
            due = connection.execute(pending).scalar()
        if due is None:
            return POLL_SECONDS
        seconds: float = (due - self._clock()).total_seconds()
        return min(max(seconds, 0.01), POLL_SECONDS)

    def _select(self, condition: Any, newest: int | None = None) -> tuple[Notification, ...]:
        chosen = sa.select(*_COLUMNS).where(condition).order_by(_t.created_at.desc(), _t.id).limit(newest)
        with self._store.reading() as connection:
            return tuple(_notification(row) for row in reversed(connection.execute(chosen).all()))


class EmailNotifier:
    """Tells it by e-mail, through the clinic's SMTP server (smtp://, smtps://, with user:password@ where needed)."""

    medium = "email"

    def __init__(self, smtp_url: str, mail_from: str) -> None:
        self._server = urlsplit(smtp_url)
        self._from = mail_from

    async def deliver(self, notification: Notification) -> None:
        """Hand the mail to the server; every try has the same Message-ID."""
        try:
            mail = self._mail(notification)
        except ValueError as error:  # an address that would break out of its header
            raise NotifyError(f"not an e-mail address: {type(error).__name__}", retry=False) from error
        server = self._client()
        try:
            await server.connect()
            await server.send_message(mail)
        except aiosmtplib.SMTPException as error:
            raise NotifyError(f"the mail server says: {_said(error)}", retry=not _final(error)) from error
        except OSError as error:
            raise NotifyError(f"the mail server cannot be reached: {type(error).__name__}", retry=True) from error
        finally:
            server.close()

    def _client(self) -> aiosmtplib.SMTP:
        encrypted = self._server.scheme == "smtps"
        return aiosmtplib.SMTP(
            hostname=self._server.hostname,
            port=self._server.port,
            username=unquote(self._server.username) if self._server.username else None,
            password=unquote(self._server.password) if self._server.password else None,
            use_tls=encrypted,
            start_tls=False if encrypted else None,  # None: whenever the server offers it
            timeout=DELIVERY_TIMEOUT_SECONDS / 2,
        )

    def _mail(self, notification: Notification) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._from
        mail["To"] = notification.address
        mail["Subject"] = notification.subject
        mail["Date"] = notification.created_at
        mail["Message-ID"] = f"<{notification.event_key}@{self._from.rpartition('@')[2].strip('> ')}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(notification.body)
        return mail


class WebhookNotifier:
    """Tells it to a program of the clinic's, signed as Standard Webhooks describes (standardwebhooks.com)."""

    medium = "webhook"

    def __init__(self, secret: str) -> None:
        self._webhook = standardwebhooks.Webhook(secret)

    async def deliver(self, notification: Notification) -> None:
        """Post the event; `webhook-id` is the same for every try."""
        now = utc_now()  # the real time: receivers refuse an old one
        body = json.dumps(
            {
                "type": "frontdesk.test" if notification.event_key.startswith(SELF_TEST) else "frontdesk.person_needed",
                "timestamp": notification.created_at.isoformat(),
                "data": {"text": notification.body, "link": notification.link},
            }
        )
        headers = {
            "webhook-id": notification.event_key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(notification.event_key, now, body),
        }
        await _post(notification.address, body, headers)


class ChatNotifier:
    """Tells it to a chat room through a Slack-compatible incoming webhook."""

    medium = "chat"

    async def deliver(self, notification: Notification) -> None:
        """Post the text."""
        body = json.dumps({"text": notification.body})
        await _post(notification.address, body, {"idempotency-key": notification.event_key})


async def _post(url: str, body: str, headers: Mapping[str, str]) -> None:
    timeout = aiohttp.ClientTimeout(total=DELIVERY_TIMEOUT_SECONDS / 2)
    said = {"content-type": "application/json", "user-agent": "frontdesk", **headers}
    try:
        # A redirect is not followed: it would carry the text to an address nobody agreed to.
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, headers=said, allow_redirects=False) as reply,
        ):
            status = reply.status
    except aiohttp.InvalidURL as error:
        raise NotifyError("not a web address", retry=False) from error
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
        raise NotifyError(f"the receiver cannot be reached: {type(error).__name__}", retry=True) from error
    if not 200 <= status < 300:
        raise NotifyError(f"the receiver answered {status}", retry=status >= 500 or status in _WORTH_ANOTHER_TRY)


# Timeout, conflict (it is still busy with the first try), too early, too many.
_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})


def _final(error: aiosmtplib.SMTPException) -> bool:
    """Say whether the server refused this mail for good; a refused log-in is mended by the clinic, so it is retried."""
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return all(_final(refused) for refused in error.recipients)
    permanent = isinstance(error, aiosmtplib.SMTPResponseException) and 500 <= error.code < 600
    return permanent and not isinstance(error, aiosmtplib.SMTPAuthenticationError)


_IN_WORDS: tuple[tuple[type[aiosmtplib.SMTPException], str], ...] = (
    (aiosmtplib.SMTPRecipientsRefused, "it takes no mail for this address"),
    (aiosmtplib.SMTPSenderRefused, "it takes no mail from us"),
    (aiosmtplib.SMTPAuthenticationError, "our name or password for it is wrong"),
)
"""What the front desk can do something about, in its own words."""


def _said(error: aiosmtplib.SMTPException) -> str:
    for kind, words in _IN_WORDS:
        if isinstance(error, kind):
            return words
    code = getattr(error, "code", None)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


_t = notification_table.c
_COLUMNS = tuple(column for column in notification_table.columns if column.name != "lease")
_BY_KEY = sa.select(_t.id).where(_t.event_key == sa.bindparam("key"))


def _insert_once(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return sa.insert(notification_table)  # one writer: nobody came in since we looked
    return sqlalchemy.dialects.postgresql.insert(notification_table).on_conflict_do_nothing()


def _pause_after(tries: int) -> float:
    """Double the pause with every try, with jitter: a receiver that comes back is not met by all at once."""
    pause: float = min(FIRST_PAUSE_SECONDS * 2 ** (tries - 1), LONGEST_PAUSE_SECONDS)
    return pause * random.uniform(0.75, 1.25)


def _notification(row: Sequence[Any]) -> Notification:
    return Notification(*row)
