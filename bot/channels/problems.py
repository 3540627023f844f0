"""Errors at the web's edge, as problem documents (RFC 9457).

`type` is stable and meant for programs, `title` and `detail` are for people and safe to show. `emergency_text` is there
when what was refused reads like an emergency: a client shows it whatever else it does. Nothing here repeats what was written.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from sanic import Sanic
from sanic.exceptions import SanicException
from sanic.request import Request
from sanic.response import HTTPResponse, json

from bot.errors import FrontDeskError, Refused, TooMany

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

PREFIX = "urn:frontdesk:problem:"
"""A name, not an address: it stays the same wherever a clinic installs this."""

_TITLES = {
    400: ("bad-request", "The request cannot be read"),
    404: ("not-found", "There is nothing here"),
    405: ("method-not-allowed", "This address does not do that"),
    408: ("too-slow", "The request took too long to arrive"),
    413: ("too-large", "The request is too large"),
    415: ("media-type", "Send JSON"),
    416: ("range", "That range is not there"),
    417: ("expectation", "That cannot be promised"),
    503: ("unavailable", "The service is not available now"),
}


class Unreadable(Refused):
    """The body is not what this address takes; `fields` names what is wrong, field by field."""

    status = 422
    type = "unreadable"
    for_visitor = "Please check what you entered."

    def __init__(self, text: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.fields = dict(fields or {})


class NotJson(Refused):
    """The body is not JSON."""

    status = 415
    type = "media-type"
    for_visitor = "Your message did not arrive as it should. Please try again."


class TooLarge(Refused):
    """The body is larger than any message."""

    status = 413
    type = "too-large"
    for_visitor = "This message is too long for me. Please send it in shorter parts."


class TooSlow(Refused):
    """The body did not arrive in time."""

    status = 408
    type = "too-slow"
    for_visitor = "Your message did not arrive completely. Please try again."


class WrongOrigin(Refused):
    """The page that asks is not on the clinic's list."""

    status = 403
    type = "origin"
    for_visitor = "This chat does not work on this page. Please call us instead."


def problem(error: BaseException) -> HTTPResponse:
    """Put an error into a problem document."""
    if isinstance(error, FrontDeskError):
        return _ours(error)
    if isinstance(error, SanicException):
        return _sanic(error)
    return _document(500, "internal", FrontDeskError.for_visitor)


def install(app: Sanic) -> None:
    """Have every error of the app answered with a problem document."""
    app.error_handler.add(Exception, _answer)


def _answer(request: Request, error: Exception) -> HTTPResponse:
    if not isinstance(error, (FrontDeskError, SanicException)):
        # A parser's message can repeat the request: the class and the path are enough to find it.
        logger.error("%s %s failed: %s", request.method, request.path, type(error).__name__, exc_info=error)
    return problem(error)


def _ours(error: FrontDeskError) -> HTTPResponse:
    extra: dict[str, Any] = {}
    if error.advice:
        extra["emergency_text"] = error.advice
    if isinstance(error, Unreadable) and error.fields:
        extra["fields"] = error.fields
    headers: dict[str, str] = {}
    if isinstance(error, TooMany):
        extra["retry_after_seconds"] = error.retry_after_seconds
        headers["retry-after"] = str(error.retry_after_seconds)
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    if error.status == 503:
        headers["retry-after"] = "5"
    return _document(error.status, error.type, error.for_visitor, headers, **extra)


def _sanic(error: SanicException) -> HTTPResponse:
    status = getattr(error, "status_code", 500)
    name, title = _TITLES.get(status, ("internal", "Something went wrong on our side"))
    headers = {key.lower(): str(value) for key, value in (getattr(error, "headers", None) or {}).items()}
    headers.pop("content-length", None)
    return _document(status if status in _TITLES else 500, name, title, headers)


def _document(status: int, name: str, detail: str, headers: Mapping[str, str] | None = None, **extra: Any) -> HTTPResponse:
    title = _TITLES.get(status, (name, name.replace("-", " ").capitalize()))[1]
    body = {"type": PREFIX + name, "title": title, "status": status, "detail": detail, **extra}
    kept = {"cache-control": "no-store", "x-content-type-options": "nosniff", **(headers or {})}
    return json(body, status=status, headers=kept, content_type=MEDIA_TYPE)
