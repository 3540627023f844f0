"""The staff console: sign-in pages, the shell of the console, its files, and everything below /staff/api.

The pages are plain: HTML made here, ES modules and style sheets from bot/web/console, no build step, nothing inline
and nothing from elsewhere. What may be done by whom stands in bot/roles.py.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sanic import Blueprint, Sanic
from sanic.request import Request
from sanic.response import HTTPResponse, html, json, redirect

from bot.accounts import SHORTEST_PASSWORD
from bot.channels.console_content import add_content
from bot.channels.console_desk import OUTCOMES, add_desk
from bot.channels.console_guard import HEADERS, Call, Guard, problem
from bot.channels.console_live import Live
from bot.channels.console_owner import add_owner
from bot.channels.console_record import record_page
from bot.channels.pages import FOREVER, WEB_DIR, Assets, render, script_json, send
from bot.errors import FrontDeskError, NotFound, TooMany
from bot.notify import MAX_TRIES
from bot.parts import Parts
from bot.roles import PERMISSIONS, ROLE_TITLES
from bot.staff import CodeNeeded
from bot.store import utc_now

PAGES = (
    ("/", "queue", "Queue"),
    ("/handoffs/<handoff_id>", "conversations", "Conversation"),
    ("/records", "records", "Records"),
    ("/answers", "answers_read", "Answers"),
    ("/hours", "hours", "Hours"),
    ("/facts", "facts", "Prices and team"),
    ("/canned", "canned", "Canned replies"),
    ("/notifications", "notifications", "Notifications"),
    ("/rules", "rules", "Who is notified"),
    ("/overview", "overview", "Overview"),
    ("/people", "staff", "People"),
    ("/logs", "logs", "Logs"),
    ("/account", "account", "Your account"),
)
"""Every page of the console, with the permission it needs; the console's own modules draw it."""


class Pages:
    """The templates and files of the console."""

    def __init__(self, folder: Path) -> None:
        self.assets = Assets(folder)
        self.base = f"/staff/files/{self.assets.version}"

    def fill(self, name: str, **values: Any) -> str:
        """Return a page; all values are escaped."""
        return render(self.assets.text(name), {"base": self.base, **values})


def console(parts: Parts) -> Blueprint:
    """Return the console, to be mounted on the application."""
    blueprint = Blueprint("console", url_prefix="/staff")
    guard = Guard(parts, blueprint)
    live = Live(parts)
    pages = Pages(WEB_DIR / "console")
    _add_files(guard, pages)
    _add_sign_in(guard, pages)
    _add_welcome(guard, pages)
    _add_pages(guard, pages)
    _add_record(guard, pages)
    add_desk(guard, live)
    add_content(guard)
    add_owner(guard)

    async def stop(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
        await live.feed.stop()

    blueprint.listener(stop, "before_server_stop")
    blueprint.ctx.guard = guard
    return blueprint


def _add_files(guard: Guard, pages: Pages) -> None:
    @guard.open("GET", "/files/<version>/<name:path>")
    async def file(request: Request, version: str, name: str) -> HTTPResponse:
        asset = pages.assets.get(name)
        if asset is None or name.endswith(".html"):
            raise NotFound("there is no such file")
        cache = FOREVER if version == pages.assets.version else "no-cache"
        return send(request, asset, cache, {"cross-origin-resource-policy": "same-origin"})


def _add_sign_in(guard: Guard, pages: Pages) -> None:
    parts = guard.parts

    def form(next_: str, message: str = "", email: str = "", status: int = 200, code: bool = False) -> HTTPResponse:
        name = parts.answers.clinic().name
        shown = {"clinic": name, "next": next_, "message": message, "email": email, "code": "yes" if code else "no"}
        return html(pages.fill("sign-in.html", **shown), status=status, headers=HEADERS)

    @guard.open("GET", "/sign-in")
    async def page(request: Request) -> HTTPResponse:
        return form(_next(str(request.args.get("next", ""))))

    @guard.open("POST", "/sign-in")
    async def sign_in(request: Request) -> HTTPResponse:
        given = {name: str((request.form or {}).get(name, ""))[:300] for name in ("email", "password", "code", "next")}
        next_, device = _next(given["next"]), _device(request)
        who = (given["email"], given["password"], given["code"], device)
        plain = "application/json" not in request.headers.get("accept", "")
        try:
            # Hashing takes a tenth of a second on purpose: not on the threads that read and write.
            _, token = await asyncio.to_thread(parts.staff.sign_in, *who)
        except FrontDeskError as error:
            told = _told(error)
            if not plain:
                return problem(error, told)
            return form(next_, told, given["email"], error.status, code=isinstance(error, CodeNeeded) or bool(given["code"]))
        answer = redirect(next_, headers=HEADERS, status=303) if plain else json({"next": next_}, headers=HEADERS)
        return guard.keep(answer, token)

    @guard.on("POST", "/sign-out", "account")
    async def sign_out(call: Call) -> HTTPResponse:
        await parts.store.run(parts.staff.sign_out, call.session.id)
        parts.bell.ring(f"staff:{call.by}")
        return guard.drop(redirect("/staff/sign-in", headers=HEADERS, status=303))


def _add_welcome(guard: Guard, pages: Pages) -> None:
    parts = guard.parts

    def form(message: str = "", status: int = 200) -> HTTPResponse:
        shown = {"clinic": parts.answers.clinic().name, "message": message, "shortest": SHORTEST_PASSWORD}
        return html(pages.fill("welcome.html", **shown), status=status, headers=HEADERS)

    @guard.open("GET", "/welcome")
    async def page(request: Request) -> HTTPResponse:
        return form()

    @guard.open("POST", "/welcome")
    async def accept(request: Request) -> HTTPResponse:
        token, password = (str((request.form or {}).get(name, "")) for name in ("token", "password"))
        try:
            member = await asyncio.to_thread(parts.staff.accept, token, password)
        except FrontDeskError as error:
            return form(_told(error), error.status)
        parts.bell.ring(f"staff:{member.id}")
        return redirect(f"/staff/sign-in?email={quote(member.email)}", headers=HEADERS, status=303)


def _add_pages(guard: Guard, pages: Pages) -> None:
    parts = guard.parts
    known = {
        "outcomes": dict(OUTCOMES),
        "most_tries": MAX_TRIES,
        "roles": ROLE_TITLES,
        "permissions": [{"title": one.title, "roles": sorted(one.roles)} for one in PERMISSIONS],
    }

    def add(path: str, needs: str, title: str) -> None:
        @guard.on("GET", path, needs)
        async def shell(call: Call, **place: str) -> HTTPResponse:
            data = script_json({**known, "csrf": guard.token_of(call.session)})
            text = pages.fill("shell.html", clinic=parts.answers.clinic().name, title=title).replace("{data}", data)
            return html(text, headers=HEADERS)

    for page in PAGES:
        add(*page)


def _add_record(guard: Guard, pages: Pages) -> None:
    parts = guard.parts

    @guard.on("GET", "/records/<handoff_id>", "records")
    async def record(call: Call, handoff_id: str) -> HTTPResponse:
        members = await parts.store.read(parts.staff.members)
        names = {member.id: member.name for member in members}
        clinic = parts.answers.clinic()
        page = await parts.store.read(record_page, parts.desk, clinic, names, handoff_id, call.member.name, utc_now(), pages.base)
        handoff = await parts.store.read(parts.desk.handoff, handoff_id)
        await guard.note_access(call, handoff.visitor)
        return html(page, headers=HEADERS)


def _next(path: str) -> str:
    """Take only a page of the console to go to after signing in."""
    inside = path.startswith("/staff/") and not path.startswith(("/staff/sign-", "/staff/welcome", "/staff/api"))
    return path if inside and "\\" not in path and "//" not in path and path.isprintable() else "/staff/"


def _device(request: Request) -> str:
    """Name the browser roughly, so that somebody can tell their sessions apart."""
    agent = request.headers.get("user-agent", "")
    systems = {"Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "Mac"}
    browsers = {"Edg/": "Edge", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
    system = next((name for mark, name in systems.items() if mark in agent), "Linux" if "Linux" in agent else "")
    browser = next((name for mark, name in browsers.items() if mark in agent), "a browser")
    return f"{browser} on {system}" if system else browser


def _told(error: FrontDeskError) -> str:
    """Put into a sentence why somebody is not signed in."""
    if isinstance(error, TooMany):
        return f"Too many tries. Wait {_pause(error.retry_after_seconds)}, or ask the owner for a reset link."
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."


def _pause(seconds: int) -> str:
    return f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
