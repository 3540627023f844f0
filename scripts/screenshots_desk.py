"""Make the pictures of docs/desk.md: a sample clinic on a busy morning, in a real browser.

python scripts/screenshots_desk.py            all pictures, into docs/images/
python scripts/screenshots_desk.py queue hours   only these
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiosmtpd.controller import Controller
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from fixtures_browser import ARGUMENTS, CHROMIUM  # noqa: E402
from fixtures_console import CLINIC, CONSOLE, PASSWORD, PEOPLE, make_people  # noqa: E402
from fixtures_server import Server, free_port  # noqa: E402

IMAGES = ROOT / "docs" / "images"

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

PAST = (
    ("What does a session cost?", "cost", "answer"),
    ("Does it hurt?", "does_it_hurt", "answer"),
    ("When are you open on Saturday?", "clinic_hours", "answer"),
    ("Where can I park?", "clinic_location", "answer"),
    ("Do I need a referral?", "insurance_referral", "answer"),
    ("What should I wear?", "preparation_first_visit", "answer"),
    ("Can I book for Friday?", "booking", "answer"),
    ("hello", "greet", "answer"),
    ("Do you sell gift cards?", "not_sure", "decline"),
    ("Is there a wifi password?", "not_sure", "decline"),
)

QUEUE: tuple[dict[str, Any], ...] = (
    {
        "minutes": 2,
        "talk": (("visitor", "hi, i had my upper back needled yesterday"), ("bot", "Thank you for telling me.")),
        "text": "since last night it hurts when I breathe in, is that normal?",
        "reply": "If it hurts to breathe, call 911 now or go to the nearest emergency department. "
        "Do not drive yourself. I have also told our team.",
        "sign": {"urgency": "emergency", "reason": "symptom", "kind": "emergency", "rules": ("RF01",)},
        "report": {
            "symptom": "pain on breathing in",
            "region": "upper back",
            "since": "last night",
            "after_treatment": True,
        },
    },
    {
        "minutes": 9,
        "talk": (("visitor", "what is the best cream for bruises"), ("bot", "I cannot advise on that here.")),
        "text": "my calf is swollen and warm 3 days after the session",
        "reply": "Please call our nurse line on (303) 555-0111 today. I have left this for our team.",
        "sign": {"urgency": "urgent", "reason": "symptom", "kind": "urgent", "rules": ("RF09",)},
        "report": {"symptom": "swelling, warm", "region": "calf", "since": "3 days", "after_treatment": True},
        "callback": {"name": "J. Moreno", "phone": "(303) 555-0188", "best_time": "after 12:30"},
        "acknowledged": "clinician",
    },
    {
        "minutes": 14,
        "talk": (
            ("visitor", "How much is a 60 minute visit?"),
            ("bot", "A 60-minute visit is $120. A first visit with a check-up is $140."),
        ),
        "text": "Can I pay the package in two parts? I would rather ask a person",
        "reply": "Of course. I have left this for our team; please do not wait for them.",
        "sign": {"urgency": "routine", "reason": "asked"},
        "claimed": "front_desk",
        "replies": ("Good morning, this is Anna at Willow Street. Yes, two parts are fine: half at the first visit.",),
        "after": "Great, thank you! Do you have anything on Thursday morning?",
    },
    {
        "minutes": 21,
        "text": "Bonjour, est-ce que vous parlez français ?",
        "reply": "I can only read English. I have left this for our team.",
        "sign": {"urgency": "routine", "reason": "foreign"},
    },
    {
        "minutes": 34,
        "text": "I take a blood thinner. Can I still come next week?",
        "reply": "Please tell our team before you book, so a therapist can look at it. I have left this for them.",
        "sign": {"urgency": "routine", "reason": "condition"},
        "report": {"symptom": None, "region": None, "since": None, "after_treatment": None},
        "callback": {"name": "Pat Lee", "phone": "(970) 555-0123", "best_time": "mornings"},
    },
    {
        "minutes": 190,
        "text": "Is the lot behind the building free on weekends too?",
        "reply": "I am not sure. I have left this for our team.",
        "sign": {"urgency": "routine", "reason": "unsure"},
        "closed": ("answered", "Told them that it is free."),
    },
)


class Past:
    """Writes what has happened, through the desk, with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        from bot.parts import build
        from bot.settings import load_settings

        places = {"VAR_DIR": str(folder / "var"), "CLINIC_DIR": str(folder / "clinic"), "SECRET_KEYS": "test-key"}
        self.parts = build(load_settings(places))
        self.now = datetime.now(timezone.utc)
        self.parts.desk._clock = self.parts.outbox._clock = lambda: self.now  # the desk lives in this script's past
        self.members = {member.role: member.id for member in self.parts.staff.members()}
        self.numbers = iter(range(10**6))

    def say(self, visitor: str, text: str, replies: list[str], topic: str | None, route: str) -> int:
        """Keep a message and its answers."""
        from bot.desk import Draft

        message, _ = self.parts.desk.accept(visitor, f"m{next(self.numbers)}", text)
        drafts = [Draft(reply, {"emergency": route == "emergency"}, topic, route, 0.93) for reply in replies]
        self.parts.desk.settle(visitor, message.seq, drafts, topic, route, 0.93)
        return message.seq

    def weeks(self) -> None:
        """Write eight ordinary weeks."""
        chance, today = random.Random(7), self.now  # noqa: S311 - the same pictures every time
        for day in range(56, 0, -1):
            for _ in range(chance.choice((2, 4, 5, 6, 8))):
                self.now = today - timedelta(days=day) + timedelta(minutes=chance.randint(-300, 300))
                self.conversation(chance)
        self.now = today

    def conversation(self, chance: random.Random) -> None:
        """Write one conversation."""
        desk = self.parts.desk
        visitor = desk.create_visitor("website", chance.choice(("willow", "juniper"))).id
        for text, topic, route in chance.sample(PAST, chance.choice((1, 1, 2, 3))):
            seq = self.say(visitor, text, ["An approved answer."], topic, route)
            if chance.random() < 0.2:
                desk.feedback(visitor, seq + 1, helpful=chance.random() < 0.85)
        if chance.random() < 0.22:
            urgency, reason = chance.choice((("urgent", "symptom"), ("routine", "asked"), ("routine", "condition")))
            seq = self.say(visitor, "I would like to talk to somebody", ["I have left this."], None, "staff")
            handoff = desk.open(visitor, seq, urgency, reason, visitor_text="I would like to talk to somebody")
            self.now += timedelta(minutes=chance.choice((1, 2, 3, 4, 7, 15)))
            desk.claim(handoff.id, self.members["front_desk"])
            desk.close(handoff.id, self.members["front_desk"], chance.choice(("called", "answered")), "Spoke with them.")

    def morning(self) -> None:
        """Write the queue of this morning."""
        now = self.now
        for case in QUEUE:
            self.now = now - timedelta(minutes=case["minutes"])
            self.case(case, now)
        self.now = now

    def case(self, case: dict[str, Any], now: datetime) -> None:
        """Write one handoff with all that belongs to it."""
        desk, sign, desk_member = self.parts.desk, case["sign"], self.members["front_desk"]
        visitor = desk.create_visitor("website", "willow").id
        self.small_talk(visitor, case.get("talk", ()))
        route = "emergency" if sign["urgency"] == "emergency" else "staff"
        seq = self.say(visitor, case["text"], [case["reply"]], "symptom_report" if route == "emergency" else None, route)
        report = SimpleNamespace(**case["report"]) if "report" in case else None
        texts = {"visitor_text": case["text"], "bot_text": case["reply"], "list_version": "2026-11-28.1"}
        handoff = desk.open(visitor, seq, report=report, **sign, **texts)
        if "callback" in case:
            desk.attach_callback(handoff.id, case["callback"])
        self.now += timedelta(minutes=1)
        if "acknowledged" in case:
            desk.acknowledge(handoff.id, self.members[case["acknowledged"]])
        if "claimed" in case:
            desk.claim(handoff.id, desk_member)
            for text in case["replies"]:
                desk.reply(handoff.id, desk_member, text, f"s{next(self.numbers)}")
            self.now = now - timedelta(minutes=3)
            desk.accept(visitor, f"m{next(self.numbers)}", case["after"])
        if "closed" in case:
            desk.close(handoff.id, desk_member, *case["closed"])

    def small_talk(self, visitor: str, talk: Any) -> None:
        """Write what was said before."""
        said = list(talk)
        while said:
            (_, text), (_, reply) = said.pop(0), said.pop(0)
            self.say(visitor, text, [reply], "cost" if "$" in reply else "not_sure", "answer" if "$" in reply else "decline")

    def canned(self) -> None:
        """Write the starter set of canned replies."""
        from bot.canned import STARTERS, Canned

        for title, text in STARTERS:
            Canned(self.parts.store).save(title, text, member=self.members["front_desk"])


@contextmanager
def busy_morning() -> Iterator[Any]:
    """Run a server in which all this has happened."""
    import shutil

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(CLINIC, folder / "clinic")
        make_people(folder)
        past = Past(folder)
        past.weeks()
        past.morning()
        past.canned()
        past.parts.store.close()
        mail = Controller(Mailbox(), "127.0.0.1", free_port())
        mail.start()
        server = Server(folder, free_port(), {"SMTP_URL": f"smtp://127.0.0.1:{mail.port}"}, CONSOLE)
        try:
            yield server.start()
        finally:
            server.stop()
            mail.stop()


class Mailbox:
    """Takes every mail but those for one address."""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address.startswith("clinician@"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"


class Camera:
    """A browser in which somebody is signed in."""

    def __init__(self, browser: Any, url: str, role: str, size: dict[str, int] = WIDE, theme: str = "light") -> None:
        self.context = browser.new_context(viewport=size, color_scheme=theme, device_scale_factor=1.25)
        self.page, self.url = self.context.new_page(), url
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(f"{url}/staff/")
        self.page.fill("#email", PEOPLE[role][0])
        self.page.fill("#password", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".rows .row")
        self.page.get_by_role("heading", name="Queue").click()

    def open(self, path: str, wait: str) -> None:
        """Go to a page of the console."""
        self.page.locator(f".rail a[href='/staff{path}']").click()
        self.page.wait_for_selector(wait)
        self.page.mouse.move(0, 400)
        self.page.wait_for_timeout(500)

    def row(self, words: str) -> None:
        """Open a conversation of the queue."""
        self.page.get_by_role("button", name="All open").click()
        self.page.locator(".row a", has_text=words).click()
        self.page.wait_for_selector(".talk .bubble")
        self.page.wait_for_timeout(500)

    def shoot(self, name: str, full: bool = False) -> None:
        """Keep a picture."""
        IMAGES.mkdir(parents=True, exist_ok=True)
        keep(self.page, name, full)
        if self.errors:
            print(name, self.errors)


def keep(page: Any, name: str, full: bool = False) -> None:
    """Keep a picture, with as few colours as it needs."""
    file = IMAGES / f"desk-{name}.png"
    page.screenshot(path=str(file), full_page=full)
    Image.open(file).convert("RGB").quantize(128, dither=Image.Dither.NONE).save(file, optimize=True)


def sign_in(browser: Any, url: str) -> None:
    page = browser.new_context(viewport={"width": 900, "height": 640}, device_scale_factor=1.5).new_page()
    page.goto(f"{url}/staff/")
    page.wait_for_selector("#email")
    keep(page, "sign-in")


def queue(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "front_desk")
    camera.page.get_by_role("button", name="All open").click()
    camera.page.wait_for_timeout(400)
    camera.shoot("queue")


def report(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "clinician")
    camera.row("Pain on breathing in")
    camera.shoot("report")


def conversation(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "front_desk")
    camera.row("two parts")
    camera.page.wait_for_timeout(500)
    camera.shoot("conversation")
    camera.page.get_by_role("button", name="Canned").first.click()
    camera.page.wait_for_selector(".picks li")
    camera.shoot("canned-pick")
    camera.page.keyboard.press("Escape")
    camera.page.get_by_role("button", name="Close", exact=True).first.click()
    camera.page.wait_for_selector("dialog")
    camera.shoot("close")


def callback(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "front_desk")
    camera.row("Swelling")
    camera.shoot("callback")


def dark(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "front_desk", theme="dark")
    camera.row("two parts")
    camera.shoot("dark")


def phone(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "front_desk", PHONE)
    camera.page.get_by_role("button", name="All open").click()
    camera.page.wait_for_timeout(300)
    camera.shoot("phone-queue")
    camera.row("two parts")
    camera.shoot("phone-conversation")


def hours(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "front_desk")
    camera.open("/hours", ".hours-grid")
    camera.shoot("hours")
    camera.page.locator(".card header").first.get_by_role("button", name="Close now").click()
    camera.page.wait_for_timeout(300)
    camera.shoot("closed-now")


def answers(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "clinician")
    camera.open("/answers", ".pick-list button")
    camera.page.locator(".pick-list button", has_text="Does it hurt?").first.click()
    camera.page.wait_for_selector(".editor textarea")
    camera.page.locator(".editor textarea").first.press("End")
    camera.page.locator(".editor textarea").first.type(" It is a guaranteed cure.")
    camera.page.wait_for_selector("p.mark.bad")
    camera.page.wait_for_timeout(300)
    camera.shoot("answers")


def pages(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "owner")
    for name, wait in (("overview", ".chart"), ("people", "tbody tr"), ("logs", "tbody tr"), ("records", "tbody tr")):
        camera.open(f"/{name}", wait)
        camera.shoot(name)
    camera.open("/notifications", ".card")
    camera.page.get_by_role("button", name="Test it now").click()
    camera.page.wait_for_selector('td:text-matches("^delivered")')
    camera.page.wait_for_selector(".toast", state="detached")
    camera.shoot("notifications")
    for name, wait in (("rules", ".ladder li"), ("canned", ".card")):
        camera.open(f"/{name}", wait)
        camera.shoot(name)
    camera.page.keyboard.press("?")
    camera.page.wait_for_selector("dialog")
    camera.shoot("keys")


def record(browser: Any, url: str) -> None:
    camera = Camera(browser, url, "clinician")
    camera.open("/records", "tbody tr")
    link = camera.page.locator("tbody tr", has_text="Pain on breathing in").locator("a.button").get_attribute("href")
    camera.page.goto(f"{url}{link}")
    camera.shoot("record", full=True)


SHOTS: dict[str, Callable[[Any, str], None]] = {
    one.__name__: one for one in (sign_in, queue, report, conversation, callback, dark, phone, hours, answers, pages, record)
}


def main(wanted: list[str]) -> None:
    """Make the pictures."""
    from playwright.sync_api import sync_playwright

    with busy_morning() as server, sync_playwright() as playwright:
        time.sleep(3)  # the notifications of this morning go out
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        for name, shoot in SHOTS.items():
            if not wanted or name in wanted:
                shoot(browser, server.url)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
