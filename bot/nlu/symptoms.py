"""Symptom detector: a learned second pair of eyes beside the red-flag list.

Asks one question of every message: does somebody here tell of their own body, or of somebody's they care for? It is trained on all
examples, reports against everything else, and overrules the intent classifier in both directions. Where the training data has no
`report_*` intents it passes messages through.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.encoder import SentenceEncoder, Vectors, sentence_vectors
from bot.nlu.intent_classifier import Linear
from bot.nlu.ngrams import NGrams

NOTHING, REPORT, EMERGENCY = 0, 1, 2
OUTPUT = "report"
"""Key of the message that carries the probabilities, for staff and for the evaluation."""


@dataclass(frozen=True)
class ReportModel:
    """Two linear models, on meaning and on words, over nothing, report and emergency."""

    ngrams: NGrams
    by_meaning: Linear
    by_words: Linear

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Vectors, labels: Sequence[int], strength: float) -> ReportModel:
        """Learn from texts, their sentence vectors and their labels 0, 1, 2."""
        ngrams = NGrams.fit(texts)
        by_words = Linear.fit(ngrams.matrix(texts), labels, strength)
        return cls(ngrams, Linear.fit(vectors, labels, strength), by_words)

    def predict(self, text: str, vector: Vectors) -> tuple[float, float]:
        """Return the probability of any report and of an emergency."""
        by_words = self.by_words.sparse(*self.ngrams.row(text))
        both = (self.by_meaning.dense(vector[None, :])[0] + by_words) / 2
        return float(both[REPORT] + both[EMERGENCY]), float(both[EMERGENCY])

    def save(self, folder: Path) -> None:
        """Write the model as plain arrays and JSON."""
        np.savez(
            folder / "reports.npz",
            idf=self.ngrams.idf,
            meaning=self.by_meaning.weights,
            meaning_0=self.by_meaning.intercepts,
            words=self.by_words.weights,
            words_0=self.by_words.intercepts,
        )
        (folder / "vocabulary.json").write_text(json.dumps(self.ngrams.vocabulary))

    @classmethod
    def load(cls, folder: Path) -> ReportModel:
        """Read what `save` wrote."""
        vocabulary = json.loads((folder / "vocabulary.json").read_text())
        with np.load(folder / "reports.npz", allow_pickle=False) as kept:
            ngrams = NGrams.load(vocabulary, kept["idf"])
            return cls(ngrams, Linear(kept["meaning"], kept["meaning_0"]), Linear(kept["words"], kept["words_0"]))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SymptomDetector(GraphComponent):
    """Overrules the intent where a message is, or is not, somebody's report."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._model: ReportModel | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the defaults: which intents are reports, from which probability on one fires, and which chance of danger a person must see."""
        return {
            "reports": ["report_symptom", "report_condition", "report_emergency"],
            "emergency": "report_emergency",
            "strength": 10.0,
            "threshold": 0.3,
            "emergency_threshold": 0.3,
            "person_threshold": 0.25,
        }

    @staticmethod
    def required_components() -> list[type]:
        """Name what must stand before this in the pipeline."""
        return [SentenceEncoder]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the code this rests on changes."""
        here = Path(__file__).parent
        return "".join((here / name).read_text() for name in ("symptoms.py", "ngrams.py", "intent_classifier.py"))

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SymptomDetector:
        """Build an untrained detector."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> SymptomDetector:
        """Build a trained detector from the model's archive."""
        component = cls(config, model_storage, resource)
        try:
            with model_storage.read_from(resource) as folder:
                component._model = ReportModel.load(Path(folder))
        except ValueError:
            pass  # the training data has no reports
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Learn reports against everything else; without reports there is nothing to learn."""
        examples = [e for e in training_data.intent_examples if e.get(TEXT) and e.get(INTENT)]
        labels = [self._label(e.get(INTENT)) for e in examples]
        if len(set(labels)) == 3:
            texts = [e.get(TEXT) for e in examples]
            self._model = ReportModel.fit(texts, sentence_vectors(examples), labels, self._config["strength"])
            with self._storage.write_to(self._resource) as folder:
                self._model.save(Path(folder))
        return self._resource

    def _label(self, intent: str) -> int:
        if intent == self._config["emergency"]:
            return EMERGENCY
        return REPORT if intent in self._config["reports"] else NOTHING

    def process(self, messages: list[Message]) -> list[Message]:
        """Settle for each message whether it is a report."""
        with_text = [message for message in messages if message.get(TEXT) and message.get(INTENT)]
        if self._model is not None:
            for message, vector in zip(with_text, sentence_vectors(with_text)):
                self._decide(message, *self._model.predict(message.get(TEXT), vector))
        return messages

    def _decide(self, message: Message, report: float, emergency: float) -> None:
        # The classifier weighs reports against each topic, the detector against everything else at once: they err differently.
        config, ranking = self._config, message.get("intent_ranking") or []
        classified = {one["name"]: one["probability"] for one in ranking if one["name"] in config["reports"]}
        report = (report + sum(classified.values())) / 2
        # Either of the two that thinks danger possible is enough for the list's emergency to stand (bot/opinion.py).
        possible = max(emergency, classified.get(config["emergency"], 0.0))
        message.set(OUTPUT, {"report": report, "emergency": emergency, "possible": possible}, add_to_output=True)
        if emergency >= config["emergency_threshold"]:
            self._set(message, config["emergency"], emergency)
        elif report >= config["threshold"] or possible >= config["person_threshold"]:
            milder = (one["name"] for one in ranking if one["name"] in config["reports"] and one["name"] != config["emergency"])
            self._set(message, next(milder, config["reports"][0]), report)
        elif message.get(INTENT)["name"] in config["reports"]:
            other = next((one for one in ranking if one["name"] not in config["reports"]), None)
            if other is not None:
                self._set(message, other["name"], other["confidence"])

    @staticmethod
    def _set(message: Message, intent: str, confidence: float) -> None:
        message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)
