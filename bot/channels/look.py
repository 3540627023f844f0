"""How the clinic looks on the web: names, numbers, hours, colours and texts of one site in one language.

Built from clinic.yml's facts. Colours are made readable here: whatever colour a clinic picks, text on it and in it keeps the
contrast that WCAG 2.2 AA asks for.
"""

from __future__ import annotations

import colorsys
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from bot.clinic import ORIGIN, Clinic, Site
from bot.errors import NotFound
from bot.hours import Period, days_text, periods_text

TEXTS_DIR = Path(__file__).resolve().parent.parent / "web" / "widget" / "texts"

BRAND = "#0f6b63"
"""The colour of a clinic that names none."""

LIGHT, DARK = "#ffffff", "#16201f"
"""The two surfaces that text in the clinic's colour stands on."""

CONTRAST = 4.6
"""WCAG 2.2 AA asks 4.5 for text."""

PSEUDO = ("en-XA", "ar-XB")
"""Made-up languages: accented and longer, and from right to left. They prove that no text is left in the code."""

_RIGHT_TO_LEFT = {"ar", "fa", "he", "ur", "yi", "ps", "dv", "ckb"}
_COLOUR = re.compile(r"#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_NUMBER = re.compile(r"\+?\(?\d(?:[\d\s().-]*\d)?")
_ACCENTED = str.maketrans("aceinosuyzACEINOSUYZ", "áçéîñöšûýžÁÇÉÎÑÖŠÛÝŽ")


@dataclass(frozen=True)
class Number:
    """A number to call."""

    number: str
    uri: str

    @classmethod
    def of(cls, text: str) -> Number:
        """Read the first number out of a text such as "988 (call or text)"."""
        found = _NUMBER.search(text)
        written = found[0] if found else text
        return cls(written, "tel:" + re.sub(r"[^\d+]", "", written))


@dataclass(frozen=True)
class Look:
    """What a page needs to know to present the clinic at one site, in one language."""

    clinic: Clinic
    site: Site
    language: str
    texts: Mapping[str, str]

    @property
    def direction(self) -> str:
        """Return the writing direction."""
        return "rtl" if self.language.split("-")[0] in _RIGHT_TO_LEFT else "ltr"

    @property
    def phone(self) -> Number:
        """Return the site's number."""
        return Number(self.site.phone, f"tel:{self.site.phone_e164 or Number.of(self.site.phone).uri[4:]}")

    @property
    def hours_lines(self) -> str:
        """Return the usual week as text, a line for days that are alike."""
        return "\n".join(f"{days}: {times}" for days, times in self.hours_rows)

    @property
    def hours_rows(self) -> list[tuple[str, str]]:
        """Return the usual week as rows of days and times."""
        groups: list[tuple[list[int], tuple[Period, ...]]] = []
        for day, periods in enumerate(self.site.hours.week):
            if groups and groups[-1][1] == periods:
                groups[-1][0].append(day)
            else:
                groups.append(([day], periods))
        closed = self.texts["hours.closed"]
        return [(days_text(days), periods_text(periods, self.clinic.clock) or closed) for days, periods in groups]

    @property
    def emergency(self) -> Number:
        """Return the number that is always in sight."""
        return Number.of(self.clinic.numbers.get("emergency", "911"))

    @property
    def numbers(self) -> tuple[Number, ...]:
        """Return every number of the clinic, to be tappable wherever it stands in a text."""
        named = [Number.of(text) for text in self.clinic.numbers.values()]
        return tuple(dict.fromkeys([*(Number.of(site.phone) for site in self.clinic.sites), *named]))

    def numbers_for(self, kind: str) -> tuple[Number, ...]:
        """Return the numbers to pin for a kind of emergency, the first one first."""
        named = {"crisis": ("crisis", "emergency"), "poison": ("emergency", "poison")}.get(kind, ("emergency",))
        return tuple(Number.of(self.clinic.numbers[name]) for name in named if self.clinic.numbers.get(name))

    def team(self, at: datetime) -> dict[str, Any]:
        """Say whether somebody is there, and when that changes."""
        hours = self.site.hours
        is_open = hours.is_open(at)
        changes = hours.next_close(at) if is_open else hours.next_open(at)
        return {"open": is_open, "changes_at": changes.isoformat() if changes else None}

    def setting(self, name: str, default: str = "") -> str:
        """Return one of clinic.yml's `website:` settings as text."""
        value = self.clinic.website.get(name)
        return str(value) if value not in (None, "") else default

    def text(self, key: str, **values: str) -> str:
        """Return one text with its values filled in."""
        known = {"clinic": self.clinic.name, "emergency": self.emergency.number, "phone": self.phone.number, **values}
        return fill(self.texts[key], known)

    @property
    def suggestions(self) -> list[dict[str, str]]:
        """Return the first buttons: the clinic's own, or none."""
        rows = self.clinic.website.get("suggestions") or []
        return [button for row in rows if (button := as_button(row))]


def look_of(clinic: Clinic, site: str | None, language: str | None) -> Look:
    """Return the look for a site and a language; what the clinic does not have falls back to its main site and first language."""
    try:
        found = clinic.site(site)
    except NotFound:
        found = clinic.site(None)
    offered = languages(clinic)
    chosen = language if language in offered or language in PSEUDO else offered[0]
    own = clinic.website.get("texts") or {}
    return Look(clinic, found, str(chosen), {**texts(str(chosen)), **{str(k): str(v) for k, v in own.items()}})


def languages(clinic: Clinic) -> tuple[str, ...]:
    """Return the languages offered: named by the clinic, with texts here; answers and red-flag patterns are English so far."""
    named = [str(one) for one in clinic.website.get("languages") or ["en"]]
    return tuple(one for one in named if one in _ready()) or ("en",)


@lru_cache(maxsize=1)
def _ready() -> frozenset[str]:
    return frozenset(file.stem for file in TEXTS_DIR.glob("*.json")) & {"en"}


@lru_cache(maxsize=16)
def texts(language: str) -> Mapping[str, str]:
    """Return every text of the widget in a language; pseudo-languages are generated from the English ones."""
    source = "en" if language in PSEUDO else language
    read: dict[str, str] = json.loads((TEXTS_DIR / f"{source}.json").read_text("utf-8"))
    return {key: pseudo(text, language) for key, text in read.items()} if language in PSEUDO else read


def pseudo(text: str, language: str) -> str:
    """Return a made-up translation: accented and a third longer, or from right to left; placeholders stay."""
    parts = re.split(r"(\{\w+\})", text)
    if language == "ar-XB":
        return "".join(part if part.startswith("{") else f"\u202e{part}\u202c" for part in parts if part)
    words = "".join(part if part.startswith("{") else part.translate(_ACCENTED) for part in parts)
    return f"[{words}{'·' * max(1, len(text) // 3)}]"


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of {names}; one that is not known stays."""
    return re.sub(r"\{(\w+)\}", lambda hit: values.get(hit[1], hit[0]), text)


def as_button(row: Any) -> dict[str, str] | None:
    """Return a button as clients know it, from any shape that clinic.yml or the dialogue writes; None if it has no title."""
    if isinstance(row, str):
        return {"title": row, "text": row}
    if not isinstance(row, Mapping) or not row.get("title"):
        return None
    title = str(row["title"])
    topic = str(row.get("topic") or "")
    intent = str(row.get("intent") or (topic and f"ask_{topic}"))
    button = {"title": title, "text": str(row.get("text") or row.get("payload_text") or title)}
    return {**button, **{name: str(value) for name, value in (("intent", intent), ("site", row.get("site"))) if value}}


def origins(clinic: Clinic) -> tuple[str, ...]:
    """Return the pages that may show the chat, as origins; an entry that is none is left out."""
    named: Sequence[Any] = clinic.website.get("allowed_origins") or ()
    return tuple(one for entry in named if (one := str(entry).rstrip("/")) and ORIGIN.fullmatch(one))


def allowed(origin: str, clinic: Clinic) -> bool:
    """Say whether a page's origin is on the clinic's list; `https://*.example.org` covers its subdomains."""
    for one in origins(clinic):
        scheme, _, host = one.partition("://")
        if origin == one or (host.startswith("*.") and origin.startswith(f"{scheme}://") and origin.endswith(host[1:])):
            return True
    return False


def theme(clinic: Clinic) -> str:
    """Return the clinic's colours as a stylesheet."""
    brand = colour(clinic.website.get("colour"), BRAND)
    dark = colour(clinic.website.get("colour_dark"), brand)
    return (
        f":root{{--brand:{brand};--on-brand:{on(brand)};--brand-text:{readable(brand, LIGHT)}}}"
        f"@media(prefers-color-scheme:dark){{:root{{--brand:{readable(dark, DARK)};"
        f"--on-brand:{on(readable(dark, DARK))};--brand-text:{readable(dark, DARK, 7.0)}}}}}"
    )


def colour(value: Any, default: str) -> str:
    """Return a colour as #rrggbb; anything that is none becomes the default."""
    text = str(value or "")
    if not _COLOUR.fullmatch(text):
        return default
    return text.lower() if len(text) == 7 else "#" + "".join(char * 2 for char in text[1:].lower())


def on(background: str) -> str:
    """Return white or black, whichever is easier to read on a colour."""
    return max(("#ffffff", "#000000"), key=lambda text: contrast(text, background))


def readable(text: str, background: str, ratio: float = CONTRAST) -> str:
    """Return the nearest shade of a colour that can be read on a background."""
    hue, light, saturation = colorsys.rgb_to_hls(*(part / 255 for part in _rgb(text)))
    step = -0.01 if _luminance(background) > 0.5 else 0.01
    shade = text
    while contrast(shade, background) < ratio and 0 <= light <= 1:
        light += step
        parts = colorsys.hls_to_rgb(hue, min(1.0, max(0.0, light)), saturation)
        shade = "#" + "".join(f"{round(part * 255):02x}" for part in parts)
    return shade


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours as WCAG counts it, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _rgb(value: str) -> tuple[int, int, int]:
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


def _luminance(value: str) -> float:
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in (c / 255 for c in _rgb(value))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
