"""Reads clinic/safety.yml: words, patterns, rules and fixed texts, or an error that names the line and what is expected there."""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.errors import ContentError
from bot.patterns import Lexicon, Pattern, PatternError, Sieve
from bot.textnorm import Normaliser, Speller, plain_words

TEXTS = (
    "emergency",
    "someone_else",
    "crisis",
    "poison",
    "pregnancy",
    "child",
    "urgent",
    "staff",
    "abuse",
    "emergency_short",
    "crisis_short",
    "foreign",
)
KINDS = ("emergency", "crisis", "poison", "pregnancy", "child", "abuse", "staff")
GROUPS = (
    "self",
    "others",
    "children",
    "personal",
    "denials",
    "absences",
    "denial_links",
    "turns",
    "site",
    "sign",
    "complaint",
    "mild",
)
TALK = (
    "idioms",
    "frames",
    "asking",
    "checking",
    "claims",
    "past",
    "now",
    "treated",
    "not_treated",
    "reasons",
    "retractions",
    "since",
)
STRICT_TALK = ("idioms", "frames", "asking", "checking", "past", "now")
"""What lowers a level is read narrowly: its words follow each other directly."""

_SECTIONS = ("version", "approved_by", "reviewed_on", "texts", "writing", "languages", "words", "talk", "rules")
_WRITING = ("fillers", "shorthand", "emoji")
_RULE_NEEDS = ("id", "name", "kind", "why", "source", "patterns", "must")
_RULE_KEYS = (*_RULE_NEEDS, "approved_by", "reviewed_on", "unless", "must_not", "as_written")
_COMMENT = re.compile(r"(?:^|\s)# .*$")


class Level(enum.IntEnum):
    """What a message needs, in rising order."""

    NONE = 0
    ROUTINE = 1
    URGENT = 2
    EMERGENCY = 3


@dataclass(frozen=True)
class Rule:
    """One red flag of the list."""

    id: str
    name: str
    kind: str
    why: str
    source: str
    approved_by: str
    reviewed_on: str
    as_written: bool
    """Words of other languages: nothing is taken for a misspelt one of them."""
    patterns: Mapping[Level, tuple[Pattern, ...]]
    unless: tuple[Pattern, ...]
    """Words that one of these covers do not count for this rule."""
    must: Mapping[Level, tuple[str, ...]]
    """Sentences that must reach the level."""
    must_not: tuple[str, ...]
    """Sentences that look alike and must stay below this rule's highest level."""


@dataclass(frozen=True)
class Content:
    """The whole list, compiled."""

    version: str
    texts: Mapping[str, str]
    rules: tuple[Rule, ...]
    talk: Mapping[str, Sieve[Pattern]]
    groups: Mapping[str, int]
    lexicon: Lexicon
    normaliser: Normaliser
    languages: Mapping[str, frozenset[str]]


def read_content(path: Path) -> Content:
    """Read and compile the list; raises ContentError with file, line and what is expected."""
    return _Reader(path).content()


class _Located(str):
    """A string of the file that remembers its line."""

    line: int = 0


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML with line numbers on strings."""


def _located(loader: Any, node: Any) -> _Located:
    text = _Located(node.value)
    text.line = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
    return text


for _tag in ("str", "timestamp", "float", "int", "bool", "null"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _located)


class _Reader:
    def __init__(self, path: Path) -> None:
        self._name = f"{path.parent.name}/{path.name}"
        try:
            self._data = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
        except OSError as error:
            raise ContentError(f"{self._name}:1: expected a file that can be read: {error.strerror}") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise ContentError(f"{self._name}:{line}: expected YAML: {error.problem}") from error
        self._section(self._data, _SECTIONS, _SECTIONS, "the file")

    def content(self) -> Content:
        """Compile everything; what is dangerous first, because only that is worth a guess at a misspelling."""
        data = self._data
        writing = self._section(data["writing"], _WRITING, _WRITING, "writing")
        fillers = frozenset(self._text(writing["fillers"]).split())
        shorthand = {str(short): str(long) for short, long in writing["shorthand"].items()}
        lexicon = Lexicon(data["words"], lambda phrase: plain_words(phrase, shorthand, fillers))
        groups = {name: self._group(lexicon, name) for name in GROUPS}
        entries = self._entries()
        patterns = {entry["id"]: self._levels(lexicon, entry) for entry in entries if "as_written" not in entry}
        everyday = _everyday_words()
        dangerous = lexicon.vocabulary(everyday)
        dangerous.update(word for pair in shorthand.items() for part in pair for word in part.split())
        rules = tuple(self._rule(lexicon, entry, patterns.get(entry["id"])) for entry in entries)
        talk = {
            name: Sieve((one.needs, one) for one in self._patterns(lexicon, block, strict=name in STRICT_TALK))
            for name, block in self._section(data["talk"], TALK, TALK, "talk").items()
        }
        speller = Speller(dangerous, everyday.union(lexicon.vocabulary(everyday)))
        return Content(
            version=str(data["version"]),
            texts={name: " ".join(text.split()) for name, text in self._section(data["texts"], TEXTS, TEXTS, "texts").items()},
            rules=rules,
            talk=talk,
            groups=groups,
            lexicon=lexicon,
            normaliser=Normaliser(speller, shorthand, writing["emoji"], fillers),
            languages={name: frozenset(plain_words(few, {}, frozenset())) for name, few in data["languages"].items()},
        )

    def _entries(self) -> list[Mapping[str, Any]]:
        entries = self._data["rules"] if isinstance(self._data["rules"], list) else []
        seen: set[str] = set()
        for entry in entries:
            self._section(entry, _RULE_NEEDS, _RULE_KEYS, "rules")
            if entry["id"] in seen:
                raise self._wrong(entry["id"], f"an id of its own, '{entry['id']}' is taken")
            if entry["kind"] not in KINDS:
                raise self._wrong(entry["kind"], f"one of {', '.join(KINDS)}")
            seen.add(entry["id"])
        if not entries:
            raise self._wrong("rules", "a list of rules under 'rules:'")
        return entries

    def _levels(self, lexicon: Lexicon, entry: Mapping[str, Any]) -> dict[Level, tuple[Pattern, ...]]:
        return {self._level(name): self._patterns(lexicon, block) for name, block in entry["patterns"].items()}

    def _rule(self, lexicon: Lexicon, entry: Mapping[str, Any], patterns: dict[Level, tuple[Pattern, ...]] | None) -> Rule:
        return Rule(
            **{key: str(entry[key]) for key in ("id", "name", "kind", "why", "source")},
            approved_by=str(entry.get("approved_by", self._data["approved_by"])),
            reviewed_on=str(entry.get("reviewed_on", self._data["reviewed_on"])),
            as_written="as_written" in entry,
            patterns=patterns or self._levels(lexicon, entry),
            unless=self._patterns(lexicon, entry.get("unless", ""), strict=True),
            must={self._level(name): tuple(text for text, _ in _lines(block)) for name, block in entry["must"].items()},
            must_not=tuple(text for text, _ in _lines(entry.get("must_not", ""))),
        )

    def _level(self, name: str) -> Level:
        if name not in ("emergency", "urgent", "routine"):
            raise self._wrong(name, "emergency, urgent or routine")
        return Level[name.upper()]

    def _group(self, lexicon: Lexicon, name: str) -> int:
        try:
            return lexicon.group(name)
        except PatternError as error:
            raise self._wrong(self._data["words"].get(name, ""), str(error)) from error

    def _patterns(self, lexicon: Lexicon, block: object, strict: bool = False) -> tuple[Pattern, ...]:
        found = []
        for text, line in _lines(self._text(block)):
            try:
                found.append(lexicon.compile(text, line, strict))
            except PatternError as error:
                raise ContentError(f"{self._name}:{line}: expected a pattern that can be read: {error}") from error
        return tuple(found)

    def _text(self, value: object) -> str:
        if not isinstance(value, str):
            raise self._wrong(value, "text, one line after another")
        return value

    def _section(self, value: object, needed: tuple[str, ...], known: tuple[str, ...], name: str) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise self._wrong(value, f"{name} with {', '.join(needed)}")
        where = next(iter(value), name)
        for key in needed:
            if value.get(key) in (None, ""):
                raise self._wrong(where, f"'{key}:' in {name}")
        for key in value:
            if key not in known:
                raise self._wrong(key, f"one of {', '.join(known)} instead of '{key}'")
        return value

    def _wrong(self, where: object, expected: str) -> ContentError:
        return ContentError(f"{self._name}:{getattr(where, 'line', 1)}: expected {expected}")


def _lines(block: str) -> Iterator[tuple[str, int]]:
    """Return the lines that say something, with their line numbers; "# " begins a remark."""
    for offset, line in enumerate(block.split("\n")):
        if text := _COMMENT.sub("", line).strip():
            yield text, getattr(block, "line", 1) + offset


def _everyday_words() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("everyday_words.txt").read_text(encoding="ascii").split())
