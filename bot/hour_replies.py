"""What is answered to a question about opening hours: now, on a day, at a time, over lunch, on holidays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from bot.hours import (
    WEEKDAYS,
    DayHours,
    OpeningHours,
    Period,
    clock_text,
    date_text,
    days_text,
    join_words,
    periods_text,
)
from bot.replies import Case, Reply, _tidy, day_words, moment_words, reason_words
from bot.when import When

NOTE_DAYS = 14
"""How far ahead an unusual day is mentioned unasked."""

_OPENS = (
    *("what time + open", "wat time + open", "when + open", "how early", "hour you open", "start*", "earliest"),
    "first appointment",
)
_CLOSES = (
    *("what time + clos*", "wat time + clos*", "when + clos*", "close at", "til*", "until", "how late", "closing"),
    *("time + shut", "up to what time", "last appointment", "last slot", "latest"),
)
_NEXT = ("next open", "open next", "reopen*", "open again", "back open", "be open again", "next opening")
_LUNCH = ("lunch*", "midday break", "break")
_HOLIDAYS = ("holiday*", "bank holiday*", "public holiday*", "festive", "stat holidays")
_STORM = ("snow", "storm", "hurricane", "weather", "power", "powers", "blizzard", "ice", "flood")

# "are you open?" and nothing else asks for this moment.
_ONLY_NOW = frozenset(
    ("are", "r", "is", "so", "and", "you", "u", "ya", "yall", "guys", "the", "clinic", "office", "still", "currently")
    + (
        "open",
        "opn",
        "opened",
        "opening",
        "closed",
        "shut",
        "there",
        "yet",
        "pls",
        "please",
        "even",
        "hi",
        "hello",
        "hey",
    )
)


def hours_reply(case: Case) -> Reply:
    """Answer a question about opening hours."""
    when, question = case.when, case.question
    if not when.days and question.has(*_NEXT):
        return _next_reply(case)
    if not when.days and question.has(*_HOLIDAYS):
        return _holidays_reply(case)
    if len(when.days) > 1:
        return _several_reply(case, when.days)
    if when.days:
        return _day_reply(case, when, when.days[0])
    if when.now or question.has(*_STORM) or _asks_now(case):
        return _now_reply(case)
    if when.every:
        return case.say("usual", week=_part_of_week(case.site.hours, when.every, case.clinic.clock))
    if question.has(*_LUNCH) or _asks_break(case):
        return _lunch_reply(case)
    return _time_reply(case, when) or _week_reply(case)


def staff_phrase(hours: OpeningHours, at: datetime, clock: int) -> tuple[str, dict[str, str]]:
    """Return the phrase that tells when staff are there, with what stands in its gaps."""
    today = hours.local(at).date()
    if hours.is_open(at) and (closes := hours.next_close(at)):
        return "here", {"closes": _clock_of(hours.local(closes), today, clock)}
    opens = hours.next_open(at)
    return ("back", {"next": moment_words(hours.local(opens), today, clock)}) if opens else ("away", {})


# -- now and next ----------------------------------------------------------------------------------------------------


def _asks_now(case: Case) -> bool:
    """Say whether "are you open?" was all that was asked."""
    words = set(case.question.words)
    return words <= _ONLY_NOW and bool(words & {"open", "opn", "closed", "shut"}) and len(words) > 1


def _next(case: Case, after: datetime) -> str:
    opens = case.site.hours.next_open(after)
    return moment_words(case.site.hours.local(opens), case.local.date(), case.clinic.clock) if opens else ""


def _now_reply(case: Case) -> Reply:
    hours = case.site.hours
    if hours.is_open(case.at):
        closes = hours.next_close(case.at)
        return case.say("open_now", closes=_clock_of(hours.local(closes), case.local.date(), case.clinic.clock) if closes else "")
    upcoming = _next(case, case.at)
    if not upcoming:
        return case.say("never")
    reason = hours.closed_reason if hours.closed_until and case.at < hours.closed_until else hours.on(case.local.date()).reason
    return case.say("closed_now", reason=f" ({reason})" if reason else "", next=upcoming)


def _next_reply(case: Case) -> Reply:
    hours = case.site.hours
    upcoming = _next(case, case.at)
    if not upcoming:
        return case.say("never")
    if hours.is_open(case.at) and (closes := hours.next_close(case.at)):
        until = _clock_of(hours.local(closes), case.local.date(), case.clinic.clock)
        return case.say("open_then_next", closes=until, next=upcoming)
    return case.say("next", next=upcoming)


def _clock_of(moment: datetime, today: date, clock: int) -> str:
    said = clock_text(moment.hour * 60 + moment.minute, clock)
    return said if moment.date() == today else f"{said} on {moment:%A}"


# -- one day ---------------------------------------------------------------------------------------------------------


def _day_reply(case: Case, when: When, day: date) -> Reply:
    hours, today = case.site.hours.on(day), case.local.date()
    said = day_words(day, today)
    about = {"day": day.isoformat()}
    if day == today and case.site.hours.closed_until and case.at < case.site.hours.closed_until:
        return _now_reply(case)
    if not hours.periods:
        closed = _tidy(case.say("day_closed", day=said, reason=_closed_reason(hours, when)).text)
        upcoming = _next(case, datetime.combine(day, time.max, case.local.tzinfo))
        then = case.say("next", next=upcoming) if upcoming else case.say("never")
        return Reply("day_closed", f"{closed} {then.text}", about, short=closed)
    reply = _open_day_reply(case, when, hours, said)
    return Reply(reply.phrase, _tidy(reply.text), about)


def _closed_reason(hours: DayHours, when: When) -> str:
    return reason_words(hours) or (f" ({when.holiday})" if when.holiday else "")


def _open_day_reply(case: Case, when: When, hours: DayHours, said: str) -> Reply:
    clock, periods = case.clinic.clock, hours.periods
    listed = periods_text(periods, clock)
    if when.minute is not None:
        fits = any(period.opens <= when.minute < period.closes for period in periods)
        return case.say("at_open" if fits else "at_closed", time=clock_text(when.minute, clock), day=said, hours=listed)
    if case.question.has(*_CLOSES):
        return case.say("closes_at", closes=clock_text(periods[-1].closes, clock), day=said, hours=listed)
    if case.question.has(*_OPENS):
        return case.say("opens_at", opens=clock_text(periods[0].opens, clock), day=said, hours=listed)
    return case.say("day_open", day=said, hours=listed, reason=reason_words(hours))


def _several_reply(case: Case, days: Sequence[date]) -> Reply:
    hours, clock = case.site.hours, case.clinic.clock
    listed = [hours.on(day) for day in days]
    if len(days) < 7:
        return case.say("several", days="; ".join(_one_of_several(day, clock) for day in listed))
    unusual = [day for day in listed if day.periods != hours.week[day.day.weekday()]]
    return _with_note(case, case.say("usual", week=hours.describe(clock)), unusual)


def _one_of_several(day: DayHours, clock: int) -> str:
    return f"{date_text(day.day)}: {periods_text(day.periods, clock) or 'closed'}{reason_words(day)}"


# -- the week --------------------------------------------------------------------------------------------------------


def _week_reply(case: Case) -> Reply:
    week = case.say("week", week=case.site.hours.describe(case.clinic.clock))
    return _with_note(case, week, case.site.hours.upcoming(case.at, NOTE_DAYS))


def _with_note(case: Case, reply: Reply, unusual: Sequence[DayHours]) -> Reply:
    if not unusual:
        return reply
    note = case.say("note", days="; ".join(_one_of_several(day, case.clinic.clock) for day in unusual))
    return Reply(reply.phrase, f"{reply.text} {note.text}")


def _part_of_week(hours: OpeningHours, days: Sequence[int], clock: int) -> str:
    listed = [(number, hours.week[number]) for number in days]
    return ", ".join(f"{WEEKDAYS[number].capitalize()} {periods_text(periods, clock) or 'closed'}" for number, periods in listed)


def _time_reply(case: Case, when: When) -> Reply | None:
    """Answer which days are open at a time, or are open longest or earliest."""
    hours, clock = case.site.hours, case.clinic.clock
    if when.minute is not None and not case.question.has("before"):
        # "after 5" means that something is still open then: the minute itself counts as open.
        days = [n for n, periods in enumerate(hours.week) if any(p.opens <= when.minute < p.closes for p in periods)]
        if days:
            return case.say("time_days", time=clock_text(when.minute, clock), days=days_text(days))
        return case.say("time_never", time=clock_text(when.minute, clock), week=hours.describe(clock))
    ends = {n: (periods[0].opens, periods[-1].closes) for n, periods in enumerate(hours.week) if periods}
    if not ends:
        return None
    if when.part in ("evening", "night", "late") or case.question.has(
        "late", "latest", "last appointment", "last slot", "evenings"
    ):
        latest = max(closes for _, closes in ends.values())
        return case.say("latest", closes=clock_text(latest, clock), days=days_text([n for n in ends if ends[n][1] == latest]))
    if when.part in ("early", "morning") or case.question.has("earliest", "early", "mornings", "before"):
        first = min(opens for opens, _ in ends.values())
        return case.say("earliest", opens=clock_text(first, clock), days=days_text([n for n in ends if ends[n][0] == first]))
    return None


def _asks_break(case: Case) -> bool:
    return case.question.has("closed between", "close between", "between 12")


def _lunch_reply(case: Case) -> Reply:
    gaps: dict[tuple[Period, ...], list[int]] = {}
    for number, periods in enumerate(case.site.hours.week):
        between = tuple(Period(a.closes, b.opens) for a, b in zip(periods, periods[1:], strict=False) if a.closes < b.opens)
        if between:
            gaps.setdefault(between, []).append(number)
    if not gaps:
        return case.say("no_lunch")
    clock = case.clinic.clock
    return case.say("lunch", breaks=join_words([f"{days_text(days)} {periods_text(gap, clock)}" for gap, days in gaps.items()]))


def _holidays_reply(case: Case) -> Reply:
    hours = case.site.hours
    upcoming = hours.holidays.within(case.local.date(), 400) if hours.holidays else ()
    if not upcoming:
        return case.say("no_holidays", week=hours.describe(case.clinic.clock))
    names = dict.fromkeys(name.removesuffix(" (observed)") for _, name in upcoming)
    day, name = upcoming[0]
    reply = case.say("holidays", names=join_words(names), holiday=name, day=date_text(day))
    today = case.local.date()
    extra = [one for one in hours.closures if one.last >= today and one.first <= today + timedelta(days=60)]
    if not extra:
        return reply
    note = case.say("note", days="; ".join(_closure_words(c.first, c.last, c.reason) for c in extra))
    return Reply(reply.phrase, f"{reply.text} {note.text}")


def _closure_words(first: date, last: date, reason: str) -> str:
    days = date_text(first) if first == last else f"{date_text(first)} to {date_text(last)}"
    return f"{days}: closed ({reason})" if reason else f"{days}: closed"
