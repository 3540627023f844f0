"""The intent classifier: what was asked before helps to read a few words, and only a few."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rasa.shared.core.events import UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message

from bot.nlu.encoder import DIMENSIONS
from bot.nlu.intent_classifier import IntentClassifier, IntentModel

EXAMPLES = {
    "ask_hours": ["when are you open", "are you open on sundays", "until what time", "what are the hours"],
    "ask_cost": ["how much is it", "what do you charge", "is there a price list", "what is the price"],
    "greet": ["hello there", "good morning", "hi", "hey you"],
}
BETWEEN = np.full(DIMENSIONS, 1 / np.sqrt(DIMENSIONS), dtype=np.float32)
"""A meaning that is none of theirs."""


def meaning(intent: str) -> np.ndarray:
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[sorted(EXAMPLES).index(intent)] = 1
    return vector


@pytest.fixture(scope="module")
def model() -> IntentModel:
    pairs = [(text, intent) for intent, texts in EXAMPLES.items() for text in texts]
    vectors = np.stack([meaning(intent) for _, intent in pairs])
    return IntentModel.fit([text for text, _ in pairs], vectors, [intent for _, intent in pairs], strength=1000.0)


@pytest.fixture
def classifier(model: IntentModel) -> IntentClassifier:
    component = IntentClassifier(IntentClassifier.get_default_config(), None, None)  # type: ignore[arg-type]
    component._model = model
    return component


def understood(classifier: IntentClassifier, text: str, vector: np.ndarray, *before: str) -> Any:
    message = Message({TEXT: text})
    message.add_features(Features(vector[None, :], FEATURE_TYPE_SENTENCE, TEXT, "test"))
    events = [UserUttered("...", {"name": intent}) for intent in before]
    classifier.process([message], DialogueStateTracker.from_events("visitor", events))
    return message.get("intent")["name"]


@pytest.mark.parametrize("topic", ["ask_hours", "ask_cost"])
def test_a_few_words_that_could_be_anything_ask_what_was_asked_before(classifier: IntentClassifier, topic: str) -> None:
    assert understood(classifier, "and in general?", BETWEEN, topic) == topic


def test_a_greeting_between_is_not_what_was_asked(classifier: IntentClassifier) -> None:
    assert understood(classifier, "and in general?", BETWEEN, "ask_cost", "greet") == "ask_cost"


def test_a_few_words_that_are_plain_change_the_topic(classifier: IntentClassifier) -> None:
    assert understood(classifier, "what is the price", meaning("ask_cost"), "ask_hours") == "ask_cost"


def test_a_whole_sentence_is_read_by_itself(classifier: IntentClassifier) -> None:
    text = "and I would like to know a thing about that"
    alone = understood(classifier, text, BETWEEN)
    assert {understood(classifier, text, BETWEEN, topic) for topic in ("ask_hours", "ask_cost")} == {alone}


def test_a_topic_the_model_does_not_have_changes_nothing(classifier: IntentClassifier) -> None:
    assert understood(classifier, "what is the price", meaning("ask_cost"), "ask_parking") == "ask_cost"
