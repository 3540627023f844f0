"""How soon 20 signed-in staff see a change of a queue of 200 open handoffs, and a visitor what staff reply, over real HTTP on one machine.

    python bench/console_queue.py [changes]

One process serves; each member of staff holds one live stream. A change is a claim or a note made over the API; its time
runs from the request to the moment the last and each of the streams has the changed row. An emergency's time runs from a
visitor's post to each open console, a reply's from the post of staff to the visitor's stream.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import argon2  # noqa: E402
import requests  # noqa: E402
from fixtures_console import PASSWORD, Person, console_running  # noqa: E402

from bench.load import percentiles  # noqa: E402
from bench.process import machine  # noqa: E402

HANDOFFS, STAFF, EMERGENCIES = 200, 20, 20
REPORT = ROOT / "bench" / "desk.json"


def seed(folder: Path) -> list[str]:
    """Open the handoffs, as the desk would, before the server starts."""
    from bot.bell import Bell
    from bot.desk import Desk
    from bot.notify import Outbox
    from bot.store import Store

    store = Store(f"sqlite:///{folder / 'var' / 'frontdesk.db'}")
    desk = Desk(store, Outbox(store, []), Bell())
    ids = []
    for number in range(HANDOFFS):
        visitor = desk.create_visitor("website", "willow").id
        message, _ = desk.accept(visitor, "m1", f"my shoulder is sore since the session, number {number}")
        urgency = ("routine", "routine", "urgent")[number % 3]
        ids.append(desk.open(visitor, message.seq, urgency, "symptom", visitor_text=message.text, bot_text="Left.").id)
    store.close()
    return ids


def sign_in_everybody(server: Any, folder: Path) -> list[Person]:
    """Make the staff and sign them in."""
    from bot.staff import Staff
    from bot.store import Store

    store = Store(f"sqlite:///{folder / 'var' / 'frontdesk.db'}")
    staff = Staff(store, hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    people = []
    for number in range(STAFF):
        member, token = staff.add(f"p{number}@clinic.example", f"Person {number}", "front_desk")
        staff.accept(token, PASSWORD)
        person = Person(server.url, requests.Session())
        person.session.cookies.set("staff", staff.sign_in(member.email, PASSWORD)[1])
        person.read_token()
        people.append(person)
    store.close()
    return people


class Watcher(threading.Thread):
    """One open console: keeps when it heard of each state of each row."""

    def __init__(self, person: Person) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.heard: dict[tuple[str, str], float] = {}
        self.ready = threading.Event()

    def run(self) -> None:
        with self.person.session.get(f"{self.person.url}/staff/api/stream", stream=True, timeout=120) as answer:
            for line in answer.iter_lines(chunk_size=1):
                now = time.perf_counter()
                if line.startswith(b"data: ") and b'"rows"' in line:
                    for row in json.loads(line[6:])["rows"]:
                        self.heard.setdefault((row["id"], row["state"]), now)
                    self.ready.set()


class Visitor(threading.Thread):
    """Somebody on the website: writes, and keeps when each message of staff was heard."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.api = f"{url}/api/v1"
        token = requests.post(f"{self.api}/visitors", json={}, timeout=10).json()["token"]
        self.headers = {"authorization": f"Bearer {token}"}
        self.heard: dict[str, float] = {}
        self.ready = threading.Event()

    def write(self, text: str) -> None:
        """Post one message."""
        body = {"id": uuid.uuid4().hex, "text": text}
        requests.post(f"{self.api}/messages", json=body, headers=self.headers, timeout=10).raise_for_status()

    def run(self) -> None:
        with requests.get(f"{self.api}/events", headers=self.headers, stream=True, timeout=120) as answer:
            for line in answer.iter_lines(chunk_size=1):
                now = time.perf_counter()
                if line.startswith(b"data: ") and b'"author"' in line:
                    message = json.loads(line[6:])
                    if message["author"] == "staff":
                        self.heard[message["text"]] = now
                    self.ready.set()


def main(changes: int) -> None:
    """Measure, print and keep the figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        import fixtures_console

        made = fixtures_console.make_people

        def make(folder: Path) -> None:
            made(folder)
            ids.extend(seed(folder))

        ids: list[str] = []
        fixtures_console.make_people = make
        with console_running(folder) as server:
            people = sign_in_everybody(server, folder)
            watchers = [Watcher(person) for person in people]
            for watcher in watchers:
                watcher.start()
                assert watcher.ready.wait(20)
            times = measure(people, watchers, ids[:changes])
            seen, answered = emergencies(server.url, people, watchers)
    figures = {
        "open_handoffs": HANDOFFS,
        "staff": STAFF,
        "changes": changes,
        **percentiles(times),
        "emergencies": EMERGENCIES,
        "emergency_in_every_console": percentiles(seen),
        "reply_at_the_visitor": percentiles(answered),
    }
    print(json.dumps(figures))
    REPORT.write_text(json.dumps({"machine": machine(), "command": "make bench-desk", **figures}, indent=1) + "\n", "utf-8")


def measure(people: list[Person], watchers: list[Watcher], ids: list[str]) -> list[float]:
    """Claim one handoff after the other; return how long each stream took to show each."""
    times = []
    for number, handoff in enumerate(ids):
        begin = time.perf_counter()
        people[number % len(people)].post(f"handoffs/{handoff}/claim")
        key = (handoff, "claimed")
        wait_for(lambda key=key: all(key in watcher.heard for watcher in watchers))
        times += [watcher.heard[key] - begin for watcher in watchers]
    return times


def emergencies(url: str, people: list[Person], watchers: list[Watcher]) -> tuple[list[float], list[float]]:
    """Have visitors write red flags, and staff answer each; return how long consoles and visitors waited."""
    seen, answered = [], []
    for number in range(EMERGENCIES):
        visitor = Visitor(url)
        visitor.start()
        assert visitor.ready.wait(20)
        known = {handoff for handoff, _ in list(watchers[0].heard)}
        begin = time.perf_counter()
        visitor.write("I can't breathe properly since my session")
        (key,) = wait_for(lambda known=known: [key for key in list(watchers[0].heard) if key[0] not in known])
        wait_for(lambda key=key: all(key in watcher.heard for watcher in watchers))
        seen += [watcher.heard[key] - begin for watcher in watchers]
        person, text = people[number % len(people)], f"We are calling you now, {number}."
        person.post(f"handoffs/{key[0]}/claim")
        begin = time.perf_counter()
        person.post(f"handoffs/{key[0]}/reply", text=text, message_id=f"s{number}")
        wait_for(lambda text=text, visitor=visitor: text in visitor.heard)
        answered.append(visitor.heard[text] - begin)
    return seen, answered


def wait_for(what: Any) -> Any:
    """Return what comes, within ten seconds."""
    give_up = time.perf_counter() + 10
    while not (found := what()):
        if time.perf_counter() > give_up:
            raise TimeoutError("nothing came within ten seconds")
        time.sleep(0.002)
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
