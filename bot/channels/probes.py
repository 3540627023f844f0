"""What machines ask the server: does it live (`/health`), can it answer (`/ready`), and how much of what (`/metrics`)."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.errors import StoreUnavailable
from bot.frontdesk import FrontDesk
from bot.gauges import gauges, undelivered
from bot.metrics import CONTENT_TYPE_LATEST, Metrics
from bot.parts import Parts
from bot.readiness import alarm_warnings
from bot.settings import Settings
from bot.store import utc_now

Handler = Callable[[Request], Awaitable[HTTPResponse]]

PASSED_ON = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers of a proxy: who sent the request is not who connects."""


def probes(parts: Parts, frontdesk: FrontDesk) -> Blueprint:
    """Build the blueprint."""
    blueprint = Blueprint("probes")
    blueprint.add_route(_health, "/health")
    blueprint.add_route(_ready(parts, frontdesk), "/ready")
    if parts.settings.metrics:
        blueprint.add_route(_metrics(parts, frontdesk, Metrics(parts.desk)), "/metrics")
    return blueprint


async def _health(request: Request) -> HTTPResponse:
    """Tell that the process answers."""
    return json({"status": "up"})


def _ready(parts: Parts, frontdesk: FrontDesk) -> Handler:
    async def ready(request: Request) -> HTTPResponse:
        """Tell in plain words whether visitors get answers and alarms get through."""
        can_store = await parts.store.run(parts.store.healthy)
        understands = bool(frontdesk.model)
        answers = can_store and understands
        body: dict[str, Any] = {
            "status": "ready" if answers else "not ready",
            "stores": can_store,
            "understands": understands,
            "warnings": await parts.store.read(_warnings, parts) if can_store else [],
        }
        return json(body, status=200 if answers else 503)

    return ready


def _warnings(parts: Parts) -> tuple[str, ...]:
    now = utc_now()
    try:
        lost, test = undelivered(parts.store, now), parts.outbox.last_test()
    except StoreUnavailable:
        return ()
    return alarm_warnings(parts.desk.rules, parts.outbox.media, test, lost, now)


def _metrics(parts: Parts, frontdesk: FrontDesk, counted: Metrics) -> Handler:
    def write() -> bytes:
        try:
            found, test = gauges(parts.store), parts.outbox.last_test()
        except StoreUnavailable:
            found, test = None, None
        return counted.text(frontdesk.model, found, test, utc_now())

    async def metrics(request: Request) -> HTTPResponse:
        """Serve numbers without any visitor's words, to this machine or to who has the token."""
        if not (_has_token(request, parts.settings) or _from_here(request, parts.settings)):
            return json({"status": "forbidden"}, status=403)
        return HTTPResponse(await parts.store.read(write), content_type=CONTENT_TYPE_LATEST)

    return metrics


def _has_token(request: Request, settings: Settings) -> bool:
    given = str(request.headers.get("authorization", ""))
    expected = f"Bearer {settings.metrics_token}"
    return bool(settings.metrics_token) and hmac.compare_digest(given.encode(), expected.encode())


def _from_here(request: Request, settings: Settings) -> bool:
    """Say whether the request was made on this machine: a proxy beside us connects from here for the whole world."""
    if any(name in request.headers for name in PASSED_ON):
        return False
    if settings.public_url and not settings.trusted_proxies:
        return False  # something stands in front that nobody told us of: it may add no header
    try:
        address = ipaddress.ip_address(str(request.ip).partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
