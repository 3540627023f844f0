"""A visitor's text as plain words: what all the ways of writing the same thing have in common.

`Normaliser.words(text)` undoes capitals, accents, markup, look-alike and spaced-out letters, emoji, missing apostrophes, run-together
words and misspellings. It invents nothing: a word it cannot place stays as it was written. Pure, bounded, deterministic.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

MAX_CHARACTERS = 8_000
"""Ten times a long message. Beyond it only the beginning and the end are read, so that no text can stall the door."""

_SHORTEST_TYPO = 4
"""Shorter words have too many neighbours to be corrected: "pan" is not "pain"."""

_SHORTEST_DOUBLE_TYPO = 8
"""From this length on two wrong letters are still the same word: nuemothorax."""

_LONGEST_WORD = 24
"""Longer than any word of ours; a longer run of letters is only tried as words run together."""

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_INLINE_TAG = re.compile(r"</?(?:a|abbr|b|big|em|font|i|ins|mark|s|small|span|strong|sub|sup|tt|u)(?:\s[^<>]{0,400})?/?>", re.I)
_BLOCK_TAG = re.compile(
    r"</?(?:br|div|h[1-6]|hr|img|li|ol|p|pre|table|td|th|tr|ul)(?:\s[^<>]{0,400})?/?>|<!--.{0,400}?-->", re.I | re.S
)
_EMERGENCY_ROOM = re.compile(r"\bA\s?(?:&|and)\s?E\b", re.I)  # "A&E" would fall apart into single letters
_CHUNK = re.compile(
    # Indic and Thai vowel signs are no letters for `re`, but they are part of the word.
    r"(?P<number>\d+(?:[.,]\d+)?(?![\w@$!|*]))"
    r"|(?P<word>[^\W_](?:[^\W_]|[\u0900-\u0eff]|['\u2019\u2018\u02bc`\u00b4](?=[^\W_])|[@$!|*]+(?=[a-z]))*)"
    r"|(?P<end>[.!?;\n\u2026\u3002\uff01\uff1f\u0964]+)"
    r"|(?P<leet>[@$](?=[a-z])(?:[^\W_]|[@$!|*]+(?=[a-z]))*)"
    r"|(?P<sign>[\u2190-\u2bff\u3030\U0001f000-\U0001faff])"
)
_APOSTROPHES = str.maketrans("", "", "'\u2019\u2018\u02bc`\u00b4")
_POSSESSIVE = re.compile(r"['\u2019\u02bc`\u00b4]s$")
_LEET = str.maketrans("0134578@$!|", "oieastbasil")
_LOOKALIKES = str.maketrans("асеорхукмтвнѕіјԁɡαεινορτυχκ", "aceopxykmtbhsijdgaeivoptuxk")
_DISGUISED = re.compile(r"[0-9@$!|*]")
_NUMBERS_AND_LETTERS = re.compile(r"\d+(?:[.,]\d+)?|[^\W\d]+")
_NOT_LATIN = re.compile("[\u0370-\u03ff\u0400-\u052f]")
_ONE_SIGN_PER_WORD = re.compile("[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_SPACED_OUT = re.compile(r"(?<![^\W_])[^\W_][\W_]{1,3}[^\W_][\W_]{1,3}[^\W_](?![^\W_])")
_REPEATED = re.compile(r"(.)\1{2,}")
_DOUBLED = re.compile(r"(.)\1+")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class Word(NamedTuple):
    """One normalised word and where it stands."""

    text: str
    start: int
    end: int
    """Start and end in the cleaned text."""
    sentence: int


@dataclass(frozen=True)
class Spoken:
    """A message taken apart."""

    clean: str
    """The text without markup and invisible characters; word positions point into it."""
    words: tuple[Word, ...]

    def between(self, first: int, last: int) -> str:
        """Return what the visitor wrote from word `first` up to and without word `last`."""
        return self.clean[self.words[first].start : self.words[last - 1].end] if first < last else ""


class Speller:
    """Finds the known word that somebody meant."""

    def __init__(self, vocabulary: Mapping[str, int], everyday: frozenset[str]) -> None:
        """`vocabulary` is what misspellings are led back to, with weights; `everyday` words are never taken for a misspelling."""
        self.vocabulary = frozenset(vocabulary)
        self._weights = dict(vocabulary)
        self._known = self.vocabulary | everyday
        self._targets = sorted(w for w in self.vocabulary if len(w) >= _SHORTEST_TYPO and w.isascii() and w.isalpha())
        self._near: dict[str, list[str]] = {}
        for target in self._targets:
            for form in _deletions(target):
                self._near.setdefault(form, []).append(target)
        self._far: dict[str, list[str]] = {}
        for target in self._targets:
            if len(target) >= _SHORTEST_DOUBLE_TYPO:
                for form in {shorter for longer in _deletions(target) for shorter in _deletions(longer)}:
                    self._far.setdefault(form, []).append(target)

    def knows(self, word: str) -> bool:
        """Say whether a word is spelt as we know it."""
        return word in self._known

    def correct(self, word: str) -> tuple[str, ...]:
        """Return the word that was meant, or several that were run together; an unknown word as it is."""
        if word in self._known or not (word.isascii() and word.isalpha()):
            return (word,)
        plain = _without_repeats(word)
        for form in plain:
            if form in self.vocabulary:
                return (form,)
        word = plain[0] if plain else word
        if len(word) <= _LONGEST_WORD and (found := self._nearest(word)):
            return (found,)
        for form in (*plain, word):
            if form in self._known:
                return (form,)
            if apart := self._apart(form):
                return apart
        return self._two_wrong(word)

    def _nearest(self, word: str) -> str | None:
        if len(word) < _SHORTEST_TYPO:
            return None
        forms = _deletions(word)
        # A word with another first letter is another word: nobody writes "rumbled" for "mumbled".
        candidates = {target for form in forms for target in self._near.get(form, ()) if _begin_alike(word, target)}
        return min((c for c in candidates if _one_apart(word, c)), key=lambda c: self._dissimilarity(word, c), default=None)

    def _two_wrong(self, word: str) -> tuple[str, ...]:
        if not _SHORTEST_DOUBLE_TYPO - 1 <= len(word) <= _LONGEST_WORD:
            return (word,)
        forms = {shorter for form in _deletions(word) for shorter in _deletions(form)}
        candidates = {target for form in forms for target in self._far.get(form, ())}
        near = [c for c in candidates if _begin_alike(word, c) and _distance(word, c) <= 2]
        return (min(near, key=lambda c: self._dissimilarity(word, c), default=word),)

    def _dissimilarity(self, word: str, other: str) -> tuple[bool, bool, bool, bool, int, str]:
        """Order candidates: first letter kept, letters swapped, one doubled, one lost, then what the list needs more often."""
        swapped, doubled = sorted(word) != sorted(other), set(word) != set(other)
        return word[0] != other[0], swapped, doubled, len(other) <= len(word), -self._weights[other], other

    def _apart(self, word: str) -> tuple[str, ...] | None:
        """Split words run together, the fewest pieces first: "cantbreathe"."""
        if len(word) < 6 or len(word) > 3 * _LONGEST_WORD:
            return None
        best: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(max(0, end - _LONGEST_WORD), end):
                before, piece = best[start], word[start:end]
                if before is None or piece not in self.vocabulary or (len(piece) < 2 and piece not in "ia"):
                    continue
                current = best[end]
                if current is None or len(before) + 1 < len(current):
                    best[end] = (*before, piece)
        found = best[-1]
        # Many short pieces are chance, not words: "assented" is not "as sent ed".
        return found if found and len(word) >= 3 * len(found) else None


class Normaliser:
    """Turns text into words."""

    def __init__(self, speller: Speller, shorthand: Mapping[str, str], emoji: Mapping[str, str], fillers: Iterable[str]) -> None:
        self._speller = speller
        self._shorthand = {short: tuple(long.split()) for short, long in shorthand.items()}
        self._emoji = {sign: tuple(words.split()) for sign, words in emoji.items()}
        self._fillers = frozenset(fillers)
        # Single words are no message: remembering them keeps nothing private.
        self._meant = lru_cache(maxsize=20_000)(self._read)

    def knows(self, word: str) -> bool:
        """Say whether a word is read as it is written."""
        return word in self._shorthand or self._speller.knows(word)

    def words(self, text: str) -> Spoken:
        """Take a message apart."""
        clean = clean_text(text)
        return Spoken(clean, tuple(self._words(clean)))

    def _words(self, clean: str) -> Iterator[Word]:
        sentence = 0
        chunks = _chunks(clean)
        for kind, chunk, start, end in _joined_letters(chunks, self._speller) if _SPACED_OUT.search(clean) else chunks:
            if kind == "end":
                sentence += 1
                continue
            for word in self._emoji.get(chunk, ()) if kind == "sign" else self._meant(chunk):
                yield Word(word, start, end, sentence)

    def _read(self, chunk: str) -> tuple[str, ...]:
        found: list[str] = []
        for written in self._plain(chunk):
            words = (written,) if written in self._shorthand else self._speller.correct(written)
            for word in words:
                found += self._shorthand.get(word, (word,))
        return tuple(word for word in found if word not in self._fillers)

    def _plain(self, chunk: str) -> Iterable[str]:
        if (chunk.isascii() and chunk.isalpha()) or chunk in self._shorthand:
            return (chunk,)
        owner = _POSSESSIVE.sub("", chunk)
        # "mum's face" is "mum face", but "it's" and "can't" are words of their own.
        chunk = owner if owner != chunk and owner + "s" not in self._shorthand else chunk.translate(_APOSTROPHES)
        if _NOT_LATIN.search(chunk):
            latin = chunk.translate(_LOOKALIKES)
            chunk = latin if latin.isascii() and (latin in self._speller.vocabulary or _NOT_LATIN.sub("", chunk)) else chunk
        if _ONE_SIGN_PER_WORD.search(chunk):
            return tuple(chunk)
        return self._letters(chunk) if _DISGUISED.search(chunk) else (chunk,)

    def _letters(self, chunk: str) -> Iterable[str]:
        """Undo digits and signs for letters where a word of ours comes out: "ch3st", "k*ll"."""
        if chunk in self._shorthand or chunk.isdigit():
            return (chunk,)
        plain = chunk.translate(_LEET)
        for form in (plain, plain.replace("i", "l") if "1" in chunk or "!" in chunk else plain):
            if form in self._speller.vocabulary or (any(c.isalpha() for c in chunk[:1]) and _is_near(form, chunk, self._speller)):
                return (form,)
        if "*" in chunk and chunk.count("*") == 1:
            for letter in _LETTERS:
                if (guess := chunk.replace("*", letter)) in self._speller.vocabulary:
                    return (guess,)
        return _NUMBERS_AND_LETTERS.findall(chunk)


def plain_words(phrase: str, shorthand: Mapping[str, str], fillers: frozenset[str]) -> tuple[str, ...]:
    """Normalise the words of the list itself; they are spelt well, so nothing is corrected."""
    found: list[str] = []
    for piece in clean_text(phrase).lower().translate(_APOSTROPHES).replace("-", " ").replace("'", "").split():
        for word in shorthand.get(piece, piece).split():
            found += tuple(word) if _ONE_SIGN_PER_WORD.search(word) else (word,)
    return tuple(word for word in found if word not in fillers)


def clean_text(text: str) -> str:
    """Strip markup, invisible characters, accents and look-alike alphabets; keep the wording."""
    if len(text) > MAX_CHARACTERS:
        text = text[: MAX_CHARACTERS // 2] + " \n " + text[-MAX_CHARACTERS // 2 :]
    if "<" in text or "&" in text:
        text = _BLOCK_TAG.sub("\n", _INLINE_TAG.sub("", html.unescape(text)))
    text = _EMERGENCY_ROOM.sub("AE", text)
    if text.isascii():
        return text
    text = _MARKS.sub("", unicodedata.normalize("NFD", unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))))
    return unicodedata.normalize("NFC", text)


def _chunks(clean: str) -> list[tuple[str, str, int, int]]:
    low = clean.lower()
    if len(low) != len(clean):  # a few capitals become two letters; then positions would slip
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in clean)
    return [(m.lastgroup or "", m.group(), m.start(), m.end()) for m in _CHUNK.finditer(low)]


def _joined_letters(chunks: list[tuple[str, str, int, int]], speller: Speller) -> Iterator[tuple[str, str, int, int]]:
    """Join letters written apart: "c h e s t", "s.o.b"."""
    at = 0
    while at < len(chunks):
        letters = [at]
        nxt = at + 1
        while _is_letter(chunks[at]) and nxt < len(chunks) and (_is_letter(chunks[nxt]) or _is_dot(chunks, nxt)):
            if _is_letter(chunks[nxt]):
                letters.append(nxt)
            nxt += 1
        joined = "".join(chunks[i][1] for i in letters)
        if len(letters) >= 3 and any(w in speller.vocabulary for w in speller.correct(joined)):
            yield "word", joined, chunks[at][2], chunks[letters[-1]][3]
            at = letters[-1] + 1
        else:
            yield chunks[at]
            at += 1


def _is_letter(chunk: tuple[str, str, int, int]) -> bool:
    return chunk[0] == "word" and len(chunk[1]) == 1


def _is_dot(chunks: list[tuple[str, str, int, int]], at: int) -> bool:
    if chunks[at][:2] != ("end", ".") or at + 1 == len(chunks):
        return False
    # "s.o.s" is one word; "breathe. I had" is not.
    return _is_letter(chunks[at + 1]) and chunks[at][3] == chunks[at + 1][2]


def _is_near(form: str, chunk: str, speller: Speller) -> bool:
    digits = sum(not c.isalpha() for c in chunk)
    return (
        form.isalpha() and digits <= len(chunk) // 2 and any(w in speller.vocabulary and len(w) > 3 for w in speller.correct(form))
    )


def _without_repeats(word: str) -> tuple[str, ...]:
    """Return the word with runs of a letter cut to two and to one: "helppp", "chesst"."""
    once = _DOUBLED.sub(r"\1", word)
    return (_REPEATED.sub(r"\1\1", word), _REPEATED.sub(r"\1", word), once) if once != word else ()


def _deletions(word: str) -> set[str]:
    return {word, *(word[:i] + word[i + 1 :] for i in range(len(word)))}


def _begin_alike(word: str, other: str) -> bool:
    return word[0] in other[:2] or other[0] in word[:2]


def _one_apart(word: str, other: str) -> bool:
    """Say whether one letter added, lost, changed or swapped with its neighbour makes the other word."""
    if len(word) == len(other):
        wrong = [i for i, (a, b) in enumerate(zip(word, other)) if a != b]
        swapped = len(wrong) == 2 and wrong[1] == wrong[0] + 1
        return len(wrong) == 1 or (swapped and word[wrong[0]] == other[wrong[1]] and word[wrong[1]] == other[wrong[0]])
    short, long = sorted((word, other), key=len)
    return len(long) - len(short) == 1 and any(long[:i] + long[i + 1 :] == short for i in range(len(long)))


def _distance(word: str, other: str) -> int:
    """Count the letters added, lost, changed or swapped between two words."""
    rows = [list(range(len(other) + 1))]
    for i, a in enumerate(word, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and word[i - 2] == b:
                cost = min(cost, rows[-2][j - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]
