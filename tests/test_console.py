"""The console over real HTTP: who may do what, forged requests, lock-out, queue, conversations, content, logs."""

from __future__ import annotations

import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import argon2
import pytest
import requests
from fixtures_console import EMERGENCY, PASSWORD, PEOPLE, Person, WebVisitor, console_running, waiting
from fixtures_server import Server
from patience import PATIENCE_SECONDS, until

from bot.channels.console import console
from bot.channels.console_guard import Endpoint
from bot.parts import Parts
from bot.roles import PERMISSIONS, ROLES, may
from bot.settings import ROOT
from bot.staff import Staff
from bot.store import Store

SYMPTOM = "can I talk to a person about my visit"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with console_running(tmp_path_factory.mktemp("console")) as one:
        yield one


@pytest.fixture(scope="module")
def people(server: Server) -> dict[str, Person]:
    return {role: Person.signed_in(server, role) for role in ROLES}


@pytest.fixture
def anna(people: dict[str, Person]) -> Person:
    return people["front_desk"]


@pytest.fixture
def owner(people: dict[str, Person]) -> Person:
    return people["owner"]


@pytest.fixture
def visitor(server: Server) -> WebVisitor:
    return WebVisitor.arriving(server)


def handoff_of(visitor: WebVisitor, person: Person, text: str = SYMPTOM) -> str:
    """Have a visitor ask for a person, and return the handoff; words of their own tell them apart in the queue."""
    mark = f"mark{time.monotonic_ns()}"
    visitor.say(f"{text} {mark}")
    rows = until(lambda: person.get(f"handoffs?state=open&search={mark}")["rows"], said=lambda: "no handoff")
    until(lambda: visitor.read()[-1]["author"] == "bot", said=lambda: "no reply")
    found: str = rows[0]["id"]
    return found


@contextmanager
def stream(person: Person, path: str, **headers: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """Listen to a stream as (event, data)."""
    address = f"{person.url}/staff/api/{path}"
    with person.session.get(address, stream=True, headers=headers, timeout=PATIENCE_SECONDS) as answer:
        assert answer.status_code == 200, answer.text
        yield events(answer)


def events(answer: requests.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in answer.iter_lines(chunk_size=1, decode_unicode=True):
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


# -- who may do what -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> list[Endpoint]:
    """Every address of the console, from its own table."""
    from bot.parts import build
    from bot.settings import Settings

    folder = tmp_path_factory.mktemp("endpoints")
    from fixtures_console import CLINIC

    parts: Parts = build(Settings(clinic_dir=CLINIC, var_dir=folder, secret_keys=("k",)))
    found: list[Endpoint] = console(parts).ctx.guard.endpoints
    parts.store.close()
    return found


def address(endpoint: Endpoint) -> str:
    """Put something that is not there into each place: what is refused is refused before it is looked up."""
    return re.sub(r"<key:path>", "clinic", re.sub(r"<(?!key)[^>]+>", "nothing", endpoint.path)).lstrip("/")


def test_no_address_is_open_but_those_for_signing_in(endpoints: list[Endpoint]) -> None:
    opened = {(one.method, one.path) for one in endpoints if one.needs is None}
    assert opened == {
        ("GET", "/sign-in"), ("POST", "/sign-in"), ("GET", "/welcome"), ("POST", "/welcome"),
        ("GET", "/files/<version>/<name:path>"),
    }  # fmt: skip


def test_every_role_reaches_what_the_table_says_and_nothing_else(server: Server, endpoints: list[Endpoint]) -> None:
    people = {role: Person.signed_in(server, role) for role in ROLES}
    walked = 0
    for role, person in people.items():
        for one in sorted(endpoints, key=lambda one: one.path == "/sign-out"):
            if one.needs is None:
                continue
            status = reach(person, one)
            allowed = may(role, one.needs)
            assert (status not in (401, 403)) is allowed, f"{role} {one.method} {one.path}: {status}"
            assert allowed or status == 403, f"{role} {one.method} {one.path}: {status}"
            walked += 1
    assert walked > 200


def reach(person: Person, one: Endpoint) -> int:
    if one.path.endswith("/stream"):
        with person.session.get(f"{person.url}/staff{one.path.replace('<handoff_id>', 'nothing')}", stream=True) as answer:
            return answer.status_code
    return person.call(one.method, address(one), {} if one.method != "GET" else None).status_code


def test_who_is_not_signed_in_reaches_nothing(server: Server, endpoints: list[Endpoint]) -> None:
    stranger = Person(server.url, requests.Session(), "0" * 64)
    for one in endpoints:
        if one.needs is None:
            continue
        answer = stranger.call(one.method, address(one), {} if one.method != "GET" else None)
        if "/api/" in one.path:
            assert answer.status_code == 401, one
        else:
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/staff/sign-in"), one


def test_a_page_of_the_wrong_role_says_so(people: dict[str, Person]) -> None:
    answer = people["front_desk"].call("GET", "overview")
    assert answer.status_code == 403
    assert "Your role may not do this" in answer.text


# -- forged requests -----------------------------------------------------------------------------------------


def test_a_change_needs_our_page_and_its_token(anna: Person, owner: Person, endpoints: list[Endpoint]) -> None:
    for one in endpoints:
        if one.method == "GET" or one.needs is None:
            continue
        for forged in (
            {"x-csrf-token": ""},
            {"x-csrf-token": "0" * 64},
            {"x-csrf-token": anna.csrf},  # somebody else's
            {"origin": "https://evil.example"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
        ):
            answer = owner.call(one.method, address(one), {}, **forged)
            assert answer.status_code == 403, f"{one.method} {one.path} {forged}: {answer.status_code}"
    assert owner.get("me")["member"]["role"] == "owner"


def test_a_form_of_another_site_cannot_change_anything(owner: Person) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = owner.session.post(
            f"{owner.url}/staff/api/notifications/test", data="{}", headers={"content-type": kind}, timeout=PATIENCE_SECONDS
        )
        assert answer.status_code == 403


def test_another_site_cannot_sign_somebody_in(server: Server) -> None:
    form = {"email": PEOPLE["owner"][0], "password": PASSWORD}
    for headers in ({"origin": "https://evil.example"}, {}):
        answer = requests.post(
            f"{server.url}/staff/sign-in", data=form, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False
        )
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Server) -> None:
    person = Person(server.url, requests.Session())
    cookie = person.sign_in(PEOPLE["owner"][0]).headers["set-cookie"]
    assert all(part in cookie for part in ("HttpOnly", "SameSite=Strict", "Path=/"))
    assert cookie.startswith("staff=") and "Secure" not in cookie  # plain http on loopback


def test_over_https_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    with console_running(tmp_path, PUBLIC_URL="https://desk.example") as server:
        person = Person(server.url, requests.Session())
        cookie = person.sign_in(PEOPLE["owner"][0]).headers["set-cookie"]
    assert cookie.startswith("__Host-staff=") and "Secure" in cookie


def test_a_link_from_an_email_takes_one_step_more_and_not_a_password(owner: Person) -> None:
    bare = requests.get(
        f"{owner.url}/staff/", headers={"sec-fetch-site": "cross-site"}, timeout=PATIENCE_SECONDS, allow_redirects=False
    )
    assert bare.status_code == 200
    assert 'http-equiv="refresh"' in bare.text


def test_every_page_has_a_strict_policy_and_is_not_kept(owner: Person) -> None:
    for path in ("", "sign-in", "welcome", "account", "api/me"):
        headers = owner.call("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/staff//evil", "/\\evil", "/other", "/staff/api/me"])
def test_signing_in_leads_into_the_console_only(server: Server, path: str) -> None:
    form = {"email": PEOPLE["clinician"][0], "password": PASSWORD, "next": path}
    headers = {"origin": server.url}
    answer = requests.post(
        f"{server.url}/staff/sign-in", data=form, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/staff/")


# -- signing in ----------------------------------------------------------------------------------------------


def test_wrong_passwords_lock_and_say_how_long(server: Server, owner: Person) -> None:
    # An account of its own: the other tests want to sign in with theirs.
    invitation = owner.post("people", email="locked@clinic.example", name="Lou Locked", role="clinician")["link"].partition("#")[2]
    form = {"token": invitation, "password": PASSWORD}
    assert (
        requests.post(
            f"{server.url}/staff/welcome", data=form, headers={"origin": server.url}, timeout=PATIENCE_SECONDS
        ).status_code
        == 200
    )
    person = Person(server.url, requests.Session())
    seen = [person.sign_in("locked@clinic.example", "wrong").status_code for _ in range(5)]
    assert seen == [401] * 5
    locked = person.sign_in("locked@clinic.example")
    assert locked.status_code == 429
    assert 0 < int(locked.headers["retry-after"]) <= 31
    assert "Wait" in locked.json()["detail"]
    assert Person.signed_in(server, "clinician").get("me")["member"]["role"] == "clinician"


def test_signing_in_works_without_scripts_too(server: Server) -> None:
    headers = {"origin": server.url}
    wrong = requests.post(f"{server.url}/staff/sign-in", data={"email": "x@y.example", "password": "<b>"}, headers=headers)
    assert wrong.status_code == 401
    assert "do not belong together" in wrong.text and "<b>" not in wrong.text


def test_signing_out_ends_the_session_and_its_streams(server: Server) -> None:
    person = Person.signed_in(server, "clinician")
    cookies = dict(person.session.cookies)
    with stream(person, "stream") as heard:
        assert next(heard)[0] == "queue"
        other = Person(server.url, requests.Session(), person.csrf)
        other.session.cookies.update(cookies)
        assert other.call("POST", "sign-out").status_code == 303
        assert next(heard)[0] == "signed-out"
    again = Person(server.url, requests.Session(), person.csrf)
    again.session.cookies.update(cookies)
    assert again.call("GET", "api/me").status_code == 401


def test_an_invited_person_chooses_a_password_and_gets_their_role(server: Server, owner: Person) -> None:
    made = owner.post("people", email="new@clinic.example", name="Nia New", role="clinician")
    token = made["link"].partition("#")[2]
    assert "?" not in made["link"] and token
    headers = {"origin": server.url}
    form = {"token": token, "password": "seven green doors open"}
    done = requests.post(f"{server.url}/staff/welcome", data=form, headers=headers, timeout=PATIENCE_SECONDS, allow_redirects=False)
    assert done.status_code == 303
    assert requests.post(f"{server.url}/staff/welcome", data=form, headers=headers, timeout=PATIENCE_SECONDS).status_code == 401
    person = Person(server.url, requests.Session())
    assert person.sign_in("new@clinic.example", "seven green doors open").status_code == 200
    person.read_token()
    assert person.get("me")["member"]["role"] == "clinician"
    owner.post(f"people/{made['person']['id']}/switch", on=False)
    assert person.call("GET", "api/me").status_code == 401


def test_nobody_is_left_without_an_owner(owner: Person) -> None:
    me = owner.get("me")["member"]["id"]
    assert owner.call("PUT", f"api/people/{me}", {"role": "front_desk"}).status_code == 409
    assert owner.call("POST", f"api/people/{me}/switch", {"on": False}).status_code == 409


# -- the queue -----------------------------------------------------------------------------------------------


def test_the_queue_is_live_and_sends_what_changed(server: Server, anna: Person) -> None:
    visitor = WebVisitor.arriving(server)
    with stream(anna, "stream") as heard:
        name, first = next(heard)
        assert name == "queue" and first["whole"] is True
        known = {row["id"] for row in first["rows"]}
        visitor.say(EMERGENCY)
        for _, news in heard:
            rows = [row for row in news.get("rows", ()) if row["id"] not in known]
            if rows:
                break
        assert not news["whole"]
        assert (rows[0]["urgency"], rows[0]["acknowledged_at"], rows[0]["state"]) == ("emergency", None, "waiting")
        anna.post(f"handoffs/{rows[0]['id']}/claim")
        anna.post(f"handoffs/{rows[0]['id']}/close", outcome="emergency", done="Told to call.")
        assert any(rows[0]["id"] in news.get("removed", ()) for _, news in heard)


def test_an_emergency_stands_before_who_waits_longer(server: Server, anna: Person) -> None:
    first = handoff_of(WebVisitor.arriving(server), anna)
    second = handoff_of(WebVisitor.arriving(server), anna, EMERGENCY)
    ids = [row["id"] for row in waiting(anna, 2)]
    assert ids.index(second) < ids.index(first)


def test_the_queue_is_searched_by_words_and_kept_filters(server: Server, anna: Person, people: dict[str, Person]) -> None:
    handoff = handoff_of(WebVisitor.arriving(server), anna, "can a person tell me about kumquats")
    assert [row["id"] for row in anna.get("handoffs?state=all&search=kumquats")["rows"]] == [handoff]
    kept = anna.call("PUT", "api/filters", {"name": "Fruit", "query": {"search": "kumquats"}}).json()["filters"]
    assert kept == {"Fruit": {"search": "kumquats"}}
    assert people["clinician"].get("filters")["filters"] == {}


# -- conversations -------------------------------------------------------------------------------------------


def test_of_twenty_who_claim_at_once_exactly_one_gets_it(tmp_path: Path) -> None:
    with console_running(tmp_path) as server:
        claimers = twenty(server, tmp_path)
        visitor = WebVisitor.arriving(server)
        handoff = handoff_of(visitor, claimers[0])
        gate = threading.Barrier(len(claimers))

        def claim(person: Person) -> requests.Response:
            gate.wait()
            return person.call("POST", f"api/handoffs/{handoff}/claim", {})

        with ThreadPoolExecutor(len(claimers)) as pool:
            answers = list(pool.map(claim, claimers))
        won = [answer for answer in answers if answer.status_code == 200]
        lost = [answer for answer in answers if answer.status_code == 409]
        assert (len(won), len(lost)) == (1, 19)
        winner = won[0].json()["handoff"]["member"]
        assert {answer.json()["member"] for answer in lost} == {winner}


def twenty(server: Server, folder: Path) -> list[Person]:
    store = Store(f"sqlite:///{folder / 'var' / 'frontdesk.db'}")
    staff = Staff(store, hasher=argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    people = []
    for number in range(20):
        member, token = staff.add(f"p{number}@clinic.example", f"Person {number}", "front_desk")
        staff.accept(token, PASSWORD)
        _, cookie = staff.sign_in(member.email, PASSWORD)
        person = Person(server.url, requests.Session())
        person.session.cookies.set("staff", cookie)
        person.read_token()
        people.append(person)
    store.close()
    return people


def test_a_person_takes_over_replies_and_gives_back(server: Server, anna: Person, visitor: WebVisitor) -> None:
    handoff = handoff_of(visitor, anna)
    refused = anna.call("POST", f"api/handoffs/{handoff}/reply", {"text": "Hello", "message_id": "s1"})
    assert refused.status_code == 409
    anna.post(f"handoffs/{handoff}/claim")
    for _ in range(2):  # sent twice, as after a broken connection
        anna.post(f"handoffs/{handoff}/reply", text="Hello, this is Anna.", message_id="s1")
    visitor.hears("this is Anna")
    assert [m["author"] for m in visitor.read()].count("staff") == 1
    visitor.say("what does it cost")
    time.sleep(0.5)
    assert visitor.read()[-1]["author"] == "visitor"
    anna.post(f"handoffs/{handoff}/give_back")
    visitor.say("what does a visit cost")
    visitor.hears("$")


def test_a_colleague_sees_who_has_it_and_cannot_reply(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna, ben = people["front_desk"], people["clinician"]
    handoff = handoff_of(visitor, anna)
    anna.post(f"handoffs/{handoff}/claim")
    refused = ben.call("POST", f"api/handoffs/{handoff}/claim", {})
    assert refused.status_code == 409
    assert refused.json()["member"] == anna.get("me")["member"]["id"]
    assert ben.call("POST", f"api/handoffs/{handoff}/reply", {"text": "x"}).status_code == 409
    anna.post(f"handoffs/{handoff}/transfer", to=ben.get("me")["member"]["id"])
    ben.post(f"handoffs/{handoff}/reply", text="Hello from Ben")
    visitor.hears("Hello from Ben")


def test_notes_stay_with_staff(anna: Person, visitor: WebVisitor) -> None:
    handoff = handoff_of(visitor, anna)
    anna.post(f"handoffs/{handoff}/note", text="speaks fast, call slowly")
    assert anna.get(f"handoffs/{handoff}")["handoff"]["notes"][0]["text"] == "speaks fast, call slowly"
    assert "speaks fast" not in json.dumps(visitor.read())


def test_what_is_put_off_comes_back_when_the_visitor_writes(anna: Person, visitor: WebVisitor) -> None:
    handoff = handoff_of(visitor, anna)
    anna.post(f"handoffs/{handoff}/claim")
    anna.post(f"handoffs/{handoff}/snooze", until="2026-12-01T08:00:00+00:00" if time.time() < 1796000000 else soon())
    assert anna.get(f"handoffs/{handoff}")["handoff"]["state"] == "snoozed"
    visitor.say("are you there")
    assert anna.get(f"handoffs/{handoff}")["handoff"]["state"] == "claimed"


def soon() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() + 3600))


@pytest.mark.parametrize("until", ["", "tomorrow", "2026-12-01T08:00:00", "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"])
def test_it_is_put_off_to_a_moment_that_makes_sense(anna: Person, visitor: WebVisitor, until: str) -> None:
    handoff = handoff_of(visitor, anna)
    anna.post(f"handoffs/{handoff}/claim")
    assert anna.call("POST", f"api/handoffs/{handoff}/snooze", {"until": until}).status_code == 422


def test_a_report_is_closed_with_what_was_done_and_then_locked(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna = people["front_desk"]
    handoff = handoff_of(visitor, anna, EMERGENCY)
    anna.post(f"handoffs/{handoff}/claim")
    path = f"api/handoffs/{handoff}"
    assert anna.call("POST", f"{path}/close", {"outcome": "called", "done": " "}).status_code == 422
    assert anna.call("POST", f"{path}/close", {"outcome": "nonsense", "done": "all of it"}).status_code == 422
    assert anna.call("POST", f"{path}/give_back", {}).status_code == 409
    anna.post(f"handoffs/{handoff}/close", outcome="called", done="Called <b>twice</b>, went to hospital.")
    for verb, body in (("note", {"text": "more"}), ("claim", {}), ("close", {"outcome": "called", "done": "other"})):
        assert anna.call("POST", f"{path}/{verb}", body).status_code == 409
    page = people["clinician"].call("GET", f"records/{handoff}")
    assert page.status_code == 200
    for words in (
        "Called &lt;b&gt;twice&lt;/b&gt;, went to hospital.",
        "can no longer change",
        "chest pain",
        "Anna Berg",
    ):
        assert words in page.text
    assert "<script" not in page.text
    assert handoff in [row["id"] for row in people["clinician"].get("records")["rows"]]


def test_the_record_says_what_happened_in_words_and_on_the_clinics_clock(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna, ben = people["front_desk"], people["clinician"]
    handoff = handoff_of(visitor, anna)
    anna.post(f"handoffs/{handoff}/claim")
    visitor.say(EMERGENCY)
    visitor.hears("911")
    anna.post(f"handoffs/{handoff}/snooze", until=soon())
    anna.post(f"handoffs/{handoff}/transfer", to=ben.get("me")["member"]["id"])
    page = ben.call("GET", f"records/{handoff}").text
    assert "to Ben Castle" in page
    assert f"until {soon()[:4]}" in page and "+00:00" not in page
    assert re.search(r"Raised to a graver sign .*emergency, Reports a symptom, RF\d\d", page)


def test_the_console_is_told_which_message_matched_what(anna: Person, visitor: WebVisitor) -> None:
    found = anna.get(f"handoffs/{handoff_of(visitor, anna, EMERGENCY)}")
    opened = found["handoff"]["history"][0]["detail"]
    said = next(message for message in found["messages"] if message["seq"] == opened["seq"])
    assert said["author"] == "visitor"
    assert opened["rules"] and len(set(opened["rules"])) == len(opened["rules"])


def test_a_red_flag_reaches_the_visitor_while_a_person_has_the_conversation(anna: Person, visitor: WebVisitor) -> None:
    handoff = handoff_of(visitor, anna)
    anna.post(f"handoffs/{handoff}/claim")
    with stream(anna, f"handoffs/{handoff}/stream?after=0") as heard:
        visitor.say(EMERGENCY)
        visitor.hears("911")
        grave = (m for name, news in heard if name == "messages" for m in news if m["emergency"])
        assert "911" in next(grave)["text"]
    found = anna.get(f"handoffs/{handoff}")["handoff"]
    assert (found["urgency"], found["state"], found["acknowledged_at"]) == ("emergency", "claimed", None)


def test_the_stream_of_a_conversation_goes_on_where_it_stopped(anna: Person, visitor: WebVisitor) -> None:
    handoff = handoff_of(visitor, anna)
    seen = anna.get(f"handoffs/{handoff}")["messages"][-1]["seq"]
    anna.post(f"handoffs/{handoff}/claim")
    anna.post(f"handoffs/{handoff}/reply", text="first of all")
    with stream(anna, f"handoffs/{handoff}/stream", **{"last-event-id": str(seen)}) as heard:
        messages = next(news for name, news in heard if name == "messages")
    assert [message["text"] for message in messages] == ["first of all"]


def test_colleagues_see_who_views_and_who_types(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna, ben = people["front_desk"], people["clinician"]
    ids = {role: person.get("me")["member"]["id"] for role, person in people.items()}
    handoff = handoff_of(visitor, anna)
    about = anna.get(f"handoffs/{handoff}")["handoff"]["visitor"]
    with stream(anna, f"handoffs/{handoff}/stream") as heard, stream(ben, f"handoffs/{handoff}/stream") as other:
        assert any(news["viewing"] == [ids["clinician"]] for name, news in heard if name == "around")
        assert any(news["viewing"] == [ids["front_desk"]] for name, news in other if name == "around")
        ben.post(f"handoffs/{handoff}/typing", visitor=about, to_visitor=False)
        assert any(news["typing"] == [ids["clinician"]] for name, news in heard if name == "around")
        requests.post(f"{visitor.url}/api/v1/typing", headers=visitor.headers, timeout=PATIENCE_SECONDS)
        assert any(news["visitor_typing"] for name, news in heard if name == "around")


def test_canned_replies_fill_their_gaps(anna: Person, visitor: WebVisitor) -> None:
    anna.post("canned/starters")
    handoff = handoff_of(visitor, anna)
    shown = {one["title"]: one["text"] for one in anna.get(f"handoffs/{handoff}/canned")["canned"]}
    assert "Anna Berg" in shown["Hello, a person here"]
    assert re.search(r"\(\d{3}\) \d{3}", shown["Call us"])
    assert "{visitor.phone}" in shown["Calling you now"]  # nobody left a number: the gap stays visible


def test_a_canned_reply_with_a_gap_that_nothing_fills_is_not_kept(anna: Person) -> None:
    before = anna.post("canned/starters")["canned"]
    for method, path in (("POST", "api/canned"), ("PUT", f"api/canned/{before[0]['id']}")):
        refused = anna.call(method, path, {"title": "Hello", "text": "Hello {vistor_name}."})
        assert refused.status_code == 422 and "{vistor_name}" in refused.json()["detail"]
    assert anna.get("canned")["canned"] == before


def test_approved_answers_that_fit_are_suggested(anna: Person, visitor: WebVisitor) -> None:
    handoff = handoff_of(visitor, anna, "a person please: how much does it cost, what is the price")
    topics = [one["topic"] for one in anna.get(f"handoffs/{handoff}/suggestions")["suggestions"]]
    assert topics[0] == "cost"
    found = anna.get(f"handoffs/{handoff}/suggestions?search=parking")["suggestions"]
    assert "clinic_location" in [one["topic"] for one in found]


# -- content -------------------------------------------------------------------------------------------------


def answer(person: Person, key: str) -> dict[str, Any]:
    return next(row for row in person.get("answers")["answers"] if row["key"] == key)


def test_an_answer_is_changed_at_once_previewed_and_put_back(people: dict[str, Person], server: Server) -> None:
    ben, key = people["clinician"], "does_it_hurt"
    before = answer(ben, key)
    seen = ben.post("preview", key=key, fields={"text": "It is a guaranteed cure. Call {clinic.phone}."})
    assert {"cure", "guaranteed"} <= set(seen["forbidden"])
    assert "(303)" in seen["text"] and isinstance(seen["grade"], float)
    edit = {"fields": {"text": "It is a guaranteed cure."}, "approved_by": "Dr. B", "base": before["version"]}
    assert ben.call("PUT", f"api/answers/{key}", edit).status_code == 422
    edit["fields"] = {"text": "Most people feel little. Kumquat."}
    assert ben.call("PUT", f"api/answers/{key}", {**edit, "approved_by": ""}).status_code == 422
    assert ben.call("PUT", f"api/answers/{key}", edit).status_code == 200
    assert ben.call("PUT", f"api/answers/{key}", edit).status_code == 409  # somebody had changed it meanwhile
    visitor = WebVisitor.arriving(server)
    visitor.say("does it hurt")
    visitor.hears("Kumquat")
    entry = next(row for row in people["owner"].get("audit")["rows"] if row["what"] == "content.edited")
    assert entry["before"]["fields"]["text"] == before["fields"]["text"]
    assert "Kumquat" in entry["after"]["fields"]["text"]
    assert entry["member"] == ben.get("me")["member"]["id"]
    assert ben.call("POST", f"api/answers/{key}", {"version": before["version"]}).status_code == 200
    assert answer(ben, key)["fields"]["text"] == before["fields"]["text"]
    assert [step["origin"] for step in ben.get(f"answers/{key}")["history"]][:2] == ["console", "console"]


def test_the_clinics_facts_are_no_answers_and_the_other_way_round(people: dict[str, Person]) -> None:
    body = {"fields": {"emergency": "000"}, "approved_by": "x"}
    assert people["clinician"].call("PUT", "api/answers/clinic/numbers", body).status_code == 404
    assert people["owner"].call("PUT", "api/facts/notifications", {"fields": {"items": []}}).status_code == 404
    assert people["owner"].call("PUT", "api/facts/../does_it_hurt", {"fields": {"text": "x"}}).status_code in (403, 404)


def test_hours_are_changed_and_a_site_is_closed_with_one_tap(anna: Person) -> None:
    site = anna.get("hours")["sites"][0]
    fields = {**site["fields"], "week": {**site["fields"]["week"], "sunday": ["10:00-12:00"]}}
    changed = anna.call("PUT", f"api/hours/{site['site']}", {"fields": fields, "base": site["version"]})
    assert changed.status_code == 200, changed.text
    assert anna.get("hours")["sites"][0]["fields"]["week"]["sunday"] == ["10:00-12:00"]
    fields["week"]["sunday"] = ["12:00-10:00"]
    assert anna.call("PUT", f"api/hours/{site['site']}", {"fields": fields}).status_code == 422
    closed = anna.post(f"sites/{site['site']}/close", until=soon(), reason="snow")["site"]
    assert (closed["open"], closed["closed_reason"]) == (False, "snow")
    assert anna.post(f"sites/{site['site']}/open")["site"]["closed_until"] is None


def test_a_new_price_is_in_the_next_answer(owner: Person, server: Server) -> None:
    prices = next(one for one in owner.get("facts")["facts"] if one["key"] == "clinic/prices")
    items = [{**one, "amount": 77} if one["title"] == "30-minute visit" else one for one in prices["fields"]["items"]]
    saved = owner.call("PUT", "api/facts/prices", {"fields": {"items": items}, "base": prices["version"]})
    assert saved.status_code == 200, saved.text
    visitor = WebVisitor.arriving(server)
    visitor.say("what does it cost")
    visitor.hears("$77")


def test_notification_rules_take_effect_at_once_and_a_test_says_which_way_fails(owner: Person) -> None:
    rules = owner.get("rules")["rules"]
    with receiver() as good:
        ways = [good, "http://127.0.0.1:9/hook"]
        items = [{"medium": "chat", "address": one, "urgencies": ["emergency"], "after_minutes": 0} for one in ways]
        saved = owner.call("PUT", "api/rules", {"fields": {"items": items}, "base": rules["version"]})
        assert saved.status_code == 200, saved.text
        assert owner.post("notifications/test")["ways"] == 2
        until(lambda: owner.get("notifications")["last_test"]["delivered"] >= 1)
        last = owner.get("notifications")["last_test"]
    assert (last["ways"], last["delivered"]) == (2, 1)
    tested = owner.get("notifications")["tested"][0]
    assert tested["medium"] == "chat" and "/hook" not in tested["address"]  # who reads the page cannot post
    page = owner.get("notifications")
    assert {one["state"] for one in page["tested"][:2]} > {"delivered"}
    assert not [one for one in (*page["dead"], *page["waiting"]) if not one["handoff"]]  # nobody is to be called for a test


@contextmanager
def receiver() -> Iterator[str]:
    """Run something that takes whatever is posted."""

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()


# -- logs and a visitor's data -------------------------------------------------------------------------------


def test_who_opened_a_conversation_is_kept(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna, owner = people["front_desk"], people["owner"]
    handoff = handoff_of(visitor, anna)
    opened = anna.get(f"handoffs/{handoff}")
    rows = owner.get(f"access?visitor={opened['visitor']['id']}")["rows"]
    assert [row["member"] for row in rows] == [anna.get("me")["member"]["id"]]


def test_what_staff_do_is_audited_without_what_anybody_wrote(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna, owner = people["front_desk"], people["owner"]
    handoff = handoff_of(visitor, anna, "a person please, my secret is persimmon")
    anna.post(f"handoffs/{handoff}/claim")
    anna.post(f"handoffs/{handoff}/reply", text="quince is my answer")
    anna.post(f"handoffs/{handoff}/close", outcome="answered", done="medlar")
    rows = [row for row in owner.get("audit")["rows"] if row["after"] and row["after"].get("handoff") == handoff]
    assert [row["what"] for row in rows] == ["handoff.closed", "handoff.replied", "handoff.claimed"]
    assert rows[2]["before"]["state"] == "waiting" and rows[2]["after"]["state"] == "claimed"
    assert not re.search("persimmon|quince|medlar", json.dumps(rows))
    assert owner.get("audit/verify")["whole"] is True


def test_a_visitor_is_exported_and_deleted_everywhere(people: dict[str, Person], visitor: WebVisitor) -> None:
    anna, owner = people["front_desk"], people["owner"]
    handoff = handoff_of(visitor, anna, "a person please, about tamarind")
    about = anna.get(f"handoffs/{handoff}")["visitor"]["id"]
    assert "tamarind" in owner.call("GET", f"api/visitors/{about}/export").text
    assert owner.call("DELETE", f"api/visitors/{about}", {}).status_code == 200
    assert anna.call("GET", f"api/handoffs/{handoff}").status_code == 404
    assert owner.get("handoffs?state=all&search=tamarind")["rows"] == []


def test_the_figures_read_as_csv(owner: Person) -> None:
    table = owner.call("GET", "api/overview/weeks.csv")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.startswith("Week from,Answered without a person")
    assert "attachment" in table.headers["content-disposition"]
    assert owner.call("GET", "api/overview?first=nonsense").status_code == 422


def test_the_figures_keep_to_the_hours_that_held_then(owner: Person, anna: Person, visitor: WebVisitor) -> None:
    def closed() -> int:
        rows = owner.get("overview")["tables"]["acknowledged"]["rows"]
        return sum(row[1] for row in rows if row[0].endswith("while closed"))

    before = closed()
    owner.post(f"sites/{owner.get('me')['sites'][0]['slug']}/close", until=soon())
    handoff_of(visitor, anna)
    owner.post(f"sites/{owner.get('me')['sites'][0]['slug']}/open")
    site = owner.get("hours")["sites"][0]
    always = {"week": {day: ["0:00-24:00"] for day in site["fields"]["week"]}, "holidays": None, "closures": [], "special_days": []}
    assert owner.call("PUT", f"api/hours/{site['site']}", {"fields": always}).status_code == 200
    assert closed() == before + 1
    assert owner.call("POST", f"api/hours/{site['site']}", {"version": site["version"]}).status_code == 200


def test_strange_requests_are_refused_in_words(anna: Person) -> None:
    for body in (b"[1]", b"{", b"\xff", b'"x"'):
        answer = anna.session.put(
            f"{anna.url}/staff/api/filters",
            data=body,
            headers={"origin": anna.url, "x-csrf-token": anna.csrf, "content-type": "application/json"},
            timeout=PATIENCE_SECONDS,
        )
        assert answer.status_code == 422, body
        assert answer.json()["detail"]


def test_files_are_served_and_nothing_outside_them(server: Server) -> None:
    page = requests.get(f"{server.url}/staff/sign-in", timeout=PATIENCE_SECONDS).text
    base = re.search(r'href="(/staff/files/[0-9a-f]+)/', page)
    assert base is not None
    good = requests.get(f"{server.url}{base[1]}/main.js", timeout=PATIENCE_SECONDS)
    assert good.status_code == 200 and "immutable" in good.headers["cache-control"]
    for name in ("../../settings.py", "shell.html", "%2e%2e/%2e%2e/settings.py", "nothing.js"):
        assert requests.get(f"{server.url}{base[1]}/{name}", timeout=PATIENCE_SECONDS).status_code == 404


# -- the handbook ------------------------------------------------------------------------------------------


def test_the_handbook_has_the_table_of_roles_as_the_server_keeps_it() -> None:
    text = (ROOT / "docs" / "desk.md").read_text("utf-8")
    said = [" ".join(("yes" if role in one.roles else "no") for role in ROLES) for one in PERMISSIONS]
    rows = [f"| {one.title} | {words.replace(' ', ' | ')} |" for one, words in zip(PERMISSIONS, said)]
    assert [row for row in rows if row not in text] == []


def test_every_picture_of_the_handbook_is_there_and_shown() -> None:
    shown = set(re.findall(r"images/(desk-[\w-]+\.png)", (ROOT / "docs" / "desk.md").read_text("utf-8")))
    kept = {file.name for file in (ROOT / "docs" / "images").glob("desk-*.png")}
    assert shown == kept
