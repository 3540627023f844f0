"""Opening hours: what is open when, whatever the clocks do."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.hours import (
    WEEKDAYS,
    Closure,
    HolidayRule,
    OpeningHours,
    Period,
    Special,
    clock_text,
    date_text,
    days_text,
    join_words,
)

DENVER = ZoneInfo("America/Denver")
SPLIT = (Period.parse("8:00-12:00"), Period.parse("13:00-18:00"))
WEEK = (SPLIT, SPLIT, SPLIT, SPLIT, SPLIT, (Period.parse("9:00-13:00"),), ())
HOURS = OpeningHours("America/Denver", WEEK)


def at(text: str, zone: str = "America/Denver") -> datetime:
    """Return a moment given in clinic time."""
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-23T07:59", False),
        ("2026-11-23T08:00", True),
        ("2026-11-23T11:59", True),
        ("2026-11-23T12:00", False),
        ("2026-11-23T12:30", False),
        ("2026-11-23T13:00", True),
        ("2026-11-23T18:00", False),
        ("2026-11-28T12:59", True),
        ("2026-11-29T10:00", False),
    ],
)
def test_split_day_is_open_between_its_ends_only(moment: str, is_open: bool) -> None:
    assert HOURS.is_open(at(moment)) is is_open


def test_moment_in_another_zone_is_read_on_the_clinics_clock() -> None:
    assert HOURS.is_open(datetime(2026, 11, 23, 15, 0, tzinfo=timezone.utc))
    assert not HOURS.is_open(datetime(2026, 11, 23, 14, 59, tzinfo=timezone.utc))


def test_next_open_over_lunch_is_the_same_day() -> None:
    assert HOURS.next_open(at("2026-11-23T12:30")) == at("2026-11-23T13:00")


def test_next_open_after_saturday_is_monday() -> None:
    assert HOURS.next_open(at("2026-11-28T13:00")) == at("2026-11-30T08:00")


def test_next_open_while_open_is_the_opening_after_this_one() -> None:
    assert HOURS.next_open(at("2026-11-23T09:00")) == at("2026-11-23T13:00")


def test_next_close_is_of_this_stretch_or_of_the_next() -> None:
    assert HOURS.next_close(at("2026-11-23T09:00")) == at("2026-11-23T12:00")
    assert HOURS.next_close(at("2026-11-23T12:30")) == at("2026-11-23T18:00")


def test_closure_closes_every_day_it_spans_and_says_why() -> None:
    hours = OpeningHours("America/Denver", WEEK, (Closure(date(2026, 12, 26), date(2027, 1, 2), "winter break"),))
    assert not hours.is_open(at("2026-12-30T10:00"))
    assert hours.on(date(2026, 12, 30)).reason == "winter break"
    assert hours.next_open(at("2026-12-26T09:00")) == at("2027-01-04T08:00")


def test_special_day_outranks_closure_and_holiday() -> None:
    christmas = date(2026, 12, 25)
    hours = OpeningHours(
        "America/Denver",
        WEEK,
        closures=(Closure(christmas, christmas, "closed"),),
        specials=(Special(christmas, (Period.parse("10:00-12:00"),), "emergency clinic"),),
        holidays=HolidayRule("US", None, None),
    )
    assert hours.is_open(at("2026-12-25T11:00"))
    assert hours.on(christmas).reason == "emergency clinic"


def test_holiday_that_the_clinic_keeps_is_closed_and_one_it_does_not_keep_is_open() -> None:
    hours = OpeningHours("America/Denver", WEEK, holidays=HolidayRule("US", "CO", frozenset({"Thanksgiving Day"})))
    assert not hours.is_open(at("2026-11-26T10:00"))
    assert hours.on(date(2026, 11, 26)).reason == "Thanksgiving Day"
    assert hours.is_open(at("2026-11-11T10:00")), "Veterans Day is not kept"


def test_observed_holiday_is_kept_with_the_holiday() -> None:
    hours = OpeningHours("America/Denver", WEEK, holidays=HolidayRule("US", None, frozenset({"Independence Day"})))
    assert not hours.is_open(at("2026-07-03T10:00")), "the fourth is a Saturday, the third is observed"


def test_upcoming_names_only_days_that_differ_from_the_week() -> None:
    sunday = Closure(date(2026, 11, 29), date(2026, 11, 29), "closed anyway")
    snow = Closure(date(2026, 11, 24), date(2026, 11, 24), "inventory")
    hours = OpeningHours("America/Denver", WEEK, (sunday, snow))
    assert [day.reason for day in hours.upcoming(at("2026-11-23T09:00"), 14)] == ["inventory"]


def test_closed_now_holds_until_its_moment_and_the_clinic_opens_then() -> None:
    hours = OpeningHours("America/Denver", WEEK, closed_until=at("2026-11-23T15:00"), closed_reason="snow")
    assert not hours.is_open(at("2026-11-23T14:59"))
    assert hours.next_open(at("2026-11-23T09:00")) == at("2026-11-23T15:00")
    assert hours.is_open(at("2026-11-23T15:00"))
    assert hours.next_close(at("2026-11-23T09:00")) == at("2026-11-23T18:00")


def test_closed_now_that_is_over_changes_nothing() -> None:
    hours = OpeningHours("America/Denver", WEEK, closed_until=at("2026-11-20T15:00"))
    assert hours.is_open(at("2026-11-23T09:00"))
    assert hours.next_open(at("2026-11-23T07:00")) == at("2026-11-23T08:00")


def test_clinic_that_never_opens_has_no_next_opening() -> None:
    assert OpeningHours("America/Denver", ((),) * 7).next_open(at("2026-11-23T09:00")) is None
    assert OpeningHours("America/Denver", ((),) * 7).next_close(at("2026-11-23T09:00")) is None


def test_clinic_that_never_closes_has_no_next_close() -> None:
    always = OpeningHours("America/Denver", ((Period.parse("0:00-24:00"),),) * 7)
    assert always.is_open(at("2026-11-23T03:00"))
    assert always.next_close(at("2026-11-23T03:00")) is None
    assert always.next_open(at("2026-11-23T03:00")) is None


def test_period_to_midnight_joins_the_next_day() -> None:
    week = ((Period.parse("20:00-24:00"),), (Period.parse("0:00-2:00"),), (), (), (), (), ())
    assert OpeningHours("America/Denver", week).next_close(at("2026-11-23T21:00")) == at("2026-11-24T02:00")


@pytest.mark.parametrize("text", ["", "8", "8:00", "12:00-8:00", "8:00-8:00", "8:60-9:00", "8:00-25:00", "noon-1", "8:00 12:00"])
def test_period_that_makes_no_sense_says_what_is_expected(text: str) -> None:
    with pytest.raises(ValueError, match="a period"):
        Period.parse(text)


@pytest.mark.parametrize("text", ["8:00-12:00", "08:00 - 12:00", "8-12", "8:00 to 12:00", "8:00\u201312:00"])
def test_period_is_read_however_it_is_written(text: str) -> None:
    assert Period.parse(text) == Period(480, 720)


def test_week_is_described_with_like_days_together() -> None:
    assert HOURS.describe() == (
        "Monday to Friday 8:00 am to noon and 1:00 pm to 6:00 pm, Saturday 9:00 am to 1:00 pm, closed Sunday"
    )
    assert HOURS.describe(24).startswith("Monday to Friday 8:00 to 12:00 and 13:00 to 18:00")


def test_a_day_closed_in_the_middle_of_the_week_is_not_read_as_open_with_the_next() -> None:
    week = OpeningHours("America/Denver", (SPLIT, SPLIT, (), SPLIT, SPLIT, (), ()))
    hours = "8:00 am to noon and 1:00 pm to 6:00 pm"
    assert week.describe() == f"Monday, Tuesday, Thursday and Friday {hours}, closed Wednesday, Saturday and Sunday"


@pytest.mark.parametrize(
    ("minutes", "twelve", "twentyfour"),
    [
        (0, "midnight", "0:00"),
        (5, "12:05 am", "0:05"),
        (720, "noon", "12:00"),
        (725, "12:05 pm", "12:05"),
        (1080, "6:00 pm", "18:00"),
    ],
)
def test_times_are_written_as_people_read_them(minutes: int, twelve: str, twentyfour: str) -> None:
    assert (clock_text(minutes), clock_text(minutes, 24)) == (twelve, twentyfour)


def test_days_and_words_are_joined_as_in_a_sentence() -> None:
    assert days_text([0, 1, 2, 3]) == "Monday to Thursday"
    assert days_text([0, 2, 4]) == "Monday, Wednesday and Friday"
    assert join_words([]) == ""
    assert date_text(date(2026, 11, 26)) == "Thursday, November 26"


# -- clock changes ---------------------------------------------------------------------------------------------------

ZONES = ("America/Denver", "America/New_York", "Europe/London", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC")


@st.composite
def _weeks(draw: st.DrawFn) -> tuple[tuple[Period, ...], ...]:
    week = []
    for _ in WEEKDAYS:
        ends = draw(st.lists(st.integers(0, 96).map(lambda n: n * 15), unique=True, max_size=6).map(sorted))
        week.append(tuple(Period(a, b) for a, b in zip(ends[::2], ends[1::2], strict=False)))
    return tuple(week)


# Days around the clock changes of 2026 in both hemispheres, and the ordinary ones between.
_MOMENTS = st.datetimes(datetime(2026, 3, 5), datetime(2026, 11, 5)).map(lambda moment: moment.replace(tzinfo=timezone.utc))


@given(_weeks(), st.sampled_from(ZONES), _MOMENTS)
@example(week=((Period(90, 150),),) * 7, zone="America/Denver", moment=datetime(2026, 3, 8, 8, 0, tzinfo=timezone.utc))
@example(week=((Period(60, 120),),) * 7, zone="America/Denver", moment=datetime(2026, 11, 1, 7, 30, tzinfo=timezone.utc))
@example(week=((Period(150, 180),),) * 7, zone="America/New_York", moment=datetime(2026, 3, 8, 6, 0, tzinfo=timezone.utc))
def test_opening_and_closing_agree_with_being_open(week: tuple[tuple[Period, ...], ...], zone: str, moment: datetime) -> None:
    hours = OpeningHours(zone, week)
    opens, closes = hours.next_open(moment), hours.next_close(moment)
    second = timedelta(seconds=1)
    if opens is not None:
        assert opens > moment
        assert hours.is_open(opens)
        assert not hours.is_open(opens - second) or hours.is_open(moment)
    if closes is not None:
        assert closes > moment
        assert not hours.is_open(closes)
        assert hours.is_open(closes - second)
    if not hours.is_open(moment) and opens is not None and closes is not None:
        assert opens < closes
        assert not hours.is_open(moment + (opens - moment) / 2)


@given(st.sampled_from(ZONES), st.dates(date(2026, 1, 1), date(2026, 12, 31)))
def test_noon_is_noon_on_every_day_of_the_year(zone: str, day: date) -> None:
    hours = OpeningHours(zone, ((Period.parse("12:00-13:00"),),) * 7)
    midnight = datetime.combine(day, time(3), ZoneInfo(zone))
    opens = hours.next_open(midnight)
    assert opens is not None
    assert hours.local(opens).time() == time(12)
    assert hours.local(opens).date() == day


def test_morning_with_the_skipped_hour_is_one_hour_shorter() -> None:
    hours = OpeningHours("America/Denver", ((),) * 6 + ((Period.parse("0:00-6:00"),),))
    opens, closes = hours.next_open(at("2026-03-07T12:00")), hours.next_close(at("2026-03-07T12:00"))
    assert opens is not None and closes is not None
    assert closes - opens == timedelta(hours=5)
