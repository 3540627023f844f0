"""How the clinic looks on the web: readable in any colour, in the right words, on the right pages only."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.answers import Answers
from bot.channels.look import (
    BRAND,
    DARK,
    LIGHT,
    PSEUDO,
    TEXTS_DIR,
    Number,
    allowed,
    as_button,
    colour,
    contrast,
    languages,
    look_of,
    on,
    pseudo,
    readable,
    texts,
    theme,
)
from bot.channels.pages import lean, render, script_json
from bot.clinic import Clinic
from bot.settings import ROOT

COLOURS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    return Answers(None, ROOT / "clinic").clinic()


def with_website(clinic: Clinic, **website: Any) -> Clinic:
    return replace(clinic, website={**clinic.website, **website})


# -- colours ------------------------------------------------------------------------------------------------------------


@given(COLOURS, st.sampled_from([LIGHT, DARK]))
def test_text_in_any_colour_of_a_clinic_can_be_read(chosen: str, ground: str) -> None:
    assert contrast(readable(chosen, ground), ground) >= 4.5


@given(COLOURS)
def test_text_on_any_colour_of_a_clinic_can_be_read(chosen: str) -> None:
    assert contrast(on(chosen), chosen) >= 4.5


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert readable(BRAND, LIGHT) == BRAND


@pytest.mark.parametrize("value", [None, "", "teal", "#12345", "#0f6b63;}body{display:none", 12, ["#fff"]])
def test_what_is_no_colour_becomes_the_default(value: object) -> None:
    assert colour(value, BRAND) == BRAND


def test_a_short_colour_is_written_out() -> None:
    assert colour("#0AF", BRAND) == "#00aaff"


def test_a_theme_holds_nothing_but_colours(clinic: Clinic) -> None:
    written = theme(with_website(clinic, colour="#000;} * { display: none }", colour_dark="</style><script>"))
    assert "display" not in written and "script" not in written and "--brand:#0f6b63" in written


# -- texts --------------------------------------------------------------------------------------------------------------


def test_every_text_is_of_the_right_shape() -> None:
    for file in TEXTS_DIR.glob("*.json"):
        read = json.loads(file.read_text("utf-8"))
        assert all(isinstance(text, str) and text.strip() for text in read.values()), file


@pytest.mark.parametrize("language", PSEUDO)
def test_a_made_up_language_keeps_the_places_for_values(language: str) -> None:
    assert "{clinic}" in pseudo("Chat with {clinic} now", language)
    assert set(texts(language)) == set(texts("en"))


def test_a_language_is_offered_only_if_it_has_texts(clinic: Clinic) -> None:
    assert languages(with_website(clinic, languages=["de", "en", "xx"])) == ("en",)
    assert languages(with_website(clinic, languages=["de"])) == ("en",)
    assert look_of(with_website(clinic, languages=["de"]), None, "de").language == "en"


def test_a_clinic_words_any_text_itself(clinic: Clinic) -> None:
    look = look_of(with_website(clinic, texts={"launcher.open": "Ask {clinic}"}), None, None)
    assert look.text("launcher.open") == f"Ask {clinic.name}"


def test_a_site_that_is_not_there_is_the_main_one(clinic: Clinic) -> None:
    assert look_of(clinic, "elsewhere", None).site.slug == clinic.main_site


def test_the_week_is_told_with_its_closed_days(clinic: Clinic) -> None:
    rows = look_of(clinic, "juniper", None).hours_rows
    assert ("Wednesday", "Closed") in rows and rows[-1] == ("Saturday and Sunday", "Closed")


# -- numbers, buttons, origins ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number", "uri"),
    [
        ("911", "911", "tel:911"),
        ("988 (call or text)", "988", "tel:988"),
        ("call 1-800-222-1222 at any time", "1-800-222-1222", "tel:18002221222"),
        ("(303) 555-0111", "(303) 555-0111", "tel:3035550111"),
        ("+44 20 7946 0000", "+44 20 7946 0000", "tel:+442079460000"),
    ],
)
def test_a_number_is_found_in_its_text(text: str, number: str, uri: str) -> None:
    assert Number.of(text) == Number(number, uri)


def test_each_kind_of_emergency_has_its_numbers_the_right_one_first(clinic: Clinic) -> None:
    look = look_of(clinic, None, None)
    assert [one.number for one in look.numbers_for("emergency")] == ["911"]
    assert [one.number for one in look.numbers_for("crisis")] == ["988", "911"]
    assert [one.number for one in look.numbers_for("poison")] == ["911", "1-800-222-1222"]


@pytest.mark.parametrize(
    ("row", "button"),
    [
        ("Prices", {"title": "Prices", "text": "Prices"}),
        ({"title": "Prices", "payload_text": "What does it cost?"}, {"title": "Prices", "text": "What does it cost?"}),
        ({"title": "Prices", "intent": "ask_cost"}, {"title": "Prices", "text": "Prices", "intent": "ask_cost"}),
        (
            {"title": "Juniper", "site": "juniper", "topic": "cost"},
            {"title": "Juniper", "text": "Juniper", "intent": "ask_cost", "site": "juniper"},
        ),
        ({"text": "no title"}, None),
        (7, None),
    ],
)
def test_a_button_is_read_from_any_shape(row: object, button: object) -> None:
    assert as_button(row) == button


@pytest.mark.parametrize(
    ("origin", "may"),
    [
        ("https://www.clinic.example", True),
        ("https://a.b.clinics.example", True),
        ("https://clinics.example", False),
        ("https://evilclinics.example", False),
        ("http://a.clinics.example", False),
        ("https://www.clinic.example:8443", False),
        ("null", False),
        ("https://other.example", False),
    ],
)
def test_only_listed_pages_may_show_the_chat(clinic: Clinic, origin: str, may: bool) -> None:
    listed = [
        "https://www.clinic.example/",
        "https://*.clinics.example",
        "https://other.example/path",
        "*",
        "javascript:alert(1)",
        None,
    ]
    assert allowed(origin, with_website(clinic, allowed_origins=listed)) is may


# -- pages --------------------------------------------------------------------------------------------------------------


def test_what_a_page_is_filled_with_stays_text() -> None:
    assert (
        render("<p title='{{a}}'>{{a}}</p>", {"a": "<b>'\"&"})
        == "<p title='&lt;b&gt;&#x27;&quot;&amp;'>&lt;b&gt;&#x27;&quot;&amp;</p>"
    )


def test_data_in_a_script_cannot_end_it() -> None:
    written = script_json({"a": "</script><!--\u2028"})
    assert "<" not in written and "\u2028" not in written and json.loads(written) == {"a": "</script><!--\u2028"}


def test_what_is_served_is_what_is_written_without_comments(tmp_path: Path) -> None:
    file = tmp_path / "one.js"
    file.write_text(
        "// why\nconst a = 1; // stays\n/** @returns {x}\n * more */\n\n  const b = `\n  .x{}\n`;\n/* one line */\nb();\n", "utf-8"
    )
    assert lean(file).decode() == "const a = 1; // stays\nconst b = `\n.x{}\n`;\nb();"


def test_styles_are_sent_without_air_and_mean_the_same(tmp_path: Path) -> None:
    file = tmp_path / "a.css"
    file.write_text(
        "/* why */\n.a :focus, .b > c { font: 1px/2 'X Y', z; color: red; }\n@media (min-width: 5px) { .d { margin: 0 auto; } }\n"
    )
    assert lean(file).decode() == ".a :focus,.b > c{font:1px/2 'X Y',z;color:red;}\n@media (min-width:5px){.d{margin:0 auto;}}"
