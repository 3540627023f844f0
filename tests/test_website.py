"""The chat API over real HTTP: identity, messages, streams, refusals, pages; store, desk and red-flag list are the real ones."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from fixtures_server import ROOT, Server, act, get_json, prepare, running
from patience import PATIENCE_SECONDS, until

from bot.channels.bodies import Schemas
from bot.channels.tokens import Tokens

pytestmark = pytest.mark.slow

HOST_PAGE = "https://clinic.example.org"
EMERGENCY = "I have chest pain and I can't breathe since the session"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for the module; limits are wide, tests of limits run their own."""
    folder = tmp_path_factory.mktemp("website")
    with running(folder, {"allowed_origins": [HOST_PAGE, "https://*.clinics.example"]}, MESSAGES_PER_MINUTE="1000") as one:
        yield one


class Visitor:
    """A client of the API, as an app would be written."""

    def __init__(self, server: Server, **begin: Any) -> None:
        self.api = f"{server.url}/api/v1"
        response = requests.post(f"{self.api}/visitors", json=begin, timeout=PATIENCE_SECONDS)
        assert response.status_code == 201, response.text
        self.token: str = response.json()["token"]

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        sent = {**self.headers, **headers}
        return requests.request(method, self.api + path, json=body, headers=sent, timeout=PATIENCE_SECONDS)

    def say(self, text: str, message_id: str | None = None, **payload: Any) -> requests.Response:
        body = {"id": message_id or uuid.uuid4().hex, "text": text, "payload": payload}
        return self.call("POST", "/messages", body)

    def read(self, after: int = 0, **more: Any) -> dict[str, Any]:
        query = "&".join(f"{name}={value}" for name, value in {"after": after, **more}.items())
        page: dict[str, Any] = self.call("GET", f"/messages?{query}").json()
        return page

    def wait_for(self, seq: int) -> dict[str, Any]:
        """Wait for the reply to a message."""
        replies = until(
            lambda: [one for one in self.read(seq)["messages"] if one.get("in_reply_to") == seq], said=lambda: "no reply"
        )
        found: dict[str, Any] = replies[0]
        return found

    def ask(self, text: str, **payload: Any) -> dict[str, Any]:
        response = self.say(text, **payload)
        assert response.status_code == 202, response.text
        return self.wait_for(response.json()["seq"])

    @contextlib.contextmanager
    def stream(self, after: int | None = None) -> Iterator[Stream]:
        parts = urlsplit(self.api)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE_SECONDS)
        connection.request(
            "GET", f"{parts.path}/events", headers={**self.headers, **({} if after is None else {"last-event-id": str(after)})}
        )
        socket = connection.sock
        response = connection.getresponse()
        assert response.status == 200
        try:
            yield Stream(response)
        finally:
            socket.shutdown(2)
            connection.close()


class Stream:
    """Reads server-sent events in a thread."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.events: list[tuple[str, str, Any]] = []
        self.comments = 0
        self.ended = threading.Event()
        threading.Thread(target=self._read, args=(response,), daemon=True).start()

    def _read(self, response: http.client.HTTPResponse) -> None:
        with contextlib.suppress(Exception):
            rest = ""
            while piece := response.read1():
                *parts, rest = (rest + piece.decode()).split("\n\n")
                for part in parts:
                    self._take(part)
        self.ended.set()

    def _take(self, part: str) -> None:
        if part.startswith(":"):
            self.comments += 1
            return
        fields = dict(line.split(": ", 1) for line in part.split("\n"))
        self.events.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))

    def heard(self, name: str) -> list[Any]:
        """Return the events of a kind."""
        return [data for kind, _, data in list(self.events) if kind == name]

    def wait(self, name: str, number: int = 1) -> list[Any]:
        """Wait for some events of a kind."""
        until(lambda: len(self.heard(name)) >= number, every=0.02, said=lambda: f"{number} x {name} expected, heard {self.events}")
        return self.heard(name)


def problem(response: requests.Response, status: int, name: str) -> dict[str, Any]:
    """Check that an answer is this problem."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    read: dict[str, Any] = response.json()
    assert read["type"] == f"urn:frontdesk:problem:{name}"
    assert read["status"] == status
    return read


# -- conversations ------------------------------------------------------------------------------------------------------


def test_a_conversation_begins_with_a_greeting_that_says_what_it_is(server: Server) -> None:
    (greeting,) = Visitor(server).read()["messages"]
    assert (greeting["seq"], greeting["author"]) == (1, "bot")
    assert "automated assistant" in greeting["text"] and "clinician" in greeting["text"] and "911" in greeting["text"]
    assert greeting["payload"]["buttons"]


def test_the_conversation_keeps_the_site_of_the_page(server: Server) -> None:
    visitor = Visitor(server, site="juniper", language="en")
    assert "(970)" in visitor.ask("What are your opening hours?")["text"] or visitor.read()["standing"]["team"] is not None


def test_a_site_that_is_not_the_clinic_s_is_refused(server: Server) -> None:
    response = requests.post(f"{server.url}/api/v1/visitors", json={"site": "elsewhere"}, timeout=PATIENCE_SECONDS)
    assert problem(response, 422, "unreadable")["fields"] == {"site": "must be one of the clinic's sites"}


def test_a_question_gets_the_clinic_s_answer_with_buttons(server: Server) -> None:
    answer = Visitor(server).ask("what does it cost?")
    assert "$75" in answer["text"]
    assert (answer["author"], answer["topic"], answer["route"]) == ("bot", "cost", "answer")
    assert all(button["title"] and button["intent"] for button in answer["payload"]["buttons"])


def test_a_tapped_button_needs_no_guessing(server: Server) -> None:
    visitor = Visitor(server)
    button = visitor.ask("what does it cost?")["payload"]["buttons"][0]
    assert f"ask_{visitor.ask(button['text'], intent=button['intent'])['topic']}" == button["intent"]


def test_a_retry_is_never_a_second_message(server: Server) -> None:
    visitor = Visitor(server)
    first = visitor.say("what does it cost?", "same-id-1234")
    again = visitor.say("what does it cost?", "same-id-1234")
    assert (first.json()["new"], again.json()["new"]) == (True, False)
    assert first.json()["seq"] == again.json()["seq"]
    visitor.wait_for(first.json()["seq"])
    assert sum(message["author"] == "visitor" for message in visitor.read()["messages"]) == 1


def test_messages_keep_the_order_in_which_they_were_acknowledged(server: Server) -> None:
    visitor = Visitor(server)
    sent = [visitor.say(f"message {number}").json()["seq"] for number in range(10)]
    assert sent == sorted(sent)
    visitor.wait_for(sent[-1])
    replies = [message["in_reply_to"] for message in visitor.read()["messages"] if message.get("in_reply_to")]
    assert replies == sent


def test_reading_pages_through_a_conversation(server: Server) -> None:
    visitor = Visitor(server)
    visitor.ask("message one")
    seen, after = [], 0
    while True:
        page = visitor.read(after, limit=1)
        seen += [message["seq"] for message in page["messages"]]
        after = page["next"]
        if not page["more"]:
            break
    assert seen == [1, 2, 3]


def test_reading_can_wait_for_the_answer(server: Server) -> None:
    visitor = Visitor(server)
    seq = visitor.say("slow please").json()["seq"]
    started = time.monotonic()
    page = visitor.read(seq, wait=25)
    assert page["messages"] and 0.5 < time.monotonic() - started < 25


def test_what_matched_inside_is_not_shown_to_the_visitor(server: Server) -> None:
    assert "matched" not in json.dumps(Visitor(server).ask(EMERGENCY))


def test_feedback_is_kept_for_an_answer_and_only_for_one(server: Server) -> None:
    visitor = Visitor(server)
    answer = visitor.ask("what does it cost?")
    assert visitor.call("POST", "/feedback", {"seq": answer["seq"], "helpful": True}).status_code == 204
    assert visitor.call("POST", "/feedback", {"seq": answer["seq"], "helpful": False}).status_code == 204
    problem(visitor.call("POST", "/feedback", {"seq": answer["seq"] - 1, "helpful": True}), 404, "not-found")


def test_the_transcript_has_everything_that_was_said(server: Server) -> None:
    visitor = Visitor(server)
    answer = visitor.ask("what does it cost?")
    response = visitor.call("GET", "/transcript")
    assert response.headers["content-type"].startswith("text/plain")
    assert "attachment" in response.headers["content-disposition"]
    assert "what does it cost?" in response.text and answer["text"] in response.text


def test_a_deleted_conversation_is_gone_for_every_call(server: Server) -> None:
    visitor = Visitor(server)
    visitor.ask("what does it cost?")
    with visitor.stream() as stream:
        stream.wait("standing")
        assert visitor.call("DELETE", "/visitor").status_code == 204
        stream.wait("gone")
    for method, path, body in CALLS:
        if path != "/typing":
            problem(visitor.call(method, path, body), 404, "not-found")


def test_a_token_renews_for_the_same_conversation(server: Server) -> None:
    visitor = Visitor(server)
    visitor.ask("what does it cost?")
    old = visitor.token
    visitor.token = visitor.call("POST", "/token").json()["token"]
    assert len(visitor.read()["messages"]) == 3
    visitor.token = old
    assert len(visitor.read()["messages"]) == 3


# -- the stream ---------------------------------------------------------------------------------------------------------


def test_the_stream_tells_all_that_was_said_and_then_what_happens(server: Server) -> None:
    visitor = Visitor(server)
    with visitor.stream() as stream:
        assert stream.wait("message")[0]["seq"] == 1
        assert stream.wait("standing")[0]["owner"] == "bot"
        visitor.say("what does it cost?")
        heard = stream.wait("message", 3)
        assert [message["seq"] for message in heard] == [1, 2, 3]
        assert stream.wait("read")[-1] == {"seq": 2}
        assert [number for kind, number, _ in stream.events if kind == "message"] == ["1", "2", "3"]


def test_the_stream_goes_on_after_the_last_event_id(server: Server) -> None:
    visitor = Visitor(server)
    visitor.ask("what does it cost?")
    with visitor.stream(after=2) as stream:
        assert [message["seq"] for message in stream.wait("message")] == [3]


def test_two_streams_hear_the_same(server: Server) -> None:
    visitor = Visitor(server)
    with visitor.stream() as one, visitor.stream() as other:
        one.wait("standing")
        other.wait("standing")
        visitor.ask("what does it cost?")
        assert one.wait("message", 3) == other.wait("message", 3)


def test_a_visitor_cannot_hold_any_number_of_streams(server: Server) -> None:
    visitor = Visitor(server)
    with contextlib.ExitStack() as streams:
        for _ in range(10):
            streams.enter_context(visitor.stream()).wait("standing")
        problem(visitor.call("GET", "/events"), 429, "too-many")

    def again() -> bool:
        """Try once more: the server hears of each end when it next looks."""
        with contextlib.suppress(AssertionError), visitor.stream() as stream:
            return bool(stream.wait("standing"))
        return False

    assert until(again)


def test_a_stream_says_something_while_nothing_happens(server: Server) -> None:
    with Visitor(server).stream() as stream:
        assert until(lambda: stream.comments)


def test_a_stream_is_not_kept_by_proxies(server: Server) -> None:
    with Visitor(server).stream() as stream:
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["content-type"].startswith("text/event-stream")


def test_the_stream_says_who_is_talking(server: Server) -> None:
    visitor = Visitor(server)
    with visitor.stream() as stream:
        visitor.ask("I want to talk to a person")
        assert stream.wait("standing", 2)[-1]["owner"] == "waiting"
        act(server, "typing")
        assert stream.wait("standing", 3)[-1]["staff_typing"] is True
        act(server, "reply", "Hello from the front desk")
        assert [m["text"] for m in stream.wait("message", 4) if m["author"] == "staff"] == ["Hello from the front desk"]

        def last() -> tuple[str, bool]:
            standing = stream.heard("standing")[-1]
            return standing["owner"], standing["staff_typing"]

        until(lambda: last() == ("claimed", False), said=lambda: stream.events)
        act(server, "close")
        until(lambda: last()[0] == "bot", said=lambda: stream.events)


# -- emergencies and refusals -------------------------------------------------------------------------------------------


def test_an_emergency_is_answered_and_stands_with_its_numbers(server: Server) -> None:
    visitor = Visitor(server)
    answer = visitor.ask(EMERGENCY)
    assert answer["payload"]["emergency"] is True and "911" in answer["text"]
    standing = visitor.call("GET", "/standing").json()
    assert standing["emergency"]["numbers"][0] == {"number": "911", "uri": "tel:911"}


def refusals(server: Server) -> dict[str, requests.Response]:
    """Have an emergency refused in every way there is."""
    visitor = Visitor(server)
    address, good = f"{server.url}/api/v1/messages", visitor.headers
    message = {"id": "abcdefgh", "text": EMERGENCY}
    long = {"id": "abcdefghi", "text": "well " * 1000 + EMERGENCY}
    body = json.dumps(message)
    post = requests.post
    return {
        "401 no token": post(address, json=message, timeout=PATIENCE_SECONDS),
        "401 forged": post(address, json=message, headers={"authorization": "Bearer a.b"}, timeout=PATIENCE_SECONDS),
        "403 origin": post(address, json=message, headers={**good, "origin": "https://evil.example"}, timeout=PATIENCE_SECONDS),
        "413 long text": post(address, json=long, headers=good, timeout=PATIENCE_SECONDS),
        "413 large body": post(
            address, data=body + " " * 20_000, headers={**good, "content-type": "application/json"}, timeout=PATIENCE_SECONDS
        ),
        "413 deep in a large body": post(
            address, json={"id": "abcdefgh", "text": "well " * 9000 + EMERGENCY}, headers=good, timeout=PATIENCE_SECONDS
        ),
        "415 form": post(address, data={"text": EMERGENCY}, headers=good, timeout=PATIENCE_SECONDS),
        "415 plain": post(
            address, data=EMERGENCY.encode(), headers={**good, "content-type": "text/plain"}, timeout=PATIENCE_SECONDS
        ),
        "422 not JSON": post(
            address, data=f'{{"text": "{EMERGENCY}"', headers={**good, "content-type": "application/json"}, timeout=PATIENCE_SECONDS
        ),
        "422 no id": post(address, json={"text": EMERGENCY}, headers=good, timeout=PATIENCE_SECONDS),
        "422 other field": post(
            address, json={"id": "abcdefgh", "words": {"deep": [EMERGENCY]}}, headers=good, timeout=PATIENCE_SECONDS
        ),
        "422 field name": post(address, json={"id": "abcdefgh", EMERGENCY: 1}, headers=good, timeout=PATIENCE_SECONDS),
    }


def test_a_refused_message_is_screened_all_the_same(server: Server) -> None:
    for case, response in refusals(server).items():
        assert response.status_code == int(case[:3]), (case, response.text)
        assert "911" in response.json().get("emergency_text", ""), case


def test_a_refused_everyday_message_carries_no_emergency_text(server: Server) -> None:
    response = requests.post(
        f"{server.url}/api/v1/messages", json={"id": "abcdefgh", "text": "what does it cost?"}, timeout=PATIENCE_SECONDS
    )
    assert "emergency_text" not in problem(response, 401, "unauthorized")


def test_who_writes_too_much_still_gets_the_emergency_text(tmp_path: Path) -> None:
    with running(tmp_path, None, MESSAGES_PER_MINUTE="2") as server:
        visitor = Visitor(server)
        assert [visitor.say(f"message {number}").status_code for number in range(3)] == [202, 202, 429]
        refused = problem(visitor.say("again"), 429, "too-many")
        assert refused["retry_after_seconds"] > 0
        assert visitor.say(EMERGENCY).status_code == 202, "an emergency is never refused for writing too often"


def test_a_long_text_is_too_long_by_characters_not_bytes(server: Server) -> None:
    visitor = Visitor(server)
    assert visitor.say("é" * 2000).status_code == 202
    problem(visitor.say("é" * 2001), 413, "too-long")


def test_an_empty_message_is_refused(server: Server) -> None:
    visitor = Visitor(server)
    problem(visitor.say(""), 422, "unreadable")
    problem(visitor.say("   \n "), 422, "refused")


@pytest.mark.parametrize("message_id", ["short", "a" * 65, "with space", "ünïcode-id", "../../etc"])
def test_a_message_id_is_a_plain_word(server: Server, message_id: str) -> None:
    assert "id" in problem(Visitor(server).say("hello", message_id), 422, "unreadable")["fields"]


def test_errors_never_repeat_what_was_written(server: Server) -> None:
    for case, response in refusals(server).items():
        assert "since the session" not in response.text, case
    assert "since the session" not in server.log()


def test_nothing_is_logged_of_what_visitors_write(server: Server) -> None:
    visitor = Visitor(server)
    visitor.ask("my zebra-coloured question about prices cost")
    visitor.ask("break zebra-coloured")
    assert "zebra" not in server.log()


# -- the call-back form -------------------------------------------------------------------------------------------------


def callback(**changes: Any) -> dict[str, Any]:
    form = {"id": uuid.uuid4().hex, "name": "Kim", "phone": "(303) 555-0199", "best_time": "after 4", "consent": True}
    return {**form, **changes}


def test_a_call_back_is_kept_with_the_number_in_international_form(server: Server) -> None:
    visitor = Visitor(server)
    seq = visitor.call("POST", "/callback", callback()).json()["seq"]
    visitor.wait_for(seq)
    assert visitor.call("GET", "/standing").json()["callback"] is True
    assert "+13035550199" in [one["callback"] for one in get_json(f"{server.url}/test/handoffs")]


def test_a_call_back_sent_twice_is_one(server: Server) -> None:
    visitor, form = Visitor(server), callback()
    assert visitor.call("POST", "/callback", form).json()["new"] is True
    assert visitor.call("POST", "/callback", form).json()["new"] is False


@pytest.mark.parametrize(
    ("field", "value"),
    [("phone", "12"), ("phone", "call me"), ("name", " "), ("name", ""), ("consent", False), ("best_time", "x" * 201)],
)
def test_a_call_back_form_says_which_field_is_wrong(server: Server, field: str, value: object) -> None:
    assert field in problem(Visitor(server).call("POST", "/callback", callback(**{field: value})), 422, "unreadable")["fields"]


def test_the_fields_of_the_form_pass_the_red_flag_screen(server: Server) -> None:
    visitor = Visitor(server)
    seq = visitor.call("POST", "/callback", callback(best_time=f"now, {EMERGENCY}")).json()["seq"]
    assert visitor.wait_for(seq)["payload"]["emergency"] is True


def test_a_wrong_form_is_screened_too(server: Server) -> None:
    response = Visitor(server).call("POST", "/callback", callback(phone="12", best_time=EMERGENCY))
    assert "911" in problem(response, 422, "unreadable")["emergency_text"]


def test_a_message_cannot_bring_a_form_along(server: Server) -> None:
    problem(Visitor(server).say("hello", callback={"name": "x", "phone": "+1"}), 422, "unreadable")


# -- who may do what ----------------------------------------------------------------------------------------------------

CALLS: list[tuple[str, str, Any]] = [
    ("POST", "/token", None),
    ("GET", "/messages", None),
    ("POST", "/messages", {"id": "matrix-0001", "text": "hello"}),
    ("GET", "/events", None),
    ("GET", "/standing", None),
    ("POST", "/typing", None),
    ("POST", "/feedback", {"seq": 1, "helpful": True}),
    ("POST", "/callback", {"id": "matrix-0002", "name": "Kim", "phone": "(303) 555-0199", "consent": True}),
    ("GET", "/transcript", None),
    ("DELETE", "/visitor", None),
]


def token_of(kind: str, server: Server) -> str | None:
    """Return an Authorization header."""
    ours, now = Tokens(["test-key"], 30), datetime.now(timezone.utc)
    visitor = Visitor(server)
    known = ours.read(f"Bearer {visitor.token}").visitor
    return {
        "right": f"Bearer {visitor.token}",
        "none": None,
        "expired": f"Bearer {Tokens(['test-key'], 30, lambda: now - timedelta(days=31)).issue(known)[0]}",
        "forged": f"Bearer {Tokens(['another-key'], 30).issue(known)[0]}",
        "unsigned": f"Bearer {known}",
        "of nobody": f"Bearer {ours.issue('v_' + '0' * 32)[0]}",
    }[kind]


@pytest.mark.parametrize("kind", ["right", "none", "expired", "forged", "unsigned", "of nobody"])
@pytest.mark.parametrize(("method", "path", "body"), CALLS)
def test_every_call_needs_the_visitor_s_own_token(server: Server, kind: str, method: str, path: str, body: Any) -> None:
    header = token_of(kind, server)
    headers = {"authorization": header} if header else {}
    response = requests.request(
        method, f"{server.url}/api/v1{path}", json=body, headers=headers, timeout=PATIENCE_SECONDS, stream=True
    )
    with response:
        if kind == "right":
            assert response.status_code < 300
        elif kind != "of nobody":
            problem(response, 401, "unauthorized")
        elif path != "/typing":  # rings for somebody who is not there
            problem(response, 404, "not-found")


def test_one_visitor_s_token_never_shows_another_s_words(server: Server) -> None:
    one, other = Visitor(server), Visitor(server)
    one.ask("the first visitor's secret")
    other.ask("nothing")
    assert "secret" not in json.dumps(other.read())
    assert "secret" not in other.call("GET", "/transcript").text


def test_a_token_in_the_address_opens_nothing(server: Server) -> None:
    visitor = Visitor(server)
    response = requests.get(f"{visitor.api}/messages?token={visitor.token}&access_token={visitor.token}", timeout=PATIENCE_SECONDS)
    problem(response, 401, "unauthorized")


def test_no_answer_sets_a_cookie(server: Server) -> None:
    visitor = Visitor(server)
    paths = ("/", "/chat", "/chat/frame", "/widget.js", "/chat/qr.svg")
    answers = [requests.get(server.url + path, timeout=PATIENCE_SECONDS) for path in paths] + [
        visitor.say("hello"),
        visitor.call("GET", "/messages"),
    ]
    assert all("set-cookie" not in answer.headers for answer in answers)


# -- pages of other origins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [HOST_PAGE, "https://north.clinics.example"])
def test_a_page_on_the_clinic_s_list_may_use_the_api(server: Server, origin: str) -> None:
    address = f"{server.url}/api/v1/messages"
    asked = {"origin": origin, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    preflight = requests.options(address, headers=asked, timeout=PATIENCE_SECONDS)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert "authorization" in preflight.headers["access-control-allow-headers"]
    response = requests.get(address, headers={**Visitor(server).headers, "origin": origin}, timeout=PATIENCE_SECONDS)
    assert response.headers["access-control-allow-origin"] == origin
    assert response.headers["vary"] == "origin"


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://clinic.example.org",
        "https://clinic.example.org.evil.example",
        "null",
        "https://clinics.example",
    ],
)
def test_other_pages_are_refused(server: Server, origin: str) -> None:
    visitor = Visitor(server)
    response = visitor.call("GET", "/messages", origin=origin)
    problem(response, 403, "origin")
    assert "access-control-allow-origin" not in response.headers


def test_our_own_pages_need_no_list(server: Server) -> None:
    assert Visitor(server).call("GET", "/messages", origin=server.url).status_code == 200


def test_only_pages_on_the_list_may_frame_the_chat(server: Server) -> None:
    policy = requests.get(f"{server.url}/chat/frame", timeout=PATIENCE_SECONDS).headers["content-security-policy"]
    assert f"frame-ancestors 'self' {HOST_PAGE} https://*.clinics.example" in policy
    assert (
        "frame-ancestors 'none'" in requests.get(f"{server.url}/chat", timeout=PATIENCE_SECONDS).headers["content-security-policy"]
    )


# -- pages --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/chat", "/chat/frame"])
def test_pages_run_nothing_but_our_own_files(server: Server, path: str) -> None:
    response = requests.get(server.url + path, timeout=PATIENCE_SECONDS)
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'" and policy["script-src"] == "'self'" and policy["style-src"] == "'self'"
    assert "unsafe" not in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"<script(?![^>]*(src=|type=\"application/json\"))|<style| style=| on\w+=", response.text)
    assert not re.search(r'(?:src|href)="(?!/|#|tel:|https://www\.example\.com/privacy)', response.text)


def first_load(server: Server) -> dict[str, bytes]:
    """Fetch what a browser fetches when a visitor opens the chat, packed."""
    session = requests.Session()
    session.headers["accept-encoding"] = "gzip"

    def packed(path: str) -> bytes:
        response = session.get(server.url + path, timeout=PATIENCE_SECONDS, stream=True)
        assert response.status_code == 200, path
        assert response.headers["content-encoding"] == "gzip", path
        body: bytes = response.raw.read(decode_content=False)
        return body

    page = packed("/chat/frame")
    text = re.sub(r"<noscript>.*?</noscript>", "", gzip.decompress(page).decode())
    linked = set(re.findall(r'(?:src|href)="(/[^"]+\.(?:js|css))"', text))
    found = {"/chat/frame": page, "/widget.js": packed("/widget.js"), **{path: packed(path) for path in linked}}
    scripts = {path: gzip.decompress(body).decode() for path, body in found.items() if path.endswith(".js")}
    imported = {name for text in scripts.values() for name in re.findall(r'^import .* from "\./([\w.]+)"', text, re.M)}
    assert imported <= {path.rsplit("/", 1)[1] for path in found}, (
        "every module is named in the page, so that none waits for another"
    )
    return found


def test_the_first_load_is_at_most_20_kb(server: Server) -> None:
    sizes = {path: len(body) for path, body in first_load(server).items()}
    assert sum(sizes.values()) <= 20_000, sizes


def test_scripts_and_styles_are_kept_for_good_under_an_address_that_names_their_content(server: Server) -> None:
    for path in first_load(server):
        response = requests.get(server.url + path, timeout=PATIENCE_SECONDS)
        immutable = path not in ("/chat/frame", "/widget.js")
        assert ("immutable" in response.headers["cache-control"]) is immutable, path
        again = requests.get(server.url + path, headers={"if-none-match": response.headers["etag"]}, timeout=PATIENCE_SECONDS)
        assert (again.status_code, again.content) == (304, b"")


def test_a_client_that_cannot_unpack_gets_plain_files(server: Server) -> None:
    response = requests.get(f"{server.url}/widget.js", headers={"accept-encoding": "identity"}, timeout=PATIENCE_SECONDS)
    assert "content-encoding" not in response.headers and response.text.startswith("(() =>")


def test_the_card_for_when_there_is_no_service_is_in_the_page_itself(server: Server) -> None:
    page = requests.get(f"{server.url}/chat/frame", timeout=PATIENCE_SECONDS).text
    assert 'href="tel:+13035550140"' in page and "Monday" in page and 'href="tel:911"' in page


def test_another_site_s_page_shows_that_site(server: Server) -> None:
    assert 'href="tel:+19705550160"' in requests.get(f"{server.url}/chat/frame?site=juniper", timeout=PATIENCE_SECONDS).text
    assert 'href="tel:+13035550140"' in requests.get(f"{server.url}/chat/frame?site=%3Cscript%3E", timeout=PATIENCE_SECONDS).text


def test_a_language_without_texts_is_not_offered(server: Server) -> None:
    assert '<html lang="en"' in requests.get(f"{server.url}/chat?lang=de", timeout=PATIENCE_SECONDS).text


def test_the_qr_code_is_a_picture_of_the_chat_s_address(server: Server) -> None:
    response = requests.get(f"{server.url}/chat/qr.svg", timeout=PATIENCE_SECONDS)
    assert response.headers["content-type"] == "image/svg+xml" and "<svg" in response.text


def test_the_demo_page_is_not_shown_to_others_also_not_through_a_proxy(tmp_path: Path) -> None:
    server = prepare(tmp_path, PUBLIC_URL="https://chat.clinic.example")
    file = tmp_path / "clinic" / "clinic.yml"
    file.write_text(file.read_text().replace("sample: true", "sample: false"))
    try:
        answer = requests.get(server.start().url, timeout=PATIENCE_SECONDS, allow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (302, "/chat")
    finally:
        server.stop()


@pytest.mark.parametrize(
    "path", ["/widget/x/../../settings.py", "/widget/x/%2e%2e/chat.html", "/widget/x/chat.html", "/demo/index.html", "/nothing"]
)
def test_other_files_are_not_there(server: Server, path: str) -> None:
    problem(requests.get(server.url + path, timeout=PATIENCE_SECONDS), 404, "not-found")


def test_a_wrong_method_is_a_problem_document_too(server: Server) -> None:
    assert "GET" in requests.put(f"{server.url}/api/v1/messages", timeout=PATIENCE_SECONDS).headers["allow"]
    problem(requests.put(f"{server.url}/api/v1/messages", timeout=PATIENCE_SECONDS), 405, "method-not-allowed")


# -- after a crash ------------------------------------------------------------------------------------------------------


def test_what_was_acknowledged_is_answered_once_after_a_kill(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        visitor = Visitor(server)
        seq = visitor.say("slow please").json()["seq"]
        server.kill()
        server.start()
        visitor.wait_for(seq)
        time.sleep(1)
        replies = [message for message in visitor.read()["messages"] if message.get("in_reply_to") == seq]
        assert len(replies) == 1


def test_a_server_that_stops_does_not_wait_for_its_streams(tmp_path: Path) -> None:
    with running(tmp_path) as server, Visitor(server).stream() as stream:
        stream.wait("standing")
        started = time.monotonic()
        server.stop()
        assert stream.ended.wait(5) and time.monotonic() - started < 8


# -- the description ----------------------------------------------------------------------------------------------------


def test_the_description_is_served_and_is_what_requests_are_checked_against(server: Server) -> None:
    served = requests.get(f"{server.url}/api/v1/openapi.json", timeout=PATIENCE_SECONDS).json()
    assert served == json.loads(json.dumps(Schemas().document))
    assert served == yaml.safe_load((ROOT / "bot" / "web" / "openapi.yml").read_text("utf-8"))
