"""A website server for tests: the real door, store, desk, answers and red-flag list; only Rasa is played by a few rules.

Runs as its own process (`python tests/fixtures_server.py`), so that it can be killed and started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from patience import PATIENCE_SECONDS

from bot.content import read_yaml

ROOT = Path(__file__).resolve().parent.parent

START_SECONDS = 180

SCRIPTED = (sys.executable, __file__)
"""Starts the server of this file."""

WHOLE = (sys.executable, "-m", "bot", "serve")
"""Starts the whole assistant, Rasa and all."""


@dataclass
class Server:
    """One server process and where it keeps things."""

    folder: Path
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    command: tuple[str, ...] = SCRIPTED
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Return the address it answers at."""
        return f"http://127.0.0.1:{self.port}"

    def launch(self) -> None:
        """Start it."""
        places = {"VAR_DIR": str(self.folder / "var"), "CLINIC_DIR": str(self.folder / "clinic")}
        known = {"HOST": "127.0.0.1", "PORT": str(self.port), "SECRET_KEYS": "test-key", **places}
        environment = {**os.environ, **known, **self.environment}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                self.command, env={**environment, "PYTHONPATH": str(ROOT)}, stdout=log, stderr=log, cwd=ROOT
            )

    def start(self) -> Server:
        """Start it and wait until it answers."""
        self.launch()
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=PATIENCE_SECONDS):  # noqa: S310
                return self
            time.sleep(0.1)
        raise RuntimeError(self.log()[-4000:])

    def kill(self) -> None:
        """Kill it without warning."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to stop."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_SECONDS)
        self.process = None

    def log(self) -> str:
        """Return what it has logged."""
        return (self.folder / "server.log").read_text()


def prepare(
    folder: Path, website: Mapping[str, Any] | None = None, command: tuple[str, ...] = SCRIPTED, **environment: str
) -> Server:
    """Copy the sample clinic into a folder, change its `website:` block, and return a server that is not started."""
    shutil.copytree(ROOT / "clinic", folder / "clinic")
    file = folder / "clinic" / "clinic.yml"
    clinic, _ = read_yaml(file)
    clinic["website"] = {**clinic.get("website", {}), **(website or {})}
    file.write_text(yaml.safe_dump(clinic, sort_keys=False, allow_unicode=True), "utf-8")
    return Server(folder, free_port(), environment, command)


def free_port() -> int:
    """Return a port nobody listens on, below those the system gives to callers.

    One of those may be taken by any connection that is opened while the server is away, even by a caller's own to it.
    """
    for port in random.sample(range(20_000, 32_000), 50):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise RuntimeError("no free port")


@contextlib.contextmanager
def running(
    folder: Path, website: Mapping[str, Any] | None = None, command: tuple[str, ...] = SCRIPTED, **environment: str
) -> Iterator[Server]:
    """Run a server for a while."""
    server = prepare(folder, website, command, **environment)
    try:
        yield server.start()
    finally:
        server.stop()


# -- what runs in the process ------------------------------------------------------------------------------------------

TOPICS = {"cost": "cost", "price": "cost", "hours": "clinic_hours", "hurt": "does_it_hurt", "what is": "what_is_dry_needling"}


class ScriptedDialogue:
    """Answers by a few words: `slow` takes its time, `break` fails, `person` asks for staff."""

    model = "scripted"

    def __init__(self, parts: Any) -> None:
        self._parts = parts

    def expect(self, text: str) -> None:
        pass

    async def opinion(self, text: str) -> None:
        return None

    async def respond(self, message: Any, assessment: Any, site: str | None) -> Any:
        """Answer one message."""
        from bot.desk import Draft
        from bot.frontdesk import Response
        from bot.safety import Level

        text, intent = message.text.lower(), str(message.payload.get("intent") or "")
        if "slow" in text:
            await asyncio.sleep(1.5)
        if "break" in text:
            raise RuntimeError("scripted")
        if intent == "talk_to_human" or "person" in text or assessment.level >= Level.ROUTINE:
            return await self._parts.store.run(self._hand_off, message)
        topic = intent.removeprefix("ask_") if intent else next((t for word, t in TOPICS.items() if word in text), "")
        if not topic:
            return Response((Draft(f"Heard: {message.text}", {}, "small_talk", "decline", 0.5),), None, "decline", 0.5)
        answer = self._parts.answers.find(topic, message.text, site=site)
        buttons = [{"title": one.title, "intent": f"ask_{one.topic}"} for one in answer.follow_ups]
        payload = {"buttons": buttons} if buttons else {}
        return Response((Draft(answer.text, payload, topic, "answer", 0.9),), topic, "answer", 0.9)

    def _hand_off(self, message: Any) -> Any:
        from bot.desk import Draft
        from bot.frontdesk import Response

        desk, answers = self._parts.desk, self._parts.answers
        desk.open(message.visitor, message.seq, urgency="routine", reason="asked", kind="staff", visitor_text=message.text)
        text = answers.fixed("asked", answers.handoff_line("kept"))
        draft = Draft(text, {"offer": "callback"}, "talk_to_human", "staff", 1.0)
        return Response((draft,), "talk_to_human", "staff", 1.0, handed_off=True)

    def forget(self, visitor: str) -> None:
        """Nothing is kept."""

    def reset(self, visitor: str) -> Callable[[Any], None]:
        """Nothing is kept."""
        return lambda connection: None


def scripted() -> tuple[Any, Any]:
    """Return a server of the website with its parts; whoever serves may add addresses, and work to do beside (`app.ctx.work`)."""
    import logging

    from sanic import Sanic
    from sanic.response import json as json_response

    from bot.channels.limits import MessageLimits
    from bot.channels.website import website
    from bot.frontdesk import FrontDesk
    from bot.parts import build
    from bot.settings import load_settings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    settings = load_settings()
    parts = build(settings)
    frontdesk = FrontDesk(
        store=parts.store,
        safety=parts.safety,
        desk=parts.desk,
        answers=parts.answers,
        dialogue=ScriptedDialogue(parts),
        limits=MessageLimits(settings),
        timeout_seconds=settings.rasa_timeout_seconds,
    )
    app = Sanic("scripted", configure_logging=False)
    app.config.KEEP_ALIVE_TIMEOUT, app.config.RESPONSE_TIMEOUT, app.config.REQUEST_MAX_SIZE = 75, 120, 1_000_000
    app.ctx.work = [frontdesk.recover]
    app.blueprint(website(frontdesk, parts.desk, parts.answers, parts.bell, settings))

    async def health(request: Any) -> Any:
        return json_response({"status": "up"})

    app.add_route(health, "/health")

    @app.listener("after_server_start")
    async def begin(app: Any, loop: Any) -> None:
        app.ctx.stop = asyncio.Event()
        app.ctx.background = [asyncio.ensure_future(work(app.ctx.stop)) for work in app.ctx.work]

    @app.listener("before_server_stop")
    async def end(app: Any, loop: Any) -> None:
        app.ctx.stop.set()

    return app, parts


def listen(app: Any, parts: Any) -> None:
    """Serve until stopped."""
    app.run(host=parts.settings.host, port=parts.settings.port, debug=False, access_log=False, motd=False)


def serve() -> None:
    """Serve the website, and let tests act as staff, until stopped."""
    from sanic.response import empty
    from sanic.response import json as json_response

    app, parts = scripted()

    async def staff(request: Any) -> Any:
        """Let a test act as staff: /test/staff?do=claim|reply|close|typing&text=..."""
        do, text = request.args.get("do"), request.args.get("text", "")
        if do == "typing":
            for handoff in parts.desk.handoffs("open"):
                parts.bell.ring(f"typing:staff:{handoff.visitor}")
            return empty()
        await parts.store.run(_act, parts.desk, do, text)
        return empty()

    async def counts(request: Any) -> Any:
        waiting = parts.desk.handoffs("open")
        return json_response([{"urgency": h.urgency, "callback": h.callback and h.callback.phone, "site": h.site} for h in waiting])

    app.add_route(staff, "/test/staff", methods=["POST"])
    app.add_route(counts, "/test/handoffs")
    listen(app, parts)


def _act(desk: Any, do: str, text: str) -> None:
    for handoff in desk.handoffs("open"):
        if do == "claim":
            desk.claim(handoff.id, "m_test")
        elif do == "reply":
            desk.claim(handoff.id, "m_test")
            desk.reply(handoff.id, "m_test", text, f"reply-{time.time_ns()}")
        elif do == "close":
            desk.close(handoff.id, "m_test", "done")


def get_json(url: str) -> Any:
    """Fetch JSON."""
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:  # noqa: S310
        return json.load(response)


def act(server: Server, do: str, text: str = "") -> None:
    """Act as staff on every open handoff of a test server."""
    from urllib.parse import urlencode

    request = urllib.request.Request(f"{server.url}/test/staff?{urlencode({'do': do, 'text': text})}", method="POST")  # noqa: S310
    urllib.request.urlopen(request, timeout=PATIENCE_SECONDS).close()  # noqa: S310


if __name__ == "__main__":
    serve()
