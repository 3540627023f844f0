"""Character and word n-grams, weighted by tf-idf.

What the encoder overlooks: typos (`sesion`), names (`aetna`), and the small words (`my`, `since`) that tell a report from a question.
The vocabulary is kept as plain JSON, not as a pickle.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from weakref import WeakValueDictionary

import numpy as np
import scipy.sparse as sparse

_WORD = re.compile(r"[a-z0-9']+|[^\sa-z0-9']")
_REPEATED = re.compile(r"(.)\1{2,}")
LONGEST_TEXT = 2000

_loaded: WeakValueDictionary[int, NGrams] = WeakValueDictionary()


def normalise(text: str) -> str:
    """Fold case, width, accents, curly quotes and `soooo` so that variants share n-grams."""
    text = unicodedata.normalize("NFKD", text[:LONGEST_TEXT]).replace("’", "'").lower()
    text = "".join(c for c in text if not unicodedata.combining(c))
    return _REPEATED.sub(r"\1\1", text)


def grams(text: str) -> Iterable[str]:
    """Return word 1- to 3-grams (`w:`), then character 2- to 5-grams within words."""
    return chain(*_grams(text))


def _grams(text: str) -> tuple[list[str], list[str]]:
    words = _WORD.findall(normalise(text))
    edged = ["<", *words, ">"]
    of_words = ["w:" + " ".join(edged[at : at + size]) for size in (1, 2, 3) for at in range(len(edged) - size + 1)]
    padded = [f" {word} " for word in words]
    of_letters = [word[at : at + size] for word in padded for size in (2, 3, 4, 5) for at in range(len(word) - size + 1)]
    return of_words, of_letters


class NGrams:
    """A vocabulary with its inverse document frequencies."""

    def __init__(self, index: dict[str, int], idf: np.ndarray) -> None:
        self.index = index
        self.idf = idf
        # Two components ask for the same message one after the other.
        self.row = lru_cache(maxsize=8)(self._row)

    @classmethod
    def load(cls, vocabulary: Sequence[str], idf: np.ndarray) -> NGrams:
        """Return the n-grams of a stored vocabulary; two components that learned the same one share it in memory."""
        key = hash((tuple(vocabulary), idf.tobytes()))
        found = _loaded.get(key)
        if found is None:
            found = _loaded[key] = cls({gram: i for i, gram in enumerate(vocabulary)}, idf)
        return found

    @property
    def vocabulary(self) -> list[str]:
        """Return the n-grams in the order of their columns."""
        return sorted(self.index, key=self.index.__getitem__)

    @classmethod
    def fit(cls, texts: Sequence[str], at_least: int = 3) -> NGrams:
        """Learn the vocabulary: n-grams in `at_least` texts (1 where there are few texts)."""
        if len(texts) < 1000:
            at_least = 1
        seen = Counter(gram for text in texts for gram in set(grams(text)))
        kept = sorted(gram for gram, count in seen.items() if count >= at_least)
        idf = np.array([math.log((1 + len(texts)) / (1 + seen[gram])) + 1 for gram in kept], dtype=np.float32)
        return cls({gram: i for i, gram in enumerate(kept)}, idf)

    def _row(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Return column numbers and weights of one text; words and characters each of length 1 / sqrt(2)."""
        columns, weights = zip(*map(self._weighed, _grams(text)))
        return np.concatenate(columns), np.concatenate(weights)

    def _weighed(self, found: list[str]) -> tuple[np.ndarray, np.ndarray]:
        counts = Counter(map(self.index.get, found))
        counts.pop(None, None)
        columns = np.fromiter(counts, dtype=np.int32, count=len(counts))
        times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
        weights = (1 + np.log(times)) * self.idf[columns]
        return columns, weights / (max(float(np.linalg.norm(weights)), 1e-9) * math.sqrt(2))

    def matrix(self, texts: Sequence[str]) -> sparse.csr_matrix:
        """Return one sparse row a text."""
        rows = [self._row(text) for text in texts]
        starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns = np.concatenate([c for c, _ in rows]) if rows else np.zeros(0, dtype=np.int32)
        weights = np.concatenate([w for _, w in rows]) if rows else np.zeros(0, dtype=np.float32)
        return sparse.csr_matrix((weights, columns, starts), shape=(len(texts), len(self.index)))
