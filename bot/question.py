"""The words of a question, and the keywords that choose between the finer answers of one topic.

Which variant answers is decided by words that the clinic can read in answers.yml, never by a model: the variant whose
keywords stand in the question wins, and the answer says which keywords those were.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_WORD = re.compile(r"[a-z0-9@]+")
_APOSTROPHE = re.compile(r"['\u2019\u2018`\u00b4]")
_AGE = re.compile(r"\b(\d{1,3})[\s-]*(?:years?|yrs?|yo|y/o|y\.o\.?)\b(?:[\s-]*olds?)?|\b(?:under|below|age|aged|over|past|at|be|is|im)[\s-]*(\d{1,2})s?\b(?!\s*(?:min|hour|hr|am|pm|:|%|day|week|month|session|visit|mile|km))")

MINOR_AGE, SENIOR_AGE = 18, 65

LONGEST_TYPO = 5
"""From this many letters on, a word with one slip of the finger still counts as the keyword."""

NUMBER_WORDS = {
    **{"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10},
    **{"eleven": 11, "twelve": 12, "fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "fortyfive": 45, "sixty": 60, "ninety": 90},
}


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text: small letters, no accents, no apostrophes."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return tuple(_WORD.findall(_APOSTROPHE.sub("", text.lower())))


@dataclass(frozen=True)
class Question:
    """What a visitor asked, as words."""

    text: str
    words: tuple[str, ...]
    marks: frozenset[str]
    """What a number in the question means: "@minor", "@senior"."""

    @classmethod
    def of(cls, text: str) -> Question:
        """Read a question."""
        return cls(text, words_of(text), frozenset(_age_marks(text.lower())))

    def has(self, *phrases: str) -> bool:
        """Say whether any of the phrases stands in the question."""
        return any(True for _ in self.found(phrases))

    def found(self, phrases: Iterable[str]) -> Iterator[str]:
        """Yield the phrases that stand in the question, without forgiving typos."""
        return (phrase for phrase in phrases if _stands(_parts(phrase), self.words, self.marks))


def _age_marks(text: str) -> Iterator[str]:
    for found in _AGE.finditer(text):
        age = int(found[1] or found[2])
        if age < MINOR_AGE:
            yield "@minor"
        elif SENIOR_AGE <= age < 120:
            yield "@senior"


@dataclass(frozen=True)
class Keywords:
    """The keywords of one topic's variants, ready to be looked for."""

    phrases: tuple[tuple[str, str, tuple[tuple[str, ...], ...]], ...]
    """Variant, phrase as written, and its parts: runs of words that must all stand in the question."""
    vocabulary: frozenset[str]
    slips: Mapping[str, str]
    """A keyword with one letter left out, and the keyword: what typos are recognised by."""

    @classmethod
    def of(cls, variants: Mapping[str, Sequence[str]]) -> Keywords:
        """Prepare the `when:` lists of a topic's variants."""
        phrases = tuple((name, phrase, _parts(phrase)) for name, when in variants.items() for phrase in when)
        vocabulary = frozenset(word for _, _, parts in phrases for part in parts for word in part)
        long = [word for word in sorted(vocabulary) if len(word) >= LONGEST_TYPO and word.isalpha()]
        return cls(phrases, vocabulary, {slip: word for word in long for slip in _slips(word)})

    def choose(self, question: Question) -> tuple[str | None, tuple[str, ...]]:
        """Return the variant with the most keywords in the question, and which; None where there is none."""
        words = tuple(map(self.mended, question.words))
        found: dict[str, list[str]] = {}
        for variant, phrase, parts in self.phrases:
            if _stands(parts, words, question.marks):
                found.setdefault(variant, []).append(phrase)
        if not found:
            return None, ()
        # More words of keywords win; then the longest phrase, then the name: never the order in a file.
        best = min(found, key=lambda name: (-sum(map(_weight, found[name])), -max(map(len, found[name])), name))
        return best, tuple(found[best])

    def mended(self, word: str) -> str:
        """Return the keyword that a word was meant to be, or the word itself."""
        if word in self.vocabulary or len(word) < LONGEST_TYPO:
            return word
        if word in self.slips:
            return self.slips[word]
        return next((self.slips[slip] for slip in _slips(word) if slip in self.slips), word)


def _weight(phrase: str) -> int:
    return len(phrase.replace("+", " ").split())


@lru_cache(maxsize=4096)
def _parts(phrase: str) -> tuple[tuple[str, ...], ...]:
    """Split "how + so*n" into runs of words; a word may end with a star: any ending."""
    return tuple(tuple(part.lower().split()) for part in phrase.split("+"))


def _stands(parts: Sequence[Sequence[str]], words: Sequence[str], marks: frozenset[str]) -> bool:
    return all(_run_stands(part, words, marks) for part in parts)


def _run_stands(run: Sequence[str], words: Sequence[str], marks: frozenset[str]) -> bool:
    first = run[0]
    if first[0] == "@":
        return first in marks
    if len(run) == 1 and first[-1] != "*":
        return first in words
    return any(
        all(_same(want, words[start + offset]) for offset, want in enumerate(run))
        for start in range(len(words) - len(run) + 1)
    )


def _same(want: str, word: str) -> bool:
    return word.startswith(want[:-1]) if want[-1] == "*" else word == want


def _slips(word: str) -> tuple[str, ...]:
    """Return the word itself and the word with any one letter left out.

    Two words share one of these exactly where they are one slip apart (a letter too many, too few, wrong, or two
    swapped), or nearly so.
    """
    return (word, *(word[:n] + word[n + 1 :] for n in range(len(word))))


MINUTES = re.compile(r"\b(\d{1,3})[\s-]*(?:min|mins|minute|minutes|minuets|m)\b")
HOURS = re.compile(r"\b(\d)(?:[.,](\d))?[\s-]*(?:hours?|hrs?|h)\b")


def minutes_of(question: Question) -> int | None:
    """Return the length of a visit the question names: "30 mins", "half an hour", "an hour"."""
    text = question.text.lower()
    if found := MINUTES.search(text):
        return int(found[1])
    if found := HOURS.search(text):
        return round(float(f"{found[1]}.{found[2] or 0}") * 60)
    spelt = " ".join(question.words)
    if re.search(r"\bhour and a half\b", spelt):
        return 90
    if re.search(r"\b(?:half (?:an |a )?hour|half hr|1 2 hour)\b", spelt):
        return 30
    if re.search(r"\b(?:three )?quarters? of an hour\b", spelt):
        return 45 if "three" in spelt else 15
    if found := re.search(r"\b(fifteen|twenty|thirty|forty five|forty|sixty|ninety) min", spelt):
        return NUMBER_WORDS[found[1].replace(" ", "")]
    return 60 if re.search(r"\b(?:an|one|full|whole) hour\b|\bhour (?:session|visit|appointment|long)\b", spelt) else None


def amount_of(question: Question, *units: str) -> int | None:
    """Return the number in front of one of the units: "10 sessions", "five visits"."""
    for number, unit in zip(question.words, question.words[1:]):
        if unit in units:
            if number.isdigit():
                return int(number)
            if number in NUMBER_WORDS:
                return NUMBER_WORDS[number]
    return None
