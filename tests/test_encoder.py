"""The sentence encoder, and what it keeps ready for a message that is on its way."""

from __future__ import annotations

import numpy as np
import pytest

from bot.nlu.encoder import DIMENSIONS, Encoder, shared_encoder

HOURS, PRICE = "when are you open", "how much is it"


@pytest.fixture
def encoder(monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """An encoder whose own work can be counted."""
    one = shared_encoder()
    monkeypatch.setattr(one, "worked", 0, raising=False)
    encode = one._encode

    def counted(texts: list[str]) -> np.ndarray:
        one.worked += len(texts)  # type: ignore[attr-defined]
        return encode(texts)

    monkeypatch.setattr(one, "_encode", counted)
    return one


def test_a_text_becomes_one_row_of_two_unit_vectors() -> None:
    rows = shared_encoder().encode([HOURS, PRICE])
    assert rows.shape == (2, DIMENSIONS)
    halves = rows.reshape(2, 2, DIMENSIONS // 2)
    assert np.allclose(np.linalg.norm(halves, axis=2), 1, atol=1e-4)


def test_what_is_ready_is_not_encoded_again(encoder: Encoder) -> None:
    ready = encoder.each([HOURS, PRICE])
    with encoder.keeping(ready):
        rows = encoder.encode([PRICE, HOURS])
    assert encoder.worked == 2  # type: ignore[attr-defined]
    assert np.array_equal(rows, np.stack([ready[PRICE], ready[HOURS]]))


def test_nothing_stays_ready_once_a_message_is_answered(encoder: Encoder) -> None:
    with encoder.keeping(encoder.each([HOURS])):
        pass
    encoder.encode([HOURS])
    assert encoder.worked == 2  # type: ignore[attr-defined]
    assert not encoder._ready


def test_a_text_that_is_not_ready_is_encoded(encoder: Encoder) -> None:
    with encoder.keeping(encoder.each([HOURS])):
        rows = encoder.encode([HOURS, PRICE])
    assert rows.shape == (2, DIMENSIONS)
