"""How well messages are understood: cases, predictions, figures, report.

Every case goes the way a visitor's message goes, through the door, on a database of its own. Figures are defined in docs/safety.md;
"right" means: the predicted route is the case's or one of its alternatives, and a predicted answer has the case's topic or one of its alternatives.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.desk import Desk, Message
from bot.errors import FrontDeskError, Refused
from bot.frontdesk import FrontDesk, Incoming
from bot.store import Store, new_id

ROUTES = ("answer", "staff", "emergency", "decline")
BINS = 10


@dataclass(frozen=True)
class Case:
    """One message with what it should get."""

    id: str
    text: str
    topic: str
    route: str
    alt_topics: frozenset[str] = frozenset()
    alt_routes: frozenset[str] = frozenset()
    source: str = ""


@dataclass(frozen=True)
class Conversation:
    """Messages one after the other, each scored."""

    turns: tuple[Case, ...]


@dataclass(frozen=True)
class Prediction:
    """What a case got."""

    case: Case
    topic: str
    route: str
    confidence: float
    matched: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        """Say whether the visitor got what the case allows."""
        case = self.case
        if self.route != case.route and self.route not in case.alt_routes:
            return False
        return self.route != "answer" or self.topic == case.topic or self.topic in case.alt_topics

    @property
    def escalated(self) -> bool:
        """Say whether a person is told."""
        return self.route in ("staff", "emergency")

    def as_row(self) -> dict[str, Any]:
        """Return the prediction as a row of the predictions file."""
        return {
            "id": self.case.id,
            "text": self.case.text,
            "topic": self.topic,
            "route": self.route,
            "confidence": round(self.confidence, 4),
            "matched": list(self.matched),
        }


@dataclass(frozen=True)
class Report:
    """The figures over a set of predictions."""

    n: int
    route_accuracy: float | None
    topic_accuracy: float | None
    emergency_recall: float | None
    missed_emergencies: int
    escalation_recall: float | None
    false_escalation_rate: float | None
    false_emergency_rate: float | None
    decline_recall: float | None
    expected_calibration_error: float | None
    by_topic: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    by_source: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_data(self) -> dict[str, Any]:
        """Return the figures as JSON can carry them, rounded to four places."""
        return {key: round(value, 4) if isinstance(value, float) else value for key, value in vars(self).items()}


def read_cases(path: Path) -> list[Conversation]:
    """Read a JSONL file; raises Refused naming line and what is expected."""
    cases = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            turns = row.get("turns") or [row]
            cases.append(Conversation(tuple(_case(turn, f"{row['id']}", i, len(turns)) for i, turn in enumerate(turns))))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refused(f'{path}:{number}: expected {{"id", "text", "topic", "route"}} or {{"id", "turns"}}: {error}') from error
    return cases


def _case(row: Mapping[str, Any], id_: str, index: int, turns: int) -> Case:
    if row["route"] not in ROUTES:
        raise ValueError(f"route {row['route']!r} is none of {', '.join(ROUTES)}")
    return Case(
        id=id_ if turns == 1 else f"{id_}.{index + 1}",
        text=str(row["text"]),
        topic=str(row.get("topic") or ""),
        route=row["route"],
        alt_topics=frozenset(row.get("alt_topics") or ()),
        alt_routes=frozenset(row.get("alt_routes") or ()),
        source=str(row.get("source") or ""),
    )


async def predict(
    conversations: Iterable[Conversation], frontdesk: FrontDesk, desk: Desk, store: Store, done: Callable[[], None] = lambda: None
) -> list[Prediction]:
    """Send every conversation through the door, each as a new visitor's."""
    predictions = []
    for conversation in conversations:
        visitor = await store.run(desk.create_visitor, "evaluation")
        for case in conversation.turns:
            predictions.append(await _predict_one(case, visitor.id, frontdesk, desk, store))
        done()
    return predictions


async def _predict_one(case: Case, visitor: str, frontdesk: FrontDesk, desk: Desk, store: Store) -> Prediction:
    try:
        replies = await frontdesk.converse(Incoming(visitor, new_id("m"), case.text))
    except FrontDeskError as error:
        route = "emergency" if error.advice else "decline"
        return Prediction(case, "emergency" if error.advice else "out_of_scope", route, 1.0)
    asked = await store.run(_question, desk, visitor, replies)
    topic = _topic(asked, replies)
    matched = [str(one) for reply in replies for one in reply.payload.get("matched", ())]
    return Prediction(case, topic, asked.route or "decline", asked.confidence or 0.0, tuple(matched))


def _question(desk: Desk, visitor: str, replies: Sequence[Message]) -> Message:
    """Return the visitor's message as it stands after its answer: with topic, route and confidence."""
    asked = [message for message in desk.messages(visitor) if message.author == "visitor"]
    return asked[-1]


def _topic(asked: Message, replies: Sequence[Message]) -> str:
    if asked.topic:
        return asked.topic
    return next((reply.topic for reply in replies if reply.topic), "out_of_scope")


def score(predictions: Sequence[Prediction]) -> Report:
    """Return the figures, with those of each topic and source beside them."""
    parts: dict[str, dict[str, list[Prediction]]] = {"topic": defaultdict(list), "source": defaultdict(list)}
    for one in predictions:
        parts["topic"][one.case.topic].append(one)
        parts["source"][one.case.source].append(one)
    by = {name: {key: _short(group) for key, group in sorted(groups.items())} for name, groups in parts.items()}
    return Report(**_figures(predictions), by_topic=by["topic"], by_source=by["source"])


def _short(group: Sequence[Prediction]) -> dict[str, Any]:
    return {
        "n": len(group),
        "right": sum(one.right for one in group),
        "accuracy": round(sum(p.right for p in group) / len(group), 4),
    }


def _figures(predictions: Sequence[Prediction]) -> dict[str, Any]:
    of = {route: [one for one in predictions if one.case.route == route] for route in ROUTES}
    calm, grave = of["answer"] + of["decline"], of["staff"] + of["emergency"]
    return {
        "n": len(predictions),
        "route_accuracy": _share(predictions, lambda p: p.right),
        "topic_accuracy": _share(of["answer"], lambda p: p.right),
        "emergency_recall": _share(of["emergency"], lambda p: p.right),
        "missed_emergencies": sum(not p.right and not p.escalated for p in of["emergency"]),
        "escalation_recall": _share(grave, lambda p: p.right or p.escalated),
        "false_escalation_rate": _share(calm, lambda p: p.escalated and not p.right),
        "false_emergency_rate": _share(predictions, lambda p: p.route == "emergency" and not p.right),
        "decline_recall": _share(of["decline"], lambda p: p.right),
        "expected_calibration_error": calibration_error(calm),
    }


def _share(predictions: Sequence[Prediction], holds: Callable[[Prediction], bool]) -> float | None:
    return sum(map(holds, predictions)) / len(predictions) if predictions else None


def calibration_error(predictions: Sequence[Prediction]) -> float | None:
    """Return the expected calibration error over ten equal-width bins of confidence."""
    if not predictions:
        return None
    return sum(abs(sum(p.confidence for p in group) - sum(p.right for p in group)) for group in bins(predictions)) / len(
        predictions
    )


def bins(predictions: Sequence[Prediction]) -> Iterator[list[Prediction]]:
    """Yield the predictions of each confidence bin, lowest first."""
    for number in range(BINS):
        yield [p for p in predictions if min(BINS - 1, int(p.confidence * BINS)) == number]


def confusions(predictions: Sequence[Prediction]) -> list[tuple[str, str, list[Prediction]]]:
    """Return wrong predictions grouped by (what it should be, what it was), most frequent first."""
    wrong: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for one in predictions:
        if not one.right:
            wrong[_label(one.case.route, one.case.topic), _label(one.route, one.topic)].append(one)
    return [(a, b, rows) for (a, b), rows in sorted(wrong.items(), key=lambda item: -len(item[1]))]


def matrix(predictions: Sequence[Prediction]) -> tuple[list[str], dict[tuple[str, str], int]]:
    """Return the labels and how often each pair of (should be, was) occurs."""
    counts: Counter[tuple[str, str]] = Counter(
        (_label(p.case.route, p.case.topic), _label(p.route, p.topic) if not p.right else _label(p.case.route, p.case.topic))
        for p in predictions
    )
    return sorted({label for pair in counts for label in pair}), dict(counts)


def _label(route: str, topic: str) -> str:
    return topic or route if route == "answer" else route
