"""Reads the fields of a mapping that a person wrote, and notes what cannot be used instead of stopping at it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

import phonenumbers

from bot.content import Place

_UNFILLED = re.compile(r"\{[^}]*\}|<[^>]+>|\b(?:TODO|TBD|FIXME|XXX|REPLACE[ _-]ME|CHANGE[ _-]ME)\b")


class Problems:
    """Collects what is wrong: key, place within the entry, what is expected there."""

    def __init__(self) -> None:
        self.found: list[tuple[str, Place, str]] = []

    def add(self, key: str, place: Place, expected: str) -> None:
        """Note one problem."""
        self.found.append((key, place, expected))


class Reader:
    """Reads the fields of one mapping and notes what cannot be used."""

    def __init__(self, key: str, fields: Any, problems: Problems, place: Place = ()) -> None:
        self.key, self.problems, self.place = key, problems, place
        self.fields: Mapping[str, Any] = fields if isinstance(fields, Mapping) else {}
        if not isinstance(fields, Mapping):
            self.wrong((), "lines such as `name: value`")

    def wrong(self, place: Place, expected: str) -> None:
        """Note a problem at a place below this mapping."""
        self.problems.add(self.key, (*self.place, *place), expected)

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text; without a default it must be there, and filled in."""
        value = self.fields.get(name, default)
        if value is None or value == "" and default is None:
            self.wrong((name,), f"`{name}:` to be filled in")
            return ""
        if isinstance(value, (Mapping, list)):
            self.wrong((name,), f"`{name}:` to be one text")
            return ""
        if _UNFILLED.search(str(value)):
            self.wrong((name,), f"`{name}:` to be filled in, not a placeholder")
        return str(value)

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return a whole number of at least one, or the default where there is none."""
        value = self.fields.get(name)
        if value is None:
            return default
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self.wrong((name,), f"`{name}:` to be a whole number")
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Return true or false."""
        value = self.fields.get(name, default)
        if isinstance(value, bool):
            return value
        self.wrong((name,), f"`{name}:` to be true or false")
        return default

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        """Return one of the allowed words."""
        value = str(self.fields.get(name, default))
        if value in allowed:
            return value
        self.wrong((name,), f"`{name}:` to be one of {', '.join(allowed)}")
        return default

    def items(self, name: str) -> list[Any]:
        """Return a list; nothing there is an empty one."""
        value = self.fields.get(name)
        if value is None or isinstance(value, list):
            return value or []
        self.wrong((name,), f"`{name}:` to be a list (lines that begin with a dash)")
        return []

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        return tuple(str(item) for item in self.items(name))

    def all_texts(self) -> dict[str, str]:
        """Return every field as a text that must be filled in."""
        return {name: self.text(name) for name in self.fields}

    def inner(self, name: str) -> Reader:
        """Return a reader of a mapping inside; nothing there is an empty one."""
        return Reader(self.key, self.fields.get(name) or {}, self.problems, (*self.place, name))

    def each(self, name: str) -> list[Reader]:
        """Return a reader for every mapping of a list."""
        place = (*self.place, name)
        return [Reader(self.key, item, self.problems, (*place, n)) for n, item in enumerate(self.items(name))]

    def day(self, name: str, default: date | None = None) -> date:
        """Return a day."""
        value = self.fields.get(name)
        try:
            return default if value is None and default else date.fromisoformat(str(value))
        except ValueError:
            self.wrong((name,), f"`{name}:` to be a day such as 2026-12-24")
            return default or date.min

    def phone(self, name: str, country: str) -> tuple[str, str]:
        """Return a phone number as written and as +E.164."""
        text = self.text(name)
        try:
            parsed = phonenumbers.parse(text, country)
        except phonenumbers.NumberParseException:
            parsed = None
        if parsed is None or not phonenumbers.is_possible_number(parsed):
            if text:
                self.wrong((name,), f"`{name}:` to be a phone number of {country}")
            return text, ""
        return text, phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
