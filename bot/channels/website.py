"""The website channel: the chat API, the widget a clinic pastes into its pages, the full-page chat and the demo site.

`website` returns one Sanic blueprint with all of it. The widget is two parts: a small loader on the clinic's page, and the
chat itself in a frame of our origin, where the page's scripts and styles neither read nor break it.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from typing import Any

import segno
from sanic import Blueprint, Sanic
from sanic.exceptions import NotFound as NoSuchPage
from sanic.request import Request
from sanic.response import HTTPResponse, redirect

from bot.answers import Answers
from bot.bell import Bell
from bot.channels import problems
from bot.channels.api import Api, Handler, Parts
from bot.channels.demo import demo_values
from bot.channels.limits import MessageLimits
from bot.channels.look import PSEUDO, Look, languages, look_of, origins, theme
from bot.channels.pages import (
    ALWAYS_ASK,
    FOREVER,
    SHORTLY,
    TYPES,
    WEB_DIR,
    Asset,
    Assets,
    page,
    policy,
    render,
    script_json,
    send,
)
from bot.channels.shapes import number_json
from bot.desk import Desk
from bot.frontdesk import FrontDesk
from bot.settings import Settings

API = "/api/v1"

LOADER_TEXTS = ("launcher.open", "launcher.label", "launcher.close", "launcher.unread.one", "launcher.unread.other")
CARD_TEXTS = ("down.title", "down.text", "down.call", "down.retry", "down.tab", "emergency.line")

PAGE_TEXTS = (
    *("launcher.", "down.", "hours.", "greeting", "transcript.", "callback.message", "log."),
    *("footer", "composer.send", "composer.label", "emergency.line"),
)
"""Texts that the server puts where they belong: the chat's scripts do without them."""

SELDOM_TEXTS = ("menu.", "callback.", "delete.", "deleted.", "failed", "file")
"""Texts of what is fetched when it is opened: the menu and the call-back form."""


def website(frontdesk: FrontDesk, desk: Desk, answers: Answers, bell: Bell, settings: Settings) -> Blueprint:
    """Build the blueprint: API, widget, full-page chat and demo site."""
    blueprint = Blueprint("website")
    api = Api(Parts(frontdesk, desk, answers, bell, MessageLimits(settings), settings))
    _add_api(blueprint, api)
    _add_pages(blueprint, Pages(answers, settings))

    async def every_error_is_a_problem_document(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
        if (Exception, None) not in app.error_handler.cached_handlers:
            problems.install(app)

    async def end_streams(app: Sanic, loop: asyncio.AbstractEventLoop) -> None:
        await api.streams.stop()

    blueprint.listener(every_error_is_a_problem_document, "before_server_start")
    blueprint.listener(end_streams, "before_server_stop")
    return blueprint


def _add_api(blueprint: Blueprint, api: Api) -> None:
    routes = {
        "/visitors": {"POST": api.create_visitor},
        "/visitor": {"DELETE": api.delete_visitor},
        "/token": {"POST": api.renew_token},
        "/messages": {"GET": api.read_messages, "POST": api.post_message},
        "/events": {"GET": api.stream_events},
        "/standing": {"GET": api.read_standing},
        "/typing": {"POST": api.tell_typing},
        "/feedback": {"POST": api.rate_answer},
        "/callback": {"POST": api.ask_for_call},
        "/transcript": {"GET": api.transcript},
        "/openapi.json": {"GET": api.describe},
    }
    bodies = (api.create_visitor, api.post_message, api.rate_answer, api.ask_for_call)
    for path, handlers in routes.items():
        for method, handler in {**handlers, "OPTIONS": api.preflight}.items():
            # Bodies are read by the handlers themselves, so that one that is too large can still be screened.
            blueprint.add_route(
                api.edge(handler), API + path, methods=[method], name=f"{handler.__name__}{path}", stream=handler in bodies
            )


def _add_pages(blueprint: Blueprint, pages: Pages) -> None:
    routes: dict[str, Handler] = {
        "/": pages.demo,
        "/chat": pages.full_page,
        "/chat/frame": pages.frame,
        "/chat/qr.svg": pages.qr_code,
        "/widget.js": pages.loader,
        "/look/<version:str>/theme.css": pages.theme,
        "/look/<version:str>/more.js": pages.more,
        "/look/<version:str>/logo": pages.logo,
        "/widget/<version:str>/<name:path>": pages.asset,
        "/demo/<name:path>": pages.demo_asset,
    }
    for path, handler in routes.items():
        blueprint.add_route(_function(handler), path, methods=["GET", "HEAD"], name=handler.__name__)


def _function(handler: Handler) -> Handler:
    """Wrap a method: Sanic keeps its notes on the handler, which a bound method does not allow."""

    async def answer(request: Request, **values: Any) -> HTTPResponse | None:
        return await handler(request, **values)

    return answer


class Pages:
    """Everything that is not the API."""

    def __init__(self, answers: Answers, settings: Settings) -> None:
        self._answers = answers
        self._settings = settings
        self._widget = Assets(WEB_DIR / "widget")
        self._demo = Assets(WEB_DIR / "demo")
        self._base = f"/widget/{self._widget.version}"

    async def loader(self, request: Request) -> HTTPResponse:
        """Send the one script that a clinic puts into its pages, with what it must know before anything else is fetched."""
        clinic = self._answers.clinic()
        forced = request.args.get("lang")
        offered = (forced,) if forced in PSEUDO else languages(clinic)
        known = {
            "frame": "/chat/frame",
            "page": "/chat",
            "position": look_of(clinic, None, None).setting("position", "right"),
            "theme": theme(clinic),
            "sites": {site.slug: _contact(look_of(clinic, site.slug, None)) for site in clinic.sites},
            "main": clinic.main_site,
            "texts": {one: _loader_texts(look_of(clinic, None, one)) for one in offered},
        }
        script = self._widget.text("widget.js").replace("/* clinic */ null", script_json(known), 1)
        headers = {"cross-origin-resource-policy": "cross-origin", "access-control-allow-origin": "*"}
        return send(request, Asset.of(script.encode(), TYPES[".js"]), SHORTLY, headers)

    async def frame(self, request: Request) -> HTTPResponse:
        """Send the chat as it stands in a frame on the pages of the clinic's list."""
        ancestors = " ".join(("'self'", *origins(self._answers.clinic())))
        return self._chat(request, "frame", ancestors)

    async def full_page(self, request: Request) -> HTTPResponse:
        """Send the chat as a page of its own."""
        return self._chat(request, "page", "'none'")

    async def demo(self, request: Request) -> HTTPResponse:
        """Send the demo clinic site; an installation that others can reach has its own site, and shows the chat instead."""
        clinic = self._answers.clinic()
        if self._settings.exposed and not clinic.sample:
            return redirect("/chat")
        look = look_of(clinic, request.args.get("site"), request.args.get("lang"))
        written = render(self._demo.text("index.html"), {**self._page_values(look), **demo_values(look)})
        return page(request, written, policy("'none'", frame_src="'self'"))

    async def qr_code(self, request: Request) -> HTTPResponse:
        """Send the address of the full-page chat as a QR code, to print."""
        out = io.BytesIO()
        segno.make(f"{self._settings.base_url}/chat", error="m").save(out, kind="svg", scale=8, border=2, title="Chat", dark="#000")
        return send(request, Asset.of(out.getvalue(), TYPES[".svg"]), ALWAYS_ASK)

    async def more(self, request: Request, version: str) -> HTTPResponse:
        """Send the texts that the first look does not need."""
        asset = self._more(look_of(self._answers.clinic(), request.args.get("site"), request.args.get("lang")))
        return send(request, asset, FOREVER if version == _version(asset) else ALWAYS_ASK)

    async def theme(self, request: Request, version: str) -> HTTPResponse:
        """Send the clinic's colours."""
        return send(request, self._theme(), FOREVER if version == _version(self._theme()) else ALWAYS_ASK)

    async def logo(self, request: Request, version: str) -> HTTPResponse:
        """Send the clinic's logo."""
        asset = self._logo()
        if asset is None:
            raise NoSuchPage("no logo")
        # A drawing from the clinic's folder is shown as a picture only: opened by itself it may run nothing.
        headers = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
        return send(request, asset, FOREVER if version == _version(asset) else ALWAYS_ASK, headers)

    async def asset(self, request: Request, version: str, name: str) -> HTTPResponse:
        """Send a script or style of the widget."""
        found = self._widget.get(name)
        if found is None or not name.endswith((".js", ".css", ".svg")) or name == "widget.js":
            raise NoSuchPage("no such file")
        return send(request, found, FOREVER if version == self._widget.version else ALWAYS_ASK)

    async def demo_asset(self, request: Request, name: str) -> HTTPResponse:
        """Send a file of the demo site."""
        found = self._demo.get(name)
        if found is None or name.endswith(".html"):
            raise NoSuchPage("no such file")
        return send(request, found, ALWAYS_ASK)

    def _chat(self, request: Request, mode: str, ancestors: str) -> HTTPResponse:
        look = look_of(self._answers.clinic(), request.args.get("site"), request.args.get("lang"))
        values = {**self._page_values(look), "mode": mode, "config": script_json(self._config(look, mode))}
        written = render(self._widget.text("chat.html"), values)
        return page(request, written, policy(ancestors))

    def _config(self, look: Look, mode: str) -> dict[str, Any]:
        """Return what the chat's scripts need to know."""
        return {
            "api": API,
            "mode": mode,
            "site": look.site.slug,
            "language": look.language,
            "locale": "en" if look.language in PSEUDO else look.language,
            "clock": look.clinic.clock,
            "zone": look.site.hours.zone,
            "contact": {name: value for name, value in _contact(look).items() if name != "hours"},
            "numbers": [number.number for number in look.numbers],
            "privacy": look.clinic.privacy.get("link", ""),
            "hosts": list(origins(look.clinic)),
            "more": f"/look/{_version(self._more(look))}/more.js?site={look.site.slug}&lang={look.language}",
            "texts": {k: text for k, text in look.texts.items() if not k.startswith((*PAGE_TEXTS, *SELDOM_TEXTS))},
        }

    def _page_values(self, look: Look) -> dict[str, Any]:
        logo = self._logo()
        values: dict[str, Any] = {
            "lang": look.language,
            "dir": look.direction,
            "base": self._base,
            "theme": f"/look/{_version(self._theme())}/theme.css",
            "logo": f"/look/{_version(logo)}/logo" if logo else "",
            "clinic": look.clinic.name,
            "title": look.setting("title", look.clinic.name),
            "phone": look.phone.number,
            "phone_uri": look.phone.uri,
            "hours": look.hours_lines,
            "emergency": look.emergency.number,
            "emergency_uri": look.emergency.uri,
            "address": look.site.address,
        }
        return {**values, **{f"t_{key.replace('.', '_')}": look.text(key) for key in look.texts}}

    def _more(self, look: Look) -> Asset:
        texts = {key: text for key, text in look.texts.items() if key.startswith(SELDOM_TEXTS)}
        return Asset.of(f"export default {script_json(texts)};".encode(), TYPES[".js"])

    def _theme(self) -> Asset:
        return Asset.of(theme(self._answers.clinic()).encode(), TYPES[".css"])

    def _logo(self) -> Asset | None:
        """Return the clinic's logo, if clinic.yml names a picture that is in the clinic's folder."""
        named = str(self._answers.clinic().website.get("logo") or "")
        file = (self._settings.clinic_dir / named).resolve()
        inside = self._settings.clinic_dir.resolve() in file.parents
        if not named or not inside or file.suffix not in TYPES or not file.is_file():
            return None
        return Asset.of(file.read_bytes(), TYPES[file.suffix])


def _contact(look: Look) -> dict[str, Any]:
    """Return how to reach the clinic without the chat."""
    return {
        "name": look.clinic.name,
        "phone": number_json(look.phone),
        "hours": look.hours_lines,
        "emergency": number_json(look.emergency),
    }


def _loader_texts(look: Look) -> Mapping[str, str]:
    own = look.setting("launcher_text")
    return {**{key: look.texts[key] for key in (*LOADER_TEXTS, *CARD_TEXTS)}, **({"launcher.open": own} if own else {})}


def _version(asset: Asset) -> str:
    return asset.tag.strip('"')
