"""Not sure: says so instead of guessing.

Turns the classifier's raw confidence into the share of messages at that confidence that are right (measured on held-out phrasings,
docs/decisions), and replaces an intent that is too unlikely by `nlu_fallback`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import INTENT
from rasa.shared.nlu.training_data.message import Message

FALLBACK = "nlu_fallback"


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=False)
class NotSure(GraphComponent):
    """Calibrates confidences and steps back from unlikely intents."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._config = config

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Return the defaults: `threshold` on the calibrated confidence, and the calibration as (raw, calibrated) points."""
        return {"threshold": 0.3, "calibration": [[0.0, 0.0], [1.0, 1.0]]}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> NotSure:
        """Build the component."""
        return cls(config)

    def process(self, messages: list[Message]) -> list[Message]:
        """Settle each message's intent."""
        for message in messages:
            intent = message.get(INTENT)
            if intent and intent.get("name"):
                self._settle(message, dict(intent))
        return messages

    def _settle(self, message: Message, intent: dict[str, Any]) -> None:
        if intent["name"].startswith("report_"):
            return
        intent["confidence"] = self._calibrated(intent["confidence"])
        if intent["confidence"] < self._config["threshold"]:
            intent["guess"], intent["name"] = intent["name"], FALLBACK
        message.set(INTENT, intent, add_to_output=True)

    def _calibrated(self, raw: float) -> float:
        points = np.asarray(self._config["calibration"], dtype=float)
        return float(np.interp(raw, points[:, 0], points[:, 1]))
