"""What machines ask: readiness with its warnings, and metrics that say how things stand and nothing about anybody."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import aiohttp
import pytest
from fixtures_server import ScriptedDialogue, free_port
from sanic import Sanic
from store_tools import Clock

from bot.channels.probes import probes
from bot.desk import Desk, Draft
from bot.errors import StoreUnavailable
from bot.frontdesk import FrontDesk, Incoming
from bot.gauges import gauges, undelivered
from bot.metrics import Metrics
from bot.notify import Notification, NotificationRule, NotifyError, Outbox, SelfTest
from bot.parts import Parts
from bot.readiness import STALE, alarm_warnings
from bot.store import Store

pytest_plugins = ("fixtures_store",)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)
EMERGENCIES = NotificationRule("chat", "http://127.0.0.1:9/room", ("emergency",))
PASSED = SelfTest(NOW, ways=1, delivered=1, failed=0)


# -- the alarm path ------------------------------------------------------------------------------------------------------


def test_an_alarm_path_that_was_tested_and_lost_nothing_gets_no_warning() -> None:
    assert alarm_warnings([EMERGENCIES], {"chat"}, PASSED, 0, NOW) == ()


def test_a_clinic_that_tells_nobody_is_warned() -> None:
    (warning,) = alarm_warnings([], {"chat"}, None, 0, NOW)
    assert "nobody is told" in warning


def test_mail_without_a_mail_server_is_warned_of() -> None:
    mail = NotificationRule("email", "desk@clinic.example", ("emergency",))
    nobody, medium = alarm_warnings([mail], {"chat"}, PASSED, 0, NOW)
    assert "nobody is told" in nobody
    assert "SMTP_URL" in medium


def test_rules_for_milder_handoffs_only_are_warned_of() -> None:
    routine = NotificationRule("chat", "http://127.0.0.1:9/room", ("routine",))
    assert "nobody is told of an emergency" in alarm_warnings([routine], {"chat"}, PASSED, 0, NOW)[0]


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (None, "has not been tested"),
        (SelfTest(NOW, ways=3, delivered=1, failed=2), "failed for 2 of 3 ways"),
        (SelfTest(NOW - STALE - timedelta(minutes=1), ways=1, delivered=1, failed=0), "2 days ago"),
    ],
)
def test_an_alarm_path_without_a_good_test_is_warned_of(test: SelfTest | None, said: str) -> None:
    (warning,) = alarm_warnings([EMERGENCIES], {"chat"}, test, 0, NOW)
    assert said in warning


def test_alarms_that_were_given_up_are_warned_of() -> None:
    assert alarm_warnings([EMERGENCIES], {"chat"}, PASSED, 3, NOW)[0].startswith("alarms that could not be delivered: 3")


# -- gauges, on both databases -------------------------------------------------------------------------------------------


class Deaf:
    """A medium that reaches nobody, or everybody."""

    medium = "chat"

    def __init__(self) -> None:
        self.reaches = False

    async def deliver(self, notification: Notification) -> None:
        if not self.reaches:
            raise NotifyError("nobody there", retry=False)


@pytest.fixture
def room() -> Deaf:
    return Deaf()


@pytest.fixture
def outbox(store: Store, room: Deaf, clock: Clock) -> Outbox:
    return Outbox(store, [room], clock=clock)


@pytest.fixture
def desk(store: Store, outbox: Outbox, clock: Clock) -> Desk:
    return Desk(store, outbox, None, [replace(EMERGENCIES, urgencies=("emergency", "urgent"))], clock=clock)


def hand_off(desk: Desk, urgency: str) -> str:
    visitor = desk.create_visitor("website", "").id
    message, _ = desk.accept(visitor, "m1", "my arm is numb")
    return desk.open(visitor, message.seq, urgency, "symptom").id


def test_open_handoffs_are_counted_by_state_and_urgency(desk: Desk, store: Store) -> None:
    emergency, _, routine = (hand_off(desk, urgency) for urgency in ("emergency", "urgent", "routine"))
    desk.claim(emergency, "m_ann")
    desk.close(routine, "m_ann", "done")
    found = gauges(store)
    assert found.handoffs == {("claimed", "emergency"): 1, ("waiting", "urgent"): 1}
    assert {urgency: number for urgency, number in found.unseen.items() if number} == {"urgent": 1}


def test_messages_that_are_not_answered_yet_are_counted(desk: Desk, store: Store) -> None:
    visitor = desk.create_visitor("website", "").id
    message, _ = desk.accept(visitor, "m1", "hello")
    desk.accept(visitor, "m2", "anybody?")
    desk.settle(visitor, message.seq, [Draft("Hello.")], "greet", "answer", 1.0)
    assert gauges(store).unanswered == 1


async def test_notifications_are_counted_by_state_and_tests_apart(desk: Desk, store: Store, outbox: Outbox, clock: Clock) -> None:
    hand_off(desk, "urgent")
    outbox.self_test(desk.rules, "http://localhost:8000/staff")
    before = gauges(store)
    assert before.notifications == {("waiting", "alarm"): 1, ("waiting", "test"): 1}
    assert before.oldest_waiting_at == clock.now
    await outbox.deliver_due()
    after = gauges(store)
    assert after.notifications == {("dead", "alarm"): 1, ("dead", "test"): 1}
    assert after.oldest_waiting_at is None


async def test_a_lost_alarm_matters_for_a_day_and_as_long_as_its_handoff_is_open(
    desk: Desk, store: Store, outbox: Outbox, clock: Clock
) -> None:
    handoff = hand_off(desk, "urgent")
    await outbox.deliver_due()
    assert undelivered(store, clock.advance(days=3)) == 1
    desk.close(handoff, "m_ann", "called")
    assert undelivered(store, clock.now) == 0
    assert undelivered(store, clock.now - timedelta(days=3)) == 1


async def test_a_lost_test_is_not_a_lost_alarm(desk: Desk, store: Store, outbox: Outbox, clock: Clock) -> None:
    outbox.self_test(desk.rules, "http://localhost:8000/staff")
    await outbox.deliver_due()
    assert undelivered(store, clock.now) == 0


async def test_the_latest_test_is_the_one_that_counts(desk: Desk, outbox: Outbox, room: Deaf, clock: Clock) -> None:
    assert outbox.last_test() is None
    outbox.self_test(desk.rules, "http://localhost:8000/staff")
    await outbox.deliver_due()
    assert outbox.last_test() == SelfTest(clock.now, ways=1, delivered=0, failed=1)
    room.reaches = True
    clock.advance(hours=1)
    outbox.self_test(desk.rules, "http://localhost:8000/staff")
    await outbox.deliver_due()
    assert outbox.last_test() == SelfTest(clock.now, ways=1, delivered=1, failed=0)


def test_answered_messages_and_opened_handoffs_are_counted_once_and_only_if_kept(desk: Desk, store: Store) -> None:
    metrics = Metrics(desk)
    visitor = desk.create_visitor("website", "").id
    message, _ = desk.accept(visitor, "m1", "hello")
    for _ in range(2):
        desk.settle(visitor, message.seq, [Draft("Hello.")], "greet", "answer", 1.0)
        desk.open(visitor, message.seq, "urgent", "symptom")
    desk.open(visitor, message.seq, "emergency", "symptom")
    with pytest.raises(RuntimeError):
        unkept(desk)
    text = metrics.text("", None, None, NOW).decode()
    assert 'frontdesk_messages_total{route="answer"} 1.0' in text
    assert 'frontdesk_handoffs_opened_total{urgency="urgent"} 1.0' in text
    assert 'frontdesk_handoffs_opened_total{urgency="emergency"} 0.0' in text
    assert 'frontdesk_handoffs_raised_total{urgency="emergency"} 1.0' in text


def unkept(desk: Desk) -> None:
    """Answer a message in a transaction that is undone."""

    def fail(connection: Any) -> None:
        raise RuntimeError("undone")

    visitor = desk.create_visitor("website", "").id
    message, _ = desk.accept(visitor, "m1", "hello")
    desk.settle(visitor, message.seq, [Draft("Hello.")], "greet", "answer", 1.0, within=fail)


# -- what is served ------------------------------------------------------------------------------------------------------


Get = Callable[..., Any]


@asynccontextmanager
async def asking(parts: Parts, **changes: Any) -> AsyncIterator[tuple[Get, FrontDesk]]:
    """Serve the probes on loopback; `changes` are settings. Gives what gets a path, and the front desk."""
    parts = replace(parts, settings=replace(parts.settings, **changes))
    dialogue: Any = ScriptedDialogue(parts)
    frontdesk = FrontDesk(store=parts.store, safety=parts.safety, desk=parts.desk, answers=parts.answers, dialogue=dialogue)
    Sanic.test_mode = True  # Sanic rewrites its own methods for each app, and only so more than once
    app, port = Sanic(f"probes-{free_port()}", configure_logging=False), free_port()
    if parts.settings.trusted_proxies:
        app.config.PROXIES_COUNT = parts.settings.trusted_proxies
    app.blueprint(probes(parts, frontdesk))
    server = await app.create_server(host="127.0.0.1", port=port, return_asyncio_server=True)
    await server.startup()
    await server.start_serving()

    async def get(path: str, **headers: str) -> tuple[int, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}", headers=named) as answer:
            return answer.status, await answer.text()

    try:
        yield get, frontdesk
    finally:
        server.close()
        await server.wait_closed()


async def test_metrics_say_how_things_stand(parts: Parts) -> None:
    async with asking(parts) as (get, frontdesk):
        visitor = parts.desk.create_visitor("website", "").id
        await frontdesk.converse(Incoming(visitor, "m1", "i have chest pain and i cannot breathe", {}))
        await frontdesk.converse(Incoming(parts.desk.create_visitor("website", "").id, "m1", "what does it cost", {}))
        status, text = await get("/metrics")
    assert status == 200
    for line in (
        'frontdesk_messages_total{route="emergency"} 1.0',
        'frontdesk_messages_total{route="answer"} 1.0',
        'frontdesk_handoffs_opened_total{urgency="emergency"} 1.0',
        'frontdesk_handoffs_open{state="waiting",urgency="emergency"} 1.0',
        'frontdesk_handoffs_unseen{urgency="emergency"} 1.0',
        "frontdesk_emergencies_open 1.0",
        'frontdesk_notifications{purpose="alarm",state="waiting"} 1.0',
        'frontdesk_notifications{purpose="alarm",state="dead"} 0.0',
        'frontdesk_model_info{model="scripted"} 1.0',
        "frontdesk_store_up 1.0",
        "frontdesk_messages_unanswered 0.0",
    ):
        assert line in text.splitlines(), f"{line} in {text}"
    assert re.search(r"frontdesk_outbox_age_seconds \d", text)
    assert "process_resident_memory_bytes" in text


async def test_metrics_tell_nothing_about_anybody(parts: Parts) -> None:
    async with asking(parts) as (get, frontdesk):
        visitor = parts.desk.create_visitor("website", "").id
        await frontdesk.converse(Incoming(visitor, "m1", "since the needling i have chest pain and i cannot breathe", {}))
        _, text = await get("/metrics")
    (handoff,) = parts.desk.handoffs()
    for secret in (visitor, handoff.id, "chest", "breath", str(handoff.symptom), *(rule.address for rule in parts.desk.rules)):
        assert secret not in text.replace("urgency", "")
    labels = set(re.findall(r"frontdesk_\w+{([^}]*)}", text))
    assert {name for label in labels for name in re.findall(r'(\w+)="', label)} == {
        *("route", "urgency", "state", "purpose", "model"),
    }


async def test_metrics_go_on_without_the_database(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> Any:
        raise StoreUnavailable("away")

    async with asking(parts) as (get, _):
        monkeypatch.setattr(parts.store, "reading", away)
        status, text = await get("/metrics")
    assert status == 200
    assert "frontdesk_store_up 0.0" in text
    assert "frontdesk_emergencies_open" not in text


PROXIED = [
    {"X_Forwarded_For": "203.0.113.9"},
    {"X_Forwarded_For": "127.0.0.1"},
    {"X_Real_IP": "127.0.0.1"},
    {"Forwarded": "for=203.0.113.9"},
    {"X_Forwarded_Proto": "https"},
    {"Via": "1.1 proxy"},
]


@pytest.mark.parametrize("headers", PROXIED, ids=lambda headers: " ".join(f"{k} {v}" for k, v in headers.items()))
@pytest.mark.parametrize("trusted", [0, 1])
async def test_what_a_proxy_on_this_machine_passes_on_is_not_from_this_machine(
    parts: Parts, headers: dict[str, str], trusted: int
) -> None:
    async with asking(parts, trusted_proxies=trusted) as (get, _):
        assert (await get("/metrics", **headers))[0] == 403
        assert (await get("/metrics"))[0] == 200


async def test_behind_something_nobody_told_us_of_metrics_need_the_token(parts: Parts) -> None:
    async with asking(parts, public_url="https://chat.clinic.example", metrics_token="a token") as (get, _):
        assert (await get("/metrics"))[0] == 403
        assert (await get("/metrics", Authorization="Bearer a token"))[0] == 200


@pytest.mark.parametrize(
    ("token", "given"), [("a token", "Bearer wrong"), ("a token", "a token"), ("a token", ""), ("", "Bearer ")]
)
async def test_a_wrong_token_opens_nothing(parts: Parts, token: str, given: str) -> None:
    async with asking(parts, metrics_token=token) as (get, _):
        assert (await get("/metrics", Authorization=given, X_Forwarded_For="203.0.113.9"))[0] == 403


async def test_metrics_can_be_switched_off(parts: Parts) -> None:
    async with asking(parts, metrics=False) as (get, _):
        assert (await get("/metrics"))[0] == 404


async def test_ready_warns_of_the_alarm_path_and_stays_ready(parts: Parts) -> None:
    async with asking(parts) as (get, _):
        status, text = await get("/ready")
    assert status == 200
    assert '"status":"ready"' in text
    assert "SMTP_URL is not set" in text


async def test_only_what_stops_answers_makes_it_not_ready(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    async with asking(parts) as (get, _):
        monkeypatch.setattr(ScriptedDialogue, "model", "")
        assert (await get("/ready"))[0] == 503
        monkeypatch.undo()
        monkeypatch.setattr(parts.store, "healthy", lambda: False)
        status, text = await get("/ready")
    assert (status, '"stores":false' in text) == (503, True)
