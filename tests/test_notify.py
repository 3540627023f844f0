"""The outbox: what must be told is told once, however the receiver and the worker behave."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import standardwebhooks
from aiohttp import web
from aiosmtpd.controller import Controller
from patience import PATIENCE_SECONDS, until_then
from store_tools import Clock, at_once

from bot import notify
from bot.bell import Bell
from bot.desk import Desk
from bot.errors import Conflict, NotFound
from bot.notify import (
    MAX_TRIES,
    ChatNotifier,
    EmailNotifier,
    Notification,
    NotificationRule,
    NotifyError,
    Outbox,
    WebhookNotifier,
    notification_table,
)
from bot.store import Store, utc_now

pytest_plugins = ("fixtures_store",)

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ROOT = Path(notify.__file__).resolve().parent.parent
LEASE = timedelta(seconds=notify.LEASE_SECONDS + 1)


class Notifier:
    """A medium that does as it is told."""

    medium = "email"

    def __init__(self) -> None:
        self.tries: list[str] = []
        self.fault: Exception | None = None

    async def deliver(self, notification: Notification) -> None:
        self.tries.append(notification.event_key)
        await asyncio.sleep(0.01)
        if self.fault:
            raise self.fault


@pytest.fixture
def notifier() -> Notifier:
    return Notifier()


@pytest.fixture
def outbox(store: Store, notifier: Notifier, clock: Clock) -> Outbox:
    return Outbox(store, [notifier], Bell(), clock=clock)


def enqueue(outbox: Outbox, key: str = "e1", medium: str = "email", address: str = "desk@clinic.example") -> bool:
    with outbox._store.transaction() as connection:
        return outbox.enqueue(
            connection,
            event_key=key,
            medium=medium,
            address=address,
            subject="A visitor needs a person now",
            body="A visitor needs a person now. Open https://desk.example/staff/handoffs/h_1",
            link="https://desk.example/staff/handoffs/h_1",
        )


def states(outbox: Outbox) -> list[str]:
    return [notification.state for notification in outbox._select(sa.true())]


def only(outbox: Outbox) -> Notification:
    (notification,) = outbox._select(sa.true())
    return notification


# The rows


def test_one_event_is_one_row(outbox: Outbox) -> None:
    results = at_once(10, lambda _: enqueue(outbox))
    assert sorted(map(str, results)) == ["False"] * 9 + ["True"]
    assert states(outbox) == ["waiting"]


def test_an_undone_transaction_tells_nobody(outbox: Outbox) -> None:
    with pytest.raises(KeyError), outbox._store.transaction() as connection:
        outbox.enqueue(connection, event_key="e1", medium="email", address="a@b.example", subject="s", body="b", link="l")
        raise KeyError
    assert outbox.waiting() == ()


async def test_what_was_delivered_is_done(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    enqueue(outbox)
    assert await outbox.deliver_due() == 1
    assert await outbox.deliver_due() == 0
    delivered = only(outbox)
    assert (delivered.state, delivered.tries, delivered.delivered_at) == ("delivered", 1, clock())
    assert not enqueue(outbox)
    assert notifier.tries == ["e1"]


async def test_a_failing_receiver_is_tried_again_with_growing_pauses(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    enqueue(outbox)
    notifier.fault = NotifyError("the receiver answered 503", retry=True)
    pauses = []
    for _ in range(MAX_TRIES - 1):
        assert await outbox.deliver_due() == 1
        waiting = only(outbox)
        assert (waiting.state, waiting.last_error) == ("waiting", "the receiver answered 503")
        pauses.append((waiting.next_try_at - clock()).total_seconds())
        assert await outbox.deliver_due() == 0
        clock.now = waiting.next_try_at
    expected = [5 * 2**number for number in range(MAX_TRIES - 1)]
    assert all(0.75 * want <= pause <= 1.25 * want for pause, want in zip(pauses, expected, strict=True))


async def test_after_eight_tries_it_is_dead_and_stays_visible(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    enqueue(outbox)
    notifier.fault = NotifyError("the receiver answered 503", retry=True)
    for _ in range(20):
        await outbox.deliver_due()
        clock.advance(hours=1)
    assert len(notifier.tries) == MAX_TRIES
    (dead,) = outbox.dead()
    assert (dead.tries, dead.last_error) == (8, "the receiver answered 503")
    assert outbox.waiting() == ()


async def test_the_dead_can_be_tried_again_by_hand(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    enqueue(outbox)
    with pytest.raises(Conflict):
        outbox.retry(only(outbox).id)
    notifier.fault = NotifyError("no such mailbox", retry=False)
    await outbox.deliver_due()
    (dead,) = outbox.dead()
    assert dead.tries == 1, "what cannot help is not repeated"
    notifier.fault = None
    assert outbox.retry(dead.id).state == "waiting"
    await outbox.deliver_due()
    assert states(outbox) == ["delivered"]
    with pytest.raises(NotFound):
        outbox.retry("n_none")


async def test_a_medium_nobody_set_up_is_dead_at_once(outbox: Outbox) -> None:
    enqueue(outbox, medium="pigeon")
    await outbox.deliver_due()
    (dead,) = outbox.dead()
    assert dead.last_error == "no notifier for pigeon is set up"


async def test_a_stumbling_notifier_stops_nobody_else(store: Store, notifier: Notifier, clock: Clock) -> None:
    class Broken(Notifier):
        medium = "chat"

    broken = Broken()
    broken.fault = ZeroDivisionError()
    outbox = Outbox(store, [notifier, broken], clock=clock)
    enqueue(outbox, "e1", "chat")
    enqueue(outbox, "e2")
    await outbox.deliver_due()
    assert {one.event_key: one.state for one in outbox._select(sa.true())} == {"e1": "waiting", "e2": "delivered"}


async def test_what_was_acknowledged_meanwhile_is_not_tried_again(store: Store, notifier: Notifier, clock: Clock) -> None:
    outbox = Outbox(store, [notifier], clock=clock)
    desk = Desk(store, outbox, rules=[NotificationRule("email", "a@b.example")], clock=clock)
    handoff = desk.open(desk.create_visitor("website").id, 1, "urgent", "symptom")
    leased = outbox._lease()
    desk.acknowledge(handoff.id, "m_anna")
    notifier.fault = NotifyError("busy", retry=True)
    await asyncio.gather(*(outbox._deliver(*one) for one in leased))
    assert states(outbox) == ["cancelled"]
    clock.advance(hours=1)
    assert await outbox.deliver_due() == 0


# Workers


async def test_workers_at_once_deliver_each_row_once(store_url: str, notifier: Notifier, clock: Clock) -> None:
    stores = [Store(store_url) for _ in range(4)]
    outboxes = [Outbox(store, [notifier], Bell(), clock=clock) for store in stores]
    for number in range(40):
        enqueue(outboxes[0], f"e{number}")
    while any(await asyncio.gather(*(outbox.deliver_due() for outbox in outboxes))):
        pass
    assert sorted(notifier.tries) == sorted(f"e{number}" for number in range(40))
    assert set(states(outboxes[0])) == {"delivered"}
    for store in stores:
        store.close()


async def test_a_row_whose_worker_is_gone_is_delivered_after_its_lease(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    enqueue(outbox)
    assert len(outbox._lease()) == 1  # and the worker is gone
    assert await outbox.deliver_due() == 0
    clock.now += LEASE
    assert await outbox.deliver_due() == 1
    assert (only(outbox).state, only(outbox).tries) == ("delivered", 2)


async def test_a_row_that_kills_its_workers_is_dead_in_the_end(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    enqueue(outbox)
    for _ in range(MAX_TRIES):
        assert len(outbox._lease()) == 1
        clock.now += LEASE
    await outbox.deliver_due()
    assert len(outbox.dead()) == 1
    assert notifier.tries == []


async def test_a_worker_that_comes_back_late_does_not_undo_the_delivery(store: Store, notifier: Notifier, clock: Clock) -> None:
    hooked: list[str] = []
    outbox = Outbox(store, [notifier], on_delivered=lambda _, one: hooked.append(one.id), clock=clock)
    enqueue(outbox)
    ((notification, lease),) = outbox._lease()
    clock.now += LEASE
    await outbox.deliver_due()
    outbox._failed(notification, lease, "late", True)
    assert only(outbox).state == "delivered"
    outbox._delivered(notification)  # it had arrived from here as well
    assert hooked == [notification.id]


async def test_the_worker_wakes_for_a_new_row_and_stops_when_told(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 3600.0)  # it would not find the row by looking
    stop = asyncio.Event()
    worker = asyncio.create_task(outbox.work(stop))
    await asyncio.sleep(0.2)
    await outbox._store.run(enqueue, outbox)
    await until_then(lambda: not outbox.waiting())
    stop.set()
    await asyncio.wait_for(worker, PATIENCE_SECONDS)


async def test_the_worker_outlives_a_database_that_is_away(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, sqlite_url: str
) -> None:
    monkeypatch.setattr(notify, "POLL_SECONDS", 0.02)
    whole = outbox._store
    away = Store("sqlite:////nowhere/at/all.db")
    outbox._store = away
    stop = asyncio.Event()
    worker = asyncio.create_task(outbox.work(stop))
    await asyncio.sleep(0.2)
    outbox._store = whole
    enqueue(outbox)
    await until_then(lambda: not outbox.waiting())
    assert states(outbox) == ["delivered"]
    stop.set()
    await asyncio.wait_for(worker, PATIENCE_SECONDS)
    away.close()


# Told, and tested


async def test_only_a_delivery_or_an_acknowledgement_means_told(store: Store, notifier: Notifier, clock: Clock) -> None:
    outbox = Outbox(store, [notifier], clock=clock)
    desk = Desk(store, outbox, rules=[NotificationRule("email", "a@b.example")], clock=clock)
    visitor = desk.create_visitor("website").id
    handoff = desk.open(visitor, 1, "urgent", "symptom")
    notifier.fault = NotifyError("busy", retry=True)
    await outbox.deliver_due()
    assert not desk.standing(visitor).told
    notifier.fault = None
    clock.advance(minutes=1)
    await outbox.deliver_due()
    assert desk.standing(visitor).told
    assert outbox.of_handoff(handoff.id)[0].state == "delivered"


async def test_a_delivery_of_the_last_alarm_does_not_count_for_this_one(store: Store, notifier: Notifier, clock: Clock) -> None:
    outbox = Outbox(store, [notifier], clock=clock)
    rules = [
        NotificationRule("email", "a@b.example", ("urgent",)),
        NotificationRule("email", "b@b.example", ("routine",)),
    ]
    desk = Desk(store, outbox, rules=rules, clock=clock)
    visitor = desk.create_visitor("website").id
    desk.open(visitor, 1, "routine", "asked")
    leased = outbox._lease()
    desk.open(visitor, 2, "urgent", "symptom")
    await asyncio.gather(*(outbox._deliver(*one) for one in leased))
    assert not desk.standing(visitor).told
    await outbox.deliver_due()
    assert desk.standing(visitor).told


def test_delivering_and_acknowledging_at_once_do_not_wait_for_each_other_forever(store: Store, clock: Clock) -> None:
    outbox = Outbox(store, [], clock=clock)
    desk = Desk(store, outbox, rules=[NotificationRule("email", "a@b.example")], clock=clock)

    def one_round() -> None:
        handoff = desk.open(desk.create_visitor("website").id, 1, "urgent", "symptom")
        (notification,) = outbox.of_handoff(handoff.id)
        acts = (lambda: outbox._delivered(notification), lambda: desk.acknowledge(handoff.id, "m_anna"))
        results = at_once(4, lambda number: acts[number % 2]())
        assert not [result for result in results if isinstance(result, Exception)]

    for _ in range(15):
        one_round()


async def test_a_self_test_goes_every_way_once(outbox: Outbox, notifier: Notifier, clock: Clock) -> None:
    rules = [
        NotificationRule("email", "desk@clinic.example"),
        NotificationRule("email", "desk@clinic.example", ("routine",), after_minutes=5),
        NotificationRule("email", "owner@clinic.example"),
    ]
    first = outbox.self_test(rules, "https://desk.example/staff/")
    clock.advance(days=1)
    second = outbox.self_test(rules, "https://desk.example/staff/")
    await outbox.deliver_due()
    tested = outbox.tested()
    assert {one.event_key for one in tested} == {*first, *second}
    assert {one.event_key for one in tested[:2]} == set(second), "newest first"
    assert {one.state for one in tested} == {"delivered"}
    assert "test" in tested[0].subject.lower()
    assert len(first) == 2


# Real receivers


class Receiver:
    """A web server that keeps what it is sent, and de-duplicates on the idempotency key."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], str]] = []
        self.answers: list[int] = []
        self.wait_seconds: list[float] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append((headers, await request.text()))
        if self.wait_seconds:
            await asyncio.sleep(self.wait_seconds.pop(0))
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status, headers={"location": f"{self.url}/elsewhere"} if status == 302 else {})

    @property
    def events(self) -> set[str]:
        return {headers.get("webhook-id") or headers["idempotency-key"] for headers, _ in self.requests}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/{tail:.*}", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def posting(sqlite_url: str, clock: Clock) -> Iterator[Outbox]:
    store = Store(sqlite_url)
    yield Outbox(store, [WebhookNotifier(SECRET), ChatNotifier()], clock=clock)
    store.close()


async def test_a_webhook_is_signed_as_the_standard_says(posting: Outbox, receiver: Receiver) -> None:
    enqueue(posting, medium="webhook", address=f"{receiver.url}/hook")
    await posting.deliver_due()
    ((headers, body),) = receiver.requests
    said = standardwebhooks.Webhook(SECRET).verify(body, headers)
    assert said["type"] == "frontdesk.person_needed"
    assert set(said["data"]) == {"text", "link"}
    assert headers["webhook-id"] == "e1"
    with pytest.raises(standardwebhooks.webhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRET).verify(body.replace("person", "nobody"), headers)


async def test_a_chat_room_gets_one_line(posting: Outbox, receiver: Receiver) -> None:
    enqueue(posting, medium="chat", address=receiver.url)
    await posting.deliver_due()
    ((headers, body),) = receiver.requests
    assert json.loads(body) == {"text": "A visitor needs a person now. Open https://desk.example/staff/handoffs/h_1"}
    assert headers["idempotency-key"] == "e1"


async def test_a_receiver_that_fails_and_then_works_sees_one_event(posting: Outbox, receiver: Receiver, clock: Clock) -> None:
    receiver.answers = [500, 503, 429, 408]
    enqueue(posting, medium="webhook", address=receiver.url)
    for _ in range(6):
        await posting.deliver_due()
        clock.advance(hours=1)
    assert len(receiver.requests) == 5
    assert receiver.events == {"e1"}
    assert states(posting) == ["delivered"]


async def test_a_receiver_that_answers_too_late_sees_one_event(
    posting: Outbox, receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hurried:
        hurried.setattr(notify, "DELIVERY_TIMEOUT_SECONDS", 0.4)
        receiver.wait_seconds = [0.6]
        enqueue(posting, medium="webhook", address=receiver.url)
        await posting.deliver_due()
    assert "cannot be reached" in str(only(posting).last_error)
    await asyncio.sleep(0.5)  # now it has answered, and nobody listens
    clock.advance(hours=1)
    await posting.deliver_due()
    await posting.deliver_due()
    assert receiver.events == {"e1"}
    assert states(posting) == ["delivered"]


@pytest.mark.parametrize("status", [302, 400, 404, 410])
async def test_a_receiver_that_will_never_take_it_is_dead_at_once(posting: Outbox, receiver: Receiver, status: int) -> None:
    receiver.answers = [status]
    enqueue(posting, medium="webhook", address=receiver.url)
    await posting.deliver_due()
    assert len(receiver.requests) == 1
    assert only(posting).last_error == f"the receiver answered {status}"
    assert states(posting) == ["dead"]


@pytest.mark.parametrize(("address", "state"), [("http://127.0.0.1:1/", "waiting"), ("no address", "dead")])
async def test_an_address_nobody_answers_at(posting: Outbox, address: str, state: str) -> None:
    enqueue(posting, medium="webhook", address=address)
    await posting.deliver_due()
    assert states(posting) == [state]


async def test_a_worker_killed_in_mid_delivery_leaves_one_event(receiver: Receiver, store_url: str) -> None:
    store = Store(store_url)
    later = Outbox(store, [WebhookNotifier(SECRET)], clock=lambda: utc_now() + LEASE)
    sooner = Outbox(store, [])
    enqueue(sooner, medium="webhook", address=receiver.url)
    receiver.wait_seconds = [30]
    program = (
        f"import sys, asyncio; sys.path.insert(0, {str(ROOT)!r})\n"
        "from bot.store import Store; from bot.notify import *\n"
        f"outbox = Outbox(Store({store_url!r}), [WebhookNotifier({SECRET!r})])\n"
        "asyncio.run(outbox.work(asyncio.Event()))"
    )
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    await until_then(lambda: receiver.requests)
    worker.send_signal(signal.SIGKILL)
    await worker.wait()
    assert only(sooner).state == "sending"
    assert await sooner.deliver_due() == 0, "nobody touches a row that is leased"
    assert await later.deliver_due() == 1
    assert len(receiver.requests) == 2
    assert receiver.events == {"e1"}
    assert states(sooner) == ["delivered"]
    assert await later.deliver_due() == 0
    store.close()


class Mailbox:
    """What a mail server does with its mail."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.answers: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content))
        return self.answers.pop(0) if self.answers else "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("nobody"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield mailbox, f"smtp://127.0.0.1:{port}"
    controller.stop()


@pytest.fixture
def mailing(sqlite_url: str, clock: Clock, mailbox: tuple[Mailbox, str]) -> Iterator[Outbox]:
    store = Store(sqlite_url)
    yield Outbox(store, [EmailNotifier(mailbox[1], "Front desk <frontdesk@clinic.example>")], clock=clock)
    store.close()


async def test_a_mail_arrives_and_says_nothing_of_health(mailing: Outbox, mailbox: tuple[Mailbox, str], clock: Clock) -> None:
    enqueue(mailing)
    await mailing.deliver_due()
    assert states(mailing) == ["delivered"]
    (mail,) = mailbox[0].mails
    assert (mail["To"], mail["From"]) == ("desk@clinic.example", "Front desk <frontdesk@clinic.example>")
    assert mail["Subject"] == "A visitor needs a person now"
    assert mail["Message-ID"] == "<e1@clinic.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    body = "A visitor needs a person now. Open https://desk.example/staff/handoffs/h_1"
    assert str(mail.get_payload()).strip() == body


async def test_a_mail_server_that_asks_to_come_back_gets_the_same_mail(
    mailing: Outbox, mailbox: tuple[Mailbox, str], clock: Clock
) -> None:
    mailbox[0].answers = ["451 try again later", "421 busy"]
    enqueue(mailing)
    for _ in range(4):
        await mailing.deliver_due()
        clock.advance(hours=1)
    assert states(mailing) == ["delivered"]
    assert {mail["Message-ID"] for mail in mailbox[0].mails} == {"<e1@clinic.example>"}
    assert len(mailbox[0].mails) == 3


@pytest.mark.parametrize("address", ["nobody@clinic.example", "a@b.example\r\nBcc: all@world.example"])
async def test_a_mailbox_that_does_not_exist_is_dead_at_once(mailing: Outbox, mailbox: tuple[Mailbox, str], address: str) -> None:
    enqueue(mailing, address=address)
    await mailing.deliver_due()
    assert states(mailing) == ["dead"]
    assert mailbox[0].mails == []


async def test_a_refused_address_is_said_in_plain_words(mailing: Outbox) -> None:
    enqueue(mailing, address="nobody@clinic.example")
    await mailing.deliver_due()
    assert only(mailing).last_error == "the mail server says: it takes no mail for this address"


async def test_a_mail_server_that_is_away_is_tried_again(sqlite_url: str, clock: Clock) -> None:
    store = Store(sqlite_url)
    outbox = Outbox(store, [EmailNotifier("smtp://127.0.0.1:1", "frontdesk@clinic.example")], clock=clock)
    enqueue(outbox)
    await outbox.deliver_due()
    assert states(outbox) == ["waiting"]
    store.close()


async def test_a_mail_server_that_hangs_up_after_taking_the_mail_is_not_sent_it_again(sqlite_url: str, clock: Clock) -> None:
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                taken.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 taken\r\n")
                await writer.drain()
                break
            writer.write(b"250 OK\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    store = Store(sqlite_url)
    outbox = Outbox(store, [EmailNotifier(f"smtp://127.0.0.1:{port}", "frontdesk@clinic.example")], clock=clock)
    enqueue(outbox)
    await outbox.deliver_due()
    assert states(outbox) == ["delivered"]
    assert len(taken) == 1
    server.close()
    store.close()


def test_a_rule_has_one_key_however_it_is_written() -> None:
    one = NotificationRule("email", "desk@clinic.example", ("urgent",), 5)
    assert one.key == NotificationRule("email", "desk@clinic.example", ("urgent", "emergency"), 5).key
    assert one.key != NotificationRule("email", "desk@clinic.example", ("urgent",), 6).key
    assert "clinic" not in one.key


def test_the_table_is_the_value() -> None:
    columns = [column.name for column in notification_table.columns if column.name != "lease"]
    assert columns == list(Notification.__dataclass_fields__)
    assert isinstance(utc_now(), datetime)
