"""Sentence encoder: a message becomes one dense vector.

all-MiniLM-L6-v2, tuned on our messages (scripts/tune_encoder.py), as an 8-bit ONNX file that stands beside this one; on one thread.
The vector is the mean of the token vectors beside their maximum, each of length 1: the mean carries what a message is about, the
maximum keeps a single telling word in a long one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from tokenizers import Tokenizer

FOLDER = Path(__file__).parent / "minilm"

Vectors = npt.NDArray[np.float32]

MAX_TOKENS = 192
"""Longer messages are cut in the middle: the complaint tends to stand at the start, the question at the end."""

BATCH = 32
DIMENSIONS = 768


class Encoder:
    """The ONNX model and its tokenizer."""

    def __init__(self, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(FOLDER / "model.onnx"), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._ready: dict[str, Vectors] = {}

    def each(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """Encode texts that will be asked for, one by one, on whatever thread has time; `keeping` lends them."""
        return {text: self._encode([text])[0] for text in texts}

    @contextmanager
    def keeping(self, ready: Mapping[str, Vectors]) -> Iterator[None]:
        """Answer from what is ready already, until the block ends."""
        self._ready.update(ready)
        try:
            yield
        finally:
            for text in ready:
                self._ready.pop(text, None)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Encode texts; returns one row of `DIMENSIONS` numbers a text."""
        if texts and all(text in self._ready for text in texts):
            return np.stack([self._ready[text] for text in texts])
        return self._encode(texts)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        ids = [self._ids(text) for text in texts]
        rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        by_length = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        for start in range(0, len(by_length), BATCH):
            batch = by_length[start : start + BATCH]
            rows[batch] = self._pooled([ids[i] for i in batch])
        return rows

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        if len(ids) <= MAX_TOKENS:
            return ids
        head = MAX_TOKENS * 2 // 3
        return ids[:head] + ids[head - MAX_TOKENS :]

    def _pooled(self, ids: list[list[int]]) -> Vectors:
        width = max(len(row) for row in ids)
        tokens = np.zeros((len(ids), width), dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = one
            mask[row, : len(one)] = 1
        inputs = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = self._session.run(None, inputs)[0]
        here = mask[:, :, None].astype(bool)
        mean = np.where(here, hidden, 0).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        top = np.where(here, hidden, -np.inf).max(axis=1)
        return np.hstack([_unit(mean), _unit(top)]).astype(np.float32)


def _unit(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


@lru_cache(maxsize=1)
def shared_encoder() -> Encoder:
    """Return the process's one encoder: 40 MB that training and serving share."""
    return Encoder()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(GraphComponent):
    """Adds the sentence vector to each message."""

    def __init__(self, config: dict[str, Any], encoder: Encoder) -> None:
        self._config = config
        self._encoder = encoder

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        """Build the component for training or serving."""
        return cls(config, shared_encoder())

    @staticmethod
    def required_packages() -> list[str]:
        """Name the packages that Rasa checks for."""
        return ["onnxruntime", "tokenizers"]

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Retrain when the encoder or the pooling changes."""
        model = hashlib.sha256((FOLDER / "model.onnx").read_bytes()).hexdigest()
        return f"{model}:{MAX_TOKENS}:{DIMENSIONS}"

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Add vectors to all training examples."""
        self.process(training_data.training_examples)
        return training_data

    def process(self, messages: list[Message]) -> list[Message]:
        """Add vectors to messages that have a text."""
        with_text = [message for message in messages if message.get(TEXT)]
        for message, row in zip(with_text, self._encoder.encode([message.get(TEXT) for message in with_text])):
            message.add_features(Features(row[None, :], FEATURE_TYPE_SENTENCE, TEXT, type(self).__name__))
        return messages


def sentence_vectors(messages: Iterable[Message]) -> Vectors:
    """Stack the vectors that `SentenceEncoder` left on messages; zeros where there is none."""
    rows = []
    for message in messages:
        dense = message.get_dense_features(TEXT)[1]
        rows.append(dense.features[0] if dense is not None else np.zeros(DIMENSIONS, dtype=np.float32))
    return np.asarray(rows, dtype=np.float32)
