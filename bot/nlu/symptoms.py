"""Symptom detector: a learned second pair of eyes beside the red-flag list.

Asks one question of every message: does somebody here tell of their own body, or of somebody's they care for? A linear model on words, trained on
reports against everything else at once, is asked beside the intent classifier: the one counts words, the other reads sentences, and they err
differently. What both make of it overrules the intent in both directions. Where the training data has no `report_*` intents it passes messages
through.
"""

from __future__ import annotations

import json
import math
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

from bot.nlu.intent_classifier import PROBABILITIES, Linear
from bot.nlu.ngrams import NGrams
from bot.opinion import Opinion, alarms, reports
from bot.safety import Level

NOTHING, REPORT, EMERGENCY = 0, 1, 2

TOO_FEW_WORDS = 4
"""Words of a message in which each reader must see the danger by itself: "im outside" is like much, and says little."""

OUTPUT = "report"
"""Key of the message that carries the probabilities, for staff and for the evaluation."""


@dataclass(frozen=True)
class ReportModel:
    """A linear model on words over nothing, report and emergency."""

    ngrams: NGrams
    by_words: Linear

    @classmethod
    def fit(cls, texts: Sequence[str], labels: Sequence[int], strength: float) -> ReportModel:
        """Learn from texts and their labels 0, 1, 2."""
        ngrams = NGrams.fit(texts)
        return cls(ngrams, Linear.fit(ngrams.matrix(texts), labels, strength))

    def predict(self, text: str) -> tuple[float, float]:
        """Return the probability of any report and of an emergency."""
        by_words = self.by_words.sparse(*self.ngrams.row(text))
        return float(by_words[REPORT] + by_words[EMERGENCY]), float(by_words[EMERGENCY])

    def save(self, folder: Path) -> None:
        """Write the model as plain arrays and JSON."""
        np.savez(folder / "reports.npz", idf=self.ngrams.idf, words=self.by_words.weights, words_0=self.by_words.intercepts)
        (folder / "vocabulary.json").write_text(json.dumps(self.ngrams.vocabulary))

    @classmethod
    def load(cls, folder: Path) -> ReportModel:
        """Read what `save` wrote."""
        vocabulary = json.loads((folder / "vocabulary.json").read_text())
        with np.load(folder / "reports.npz", allow_pickle=False) as kept:
            return cls(NGrams.load(vocabulary, kept["idf"]), Linear(kept["words"], kept["words_0"]))


def together(one: float, other: float) -> float:
    """Return the probability that two readers, as good as each other, give together: the geometric mean of their odds."""
    one, other = (min(max(p, 1e-6), 1 - 1e-6) for p in (one, other))
    odds = math.sqrt(one / (1 - one) * other / (1 - other))
    return odds / (1 + odds)


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
        """Return the defaults: which intents are reports, and the inverse regularisation `strength`."""
        return {
            "reports": ["report_symptom", "report_condition", "report_emergency"],
            "emergency": "report_emergency",
            "strength": 10.0,
        }

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
            self._model = ReportModel.fit(texts, labels, self._config["strength"])
            with self._storage.write_to(self._resource) as folder:
                self._model.save(Path(folder))
        return self._resource

    def _label(self, intent: str) -> int:
        if intent == self._config["emergency"]:
            return EMERGENCY
        return REPORT if intent in self._config["reports"] else NOTHING

    def process(self, messages: list[Message]) -> list[Message]:
        """Settle for each message whether it is a report."""
        if self._model is not None:
            for message in messages:
                if message.get(TEXT) and message.get(INTENT):
                    self._decide(message, self._opinion(message, self._model))
        return messages

    def _opinion(self, message: Message, model: ReportModel) -> Opinion:
        by_meaning = message.get(PROBABILITIES)
        report, emergency = model.predict(message.get(TEXT))
        if by_meaning is None:  # another classifier stands before: what it does not say is no sign that nothing is wrong
            return Opinion(report, emergency)
        classified = sum(by_meaning.get(name, 0.0) for name in self._config["reports"])
        graver = by_meaning.get(self._config["emergency"], 0.0)
        few = len(message.get(TEXT).split()) <= TOO_FEW_WORDS
        return Opinion(together(report, classified), together(emergency, graver), min(emergency, graver) if few else None)

    def _decide(self, message: Message, opinion: Opinion) -> None:
        """Settle the intent as if the list found nothing; the list speaks after this."""
        config, ranking = self._config, message.get("intent_ranking") or []
        message.set(OUTPUT, vars(opinion), add_to_output=True)
        if alarms(Level.NONE, opinion):
            self._set(message, config["emergency"], opinion.emergency)
        elif reports(Level.NONE, opinion):
            milder = (one["name"] for one in ranking if one["name"] in config["reports"] and one["name"] != config["emergency"])
            self._set(message, next(milder, config["reports"][0]), opinion.report)
        elif message.get(INTENT)["name"] in config["reports"]:
            other = next((one for one in ranking if one["name"] not in config["reports"]), None)
            if other is not None:
                self._set(message, other["name"], other["confidence"])

    @staticmethod
    def _set(message: Message, intent: str, confidence: float) -> None:
        message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)
