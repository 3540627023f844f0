"""The website chat in a real browser: on a page of another origin, as a page of its own, with and without a network.

Every test also fails on a script error and on anything that a content security policy stopped.
"""

# ruff: noqa: F811  (fixtures come in as arguments under the names they are imported by)
from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fixtures_browser import ARGUMENTS, CHROMIUM, HostPages, axe, becomes, browser, opened_shadows, violations, watched  # noqa: F401
from fixtures_server import WHOLE, Server, act, running
from patience import PATIENCE_SECONDS

pytestmark = pytest.mark.slow

EMERGENCY = "I have chest pain and I can't breathe since the session"
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 760}


@pytest.fixture(scope="module")
def hosts() -> Iterator[list[HostPages]]:
    """Serve two clinic websites: one that is on the list, one that is not."""
    pages = [HostPages(), HostPages()]
    yield pages
    for one in pages:
        one.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hosts: list[HostPages]) -> Iterator[Server]:
    wide = {"MESSAGES_PER_MINUTE": "1000", "VISITORS_PER_HOUR": "100000", "ADDRESS_MESSAGES_PER_MINUTE": "100000"}
    with running(tmp_path_factory.mktemp("widget"), {"allowed_origins": [hosts[0].url]}, **wide) as one:
        yield one


class Chat:
    """Somebody in front of the chat: `where` is the page or the frame that it is in."""

    def __init__(self, where: Any) -> None:
        self.where = where
        where.locator(".turn.bot").first.wait_for()

    @property
    def box(self) -> Any:
        return self.where.get_by_role("textbox", name="Your message")

    def send(self, text: str) -> None:
        self.box.fill(text)
        self.box.press("Enter")

    def ask(self, text: str) -> str:
        before = self.where.locator(".turn.bot:not(.dots), .turn.staff:not(.dots)").count()
        self.send(text)
        self.replies(before + 1)
        return self.texts()[-1]

    def replies(self, number: int) -> None:
        """Wait until there are that many messages of the clinic."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self.where.locator(".turn.bot:not(.dots), .turn.staff:not(.dots)").count() < number:
            assert time.monotonic() < give_up, self.texts()
            time.sleep(0.05)

    def texts(self, kind: str = ".turn:not(.dots)") -> list[str]:
        return [text.strip() for text in self.where.locator(f"{kind} .bubble").all_inner_texts()]

    def state(self, text: str) -> str:
        return str(self.where.locator(".turn.visitor", has_text=text).locator(".state").inner_text())

    def press(self, name: str) -> None:
        self.where.get_by_role("button", name=name, exact=True).click()

    def choose(self, name: str) -> None:
        self.press("More")
        self.press(name)

    def sees(self, text: str) -> None:
        self.where.get_by_text(text).first.wait_for()


@pytest.fixture
def visit(browser: Any, server: Server, hosts: list[HostPages]) -> Iterator[Callable[..., Any]]:
    """Open pages in fresh browsers; afterwards nothing may have gone wrong in any."""
    wrong: list[str] = []
    contexts: list[Any] = []

    def go(path: str = "/chat", *, context: Any = None, **options: Any) -> Any:
        if context is None:
            context = browser.new_context(**{"viewport": PHONE, **options})
            context.set_default_timeout(PATIENCE_SECONDS * 1000)
            context.add_init_script(opened_shadows())
            contexts.append(context)
        page = watched(context.new_page(), wrong)
        page.goto(path if path.startswith("http") else server.url + path)
        return page

    go.wrong = wrong  # type: ignore[attr-defined]
    yield go
    for context in contexts:
        context.close()
    assert not wrong


def host_page(hosts: list[HostPages], server: Server, which: int = 0, before: str = "", after: str = "") -> str:
    """Put the widget's one line into a page of a clinic's website, and return its address."""
    line = f'<script src="{server.url}/widget.js" async></script>'
    hosts[which].pages["/"] = (
        f'<!doctype html><html lang="en"><head><meta name="viewport" content="width=device-width"><title>Our clinic</title></head>'
        f"<body><h1>Our clinic</h1>{before}<p>Welcome.</p>{line}{after}</body></html>"
    )
    hosts[which].headers = {}
    return hosts[which].url + "/"


def open_widget(page: Any) -> Chat:
    page.locator("frontdesk-chat .launcher").click()
    return Chat(frame_of(page))


def frame_of(page: Any) -> Any:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = [frame for frame in page.frames if "/chat/frame" in frame.url]
        if found:
            return found[0]
        assert time.monotonic() < give_up
        page.wait_for_timeout(50)


# -- on a clinic's page -------------------------------------------------------------------------------------------------


def test_one_line_on_a_page_of_another_origin_is_a_working_chat(visit: Any, hosts: list[HostPages], server: Server) -> None:
    page = visit(host_page(hosts, server), viewport=DESKTOP)
    chat = open_widget(page)
    assert "automated assistant" in chat.texts()[0]
    assert "$75" in chat.ask("what does it cost?")


def test_nothing_is_fetched_or_kept_before_the_chat_is_opened(
    visit: Any, browser: Any, hosts: list[HostPages], server: Server
) -> None:
    context = browser.new_context()
    fetched: list[str] = []
    context.on("request", lambda request: fetched.append(request.url))
    page = visit(host_page(hosts, server), context=context)
    page.locator("frontdesk-chat").wait_for(state="attached")
    page.wait_for_timeout(500)
    assert [url for url in fetched if "favicon" not in url] == [page.url, f"{server.url}/widget.js"]
    assert context.cookies() == [] and context.storage_state()["origins"] == []
    assert page.evaluate("document.querySelector('frontdesk-chat').shadowRoot") is None, "the shadow root is closed"
    context.close()


def test_no_cookie_is_set_and_nothing_is_kept_for_the_page_s_own_origin(visit: Any, hosts: list[HostPages], server: Server) -> None:
    page = visit(host_page(hosts, server), viewport=DESKTOP)
    chat = open_widget(page)
    chat.ask("what does it cost?")
    assert page.context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert not [url for url in page.evaluate("performance.getEntriesByType('resource').map(e => e.name)") if server.url not in url]


def test_a_page_that_is_not_on_the_list_gets_the_phone_number_instead(visit: Any, hosts: list[HostPages], server: Server) -> None:
    page = visit(host_page(hosts, server, which=1), viewport=DESKTOP)
    said = warnings(page)
    page.locator("frontdesk-chat .launcher").click()
    card = page.locator("frontdesk-chat .card")
    card.wait_for()
    assert f"{hosts[1].url} is not in allowed_origins of clinic.yml" in said[0]
    assert "(303) 555-0140" in card.inner_text() and "Monday" in card.inner_text()
    visit.wrong.clear()  # the browser reports that it kept to frame-ancestors


def warnings(page: Any) -> list[str]:
    """Note what is said in the browser's console to whoever looks after the page."""
    said: list[str] = []
    page.on("console", lambda line: line.type == "warning" and said.append(line.text))
    return said


def test_it_works_under_a_strict_policy_of_the_page(visit: Any, hosts: list[HostPages], server: Server) -> None:
    address = host_page(hosts, server)
    hosts[0].headers = {
        "content-security-policy": f"default-src 'none'; script-src {server.url}; frame-src {server.url}; require-trusted-types-for 'script'"
    }
    chat = open_widget(visit(address, viewport=DESKTOP))
    assert "$75" in chat.ask("what does it cost?")


HOSTILE_STYLE = """<style>
* { all: unset !important; display: none !important; opacity: 0.1 !important; font-size: 3px !important; pointer-events: none !important; }
frontdesk-chat { transform: scale(0) !important; position: static !important; z-index: -1 !important; }
html { font-size: 40px; } html, body, h1, p { display: block !important; }
</style>"""

HOSTILE_SCRIPT = """<script>
window.heard = []; window.onmessage = (event) => window.heard.push(event.data);
Object.prototype.extra = 'everywhere'; Array.prototype.more = () => 0;
window.frontdesk = 'taken'; window.CLINIC = 'taken'; window.t = 1;
document.addEventListener('keydown', (event) => event.stopImmediatePropagation(), true);
window.before = new Set(Object.getOwnPropertyNames(window));
</script>"""


def test_a_page_with_hostile_styles_and_scripts_neither_breaks_nor_reads_it(
    visit: Any, hosts: list[HostPages], server: Server
) -> None:
    page = visit(host_page(hosts, server, before=HOSTILE_STYLE + HOSTILE_SCRIPT), viewport=DESKTOP)
    launcher = page.locator("frontdesk-chat .launcher")
    launcher.wait_for()
    size = launcher.bounding_box()
    assert size["width"] > 100 and size["height"] >= 56
    chat = open_widget(page)
    assert "$75" in chat.ask("what does it cost?")
    assert "chest" not in str(page.evaluate("window.heard"))
    assert page.evaluate("window.heard.every((one) => ['ready', 'unread', 'close'].includes(one.frontdesk))")
    assert (
        page.evaluate(
            "Object.getOwnPropertyNames(window).filter((name) => !window.before.has(name) && isNaN(name) && name !== 'before')"
        )
        == []
    )
    assert page.evaluate("[typeof window.onmessage, window.frontdesk]") == ["function", "taken"]


def test_the_frame_listens_to_nobody_but_the_page_around_it(visit: Any, hosts: list[HostPages], server: Server) -> None:
    address = host_page(hosts, server, after='<iframe name="ad" srcdoc="<p>ad</p>"></iframe>')
    page = visit(address, viewport=DESKTOP)
    chat = open_widget(page)
    page.frame(name="ad").evaluate("parent.postMessage({frontdesk: 'close'}, '*')")
    page.evaluate("window.postMessage({frontdesk: 'close'}, '*')")
    page.wait_for_timeout(300)
    assert page.locator("frontdesk-chat dialog").evaluate("(panel) => panel.open")
    assert "$75" in chat.ask("what does it cost?")


def test_a_closed_chat_counts_what_it_has_not_shown(visit: Any, hosts: list[HostPages], server: Server) -> None:
    page = visit(host_page(hosts, server), viewport=DESKTOP)
    chat = open_widget(page)
    chat.ask("can I talk to a person?")
    # What comes while it closes has been shown: the chat has to know that it is closed.
    chat.where.evaluate("addEventListener('message', ({data}) => { window.closed_now ||= data?.frontdesk === 'hidden'; })")
    page.locator("frontdesk-chat .launcher").click()
    becomes(chat.where, "window.closed_now")
    act(server, "reply", "Hello, this is the front desk.")
    page.locator("frontdesk-chat .badge", has_text="1").wait_for()
    assert page.title() == "(1) Our clinic"
    assert "1 new message" in page.locator("frontdesk-chat .launcher").get_attribute("aria-label")
    assert page.locator("frontdesk-chat .status").inner_text() == "1 new message"
    page.locator("frontdesk-chat .launcher").click()
    page.locator("frontdesk-chat .badge").wait_for(state="hidden")
    assert page.title() == "Our clinic"
    assert chat.texts()[-1] == "Hello, this is the front desk."
    act(server, "close")


def test_the_keyboard_alone_opens_uses_and_closes_it(visit: Any, hosts: list[HostPages], server: Server) -> None:
    page = visit(host_page(hosts, server), viewport=DESKTOP)
    page.locator("frontdesk-chat .launcher").wait_for()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    chat = Chat(frame_of(page))
    frame = frame_of(page)
    becomes(frame, "document.activeElement.id === 'words'")
    page.keyboard.type("what does it cost?")
    page.keyboard.press("Enter")
    chat.replies(2)
    page.keyboard.press("Escape")
    page.locator("frontdesk-chat dialog").wait_for(state="hidden")
    assert page.evaluate("document.querySelector('frontdesk-chat').shadowRoot.activeElement.className").startswith("launcher")
    assert page.locator("frontdesk-chat .launcher").get_attribute("aria-expanded") == "false"
    page.keyboard.press("Enter")
    becomes(frame, "document.activeElement.id === 'words'")


def test_escape_closes_the_menu_before_the_chat(visit: Any, hosts: list[HostPages], server: Server) -> None:
    page = visit(host_page(hosts, server), viewport=DESKTOP)
    chat = open_widget(page)
    chat.press("More")
    chat.sees("Delete my chat")
    page.keyboard.press("Escape")
    assert chat.where.evaluate("[document.getElementById('menu').hidden, document.activeElement.id]") == [True, "more"]
    assert page.locator("frontdesk-chat dialog").evaluate("(panel) => panel.open")
    page.keyboard.press("Escape")
    page.locator("frontdesk-chat dialog").wait_for(state="hidden")


def test_on_a_phone_it_fills_the_screen_and_the_keyboard_does_not_cover_the_box(
    visit: Any, hosts: list[HostPages], server: Server
) -> None:
    page = visit(host_page(hosts, server), viewport=PHONE, has_touch=True, is_mobile=True)
    chat = open_widget(page)
    # It slides in; what is measured is where it comes to rest.
    becomes(page, "!document.querySelector('frontdesk-chat').shadowRoot.querySelector('dialog').getAnimations().length")
    assert page.locator("frontdesk-chat dialog").bounding_box() == {"x": 0, "y": 0, **PHONE}
    page.evaluate(
        """() => {
          const seen = window.visualViewport;
          Object.defineProperty(seen, 'height', { get: () => 420, configurable: true });
          seen.dispatchEvent(new Event('resize'));
        }"""
    )
    becomes(page, "document.querySelector('frontdesk-chat').shadowRoot.querySelector('dialog').offsetHeight === 420")
    box = chat.box.bounding_box()
    assert box["y"] + box["height"] <= 420
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "FRONTDESK-CHAT", "what lies behind cannot be reached"


def test_the_conversation_goes_on_on_the_next_page(visit: Any, hosts: list[HostPages], server: Server) -> None:
    address = host_page(hosts, server)
    hosts[0].pages["/next"] = hosts[0].pages["/"]
    page = visit(address, viewport=DESKTOP)
    open_widget(page).ask("what does it cost?")
    page.goto(f"{hosts[0].url}/next")
    chat = open_widget(page)
    chat.replies(2)
    assert chat.texts()[1] == "what does it cost?" and "$75" in chat.texts()[2]


def test_where_the_browser_keeps_nothing_for_frames_the_chat_lasts_as_long_as_the_page(
    hosts: list[HostPages], server: Server
) -> None:
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    # A thread of its own: Playwright's plain interface runs once in a thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_without_storage, sync_playwright, host_page(hosts, server), wrong).result()
    assert not wrong


def _without_storage(start: Any, address: str, wrong: list[str]) -> None:
    with start() as playwright:
        page = watched(playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS).new_page(viewport=DESKTOP), wrong)
        page.add_init_script(opened_shadows())
        page.goto(address)
        chat = open_widget(page)
        assert chat.where.evaluate("(() => { try { return localStorage.length } catch { return 'denied' } })()") == "denied"
        assert "$75" in chat.ask("what does it cost?")
        chat.ask("hello")
        page.locator("frontdesk-chat .launcher").click()
        page.locator("frontdesk-chat .launcher").click()
        assert len(chat.texts()) == 5


def test_the_site_of_the_page_is_the_site_of_the_conversation(visit: Any, hosts: list[HostPages], server: Server) -> None:
    host_page(hosts, server)
    hosts[0].pages["/"] = hosts[0].pages["/"].replace("async>", 'async data-site="juniper">')
    chat = open_widget(visit(hosts[0].url + "/", viewport=DESKTOP))
    chat.press("More")
    chat.sees("Call (970) 555-0160")


# -- the conversation ---------------------------------------------------------------------------------------------------


def test_suggestions_and_follow_ups_are_tapped(visit: Any) -> None:
    chat = Chat(visit())
    chat.press("What does it cost?")
    chat.replies(2)
    chat.press("How long is a session?")
    chat.replies(3)
    assert chat.texts(".turn.visitor") == ["What does it cost?", "How long is a session?"]
    assert chat.where.locator(".chips").count() == 1, "only the last message has buttons"


def test_links_and_numbers_can_be_tapped_and_words_stay_words(visit: Any) -> None:
    chat = Chat(visit())
    reply = chat.ask('<img src=x onerror="document.title=1"> <b>bold</b> see https://www.example.com/a?b=1. or (303) 555-0140')
    assert '<img src=x onerror="document.title=1"> <b>bold</b>' in reply
    last = chat.where.locator(".turn.bot .bubble").last
    assert last.locator("img, b").count() == 0
    assert last.locator("a[href='https://www.example.com/a?b=1']").get_attribute("rel") == "noopener noreferrer nofollow"
    assert last.locator("a[href='tel:3035550140']").count() == 1


def test_bold_words_of_the_clinic_are_bold(visit: Any) -> None:
    chat = Chat(visit())
    chat.ask("please say **this** loudly")
    assert chat.where.locator(".turn.bot .bubble strong").last.inner_text() == "this"


def test_dots_are_shown_while_an_answer_is_on_its_way(visit: Any) -> None:
    chat = Chat(visit())
    chat.send("slow please")
    chat.where.locator(".dots").wait_for()
    chat.replies(2)
    assert chat.where.locator(".dots").count() == 0
    assert chat.state("slow please") == "Sent"


def test_every_message_has_its_time_and_every_day_its_name(visit: Any) -> None:
    chat = Chat(visit())
    chat.ask("hello")
    assert chat.where.locator(".day").all_inner_texts() == ["Today"]
    assert all(re.fullmatch(r"\d{1,2}:\d\d [ap]m", text) for text in chat.where.locator("time").all_inner_texts())


def test_an_answer_can_be_rated_once_it_is_there(visit: Any) -> None:
    chat = Chat(visit())
    chat.ask("what does it cost?")
    with chat.where.expect_response(lambda response: "/feedback" in response.url) as heard:
        chat.where.get_by_role("group", name="Was this helpful?").get_by_role("button", name="Yes").click()
    assert heard.value.status == 204
    chat.sees("Thank you")
    chat.where.reload()
    Chat(chat.where).sees("Thank you")


def test_a_person_is_asked_for_and_the_waiting_is_told_as_it_is(visit: Any, server: Server) -> None:
    chat = Chat(visit())
    chat.press("Talk to a person")
    chat.sees("Left for our team.")
    assert "Our team has been told" not in chat.where.locator("#bar").inner_text()
    act(server, "typing")
    chat.where.locator(".dots.staff").wait_for()
    act(server, "reply", "Hello, this is the front desk.")
    chat.sees("Hello, this is the front desk.")
    chat.sees("You are talking with our team.")
    act(server, "close")
    chat.where.locator("#bar").wait_for(state="hidden")


def test_the_call_back_form_says_what_is_missing_and_is_sent(visit: Any) -> None:
    chat = Chat(visit())
    chat.ask("can I talk to a person?")
    chat.press("Ask for a call back")
    form = chat.where.get_by_role("form", name="We call you back")
    form.wait_for()
    becomes(chat.where, "document.activeElement.name === 'name'")
    form.get_by_role("button", name="Send").click()
    chat.sees("Please enter your name.")
    assert form.get_by_label("Your name").get_attribute("aria-invalid") == "true"
    form.get_by_label("Your name").fill("Kim Doe")
    form.get_by_label("Phone number").fill("(303) 555-0199")
    form.get_by_label("Best time to call (optional)").fill("after 4")
    form.get_by_role("checkbox").check()
    form.get_by_role("button", name="Send").click()
    chat.sees("Phone: +13035550199")
    form.wait_for(state="detached")
    chat.sees("We have your number.")


def test_red_flags_in_the_call_back_form_are_seen(visit: Any) -> None:
    chat = Chat(visit())
    chat.ask("can I talk to a person?")
    chat.press("Ask for a call back")
    form = chat.where.get_by_role("form", name="We call you back")
    form.get_by_label("Your name").fill("Kim Doe")
    form.get_by_label("Phone number").fill("+999 1234567890123456")
    form.get_by_label("Best time to call (optional)").fill(EMERGENCY)
    form.get_by_role("checkbox").check()
    form.get_by_role("button", name="Send").click()
    chat.sees("This could be an emergency")
    assert "911" in chat.texts()[-1]


def test_an_emergency_is_pinned_until_a_person_closes_it(visit: Any, server: Server) -> None:
    chat = Chat(visit())
    assert "911" in chat.ask(EMERGENCY)
    call = chat.where.locator("#bar").get_by_role("link", name="Call 911")
    call.wait_for()
    assert call.get_attribute("href") == "tel:911"
    assert chat.where.locator(".chips, .helpful, .extra").count() == 0, "nothing is offered or asked beside an emergency"
    chat.ask("what does it cost?")
    assert call.is_visible()
    chat.where.reload()
    chat = Chat(chat.where)
    call.wait_for()
    act(server, "close")
    call.wait_for(state="detached")


def test_the_emergency_number_is_always_in_sight(visit: Any) -> None:
    chat = Chat(visit())
    assert chat.where.locator(".app .foot").get_by_role("link", name="911").get_attribute("href") == "tel:911"


def test_a_refused_emergency_is_answered_all_the_same(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    page.route("**/api/v1/messages", lambda route: route.continue_(headers={**route.request.headers, "content-type": "text/plain"}))
    chat.send(EMERGENCY)
    chat.where.locator("#bar").get_by_role("link", name="Call 911").wait_for()
    chat.where.locator(".emergency .bubble").wait_for()
    assert chat.where.locator(".turn.visitor .state").inner_text() == "Not sent"


def test_the_conversation_can_be_saved_and_printed(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    chat.ask("what does it cost?")
    chat.press("More")
    with page.expect_download() as download:
        chat.press("Save the conversation")
    saved = Path(download.value.path()).read_text("utf-8")
    assert "what does it cost?" in saved and "$75" in saved and download.value.suggested_filename == "conversation.txt"
    page.emulate_media(media="print")
    assert page.locator("#composer").is_hidden() and page.locator(".bubble", has_text="$75").is_visible()


def test_the_browser_s_own_print_command_prints_the_whole_conversation(visit: Any) -> None:
    page = visit()
    Chat(page).ask("what does it cost?")
    page.wait_for_function("document.getElementById('more-css')?.sheet")
    page.emulate_media(media="print")
    assert page.locator("#composer").is_hidden()
    assert page.evaluate("getComputedStyle(document.getElementById('scroll')).overflow") == "visible"


def test_the_whole_call_back_form_is_in_sight_when_it_opens(visit: Any) -> None:
    page = visit(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    chat = Chat(page)
    chat.ask("a person please")
    chat.press("Ask for a call back")
    for name in ("Your name", "Phone number"):
        page.get_by_role("textbox", name=name).wait_for()
    page.wait_for_timeout(300)
    bottom = page.locator("form.card").evaluate("one => one.getBoundingClientRect().bottom")
    assert bottom <= page.locator("#scroll").evaluate("one => one.getBoundingClientRect().bottom")


def test_on_a_phone_no_ring_is_drawn_round_the_conversation(visit: Any) -> None:
    page = visit(is_mobile=True, has_touch=True)
    Chat(page)
    page.wait_for_function("document.activeElement.id === 'log'")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "none"


def test_times_are_written_as_the_assistant_says_them(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    chat.ask("a person please")
    assert re.fullmatch(r"\d{1,2}:\d\d\sam|\d{1,2}:\d\d\spm", page.locator(".meta time").last.inner_text())
    assert not re.search(r"[AP]M", page.locator("#bar").inner_text())


def test_a_chat_is_deleted_after_one_question_in_every_tab(visit: Any, server: Server) -> None:
    page = visit()
    chat = Chat(page)
    chat.ask("what does it cost?")
    other = Chat(visit(context=page.context))
    chat.choose("Delete my chat")
    chat.press("Keep it")
    assert len(chat.texts()) == 3
    chat.choose("Delete my chat")
    chat.press("Delete")
    for one in (chat, other):
        one.sees("Your chat has been deleted")
        assert one.texts() == []
    assert page.evaluate("localStorage.length") == 0
    chat.press("Start a new chat")
    assert len(Chat(page).texts()) == 1


# -- what it survives ---------------------------------------------------------------------------------------------------


def test_a_reload_keeps_the_conversation_and_what_was_being_typed(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    chat.ask("what does it cost?")
    chat.box.fill("I was about to")
    becomes(page, "Object.values(localStorage).join().includes('I was about to')")
    page.reload()
    chat = Chat(page)
    chat.replies(2)
    assert len(chat.texts()) == 3
    assert chat.box.input_value() == "I was about to"


def test_a_reload_in_the_middle_of_a_message_loses_and_doubles_nothing(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    for number in range(4):
        chat.send(f"slow message {number}")
        page.reload()
        chat = Chat(page)
    chat.replies(5)
    page.wait_for_timeout(500)
    assert chat.texts(".turn.visitor") == [f"slow message {number}" for number in range(4)]
    assert chat.texts(".turn.bot")[1:] == [f"Heard: slow message {number}" for number in range(4)]


def test_what_is_written_without_a_network_is_kept_marked_and_sent_once(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    page.context.set_offline(True)
    chat.send("first offline")
    chat.send("second offline")
    chat.sees("No connection.")
    assert [chat.state("first offline"), chat.state("second offline")] == ["Not sent yet", "Not sent yet"]
    assert chat.where.locator("#bar").get_by_role("link").get_attribute("href") == "tel:+13035550140"
    page.context.set_offline(False)
    chat.replies(3)
    page.wait_for_timeout(500)
    assert chat.texts()[1:] == ["first offline", "second offline", "Heard: first offline", "Heard: second offline"] or chat.texts()[
        1:
    ] == [
        "first offline",
        "Heard: first offline",
        "second offline",
        "Heard: second offline",
    ]
    chat.where.locator("#bar").wait_for(state="hidden")


def test_a_message_whose_acknowledgement_was_lost_is_not_said_twice(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    lost: list[str] = []

    def lose(route: Any) -> None:
        if route.request.method == "POST" and not lost:
            route.fetch()
            lost.append(route.request.url)
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/messages", lose)
    chat.send("hello there once")
    chat.replies(2)
    page.wait_for_timeout(4000)
    assert lost and chat.texts(".turn.visitor") == ["hello there once"]
    assert chat.texts(".turn.bot")[1:] == ["Heard: hello there once"]


def test_a_server_that_is_killed_in_the_middle_is_only_a_pause(browser: Any, tmp_path: Path) -> None:
    wrong: list[str] = []
    with running(tmp_path) as server:
        page = watched(browser.new_page(viewport=PHONE), wrong)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.goto(f"{server.url}/chat")
        chat = Chat(page)
        chat.ask("before")
        chat.send("slow before the end")
        page.locator(".turn.visitor", has_text="slow before").locator(".state", has_text="Sent").wait_for()
        server.kill()
        chat.send("while it is away")
        chat.sees("No connection.")
        assert chat.state("while it is away") == "Not sent yet"
        server.start()
        chat.replies(4)
        page.wait_for_timeout(500)
        assert chat.texts(".turn.visitor") == ["before", "slow before the end", "while it is away"]
        assert chat.texts(".turn.bot")[1:] == ["Heard: before", "Heard: slow before the end", "Heard: while it is away"]
        page.close()
    assert not wrong


def test_a_page_whose_server_is_away_shows_the_phone_number_and_hours(browser: Any, tmp_path: Path, hosts: list[HostPages]) -> None:
    wrong: list[str] = []
    with running(tmp_path, {"allowed_origins": [hosts[0].url]}) as server:
        page = browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.add_init_script(opened_shadows())
        watched(page, wrong)
        page.goto(host_page(hosts, server))
        page.locator("frontdesk-chat .launcher").wait_for()
        server.kill()
        page.locator("frontdesk-chat .launcher").click()
        card = page.locator("frontdesk-chat .card")
        card.wait_for()
        assert "(303) 555-0140" in card.inner_text() and "Monday" in card.inner_text() and "911" in card.inner_text()
        assert card.get_by_role("link", name="Call (303) 555-0140").get_attribute("href") == "tel:+13035550140"
        server.start()
        card.get_by_role("button", name="Try again").click()
        assert "automated assistant" in Chat(frame_of(page)).texts()[0]
        page.close()
    assert not [one for one in wrong if "chrome-error" not in one]


def test_a_service_that_does_not_answer_is_a_card_and_comes_back(visit: Any) -> None:
    page = visit("/widget.js")
    page.route("**/api/v1/**", lambda route: route.abort())
    page.goto(page.url.replace("/widget.js", "/chat"))
    page.get_by_role("heading", name="The chat is not available now").wait_for()
    assert page.get_by_role("link", name="Call (303) 555-0140").is_visible()
    page.unroute("**/api/v1/**")
    page.get_by_role("button", name="Try again").click()
    assert "automated assistant" in Chat(page).texts()[0]


def test_without_scripts_the_page_is_the_clinic_s_phone_number_and_hours(visit: Any) -> None:
    page = visit("/chat", java_script_enabled=False)
    assert page.get_by_role("link", name="Call (303) 555-0140").is_visible()
    assert page.get_by_text("Monday").is_visible()


def test_two_tabs_are_one_conversation(visit: Any) -> None:
    page = visit()
    one, other = Chat(page), Chat(visit(context=page.context))
    one.ask("said in the first")
    other.ask("said in the second")
    one.replies(3)
    other.replies(3)
    assert one.texts() == other.texts()


def test_an_expired_conversation_begins_anew_and_loses_nothing_that_was_typed(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    chat.ask("before")
    page.evaluate(
        "for (const key of Object.keys(localStorage)) localStorage[key] = JSON.stringify({...JSON.parse(localStorage[key]), token: 'gone.gone'})"
    )
    chat.send("after")
    chat.sees("Heard: after")
    assert chat.texts(".turn.visitor") == ["after"]


def test_a_proxy_that_holds_the_stream_back_is_asked_instead(visit: Any) -> None:
    page = visit("/widget.js")
    page.route("**/api/v1/events", lambda route: None)
    page.add_init_script(
        "const late = setTimeout; window.setTimeout = (act, ms, ...rest) => late(act, ms === 10000 ? 300 : ms, ...rest);"
    )
    page.goto(page.url.replace("/widget.js", "/chat"))
    chat = Chat(page)
    assert "$75" in chat.ask("what does it cost?")


@pytest.mark.model
def test_the_whole_assistant_answers_on_the_demo_site(browser: Any, tmp_path: Path) -> None:
    wrong: list[str] = []
    with running(tmp_path, None, WHOLE) as server:
        page = browser.new_page(viewport=DESKTOP)
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.add_init_script(opened_shadows())
        watched(page, wrong).goto(server.url)
        chat = open_widget(page)
        assert "twitch" in chat.ask("does it hurt?")
        answers = len(chat.texts())
        chat.where.locator(".chip").first.click()
        chat.replies(3)
        assert len(chat.texts()) == answers + 2
        assert "911" in chat.ask("it hurts when I breathe in since my last session")
        chat.where.locator("#bar").get_by_role("link", name="Call 911").wait_for()
        page.close()
    assert not wrong


# -- for everybody ------------------------------------------------------------------------------------------------------

SPEAKING = """
  window.spoken = [];
  const listen = () => {
    for (const id of ['say', 'alert']) {
      new MutationObserver((changes) => changes.forEach((change) => change.addedNodes.forEach((node) => window.spoken.push([id, node.textContent]))))
        .observe(document.getElementById(id), { childList: true });
    }
  };
  addEventListener('DOMContentLoaded', listen);
"""


def test_each_new_message_is_spoken_once_and_the_history_is_not(visit: Any) -> None:
    page = visit("/widget.js")
    page.add_init_script(SPEAKING)
    page.goto(page.url.replace("/widget.js", "/chat"))
    chat = Chat(page)
    chat.ask("hello there")
    assert [text for _, text in page.evaluate("window.spoken")] == ["Assistant: Heard: hello there"]
    chat.ask(EMERGENCY)
    place, text = page.evaluate("window.spoken")[-1]
    assert place == "alert" and "911" in text and "**" not in text
    page.reload()
    Chat(page).replies(3)
    page.wait_for_timeout(300)
    assert page.evaluate("window.spoken") == []


def test_at_200_percent_everything_is_there_without_scrolling_sideways(visit: Any) -> None:
    page = visit(viewport={"width": 640, "height": 400}, device_scale_factor=2)
    chat = Chat(page)
    chat.ask("what does it cost?")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert chat.box.is_visible() and page.locator(".top").is_visible()
    box = chat.box.bounding_box()
    assert box["y"] + box["height"] <= 400


def test_a_narrow_screen_fits(visit: Any) -> None:
    page = visit(viewport={"width": 320, "height": 568})
    chat = Chat(page)
    chat.ask("what does it cost?")
    assert page.evaluate(
        "[...document.querySelectorAll('#app *')].every((one) => one.getBoundingClientRect().right <= innerWidth + 1)"
    )
    assert chat.where.get_by_role("button", name="Talk to a person").is_visible()


def test_targets_are_large_enough_to_hit(visit: Any) -> None:
    page = visit()
    chat = Chat(page)
    chat.ask("what does it cost?")
    small = page.evaluate(
        """[...document.querySelectorAll('button')].filter((one) => one.offsetParent).map((one) => one.getBoundingClientRect())
          .filter((box) => box.width < 24 || box.height < 24).length"""
    )
    assert small == 0


def test_nothing_moves_for_who_asked_for_calm(visit: Any) -> None:
    page = visit(reduced_motion="reduce")
    chat = Chat(page)
    chat.send("slow please")
    page.locator(".dots").wait_for()
    assert page.evaluate("document.getAnimations().length") == 0


UI_TEXTS = """() => {
  const own = '#log .bubble, #log .chips, h1, #mark, time, .hours, #config, noscript, .call, .foot a, .why';
  const found = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.textContent.trim() && !node.parentElement.closest(own)) found.push(node.textContent.trim());
  }
  for (const one of document.querySelectorAll('[aria-label], [placeholder]')) {
    found.push(...[one.getAttribute('aria-label'), one.getAttribute('placeholder')].filter(Boolean));
  }
  return found;
}"""


def test_no_text_of_the_widget_is_left_in_its_code(visit: Any) -> None:
    page = visit("/chat?lang=en-XA")
    page.locator(".turn.bot").first.wait_for()
    page.locator("#words").fill("can I talk to a person?")
    page.locator("#words").press("Enter")
    page.locator(".extra button").first.click()
    page.locator("form.card").wait_for()
    page.locator("form.card .primary").click()
    page.locator("#more").click()
    page.locator("#menu button").first.wait_for()
    page.locator("#menu button").last.click()
    page.locator("dialog.ask").wait_for()
    texts = page.evaluate(UI_TEXTS)
    assert len(texts) > 25
    # A separator or a day's name may stand between two of our texts; letters of our own language may not.
    plain = [text for text in texts if not text.startswith("[") and not re.fullmatch(r"[\W\d]*", text)]
    assert plain == []


def test_from_right_to_left_everything_is_mirrored(visit: Any) -> None:
    page = visit("/chat?lang=ar-XB")
    page.locator(".turn.bot").first.wait_for()
    page.locator("#words").fill("hello")
    page.locator("#words").press("Enter")
    page.locator(".turn.bot").nth(1).wait_for()
    mine, theirs = page.locator(".turn.visitor .bubble").bounding_box(), page.locator(".turn.bot .bubble").last.bounding_box()
    assert mine["x"] < 60 and theirs["x"] + theirs["width"] > PHONE["width"] - 60
    assert page.locator("#more").bounding_box()["x"] < 60


def run_axe(page: Any, script: str, state: str) -> None:
    assert violations(page, script) == [], state


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_nothing_in_any_state(visit: Any, axe: str, server: Server, scheme: str, size: dict[str, int]) -> None:
    page = visit("/chat", viewport=size, color_scheme=scheme, bypass_csp=True)
    chat = Chat(page)
    run_axe(page, axe, "greeting")
    chat.ask("what does it cost?")
    run_axe(page, axe, "answer")
    chat.press("More")
    chat.sees("Delete my chat")
    run_axe(page, axe, "menu")
    chat.press("Delete my chat")
    page.locator("dialog.ask").wait_for()
    run_axe(page, axe, "question before deleting")
    chat.press("Keep it")
    chat.ask("can I talk to a person?")
    run_axe(page, axe, "waiting")
    chat.press("Ask for a call back")
    page.get_by_role("form").get_by_role("button", name="Send").click()
    chat.sees("Please enter your name.")
    run_axe(page, axe, "form")
    act(server, "reply", "Hello, this is the front desk.")
    chat.sees("Hello, this is the front desk.")
    run_axe(page, axe, "staff")
    page.context.set_offline(True)
    chat.send("kept for later")
    chat.sees("No connection.")
    run_axe(page, axe, "offline")
    page.context.set_offline(False)
    chat.where.locator(".state", has_text="Not sent yet").wait_for(state="detached")
    chat.ask(EMERGENCY)
    run_axe(page, axe, "emergency")
    act(server, "close")
    chat.choose("Delete my chat")
    chat.press("Delete")
    chat.sees("Your chat has been deleted")
    run_axe(page, axe, "deleted")
    page.route("**/api/v1/**", lambda route: route.abort())
    page.reload()
    page.get_by_role("heading", name="The chat is not available now").wait_for()
    run_axe(page, axe, "no service")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_pages_with_the_widget(
    visit: Any, axe: str, hosts: list[HostPages], server: Server, scheme: str
) -> None:
    page = visit("/", viewport=DESKTOP, color_scheme=scheme, bypass_csp=True)
    page.locator("frontdesk-chat .launcher").wait_for()
    run_axe(page, axe, "demo site")
    chat = open_widget(page)
    run_axe(page, axe, "demo site with the chat open")
    run_axe(chat.where, axe, "the frame")
