"""The composition root: builds the parts, the dialogue and the door, and serves them.

Only this module and `bot/parts.py` construct. Rasa's own channels and HTTP API are not mounted.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sanic import Sanic

import actions.turn
import bot.nlg
from bot.check import ContentProblem, unsigned
from bot.errors import FrontDeskError, ModelError, SettingsError
from bot.frontdesk import FrontDesk
from bot.parts import Parts, build
from bot.settings import Settings
from bot.store import utc_now

logger = logging.getLogger(__name__)

PURGE_HOURS = 24


def build_frontdesk(parts: Parts, model: Path | None = None) -> FrontDesk:
    """Build the door; without a usable model it still receives, screens and hands off."""
    from bot.channels.limits import MessageLimits

    actions.turn.use(parts)
    bot.nlg.use(parts.answers)
    return FrontDesk(
        store=parts.store,
        safety=parts.safety,
        desk=parts.desk,
        answers=parts.answers,
        dialogue=build_dialogue(parts, model),
        limits=MessageLimits(parts.settings),
        timeout_seconds=parts.settings.rasa_timeout_seconds,
        lock=_shared_lock(parts.settings),
    )


def build_dialogue(parts: Parts, model: Path | None = None) -> Any:
    """Load Rasa; where the model is missing or broken, return a dialogue that says so at every message."""
    from bot.rasa_runtime.dialogue import RasaDialogue

    try:
        # Several processes must not each keep their own idea of a conversation in memory.
        live = 0 if parts.settings.redis_url else 2000
        return RasaDialogue(model or parts.settings.models_dir, parts.store, keep_live=live)
    except ModelError as error:
        logger.error("front desk: %s", error)
        return NoDialogue(error)


class NoDialogue:
    """Stands in while there is no usable model: every message becomes a handoff."""

    model = ""

    def __init__(self, error: ModelError) -> None:
        self._error = error

    def expect(self, text: str) -> None:
        """Nothing is understood."""

    async def opinion(self, text: str) -> None:
        """Return nothing: the red-flag list stands alone."""

    async def respond(self, *_: Any) -> Any:
        """Raise the reason; the door answers instead."""
        raise self._error

    def forget(self, visitor: str) -> None:
        """Nothing is kept."""

    def reset(self, visitor: str) -> Callable[[Any], None]:
        """Nothing is kept."""
        return lambda connection: None


def _shared_lock(settings: Settings) -> Callable[[str], Any] | None:
    """Return a lock across processes, where there are several (Redis); else None."""
    if not settings.redis_url:
        return None
    from redis import asyncio as redis

    client = redis.Redis.from_url(settings.redis_url)
    seconds = settings.rasa_timeout_seconds * 4
    return lambda visitor: client.lock(f"frontdesk:answering:{visitor}", timeout=seconds)


def create_app(settings: Settings, model: Path | None = None) -> Sanic:
    """Build the web application; raises a FrontDeskError where a part cannot be built."""
    from bot.channels.console import console
    from bot.channels.probes import probes
    from bot.channels.website import website

    parts = build(settings)
    frontdesk = build_frontdesk(parts, model)
    app = Sanic("frontdesk", configure_logging=False)
    app.config.FALLBACK_ERROR_FORMAT = "json"
    app.config.KEEP_ALIVE_TIMEOUT = 75
    app.config.RESPONSE_TIMEOUT = 120
    app.config.REQUEST_MAX_SIZE = 1_000_000
    app.config.ACCESS_LOG = False
    if settings.trusted_proxies:
        app.config.PROXIES_COUNT = settings.trusted_proxies
    app.ctx.parts, app.ctx.frontdesk = parts, frontdesk
    app.blueprint(website(frontdesk, parts.desk, parts.answers, parts.bell, settings))
    app.blueprint(console(parts))
    app.blueprint(probes(parts, frontdesk))
    app.register_listener(_start, "after_server_start")
    app.register_listener(_stop, "before_server_stop")
    return app


async def _start(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    parts: Parts = app.ctx.parts
    app.ctx.stop = asyncio.Event()
    await parts.bell.start()
    app.ctx.background = [
        asyncio.ensure_future(app.ctx.frontdesk.recover(app.ctx.stop)),
        asyncio.ensure_future(parts.outbox.work(app.ctx.stop)),
        asyncio.ensure_future(parts.answers.watch(app.ctx.stop)),
        asyncio.ensure_future(_nightly(parts, app.ctx.stop)),
    ]


async def _stop(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
    app.ctx.stop.set()
    await asyncio.wait(app.ctx.background, timeout=5)
    app.ctx.parts.store.close()


async def _nightly(parts: Parts, stop: asyncio.Event) -> None:
    """Purge what is older than the clinic keeps, and try the alarm path, once a day until stopped."""
    while not stop.is_set():
        for work in (_purge, _self_test):
            try:
                await parts.store.run(work, parts, utc_now())
            except FrontDeskError as error:
                logger.error("front desk: nightly work failed: %s", error)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stop.wait(), timedelta(hours=PURGE_HOURS).total_seconds())


def _purge(parts: Parts, now: datetime) -> None:
    parts.desk.purge(now, parts.settings.retention_days)


def _self_test(parts: Parts, now: datetime) -> None:
    tested = parts.outbox.tested(1)
    if not tested or now - tested[0].created_at > timedelta(hours=PURGE_HOURS - 1):  # not again at every restart
        parts.outbox.self_test(parts.desk.rules, f"{parts.settings.base_url}/staff")


def check_exposed(settings: Settings, sample: bool) -> tuple[ContentProblem, ...]:
    """Refuse to serve the sample clinic, or red flags nobody signed, to others than this machine; returns what is still unsigned.

    Raises SettingsError with what to do.
    """
    open_points = tuple(unsigned(settings.clinic_dir))
    if not settings.exposed:
        return open_points
    served = "HOST, PUBLIC_URL or TRUSTED_PROXIES: "
    if sample:
        raise SettingsError(
            f"{served}the sample clinic is served to this machine only. "
            "Put your clinic into clinic/ (or CLINIC_DIR) and remove `sample: true` first."
        )
    if open_points:
        raise SettingsError(f"{served}{open_points[0]}")
    return ()
