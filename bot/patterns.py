"""The small language of the safety list: patterns over words, readable by a clinician.

can't breathe              the words in this order, up to two other words between
chest ... tight            in this order, up to six others between
chest & tight              near each other in any order, up to seven others between
chest && tight             the same, up to sixteen
pregnant + bleeding        both said, anywhere in the conversation
@treated + cough           and somebody tells of needling they had, anywhere in the conversation
(chest|rib*|side of body)  one of these; * ends a word that may go on; words inside brackets follow each other directly
@pain                      one word of the group `pain`
#38-43  #5+                a number
^ help $                   a sentence begins, ends here; also inside brackets
! end my life              counts in a general question too
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Generic, TypeVar

T = TypeVar("T")

Span = tuple[int, int]
"""First word and the word after the last."""

Hit = tuple[Span, ...]
"""Where the pieces of a pattern stand, in the order of the message."""

_TREATED = "@treated"
_NEXT, _FOLLOWS, _NEAR, _AROUND = 2, 6, 7, 16
_MOST_HITS = 40
"""A message that repeats itself a thousand times must not cost a thousand times a thousand."""

_PIECE = re.compile(
    r"\s*(?:(?P<any>\((?P<alternatives>[^()]+)\))|(?P<group>@\w+)|(?P<number>#\d+(?:-\d+|\+))|(?P<gap>\.\.\.)"
    r"|(?P<edge>[\^$])|(?P<word>[^\W_][\w'-]*\*?))\s*"
)

_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


class PatternError(ValueError):
    """A pattern or group cannot be read; the text says what is expected."""


@dataclass(frozen=True)
class Part:
    """Sequences that must stand near each other."""

    sequences: tuple[tuple[tuple[int, int], ...], ...]
    """Each a chain of (element, words allowed before it)."""
    window: int
    needs: int
    """A bit for every element that must be present."""

    def hits(self, places: Places) -> list[Hit]:
        """Find the places where this part holds."""
        found = _chain(self.sequences[0], places)
        for sequence in self.sequences[1:]:
            if not found:
                break
            others = _chain(sequence, places)
            joined = (tuple(sorted((*hit, *other))) for hit in found for other in _around(hit, others, self.window))
            found = list(dict.fromkeys(joined))[:_MOST_HITS]
        return found


@dataclass(frozen=True)
class Pattern:
    """One line of the list, compiled."""

    written: str
    parts: tuple[Part, ...]
    always: bool
    """Counts even in a general question."""
    treated: bool
    """Counts only after needling."""
    needs: int
    """A bit for every element that must be present."""
    line: int = 0


class Sieve(Generic[T]):
    """Patterns under their rarest element: of a thousand, a message is held against the twenty whose rarest word it has."""

    def __init__(self, lines: Iterable[tuple[int, T]]) -> None:
        """Take what is sought, each with the bits of the elements that it needs."""
        kept = [(at, needs, line) for at, (needs, line) in enumerate(lines)]
        uses = Counter(element for _, needs, _ in kept for element in _bits(needs))
        self._under: dict[int, list[tuple[int, int, T]]] = {}
        for one in kept:
            self._under.setdefault(min(_bits(one[1]), key=uses.__getitem__), []).append(one)
        self._keys = sum(1 << element for element in self._under)

    def passing(self, present: int) -> list[T]:
        """Return, in their order, those of whose elements none is missing."""
        missing, near = ~present, []
        for element in _bits(present & self._keys):
            near += [one for one in self._under[element] if not one[1] & missing]
        return [line for _, _, line in sorted(near, key=_place)]


_place = itemgetter(0)


def _bits(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


class Places:
    """Where the words of the list stand in one message."""

    def __init__(self, lexicon: Lexicon, found: dict[int, list[Span]]) -> None:
        self._lexicon = lexicon
        self._found = found
        self._elements: dict[int, list[Span]] = {}
        self.present = 0
        """A bit for every element that is there."""
        for phrase in found:
            self.present |= lexicon.masks[phrase]

    def of(self, element: int) -> list[Span]:
        """Return where an element stands, in order."""
        if element not in self._elements:
            here = [self._found[phrase] for phrase in self._lexicon.phrases_of[element] & self._found.keys()]
            self._elements[element] = here[0] if len(here) == 1 else sorted({span for spans in here for span in spans})
        return self._elements[element]

    def without(self, covered: Sequence[Span]) -> Places:
        """Return the same without the words that some stretches cover."""
        kept = {phrase: [s for s in spans if not overlap(s, covered)] for phrase, spans in self._found.items()}
        return Places(self._lexicon, {phrase: spans for phrase, spans in kept.items() if spans})


class Lexicon:
    """The words, groups and elements that patterns are made of."""

    def __init__(self, groups: Mapping[str, str], plain: Callable[[str], tuple[str, ...]]) -> None:
        """`plain` normalises the words of a phrase the way visitors' words are."""
        self._groups = dict(groups)
        self._plain = plain
        self._elements: dict[frozenset[str], int] = {}
        self._uses: Counter[int] = Counter()
        self.phrases_of: list[frozenset[int]] = []
        """For every element its phrases."""
        self.masks: list[int] = []
        """For every phrase a bit for each element it belongs to."""
        self._phrases: dict[str, int] = {}
        self._alone: dict[str, int] = {}
        self._pairs: dict[tuple[str, str], list[tuple[tuple[str, ...], int]]] = {}
        # Phrases that begin with an open ending or a number are few and looked at one by one.
        self._open: list[tuple[str, tuple[str, ...], int]] = []
        self._begin, self._end = self._intern("^"), self._intern("$")
        self._begins = lru_cache(maxsize=20_000)(self._find_begins)

    def group(self, name: str) -> int:
        """Return the element of a named group."""
        return self._add(frozenset(self._members(name, ())))

    def compile(self, written: str, line: int = 0, strict: bool = False) -> Pattern:
        """Read one pattern, `strict` without other words between; raises PatternError saying what is expected."""
        text = written.strip()
        pieces = re.split(r"\s\+\s", text.lstrip("! "))
        parts = tuple(self._part(piece, strict) for piece in pieces if piece != _TREATED)
        if not parts:
            raise PatternError("a pattern needs at least one word")
        needs = 0
        for part in parts:
            needs |= part.needs
        return Pattern(text, parts, text.startswith("!"), _TREATED in pieces, needs, line)

    def vocabulary(self, everyday: Iterable[str] = ()) -> Counter[str]:
        """Return every word of the list with how often it is needed; open endings are filled in from `everyday` words."""
        uses: Counter[int] = Counter()
        for element, phrases in enumerate(self.phrases_of):
            uses.update(dict.fromkeys(phrases, self._uses[element] + 1))
        words: Counter[str] = Counter()
        for phrase, number in self._phrases.items():
            words.update({word: uses[number] + 1 for word in phrase.split(" ") if word[0] not in "#^$"})
        stems = tuple(word[:-1] for word in words if word.endswith("*"))
        words.update(word for word in everyday if word.startswith(stems))
        return Counter({word: count for word, count in words.items() if not word.endswith("*")})

    def scan(self, words: Sequence[str], starts: Sequence[int] = (0,)) -> Places:
        """Find the words of the list in a message whose sentences begin at `starts`."""
        last = len(words)
        found = {self._begin: [(at, at) for at in starts], self._end: [(at, at) for at in (*starts[1:], last)]}
        for at, word in enumerate(words):
            alone, longer = self._begins(word)
            for phrase in alone:
                found.setdefault(phrase, []).append((at, at + 1))
            if at + 1 < last and (pairs := self._pairs.get((word, words[at + 1]))):
                longer = (*longer, *pairs)
            for rest, phrase in longer:
                end = at + 1 + len(rest)
                if end <= last and all(map(_fits, rest, words[at + 1 : end])):
                    found.setdefault(phrase, []).append((at, end))
        return Places(self, found)

    def _find_begins(self, word: str) -> tuple[tuple[int, ...], tuple[tuple[tuple[str, ...], int], ...]]:
        opened = [(rest, phrase) for head, rest, phrase in self._open if _fits(head, word)]
        alone = [self._alone[word]] if word in self._alone else []
        return (*alone, *(phrase for rest, phrase in opened if not rest)), tuple(each for each in opened if each[0])

    def _intern(self, phrase: str) -> int:
        if phrase in self._phrases:
            return self._phrases[phrase]
        number = self._phrases[phrase] = len(self.masks)
        self.masks.append(0)
        head, *rest = phrase.split(" ")
        if head[0] in "#" or head.endswith("*") or (rest and rest[0].endswith("*")):
            self._open.append((head, tuple(rest), number))
        elif rest:
            self._pairs.setdefault((head, rest[0]), []).append((tuple(rest), number))
        elif phrase not in ("^", "$"):
            self._alone[phrase] = number
        return number

    def _part(self, text: str, strict: bool) -> Part:
        window = _AROUND if "&&" in text else _NEAR
        sequences = tuple(self._sequence(piece, strict) for piece in re.split(r"\s&&?\s", text))
        needs = 0
        for sequence in sequences:
            for element, _ in sequence:
                needs |= 1 << element
        return Part(sequences, window, needs)

    def _sequence(self, text: str, strict: bool) -> tuple[tuple[int, int], ...]:
        steps: list[tuple[int, int]] = []
        at, gap = 0, 0
        while at < len(text):
            piece = _PIECE.match(text, at)
            if piece is None:
                raise PatternError(f"cannot read the pattern at '{text[at:]}'")
            at = piece.end()
            if piece["gap"]:
                gap = _FOLLOWS
            if piece["gap"] or (piece["word"] and not self._plain(piece["word"])):
                continue
            steps.append((self._element(piece), 0 if piece["edge"] == "$" else gap))
            gap = 0 if strict or piece["edge"] else _NEXT
        if not steps:
            raise PatternError("a pattern needs at least one word")
        return tuple(steps)

    def _element(self, piece: re.Match[str]) -> int:
        if piece["group"]:
            return self.group(piece["group"][1:])
        if piece["number"]:
            return self._add(frozenset([piece["number"]]))
        return self._add(frozenset(self._alternatives(piece["alternatives"] or piece["word"] or piece["edge"], "|", ())))

    def _members(self, name: str, inside: tuple[str, ...]) -> set[str]:
        if name not in self._groups:
            raise PatternError(f"there is no group of words called '@{name}'")
        if name in inside:
            raise PatternError(f"the group '@{name}' contains itself")
        return self._alternatives(self._groups[name], ",", (*inside, name))

    def _alternatives(self, text: str, separator: str, inside: tuple[str, ...]) -> set[str]:
        found: set[str] = set()
        for phrase in filter(None, map(str.strip, text.split(separator))):
            if phrase.startswith("@"):
                found |= self._members(phrase[1:], inside)
            elif phrase.startswith("#"):
                number, _, rest = phrase.partition(" ")
                found.add(" ".join((number, *self._plain(rest))))
            else:
                found.add(" ".join(self._plain(phrase)))
        # Phrases of skipped words only leave nothing to look for.
        found.discard("")
        if not found:
            raise PatternError(f"'{text}' has only words that are skipped")
        return found

    def _add(self, alternatives: frozenset[str]) -> int:
        if alternatives in self._elements:
            self._uses[self._elements[alternatives]] += 1
            return self._elements[alternatives]
        element = self._elements[alternatives] = len(self.phrases_of)
        phrases = frozenset(self._intern(phrase) for phrase in sorted(alternatives))
        self.phrases_of.append(phrases)
        for phrase in phrases:
            self.masks[phrase] |= 1 << element
        self._begins.cache_clear()
        return element


def overlap(span: Span, others: Iterable[Span]) -> bool:
    """Say whether a span shares a word with one of the others."""
    return any(span[0] < end and start < span[1] for start, end in others)


def hull(hit: Hit) -> Span:
    """Return the stretch of words from the first piece to the last."""
    return hit[0][0], max(end for _, end in hit)


def _fits(item: str, word: str) -> bool:
    if item[0] == "#" and _NUMBER.fullmatch(word):
        low, _, high = item[1:].rstrip("+").partition("-")
        return int(low) <= float(word.replace(",", ".")) <= int(high or 1_000_000)
    return word.startswith(item[:-1]) if item[-1] == "*" else word == item


def _chain(steps: tuple[tuple[int, int], ...], places: Places) -> list[Hit]:
    found: list[Hit] = [(span,) for span in places.of(steps[0][0])]
    for element, gap in steps[1:]:
        if not found:
            break
        later = places.of(element)
        found = [(*hit, span) for hit in found for span in _starting(later, hit[-1][1], hit[-1][1] + gap)][:_MOST_HITS]
    return found


def _starting(spans: list[Span], low: int, high: int) -> Iterable[Span]:
    for at in range(bisect_left(spans, (low, -1)), len(spans)):
        if spans[at][0] > high:
            return
        yield spans[at]


def _around(hit: Hit, others: list[Hit], window: int) -> Iterable[Hit]:
    start, end = hull(hit)
    for other in others:
        first, last = hull(other)
        if first - end <= window and start - last <= window and not any(overlap(span, hit) for span in other):
            yield other
