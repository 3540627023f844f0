"""Red-flag screen: the clinic's list speaks last, and its word stands.

Reads clinic/safety.yml when the model is loaded, so that a new pattern needs no training. What it found travels with the message
(`assessment`), for the fixed texts and for staff.
"""

from __future__ import annotations

from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message

from bot.safety import Assessment, Level, SafetyList
from bot.settings import load_settings

OUTPUT = "assessment"
"""Key of the message that carries the assessment as plain data."""


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class RedFlagScreen(GraphComponent):
    """Sets the intent of messages that the red-flag list knows."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config
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
        return cls(config)

    def process(self, messages: list[Message], tracker: DialogueStateTracker | None = None) -> list[Message]:
        """Assess each message with what the visitor wrote before."""
        if self._safety is None:
            self._safety = SafetyList.load(load_settings().clinic_dir / "safety.yml")
        earlier = [e.text for e in tracker.events if isinstance(e, UserUttered) and e.text] if tracker else []
        for message in messages:
            if message.get(TEXT):
                self._decide(message, self._safety.assess(message.get(TEXT), earlier))
        return messages

    def _decide(self, message: Message, found: Assessment) -> None:
        message.set(OUTPUT, as_data(found), add_to_output=True)
        name = (message.get(INTENT) or {}).get("name")
        if found.level is Level.EMERGENCY:
            self._set(message, self._config["emergency"])
        elif found.level >= Level.ROUTINE and not str(name).startswith("report_"):
            self._set(message, self._config["report"])

    @staticmethod
    def _set(message: Message, intent: str) -> None:
        message.set(INTENT, {"name": intent, "confidence": 1.0}, add_to_output=True)


def as_data(found: Assessment) -> dict[str, Any]:
    """Return an assessment as what JSON can carry."""
    return {
        "level": found.level.name,
        "kind": found.kind,
        "rules": [match.rule for match in found.matches],
        "version": found.list_version,
        "treated": found.treated,
        "bodily": found.bodily,
    }
