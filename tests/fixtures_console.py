"""A server with the website and the staff console for tests, and people who sign in to it.

Runs as its own process (`python tests/fixtures_console.py`): the real door, store, desk, outbox, answers and red-flag
list; only Rasa is played by a few rules (tests/fixtures_server.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from fixtures_server import START_SECONDS, ScriptedDialogue, Server, free_port  # noqa: E402

CLINIC = Path(os.environ.get("FRONTDESK_TEST_CLINIC", ROOT / "clinic"))

PEOPLE = {
    "front_desk": ("anna@clinic.example", "Anna Berg"),
    "clinician": ("ben@clinic.example", "Ben Castle"),
    "owner": ("olga@clinic.example", "Olga Dean"),
}
PASSWORD = "copper lantern seven rivers"  # noqa: S105

EMERGENCY = "I have chest pain and I can't breathe since the session"


class ConsoleServer(Server):
    """The server of this file."""

    def start(self) -> Server:
        """Start it and wait until it answers."""
        places = {"VAR_DIR": str(self.folder / "var"), "CLINIC_DIR": str(self.folder / "clinic")}
        known = {"HOST": "127.0.0.1", "PORT": str(self.port), "SECRET_KEYS": "test-key", "MESSAGES_PER_MINUTE": "1000"}
        environment = {**os.environ, **known, **places, **self.environment}
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603
                [sys.executable, __file__], env=environment, stdout=log, stderr=log, cwd=ROOT
            )
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.process.poll() is None:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health", timeout=2):  # noqa: S310
                return self
            time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text()[-4000:])


@contextlib.contextmanager
def console_running(folder: Path, **environment: str) -> Iterator[Server]:
    """Run a server with an account for each role."""
    shutil.copytree(CLINIC, folder / "clinic")
    server = ConsoleServer(folder, free_port(), environment)
    make_people(folder)
    try:
        yield server.start()
    finally:
        server.stop()


def make_people(folder: Path) -> None:
    """Make an account for each role, with a password."""
    import argon2

    from bot.staff import Staff
    from bot.store import Store

    store = Store(f"sqlite:///{folder / 'var' / 'frontdesk.db'}")
    store.migrate()
    # A cheap hash: who signs in with it gets the usual one in its stead.
    staff = Staff(store, hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    for role, (email, name) in PEOPLE.items():
        _, token = staff.add(email, name, role)
        staff.accept(token, PASSWORD)
    store.close()


@dataclass
class Person:
    """Somebody of the clinic at the console, without a browser."""

    url: str
    session: requests.Session
    csrf: str = ""

    @classmethod
    def signed_in(cls, server: Server, role: str) -> Person:
        """Sign in as this role."""
        person = cls(server.url, requests.Session())
        answer = person.sign_in(PEOPLE[role][0])
        assert answer.status_code == 200, answer.text
        person.read_token()
        return person

    def sign_in(self, email: str, password: str = PASSWORD, code: str = "") -> requests.Response:
        """Try to sign in."""
        form = {"email": email, "password": password, "code": code, "next": "/staff/"}
        headers = {"origin": self.url, "accept": "application/json"}
        return self.session.post(f"{self.url}/staff/sign-in", data=form, headers=headers, timeout=30)

    def read_token(self) -> None:
        """Take the token out of the page, as its script does."""
        page = self.session.get(f"{self.url}/staff/", timeout=30).text
        found = re.search(r'"csrf":"([0-9a-f]+)"', page)
        assert found is not None, page[:500]
        self.csrf = found[1]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Call the console's API as its pages do."""
        sent = {"origin": self.url, "x-csrf-token": self.csrf, **headers}
        address = f"{self.url}/staff/{path.removeprefix('/staff/')}"
        return self.session.request(method, address, json=body, headers=sent, timeout=30, allow_redirects=False)

    def get(self, path: str) -> Any:
        """Read something that must be there."""
        answer = self.call("GET", f"api/{path}")
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def post(self, path: str, **body: Any) -> Any:
        """Do something that must work."""
        answer = self.call("POST", f"api/{path}", body)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()


@dataclass
class WebVisitor:
    """A visitor of the website, without a browser."""

    url: str
    token: str

    @classmethod
    def arriving(cls, server: Server) -> WebVisitor:
        """Begin a conversation."""
        answer = requests.post(f"{server.url}/api/v1/visitors", json={}, timeout=10)
        assert answer.status_code == 201, answer.text
        return cls(server.url, answer.json()["token"])

    @property
    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def say(self, text: str, **payload: Any) -> None:
        """Write a message."""
        body = {"id": uuid.uuid4().hex, "text": text, "payload": payload}
        answer = requests.post(f"{self.url}/api/v1/messages", json=body, headers=self.headers, timeout=20)
        assert answer.status_code in (200, 201, 202), answer.text

    def call_me(self, **wish: str) -> None:
        """Ask to be called back."""
        body = {"id": uuid.uuid4().hex, "consent": True, **wish}
        answer = requests.post(f"{self.url}/api/v1/callback", json=body, headers=self.headers, timeout=20)
        assert answer.status_code == 202, answer.text

    def read(self) -> list[dict[str, Any]]:
        """Return all messages."""
        page = requests.get(f"{self.url}/api/v1/messages?after=0", headers=self.headers, timeout=10).json()
        messages: list[dict[str, Any]] = page["messages"]
        return messages

    def hears(self, words: str, seconds: float = 5.0) -> dict[str, Any]:
        """Wait until somebody has written this."""
        give_up = time.monotonic() + seconds
        while time.monotonic() < give_up:
            for message in self.read():
                if words in message["text"] and message["author"] != "visitor":
                    return message
            time.sleep(0.05)
        raise AssertionError(f"not heard: {words}; but {[(m['author'], m['text'][:60]) for m in self.read()]}")


def waiting(person: Person, count: int = 1, seconds: float = 5.0) -> list[dict[str, Any]]:
    """Return the open queue once it has so many."""
    give_up = time.monotonic() + seconds
    rows: list[dict[str, Any]] = []
    while time.monotonic() < give_up:
        rows = person.get("handoffs?state=open")["rows"]
        if len(rows) >= count:
            return rows
        time.sleep(0.05)
    raise AssertionError(f"{len(rows)} of {count} in the queue")


# -- what runs in the process --------------------------------------------------------------------------------


def serve() -> None:
    """Serve website and console until stopped."""
    import logging

    from sanic import Sanic
    from sanic.response import json as json_response

    from bot.channels.console import console
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
    app = Sanic("console-test", configure_logging=False)
    app.config.KEEP_ALIVE_TIMEOUT, app.config.RESPONSE_TIMEOUT, app.config.REQUEST_MAX_SIZE = 75, 120, 1_000_000
    app.blueprint(website(frontdesk, parts.desk, parts.answers, parts.bell, settings))
    app.blueprint(console(parts))

    async def health(request: Any) -> Any:
        return json_response({"status": "up"})

    app.add_route(health, "/health")

    @app.listener("after_server_start")
    async def begin(app: Any, loop: Any) -> None:
        app.ctx.stop = asyncio.Event()
        work = (frontdesk.recover(app.ctx.stop), parts.outbox.work(app.ctx.stop))
        app.ctx.background = [asyncio.ensure_future(one) for one in work]

    @app.listener("before_server_stop")
    async def end(app: Any, loop: Any) -> None:
        app.ctx.stop.set()

    app.run(host=settings.host, port=settings.port, debug=False, access_log=False, motd=False)


if __name__ == "__main__":
    serve()
