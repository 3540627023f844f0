"""Which approved answers a member may want to insert: those whose words are most like what the visitor wrote.

A plain comparison of words, weighed by how rare they are among the clinic's own answers. It decides nothing: a person
reads the text before it is sent.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bot.content import TOPICS

MOST = 4

_SMALL_WORDS = """
a about all am an and any are as at be been but by can could do does for from get go had has have he her him
his how i if in is it its just me my need of on or our please she should so some than thank that the their
them then there they this to up us want was we were what when where which who why will with would you your
"""
_COMMON = frozenset(_SMALL_WORDS.split())
_WORD = re.compile(r"[a-z0-9]+")


def suggest(texts: Sequence[str], entries: Mapping[str, Mapping[str, Any]], most: int = MOST) -> tuple[str, ...]:
    """Return the topics whose answers fit a visitor's latest messages, the best first; none where nothing fits."""
    about = {topic: _words_of(topic, entries) for topic in TOPICS if topic in entries}
    seen = Counter(word for words in about.values() for word in words)
    weight = {word: math.log(1 + len(about) / number) for word, number in seen.items()}
    asked: dict[str, float] = {}
    for age, text in enumerate(reversed(texts)):
        for word in set(_words(text)) & weight.keys():
            asked.setdefault(word, 1.0 / (1 + age))  # the latest message counts most
    scores = {topic: sum(asked[word] * weight[word] for word in words & asked.keys()) for topic, words in about.items()}
    ranked = sorted(scores, key=lambda topic: -scores[topic] / math.log(8 + len(about[topic])))
    return tuple(topic for topic in ranked if scores[topic] > 0)[:most]


def matching(query: str, entries: Mapping[str, Mapping[str, Any]], most: int = 12) -> tuple[str, ...]:
    """Return the topics in whose title, answer or keywords every word of a search begins a word."""
    wanted = _WORD.findall(query.lower())
    found = []
    for topic in TOPICS:
        said = set(_WORD.findall(_said(topic, entries).lower())) if topic in entries else set()
        if said and all(any(word.startswith(one) for word in said) for one in wanted):
            found.append(topic)
    return tuple(found[:most])


def _words_of(topic: str, entries: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return set(_words(_said(topic, entries)))


def _said(topic: str, entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Return everything that stands for a topic: its title, its answer, the keywords of its finer answers."""
    finer = [fields for key, fields in entries.items() if key.startswith(f"{topic}/")]
    keywords = [str(phrase) for fields in finer for phrase in fields.get("when", ())]
    phrases = entries[topic].get("phrases")
    texts = phrases.values() if isinstance(phrases, Mapping) else ()
    return " ".join([topic.replace("_", " "), TOPICS[topic], str(entries[topic].get("text", "")), *map(str, texts), *keywords])


def _words(text: str) -> Iterable[str]:
    return (_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON)


def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word
