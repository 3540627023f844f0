"""The day and time a question names, in the clinic's own time.

Weekdays and words such as "tomorrow" are read by hand, since "I sat", "in the sun" and "may I" must not become days.
Dates go to `dateparser`, and only where the question shows something like one: it takes ten times as long as all else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dateparser
from dateutil.easter import easter  # type: ignore[import-untyped]

from bot.hours import WEEKDAYS, calendar
from bot.question import NUMBER_WORDS, Keywords, Question

_SHORT_NAMES = (
    ("mon", "mons"),
    ("tue", "tues", "teusday"),
    ("wed", "weds", "wednsday", "wensday"),
    ("thu", "thur", "thurs", "thrusday"),
    ("fri", "fris"),
    ("sat", "sats", "satday"),
    ("sun", "suns"),
)
_SHORT = {name: number for number, names in enumerate(_SHORT_NAMES) for name in names}
_NAMES = {name: number for number, name in enumerate(WEEKDAYS)}
_PLURAL = {f"{name}s": number for name, number in _NAMES.items()}
_TYPOS = Keywords.of({"day": (*WEEKDAYS, *_PLURAL, "tomorrow", "tonight")})

_TODAY = frozenset(("today", "tonight", "tonite", "2day", "2nite", "todays", "tonights"))
_TOMORROW = frozenset(
    ("tomorrow", "tomorrows", "tmrw", "tmr", "tmrow", "tmw", "tomo", "tomoro", "tomorow", "tommorow", "tommorrow")
    + ("2moro", "2morrow", "2mrw")
)
_NOW = ("now", "right now", "currently", "at the moment", "atm", "at present", "rn", "still open", "yet")

# "sat" and the like are days only where the words around them do not make them something else.
_NOT_SAT_AFTER = frozenset(
    ("i", "we", "he", "she", "they", "you", "just", "have", "had", "has", "been", "who", "ive", "cat", "and", "get")
)
_NOT_SAT_BEFORE = frozenset(("down", "in", "there", "here", "at", "still", "too", "for"))
_NOT_SUN_AFTER = frozenset(("the", "much", "strong", "hot", "my"))
_NOT_WED_AFTER = frozenset(("to", "be", "getting", "newly", "we", "they", "got"))
_PAST = frozenset(("last", "since", "previous", "past"))

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = re.compile(
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}\b\.?(?:,?\s+\d{{4}})?"
    rf"|\b{_MONTH}\.?\s+(?:the\s+)?\d{{1,2}}(?:st|nd|rd|th)?\b(?!\s*(?:am|pm|:))(?:,?\s+\d{{4}})?"
    r"|\b\d{4}-\d{2}-\d{2}\b"
    r"|\b(?!24/7)\d{1,2}/\d{1,2}(?:/\d{2,4})?\b(?!\s*(?:an\s+)?hour)"
    r"|\bin\s+(?:\d+|a|one|two|three|four|five|six)\s+(?:days?|weeks?|months?)\b"
)
_ORDINAL = re.compile(
    r"\b(\d{1,2})(?:st|nd|rd|th)\b"
    r"(?!\s*(?:st\b|street|ave|floor|visit|session|appointment|time|treatment|one|of))"
)

# What behind a number makes it no time of day.
_NO_TIME = r"(?:st|nd|rd|th|min|hour|hr|day|week|month|session|visit|people|year|yr|site|location|am|pm|needle|therapist|%|/)"
_CLOCK = re.compile(
    r"\b(\d{1,2})(?:[:.](\d{2}))?\s*(am|pm|a\.m|p\.m|o'?\s?clock)(?![a-z])"
    r"|\b(\d{1,2}):(\d{2})\b"
    r"|\b(?:at|after|before|by|past|until|till|til|around|from|by about|open)\s+(\d{1,2})(?:[:.](\d{2}))?"
    rf"(?![\d/%:.-]|\s*{_NO_TIME})"
)
_HOUR = r"(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\d{1,2})"
_SPOKEN = re.compile(
    r"\b(?:(quarter|half|ten|twenty|five) (to|past|before|after)|(?:at|after|before|by|past|until|till|around)) "
    rf"{_HOUR}\b(?! {_NO_TIME})"
)
_PARTS = ("morning", "afternoon", "evening", "night", "late", "early", "lunch", "lunchtime")

# Whether anything here could be a day or a time: most questions hold nothing of the kind and cost one search.
_CHEAP = re.compile(
    r"\b(?:mon|tue|wed|thu|fri|sat|sun|tod|ton|tom|tmr|tmw|week|wk|now|rn|atm|curr|moment|present|yet|still|noon|mid"
    r"|morn|aft|even|night|late|earl|lunch|day|clock|quarter|half|holi|xmas|chri|x mas|boxing|thanks|turkey|easter"
    r"|good f|new y|ny|mlk|martin|june|jul|memor|labo|veter|columb|indig|presid|wash|valen|hall|black|pat|indep|fourth"
    r"|cesar|cabrini|jan|feb|mar|apr|may|jun|aug|sep|oct|nov|dec|sta?|saint|thr|teu|wen|sut|satr|frid|silv|in a|in one"
    r"|in two|in three|in four|in five|in six)|\d"
    rf"|\b(?:at|after|before|by|past|until|till|around|to) {_HOUR}\b"
)


@dataclass(frozen=True)
class When:
    """The days and the time a question asks about."""

    days: tuple[date, ...] = ()
    every: tuple[int, ...] = ()
    """Weekdays meant in general: "on saturdays"."""
    minute: int | None = None
    """Time of day in minutes."""
    part: str | None = None
    now: bool = False
    holiday: str | None = None
    """The name under which a holiday was asked for."""

    def __bool__(self) -> bool:
        return bool(self.days or self.every or self.minute is not None or self.part or self.now)


def find_when(question: Question, local: datetime, country: str = "US", state: str | None = None) -> When:
    """Return the day and time the question names; `local` is this moment on the clinic's clock."""
    spelt = question.spelt
    if not _CHEAP.search(spelt):
        return When()
    today = local.date()
    text = question.text.lower()
    holiday, days = _holiday(spelt, today, country, state)
    found = days or _dates(text, local) or _relative(question, today)
    weekdays, every = ((), ()) if found else _weekdays(question, today)
    return When(
        days=found or weekdays,
        every=every,
        minute=_minute(text, spelt),
        part=_part(question.words),
        now=question.has(*_NOW),
        holiday=holiday,
    )


def _part(words: tuple[str, ...]) -> str | None:
    """Return the part of the day; "good evening" is a greeting."""
    pairs = zip(("", *words), words, strict=False)
    return next((word for before, word in pairs if word in _PARTS and before != "good"), None)


def warm_up() -> None:
    """Parse one date, so that the first visitor does not wait for dateparser's own start."""
    _parse("24 december", datetime(2026, 1, 1))


# -- named days ------------------------------------------------------------------------------------------------------


def _after_thanksgiving(year: int) -> date:
    november = date(year, 11, 1)
    return november + timedelta(days=(3 - november.weekday()) % 7 + 22)


_NAMED: tuple[tuple[re.Pattern[str], str, Callable[[int], date]], ...] = tuple(
    (re.compile(rf"\b(?:{words})\b"), name, of_year)
    for words, name, of_year in (
        ("(?:christmas|xmas|x mas) eve", "Christmas Eve", lambda year: date(year, 12, 24)),
        ("(?:new years?|ny) eve|nye|silvester", "New Year's Eve", lambda year: date(year, 12, 31)),
        ("boxing day|day after (?:christmas|xmas)", "the day after Christmas", lambda year: date(year, 12, 26)),
        ("black friday|day after thanksgiving", "the day after Thanksgiving", _after_thanksgiving),
        ("good friday", "Good Friday", lambda year: easter(year) - timedelta(days=2)),
        ("easter monday", "Easter Monday", lambda year: easter(year) + timedelta(days=1)),
        ("easter(?: sunday)?", "Easter Sunday", lambda year: easter(year)),
        ("halloween", "Halloween", lambda year: date(year, 10, 31)),
        ("valentines?(?: day)?", "Valentine's Day", lambda year: date(year, 2, 14)),
        ("(?:st|saint) pat(?:rick|rick?s|tys?)?(?: day)?", "St. Patrick's Day", lambda year: date(year, 3, 17)),
        ("christmas|xmas|x mas", "Christmas Day", lambda year: date(year, 12, 25)),
        ("new years?(?: day)?", "New Year's Day", lambda year: date(year, 1, 1)),
    )
)

# How people write the names that the holiday calendar has.
_OFFICIAL = tuple(
    (re.compile(rf"\b(?:{words})\b"), part)
    for words, part in (
        ("thanksgiving|turkey day", "Thanksgiving"),
        ("mlk|martin luther king", "Martin Luther King"),
        ("presidents day|washingtons birthday", "Washington"),
        ("memorial day", "Memorial"),
        ("juneteenth", "Juneteenth"),
        ("independence day|fourth of july", "Independence"),
        ("labou?r day", "Labor"),
        ("columbus day|indigenous peoples day", "Columbus"),
        ("veterans? day", "Veterans"),
        ("cesar chavez", "Cesar Chavez"),
        ("cabrini", "Cabrini"),
    )
)


def _holiday(spelt: str, today: date, country: str, state: str | None) -> tuple[str | None, tuple[date, ...]]:
    for pattern, name, of_year in _NAMED:
        if pattern.search(spelt):
            day = of_year(today.year)
            return name, (day if day >= today else of_year(today.year + 1),)
    for pattern, part in _OFFICIAL:
        if pattern.search(spelt):
            for year in (today.year, today.year + 1):
                for day, names in sorted(calendar(country, state, year).items()):
                    exact = [name for name in names if part in name and "(observed)" not in name]
                    if exact and day >= today:
                        return exact[0], (day,)
    return None, ()


# -- days ------------------------------------------------------------------------------------------------------------


def _dates(text: str, local: datetime) -> tuple[date, ...]:
    found = [_parse(span[0], local) for span in _DATE.finditer(text)]
    days = tuple(day for day in found if day)
    if days:
        return days
    return tuple(day for span in _ORDINAL.finditer(text) if (day := _next_ordinal(int(span[1]), local.date())))


def _parse(span: str, local: datetime) -> date | None:
    settings = {"PREFER_DATES_FROM": "future", "RELATIVE_BASE": local.replace(tzinfo=None), "DATE_ORDER": "MDY"}
    words = re.sub(r"\bthe\s+", "", span)
    found = dateparser.parse(words, languages=["en"], settings=settings)
    return found.date() if found else None


def _next_ordinal(number: int, today: date) -> date | None:
    """Return the next day with this number in its month: "on the 24th"."""
    if not 1 <= number <= 31:
        return None
    return next((day for day in (today + timedelta(days=n) for n in range(62)) if day.day == number), None)


def _relative(question: Question, today: date) -> tuple[date, ...]:
    words = tuple(_TYPOS.mended(word) for word in question.words)
    if question.has("day after tomorrow", "overmorrow"):
        return (today + timedelta(days=2),)
    if any(word in _TOMORROW for word in words):
        return (today + timedelta(days=1),)
    if any(word in _TODAY for word in words) or question.has("this morning", "this afternoon", "this evening"):
        return (today,)
    monday = today - timedelta(days=today.weekday())
    if question.has("next week", "following week", "coming week") and not any(_weekday(w) is not None for w in words):
        return tuple(monday + timedelta(days=7 + n) for n in range(7))
    if question.has("weekend") and not question.has("weekends", "on the weekend", "at the weekend", "last weekend"):
        first = monday + timedelta(days=5 + (7 if question.has("next weekend") or today.weekday() == 6 else 0))
        return (first, first + timedelta(days=1))
    return ()


def _weekdays(question: Question, today: date) -> tuple[tuple[date, ...], tuple[int, ...]]:
    words = question.words
    named = list(_named_weekdays(words))
    if question.has("weekends", "on the weekend", "at the weekend", "wkends", "wknds", "wkend"):
        return (), (5, 6)
    if not named or _is_range(words, named):
        return (), ()
    if question.has("usually") or any(words[at] in _PLURAL or words[at - 1] in ("every", "each") for at, _ in named):
        return (), tuple(sorted({number for _, number in named}))
    return tuple(dict.fromkeys(_next_weekday(words, place, number, today) for place, number in named)), ()


def _named_weekdays(words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for place, word in enumerate(words):
        number = _weekday(word)
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        if number is None or before in _PAST or _is_other_word(word, before, after):
            continue
        yield place, number


def _weekday(word: str) -> int | None:
    for names in (_NAMES, _SHORT, _PLURAL):
        if word in names:
            return names[word]
    mended = _TYPOS.mended(word) if len(word) > 5 else word
    return _NAMES.get(mended, _PLURAL.get(mended))


def _is_other_word(word: str, before: str, after: str) -> bool:
    if word == "sat":
        return before in _NOT_SAT_AFTER or after in _NOT_SAT_BEFORE
    if word in ("sun", "suns"):
        return before in _NOT_SUN_AFTER
    return word == "wed" and before in _NOT_WED_AFTER


def _is_range(words: tuple[str, ...], named: list[tuple[int, int]]) -> bool:
    """Say whether the days are the ends of a range, which asks for the whole week: "mon to fri", "mon-fri"."""
    if len(named) != 2 or named[1][0] - named[0][0] > 2:
        return False
    between = words[named[0][0] + 1 : named[1][0]]
    return between in ((), ("to",), ("through",), ("thru",), ("till",), ("until",))


def _next_weekday(words: tuple[str, ...], place: int, number: int, today: date) -> date:
    ahead = (number - today.weekday()) % 7
    before = words[max(0, place - 3) : place]
    # "next friday" is the one of next week; "friday next week" too.
    later = before[-1:] == ("next",) or words[place + 1 : place + 3] == ("next", "week")
    if later and today.weekday() + ahead < 7:
        ahead += 7
    if before[-2:] == ("week", "from"):
        ahead += 7
    return today + timedelta(days=ahead)


# -- time of day -----------------------------------------------------------------------------------------------------


def _minute(text: str, spelt: str) -> int | None:
    if re.search(r"\bnoon\b|\bmidday\b", spelt):
        return 720
    if found := _CLOCK.search(text):
        hour, minute, half = found[1] or found[4] or found[6], found[2] or found[5] or found[7], found[3] or ""
        return _of_day(int(hour), int(minute or 0), half.replace(".", ""), text)
    if found := _SPOKEN.search(spelt):
        hour = int(found[3]) if found[3].isdigit() else NUMBER_WORDS[found[3]]
        shift = {"quarter": 15, "half": 30, "ten": 10, "twenty": 20, "five": 5}.get(found[1] or "", 0)
        return _of_day(hour, 0, "", text, -shift if found[2] in ("to", "before") else shift)
    return None


def _of_day(hour: int, minute: int, half: str, text: str, shift: int = 0) -> int | None:
    if hour > 23 or minute > 59:
        return None
    if half in ("am", "pm"):
        hour = hour % 12 + (12 if half == "pm" else 0)
    elif hour < 12 and not re.search(r"\bmorning\b", text):
        # Without am or pm: 1 to 7 are afternoon at a clinic, unless it is "before 7".
        early = 6 if re.search(r"\bbefore\b|\bearl", text) else 8
        evening = re.search(r"\btonight\b|\bevening\b|\bnight\b", text)
        hour += 12 if hour < early or evening else 0
    return hour * 60 + minute + shift
