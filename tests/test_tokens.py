"""Visitor tokens: signed, expiring, renewable, and kept good through a change of secrets."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from bot.channels.tokens import Tokens
from bot.errors import Unauthorized

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)


def at(moment: datetime, *keys: str) -> Tokens:
    return Tokens(keys or ("secret",), 30, lambda: moment)


def test_a_token_names_its_visitor_and_its_end() -> None:
    signed, expires_at = at(NOW).issue("v_1")
    token = at(NOW).read(f"Bearer {signed}")
    assert (token.visitor, token.expires_at) == ("v_1", expires_at)
    assert expires_at == NOW + timedelta(days=30)


def test_the_scheme_may_be_written_in_any_case() -> None:
    signed, _ = at(NOW).issue("v_1")
    assert at(NOW).read(f"bearer {signed}").visitor == "v_1"


def test_a_token_is_good_until_it_expires_and_not_a_second_longer() -> None:
    signed, expires_at = at(NOW).issue("v_1")
    assert at(expires_at - timedelta(seconds=1)).read(f"Bearer {signed}").visitor == "v_1"
    with pytest.raises(Unauthorized):
        at(expires_at).read(f"Bearer {signed}")


def test_a_new_secret_logs_nobody_out_and_a_dropped_one_does() -> None:
    signed, _ = at(NOW, "old").issue("v_1")
    assert at(NOW, "new", "old").read(f"Bearer {signed}").visitor == "v_1"
    with pytest.raises(Unauthorized):
        at(NOW, "new").read(f"Bearer {signed}")


def test_the_first_secret_signs() -> None:
    signed, _ = at(NOW, "new", "old").issue("v_1")
    assert at(NOW, "new").read(f"Bearer {signed}").visitor == "v_1"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dTpw", "Bearer x.y", "Bearer " + "a" * 5000])
def test_what_is_no_token_is_refused(header: str | None) -> None:
    with pytest.raises(Unauthorized):
        at(NOW).read(header)


def test_something_else_signed_with_the_same_secret_is_no_token() -> None:
    other = URLSafeSerializer("secret", salt="elsewhere").dumps({"v": "v_1", "e": 2**31})
    with pytest.raises(Unauthorized):
        at(NOW).read(f"Bearer {other}")


@pytest.mark.parametrize("said", [[], "v_1", {"v": "v_1"}, {"v": "v_1", "e": "soon"}, {"v": "v_1", "e": 10**30}])
def test_a_signed_token_of_another_shape_is_refused(said: object) -> None:
    signed = at(NOW)._serializer.dumps(said)
    with pytest.raises(Unauthorized):
        at(NOW).read(f"Bearer {signed}")


SIGNED, _ = at(NOW).issue("v_1")


@given(position=st.integers(0, len(SIGNED) - 1), char=st.characters(min_codepoint=33, max_codepoint=126))
def test_a_changed_token_never_names_anybody_else(position: int, char: str) -> None:
    forged = SIGNED[:position] + char + SIGNED[position + 1 :]
    said_changed = forged.split(".")[0] != SIGNED.split(".")[0]
    try:
        visitor = at(NOW).read(f"Bearer {forged}").visitor
    except Unauthorized:
        return
    # The same signature can be spelt in two ways in base64; what it signs cannot.
    assert visitor == "v_1" and not said_changed
