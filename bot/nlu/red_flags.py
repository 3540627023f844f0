"""Red-flag screen: the clinic's list speaks last, and its word stands unless the detector finds it all but impossible (bot/opinion.py).

Reads clinic/safety.yml when the model is loaded, so that a new pattern needs no training. What it found travels with the message
(`assessment`), for the fixed texts and for staff.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from bot.nlu.symptoms import OUTPUT as REPORT
from bot.opinion import Opinion, alarms, weigh, weighed
from bot.safety import Assessment, Level, SafetyList
from bot.settings import load_settings

OUTPUT = "assessment"
"""Key of the message that carries the assessment as plain data."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class RedFlagScreen(GraphComponent):
    """Sets the intent of messages that the red-flag list knows."""

    def __init__(self, config: dict[str, Any], storage: ModelStorage, resource: Resource) -> None:
        self._config = config
        self._storage = storage
        self._resource = resource
        self._passes = False
        self._safety: SafetyList | None = None

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the defaults: the intents that an emergency and a milder report become."""
        return {"emergency": "report_emergency", "report": "report_symptom"}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> RedFlagScreen:
        """Build the component; the list is read at the first message, not while training."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> RedFlagScreen:
        """Build the component for serving; a model without reports has none to set."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._passes = not json.loads((Path(folder) / "reports.json").read_text())
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Note which of its intents the data has: a bot without reports is left alone."""
        ours = {self._config["emergency"], self._config["report"]}
        with self._storage.write_to(self._resource) as folder:
            (Path(folder) / "reports.json").write_text(json.dumps(sorted(ours & set(training_data.intents))))
        return self._resource

    def process(self, messages: list[Message], tracker: DialogueStateTracker | None = None) -> list[Message]:
        """Assess each message with what the visitor wrote before."""
        for message in messages:
            if message.get(TEXT) and not self._passes:
                opinion = opinion_of(message.data)
                found = (message.get("metadata") or {}).get(OUTPUT)  # the door has screened it, with more of the past than is here
                self._decide(message, found or as_data(self._assess(message.get(TEXT), tracker, opinion)), opinion)
        return messages

    def _assess(self, text: str, tracker: DialogueStateTracker | None, opinion: Opinion | None) -> Assessment:
        if self._safety is None:
            self._safety = SafetyList.load(load_settings().clinic_dir / "safety.yml")
        earlier = [e.text for e in tracker.events if isinstance(e, UserUttered) and e.text] if tracker else []
        return weighed(self._safety.assess(text, earlier), self._safety.assess(text), opinion)

    def _decide(self, message: Message, found: dict[str, Any], opinion: Opinion | None) -> None:
        level, bodily = Level[found["level"]], bool(found["bodily"])
        sees = alarms(max(level, Level.ROUTINE) if bodily else level, opinion) if opinion else False
        # What is graver was weighed already, by the door or above.
        if level <= Level.ROUTINE and opinion is not None:
            level, bodily = weigh(level, bodily, opinion)
        message.set(OUTPUT, {**found, "level": level.name, "bodily": bodily}, add_to_output=True)
        intent = str((message.get(INTENT) or {}).get("name"))
        if level is Level.EMERGENCY or sees:
            self._set(message, self._config["emergency"], opinion.emergency if opinion else 1.0)
        elif intent == self._config["emergency"] or ((level or bodily) and not intent.startswith("report_")):
            self._set(message, self._config["report"], opinion.report if opinion else 1.0)

    @staticmethod
    def _set(message: Message, intent: str, confidence: float) -> None:
        message.set(INTENT, {"name": intent, "confidence": confidence}, add_to_output=True)


def opinion_of(parsed: Mapping[str, Any]) -> Opinion | None:
    """Return the detector's opinion from a parsed message, None where the pipeline has no detector or the data no reports."""
    said = parsed.get(REPORT)
    return Opinion(**said) if said else None


def as_data(found: Assessment) -> dict[str, Any]:
    """Return an assessment as what JSON can carry."""
    return {
        "level": found.level.name,
        "kind": found.kind,
        "rules": list(found.rules),
        "version": found.list_version,
        "treated": found.treated,
        "bodily": found.bodily,
    }
