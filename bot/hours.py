"""Opening hours in the clinic's own time: split days, closures, public holidays, a "closed now" switch.

The only place that knows clinic time. Everything going in and out is an aware moment; a day's periods are wall-clock
minutes and become moments through the time zone, so that an hour more or less in a night of the year changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

HORIZON_DAYS = 400
"""How far ahead an opening is looked for: more than a year, so that a yearly closure cannot hide it."""

DAY_MINUTES = 24 * 60

_PERIOD = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*(?:-|\u2013|to)\s*(\d{1,2})(?::(\d{2}))?")


@dataclass(frozen=True, order=True)
class Period:
    """One stretch of a day, in wall-clock minutes from midnight."""

    opens: int
    closes: int

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read "8:00-12:00"; raises ValueError saying what is expected."""
        found = _PERIOD.fullmatch(text.strip())
        if found is None:
            raise ValueError('a period such as "8:00-12:00"')
        hour, minute, end_hour, end_minute = (int(part or 0) for part in found.groups())
        period = cls(hour * 60 + minute, end_hour * 60 + end_minute)
        if max(minute, end_minute) > 59 or not period.opens < period.closes <= DAY_MINUTES:
            raise ValueError('a period that ends after it begins, within one day, such as "13:00-18:00"')
        return period

    def __str__(self) -> str:
        return f"{self.opens // 60}:{self.opens % 60:02}-{self.closes // 60}:{self.closes % 60:02}"


@dataclass(frozen=True)
class Closure:
    """Days on which a site stays closed."""

    first: date
    last: date
    reason: str


@dataclass(frozen=True)
class Special:
    """A day with hours of its own; it outranks closures and holidays."""

    day: date
    periods: tuple[Period, ...]
    reason: str


@dataclass(frozen=True)
class HolidayRule:
    """Which public holidays of a country (and state) a site keeps; no names: all of them."""

    country: str
    state: str | None
    names: frozenset[str] | None

    def on(self, day: date) -> str | None:
        """Name the holiday the site keeps on this day, or None."""
        for name in calendar(self.country, self.state, day.year).get(day, ()):
            if self.names is None or name.removesuffix(" (observed)") in self.names:
                return name
        return None

    def within(self, first: date, days: int) -> tuple[tuple[date, str], ...]:
        """List the kept holidays from `first` on, as (day, name)."""
        found = ((day, self.on(day)) for day in _days(first, days))
        return tuple((day, name) for day, name in found if name)


@lru_cache(maxsize=64)
def calendar(country: str, state: str | None, year: int) -> dict[date, tuple[str, ...]]:
    """Return one year's public holidays by day."""
    found = holidays.country_holidays(country, subdiv=state, years=year)
    return {day: tuple(found.get_list(day)) for day in found}


@dataclass(frozen=True)
class DayHours:
    """What is true of one day: its periods, and why where they are not the usual ones."""

    day: date
    periods: tuple[Period, ...]
    reason: str | None = None


@dataclass(frozen=True)
class OpeningHours:
    """When a site is open."""

    zone: str
    week: tuple[tuple[Period, ...], ...]
    """Seven days from Monday, each with its periods in order."""
    closures: tuple[Closure, ...] = ()
    specials: tuple[Special, ...] = ()
    holidays: HolidayRule | None = None
    closed_until: datetime | None = None
    """The "closed now" switch: closed until this moment, whatever the week says."""
    closed_reason: str = ""

    def local(self, at: datetime) -> datetime:
        """Return the moment on the site's own clock."""
        return at.astimezone(ZoneInfo(self.zone))

    def on(self, day: date) -> DayHours:
        """Return one day's periods: a special day first, then closures, holidays, the usual week."""
        for special in self.specials:
            if special.day == day:
                return DayHours(day, special.periods, special.reason)
        for closure in self.closures:
            if closure.first <= day <= closure.last:
                return DayHours(day, (), closure.reason)
        holiday = self.holidays.on(day) if self.holidays else None
        return DayHours(day, (), holiday) if holiday else DayHours(day, self.week[day.weekday()])

    def is_open(self, at: datetime) -> bool:
        """Say whether the site is open at this moment."""
        if self.closed_until is not None and at < self.closed_until:
            return False
        return any(opens <= at < closes for opens, closes in self._raw(self.local(at).date()))

    def next_open(self, at: datetime) -> datetime | None:
        """Return the next moment after `at` at which the site opens; None if there is none for more than a year."""
        return next((opens for opens, _ in self._spans(at) if opens > at), None)

    def next_close(self, at: datetime) -> datetime | None:
        """Return when the site closes: of the present stretch if open, else of the next; None if it never does."""
        limit = self._moment(self.local(at).date() + timedelta(days=HORIZON_DAYS), 0)
        closes = next((closes for _, closes in self._spans(at)), None)
        return closes if closes is None or closes < limit else None

    def upcoming(self, at: datetime, days: int) -> tuple[DayHours, ...]:
        """List the days from `at` on whose hours are not the usual ones."""
        found = (self.on(day) for day in _days(self.local(at).date(), days))
        return tuple(day for day in found if day.reason and day.periods != self.week[day.day.weekday()])

    def describe(self, clock: int = 12) -> str:
        """Put the usual week into one phrase, days with the same hours together and the closed ones last."""
        groups: list[tuple[list[int], tuple[Period, ...]]] = []
        for number, periods in sorted(enumerate(self.week), key=lambda day: not day[1]):
            if groups and groups[-1][1] == periods:
                groups[-1][0].append(number)
            else:
                groups.append(([number], periods))
        return ", ".join(_group(days, periods, clock) for days, periods in groups)

    def _raw(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for period in self.on(day).periods:
            opens, closes = self._moment(day, period.opens), self._moment(day, period.closes)
            # A period inside the hour that a clock change skips has no length on that one day.
            if opens < closes:
                yield opens, closes

    def _spans(self, at: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the open stretches that end after `at`, joined across midnight, cut by the "closed now" switch."""
        start = max(at, self.closed_until) if self.closed_until else at
        present: tuple[datetime, datetime] | None = None
        for day in _days(self.local(at).date() - timedelta(days=1), HORIZON_DAYS + 2):
            for opens, closes in self._raw(day):
                if present and opens <= present[1]:
                    present = (present[0], max(closes, present[1]))
                    continue
                yield from self._cut(present, start)
                present = (opens, closes)
        yield from self._cut(present, start)

    def _cut(self, span: tuple[datetime, datetime] | None, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        if span is None or span[1] <= start:
            return
        # Where the switch ends inside a stretch, that is when the site opens.
        yield (max(span[0], self.closed_until) if self.closed_until else span[0]), span[1]

    def _moment(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day + timedelta(days=minutes // DAY_MINUTES), time(minutes // 60 % 24, minutes % 60))
        return wall.replace(tzinfo=ZoneInfo(self.zone)).astimezone(timezone.utc)


def clock_text(minutes: int, clock: int = 12) -> str:
    """Write a time of day as people read it: "8:00 am", "noon", or "8:00" on a 24-hour clock."""
    hour, minute = divmod(minutes, 60)
    if clock == 24:
        return f"{hour}:{minute:02}"
    if minutes % DAY_MINUTES in (0, 720):
        return "noon" if minutes == 720 else "midnight"
    return f"{(hour - 1) % 12 + 1}:{minute:02} {'am' if hour % 24 < 12 else 'pm'}"


def periods_text(periods: Sequence[Period], clock: int = 12) -> str:
    """Write a day's periods: "8:00 am to noon and 1:00 pm to 6:00 pm"."""
    return join_words([f"{clock_text(p.opens, clock)} to {clock_text(p.closes, clock)}" for p in periods])


def date_text(day: date) -> str:
    """Write a day: "Thursday, November 26"."""
    return f"{day:%A}, {day:%B} {day.day}"


def join_words(words: Iterable[str], last: str = "and") -> str:
    """Join words as a sentence does: "a, b and c"."""
    words = list(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else "".join(words)


def days_text(numbers: Sequence[int]) -> str:
    """Write weekdays: "Monday to Friday", "Saturday and Sunday"."""
    names = [WEEKDAYS[number].capitalize() for number in numbers]
    together = len(numbers) > 2 and numbers[-1] - numbers[0] == len(numbers) - 1
    return f"{names[0]} to {names[-1]}" if together else join_words(names)


def _group(days: Sequence[int], periods: Sequence[Period], clock: int) -> str:
    return f"{days_text(days)} {periods_text(periods, clock)}" if periods else f"closed {days_text(days)}"


def _days(first: date, count: int) -> Iterator[date]:
    return (first + timedelta(days=offset) for offset in range(count))
