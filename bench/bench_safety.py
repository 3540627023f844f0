"""How long the safety screen takes: python bench/bench_safety.py [rounds]

Prints the median and the 99th percentile in milliseconds for short, usual and 300-word messages, for a long conversation and for
hostile ones. No message comes twice: what was read is remembered. A report, not a test.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.rasa_runtime import serving  # noqa: E402
from bot.safety import SafetyList  # noqa: E402

SHORT = "my knee hurts, do you treat knees?"
USUAL = (
    "Hi, I had dry needling on my shoulder yesterday and today it is a little sore, is there anything I should do before Friday?"
)
WORDS = [
    "hello",
    "i",
    "was",
    "at",
    "your",
    "clinic",
    "last",
    "week",
    "for",
    "my",
    "lower",
    "back",
    "and",
    "it",
    "felt",
    "better",
    "for",
    "two",
    "days",
    "then",
    "the",
    "ache",
    "came",
    "back",
    "when",
    "i",
    "lifted",
    "my",
    "daughter",
    "out",
    "of",
    "the",
    "car",
    "seat",
    "so",
    "i",
    "wonder",
    "whether",
    "another",
    "session",
    "would",
    "help",
    "or",
    "if",
    "i",
    "should",
    "rest",
    "first",
    "also",
    "my",
    "neck",
    "is",
    "stiff",
    "from",
    "the",
    "desk",
    "and",
    "my",
    "left",
    "arm",
    "tingles",
    "at",
    "night",
    "when",
    "i",
    "sleep",
    "on",
    "it",
    "but",
    "that",
    "is",
    "old",
    "news",
    "from",
    "before",
    "christmas",
    "could",
    "you",
    "tell",
    "me",
    "what",
    "a",
    "package",
    "of",
    "five",
    "costs",
    "and",
    "whether",
    "my",
    "insurance",
    "would",
    "pay",
    "for",
    "it",
    "because",
    "the",
    "receptionist",
    "was",
    "not",
    "sure",
]


def long_message(seed: int) -> str:
    """Build a 300-word message, different every time, with the odd misspelling."""
    random.seed(seed)
    words = [random.choice(WORDS) for _ in range(300)]
    for at in random.sample(range(300), 12):
        words[at] = words[at][:-1] + random.choice("aeiourst") + str(seed)[:0] + words[at][-1]
    return " ".join(words)


def measure(name: str, run: Callable[[int], object], rounds: int) -> None:
    """Time `run` and print one line."""
    for warm in range(5):
        run(-1 - warm)
    times: list[float] = []
    for number in range(rounds):
        start = time.thread_time()
        run(number)
        times.append((time.thread_time() - start) * 1000)
    cuts = statistics.quantiles(times, n=100)
    print(f"{name:34} p50 {cuts[49]:7.3f} ms   p99 {cuts[98]:7.3f} ms")


def main(arguments: Sequence[str]) -> None:
    """Load the list and print the report."""
    rounds = int(arguments[0]) if arguments else 1000
    start = time.perf_counter()
    safety = SafetyList.load(ROOT / "clinic" / "safety.yml")
    print(
        f"loaded in {(time.perf_counter() - start) * 1000:.0f} ms, {sum(len(p) for r in safety.rules for p in r.patterns.values())} patterns"
    )
    serving.settle()  # as the server does once it has loaded everything
    earlier = [USUAL, SHORT, "do you have parking", "how much is it", "thanks"] * 4
    messages = [long_message(number) for number in range(rounds)]
    measure("7 words", lambda n: safety.assess(f"{n} {SHORT}"), rounds)
    measure("24 words", lambda n: safety.assess(f"{USUAL} {n}"), rounds)
    measure("300 words", lambda n: safety.assess(messages[n]), rounds)
    measure("24 words after 20 messages", lambda n: safety.assess(f"{USUAL} {n}", earlier), rounds)
    measure(
        "20,000 characters of symptoms",
        lambda n: safety.assess(f"{n} " + "chest pain no breath bleeding numb leg " * 500),
        max(3, rounds // 100),
    )
    measure("20,000 characters of one word", lambda _: safety.assess("x" * 20_000), max(3, rounds // 100))


if __name__ == "__main__":
    main(sys.argv[1:])
