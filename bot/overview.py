"""The owner's figures: how much the assistant answered, what it could not, and how soon people picked up.

A conversation here is what one visitor wrote in one week (Monday to Sunday on the clinic's clock), so that the weeks
add up to the totals. Figures are counted from rows that are still kept: what the nightly purge deleted is not in them.
The texts of questions are shown only of visitors who reported nothing about their health.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Any, Literal
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from bot.audit import access_table
from bot.conversations import feedback_table, message_table
from bot.errors import Refused
from bot.handoffs import RANK, handoff_table
from bot.store import Store

FORMULA = (
    "Answered without a person = conversations in which the assistant answered a question, and in which nobody was "
    "asked for, no question was left without an answer, and no answer was voted not helpful; divided by all "
    "conversations with a question or a report. Greetings alone are left out. Who gave up and telephoned still counts "
    "as answered: the true share is lower, never higher."
)

LONGEST_PERIOD_DAYS = 400

MOST_ROWS = 20
"""How long the lists of topics and questions are."""

# Said to be polite, or about the assistant: neither asks anything of the clinic.
SMALL_TALK = frozenset(
    {"greet", "greeting", "goodbye", "thank", "affirm", "deny", "affirm_nothing", "deny_nothing", "feedback"}
    | {"bot_challenge", "help"}
)
# Reasons of a handoff that tell of the visitor's health.
REPORTS = frozenset({"symptom", "condition"})
UNANSWERED_TOPICS = frozenset({"not_sure", "nlu_fallback"})

Ending = Literal["answered", "person", "unanswered", "unhelpful", "small_talk"]
ENDINGS: tuple[Ending, ...] = ("answered", "person", "unanswered", "unhelpful", "small_talk")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Table:
    """One set of figures: drawn as a chart, read as a table, downloaded as CSV."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def csv(self) -> str:
        """Return the table as CSV; a text that a spreadsheet would take for a formula is quoted."""
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(self.columns)
        writer.writerows([_cell(value) for value in row] for row in self.rows)
        return out.getvalue()


@dataclass(frozen=True)
class Overview:
    """Everything the page shows about one period."""

    first: date
    last: date
    zone: str
    totals: Mapping[str, int]
    """Conversations by how they ended, and `conversations` with a question or a report."""
    share_answered: float | None
    """By the formula; None where nobody asked anything."""
    helpful: int
    unhelpful: int
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Access:
    """Somebody opened a conversation."""

    at: datetime
    member: str
    visitor: str


@dataclass
class _Week:
    """What happened in one visitor's week."""

    answered: bool = False
    person: bool = False
    unanswered: bool = False
    unhelpful: bool = False

    def ending(self) -> Ending:
        """Say how it ended; what needed a person outweighs what did not."""
        order: tuple[Ending, ...] = ("person", "unanswered", "unhelpful", "answered")
        return next((ending for ending in order if getattr(self, ending)), "small_talk")


@dataclass
class _Count:
    """What is counted while the rows go by."""

    weeks: dict[tuple[date, str], _Week] = field(default_factory=lambda: defaultdict(_Week))
    hours: Counter[tuple[int, int]] = field(default_factory=Counter)
    topics: Counter[str] = field(default_factory=Counter)
    questions: dict[str, list[Any]] = field(default_factory=dict)
    votes: Counter[tuple[str, bool]] = field(default_factory=Counter)


def overview(
    store: Store,
    first: date,
    last: date,
    zone: str,
    is_open: Callable[[datetime], bool] = lambda at: True,
) -> Overview:
    """Count one period of the clinic's days, both included."""
    if not 0 <= (last - first).days <= LONGEST_PERIOD_DAYS:
        raise Refused(f"a period has 1 to {LONGEST_PERIOD_DAYS} days")
    here = ZoneInfo(zone)
    begin = datetime.combine(first, time(), here)
    end = datetime.combine(last + timedelta(days=1), time(), here)
    count = _Count()
    with store.reading() as connection:
        handoffs = connection.execute(_HANDOFFS, {"begin": begin, "end": end}).all()
        reported = {row.visitor for row in handoffs if row.reason in REPORTS}
        _count_messages(count, connection.execute(_MESSAGES, {"begin": begin, "end": end}), here, reported)
        _count_votes(count, connection.execute(_VOTES, {"begin": begin, "end": end}), here)
    for row in handoffs:
        count.weeks[_week(row.opened_at, here), row.visitor].person = True
    return _result(count, handoffs, first, last, zone, is_open)


def accesses(store: Store, visitor: str = "", member: str = "", limit: int = 100) -> tuple[Access, ...]:
    """Return who opened which conversation, newest first; of one visitor or one member where they are named."""
    newest = sa.select(_a.at, _a.member, _a.visitor).order_by(_a.id.desc()).limit(limit)
    newest = newest.where(_a.visitor == visitor) if visitor else newest
    newest = newest.where(_a.member == member) if member else newest
    with store.reading() as connection:
        return tuple(Access(*row) for row in connection.execute(newest))


def _count_messages(count: _Count, rows: Iterable[Any], here: ZoneInfo, reported: Set[str]) -> None:
    for row in rows:
        week = count.weeks[_week(row.created_at, here), row.visitor]
        if row.author == "staff":
            week.person = True
            continue
        local = row.created_at.astimezone(here)
        count.hours[local.weekday(), local.hour] += 1
        if row.route in ("staff", "emergency"):
            week.person = True
        elif row.route == "decline" or row.topic in UNANSWERED_TOPICS:
            week.unanswered = True
            if row.visitor not in reported:
                _count_question(count, row)
        elif row.route == "answer" and row.topic not in SMALL_TALK:
            week.answered = True
            count.topics[row.topic or "?"] += 1


def _count_question(count: _Count, row: Any) -> None:
    key = " ".join(re.findall(r"[^\W_]+", row.text.casefold()))
    if not key:
        return
    known = count.questions.setdefault(key, [row.text, 0, row.created_at])
    known[1] += 1
    if row.created_at >= known[2]:
        known[0], known[2] = row.text, row.created_at


def _count_votes(count: _Count, rows: Iterable[Any], here: ZoneInfo) -> None:
    for row in rows:
        count.votes[row.topic or "?", bool(row.helpful)] += 1
        if not row.helpful:
            count.weeks[_week(row.created_at, here), row.visitor].unhelpful = True


def _result(
    count: _Count, handoffs: Sequence[Any], first: date, last: date, zone: str, is_open: Callable[[datetime], bool]
) -> Overview:
    endings = Counter(week.ending() for week in count.weeks.values())
    asked = sum(number for ending, number in endings.items() if ending != "small_talk")
    tables = {
        "weeks": _weeks(count, first, last),
        "reasons": _reasons(handoffs),
        "acknowledged": _acknowledged(handoffs, is_open),
        "topics": _topics(count),
        "questions": _questions(count),
        "hours": _hours(count),
    }
    return Overview(
        first=first,
        last=last,
        zone=zone,
        totals={"conversations": asked, **{ending: endings[ending] for ending in ENDINGS}},
        share_answered=endings["answered"] / asked if asked else None,
        helpful=sum(number for (_, helpful), number in count.votes.items() if helpful),
        unhelpful=sum(number for (_, helpful), number in count.votes.items() if not helpful),
        tables=tables,
    )


def _weeks(count: _Count, first: date, last: date) -> Table:
    by_week: dict[date, Counter[Ending]] = defaultdict(Counter)
    for (week, _), happened in count.weeks.items():
        by_week[week][happened.ending()] += 1
    monday = first - timedelta(days=first.weekday())
    mondays = [monday + timedelta(weeks=number) for number in range((last - monday).days // 7 + 1)]
    titles = ("Answered without a person", "Handed to a person", "Left without an answer", "Voted not helpful")
    rows = tuple((week.isoformat(), *(by_week[week][ending] for ending in ENDINGS)) for week in mondays)
    return Table("Conversations by week", ("Week from", *titles, "Greetings only"), rows)


def _reasons(handoffs: Sequence[Any]) -> Table:
    found = Counter((row.reason, row.urgency) for row in handoffs)
    total = Counter(row.reason for row in handoffs)
    rows = tuple((reason, *(found[reason, urgency] for urgency in RANK), number) for reason, number in total.most_common())
    return Table("Handed to a person, by reason", ("Reason", *(urgency.capitalize() for urgency in RANK), "All"), rows)


def _acknowledged(handoffs: Sequence[Any], is_open: Callable[[datetime], bool]) -> Table:
    """Count how long it took until somebody had seen it, apart for the hours in which somebody is there."""
    groups: dict[tuple[str, bool], list[Any]] = defaultdict(list)
    for row in handoffs:
        groups[row.urgency, is_open(row.opened_at)].append(row)
    rows = []
    for urgency in RANK:
        for opened in (True, False):
            found = groups.get((urgency, opened), [])
            waits = sorted((r.first_seen_at - r.opened_at).total_seconds() / 60 for r in found if r.first_seen_at)
            times = (median(waits), _part(waits, 0.9), waits[-1]) if waits else ()
            shown = [round(minutes, 1) for minutes in times] or [None] * 3
            when = "while open" if opened else "while closed"
            rows.append((f"{urgency.capitalize()}, {when}", len(found), len(found) - len(waits), *shown))
    columns = ("Urgency", "Handed off", "Not seen yet", "Median minutes", "9 of 10 within", "Longest")
    return Table("Minutes until somebody had seen it", columns, tuple(rows))


def _topics(count: _Count) -> Table:
    rows = tuple(
        (topic, asked, count.votes[topic, True], count.votes[topic, False]) for topic, asked in count.topics.most_common(MOST_ROWS)
    )
    return Table("What visitors ask most", ("Topic", "Asked", "Helpful", "Not helpful"), rows)


def _questions(count: _Count) -> Table:
    found = sorted(count.questions.values(), key=lambda known: (-known[1], known[0]))[:MOST_ROWS]
    rows = tuple((text, number, at.date().isoformat()) for text, number, at in found)
    return Table("Questions it could not answer", ("Question", "Times", "Last asked"), rows)


def _hours(count: _Count) -> Table:
    rows = tuple((name, *(count.hours[day, hour] for hour in range(24))) for day, name in enumerate(WEEKDAYS))
    return Table("When visitors write", ("Day", *(f"{hour:02}" for hour in range(24))), rows)


def _week(at: datetime, here: ZoneInfo) -> date:
    day = at.astimezone(here).date()
    return day - timedelta(days=day.weekday())


def _part(waits: Sequence[float], part: float) -> float:
    """Return the smallest wait that this part of all stayed within."""
    return waits[max(0, math.ceil(len(waits) * part) - 1)]


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value


_m, _h, _f, _a = message_table.c, handoff_table.c, feedback_table.c, access_table.c
_within = (sa.bindparam("begin"), sa.bindparam("end"))
_MESSAGES = sa.select(_m.visitor, _m.author, _m.text, _m.topic, _m.route, _m.created_at).where(
    _m.author.in_(("visitor", "staff")), _m.created_at >= _within[0], _m.created_at < _within[1]
)
_HANDOFFS = sa.select(_h.visitor, _h.urgency, _h.reason, _h.opened_at, _h.first_seen_at).where(
    _h.opened_at >= _within[0], _h.opened_at < _within[1]
)
_VOTES = (
    sa.select(_f.visitor, _f.helpful, _m.topic, _m.created_at)
    .select_from(feedback_table.join(message_table, sa.and_(_m.visitor == _f.visitor, _m.seq == _f.seq)))
    .where(_m.created_at >= _within[0], _m.created_at < _within[1])
)
