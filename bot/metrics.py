"""Metrics for Prometheus: what this process has done (counters), and how things stand in the database (gauges).

Labels are words of ours from short lists: routes, urgencies, states. Nothing that a visitor wrote, no id and no address
is in them, and no number tells of one visitor's health.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily

from bot.desk import Desk
from bot.gauges import Gauges
from bot.handoffs import RANK
from bot.notify import SelfTest

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

ROUTES = ("answer", "staff", "emergency", "decline")
HANDOFF_STATES = ("waiting", "claimed", "snoozed")
NOTIFICATION_STATES = ("waiting", "sending", "delivered", "dead", "cancelled")


class Metrics:
    """Counts what the desk keeps, and writes it down with the gauges."""

    def __init__(self, desk: Desk) -> None:
        # A registry of its own: two desks in one process (as in tests) count apart.
        self._registry = CollectorRegistry()
        self._messages = self._counter("messages", "Messages of visitors that were answered, by route", "route")
        self._opened = self._counter("handoffs_opened", "Handoffs opened, by urgency", "urgency")
        self._raised = self._counter("handoffs_raised", "Open handoffs raised by a graver sign, by urgency", "urgency")
        for route in ROUTES:
            self._messages.labels(route)
        for urgency in RANK:
            self._opened.labels(urgency)
            self._raised.labels(urgency)
        desk.on_settled.append(self._settled)
        desk.on_opened.append(self._asked)

    def text(self, model: str, found: Gauges | None, test: SelfTest | None, now: datetime) -> bytes:
        """Write everything in Prometheus' text format; `found` is None while the database cannot be read."""
        moment = CollectorRegistry()
        moment.register(_Once([_up(found), _model(model), *(_standing(found, test, now) if found else ())]))
        text: bytes = generate_latest(REGISTRY) + generate_latest(self._registry) + generate_latest(moment)
        return text

    def _counter(self, name: str, what: str, label: str) -> Counter:
        return Counter(f"frontdesk_{name}", f"{what}; since this process began", [label], registry=self._registry)

    def _settled(self, route: str | None) -> None:
        self._messages.labels(route if route in ROUTES else "other").inc()

    def _asked(self, what: str, urgency: str) -> None:
        (self._raised if what == "raised" else self._opened).labels(urgency).inc()


class _Once:
    """Hands out what was measured for one answer."""

    def __init__(self, families: Sequence[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return the families."""
        yield from self._families


def _up(found: Gauges | None) -> GaugeMetricFamily:
    return _single("store_up", "1 while the database can be read; without it the gauges below are missing", int(found is not None))


def _model(model: str) -> GaugeMetricFamily:
    return _labelled("model_info", "The served model; no name while there is none", ("model",), {(model,): int(bool(model))})


def _standing(found: Gauges, test: SelfTest | None, now: datetime) -> Iterator[GaugeMetricFamily]:
    handoffs = {(state, urgency): found.handoffs.get((state, urgency), 0) for state in HANDOFF_STATES for urgency in RANK}
    yield _labelled("handoffs_open", "Open handoffs, by state and urgency", ("state", "urgency"), handoffs)
    unseen = {(urgency,): found.unseen.get(urgency, 0) for urgency in RANK}
    yield _labelled("handoffs_unseen", "Open handoffs that nobody has acknowledged, by urgency", ("urgency",), unseen)
    emergencies = sum(number for (_, urgency), number in handoffs.items() if urgency == "emergency")
    yield _single("emergencies_open", "Emergencies that nobody has closed", emergencies)
    told = {(state, why): found.notifications.get((state, why), 0) for state in NOTIFICATION_STATES for why in ("alarm", "test")}
    yield _labelled("notifications", "Notifications kept, by state; dead ones were given up", ("state", "purpose"), told)
    age = (now - found.oldest_waiting_at).total_seconds() if found.oldest_waiting_at else 0.0
    yield _single("outbox_age_seconds", "Age of the oldest notification that is still to be delivered; 0 for none", max(age, 0.0))
    yield _single("messages_unanswered", "Messages of visitors that were accepted and are not answered yet", found.unanswered)
    if test is not None:
        yield _single("self_test_timestamp_seconds", "When the alarm path was last tested", test.at.timestamp())
        ways = {("delivered",): test.delivered, ("failed",): test.failed, ("waiting",): test.ways - test.delivered - test.failed}
        yield _labelled("self_test_ways", "Ways out of the last test of the alarm path, by what became of it", ("result",), ways)


def _single(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"frontdesk_{name}", what, value=value)


def _labelled(name: str, what: str, labels: Sequence[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"frontdesk_{name}", what, labels=labels)
    for words, value in values.items():
        family.add_metric(words, value)
    return family
