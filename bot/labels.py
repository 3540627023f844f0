"""What the console's pages call the parts of an entry, so that a refusal speaks of what stands on the page.

The checks name fields as the clinic's files do (`reviewed_on:`); whoever is told so in front of a form looks for a field
that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.content import TOPICS, Fields, Place, split_key

LABELS: Mapping[str, str] = {
    "text": "Wording",
    "when": "Chosen by these words",
    "special_days": "Days with other hours",
    "holidays": "Closed on these holidays",
    "first": "From",
    "last": "To",
    "periods": "Open",
    "medium": "By",
    "urgencies": "Of what",
    "after_minutes": "Minutes unseen",
}
"""Fields whose label on the page is not their name."""

CARDS: Mapping[str, str] = {"about": "The clinic", "numbers": "Numbers to call", "payment_methods": "Ways to pay"}
"""Entries of clinic.yml whose title on the page is not their name."""

_UNSEEN = frozenset(("week", "items", "closed"))
"""Steps of a place that a page does not show: what is inside stands there by itself."""

_LEADING = re.compile(r"^`\w+:` ")
_FIELD = re.compile(r"`(\w+):`")


def on_page(place: Place, expected: str, fields: Fields) -> str:
    """Say what is expected where, as the page of the entry has it: `Monday: expected a period such as "8:00-12:00"`."""
    where = ", ".join(_steps(place, fields))
    plain = _FIELD.sub(lambda found: f'"{label(found[1])}"', _LEADING.sub("", expected) if where else expected)
    plain = plain.replace(", in clinic.yml", " under Prices and team")
    return f"{where}: expected {plain}" if where else f"expected {plain}"


def label(name: str) -> str:
    """Return what a page calls a field."""
    return LABELS.get(name) or name.replace("_", " ").capitalize()


def title(key: str, fields: Fields) -> str:
    """Return what the pages call an entry."""
    first, rest = split_key(key)
    if first == "clinic":
        part, _, site = rest.partition("/")
        return str(fields.get("title") or site) if site else CARDS.get(part) or label(part)
    named = TOPICS.get(first) or label(first)
    return f"{named}: {rest.replace('_', ' ')}" if rest else named


def _steps(place: Place, fields: Any) -> list[str]:
    if place[:1] == ("phrases",) and len(place) > 1:
        return [f'Phrase "{str(place[1]).replace("_", " ")}"']  # a name of its own, not a field's
    found, inside = [], fields
    for step in place:
        inside = _inside(inside, step)
        if isinstance(step, int):
            found += [_row(inside, step)] if isinstance(inside, Mapping) else []
        elif step not in _UNSEEN:
            found.append(label(step))
    return found


def _inside(value: Any, step: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(step)
    return value[step] if isinstance(value, list) and isinstance(step, int) and step < len(value) else None


def _row(row: Mapping[str, Any], number: int) -> str:
    return str(row.get("title") or row.get("name") or row.get("reason") or f"row {number + 1}")
