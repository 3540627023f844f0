"""Call-back details in a visitor's own words: name, phone number, best time; nothing rather than a guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import phonenumbers

LONGEST_NAME = 60
LONGEST_TIME = 200
MOST_WORDS = 6
"""Words of the longest name that is believed; what is longer is a sentence."""

_OTHER_WORDS = """
what whats when where wheres which who whos whose whom why how hows i im i'm ive i've i'd i'll ill it's its it that
that's thats this these those there they we us your yours is isn't was were be been being am does doesn't doesnt
did didn't don't dont not can't cant cannot could would should shall won't wont have haven't has had if because about
just only still also already really very too much many some any a as than then
yes yeah yep yup nope nah none nothing ok okay sure fine good great right wrong correct exactly maybe perhaps please pls
thanks thank thx tnx cheers hello hi hiya hey howdy bye goodbye sorry wait hold hang oops hmm lol um uh idk dunno
never nevermind mind cancel stop quit exit skip forget help
now today tonight tomorrow yesterday later soon asap anytime whenever morning mornings afternoon afternoons evening
evenings night noon lunch week weekend weekday weekdays monday tuesday wednesday thursday friday saturday sunday
call callback ring phone telephone mobile cell landline text email e-mail mail number numbers name reach contact
speak speaking talk talking chat human person people robot bot computer machine agent operator somebody someone anybody
anyone nobody staff team reception receptionist therapist physio doctor nurse manager
want need like know think mean prefer rather tell say said ask asking question questions answer give gave giving
get got take taking going come coming looking calling waiting trying wondering interested confused unsure busy
worried scared afraid tired annoyed available pregnant diabetic sick sore hurt hurts hurting pain painful allergic
price prices pricing cost costs pay insurance appointment appointments booking book cancel hours open closed parking
back here same usual above before sec second seconds minute minutes moment details and or
address location session sessions visit treatment treatments needle needles needling dry clinic website private secret
"""
_LITTLE_WORDS = "an are at but by can do for from he in long me my no of on she so the to with you"
_CLOSING_WORDS = """
after and anytime at because before but call calling cell from here i i'm if im is mobile my number on or phone please reach ring
speaking tel thank thanks thx who with you
"""
_NO_NAME = frozenset(_OTHER_WORDS.split())
"""Words that begin no name: an answer with one of these is something else."""
_LITTLE = frozenset(_LITTLE_WORDS.split())
"""Words that are somebody's name all the same (Can, An Do, My Le), where all is written like a name, or said again."""
_CLOSING = frozenset(_CLOSING_WORDS.split())
"""Words that may follow a name."""

_CALL_ME = re.compile(
    r"\b(?:(?:call|ring|phone|telephone) (?:me|us|him|her|my \w+)\b|(?:call|ring|phone|get)(?:ing)?\b.{0,25}\bback\b|call ?-?back"
    r"|give (?:me|us) a (?:call|ring|bell|buzz|shout)|(?:ring|call|phone)ing me\b)",
    re.IGNORECASE,
)

_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "´": "'", "`": "'"})
_NAME_MARKS = "'.·-‐‑"
_PARTING = ",;:/|()\n"

_GREETED = re.compile(
    r"^(?:(?:hi|hiya|hello|hey|dear (?:team|all)|good (?:morning|afternoon|evening)|ok|okay|sure|yes|yeah|yep|of course|well|alright"
    r"|all right|no|sorry|oh|actually|just|the|so)\b(?: there)?[\s,.!-]+)+",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:(?:my |the |first |last |full |sur)*name(?:'s| is| was|s)?(?: to)?(?!\s+(?:is|and)\b)|surname is|me llamo|i am called|under the name of)"
    r"\s*:?\s+",
    re.IGNORECASE,
)
_SELF = re.compile(
    r"(?:^|[,.;!?\n-]\s*|\b(?:and|hi|hello|hey) )(?:i'm|i am|im|it's|it is|its|this is|that's|call me|you can call me|ask for)\s+",
    re.IGNORECASE,
)

_DAY = r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?s?"
_HOUR = r"\d{1,2}(?:[:.]\d\d)?(?:\s*(?:am|pm|a\.m\.|p\.m\.|o'?clock|h))?"
_PART_OF_DAY = r"(?:early |late |mid-?)?(?:morning|afternoon|evening|noon|midday|lunch(?: ?time)?|night|tonight)s?"
_TIME = re.compile(
    rf"\b(?:(?:any ?time|not|only|best|early|late)\s+)?(?:after|before|around|about|from|until|till|between|at|by|past)\s+(?:{_HOUR}|{_PART_OF_DAY}"
    rf"|{_DAY}|work|school|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b(?:\s*(?:-|to|and|until|till)\s*(?:{_HOUR}))?"
    rf"|\b(?:today|tomorrow|tmrw|tomorow|now|asap|any ?time|whenever|weekdays?|weekends?|{_PART_OF_DAY}|{_DAY})\b(?:\s+(?:am|pm)\b)?"
    rf"|\b\d{{1,2}}(?:[:.]\d\d)?\s*(?:am|pm)\b",
    re.IGNORECASE,
)

_PAST = re.compile(r"\b(?:since|ago|last|was|were|called|had|been|open|closed?|booked|appointment)\b", re.IGNORECASE)
"""Words beside which a day is seldom the best time to call."""
_BEFORE_NUMBER = re.compile(
    r"[\s,;:/|-]*(?:(?:and )?(?:my )?(?:number|phone|cell|mobile|tel)(?:'s| is)?|on|at)?[\s,;:/|.-]*$", re.IGNORECASE
)


# -- phone numbers ---------------------------------------------------------------------------------------------------


def phone_in(text: str, country: str) -> str | None:
    """Return the first phone number in a text in international form, or None where there is none that can be called."""
    found = next(_numbers(text, country), None)
    return str(phonenumbers.format_number(found.number, phonenumbers.PhoneNumberFormat.E164)) if found else None


def without_phone(text: str, country: str) -> str:
    """Return a text without its phone numbers."""
    for found in reversed(list(_numbers(text, country))):
        text = f"{text[: found.start]}, {text[found.end :]}"
    return text


def _numbers(text: str, country: str) -> Iterator[phonenumbers.PhoneNumberMatch]:
    for found in phonenumbers.PhoneNumberMatcher(text, country, leniency=phonenumbers.Leniency.POSSIBLE):
        # Without its area code a number is possible too, but nobody can call it from elsewhere.
        if phonenumbers.is_possible_number_with_reason(found.number) == phonenumbers.ValidationResult.IS_POSSIBLE:
            yield found


# -- names -----------------------------------------------------------------------------------------------------------


def name_in(text: str, *, again: bool = False) -> str | None:
    """Return the name in the answer to "what name?", or None where it is none; `again`: the same was answered before."""
    text = _plain(text)
    if "?" in text:
        return None
    named = _NAMED.search(text)
    if named:
        return _name(text[named.end() :], strict=False, again=again)
    text = _GREETED.sub("", text) or text
    introduced = _SELF.match(text)
    return _name(text[introduced.end() :] if introduced else text, strict=not introduced, again=again)


def name_told(text: str) -> str | None:
    """Return the name by which a visitor introduces himself within any message; None where it might be something else."""
    text = _plain(text)
    named = _NAMED.search(text)
    if named:
        return _name(text[named.end() :], strict=False)
    for introduced in _SELF.finditer(text):
        name = _name(text[introduced.end() :], strict=False)
        # "I'm Ann", not "I'm fed up" and not "I'm On Warfarin".
        if name and all(map(_capital, name.split())) and name.split()[0].lower() not in _LITTLE:
            return name
    return None


def _name(text: str, *, strict: bool, again: bool = False) -> str | None:
    """Return the name that a text begins with; strictly, only a closing word may follow it."""
    words = text.split()
    like_a_name = again or (len(words) > 1 and all(map(_capital, words)))
    kept: list[str] = []
    for place, word in enumerate(words):
        bare = word.strip(_PARTING + '!"')
        surname = bool(kept) and like_a_name and word == words[-1] and bare.lower() not in _CLOSING  # "Ann Price"
        if not _may_name(bare, like_a_name, surname):
            if strict and bare and not bare[0].isdigit() and bare.lower() not in _CLOSING:
                return None
            break
        reversed_name = word.endswith(",") and len(words) == place + 2  # "Smith, John"
        kept.append(f"{bare}," if reversed_name else bare)
        if word[-1] in _PARTING and not reversed_name:
            break
    return _whole(kept)


def _may_name(word: str, like_a_name: bool, surname: bool) -> bool:
    known = word.lower()
    return _is_word(word) and (surname or known not in _NO_NAME) and (like_a_name or known not in _LITTLE)


def _whole(words: list[str]) -> str | None:
    name = " ".join(words).strip(" -',")
    if not name or len(words) > MOST_WORDS or (len(name) == 1 and name.isascii()):
        return None
    return (name if name.endswith(("Jr.", "Sr.")) else name.rstrip("."))[:LONGEST_NAME]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).translate(_APOSTROPHES).replace("？", "?").split())


def _is_word(word: str) -> bool:
    letters = [char for char in word if unicodedata.category(char)[0] in "LM"]
    return bool(letters) and all(char in _NAME_MARKS or unicodedata.category(char)[0] in "LM" for char in word)


def _capital(word: str) -> bool:
    """Say whether a word is written like a name: a capital, and small letters behind it."""
    return word[:1].isupper() and (len(word) == 1 or not word.isupper() or word.endswith("."))


# -- times, and all of it --------------------------------------------------------------------------------------------


def time_in(text: str) -> str | None:
    """Return what a text says about when, from the first such word to the end of the clause, or None."""
    found = list(_TIME.finditer(text))
    if not found:
        return None
    end = re.compile(r"[,.;!?\n]|$").search(text, found[-1].end())
    return text[found[0].start() : end.start() if end else None].strip()[:LONGEST_TIME]


def wants_a_call(text: str) -> bool:
    """Say whether somebody asks to be called: then nobody needs to offer it."""
    return bool(_CALL_ME.search(text))


def told_in(text: str, country: str) -> dict[str, str]:
    """Return the slots of the call-back form that a message fills before the form asks."""
    first = next(_numbers(text, country), None)
    rest = without_phone(text, country)
    told = {"callback_name": name_told(rest), "callback_phone": phone_in(text, country), "callback_time": None}
    if first is not None:
        told["callback_name"] = told["callback_name"] or _name_before(text[: first.start])
        told["callback_time"] = None if _PAST.search(rest) else time_in(rest)
    return {slot: value for slot, value in told.items() if value}


def _name_before(text: str) -> str | None:
    """Return the name that is all there is in front of a number: "Anna Kowalska, 303 555 0138"."""
    alone = _BEFORE_NUMBER.sub("", _plain(text)).strip(" ,;:/|-.(")
    name = name_in(alone)
    return name if name == alone and all(map(_capital, name.split())) else None
