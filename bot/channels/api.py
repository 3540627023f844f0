"""The chat API, version 1: one class of handlers, each a translation between HTTP and the front desk.

Whose conversation it is comes from the signed token alone. Whatever is refused is screened for red flags first, so that the
refusal can carry the emergency text.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import phonenumbers
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse, empty, json, text

from bot.answers import Answers
from bot.bell import Bell
from bot.channels.bodies import Body, Schemas
from bot.channels.limits import MessageLimits
from bot.channels.look import Look, allowed, look_of
from bot.channels.problems import Unreadable, WrongOrigin, problem
from bot.channels.shapes import message_json, standing_json, transcript
from bot.channels.stream import PAGE, News, Streams
from bot.channels.tokens import Token, Tokens
from bot.clinic import Clinic
from bot.desk import Desk, Draft
from bot.errors import FrontDeskError, NotFound
from bot.frontdesk import FrontDesk, Incoming, Receipt
from bot.settings import Settings
from bot.store import utc_now

logger = logging.getLogger(__name__)

T = TypeVar("T")
Handler = Callable[..., Awaitable[HTTPResponse | None]]

LONGEST_WAIT_SECONDS = 25
LARGEST_SEQ = 2**31 - 1
SCREENED_AT_ONCE = 3500
"""Characters the screen is given in one piece; pieces overlap by far more than a sign of danger is long."""

METHODS = "GET, POST, DELETE, OPTIONS"
SENT_HEADERS = "authorization, content-type, last-event-id"


@dataclass(frozen=True)
class Parts:
    """What the API works with."""

    frontdesk: FrontDesk
    desk: Desk
    answers: Answers
    bell: Bell
    limits: MessageLimits
    settings: Settings


class Api:
    """The handlers."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._desk, self._store = parts.desk, parts.desk.store
        self._tokens = Tokens(parts.settings.signing_keys(), parts.settings.token_days)
        self._schemas = Schemas()
        self.streams = Streams(parts.bell, self._news)

    # -- conversations -----------------------------------------------------------------------------------------------

    async def create_visitor(self, request: Request) -> HTTPResponse:
        """Begin a conversation."""
        async with self._body(request) as body:
            fields = body.fields(self._schemas, "NewVisitor")
            self._parts.limits.check_new(address_of(request))
            visitor = await self._store.run(self._create, fields.get("site"), fields.get("language"))
        return self._issued(visitor, 201)

    async def renew_token(self, request: Request) -> HTTPResponse:
        """Give a fresh token for the same conversation."""
        token = self._token(request)
        await self._store.read(self._desk.visitor, token.visitor)
        return self._issued(token.visitor, 200)

    async def delete_visitor(self, request: Request) -> HTTPResponse:
        """Delete all that is kept of the visitor."""
        await self._store.run(self._desk.delete_visitor, self._token(request).visitor)
        return empty()

    async def transcript(self, request: Request) -> HTTPResponse:
        """Give the conversation as text."""
        token = self._token(request)
        written = await self._store.read(self._transcript, token.visitor)
        headers = {"content-disposition": 'attachment; filename="conversation.txt"'}
        return text(written, headers=headers, content_type="text/plain; charset=utf-8")

    # -- messages ----------------------------------------------------------------------------------------------------

    async def post_message(self, request: Request) -> HTTPResponse:
        """Take a message."""
        async with self._body(request) as body:
            token = self._token(request)
            fields = body.fields(self._schemas, "NewMessage")
            incoming = Incoming(token.visitor, fields["id"], fields["text"], fields.get("payload") or {}, address_of(request))
            return _accepted(await self._parts.frontdesk.receive(incoming))

    async def ask_for_call(self, request: Request) -> HTTPResponse:
        """Take the call-back form: its fields pass the same door as a message."""
        async with self._body(request) as body:
            token = self._token(request)
            fields = body.fields(self._schemas, "Callback")
            look = await self._look_of(token.visitor)
            callback = {
                "name": " ".join(fields["name"].split()),
                "phone": e164(fields["phone"], look.clinic.country),
                "best_time": " ".join(fields.get("best_time", "").split()),
                "consent_at": utc_now().isoformat(),
            }
            written = look.text("callback.message", **{**callback, "best_time": callback["best_time"] or "-"})
            incoming = Incoming(token.visitor, fields["id"], written, {"callback": callback}, address_of(request))
            return _accepted(await self._parts.frontdesk.receive(incoming))

    async def read_messages(self, request: Request) -> HTTPResponse:
        """Read from a cursor, waiting a while if there is nothing."""
        token = self._token(request)
        after = _whole(request, "after", 0, 0, LARGEST_SEQ)
        limit = _whole(request, "limit", PAGE, 1, PAGE)
        wait = _whole(request, "wait", 0, 0, LONGEST_WAIT_SECONDS)
        with self._parts.bell.listening(f"visitor:{token.visitor}") as heard:
            news = await self._news(token.visitor, after, limit)
            if wait and not news.messages:
                await heard.wait(wait)
                news = await self._news(token.visitor, after, limit)
        shown = [message_json(message) for message in news.messages]
        following = news.messages[-1].seq if news.messages else after
        more = len(shown) == limit
        return json({"messages": shown, "next": following, "more": more, "standing": news.standing}, ensure_ascii=False)

    async def stream_events(self, request: Request) -> None:
        """Stream the conversation."""
        token = self._token(request)
        after = _number(request.headers.get("last-event-id") or "0", "Last-Event-ID", 0, LARGEST_SEQ)
        await self.streams.serve(request, token, after, self._cors(request, await self._clinic()))

    async def read_standing(self, request: Request) -> HTTPResponse:
        """Say who is talking to the visitor."""
        news = await self._news(self._token(request).visitor, LARGEST_SEQ, 1)
        return json(news.standing)

    async def tell_typing(self, request: Request) -> HTTPResponse:
        """Let staff see that the visitor is typing."""
        self._parts.bell.ring(f"typing:visitor:{self._token(request).visitor}")
        return empty()

    async def rate_answer(self, request: Request) -> HTTPResponse:
        """Keep whether an answer helped."""
        async with self._body(request) as body:
            token = self._token(request)
            fields = body.fields(self._schemas, "Feedback")
            await self._store.run(self._desk.feedback, token.visitor, fields["seq"], fields["helpful"])
        return empty()

    async def describe(self, request: Request) -> HTTPResponse:
        """Give the API's description."""
        return json(self._schemas.document, headers={"access-control-allow-origin": "*"})

    async def preflight(self, request: Request, **_: Any) -> HTTPResponse:
        """Tell a browser what a page on the clinic's list may send."""
        return empty()

    # -- around every handler ----------------------------------------------------------------------------------------

    def edge(self, handler: Handler) -> Handler:
        """Wrap a handler: foreign pages are refused, errors become problem documents, answers are not kept by anybody."""

        async def answer(request: Request, **values: Any) -> HTTPResponse | None:
            cors: dict[str, str] = {}
            try:
                cors = await self._allowed(request)
                response = await handler(request, **values)
            except (FrontDeskError, SanicException) as error:
                response = problem(error)
            except Exception as error:
                # The class and the place are enough to find it; a message could repeat what was written.
                logger.error("%s %s failed", request.method, request.path, exc_info=error)
                response = problem(error)
            if response is not None:
                response.headers.setdefault("cache-control", "no-store")
                response.headers.setdefault("x-content-type-options", "nosniff")
                response.headers.update(cors)
            return response

        answer.__name__ = handler.__name__
        return answer

    async def _allowed(self, request: Request) -> dict[str, str]:
        """Refuse pages that are not on the clinic's list; what they send is screened all the same."""
        try:
            return self._cors(request, await self._clinic())
        except WrongOrigin as error:
            async with self._body(request):
                raise error

    def _cors(self, request: Request, clinic: Clinic) -> dict[str, str]:
        origin = request.headers.get("origin")
        if origin is None or origin in (self._parts.settings.base_url, f"{request.scheme}://{request.host}"):
            return {}
        if not allowed(origin, clinic):
            raise WrongOrigin("the page's origin is not on the clinic's list")
        return {
            "access-control-allow-origin": origin,
            "access-control-allow-methods": METHODS,
            "access-control-allow-headers": SENT_HEADERS,
            "access-control-expose-headers": "retry-after",
            "access-control-max-age": "7200",
            "vary": "origin",
        }

    @asynccontextmanager
    async def _body(self, request: Request) -> AsyncIterator[Body]:
        """Read the body; whatever is refused from here on carries the emergency text, if its words ask for it."""
        body = await Body.read(request)
        try:
            yield body
        except FrontDeskError as error:
            if not error.advice:
                error.advice = await self._advice(body.words)
            raise

    async def _advice(self, words: str) -> str | None:
        """Screen the words of a refused request, piece by piece, off the event loop."""
        starts = range(0, max(len(words), 1), SCREENED_AT_ONCE // 2)
        pieces = [words[start : start + SCREENED_AT_ONCE] for start in starts]
        advice = self._parts.frontdesk.advice
        if len(pieces) == 1:
            return advice(pieces[0])
        return await asyncio.get_running_loop().run_in_executor(None, lambda: next(filter(None, map(advice, pieces)), None))

    # -- below -------------------------------------------------------------------------------------------------------

    def _token(self, request: Request) -> Token:
        return self._tokens.read(request.headers.get("authorization"))

    def _issued(self, visitor: str, status: int) -> HTTPResponse:
        signed, expires_at = self._tokens.issue(visitor)
        return json({"token": signed, "expires_at": expires_at.isoformat()}, status=status)

    async def _clinic(self) -> Clinic:
        return self._parts.answers.clinic()

    async def _look_of(self, visitor: str) -> Look:
        return await self._store.read(self._look, visitor)

    async def _news(self, visitor: str, after: int, limit: int) -> News:
        return await self._store.glance(self._read_news, visitor, after, limit)

    def _read_news(self, visitor: str, after: int, limit: int) -> News:
        with self._store.reading():
            situation = self._desk.situation(visitor)
            messages = self._desk.messages(visitor, after, limit)
            look = look_of(self._parts.answers.clinic(), situation.site, situation.language)
            return News(messages, standing_json(situation.standing, look, utc_now()), situation.read_up_to)

    def _look(self, visitor: str) -> Look:
        known = self._desk.visitor(visitor)
        return look_of(self._parts.answers.clinic(), known.site, known.language)

    def _create(self, site: str | None, language: str | None) -> str:
        clinic = self._parts.answers.clinic()
        try:
            slug = clinic.site(site).slug if site else None
        except NotFound:
            raise Unreadable("no such site", {"site": "must be one of the clinic's sites"}) from None
        look = look_of(clinic, slug, language)
        greeting = Draft(self._greeting(look), {"kind": "greeting", "buttons": look.suggestions, "feedback": False})
        return self._desk.create_visitor("website", slug, language=look.language, greeting=greeting).id

    def _greeting(self, look: Look) -> str:
        """Return what is said first: the clinic's own approved wording, or ours where it has none."""
        with suppress(FrontDeskError, KeyError):
            if look.language == "en" and (own := self._parts.answers.fixed("greeting", site=look.site.slug)):
                return own
        privacy = look.clinic.privacy
        return look.text("greeting", retention=privacy.get("retention", ""), privacy=privacy.get("link", ""))

    def _transcript(self, visitor: str) -> str:
        look = self._look(visitor)
        messages = list(page := self._desk.messages(visitor, 0, PAGE))
        while len(page) == PAGE:
            messages += (page := self._desk.messages(visitor, messages[-1].seq, PAGE))
        return transcript(messages, look, utc_now())


def e164(written: str, country: str) -> str:
    """Return a phone number in international form; raises what to correct where it is none."""
    try:
        parsed = phonenumbers.parse(written, country)
    except phonenumbers.NumberParseException:
        parsed = None
    if parsed is None or not phonenumbers.is_possible_number(parsed):
        raise Unreadable("no phone number", {"phone": "must be a phone number that can be called"})
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def address_of(request: Request) -> str:
    """Return the client's address, as far as our own proxies vouch for it."""
    return str(request.remote_addr or request.ip or "")


def _accepted(receipt: Receipt) -> HTTPResponse:
    return json({"seq": receipt.message.seq, "new": receipt.new}, status=202)


def _whole(request: Request, name: str, default: int, low: int, high: int) -> int:
    values = request.args.getlist(name) or [str(default)]
    return _number(values[-1], name, low, high)


def _number(written: str, name: str, low: int, high: int) -> int:
    if written.isascii() and written.isdigit() and len(written) <= 12 and low <= int(written) <= high:
        return int(written)
    raise Unreadable(f"{name} is no number from {low} to {high}", {name: f"must be a whole number from {low} to {high}"})


__all__ = ["Api", "Parts", "address_of", "e164"]
