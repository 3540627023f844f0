"""Intent classifier: two linear models and the nearest examples agree on what a message is about.

One logistic regression reads the sentence vector, one the n-grams; the probability is a weighted geometric mean of theirs. The confidence also asks how
near the closest training example of that intent is, so that a message unlike anything seen is unsure even where one class wins.
A few words ("and on Sundays?") lean to what was asked before: the longer a message, the less it needs that.
Trains on any Rasa NLU data; nothing here knows our intents.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sparse
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from bot.nlu.encoder import SentenceEncoder, Vectors, sentence_vectors, shared_encoder
from bot.nlu.ngrams import NGrams

Numbers = npt.NDArray[np.float32]

MEAN_SIZE = 384
"""The first half of a sentence vector is the mean of its tokens: the half that similarity is asked of."""

PROBABILITIES = "intent_probabilities"
"""Key of the message that carries how probable each intent is by what the message means, its words left aside."""

ALSO = "also"
"""Key of the message that carries further intents asked in it."""

SAME_TOPIC, FEW_WORDS = 20.0, 6
"""How many times as probable as it looks the topic asked before is, for a message of a few words; measured in docs/decisions/0002."""

MOST_QUESTIONS = 4
BETWEEN_QUESTIONS = re.compile(
    r"(?<=[.?!;])\s+|\n+|,?\s+(?:and|also|plus|&)\s+(?=(?:also\s+)?(?:how|what|when|where|do|does|is|are|can|which|who|should|will)\b)",
    re.IGNORECASE,
)

FEW_EXAMPLES = 50
"""Examples per class below which how frequent a class is says nothing about how often visitors ask it."""

WORDS_SHARE, WORDS_SHARE_OF_FEW = 0.3, 0.5

CONTENDERS, LEAST = 3, 0.02
"""Intents whose nearest example is looked for, and their probability at least; the others' is too small for it to matter."""

FAR = 0.3
"""Similarity that the others are given."""

CLOSE = 25
"""Examples nearest in meaning whose n-grams are compared too."""

NEIGHBOUR_NGRAMS = 0.3
"""Share of the n-grams in the similarity to an example; the rest is the encoder's."""


@dataclass(frozen=True)
class Linear:
    """A multinomial logistic regression after training: weights (features x classes) and intercepts."""

    weights: Numbers
    intercepts: Numbers

    @classmethod
    def fit(cls, rows: Any, labels: Sequence[Any], strength: float) -> Linear:
        """Fit; where examples are few, rare classes count as much as frequent ones."""
        few = _are_few(len(labels), len(set(labels)))
        rounds = 50 if sparse.issparse(rows) and not few else 200  # more rounds on many n-grams cost minutes and gain nothing
        model = LogisticRegression(
            C=strength, max_iter=rounds, tol=1e-3, class_weight="balanced" if few else None, multi_class="multinomial"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(rows, labels)
        weights, intercepts = model.coef_.T, model.intercept_
        if len(model.classes_) == 2:  # scikit-learn keeps one column for two classes
            weights, intercepts = np.hstack([-weights, weights]), np.array([-intercepts[0], intercepts[0]])
        return cls(np.ascontiguousarray(weights, dtype=np.float32), np.asarray(intercepts, dtype=np.float32))

    def dense(self, rows: Vectors) -> Numbers:
        """Return class probabilities of dense rows."""
        return _softmax(rows @ self.weights + self.intercepts)

    def sparse(self, columns: np.ndarray, values: Numbers) -> Numbers:
        """Return class probabilities of one sparse row."""
        probabilities: Numbers = _softmax((values @ self.weights[columns] + self.intercepts)[None, :])[0]
        return probabilities


def _are_few(examples: int, classes: int) -> bool:
    return examples < FEW_EXAMPLES * classes


def _softmax(scores: Any) -> Numbers:
    exp = np.exp(scores - scores.max(axis=1, keepdims=True))
    return (exp / exp.sum(axis=1, keepdims=True)).astype(np.float32)  # type: ignore[no-any-return]


def questions_of(text: str) -> list[str]:
    """Return the questions of a message that asks several, else nothing."""
    parts = [part for part in BETWEEN_QUESTIONS.split(text) if part and len(part.split()) > 1]
    return parts if 1 < len(parts) <= MOST_QUESTIONS else []


@dataclass(frozen=True)
class Prediction:
    """Probabilities and confidences of all intents for one text, in the order of `IntentModel.intents`."""

    probabilities: Numbers
    confidences: Numbers
    by_meaning: Numbers
    """What the sentence vector alone says: for whoever counts words another way."""


@dataclass(frozen=True)
class IntentModel:
    """What training leaves behind."""

    intents: tuple[str, ...]
    ngrams: NGrams
    by_meaning: Linear
    by_words: Linear
    examples: Numbers
    """The examples' vectors, sorted by intent."""
    example_ngrams: sparse.csr_matrix
    starts: npt.NDArray[np.int64]
    """Where each intent's examples begin."""

    @property
    def words_share(self) -> float:
        """Return the weight of the n-grams beside the sentence vector: equal where examples are few, and words all that tells intents apart."""
        return WORDS_SHARE_OF_FEW if _are_few(len(self.examples), len(self.intents)) else WORDS_SHARE

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Vectors, labels: Sequence[str], strength: float = 10.0) -> IntentModel:
        """Learn from texts, their sentence vectors and their intents."""
        intents = tuple(sorted(set(labels)))
        ngrams = NGrams.fit(texts)
        rows = ngrams.matrix(texts)
        order = np.argsort(np.array(labels), kind="stable")
        starts = np.searchsorted(np.array(labels)[order], np.array(intents))
        return cls(
            intents,
            ngrams,
            Linear.fit(vectors, labels, strength),
            Linear.fit(rows, labels, strength),
            np.ascontiguousarray(vectors[order, :MEAN_SIZE]),
            rows[order],
            starts.astype(np.int64),
        )

    def predict(self, text: str, vector: Vectors, prior: Numbers | None = None) -> Prediction:
        """Predict one text from itself and its sentence vector; `prior` weighs the intents by what was spoken of before."""
        columns, values = self.ngrams.row(text)
        by_meaning = self.by_meaning.dense(vector[None, :])[0]
        both = by_meaning ** (1 - self.words_share) * self.by_words.sparse(columns, values) ** self.words_share
        if prior is not None:
            both = both * prior
        probabilities = both / both.sum()
        query = np.zeros(len(self.ngrams.index), dtype=np.float32)
        query[columns] = values
        nearest = np.full(len(self.intents), FAR, dtype=np.float32)
        best, *others = np.argsort(-probabilities)[:CONTENDERS]
        for intent in (best, *(other for other in others if probabilities[other] >= LEAST)):
            nearest[intent] = self._nearest(int(intent), vector, query)
        return Prediction(probabilities, np.sqrt(probabilities * np.clip(nearest, 0, 1)), by_meaning)

    def leaning(self, intent: str, times: float) -> Numbers | None:
        """Return a prior that finds one intent so many times as probable as it looks."""
        if intent not in self.intents:
            return None
        prior = np.ones(len(self.intents), dtype=np.float32)
        prior[self.intents.index(intent)] = times
        return prior

    def _nearest(self, intent: int, vector: Vectors, query: Numbers) -> float:
        """Return the similarity of the closest example of an intent; n-grams are compared with the closest in meaning only."""
        end = self.starts[intent + 1] if intent + 1 < len(self.starts) else len(self.examples)
        start = int(self.starts[intent])
        similar = (1 - NEIGHBOUR_NGRAMS) * (self.examples[start:end] @ vector[:MEAN_SIZE])
        close = np.argpartition(-similar, CLOSE)[:CLOSE] if len(similar) > CLOSE else np.arange(len(similar))
        return float((similar[close] + NEIGHBOUR_NGRAMS * self._shared(start + close, query)).max())

    def _shared(self, examples: npt.NDArray[np.int64], query: Numbers) -> Numbers:
        """Return the products of some examples' n-grams with a text's; SciPy's own row slicing takes ten times as long."""
        begins, ends = self.example_ngrams.indptr[examples], self.example_ngrams.indptr[examples + 1]
        lengths = ends - begins
        at = np.arange(lengths.sum()) + np.repeat(begins - np.cumsum(lengths) + lengths, lengths)
        products = self.example_ngrams.data[at] * query[self.example_ngrams.indices[at]]
        weights = np.bincount(np.repeat(np.arange(len(examples)), lengths), weights=products, minlength=len(examples))
        return weights.astype(np.float32)

    def save(self, folder: Path) -> None:
        """Write the model as plain arrays and JSON."""
        np.savez(
            folder / "model.npz",
            idf=self.ngrams.idf,
            meaning=self.by_meaning.weights,
            meaning_0=self.by_meaning.intercepts,
            words=self.by_words.weights,
            words_0=self.by_words.intercepts,
            examples=self.examples,
            data=self.example_ngrams.data,
            indices=self.example_ngrams.indices,
            indptr=self.example_ngrams.indptr,
            starts=self.starts,
        )
        (folder / "model.json").write_text(json.dumps({"intents": self.intents, "vocabulary": self.ngrams.vocabulary}))

    @classmethod
    def load(cls, folder: Path) -> IntentModel:
        """Read what `save` wrote."""
        names = json.loads((folder / "model.json").read_text())
        with np.load(folder / "model.npz", allow_pickle=False) as kept:
            shape = (len(kept["examples"]), len(names["vocabulary"]))
            return cls(
                tuple(names["intents"]),
                NGrams.load(names["vocabulary"], kept["idf"]),
                Linear(kept["meaning"], kept["meaning_0"]),
                Linear(kept["words"], kept["words_0"]),
                kept["examples"],
                sparse.csr_matrix((kept["data"], kept["indices"], kept["indptr"]), shape=shape),
                kept["starts"],
            )


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class IntentClassifier(GraphComponent):
    """Sets the intent, its confidence and the ranking of each message."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model: IntentModel | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the defaults.

        Inverse regularisation `strength`, length of the `ranking`, which intents may be a second question (`also_`), and how
        much a message of `few_words` leans to the `same_topic`.
        """
        return {
            "strength": 10.0,
            "ranking": 10,
            "also_prefix": "ask_",
            "also_threshold": 0.5,
            "same_topic": SAME_TOPIC,
            "few_words": FEW_WORDS,
        }

    @staticmethod
    def required_components() -> list[type]:
        """Name what must stand before this in the pipeline."""
        return [SentenceEncoder]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the n-grams change, which Rasa does not see from this class's source alone."""
        return Path(__file__).read_text() + (Path(__file__).parent / "ngrams.py").read_text()

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> IntentClassifier:
        """Build an untrained classifier."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> IntentClassifier:
        """Build a trained classifier from the model's archive."""
        component = cls(config, model_storage, resource)
        try:
            with model_storage.read_from(resource) as folder:
                component._model = IntentModel.load(Path(folder))
        except ValueError:
            pass  # nothing was trained: no examples
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learn from all examples that have a text and an intent."""
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        labels = [e.get(INTENT) for e in examples]
        if len(set(labels)) > 1:
            texts = [e.get(TEXT) for e in examples]
            self._model = IntentModel.fit(texts, sentence_vectors(examples), labels, self._config["strength"])
            with self._storage.write_to(self._resource) as folder:
                self._model.save(Path(folder))
        return self._resource

    def process(self, messages: list[Message], tracker: DialogueStateTracker | None = None) -> list[Message]:
        """Set intent and ranking; a message without a text, or one already decided, is left alone."""
        undecided = [m for m in messages if m.get(TEXT) and not (m.get(INTENT) or {}).get("decided")]
        if self._model is not None:
            for message, vector in zip(undecided, sentence_vectors(undecided)):
                self._classify(message, self._model, vector, tracker)
        return messages

    def _classify(self, message: Message, model: IntentModel, vector: Vectors, tracker: DialogueStateTracker | None) -> None:
        text = message.get(TEXT)
        before = self._asked_before(tracker) if tracker and len(text.split()) <= self._config["few_words"] else None
        prior = model.leaning(before, self._config["same_topic"]) if before else None
        prediction = model.predict(text, vector, prior)
        order = np.argsort(-prediction.probabilities)[: self._config["ranking"]]
        ranking = [
            {
                "name": model.intents[i],
                "confidence": float(prediction.confidences[i]),
                "probability": float(prediction.probabilities[i]),
            }
            for i in order
        ]
        message.set(INTENT, ranking[0], add_to_output=True)
        message.set("intent_ranking", ranking, add_to_output=True)
        message.set(PROBABILITIES, dict(zip(model.intents, map(float, prediction.by_meaning))))
        also = self._also(message.get(TEXT), model, ranking[0]["name"])
        if also:
            message.set(ALSO, also, add_to_output=True)

    def _asked_before(self, tracker: DialogueStateTracker) -> str | None:
        """Return what the visitor asked last: "and on Sundays?" asks the same."""
        said = (e.intent_name for e in reversed(tracker.events) if isinstance(e, UserUttered))
        return next((name for name in said if name and name.startswith(self._config["also_prefix"])), None)

    def _also(self, text: str, model: IntentModel, first: str) -> list[str]:
        """Return what else a message of several questions asks, each surely."""
        questions = questions_of(text)
        if not questions:
            return []
        found: dict[str, None] = {}
        for part, vector in zip(questions, shared_encoder().encode(questions)):
            prediction = model.predict(part, vector)
            best = int(prediction.probabilities.argmax())
            name = model.intents[best]
            if name.startswith(self._config["also_prefix"]) and prediction.confidences[best] >= self._config["also_threshold"]:
                found[name] = None
        found.pop(first, None)
        return list(found)
