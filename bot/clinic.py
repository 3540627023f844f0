"""The clinic: its sites, team, prices, policies and numbers, as frozen facts.

`build_clinic` reads the entries of clinic.yml. Whatever it cannot use is noted with its place and what is expected, and
a default takes its stead, so that one look finds every problem.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

import phonenumbers

from bot.content import Entries, Fields
from bot.errors import NotFound
from bot.fields import Problems, Reader
from bot.hours import WEEKDAYS, Closure, HolidayRule, OpeningHours, Period, Special, calendar

CURRENCIES = {"USD": "$", "CAD": "$", "AUD": "$", "NZD": "$", "GBP": "\u00a3", "EUR": "\u20ac"}

ORIGIN = re.compile(r"https?://(?:\*\.)?[A-Za-z0-9.-]+(?::\d{1,5})?")
"""How the address of a website is written in `allowed_origins:`; `*.` stands for everything below a domain."""


@dataclass(frozen=True)
class Site:
    """One address of the clinic."""

    slug: str
    title: str
    aliases: tuple[str, ...]
    """Other names that visitors give it: the town, the street."""
    address: str
    phone: str
    phone_e164: str
    email: str
    hours: OpeningHours
    details: Mapping[str, str]
    """What visitors ask about the place: parking, access, directions, transit."""


@dataclass(frozen=True)
class TeamMember:
    """A person of the clinic whom visitors ask about."""

    name: str
    aliases: tuple[str, ...]
    role: str
    credentials: str
    gender: str
    languages: tuple[str, ...]
    days: Mapping[str, tuple[int, ...]]
    """Weekdays (Monday is 0) by site."""
    away: tuple[Closure, ...]
    needles: bool
    about: str

    def is_in(self, site: str, day: date) -> bool:
        """Say whether the member works at the site on this day, holidays of the site aside."""
        absent = any(away.first <= day <= away.last for away in self.away)
        return not absent and day.weekday() in self.days.get(site, ())


@dataclass(frozen=True)
class Price:
    """What one service costs; no sites means all of them."""

    service: str
    title: str
    amount: Decimal
    minutes: int | None
    sessions: int | None
    note: str
    sites: frozenset[str]


@dataclass(frozen=True)
class NotificationSetting:
    """Who is told of which handoffs, and after how many minutes without an acknowledgement."""

    medium: str
    address: str
    urgencies: tuple[str, ...]
    after_minutes: int


@dataclass(frozen=True)
class Clinic:
    """One installation's clinic."""

    name: str
    sample: bool
    country: str
    clock: int
    currency: str
    review_months: int
    main_site: str
    about: Mapping[str, str]
    numbers: Mapping[str, str]
    sites: tuple[Site, ...]
    team: tuple[TeamMember, ...]
    prices: tuple[Price, ...]
    payment_methods: tuple[str, ...]
    policies: Mapping[str, str]
    privacy: Mapping[str, str]
    website: Mapping[str, Any]
    notifications: tuple[NotificationSetting, ...]

    def site(self, slug: str | None) -> Site:
        """Return a site; None means the main one."""
        for site in self.sites:
            if site.slug == (slug or self.main_site):
                return site
        raise NotFound(f"no site {slug!r}")

    def money(self, amount: Decimal) -> str:
        """Write an amount: "$75", "$82.50"."""
        whole = amount == amount.to_integral_value()
        return f"{CURRENCIES[self.currency]}{amount:.0f}" if whole else f"{CURRENCIES[self.currency]}{amount:.2f}"


def build_clinic(entries: Entries, problems: Problems) -> Clinic:
    """Build the clinic from its entries; what cannot be used is noted in `problems`."""
    about = Reader("clinic/about", entries.get("clinic/about", {}), problems)
    country = _country(about)
    slugs = [key.split("/")[2] for key in entries if key.startswith("clinic/sites/")]
    sites = tuple(_site(slug, entries, country, problems) for slug in slugs)
    if not sites:
        about.wrong(("sites",), "at least one site under `sites:`")
    main = about.text("main_site", slugs[0] if slugs else "")
    if main not in slugs:
        about.wrong(("main_site",), f"`main_site:` to be one of {', '.join(slugs)}")
        main = slugs[0] if slugs else ""
    return Clinic(
        name=about.text("name"),
        sample=about.flag("sample", False),
        country=country,
        clock=24 if about.choice("clock", ("12", "24"), "12") == "24" else 12,
        currency=about.choice("currency", tuple(CURRENCIES), "USD"),
        review_months=about.number("review_months", 12) or 12,
        main_site=main,
        about={name: about.text(name) for name in about.fields},
        numbers=_numbers(Reader("clinic/numbers", entries.get("clinic/numbers", {}), problems), country),
        sites=sites,
        team=tuple(_member(one, slugs) for one in _list(entries, "clinic/team", problems)),
        prices=tuple(_price(one, slugs) for one in _list(entries, "clinic/prices", problems)),
        payment_methods=Reader("clinic/payment_methods", entries.get("clinic/payment_methods", {}), problems).texts("items"),
        policies=Reader("clinic/policies", entries.get("clinic/policies", {}), problems).all_texts(),
        privacy=_privacy(Reader("clinic/privacy", entries.get("clinic/privacy", {}), problems)),
        website=dict(entries.get("clinic/website", {})),
        notifications=tuple(_notification(one) for one in _list(entries, "clinic/notifications", problems)),
    )


def build_hours(key: str, fields: Fields, country: str, problems: Problems, closed: Fields | None = None) -> OpeningHours:
    """Build a site's opening hours; `closed` is the "closed now" switch, if it was thrown."""
    reader = Reader(key, fields, problems)
    zone = reader.text("timezone")
    if zone not in _zones():
        reader.wrong(("timezone",), "`timezone:` to be a name such as America/Denver")
        zone = "UTC"
    until = datetime.fromisoformat(closed["until"]) if closed else None
    return OpeningHours(
        zone=zone,
        week=_week(reader.inner("week")),
        closures=tuple(_closure(one) for one in reader.each("closures")),
        specials=tuple(_special(one) for one in reader.each("special_days")),
        holidays=_holidays(reader, country),
        closed_until=until.astimezone(timezone.utc) if until else None,
        closed_reason=str(closed.get("reason", "")) if closed else "",
    )


def _country(about: Reader) -> str:
    country = about.text("country", "US")
    if country in phonenumbers.SUPPORTED_REGIONS:
        return country
    about.wrong(("country",), "`country:` to be a code such as US")
    return "US"


def _numbers(reader: Reader, country: str) -> dict[str, str]:
    for name in ("emergency", "crisis"):
        if re.search(r"\d", reader.text(name) or "0") is None:
            reader.wrong((name,), f"`{name}:` to be a number to call, such as 911")
    for name in ("poison", "urgent"):
        reader.phone(name, country)
    return {name: str(value) for name, value in reader.fields.items()}


def _privacy(reader: Reader) -> dict[str, str]:
    return {**reader.all_texts(), **{name: reader.text(name) for name in ("retention", "link", "contact")}}


def _site(slug: str, entries: Entries, country: str, problems: Problems) -> Site:
    reader = Reader(f"clinic/sites/{slug}", entries[f"clinic/sites/{slug}"], problems)
    phone, phone_e164 = reader.phone("phone", country)
    closed = entries.get(f"clinic/closed_now/{slug}")
    known = {"title", "aliases", "address", "phone", "email"}
    return Site(
        slug=slug,
        title=reader.text("title"),
        aliases=reader.texts("aliases"),
        address=reader.text("address"),
        phone=phone,
        phone_e164=phone_e164,
        email=reader.text("email", ""),
        hours=build_hours(f"clinic/hours/{slug}", entries.get(f"clinic/hours/{slug}", {}), country, problems, closed),
        details={name: reader.text(name) for name in reader.fields if name not in known},
    )


def _member(reader: Reader, slugs: list[str]) -> TeamMember:
    days = reader.inner("days")
    for slug in set(days.fields) - set(slugs):
        days.wrong((slug,), f"one of the sites {', '.join(slugs)}")
    return TeamMember(
        name=reader.text("name"),
        aliases=reader.texts("aliases"),
        role=reader.text("role"),
        credentials=reader.text("credentials", ""),
        gender=reader.choice("gender", ("woman", "man", "other"), "other"),
        languages=reader.texts("languages") or ("English",),
        days={slug: _weekdays(days, slug) for slug in days.fields},
        away=tuple(_closure(one) for one in reader.each("away")),
        needles=reader.flag("needles", True),
        about=reader.text("about", ""),
    )


def _weekdays(reader: Reader, name: str) -> tuple[int, ...]:
    words = [word.lower() for word in reader.texts(name)]
    if set(words) - set(WEEKDAYS):
        reader.wrong((name,), "weekdays such as [monday, thursday]")
    return tuple(sorted(WEEKDAYS.index(word) for word in words if word in WEEKDAYS))


def _price(reader: Reader, slugs: list[str]) -> Price:
    sites = frozenset(reader.texts("sites"))
    if sites - set(slugs):
        reader.wrong(("sites",), f"sites out of {', '.join(slugs)}")
    try:
        amount = Decimal(str(reader.fields.get("amount")))
    except InvalidOperation:
        reader.wrong(("amount",), "`amount:` to be a number such as 75 or 82.50")
        amount = Decimal(0)
    service = reader.choice("service", ("visit", "first_visit", "package", "other"), "visit")
    return Price(
        service=service,
        title=reader.text("title"),
        amount=amount,
        minutes=reader.number("minutes"),
        sessions=reader.number("sessions"),
        note=reader.text("note", ""),
        sites=sites,
    )


def _notification(reader: Reader) -> NotificationSetting:
    urgencies = reader.texts("urgencies") or ("emergency", "urgent")
    if set(urgencies) - {"emergency", "urgent", "routine"}:
        reader.wrong(("urgencies",), "urgencies out of emergency, urgent, routine")
    return NotificationSetting(
        medium=reader.choice("medium", ("email", "webhook", "chat"), "email"),
        address=reader.text("address"),
        urgencies=urgencies,
        after_minutes=reader.number("after_minutes", 0) or 0,
    )


def _list(entries: Entries, key: str, problems: Problems) -> list[Reader]:
    return Reader(key, entries.get(key, {}), problems).each("items")


def _week(reader: Reader) -> tuple[tuple[Period, ...], ...]:
    for name in set(reader.fields) - set(WEEKDAYS):
        reader.wrong((name,), "a weekday in small letters, such as monday")
    return tuple(_periods(reader, name) for name in WEEKDAYS)


def _periods(reader: Reader, name: str) -> tuple[Period, ...]:
    periods: list[Period] = []
    for number, text in enumerate(reader.items(name)):
        try:
            period = Period.parse(str(text))
            if periods and period.opens < periods[-1].closes:
                raise ValueError("periods one after the other")
            periods.append(period)
        except ValueError as error:
            reader.wrong((name, number), str(error))
    return tuple(periods)


def _closure(reader: Reader) -> Closure:
    first = reader.day("first")
    last = reader.day("last", first)
    if last < first:
        reader.wrong(("last",), "`last:` to be a day not before `first:`")
    return Closure(first, last, reader.text("reason", ""))


def _special(reader: Reader) -> Special:
    return Special(reader.day("day"), _periods(reader, "periods"), reader.text("reason", ""))


def _holidays(reader: Reader, country: str) -> HolidayRule | None:
    rule = reader.inner("holidays")
    if not rule.fields:
        return None
    state = rule.text("state", "") or None
    try:
        years = [calendar(country, state, year) for year in range(2025, 2031)]
    except NotImplementedError:
        rule.wrong(("state",), f"`state:` to be a state of {country} that the holiday calendar knows, such as CO")
        return None
    known = {name.removesuffix(" (observed)") for year in years for names in year.values() for name in names}
    closed = rule.texts("closed")
    for number, name in enumerate(closed):
        if name not in known:
            rule.wrong(("closed", number), f"a holiday out of: {', '.join(sorted(known))}")
    return HolidayRule(country, state, frozenset(closed) if closed else None)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # Reading the list walks the whole time zone folder: once is enough.
    return frozenset(available_timezones())
