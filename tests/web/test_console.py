"""The console in a real browser: the whole loop with a visitor's browser beside it, the alarm, the keyboard, a telephone.

Every test also fails on a script error or on anything that the content security policy stopped.
"""

# ruff: noqa: F811  (fixtures come in as arguments under the names they are imported by)
from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fixtures_browser import axe, becomes, launched, violations, watched  # noqa: F401
from fixtures_console import EMERGENCY, PASSWORD, PEOPLE, Person, WebVisitor, console_running, waiting
from fixtures_server import Server
from patience import PATIENCE_SECONDS, until

PERSON = "can I talk to a person please"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Run a browser that keeps quiet until somebody has touched the page, as browsers at a desk do."""
    with launched("--autoplay-policy=user-gesture-required") as running:
        yield running


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with console_running(tmp_path) as one:
        yield one


class Console:
    """Somebody of the clinic in front of the console."""

    def __init__(self, browser: Any, server: Server, role: str = "front_desk", **context: Any) -> None:
        self.context = browser.new_context(**{"viewport": {"width": 1400, "height": 880}, **context})
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.url = server.url
        self.wrong: list[str] = []
        self.page = watched(self.context.new_page(), self.wrong)
        self.page.goto(f"{server.url}/staff/")
        self.sign_in(role)

    def sign_in(self, role: str) -> None:
        self.page.fill("#email", PEOPLE[role][0])
        self.page.fill("#password", PASSWORD)
        self.page.click("button[type=submit]")
        self.page.wait_for_selector(".rail")

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}/staff{path}")
        self.page.wait_for_selector("#main")

    def row(self, words: str) -> Any:
        return self.page.locator(".row", has_text=words)

    def enter(self, words: str) -> None:
        self.row(words).locator("a").first.click()
        self.page.wait_for_selector(".talk .bubble")

    def view(self, name: str) -> None:
        self.page.locator(".tabs button", has_text=name).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def sees(self, text: str, place: str = "body") -> None:
        self.page.locator(place, has_text=text).first.wait_for()

    def alarm(self) -> str:
        return str(self.page.evaluate("document.documentElement.dataset.alarm"))

    def sounds(self) -> bool:
        return bool(self.page.evaluate("Boolean(document.documentElement.dataset.sounding)"))

    def until(self, expression: str) -> None:
        becomes(self.page, expression)

    def axe(self, script: str) -> list[str]:
        # Colours are settled before they are measured.
        self.page.wait_for_timeout(300)
        return violations(self.page, script)


@contextmanager
def at_console(browser: Any, server: Server, role: str = "front_desk", **context: Any) -> Iterator[Console]:
    console = Console(browser, server, role, **context)
    yield console
    assert console.wrong == []
    console.context.close()


# -- the loop ----------------------------------------------------------------------------------------------


class Chat:
    """A visitor in a browser of their own."""

    def __init__(self, browser: Any, server: Server) -> None:
        self.context = browser.new_context(viewport={"width": 420, "height": 760})
        self.context.set_default_timeout(PATIENCE_SECONDS * 1000)
        self.page = self.context.new_page()
        self.page.goto(f"{server.url}/chat")
        self.page.wait_for_selector("#words", state="visible")

    def say(self, text: str) -> None:
        self.page.fill("#words", text)
        self.page.keyboard.press("Enter")

    def hears(self, text: str) -> None:
        self.page.locator("#log", has_text=text).wait_for()


def test_the_whole_loop_with_two_browsers(browser: Any, server: Server) -> None:
    chat = Chat(browser, server)
    with at_console(browser, server) as console:
        chat.say(EMERGENCY)
        chat.hears("911")
        console.until("document.documentElement.dataset.alarm === 'emergency'")
        console.until("document.documentElement.dataset.sounding === 'emergency'")
        console.press("Open")
        console.page.wait_for_selector(".talk .bubble.grave")
        console.press("Take over")
        console.until("document.documentElement.dataset.alarm === 'none'")
        assert not console.sounds()
        console.page.keyboard.type("This is Anna. Is somebody with you?")
        console.page.keyboard.press("Enter")
        chat.hears("Is somebody with you?")
        chat.say("yes, but now I cannot feel my legs and my chest pain is worse")
        console.sees("cannot feel my legs", ".talk")
        console.page.locator(".bubble.grave").nth(1).wait_for()
        console.until("document.documentElement.dataset.alarm === 'emergency'")
        console.press("I have seen it")
        console.press("Close")
        console.page.select_option("dialog select", "emergency")
        console.page.fill("dialog textarea", "Told to call 911; the ambulance is there.")
        console.page.locator("dialog button[type=submit]").click()
        console.sees("Nobody is waiting.")
        chat.say("what does it cost?")
        chat.hears("$")
    chat.context.close()


def test_the_loop_survives_a_server_that_is_killed(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    with at_console(browser, server) as console:
        visitor.say(PERSON)
        console.enter("talk to a person")
        console.press("Take over")
        console.sees("You have it", ".talk-head")
        server.kill()
        console.sees("No connection to the server", ".banners")
        console.page.fill(".composer textarea", "Are you still there?")
        console.page.keyboard.press("Enter")
        console.sees("The server cannot be reached", "#toasts")
        console.until("document.querySelector('.composer textarea').value === 'Are you still there?'")
        server.start()
        console.page.locator(".banner.offline").wait_for(state="detached")
        console.page.focus(".composer textarea")
        console.page.keyboard.press("Enter")
        visitor.hears("Are you still there?")
        visitor.say("what does it cost")
        console.sees("what does it cost", ".talk")
        time.sleep(0.5)
        assert visitor.read()[-1]["author"] == "visitor"  # a person has it: the assistant is quiet after the restart too


# -- the alarm ---------------------------------------------------------------------------------------------


def test_the_alarm_sounds_in_every_browser_until_one_has_seen_it(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    with at_console(browser, server) as anna, at_console(browser, server, "clinician") as ben:
        assert anna.alarm() == "none" and not anna.sounds()
        visitor.say(EMERGENCY)
        for console in (anna, ben):
            console.until("document.documentElement.dataset.sounding === 'emergency'")
            assert re.match(r"\(1\) Emergency", console.page.title())
        ben.press("I have seen it")
        for console in (anna, ben):
            console.until("!document.documentElement.dataset.sounding")
            console.sees("Seen by")


def test_of_many_tabs_one_sounds_and_all_are_live(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    with at_console(browser, server) as console:
        tabs = [console.page]
        for _ in range(7):  # more than a browser has connections to one server
            tab = console.context.new_page()
            tab.goto(f"{server.url}/staff/")
            tab.wait_for_selector(".rail")
            tab.mouse.click(700, 500)
            tabs.append(tab)
        visitor.say(EMERGENCY)
        for tab in tabs:
            tab.wait_for_selector(":root[data-alarm=emergency]")
        until(lambda: any(tab.evaluate("Boolean(document.documentElement.dataset.sounding)") for tab in tabs))
        time.sleep(1.5)  # now another would have joined in
        sounding = [tab.evaluate("Boolean(document.documentElement.dataset.sounding)") for tab in tabs]
        assert sounding.count(True) == 1


def test_a_notification_says_nothing_about_health(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    with at_console(browser, server, permissions=["notifications"]) as console:
        console.page.add_init_script(
            "window.told = []; window.Notification = class { constructor(t, o) { told.push(t + ' ' + o.body); }"
            " close() {} static permission = 'granted'; }; document.hasFocus = () => false;"
        )
        console.page.reload()
        console.page.wait_for_selector(".rail")
        visitor.say(EMERGENCY)
        console.until("window.told.length > 0")
        assert console.page.evaluate("told") == ["A visitor needs a person now Open the console."]


def test_a_browser_that_refuses_notifications_says_so(browser: Any, server: Server) -> None:
    with at_console(browser, server) as console:
        refused = "static permission = 'default'; static async requestPermission() { Notification.permission = 'denied'; }"
        console.page.add_init_script(f"window.Notification = class {{ {refused} }};")
        console.page.reload()
        console.press("Allow notifications")
        console.sees("Notifications are blocked", ".rail .sound")
        assert not console.page.get_by_role("button", name="Allow notifications").count()


def test_a_browser_that_waits_for_a_click_says_so(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    visitor.say(EMERGENCY)
    with at_console(browser, server) as console:
        fresh = console.context.new_page()
        fresh.goto(f"{server.url}/staff/")
        fresh.wait_for_selector(".banner.emergency")
        if fresh.evaluate("navigator.userActivation.hasBeenActive"):
            return
        fresh.wait_for_selector(".rail .sound p.blocked, .rail .sound p.on")


def test_the_page_of_notifications_stays_as_it_is_while_nothing_changes(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(PERSON)
    with at_console(browser, server) as console:
        console.open("/notifications")
        console.sees("not delivered after 1 try: call instead", "td.bad")  # no mail server is set up
        console.page.get_by_role("button", name="Test it now").focus()
        anna = Person.signed_in(server, "front_desk")
        with console.page.expect_response("**/api/notifications"):
            anna.post(f"handoffs/{waiting(anna)[0]['id']}/acknowledge")
        console.page.wait_for_timeout(300)
        assert console.page.evaluate("document.activeElement.textContent") == "Test it now"


# -- conversations -----------------------------------------------------------------------------------------


def test_an_emergency_that_is_handed_on_sounds_at_the_colleague_until_they_have_seen_it(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(EMERGENCY)
    anna = Person.signed_in(server, "front_desk")
    handoff = waiting(anna)[0]["id"]
    anna.post(f"handoffs/{handoff}/claim")
    with at_console(browser, server) as hers, at_console(browser, server, "clinician") as his:
        his.page.wait_for_selector(".row, .empty")
        assert his.alarm() == "none"
        anna.post(f"handoffs/{handoff}/transfer", to=Person.signed_in(server, "clinician").get("me")["member"]["id"])
        his.until("document.documentElement.dataset.alarm === 'emergency'")
        his.sees("Handed to you", ".banner")
        his.page.locator(".row.alarming").wait_for()
        assert hers.alarm() == "none"
        his.press("I have seen it")
        his.until("document.documentElement.dataset.alarm === 'none'")


def test_two_who_take_over_are_told_who_was_faster(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(PERSON)
    with at_console(browser, server) as anna, at_console(browser, server, "clinician") as ben:
        for console in (anna, ben):
            console.enter("talk to a person")
        anna.sees("Ben Castle is viewing", ".typing")
        ben.sees("Anna Berg is viewing", ".typing")

        def anna_is_faster(route: Any) -> None:
            Person.signed_in(server, "front_desk").post(f"handoffs/{ben.page.url.rpartition('/')[2]}/claim")
            route.continue_()

        ben.page.route("**/claim", anna_is_faster)
        ben.press("Take over")
        ben.sees("Anna Berg was faster", "#toasts")
        anna.sees("You have it", ".talk-head")
        ben.sees("Anna Berg has it", ".talk-head")
        anna.page.fill(".composer textarea", "I am on it")
        anna.page.keyboard.press("Backspace")
        ben.sees("Anna Berg is typing", ".typing")


def test_what_visitors_write_stays_text(browser: Any, server: Server) -> None:
    trick = "<img src=x onerror=alert(1)> talk to a person <script>alert(2)</script>"
    WebVisitor.arriving(server).say(trick)
    with at_console(browser, server) as console:
        console.page.on("dialog", lambda dialog: console.wrong.append("a dialog opened"))
        console.enter("talk to a person")
        assert trick in console.page.locator(".bubble.visitor .text").first.inner_text()
        assert console.page.locator(".talk img, .row img, .talk script").count() == 0


def test_the_keyboard_is_enough(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    visitor.say(PERSON)
    with at_console(browser, server) as console:
        keys = console.page.keyboard
        console.page.wait_for_selector(".row")
        keys.press("?")
        console.sees("Take over", "dialog")
        keys.press("Escape")
        keys.press("j")
        keys.press("Enter")
        console.page.wait_for_selector(".talk .bubble")
        keys.press("t")
        console.sees("You have it", ".talk-head")
        console.until("document.activeElement.tagName === 'TEXTAREA'")
        keys.type("Hello from the keyboard")
        keys.press("Shift+Enter")
        keys.type("second line")
        keys.press("Enter")
        visitor.hears("second line")
        keys.press("Escape")
        keys.press("n")
        keys.type("only for us")
        keys.press("Enter")
        console.sees("only for us", ".bubble.note")
        keys.press("Escape")
        keys.press("x")
        console.page.wait_for_selector("dialog select")
        keys.type("Answered")
        keys.press("Enter")
        console.sees("Nobody is waiting.")
        assert "only for us" not in str(visitor.read())


def test_words_written_while_a_reply_is_on_its_way_are_kept(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    visitor.say(PERSON)
    with at_console(browser, server) as console:
        console.enter("talk to a person")
        console.press("Take over")
        console.sees("You have it", ".talk-head")
        # The header may hear of it from the stream before the field is opened for words.
        console.until("document.activeElement?.matches('.composer textarea')")
        console.page.route("**/reply", lambda route: (time.sleep(0.7), route.continue_()))
        for words in ("first", "second"):
            console.page.keyboard.type(words)
            console.page.keyboard.press("Enter")
        console.page.keyboard.type("third")
        # The browser holds each reply back until the test looks at the page.
        console.sees("second", ".bubble.staff >> nth=1")
        said = [message["text"] for message in visitor.read() if message["author"] == "staff"]
        assert said == ["first", "second"]
        assert console.page.input_value(".composer textarea") == "third"


def test_canned_replies_and_answers_are_inserted_and_gaps_are_noticed(browser: Any, server: Server) -> None:
    Person.signed_in(server, "front_desk").post("canned/starters")
    visitor = WebVisitor.arriving(server)
    visitor.say("a person please: how much does it cost")
    with at_console(browser, server) as console:
        console.enter("how much does it cost")
        console.press("Take over")
        console.page.locator(".suggested button", has_text="What does it cost?").click()
        assert "$" in console.page.input_value(".composer textarea")
        console.page.fill(".composer textarea", "")
        console.page.keyboard.press("/")
        console.page.keyboard.type("calling")
        console.page.wait_for_selector(".picks [aria-selected=true]:has-text('Calling you now')")
        console.page.keyboard.press("Enter")
        console.page.keyboard.press("Enter")
        console.sees("is not filled", "#toasts")
        assert [m for m in visitor.read() if m["author"] == "staff"] == []


def test_with_nothing_open_the_console_says_what_to_do_and_opens_the_gravest(browser: Any, server: Server) -> None:
    with at_console(browser, server) as console:
        console.sees("Nobody is waiting.", ".nothing")
        WebVisitor.arriving(server).say(PERSON)
        console.sees("One visitor waits for a person.", ".nothing")
        assert "alarming" not in console.page.locator(".rail .count").get_attribute("class")
        WebVisitor.arriving(server).say(EMERGENCY)
        console.sees("2 visitors wait for a person.", ".nothing")
        console.until("document.querySelector('.rail .count.alarming')")
        console.press("Open the first")
        console.sees("Emergency", ".talk-head")


def test_a_call_back_is_a_link_to_call(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    visitor.say(PERSON)
    callback = {"name": "Pat", "phone": "(303) 555-0188", "best_time": "noon"}
    visitor.call_me(**callback)
    with at_console(browser, server) as console:
        console.enter("talk to a person")
        link = console.page.locator(".call a")
        link.wait_for()
        assert re.fullmatch(r"tel:\+?1?3035550188", link.get_attribute("href"))


def test_on_a_small_screen_the_details_cover_no_button(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(PERSON)
    with at_console(browser, server, viewport={"width": 1280, "height": 720}) as console:
        console.enter("talk to a person")
        console.press("Details")
        console.sees("What we know", ".side")
        head, side = (console.page.locator(one).bounding_box() for one in (".talk-head", ".side"))
        assert head["y"] + head["height"] <= side["y"]
        console.press("Details")
        console.page.locator(".side").wait_for(state="hidden")


def test_on_a_small_screen_the_way_out_is_in_sight(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(EMERGENCY)
    with at_console(browser, server, "owner", viewport={"width": 1280, "height": 720}) as console:
        console.page.wait_for_selector(".banner.emergency")
        console.page.wait_for_selector(".rail .site")
        for name in ("Olga Dean", "Sign out"):
            box = console.page.locator(".rail-foot", has_text=name).get_by_text(name).bounding_box()
            assert box["y"] + box["height"] <= 720
        console.page.get_by_role("link", name="Logs").click()
        console.sees("Logs", "h1")


def test_what_was_not_delivered_is_no_alarm_once_the_conversation_is_closed(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(PERSON)
    with at_console(browser, server) as console:
        console.enter("talk to a person")
        console.sees("Not delivered", ".talk-notice")
        console.press("Close")
        console.page.select_option("dialog select", "answered")
        console.page.locator("dialog button[type=submit]").click()
        console.sees("Nobody is waiting.")
        console.view("Closed")
        console.enter("talk to a person")
        console.sees("Closed", ".talk-head")
        assert not console.page.locator(".talk-notice .undelivered").count()


def test_what_was_understood_stands_below_a_message_that_comes_while_one_looks(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    visitor.say(PERSON)
    with at_console(browser, server) as console:
        console.enter("talk to a person")
        visitor.say("slow: what does it cost")
        console.sees("slow: what does it cost", ".bubble.visitor")
        console.sees("Topic: cost", ".bubble.visitor .reading")
        assert console.page.locator(".bubble.visitor", has_text="slow: what does it cost").count() == 1


def test_putting_off_and_coming_back(browser: Any, server: Server) -> None:
    visitor = WebVisitor.arriving(server)
    visitor.say(PERSON)
    with at_console(browser, server) as console:
        console.enter("talk to a person")
        console.press("Take over")
        console.sees("You have it", ".talk-head")
        console.press("Put off")
        console.page.locator("dialog button[type=submit]").click()
        console.sees("Put off until", ".talk-head")
        visitor.say("I am back")
        console.sees("You have it", ".talk-head")


# -- the other pages ---------------------------------------------------------------------------------------

PAGES = (
    "",
    "hours",
    "answers",
    "canned",
    "facts",
    "notifications",
    "rules",
    "overview",
    "people",
    "logs",
    "records",
    "account",
)


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with something on every page."""
    with console_running(tmp_path_factory.mktemp("busy")) as server:
        person = Person.signed_in(server, "front_desk")
        person.post("canned/starters")
        for text in (EMERGENCY, PERSON, "break: my arm is sore since my visit", "what does it cost"):
            WebVisitor.arriving(server).say(text)
        for row in waiting(person, 3):
            person.get(f"handoffs/{row['id']}")
        yield server


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_an_axe_violation(browser: Any, busy: Server, theme: str, axe: str) -> None:
    with at_console(browser, busy, "owner", color_scheme=theme, bypass_csp=True) as console:
        found = {}
        for page in PAGES:
            console.open(f"/{page}")
            console.page.wait_for_selector(".row" if not page else ".page .card, .page .pick-list button")
            if page == "answers":
                console.page.locator(".pick-list button").first.click()
                console.page.wait_for_selector(".marks .mark")
            found[page] = console.axe(axe)
        console.open("/")
        for name, words in (("report", "chest"), ("talk", "talk to a person")):
            console.view("All open")
            console.enter(words)
            found[name] = console.axe(axe)
        console.page.keyboard.press("?")
        console.page.wait_for_selector("dialog")
        found["keys"] = console.axe(axe)
        assert {page: wrong for page, wrong in found.items() if wrong} == {}


def test_the_doors_have_no_axe_violation(browser: Any, busy: Server, axe: str) -> None:
    context = browser.new_context(bypass_csp=True)
    for path in ("sign-in", "welcome#token"):
        page = context.new_page()
        page.goto(f"{busy.url}/staff/{path}")
        page.evaluate(axe + ";0")
        assert page.evaluate("axe.run().then((r) => r.violations.map((v) => v.id))") == []
    context.close()


@pytest.mark.parametrize("page", PAGES)
def test_on_a_telephone_nothing_sticks_out(browser: Any, busy: Server, page: str) -> None:
    with at_console(browser, busy, "owner", viewport={"width": 360, "height": 700}, is_mobile=True, has_touch=True) as console:
        console.open(f"/{page}")
        console.page.wait_for_selector(".row" if not page else ".page .card, .page .pick-list button")
        wide = console.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 360, f"{page}: {wide}"


def test_on_a_telephone_a_conversation_opens_and_closes(browser: Any, busy: Server) -> None:
    with at_console(browser, busy, viewport={"width": 360, "height": 700}, is_mobile=True, has_touch=True) as console:
        console.page.locator(".tabs button", has_text="All open").tap()
        console.enter("talk to a person")
        assert not console.page.locator(".queue").is_visible()
        assert console.page.evaluate("document.documentElement.scrollWidth") <= 360
        console.page.get_by_role("button", name="Back to the queue").tap()
        console.page.locator(".queue").wait_for()


def test_everything_fits_at_two_hundred_percent(browser: Any, busy: Server) -> None:
    with at_console(browser, busy, viewport={"width": 640, "height": 400}) as console:
        console.view("All open")
        console.enter("talk to a person")
        console.page.locator(".composer textarea").scroll_into_view_if_needed()
        assert console.page.evaluate("document.documentElement.scrollWidth") <= 640


def test_a_role_sees_its_own_pages_only(browser: Any, busy: Server) -> None:
    shown = {}
    for role in ("front_desk", "clinician", "owner"):
        with at_console(browser, busy, role) as console:
            shown[role] = console.page.locator(".rail ul a").all_inner_texts()
    assert [len(links) for links in shown.values()] == [5, 6, 11]
    assert not any("Overview" in text for text in shown["front_desk"] + shown["clinician"])


def test_an_answer_is_judged_while_it_is_typed(browser: Any, busy: Server) -> None:
    with at_console(browser, busy, "clinician") as console:
        console.open("/answers")
        console.page.locator(".pick-list button", has_text="Does it hurt?").first.click()
        field = console.page.locator(".editor textarea").first
        field.press("Control+End")
        field.type(" This is a cure.")
        console.sees('May not be said: "cure"', ".marks")
        console.sees("This is a cure.", ".preview")
        console.press("Save and serve")
        console.page.locator(".editor .problem:not(:empty)").wait_for()


def test_days_are_filled_in_by_the_clinics_calendar(browser: Any, server: Server) -> None:
    # Wherever the tests run and whenever: in one of these places it is another day than the one of UTC.
    zone = "Pacific/Pago_Pago" if datetime.now(timezone.utc).hour < 11 else "Pacific/Kiritimati"
    person = Person.signed_in(server, "front_desk")
    for site in person.get("hours")["sites"]:
        person.call("PUT", f"api/hours/{site['site']}", {"fields": {"timezone": zone}, "base": site["version"]})
    today = datetime.now(ZoneInfo(zone)).date().isoformat()
    with at_console(browser, server, "clinician") as console:
        console.open("/answers")
        console.page.locator(".pick-list button", has_text="Does it hurt?").first.click()
        assert console.page.get_by_label("Reviewed on").input_value() == today
        console.press("Save and serve")
        console.sees("Saved.", "#toasts")
        console.open("/hours")
        console.press("Add a closure")
        assert console.page.locator(".row-list").first.get_by_label("From").last.input_value() == today


def test_hours_are_shut_with_one_tap(browser: Any, server: Server) -> None:
    with at_console(browser, server) as console:
        console.open("/hours")
        console.page.locator(".card").first.get_by_role("button", name="Close now").click()
        console.page.fill("dialog input[type=text]", "snow")
        console.page.locator("dialog button[type=submit]").click()
        console.sees("Closed now", ".sites")
        console.page.locator(".card").first.get_by_role("button", name="Open again").click()
        console.page.locator(".card").first.get_by_role("button", name="Close now").wait_for()


def test_what_is_wrong_is_said_in_the_words_of_the_page(browser: Any, server: Server) -> None:
    with at_console(browser, server) as console:
        console.open("/hours")
        card = console.page.locator(".card").first
        card.get_by_label("Monday, opens").first.fill("23:00")
        card.get_by_role("button", name="Save").click()
        card.locator(".problem", has_text="Monday: expected a period that ends after it begins").wait_for()
        assert "week" not in card.locator(".problem").inner_text()


def test_the_page_of_hours_follows_the_box_on_the_left_and_keeps_what_is_written(browser: Any, server: Server) -> None:
    person = Person.signed_in(server, "front_desk")
    for site in person.get("hours")["sites"]:  # the box offers to close only what is open
        week = {day: ["0:00-24:00"] for day in site["fields"]["week"]}
        fields = {"week": week, "holidays": None, "closures": [], "special_days": []}
        assert person.call("PUT", f"api/hours/{site['site']}", {"fields": fields, "base": site["version"]}).status_code == 200
    with at_console(browser, server) as console:
        console.open("/hours")
        card, box = console.page.locator(".card").first, console.page.locator(".site").first
        card.get_by_role("button", name="Add a closure").click()
        card.get_by_label("Reason").fill("painters")
        box.get_by_role("button", name="Close now").click()
        console.page.locator("dialog button[type=submit]").click()
        card.locator(".site-state", has_text="Closed now until").wait_for()
        box.get_by_role("button", name="Open again").click()
        card.locator(".site-state", has_text="Open until").wait_for()
        assert card.get_by_label("Reason").input_value() == "painters"


def test_the_account_page_shows_kept_filters_also_when_it_is_opened_first(browser: Any, server: Server) -> None:
    with at_console(browser, server) as console:
        Person.signed_in(server, "front_desk").call(
            "PUT", "api/filters", {"name": "Emergencies", "query": {"urgency": "emergency"}}
        )
        console.open("/account")
        console.sees("Emergencies", ".card")
        console.page.get_by_role("button", name="Forget the filter Emergencies").click()
        console.sees("Filters you keep above the queue stand here.", ".card")


def test_charts_read_as_tables_and_download(browser: Any, busy: Server) -> None:
    with at_console(browser, busy, "owner") as console:
        console.open("/overview")
        console.page.wait_for_selector("svg.chart")
        console.sees("divided by all conversations", ".formula")
        charts = console.page.locator("section.figure:has(svg.chart)")
        assert charts.count() >= 3
        for number in range(charts.count()):
            chart = charts.nth(number)
            assert chart.locator("svg.chart").get_attribute("aria-label")
            chart.locator("summary").click()
            assert chart.locator("tbody tr").count() > 0
        with console.page.expect_download() as saved:
            console.page.locator("a[download='weeks.csv']").click()
        assert Path(saved.value.path()).read_text().startswith("Week from,")


def test_a_one_time_code_is_switched_on_and_asked_for(browser: Any, server: Server) -> None:
    import pyotp

    with at_console(browser, server, "owner") as console:
        console.open("/account")
        console.press("Switch on")
        secret = console.page.locator("dialog code").inner_text()
        console.page.fill("dialog input", pyotp.TOTP(secret).now())
        console.page.locator("dialog button[type=submit]").click()
        console.sees("Switched on: signing in asks")
        console.press("Sign out")
        console.page.wait_for_selector("#email")
        console.page.fill("#email", PEOPLE["owner"][0])
        console.page.fill("#password", PASSWORD)
        console.page.click("button[type=submit]")
        console.page.wait_for_selector("#code", state="visible")
        later = int(time.time()) + 30
        console.page.fill("#code", pyotp.TOTP(secret).at(later))
        console.page.click("button[type=submit]")
        console.page.wait_for_selector(".rail")


def test_an_invitation_is_made_and_taken_up(browser: Any, server: Server) -> None:
    with at_console(browser, server, "owner") as console:
        console.open("/people")
        console.press("Invite somebody")
        console.page.fill("dialog input[type=text]", "Nia New")
        console.page.fill("dialog input[type=email]", "nia@clinic.example")
        console.page.locator("dialog button[type=submit]").click()
        link = console.page.locator("dialog input[readonly]").input_value()
    guest = browser.new_context().new_page()
    guest.goto(link)
    assert "#" not in guest.url
    guest.fill("#password", "three quiet yellow boats")
    guest.click("button[type=submit]")
    guest.wait_for_selector("#email")
    assert guest.input_value("#email") == "nia@clinic.example"
    guest.fill("#password", "three quiet yellow boats")
    guest.click("button[type=submit]")
    guest.wait_for_selector(".rail")
    guest.context.close()


def test_a_new_link_is_taken_where_an_old_one_is_open(browser: Any, server: Server) -> None:
    owner = Person.signed_in(server, "owner")
    invited = owner.post("people", name="Nia New", email="nia@clinic.example", role="clinician")
    fresh = owner.post(f"people/{invited['person']['id']}/link")["link"]
    guest = browser.new_context().new_page()
    guest.goto(invited["link"])
    guest.fill("#password", "three quiet yellow boats")
    guest.click("button[type=submit]")
    guest.locator(".problem", has_text="used already or has expired").wait_for()
    guest.goto(fresh)
    guest.wait_for_url("**/staff/welcome")
    assert guest.locator(".problem").inner_text() == ""
    guest.fill("#password", "three quiet yellow boats")
    guest.click("button[type=submit]")
    guest.wait_for_selector("#email")
    guest.context.close()


def test_who_is_given_another_role_goes_on_with_it(browser: Any, server: Server) -> None:
    with at_console(browser, server, "clinician") as ben:
        me = ben.page.evaluate("fetch('/staff/api/me').then((answer) => answer.json()).then((me) => me.member.id)")
        Person.signed_in(server, "owner").call("PUT", f"api/people/{me}", {"role": "front_desk"})
        ben.until(
            "document.querySelector('.rail') && ![...document.querySelectorAll('.rail a')].some((a) => /Records/.test(a.text))"
        )
        assert ben.page.url == f"{server.url}/staff/"


def test_a_page_that_a_role_may_not_open_says_so_in_the_console_s_own_dress(browser: Any, server: Server) -> None:
    with at_console(browser, server) as console:
        console.page.goto(f"{server.url}/staff/people")
        console.sees("Your role may not do this: ", ".door main")
        assert console.page.evaluate("getComputedStyle(document.querySelector('main')).display") == "grid"
        console.page.click("text=Back to the queue")
        console.page.wait_for_selector(".rail")


def test_a_colleague_who_came_later_is_named(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(PERSON)
    with at_console(browser, server) as anna:
        anna.row("talk to a person").wait_for()
        owner = Person.signed_in(server, "owner")
        link = owner.post("people", name="Nia New", email="nia@clinic.example", role="clinician")["link"]
        form = {"token": link.split("#")[1], "password": PASSWORD}
        owner.session.post(f"{server.url}/staff/welcome", data=form, headers={"origin": server.url}, timeout=PATIENCE_SECONDS)
        nia = Person(server.url, owner.session)
        assert nia.sign_in("nia@clinic.example").status_code == 200
        nia.read_token()
        nia.post(f"handoffs/{waiting(nia)[0]['id']}/claim")
        anna.view("All open")
        anna.sees("Nia New has it", ".row")


def test_without_a_session_the_console_leads_to_the_door_and_back(browser: Any, server: Server) -> None:
    WebVisitor.arriving(server).say(PERSON)
    handoff = waiting(Person.signed_in(server, "front_desk"))[0]["id"]
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.url}/staff/handoffs/{handoff}")
    page.fill("#email", PEOPLE["front_desk"][0])
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".talk .bubble")
    assert page.url.endswith(handoff)
    context.close()
