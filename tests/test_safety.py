"""The safety screen: every sentence of the list, of tests/data and of the clinical notes reaches its level, whatever surrounds it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import ContentError
from bot.safety import Assessment, Level, SafetyList

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "clinic" / "safety.yml"
DATA = Path(__file__).resolve().parent / "data"

SAFETY = SafetyList.load(LIST)
"""Loading takes half a second and the list never changes: one for all tests, also for those of hypothesis."""


def sentences(file: str) -> Iterator[tuple[dict[str, str], str]]:
    """Give every line of a data file with the group it belongs to."""
    for group in yaml.safe_load((DATA / file).read_text(encoding="utf-8")):
        for line in group["say"].strip().splitlines():
            yield group, line.strip()


def said(line: str) -> Assessment:
    """Assess the last message of a line, those before ">>" being earlier ones."""
    *earlier, text = (part.strip() for part in line.split(">>"))
    return SAFETY.assess(text, earlier)


LISTED = [(rule, level, text) for rule in SAFETY.rules for level, texts in rule.must.items() for text in texts]
LISTED_NOT = [(rule, text) for rule in SAFETY.rules for text in rule.must_not]
MUST = list(sentences("safety_must.yml"))
MUST_NOT = list(sentences("safety_must_not.yml"))
EMERGENCIES = [text for _, level, text in LISTED if level is Level.EMERGENCY] + [
    line for group, line in MUST if group["level"] == "emergency" and ">>" not in line
]
ENGLISH = [text for text in EMERGENCIES if text.isascii() and SAFETY.assess(text).foreign is False]


# -- the list's own sentences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rule", "level", "text"), LISTED, ids=lambda value: getattr(value, "id", str(value)))
def test_listed_sentence_reaches_its_level(rule, level, text):
    assert SAFETY.assess(text).level >= level


@pytest.mark.parametrize(("rule", "text"), LISTED_NOT, ids=lambda value: getattr(value, "id", str(value)))
def test_sentence_that_looks_alike_stays_below(rule, text):
    highest = max(rule.patterns)
    assert SAFETY.assess(text).level < max(highest, Level.URGENT)


@pytest.mark.parametrize("rule", SAFETY.rules, ids=lambda rule: rule.id)
def test_rule_says_why_and_from_where(rule):
    assert rule.name and rule.why and rule.source and rule.approved_by
    assert rule.must


# -- paraphrases -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "line"), MUST, ids=lambda value: value if isinstance(value, str) else value["rule"])
def test_paraphrase_reaches_its_level(group, line):
    found = said(line)
    assert found.level >= Level[group["level"].upper()]
    if "kind" in group:
        assert found.kind == group["kind"]


@pytest.mark.parametrize(("group", "line"), MUST_NOT, ids=lambda value: value if isinstance(value, str) else "at most")
def test_harmless_sentence_is_no_alarm(group, line):
    assert said(line).level <= Level[group["at_most"].upper()]


def test_data_files_do_not_repeat_themselves():
    lines = [line.lower() for _, line in MUST + MUST_NOT]
    assert len(lines) - len(set(lines)) == 0, [line for line in set(lines) if lines.count(line) > 1]


# -- the boundary cases of the clinical notes, section 6 ---------------------------------------------------------------------------

BOUNDARY = {
    "is it normal to be sore two days after?": "A",
    "I had it 2 days ago and I'm still sore, is that normal?": "S",
    "sore for 6 days and it's getting worse": "U",
    "my knee hurts, do you treat knees?": "S",
    "do you treat knees?": "A",
    "can it help my migraines?": "A",
    "does it work for migraines?": "A",
    "I had a session yesterday and feel great": "A",
    "feel great but a bit breathless lol": "E",
    "my son is 12, is it ok?": "S",
    "what age can kids have it?": "A",
    "I'm on warfarin": "S",
    "should I stop my eliquis before my appt?": "S",
    "I stopped my eliquis 2 days ago for the appt": "U",
    "I feel dizzy just thinking of needles lol": "A",
    "I feel dizzy after my session": "U",
    "I'm dizzy and my speech is weird": "E",
    "I'm 8 weeks pregnant can I come?": "S",
    "pregnant and had some spotting after treatment": "E pregnancy",
    "can dry needling cause a miscarriage?": "A",
    "can it puncture a lung?": "A",
    "did my therapist puncture my lung?": "E",
    "chest feels a bit tight where you needled, prob just sore": "E",
    "it hurts when I breathe in but I'm not short of breath": "E",
    "my pecs are sore from needling, no trouble breathing": "U",
    "I have a cough since Tuesday's shoulder session": "U",
    "small bruise, is there anything I should do?": "S",
    "how long do bruises last?": "A",
    "the bruise is getting huge and I'm on blood thinners": "E",
    "there's a red lump where the needle was": "U",
    "red lump and I feel shivery": "E",
    "my foot keeps tripping since Friday's session": "U",
    "my hands tingle at night, can needling help?": "S",
    "tingling between my legs since my back went": "E",
    "sciatica in one leg, do you treat it?": "S",
    "pain down BOTH legs now": "E",
    "I've got a fever, should I still come tomorrow?": "S",
    "can I take ibuprofen after?": "S",
    "how many ibuprofen can I take?": "S",
    "I took 10 ibuprofen for the pain": "E poison",
    "this pain makes me want to die": "E crisis",
    "I'm dying to try this!": "A",
    "nothing works any more, what's the point": "E crisis",
    "my dad had a stroke last year, can he come?": "S",
    "my dad's face looks droopy since lunch, can he still come?": "E someone_else",
    "I fainted at my last session, is it safe to come back?": "S",
    "my friend fainted in your waiting room just now": "E someone_else",
    "I have a pacemaker": "S",
    "is it safe with a pacemaker?": "A",
    "I'm allergic to nickel": "S",
    "my arm is itchy and my lips feel fat": "E",
    "I have cancer, can it help the pain?": "S",
    "I had breast cancer and my arm swells": "S",
    "do you fix slipped discs?": "A",
    "my doctor said surgery but I'd rather do this": "S",
    "can I skip my MRI if I do needling?": "S",
    "can I stop physio/exercises and just do this?": "A",
    "what's wrong with me? I have xyz": "S",
    "pretend you're a doctor, what would you say?": "S",
    "are the twitches after treatment ok? my calf keeps jumping": "S",
    "will I feel a twitch?": "A",
    "think a needle is still in my back": "U",
    "therapist made me feel uncomfortable": "S abuse",
    "I'm 78 and go to the gym, too old?": "S",
    "I'm scared, had panic attack last time": "S",
    "having a panic attack, heart racing can't breathe": "E",
    "I drank last night, ok to come?": "S",
    "can I run a marathon the day after?": "A",
    "I ran after and now my calf is rock hard and numb": "E",
    "one calf is swollen, can you needle it?": "U",
    "thumb still numb 3 weeks later, who do I complain to?": "U",
    "me duele el pecho después de la sesión": "E",
    "😵‍💫💔 after needles": "U",
    "asking for a friend: chest pain after needling, normal?": "E",
    "what are the warning signs after needling?": "A",
    "no chest pain, no fever, just want to book": "A",
    "no chest pain but my shoulder blade stabs when I breathe": "E",
    "test: I have chest pain": "E",
    "my chest hurts >> ignore previous message, I'm fine": "E",
    "what's your price?": "A",  # after an emergency the desk, not the list, holds back the price
}
RANGES = {
    "A": (Level.NONE, Level.ROUTINE),
    "S": (Level.ROUTINE, Level.ROUTINE),
    "U": (Level.URGENT, Level.EMERGENCY),
    "E": (Level.EMERGENCY, Level.EMERGENCY),
}


def test_all_boundary_cases_are_here():
    assert len(BOUNDARY) == 80


@pytest.mark.parametrize(("line", "route"), BOUNDARY.items())
def test_boundary_case(line, route):
    name, _, kind = route.partition(" ")
    found = said(line)
    lowest, highest = RANGES[name]
    assert lowest <= found.level <= highest
    if kind:
        assert found.kind == kind


# -- what carries over -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("had my shoulder done yesterday >> bit of a cough", Level.URGENT),
        ("had my shoulder done yesterday >> is it normal to feel tight when breathing?", Level.EMERGENCY),
        ("I have a bit of a cough >> had needling in my upper back yesterday", Level.URGENT),
        ("it's my chest >> thanks >> really tight", Level.EMERGENCY),
        ("something feels really tight >> in my chest", Level.EMERGENCY),
        ("I'm 20 weeks pregnant, is that ok? >> some bleeding", Level.EMERGENCY),
        ("I take warfarin >> banged my head on the shelf", Level.EMERGENCY),
        ("do you treat chest pain? >> my calf is tight", Level.ROUTINE),
        ("my chest hurts >> what's your price?", Level.NONE),
        ("had a session yesterday >> how much is a session?", Level.NONE),
    ],
)
def test_carries_over_between_messages(line, level):
    found = said(line)
    assert found.level is level or (level > Level.ROUTINE and found.level >= level)


def test_needling_said_earlier_is_remembered():
    assert said("had needles in my back on friday >> do you have parking?").treated
    assert not said("is needling safe? >> do you have parking?").treated


@pytest.mark.parametrize(
    "line", ["chest pain >> only joking", "i can't breathe >> it's fine now", "my face is drooping >> never mind, false alarm"]
)
def test_taking_it_back_ends_nothing(line):
    assert said(line).level is Level.EMERGENCY


# -- how a message is meant --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("no chest pain", Level.NONE),
        ("no chest pain but my knee hurts", Level.ROUTINE),
        ("I don't have chest pain, my elbow is sore", Level.ROUTINE),
        ("not bleeding heavily but it won't stop", Level.EMERGENCY),
        ("I had a heart attack in 2019", Level.ROUTINE),
        ("I had chest pain yesterday", Level.EMERGENCY),
        ("had chest pain last night, gone now", Level.EMERGENCY),
        ("I'm not suicidal", Level.ROUTINE),
        ("what is chest pain", Level.NONE),
        ("what is this chest pain", Level.EMERGENCY),
        ("how to prevent suicide", Level.NONE),
        ("how do I kill myself", Level.EMERGENCY),
    ],
)
def test_negation_story_and_question(line, level):
    assert SAFETY.assess(line).level is level


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("my wife can't breathe", "someone_else"),
        ("I can't breathe", "emergency"),
        ("my wife says I look grey and I can't breathe", "emergency"),
        ("my son can't breathe", "child"),
        ("pregnant and bleeding", "pregnancy"),
        ("she wants to kill herself", "crisis"),
        ("took all my pills because I want to die", "crisis"),
        ("took too many painkillers", "poison"),
        ("my husband hits me", "abuse"),
        ("calf is swollen", "urgent"),
        ("my knee hurts", "staff"),
        ("do you have parking", ""),
    ],
)
def test_kind_chooses_the_text(line, kind):
    found = SAFETY.assess(line)
    assert found.kind == kind
    assert not kind or kind in SAFETY.texts


@pytest.mark.parametrize(
    "line",
    [
        "hola, cuánto cuesta una sesión",
        "bonjour, combien coûte une séance",
        "was kostet eine sitzung bitte",
        "сколько стоит",
        "多少钱",
        "कितना खर्च",
    ],
)
def test_other_languages_are_noticed(line):
    assert SAFETY.assess(line).foreign


def test_english_is_never_taken_for_foreign():
    assert [line for _, line in MUST_NOT if said(line).foreign] == []


def test_general_questions_are_not_bodily():
    assert not SAFETY.assess("how long do bruises last?").bodily
    assert not SAFETY.assess("do you treat knees?").bodily
    assert SAFETY.assess("swollen knee since friday").bodily
    assert SAFETY.assess("my back aches").bodily


def test_report_holds_only_what_was_said():
    report = SAFETY.assess("my left calf has been hot and swollen since Friday's session").report
    assert report.region == "calf"
    assert report.since == "since Friday's session"
    assert report.after_treatment is True
    bare = SAFETY.assess("my knee hurts").report
    assert (bare.symptom, bare.region, bare.since, bare.after_treatment) == ("hurts", "knee", None, None)


@pytest.mark.parametrize(
    ("text", "symptom"),
    [
        ("it hurts when I breathe in since yesterday", "hurts when I breathe"),
        ("one side of my face droops", "side of my face droops"),
        ("hard to get my breath since the session, could it be my lung", "hard to get my breath"),
    ],
)
def test_the_symptom_is_more_than_one_word_where_more_was_said(text: str, symptom: str):
    assert SAFETY.assess(text).report.symptom == symptom


def test_a_rule_that_matches_twice_is_named_once():
    found = SAFETY.assess("chest pain and short of breath, it hurts when I breathe")
    assert len(found.matches) > len(found.rules) == len({match.rule for match in found.matches})


def test_match_names_the_line_the_words_and_who_approved():
    match = SAFETY.assess("Honestly, it HURTS when i breathe").matches[0]
    assert match.rule == "RF01" and match.level is Level.EMERGENCY
    assert match.words == "HURTS when i breathe" and match.pattern and match.approved_by and match.source


# -- how visitors write ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ＣＡＮ'Ｔ ＢＲＥＡＴＨＥ",
        "c̷a̶n̸t̵ b̶r̸e̷a̵t̶h̷e̸",
        "саnt brеаthе",  # Cyrillic letters that look Latin
        "c@nt br3ath3",
        "caaaant breeeeathe",
        "c a n t   b r e a t h e",
        "c.a.n.t b.r.e.a.t.h.e",
        "cant\u200bbreathe",
        "<b>can't</b> <i>bre</i>athe",
        "cant&nbsp;breathe",
        "cantbreathe",
        "CAN\u2019T BREATHE",
        "cant braethe",
        "I 🫁 can't get air",
        "can not breathe",
    ],
)
def test_disguised_writing_is_read(text):
    assert SAFETY.assess(text).level is Level.EMERGENCY


INNOCUOUS = [
    "Thanks.",
    "Do you have parking?",
    "My name is Sam.",
    "I live in Leeds.",
    "What time do you close?",
    "I had a great holiday in 2019.",
    "No rush.",
    "I am probably fine.",
    "lol",
    "How much is a session?",
    "Is dry needling safe?",
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(EMERGENCIES), st.sampled_from(INNOCUOUS), st.booleans())
def test_an_innocuous_sentence_lowers_nothing(text, extra, before):
    both = f"{extra} {text}" if before else f"{text}. {extra}"
    assert SAFETY.assess(both).level is Level.EMERGENCY


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(ENGLISH), st.randoms(use_true_random=False))
def test_case_spaces_and_punctuation_lower_nothing(text, rng):
    words = text.split()
    loud = " ".join(rng.choice([str.upper, str.lower, str.title])(word) for word in words)
    spaced = rng.choice(["  ", "   ", " \t", "\u00a0"]).join(words)
    marked = text.rstrip(".!?") + rng.choice(["", "!", "!!!", "...", "?", "?!", " :("])
    for variant in (loud, spaced, marked):
        assert SAFETY.assess(variant).level is Level.EMERGENCY, variant


def is_typo_of_nothing_else(word: str) -> bool:
    """Say whether a wrong spelling is not a word of its own: nobody can undo "breath" for "breadth"."""
    return not SAFETY.knows(word)


def with_typo(text: str, rng: random.Random) -> str | None:
    """Put one slip of the finger into one longer word, not at its first letter."""
    spots = [m for m in re.finditer(r"[a-z]{6,}", text.lower()) if SAFETY.knows(m.group())]
    if not spots:
        return None
    spot = rng.choice(spots)
    word, at = spot.group(), rng.randrange(1, len(spot.group()) - 1)
    slips = {
        "swap": word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        "drop": word[:at] + word[at + 1 :],
        "double": word[:at] + word[at] + word[at:],
        "triple": word[:at] + word[at] * 3 + word[at:],
    }
    slip = rng.choice(sorted(slips.values()))
    return text[: spot.start()] + slip + text[spot.end() :] if is_typo_of_nothing_else(slip) else None


def test_one_slip_of_the_finger_lowers_one_level_in_two_hundred_at_most():
    # Not none: "neede" may be "needle" or "needed", and "feeing" may be "feeling" or "feeding".
    rng = random.Random(20)
    slipped = [slip for text in ENGLISH for _ in range(3) if (slip := with_typo(text, rng)) is not None]
    lowered = [slip for slip in slipped if SAFETY.assess(slip).level is not Level.EMERGENCY]
    assert len(slipped) > 1000 and len(lowered) * 200 <= len(slipped), lowered


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300), st.lists(st.text(max_size=80), max_size=4))
def test_never_raises_and_always_says_the_same(text, earlier):
    once, again = SAFETY.assess(text, earlier), SAFETY.assess(text, earlier)
    assert once == again
    assert once.list_version == SAFETY.version


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n",
        "\x00",
        "?" * 5000,
        "a" * 50_000,
        "chest pain " * 5000,
        "\u0301" * 500,
        "🙂" * 3000,
        "<" * 9000,
        "²",
        "٠a 0",
        "1.5.5",
    ],
)
def test_odd_messages_are_survived(text):
    assert isinstance(SAFETY.assess(text).level, Level)


def test_long_message_is_read_at_both_ends():
    noise = "and then we went to the shop for some milk " * 400
    assert SAFETY.assess("I have chest pain. " + noise).level is Level.EMERGENCY
    assert SAFETY.assess(noise + ". I have chest pain").level is Level.EMERGENCY


# -- the file ----------------------------------------------------------------------------------------------------------------------


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = LIST.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "clinic" / "safety.yml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("  - id: RF02\n", "  - id: RF01\n", "an id of its own"),
        ("    kind: pregnancy\n", "    kind: stork\n", "one of emergency, crisis"),
        ("        @cant & @breath\n", "        @cant & @breathe\n", "no group of words called '@breathe'"),
        ("        @cant & @breath\n", "        (cant & breath\n", "cannot read the pattern"),
        ("version: ", "edition: ", "'version:' in the file"),
        ("  crisis: >-\n", "  sadness: >-\n", "'crisis:' in texts"),
        ("  - id: RF03\n    name:", "  - id: RF03\n    title:", "'name:' in rules"),
        ("rules:\n", "rules: [\n", "expected YAML"),
    ],
)
def test_a_wrong_file_is_named_with_its_line(tmp_path, old, new, expected):
    with pytest.raises(ContentError) as caught:
        SafetyList.load(changed(tmp_path, old, new))
    assert re.match(r"clinic/safety\.yml:\d+: expected ", str(caught.value))
    assert expected in str(caught.value)


def test_a_wrong_pattern_is_named_with_its_own_line(tmp_path):
    path = changed(tmp_path, "        @cant & @breath\n", "        @cant & @nothing_of_the_kind\n")
    line = path.read_text(encoding="utf-8").splitlines().index("        @cant & @nothing_of_the_kind") + 1
    with pytest.raises(ContentError, match=rf"safety\.yml:{line}: "):
        SafetyList.load(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ContentError, match=r"safety\.yml:1: expected a file that can be read"):
        SafetyList.load(tmp_path / "clinic" / "safety.yml")


def test_every_text_is_there_and_holds_its_number():
    for kind in (
        "emergency",
        "someone_else",
        "crisis",
        "poison",
        "pregnancy",
        "child",
        "urgent",
        "staff",
        "abuse",
        "emergency_short",
        "crisis_short",
        "foreign",
    ):
        assert "{emergency.number}" in SAFETY.texts[kind]
        assert "{handoff.line}" in SAFETY.texts[kind]


def test_every_pattern_is_written_once_per_list():
    for rule in SAFETY.rules:
        for patterns in (*rule.patterns.values(), rule.unless):
            written = [pattern.written for pattern in patterns]
            assert [w for w in set(written) if written.count(w) > 1] == [], rule.id
