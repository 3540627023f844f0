"""Answers that are computed from the clinic's facts: what a visit costs, who is in on Thursday.

The sentences are the clinic's (`phrases:` in answers.yml); what stands in their gaps comes from the facts. Opening
hours, the longest of them, have `hour_replies.py` for themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from bot.clinic import Clinic, Price, Site, TeamMember
from bot.hours import DayHours, clock_text, date_text, days_text, join_words
from bot.question import Question, minutes_of
from bot.when import When, find_when
from bot.wording import fill, members_text

_LANGUAGE_NAMES = (
    ("Spanish", "French", "German", "Italian", "Portuguese", "Russian", "Polish", "Ukrainian", "Dutch", "Swedish")
    + ("Mandarin", "Cantonese", "Chinese", "Japanese", "Korean", "Vietnamese", "Tagalog", "Thai", "Greek", "Turkish")
    + ("Hindi", "Urdu", "Punjabi", "Bengali", "Tamil", "Gujarati", "Nepali", "Arabic", "Farsi", "Hebrew")
    + ("Somali", "Amharic", "Swahili", "English", "American Sign Language")
)
LANGUAGES: Mapping[str, str] = {
    **{name.lower(): name for name in _LANGUAGE_NAMES},
    "espanol": "Spanish",
    "castellano": "Spanish",
    "persian": "Farsi",
    "filipino": "Tagalog",
    "francais": "French",
    "deutsch": "German",
    "portugues": "Portuguese",
    "asl": "American Sign Language",
    "sign language": "American Sign Language",
}
"""Languages visitors ask for, by the words they use."""

_TITLES = frozenset(("dr", "doctor", "mr", "mrs", "ms", "miss", "prof", "the", "our"))
_DOCTOR = re.compile(
    r"\b(?:(?i:dr|mr|mrs|ms|miss)\.?|[Dd]octor(?=\s+[A-Z]))\s+([A-Za-z][A-Za-z'-]+)|\b(?:named|called) ([a-z]{3,})"
)
_NAMED = re.compile(r"\b(?:[Ii]s|[Dd]oes|[Ww]ith|[Ss]ee|[Aa]bout|[Ww]hen is|[Dd]id|[Ff]or|[Nn]amed|[Cc]alled)\s+([A-Z][a-z]{2,})\b")
_PLAIN_NAMED = re.compile(
    r"\b(?:is|does|did|when is|was|has|where is|about) ([a-z]{3,}) (?:still|in|back|there|here|around|leave|left|work"
    r"|works|working|do|certified|at|with|gone|available|on)\b"
)
_NO_NAMES = frozenset(
    (
        "she",
        "they",
        "anyone",
        "anybody",
        "someone",
        "somebody",
        "everyone",
        "everybody",
        "nobody",
        "that",
        "this",
        "any",
    )
    + ("therapist", "clinic", "staff", "team", "physio", "owner", "experience", "which", "whos", "one", "hours", "who")
    + (
        "the",
        "office",
        "there",
        "here",
        "visit",
        "note",
        "dry",
        "needling",
        "your",
        "and",
        "our",
        "everything",
        "anything",
    )
)
_ANAPHORA = ("that", "it", "this", "one", "those", "these")


@dataclass(frozen=True)
class Case:
    """One question at one site and moment: everything a computed answer may look at."""

    clinic: Clinic
    phrases: Mapping[str, str]
    question: Question
    site: Site
    at: datetime
    context: Mapping[str, str]

    @property
    def local(self) -> datetime:
        """Return the moment on the site's clock."""
        return self.site.hours.local(self.at)

    @property
    def when(self) -> When:
        """Return the day and time that the question names."""
        rule = self.site.hours.holidays
        return find_when(self.question, self.local, self.clinic.country, rule.state if rule else None)

    def say(self, phrase: str, **values: str) -> Reply:
        """Make a reply out of one of the clinic's phrases."""
        text = fill(self.phrases[phrase], values)
        return Reply(phrase, text[:1].upper() + text[1:])


@dataclass(frozen=True)
class Reply:
    """A computed answer."""

    phrase: str
    text: str
    about: Mapping[str, str] = field(default_factory=dict)
    """What it was about, for the next question: "and how much is that?"."""
    short: str | None = None
    """The answer without what only adds to it; where that is the same at all sites, nobody is asked which one."""


PHRASES: Mapping[str, Mapping[str, frozenset[str]]] = {
    "cost": {
        "length": frozenset(("minutes", "prices")),
        "no_such_length": frozenset(("minutes", "prices")),
    },
    "clinic_team": {
        "member": frozenset(("name", "role", "about", "days", "languages")),
        "member_in": frozenset(("name", "day", "site")),
        "member_out": frozenset(("name", "day", "days")),
        "member_closed": frozenset(("name", "day", "reason", "days")),
        "unknown": frozenset(("team",)),
        "day_team": frozenset(("day", "team")),
        "day_nobody": frozenset(("day", "next")),
        "language": frozenset(("language", "team")),
        "no_language": frozenset(("language", "languages")),
    },
    "clinic_hours": {
        **{name: frozenset(("week",)) for name in ("week", "usual")},
        "note": frozenset(("days",)),
        "open_now": frozenset(("closes",)),
        "closed_now": frozenset(("reason", "next")),
        "next": frozenset(("next",)),
        "open_then_next": frozenset(("closes", "next")),
        "never": frozenset(),
        "day_open": frozenset(("day", "hours", "reason")),
        "day_closed": frozenset(("day", "reason")),
        "opens_at": frozenset(("day", "opens", "hours")),
        "closes_at": frozenset(("day", "closes", "hours")),
        "at_open": frozenset(("time", "day", "hours")),
        "at_closed": frozenset(("time", "day", "hours")),
        "several": frozenset(("days",)),
        "time_days": frozenset(("time", "days")),
        "time_never": frozenset(("time", "week")),
        "latest": frozenset(("closes", "days")),
        "earliest": frozenset(("opens", "days")),
        "lunch": frozenset(("breaks",)),
        "no_lunch": frozenset(),
        "holidays": frozenset(("names", "holiday", "day")),
        "no_holidays": frozenset(("week",)),
    },
    "team_lines": {
        **{name: frozenset() for name in ("told", "kept", "lost", "away")},
        "here": frozenset(("closes",)),
        "back": frozenset(("next",)),
    },
    "site_question": {"ask": frozenset(("sites",)), "named": frozenset(("site", "text"))},
}
"""The phrases that answers.yml must word, with the gaps each may have."""


def day_words(day: date, today: date) -> str:
    """Write a day as said today: "today", "tomorrow, Monday, November 23", "on Saturday, November 28"."""
    if day == today:
        return "today"
    said = date_text(day) if day.year == today.year else f"{date_text(day)}, {day.year}"
    return f"tomorrow, {said}" if day == today + timedelta(days=1) else f"on {said}"


def moment_words(moment: datetime | None, today: date, clock: int) -> str:
    """Write when something happens: "today at 1:00 pm", "on Monday at 8:00 am", "on Monday, January 4, at 8:00 am"."""
    if moment is None:
        return ""
    time = clock_text(moment.hour * 60 + moment.minute, clock)
    ahead = (moment.date() - today).days
    if ahead < 2:
        return f"{'tomorrow' if ahead else 'today'} at {time}"
    return f"on {moment:%A} at {time}" if ahead < 7 else f"on {date_text(moment.date())}, at {time}"


def reason_words(day: DayHours) -> str:
    """Write a reason in brackets, with the blank in front."""
    return f" ({day.reason})" if day.reason else ""


# -- prices ----------------------------------------------------------------------------------------------------------


def cost_reply(case: Case) -> Reply | None:
    """Answer what a visit of the length asked for costs; None where no length was asked for."""
    minutes = minutes_of(case.question)
    if minutes is None and case.question.has(*_ANAPHORA) and case.context.get("minutes", "").isdigit():
        minutes = int(case.context["minutes"])
    if minutes is None or case.question.has("package*", "bundle*", "free"):
        return None
    prices = [price for price in prices_at(case.clinic, case.site) if price.service in ("visit", "first_visit", "other")]
    fitting = [price for price in prices if price.minutes == minutes]
    phrase = "length" if fitting else "no_such_length"
    listed = join_words([price_words(case.clinic, price) for price in fitting or prices])
    reply = case.say(phrase, minutes=str(minutes), prices=listed)
    return Reply(reply.phrase, reply.text, {"minutes": str(minutes)} if fitting else {})


def prices_at(clinic: Clinic, site: Site) -> list[Price]:
    """List the prices of one site."""
    return [price for price in clinic.prices if not price.sites or site.slug in price.sites]


def price_words(clinic: Clinic, price: Price) -> str:
    """Write a price: "30-minute visit $75"."""
    note = f" ({price.note})" if price.note else ""
    return f"{price.title} {clinic.money(price.amount)}{note}"


# -- team ------------------------------------------------------------------------------------------------------------


def team_reply(case: Case) -> Reply | None:
    """Answer who is in, who somebody is, who speaks a language; None where none of these was asked."""
    if (language := _language(case.question)) is not None:
        return _language_reply(case, language)
    when = case.when
    member = _member(case)
    if member is not None:
        return _member_reply(case, member, when)
    if _names_somebody(case.question):
        return case.say("unknown", team=members_text(case.clinic.team))
    if when.days and case.question.has("who", "whos", "in", "working", "works", "there", "anyone"):
        return _day_reply(case, when.days[0])
    return None


def _language(question: Question) -> str | None:
    spoken = question.has("speak*", "spoken", "fluent", "habla*", "language*", "interpreter*", "translat*")
    found = question.first(LANGUAGES) if spoken or len(question.words) < 5 else None
    return LANGUAGES[found] if found else None


def _language_reply(case: Case, language: str) -> Reply:
    team = [one for one in case.clinic.team if language in one.languages]
    if team:
        return case.say("language", language=language, team=join_words([one.name for one in team]))
    spoken = sorted({name for one in case.clinic.team for name in one.languages})
    return case.say("no_language", language=language, languages=join_words(spoken))


def _member(case: Case) -> TeamMember | None:
    """Find the member whose name stands in the question, else the one the visitor asked about before."""
    for member in case.clinic.team:
        names = {
            *member.aliases,
            *(name for name in re.findall(r"[\w'-]+", member.name) if name.lower() not in _TITLES),
        }
        if case.question.has(*(name.lower().replace("-", " ") for name in names)):
            return member
    if case.question.has("he", "she", "they", "him", "her", "them", "and on", "what about", "how about"):
        return next((one for one in case.clinic.team if one.name == case.context.get("member")), None)
    return None


def _names_somebody(question: Question) -> bool:
    found = [(a or b).lower() for a, b in _DOCTOR.findall(question.text)]
    found += [name.lower() for name in _NAMED.findall(question.text)]
    found += _PLAIN_NAMED.findall(question.spelt)
    return any(name not in _NO_NAMES and name not in LANGUAGES for name in found)


def _member_reply(case: Case, member: TeamMember, when: When) -> Reply:
    days = _usual_days(case.clinic, member)
    about = {"member": member.name}
    if when.now and not when.days:
        when = When(days=(case.local.date(),))
    if not when.days:
        reply = case.say(
            "member",
            name=member.name,
            role=f"{member.role} ({member.credentials})" if member.credentials else member.role,
            about=member.about,
            days=days,
            languages=join_words(member.languages),
        )
        return Reply(reply.phrase, re.sub(r" {2,}", " ", reply.text), about)
    day, said = when.days[0], day_words(when.days[0], case.local.date())
    for site in case.clinic.sites:
        if not member.is_in(site.slug, day):
            continue
        hours = site.hours.on(day)
        if not hours.periods:
            reply = case.say("member_closed", name=member.name, day=said, reason=reason_words(hours), days=days)
        else:
            reply = case.say("member_in", name=member.name, day=said, site=site.title)
        return Reply(reply.phrase, _tidy(reply.text), about)
    reply = case.say("member_out", name=member.name, day=said, days=days)
    return Reply(reply.phrase, _tidy(reply.text), about)


def _usual_days(clinic: Clinic, member: TeamMember) -> str:
    parts = []
    for site in clinic.sites:
        if days := member.days.get(site.slug):
            parts.append(f"{days_text(days)} ({site.title})" if len(clinic.sites) > 1 else days_text(days))
    return join_words(parts)


def _day_reply(case: Case, day: date) -> Reply:
    said = day_words(day, case.local.date())
    parts = []
    for site in case.clinic.sites:
        team = [one.name for one in case.clinic.team if one.is_in(site.slug, day)]
        if team and site.hours.on(day).periods:
            parts.append(f"{site.title}: {join_words(team)}" if len(case.clinic.sites) > 1 else join_words(team))
    if parts:
        return Reply("day_team", _tidy(case.say("day_team", day=said, team="; ".join(parts)).text))
    after = case.site.hours.next_open(datetime.combine(day, datetime.max.time(), case.local.tzinfo))
    upcoming = moment_words(case.site.hours.local(after), case.local.date(), case.clinic.clock) if after else ""
    return Reply("day_nobody", _tidy(case.say("day_nobody", day=said, next=upcoming).text))


def _tidy(text: str) -> str:
    """Close up what a gap left open: a comma before a full stop, two blanks."""
    return re.sub(r",(?=[.:;!)])", "", re.sub(r" {2,}", " ", text)).strip()
