"""The clinic's files: what is read from them, and what is said when they are wrong."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from clinic_tools import CLINIC, MONDAY, change, copy_clinic

from bot.check import ContentProblem, add_months, check, unsigned
from bot.clinic import Clinic, build_clinic
from bot.content import TOPICS, WORDINGS, read_content, read_yaml, write_content
from bot.errors import ContentError, NotFound
from bot.fields import Problems
from bot.wording import count_syllables, fill, forbidden_words, placeholders, reading_grade

TODAY = MONDAY.date()


@pytest.fixture(scope="module")
def clinic() -> Clinic:
    """Return the sample clinic."""
    problems = Problems()
    built = build_clinic(read_content(CLINIC).entries, problems)
    assert problems.found == []
    return built


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the sample clinic to spoil."""
    return copy_clinic(tmp_path)


def problem(folder: Path, today: date = TODAY) -> ContentProblem:
    """Return the one problem that is found."""
    found = check(folder, today)
    assert len(found) == 1, [str(one) for one in found]
    return found[0]


# -- facts -----------------------------------------------------------------------------------------------------------


def test_sample_clinic_is_complete(folder: Path) -> None:
    assert check(folder, TODAY) == []


def test_sample_clinic_says_that_it_is_one(clinic: Clinic) -> None:
    assert clinic.sample
    assert "Sample" in clinic.name
    assert all("555-01" in site.phone for site in clinic.sites)


def test_site_is_found_by_name_and_the_main_one_without(clinic: Clinic) -> None:
    assert clinic.site("juniper").title == "Juniper Road"
    assert clinic.site(None).slug == clinic.main_site == "willow"
    with pytest.raises(NotFound):
        clinic.site("nowhere")


def test_phone_is_kept_as_written_and_in_international_form(clinic: Clinic) -> None:
    assert (clinic.site("willow").phone, clinic.site("willow").phone_e164) == ("(303) 555-0140", "+13035550140")


def test_team_member_is_in_on_their_days_only(clinic: Clinic) -> None:
    robin = clinic.team[0]
    assert robin.is_in("willow", date(2026, 11, 23))
    assert not robin.is_in("willow", date(2026, 11, 25))
    assert robin.is_in("juniper", date(2026, 12, 4))


def test_emergency_numbers_are_the_countrys(clinic: Clinic) -> None:
    assert clinic.numbers["emergency"] == "911"
    assert clinic.numbers["crisis"] == "988"
    assert clinic.numbers["poison"] == "1-800-222-1222"


def test_money_is_written_without_needless_cents(clinic: Clinic) -> None:
    assert clinic.money(clinic.prices[0].amount) == "$75"


def test_every_topic_and_wording_has_an_entry() -> None:
    entries = read_content(CLINIC).entries
    assert set(TOPICS) | set(WORDINGS) <= set(entries)


# -- problems --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("clinic.yml", "timezone: America/Denver", "timezone: America/Devner", "America/Denver"),
        ("clinic.yml", '"8:00-12:00", "13:00-18:00"', '"8:00-12:00", "18:00-13:00"', "a period that ends after"),
        ("clinic.yml", '"8:00-12:00", "13:00-18:00"', '"8:00-12:00", "11:00-18:00"', "one after the other"),
        ("clinic.yml", "monday: [", "mondays: [", "a weekday in small letters"),
        ("clinic.yml", "phone: (303) 555-0140", "phone: (303) 55", "a phone number of US"),
        ("clinic.yml", 'urgent: "(303) 555-0111"', 'urgent: "nurse"', "a phone number of US"),
        ("clinic.yml", 'emergency: "911"', 'emergency: "help"', "a number to call"),
        ("clinic.yml", "retention: 90 days", 'retention: ""', "`retention:` to be filled in"),
        ("clinic.yml", "response_time: one working day", "response_time: TODO", "`response_time:` to be filled in"),
        ("clinic.yml", "link: https://www.example.com/privacy", "link: <your link>", "`link:` to be filled in"),
        ("clinic.yml", "amount: 75", "amount: free", "`amount:` to be a number"),
        ("clinic.yml", "main_site: willow", "main_site: oak", "one of willow, juniper"),
        ("clinic.yml", "Labor Day, Thanksgiving Day", "Labour Day, Thanksgiving Day", "a holiday out of"),
        ("clinic.yml", "juniper: [friday]", "oak: [friday]", "one of the sites willow, juniper"),
        ("clinic.yml", "juniper: [friday]", "juniper: [fryday]", "weekdays such as"),
        ("clinic.yml", "first: 2026-11-27, last: 2026-11-28", "first: 2026-11-27, last: 2026-11-20", "not before"),
        ("clinic.yml", "day: 2026-12-24", "day: soon", "a day such as 2026-12-24"),
        ("clinic.yml", "medium: email", "medium: pigeon", "one of email, webhook, chat"),
        ("clinic.yml", 'clock: "12"', 'clock: "13"', "one of 12, 24"),
        ("clinic.yml", "\nsample: true", "\nsample: perhaps", "`sample:` to be true or false"),
        (
            "answers.yml",
            "A visit costs {clinic.price}.",
            "A visit costs {clinic.prize}.",
            "a known placeholder, not {clinic.prize}",
        ),
        (
            "answers.yml",
            "Does it hurt?: does_it_hurt",
            "Does it hurt?: does_it_hert",
            "a topic that exists, not 'does_it_hert'",
        ),
        ("answers.yml", "offer: callback", "offer: cake", "a topic that exists, not 'cake'"),
        ("answers.yml", "when: [why + dry, ", "when: [Why?, ", "keywords in small letters"),
        ("answers.yml", 'week: "Our opening', 'weak: "Our opening', "`week:` to hold a phrase"),
        (
            "answers.yml",
            'day_closed: "We are closed {day}',
            'day_closed: "We are closed {days}',
            "a known placeholder, not {days}",
        ),
        ("answers.yml", "Tips are not expected.", "Tips heal.", "a wording without 'heal'"),
        ("answers.yml", "      name_dry:", "      name dry:", "a name of small letters"),
        ("answers.yml", "        weak: true", "        weak: somewhat", "`weak:` to be true or false"),
        ("safety.yml", "{crisis.line}", "{crisis.lines}", "{crisis.lines} to be filled in"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(folder: Path, file: str, old: str, new: str, expected: str) -> None:
    line = change(folder / file, old, new)
    found = check(folder, TODAY)
    named = [one for one in found if expected in one.expected]
    assert named, [str(one) for one in found]
    assert named[0].file.endswith(f"clinic/{file}")
    assert abs(named[0].line - line) <= 1
    assert str(named[0]) == f"{named[0].file}:{named[0].line}: expected {named[0].expected}"


@pytest.mark.parametrize("name", ["approved_by", "reviewed_on", "source"])
def test_answer_without_its_signature_is_named(folder: Path, name: str) -> None:
    file = folder / "answers.yml"
    text = file.read_text()
    start = text.index("  history:")
    line = text.index(f"    {name}:", start)
    file.write_text(text[:line] + text[text.index("\n", line) + 1 :])
    assert f"`{name}:`" in problem(folder).expected


def test_keyword_of_two_variants_is_named(folder: Path) -> None:
    change(folder / "answers.yml", "when: [twitch*, jump*, spasm*]", "when: [electric*, twitch*]")
    assert problem(folder).expected == "a keyword of its own: 'electric*' already chooses twitch"


def test_missing_topic_is_named(folder: Path) -> None:
    change(folder / "answers.yml", "  history:", "  my_history:")
    change(folder / "answers.yml", "Where does it come from?: history", "Where does it come from?: my_history")
    assert problem(folder).expected == "an answer for history"


def test_missing_wording_is_named(folder: Path) -> None:
    change(folder / "answers.yml", "  goodbye:", "  farewell:")
    assert problem(folder).expected == "an answer for goodbye"


def test_overdue_review_is_named_and_does_not_stop_a_start(folder: Path) -> None:
    line = change(folder / "answers.yml", "reviewed_on: 2026-11-20", "reviewed_on: 2025-11-20")
    found = check(folder, TODAY)
    assert found and all("a review since 2026-11-20" in one.expected and not one.blocks for one in found)
    assert found[0].line == line


def test_everything_is_overdue_a_year_later(folder: Path) -> None:
    assert check(folder, date(2027, 11, 20)) == []
    assert len(check(folder, date(2027, 11, 21))) > 40


@pytest.mark.parametrize("name", ['"NOT APPROVED: a draft"', "not approved", "", "''", "# who?", "~"])
def test_red_flags_nobody_signed_are_named_with_their_line(folder: Path, name: str) -> None:
    line = change(folder / "safety.yml", "rules: []", f"approved_by: {name}\nrules: []")
    found = problem(folder)
    assert (found.line, found.local, found.blocks) == (line, True, False)
    assert f"clinic/safety.yml:{line}: not approved by a clinician; " in str(found)


def test_rule_nobody_signed_is_named_too(folder: Path) -> None:
    change(folder / "safety.yml", "rules: []", "approved_by: Dr. Ann Lee, PT\nrules:\n  - id: RF01\n    approved_by: NOT APPROVED")
    assert problem(folder).local


def test_red_flags_with_a_name_are_signed(folder: Path) -> None:
    change(folder / "safety.yml", "rules: []", 'approved_by: "Dr. Ann Lee, PT"\nrules: []')
    assert check(folder, TODAY) == []


def test_red_flags_of_the_sample_clinic_are_unsigned() -> None:
    assert [one.line for one in unsigned(CLINIC)] == [23]


def test_review_in_the_future_is_no_review(folder: Path) -> None:
    change(folder / "answers.yml", "reviewed_on: 2026-11-20", "reviewed_on: 2036-11-20")
    assert "not to lie in the future" in check(folder, TODAY)[0].expected


def test_broken_yaml_is_one_line_with_file_and_line(folder: Path) -> None:
    line = change(folder / "clinic.yml", "privacy:\n", "privacy: [\n")
    found = problem(folder)
    assert found.file.endswith("clinic/clinic.yml")
    assert found.line >= line
    assert "valid YAML" in found.expected and "\n" not in str(found)


def test_name_that_stands_twice_is_named(folder: Path) -> None:
    change(folder / "clinic.yml", "country: US", "name: Another\ncountry: US")
    assert "expected each name once, 'name' stands here again" in str(problem(folder))


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "answers.yml").unlink()
    assert problem(folder).expected.startswith("a file that can be read")


@pytest.mark.parametrize("text", ["", "- a list", "just words", "\x00"])
def test_file_that_is_no_mapping_is_a_content_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "clinic.yml"
    file.write_text(text)
    if text:
        with pytest.raises(ContentError, match="clinic.yml"):
            read_yaml(file)
    else:
        assert read_yaml(file)[0] == {}


def test_empty_clinic_file_names_what_is_missing(folder: Path) -> None:
    (folder / "clinic.yml").write_text("sample: true\n")
    expected = {one.expected for one in check(folder, TODAY)}
    assert "`name:` to be filled in" in expected
    assert "at least one site under `sites:`" in expected


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 11, 20), 12, date(2027, 11, 20)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 11, 20), 2, date(2027, 1, 20)),
    ],
)
def test_months_are_added_within_the_calendar(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later


# -- round trip ------------------------------------------------------------------------------------------------------


def test_files_written_back_say_the_same(tmp_path: Path) -> None:
    entries = read_content(CLINIC).entries
    write_content(tmp_path, entries)
    again = read_content(tmp_path).entries
    assert again == entries
    assert list(again) == list(entries)


def test_writing_twice_changes_nothing(tmp_path: Path) -> None:
    write_content(tmp_path, read_content(CLINIC).entries)
    first = [(tmp_path / name).read_text() for name in ("clinic.yml", "answers.yml")]
    write_content(tmp_path, read_content(tmp_path).entries)
    assert [(tmp_path / name).read_text() for name in ("clinic.yml", "answers.yml")] == first


def test_variant_takes_its_signature_from_its_topic_and_keeps_its_own() -> None:
    entries = read_content(CLINIC).entries
    assert entries["aftercare/drive"]["approved_by"] == entries["aftercare"]["approved_by"]
    assert entries["aftercare/drive"]["source"] == "S52; S2"


# -- wording ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("This will cure you.", ["cure"]),
        ("It heals and fixes the root cause.", ["heals", "fixes", "root cause"]),
        ("We guarantee it.", ["guarantee"]),
        ("Dry needling is safe.", ["safe"]),
        ("It is perfectly Safe and PAINLESS.", ["safe", "painless"]),
        ("Proven to work for everyone: works for everyone.", ["proven", "work for everyone", "works for everyone"]),
        ("There is no risk, instant and permanent relief.", ["no risk", "instant", "permanent"]),
        ("Detox your toxins.", ["detox", "toxins"]),
        ("This chat cannot say if it is safe for you.", []),
        ("They are thrown away safely; it keeps you healthy.", []),
        ("Our team may read this chat to help you and keep you safe.", []),
        ("Is it safe? Does it cure anything?", []),
        ("It is not proven.", []),
        ("A fixed price.", []),
    ],
)
def test_words_that_promise_too_much_are_found(text: str, words: list[str]) -> None:
    assert forbidden_words(text) == words


def test_placeholders_are_found_and_filled() -> None:
    assert placeholders("Call {clinic.phone}, {time} {not one} {}") == ["clinic.phone", "time"]
    assert fill("Call {clinic.phone} at {time}.", {"clinic.phone": "{time}"}) == "Call {time} at {time}."


@pytest.mark.parametrize(
    ("topic", "grade"),
    # Grades that another program gave these texts (docs/safety.md).
    [("what_is_dry_needling", 4.8), ("does_it_hurt", 3.0), ("acupuncture_difference", 6.7), ("needle_safety", 5.3)],
)
def test_reading_grade_is_near_the_one_of_other_programs(topic: str, grade: float) -> None:
    assert abs(reading_grade(read_content(CLINIC).entries[topic]["text"]) - grade) < 1


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("needle", 2),
        ("needles", 2),
        ("muscle", 2),
        ("treatment", 2),
        ("cleaned", 1),
        ("used", 1),
        ("therapist", 3),
        ("the", 1),
        ("911", 1),
        ("safely", 2),
        ("injected", 3),
        ("twitch", 1),
        ("medicine", 3),
        ("ache", 1),
    ],
)
def test_syllables_are_counted(word: str, count: int) -> None:
    assert count_syllables(word) == count


def test_grade_of_nothing_is_nothing() -> None:
    assert reading_grade("") == reading_grade("...") == 0.0


def test_answers_read_easily() -> None:
    grades = {
        key: reading_grade(str(fields["text"]))
        for key, fields in read_content(CLINIC).entries.items()
        if not key.startswith("clinic/") and fields.get("text")
    }
    assert sorted(grades.values())[len(grades) // 2] < 7
    assert max(grades.values()) < 11.5, max(grades, key=lambda key: grades[key])
