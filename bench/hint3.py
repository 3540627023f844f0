"""`python -m bench.hint3 FOLDER`: trains config.yml's pipeline, unchanged, on a HINT3 data set and prints its Matthews correlation.

FOLDER holds *_train.csv and *_test.csv with columns sentence,label. Protocol of the paper (Arora et al., 2020): a row whose confidence is
under the threshold counts as NO_NODES_DETECTED; the figure is the best over thresholds 0.1 ... 0.9.
"""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.settings import ROOT

NOTHING = "NO_NODES_DETECTED"


def main() -> None:
    folder = Path(sys.argv[1])
    train, test = (list(csv.DictReader(next(folder.glob(f"*_{part}.csv")).open(encoding="utf-8"))) for part in ("train", "test"))
    with tempfile.TemporaryDirectory() as temp:
        model = train_model(train, Path(temp))
        predictions = asyncio.run(predict(model, [row["sentence"] for row in test]))
    truth = [row["label"] for row in test]
    for threshold, mcc in scores(truth, predictions):
        print(f"{threshold:.1f}  {mcc:.4f}")
    print(f"best  {max(mcc for _, mcc in scores(truth, predictions)):.4f}  of {len(test)} messages, {len(train)} training examples")


def train_model(rows: list[dict[str, str]], temp: Path) -> Path:
    examples: dict[str, list[str]] = {}
    for row in rows:
        examples.setdefault(row["label"], []).append(" ".join(row["sentence"].split()))
    lines = ['version: "3.1"', "nlu:"]
    for label, texts in examples.items():
        lines += [f"- intent: {label}", "  examples: |", *(f"    - {text}" for text in texts)]
    (temp / "nlu.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.copy(ROOT / "config.yml", temp / "config.yml")
    command = [sys.executable, "-m", "rasa", "train", "nlu", "--nlu", str(temp / "nlu.yml"), "--config", str(temp / "config.yml")]
    environment = {**os.environ, "RASA_TELEMETRY_ENABLED": "false", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
    subprocess.run(
        [*command, "--out", str(temp), "--fixed-model-name", "hint3"], cwd=ROOT, check=True, capture_output=True, env=environment
    )
    return temp / "hint3.tar.gz"


async def predict(model: Path, texts: list[str]) -> list[tuple[str, float]]:
    from rasa.core.agent import Agent

    agent = Agent.load(str(model))
    found = []
    for text in texts:
        intent = (await agent.parse_message(text))["intent"]
        found.append((intent.get("guess") or intent["name"], float(intent["confidence"])))
    return found


def scores(truth: list[str], predictions: list[tuple[str, float]]) -> list[tuple[float, float]]:
    from sklearn.metrics import matthews_corrcoef

    found = []
    for step in range(1, 10):
        said = [name if confidence >= step / 10 else NOTHING for name, confidence in predictions]
        found.append((step / 10, float(matthews_corrcoef(truth, said))))
    return found


if __name__ == "__main__":
    main()
