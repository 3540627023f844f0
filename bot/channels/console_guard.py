"""The console's gate: who is asking, from which page, and whether their role may.

Every address of the console is registered here together with the permission it needs, so none can be open by accident
and a test can walk them all. The session stands in a cookie that scripts cannot read and other sites cannot send; what
changes something must also come from our own page (Origin) and carry the session's token in a header.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any
from urllib.parse import quote, urlsplit

from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse, html, json, redirect

from bot import audit
from bot.channels.pages import policy
from bot.errors import Forbidden, FrontDeskError, Refused, TooMany, Unauthorized
from bot.parts import Parts
from bot.roles import require
from bot.staff import SESSION_HOURS, StaffMember, StaffSession

logger = logging.getLogger(__name__)

POLICY = "; ".join(
    f"{name} {value}".strip()
    for name, value in policy("'none'", form_action="'self'", img_src="'self' data:", manifest_src="'self'").items()
)

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    # With "no-referrer" a browser hides from us, too, where a form comes from (Origin: null).
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

MOST_JSON = 256 * 1024


@dataclass(frozen=True)
class Call:
    """One request of somebody who may make it."""

    request: Request
    session: StaffSession
    body: Mapping[str, Any]

    @property
    def member(self) -> StaffMember:
        """Return who is asking."""
        return self.session.member

    @property
    def by(self) -> str:
        """Return the id of who is asking."""
        return self.session.member.id

    def text(self, name: str, default: str | None = None, longest: int = 4000) -> str:
        """Return a text of the body; Refused where it is missing or not one."""
        value = self.body.get(name, default)
        if not isinstance(value, str):
            raise Refused(f"{_spoken(name)} is missing")
        if len(value) > longest:
            raise Refused(f"{_spoken(name)} has more than {longest} characters")
        return value

    def number(self, name: str) -> int | None:
        """Return a whole number of the body, or None where there is none."""
        value = self.body.get(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise Refused(f"{_spoken(name)} is not a number")
        return value

    def asked(self, name: str, default: str = "") -> str:
        """Return a parameter of the address."""
        return str(self.request.args.get(name, default))


Handler = Callable[..., Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Endpoint:
    """One address of the console, and what it needs."""

    method: str
    path: str
    needs: str | None
    """A permission of bot/roles.py; None for the pages on which one signs in."""


@dataclass
class Guard:
    """Registers addresses and stands before each of them."""

    parts: Parts
    blueprint: Blueprint
    endpoints: list[Endpoint] = field(default_factory=list)

    def __post_init__(self) -> None:
        settings = self.parts.settings
        self._keys = [key.encode() for key in settings.signing_keys()]
        self._secure = settings.base_url.startswith("https:")
        self._own = urlsplit(settings.base_url).netloc
        # A browser takes a __Host- cookie only over https, for this host alone and every path.
        self.cookie = "__Host-staff" if self._secure else "staff"

    def on(self, method: str, path: str, needs: str) -> Callable[[Handler], Handler]:
        """Register an address for those who are signed in and may."""

        def register(handler: Handler) -> Handler:
            @wraps(handler)
            async def guarded(request: Request, **place: str) -> HTTPResponse | None:
                return await self._answer(request, handler, needs, place)

            self._add(guarded, method, path, needs)
            return handler

        return register

    def open(self, method: str, path: str) -> Callable[[Handler], Handler]:
        """Register an address that needs no session: signing in, and the console's own files."""

        def register(handler: Handler) -> Handler:
            @wraps(handler)
            async def guarded(request: Request, **place: str) -> Any:
                try:
                    if method in WRITES:
                        self._check_origin(request)
                    return await handler(request, **place)
                except FrontDeskError as error:
                    return problem(error)

            self._add(guarded, method, path, None)
            return handler

        return register

    def _add(self, guarded: Handler, method: str, path: str, needs: str | None) -> None:
        name = f"{method}_{path}".replace("/", "_").replace("<", "").replace(">", "").replace(":", "_").replace("-", "_")
        self.blueprint.add_route(guarded, path, methods=[method], name=name)
        self.endpoints.append(Endpoint(method, path, needs))

    async def _answer(self, request: Request, handler: Handler, needs: str, place: Mapping[str, str]) -> HTTPResponse | None:
        wants_page = "/api/" not in request.path
        try:
            session = await self.session(request)
            if request.method in WRITES:
                self._check_origin(request)
                self._check_token(request, session)
            require(session.member.role, needs)
            answer = await handler(Call(request, session, _body(request)), **place)
        except Unauthorized as error:
            return self._to_sign_in(request) if wants_page else problem(error)
        except FrontDeskError as error:
            return message_page("Not here", str(error), error.status) if wants_page else problem(error)
        if answer is None or isinstance(answer, HTTPResponse):
            return answer  # None: the handler has streamed
        return json(answer, headers=HEADERS)

    async def session(self, request: Request) -> StaffSession:
        """Return who is signed in; Unauthorized when nobody is."""
        token = request.cookies.get(self.cookie)
        if not token:
            raise Unauthorized("please sign in")
        store, staff = self.parts.store, self.parts.staff
        session = await store.read(staff.session, token)
        if staff.is_due(session):
            await store.run(staff.touch, session)
        return session

    def token_of(self, session: StaffSession) -> str:
        """Return the session's token for pages of ours: who can read it has the session anyway."""
        return self._tokens(session)[0]

    def keep(self, response: HTTPResponse, token: str) -> HTTPResponse:
        """Put the session into the cookie."""
        response.cookies[self.cookie] = token
        cookie = response.cookies[self.cookie]
        cookie["httponly"], cookie["samesite"], cookie["path"] = True, "Strict", "/"
        cookie["max-age"] = SESSION_HOURS * 3600
        if self._secure:
            cookie["secure"] = True
        return response

    def drop(self, response: HTTPResponse) -> HTTPResponse:
        """Take the cookie back."""
        self.keep(response, "-")
        response.cookies[self.cookie]["max-age"] = 0
        return response

    async def note(self, call: Call, what: str, before: Any = None, after: Any = None) -> None:
        """Write a change to the audit log."""
        await self.parts.store.run(self.write, what, call.by, before, after)

    def write(self, what: str, member: str, before: Any = None, after: Any = None) -> None:
        """Write a change to the audit log, from a thread of the store."""
        with self.parts.store.transaction() as connection:
            audit.append(self.parts.store, connection, what, member=member, before=before, after=after)

    async def note_access(self, call: Call, visitor: str) -> None:
        """Write to the access log that somebody opened a conversation."""
        await self.parts.store.run(self._note_access, call.by, visitor)

    def _note_access(self, member: str, visitor: str) -> None:
        with self.parts.store.transaction() as connection:
            audit.note_access(connection, member, visitor)

    def _tokens(self, session: StaffSession) -> list[str]:
        said = f"console:{session.id}".encode()
        return [hmac.new(key, said, hashlib.sha256).hexdigest() for key in self._keys]

    def _check_token(self, request: Request, session: StaffSession) -> None:
        given = request.headers.get("x-csrf-token") or str((request.form or {}).get("csrf", ""))
        if not any(hmac.compare_digest(given.encode(), token.encode()) for token in self._tokens(session)):
            raise Forbidden("this page is out of date: reload it")

    def _check_origin(self, request: Request) -> None:
        """Take changes from our own pages only; a browser always says where a change comes from."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
        own = origin is not None and urlsplit(origin).netloc in (request.headers.get("host"), self._own)
        if origin is None:
            own = site == "same-origin"
        if not own or site not in (None, "same-origin"):
            raise Forbidden("this does not come from a page of the console")

    def _to_sign_in(self, request: Request) -> HTTPResponse:
        if request.headers.get("sec-fetch-site") == "cross-site":
            # A link in an e-mail arrives without the cookie (SameSite=Strict): a step of our own brings it along.
            page = '<!doctype html><meta http-equiv="refresh" content="0"><title>Front desk</title>'
            return html(page, headers=HEADERS)
        return redirect(f"/staff/sign-in?next={quote(request.path)}", headers=HEADERS, status=303)


def problem(error: FrontDeskError, detail: str = "") -> HTTPResponse:
    """Put an error into a problem document for staff: unlike a visitor, they are told what it is."""
    body: dict[str, Any] = {
        "type": f"urn:frontdesk:problem:{error.type}",
        "status": error.status,
        "detail": detail or str(error),
    }
    headers = dict(HEADERS)
    if isinstance(error, TooMany):
        body["retry_after_seconds"] = error.retry_after_seconds
        headers["retry-after"] = str(error.retry_after_seconds)
    member = getattr(error, "member", None)
    if member:
        body["member"] = member
    return json(body, status=error.status, headers=headers, content_type="application/problem+json")


def message_page(title: str, text: str, status: int) -> HTTPResponse:
    """Return a page that says one thing."""
    from html import escape

    styles = "".join(f'<link rel="stylesheet" href="/staff/files/now/{name}.css">' for name in ("base", "door"))
    head = f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>{styles}'
    said = f"<h1>{escape(title)}</h1><p>{escape(text[:1].upper() + text[1:])}.</p>"
    back = '<p><a href="/staff/">Back to the queue</a></p>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body class="door"><main>{said}{back}</main></body></html>'
    return html(page, status=status, headers=HEADERS)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _body(request: Request) -> Mapping[str, Any]:
    if request.method not in WRITES or not request.body:
        return {}
    if len(request.body) > MOST_JSON:
        raise Refused("this is too much at once")
    if not request.content_type.startswith("application/json"):
        return {}
    try:
        body = request.json
    except Exception as error:  # Sanic's own error would repeat the body
        raise Refused("this is not JSON") from error
    if not isinstance(body, dict):
        raise Refused("this is not an object")
    return body
