"""What the pages call things: the words of a refusal are the words on the page, and no key of a file is among them."""

from __future__ import annotations

import pytest

from bot.answers import title_of
from bot.labels import CARDS, LABELS, on_page, title
from bot.settings import ROOT


@pytest.mark.parametrize("words", [*LABELS.values(), *CARDS.values()])
def test_a_page_of_the_console_shows_the_label(words: str) -> None:
    pages = "".join(path.read_text("utf-8") for path in (ROOT / "bot" / "web" / "console").glob("*.js"))
    assert f'"{words}"' in pages


@pytest.mark.parametrize(
    ("place", "expected", "said"),
    [
        (("week", "monday", 0), 'a period such as "8:00-12:00"', 'Monday: expected a period such as "8:00-12:00"'),
        (
            ("closures", 0, "last"),
            "`last:` to be a day not before `first:`",
            'Closures, row 1, To: expected to be a day not before "From"',
        ),
        (("items", 0, "amount"), "`amount:` to be a number", "30 minutes, Amount: expected to be a number"),
        (("reviewed_on",), "`reviewed_on:` not to lie in the future", "Reviewed on: expected not to lie in the future"),
        (
            ("text",),
            "{clinic.fax} to be filled in, in clinic.yml",
            "Wording: expected {clinic.fax} to be filled in under Prices and team",
        ),
        (("phrases", "no_lunch"), "`no_lunch:` to hold a phrase", 'Phrase "no lunch": expected to hold a phrase'),
        ((), "an answer", "expected an answer"),
    ],
)
def test_a_place_is_named_as_its_page_does(place: tuple[str | int, ...], expected: str, said: str) -> None:
    fields = {"week": {"monday": ["9-8"]}, "closures": [{"first": "2026-12-02"}], "items": [{"title": "30 minutes"}]}
    assert on_page(place, expected, fields) == said


def test_an_entry_is_named_as_its_page_does() -> None:
    assert title("cost/free_consult", {}) == f"{title_of('cost')}: free consult"
    assert title("clinic/sites/willow", {"title": "Willow Street"}) == "Willow Street"
    assert title("clinic/numbers", {}) == "Numbers to call"
