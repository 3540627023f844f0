"""A server with the website and the staff console for tests, and people who sign in to it.

Runs as its own process (`python tests/fixtures_console.py`): the real door, store, desk, outbox, answers and red-flag
list; only Rasa is played by a few rules (tests/fixtures_server.py).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from fixtures_server import Server, free_port, listen, scripted  # noqa: E402
from patience import PATIENCE_SECONDS, until  # noqa: E402

CLINIC = Path(os.environ.get("FRONTDESK_TEST_CLINIC", ROOT / "clinic"))

PEOPLE = {
    "front_desk": ("anna@clinic.example", "Anna Berg"),
    "clinician": ("ben@clinic.example", "Ben Castle"),
    "owner": ("olga@clinic.example", "Olga Dean"),
}
PASSWORD = "copper lantern seven rivers"  # noqa: S105

EMERGENCY = "I have chest pain and I can't breathe since the session"


CONSOLE = (sys.executable, __file__)
"""Starts the server of this file."""


@contextlib.contextmanager
def console_running(folder: Path, **environment: str) -> Iterator[Server]:
    """Run a server with an account for each role."""
    shutil.copytree(CLINIC, folder / "clinic")
    server = Server(folder, free_port(), {"MESSAGES_PER_MINUTE": "1000", **environment}, CONSOLE)
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
        return self.session.post(f"{self.url}/staff/sign-in", data=form, headers=headers, timeout=PATIENCE_SECONDS)

    def read_token(self) -> None:
        """Take the token out of the page, as its script does."""
        page = self.session.get(f"{self.url}/staff/", timeout=PATIENCE_SECONDS).text
        found = re.search(r'"csrf":"([0-9a-f]+)"', page)
        assert found is not None, page[:500]
        self.csrf = found[1]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Call the console's API as its pages do."""
        sent = {"origin": self.url, "x-csrf-token": self.csrf, **headers}
        address = f"{self.url}/staff/{path.removeprefix('/staff/')}"
        return self.session.request(method, address, json=body, headers=sent, timeout=PATIENCE_SECONDS, allow_redirects=False)

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
        answer = requests.post(f"{server.url}/api/v1/visitors", json={}, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 201, answer.text
        return cls(server.url, answer.json()["token"])

    @property
    def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def say(self, text: str, **payload: Any) -> None:
        """Write a message."""
        body = {"id": uuid.uuid4().hex, "text": text, "payload": payload}
        answer = requests.post(f"{self.url}/api/v1/messages", json=body, headers=self.headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code in (200, 201, 202), answer.text

    def call_me(self, **wish: str) -> None:
        """Ask to be called back."""
        body = {"id": uuid.uuid4().hex, "consent": True, **wish}
        answer = requests.post(f"{self.url}/api/v1/callback", json=body, headers=self.headers, timeout=PATIENCE_SECONDS)
        assert answer.status_code == 202, answer.text

    def read(self) -> list[dict[str, Any]]:
        """Return all messages."""
        page = requests.get(f"{self.url}/api/v1/messages?after=0", headers=self.headers, timeout=PATIENCE_SECONDS).json()
        messages: list[dict[str, Any]] = page["messages"]
        return messages

    def hears(self, words: str) -> dict[str, Any]:
        """Wait until somebody has written this."""
        heard = until(
            lambda: [one for one in self.read() if words in one["text"] and one["author"] != "visitor"],
            said=lambda: f"not heard: {words}; but {[(m['author'], m['text'][:60]) for m in self.read()]}",
        )
        return heard[0]


def waiting(person: Person, count: int = 1) -> list[dict[str, Any]]:
    """Return the open queue once it has so many."""

    def enough() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = person.get("handoffs?state=open")["rows"]
        return rows if len(rows) >= count else []

    return until(enough, said=lambda: f"not {count} in the queue")


# -- what runs in the process --------------------------------------------------------------------------------


def serve() -> None:
    """Serve website and console until stopped."""
    from bot.channels.console import console

    app, parts = scripted()
    app.ctx.work.append(parts.outbox.work)
    app.blueprint(console(parts))
    listen(app, parts)


if __name__ == "__main__":
    serve()
