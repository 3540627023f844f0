"""Problem documents: stable types, safe words, and the emergency text where a refused message asks for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sanic.exceptions import InvalidUsage, MethodNotSupported, NotFound, PayloadTooLarge

import bot.errors
from bot.channels.problems import MEDIA_TYPE, PREFIX, NotJson, TooLarge, Unreadable, WrongOrigin, problem
from bot.errors import FrontDeskError, StoreUnavailable, TooMany, Unauthorized


def document(error: BaseException) -> dict[str, Any]:
    response = problem(error)
    assert response.content_type == MEDIA_TYPE
    read: dict[str, Any] = json.loads(response.body or b"")
    assert read["status"] == response.status
    assert read["type"].startswith(PREFIX)
    assert read["title"] and read["detail"]
    return read


OURS = [value for value in vars(bot.errors).values() if isinstance(value, type) and issubclass(value, FrontDeskError)]


@pytest.mark.parametrize("kind", OURS)
def test_every_error_of_ours_has_a_document_with_its_own_status_and_type(kind: type[FrontDeskError]) -> None:
    read = document(kind("inner words"))
    assert (read["status"], read["type"]) == (kind.status, PREFIX + kind.type)


@pytest.mark.parametrize("kind", [*OURS, Unreadable, NotJson, TooLarge, WrongOrigin, ValueError])
def test_the_error_s_own_words_stay_inside(kind: type[Exception]) -> None:
    assert "inner words" not in json.dumps(document(kind("inner words")))


def test_the_emergency_text_is_in_the_document() -> None:
    error = TooMany("too many")
    error.advice = "Call 911 now."
    assert document(error)["emergency_text"] == "Call 911 now."


def test_there_is_no_emergency_text_where_there_is_no_emergency() -> None:
    assert "emergency_text" not in document(TooMany("too many"))


def test_too_many_says_when_to_come_back() -> None:
    response = problem(TooMany("too many", 42))
    assert response.headers["retry-after"] == "42"
    assert document(TooMany("too many", 42))["retry_after_seconds"] == 42


def test_a_database_that_is_away_is_worth_another_try_soon() -> None:
    assert problem(StoreUnavailable("away")).headers["retry-after"] == "5"


def test_an_unknown_visitor_is_asked_for_a_token() -> None:
    assert problem(Unauthorized("no")).headers["www-authenticate"] == "Bearer"


def test_what_is_wrong_is_said_field_by_field() -> None:
    assert document(Unreadable("no", {"phone": "must be a number"}))["fields"] == {"phone": "must be a number"}


@pytest.mark.parametrize(
    ("error", "status", "name"),
    [
        (NotFound("/secret/path"), 404, "not-found"),
        (MethodNotSupported("no", "PUT", ["GET"]), 405, "method-not-allowed"),
        (PayloadTooLarge("no"), 413, "too-large"),
        (InvalidUsage("no"), 400, "bad-request"),
        (RuntimeError("inner"), 500, "internal"),
    ],
)
def test_errors_of_the_web_server_are_documents_too(error: Exception, status: int, name: str) -> None:
    read = document(error)
    assert (read["status"], read["type"]) == (status, PREFIX + name)
    assert "/secret/path" not in json.dumps(read)


def test_a_wrong_method_names_the_right_ones() -> None:
    assert problem(MethodNotSupported("no", "PUT", ["GET", "POST"])).headers["allow"] == "GET, POST"
