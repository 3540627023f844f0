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
_AGE = re.compile(
    r"\b(\d{1,3})[\s-]*(?:years?|yrs?|yo|y/o|y\.o\.?)\b(?:[\s-]*olds?)?"
    r"|\b(?:under|below|age|aged|over|past|at|be|is|im|person of)[\s-]*(\d{1,2})s?\b"
    r"(?!\s*(?:min|hour|hr|am|pm|:|%|day|week|month|session|visit|mile|km))"
)

MINOR_AGE, SENIOR_AGE = 18, 65

LONGEST_QUESTION = 2000
"""Characters that are looked at: what the door takes at most."""

SHORTEST_TYPO, LONGEST_TYPO = 5, 20
"""Letters of a word that is recognised with one slip of the finger in it."""

_ONES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
NUMBER_WORDS = {word: number for number, word in enumerate(_ONES, start=1)}

_SPELT_MINUTES = {"fifteen": 15, "twenty": 20, "thirty": 30, "forty": 40, "forty five": 45, "sixty": 60, "ninety": 90}


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
    spelt: str
    """The words with one blank around each, and the marks of what a number means: "@minor", "@senior"."""

    @classmethod
    def of(cls, text: str) -> Question:
        """Read a question."""
        text = text[:LONGEST_QUESTION]
        words = words_of(text)
        return cls(text, words, _spelt((*words, *_age_marks(text.lower()))))

    def has(self, *phrases: str) -> bool:
        """Say whether any of the phrases stands in the question."""
        return any(_stands(_needles(phrase), self.spelt) for phrase in phrases)

    def first(self, phrases: Iterable[str]) -> str | None:
        """Return the first of the phrases that stands in the question."""
        return next((phrase for phrase in phrases if _stands(_needles(phrase), self.spelt)), None)


def _spelt(words: Iterable[str]) -> str:
    return f" {' '.join(words)} "


def _age_marks(text: str) -> Iterator[str]:
    if not any(char.isdigit() for char in text):
        return
    for found in _AGE.finditer(text):
        age = int(found[1] or found[2])
        if age < MINOR_AGE:
            yield "@minor"
        elif SENIOR_AGE <= age < 120:
            yield "@senior"


@dataclass(frozen=True)
class Keywords:
    """The keywords of one topic's variants, ready to be looked for."""

    phrases: tuple[tuple[str, str, tuple[str, ...]], ...]
    """Variant, phrase as written, and what must stand in the question for it."""
    weak: frozenset[str]
    """Variants that answer only where no other one does."""
    vocabulary: frozenset[str]
    slips: Mapping[str, str]
    """A keyword with one letter left out, and the keyword: what typos are recognised by."""

    @classmethod
    def of(cls, variants: Mapping[str, Sequence[str]], weak: Iterable[str] = ()) -> Keywords:
        """Prepare the `when:` lists of a topic's variants."""
        phrases = tuple((name, phrase, _needles(phrase)) for name, when in variants.items() for phrase in when)
        vocabulary = frozenset(word for _, _, needles in phrases for needle in needles for word in needle.split())
        long = [word for word in sorted(vocabulary) if len(word) >= SHORTEST_TYPO and word.isalpha()]
        return cls(phrases, frozenset(weak), vocabulary, {slip: word for word in long for slip in _slips(word)})

    def choose(self, question: Question) -> tuple[str | None, tuple[str, ...]]:
        """Return the variant with the most keywords in the question, and which; None where there is none."""
        spelt = _spelt(map(self.mended, question.spelt.split()))
        found: dict[str, list[str]] = {}
        for variant, phrase, needles in self.phrases:
            if _stands(needles, spelt):
                found.setdefault(variant, []).append(phrase)
        if not found:
            return None, ()
        # A weak variant comes last; then most words, the longest phrase, the name decide: never the order in a file.
        best = min(found, key=lambda v: (v in self.weak, -sum(map(_weight, found[v])), -max(map(len, found[v])), v))
        return best, tuple(found[best])

    def mended(self, word: str) -> str:
        """Return the keyword that a word was meant to be, or the word itself."""
        if not SHORTEST_TYPO <= len(word) <= LONGEST_TYPO or word in self.vocabulary:
            return word
        near = self.slips.get(word) or next((self.slips[slip] for slip in _slips(word) if slip in self.slips), None)
        return near if near and _is_slip(word, near) else word


def _is_slip(word: str, keyword: str) -> bool:
    """Say whether the word is the keyword with a letter too many or too few, or with two neighbours swapped.

    A wrong letter is not forgiven: it turns too many words into others (follow and hollow, change and chance).
    """
    if word[0] != keyword[0]:
        return False
    if len(word) != len(keyword):
        longer, shorter = (word, keyword) if len(word) > len(keyword) else (keyword, word)
        return any(longer[:n] + longer[n + 1 :] == shorter for n in range(1, len(longer)))
    wrong = [n for n in range(len(word)) if word[n] != keyword[n]]
    if len(wrong) != 2 or wrong[1] != wrong[0] + 1:
        return False
    return word[wrong[0]] == keyword[wrong[1]] and word[wrong[1]] == keyword[wrong[0]]


def _weight(phrase: str) -> int:
    return len(phrase.replace("+", " ").split())


@lru_cache(maxsize=4096)
def _needles(phrase: str) -> tuple[str, ...]:
    """Return what must stand in a spelt question: "how + so far*" is " how " and " so far", any ending."""
    runs = (" ".join(run.lower().split()) for run in phrase.split("+"))
    return tuple(f" {run[:-1]}" if run.endswith("*") else f" {run} " for run in runs)


def _stands(needles: Sequence[str], spelt: str) -> bool:
    return all(needle in spelt for needle in needles)


def _slips(word: str) -> tuple[str, ...]:
    """Return the word itself and the word with any one letter left out: words one slip apart share one of these."""
    return (word, *(word[:n] + word[n + 1 :] for n in range(len(word))))


MINUTES = re.compile(r"\b(\d{1,3})[\s-]*(?:min|mins|minute|minutes|minuets|m)\b")
HOURS = re.compile(r"\b(\d)(?:[.,](\d))?[\s-]*(?:hours?|hrs?|h)\b")


_LENGTH_HINTS = ("min", "hour", "hr", *(str(digit) for digit in range(10)))


def minutes_of(question: Question) -> int | None:
    """Return the length of a visit the question names: "30 mins", "half an hour", "an hour"."""
    if not any(hint in question.spelt for hint in _LENGTH_HINTS):
        return None
    text = question.text.lower()
    if found := MINUTES.search(text):
        return int(found[1])
    if found := HOURS.search(text):
        return round(float(f"{found[1]}.{found[2] or 0}") * 60)
    spelt = question.spelt
    if re.search(r"\bhour and a half\b", spelt):
        return 90
    if re.search(r"\b(?:half (?:an |a )?hour|half hr|1 2 hour)\b", spelt):
        return 30
    if re.search(r"\b(?:three )?quarters? of an hour\b", spelt):
        return 45 if "three" in spelt else 15
    if found := re.search(r"\b(fifteen|twenty|thirty|forty five|forty|sixty|ninety) min", spelt):
        return _SPELT_MINUTES[found[1]]
    return 60 if re.search(r"\b(?:an|one|full|whole) hour\b|\bhour (?:session|visit|appointment|long)\b", spelt) else None
