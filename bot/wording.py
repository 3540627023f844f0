"""What may be said and how it reads: placeholders, words the assistant may not use, reading grade."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from bot.clinic import Clinic, Site
from bot.hours import join_words

_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")

SITE_FACTS = ("title", "address", "phone", "email", "hours", "parking", "access", "directions", "transit")
"""Placeholders of a site, as {site.address}; those a site does not have read as its phone number to ask at."""

NUMBERS = {"emergency": "emergency.number", "crisis": "crisis.line", "poison": "poison.line", "urgent": "urgent.line"}

# Said about the treatment these promise what nobody can keep (claims checked in the clinical notes); the second part of a
# row is what makes the word harmless: "cannot say if it is safe", "thrown away safely", "not proven".
_FORBIDDEN: tuple[tuple[str, str], ...] = (
    (r"cur(?:e|es|ed|ing)", ""),
    (r"heal(?:s|ed|ing)?", ""),
    (r"fix(?:es|ing)?", ""),
    (r"guarante\w+", ""),
    (r"safe", r"\b(?:not|isn't|keep (?:you|everyone)|stay|if (?:it|that|this) is|whether (?:it|that|this) is|if it's|feel)\s+$"),
    (r"painless(?:ly)?|pain[- ]free", ""),
    (r"proven", r"\b(?:not|never|isn't)\s+(?:been\s+)?$"),
    (r"no risks?|risk[- ]free|without (?:any )?risks?", ""),
    (r"works? for (?:everyone|everybody|anyone|all)", r"\b(?:not|never)\s+$"),
    (r"root causes?", ""),
    (r"detox\w*", ""),
    (r"toxins?", ""),
    (r"instant(?:ly)?", ""),
    (r"permanent(?:ly)?", ""),
)
_FORBIDDEN_WORDS = tuple((re.compile(rf"\b(?:{word})\b", re.I), re.compile(rf"(?:{but})", re.I) if but else None) for word, but in _FORBIDDEN)

_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'\u2019-]*|\d[\d:.,]*")
_VOWELS = re.compile(r"[aeiouy]+")


def placeholders(text: str) -> list[str]:
    """List the placeholders of a text, in order."""
    return _PLACEHOLDER.findall(text)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of placeholders; one without a value stays as it is."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)


def facts(clinic: Clinic, site: Site) -> dict[str, str]:
    """Return what every placeholder stands for, at one site."""
    values = _lists(clinic, site)
    values.update({f"clinic.{name}": text for name, text in {**clinic.about, **clinic.policies}.items()})
    values.update({NUMBERS[name]: number for name, number in clinic.numbers.items() if name in NUMBERS})
    values.update({f"privacy.{name}": text for name, text in clinic.privacy.items()})
    values.update(_site_facts(clinic, site))
    return values


def _site_facts(clinic: Clinic, site: Site) -> dict[str, str]:
    hours = site.hours.describe(clinic.clock)
    known = {**site.details, "title": site.title, "address": site.address, "phone": site.phone, "hours": hours}
    known["email"] = site.email or clinic.about.get("email", "")
    ask = f"Please ask us on {site.phone}."
    found = {f"site.{name}": known.get(name) or ask for name in SITE_FACTS}
    return {**found, "clinic.phone": site.phone, "clinic.hours": hours, "clinic.email": found["site.email"]}


def _lists(clinic: Clinic, site: Site) -> dict[str, str]:
    visits = [p for p in clinic.prices if p.service == "visit" and (not p.sites or site.slug in p.sites)]
    lengths = [str(p.minutes) for p in visits if p.minutes]
    spoken = sorted({language for member in clinic.team for language in member.languages})
    return {
        "clinic.price": join_words([f"{clinic.money(p.amount)} for {p.minutes} minutes" for p in visits if p.minutes]),
        "clinic.session_length": f"{join_words(dict.fromkeys(lengths), 'or')} minutes",
        "clinic.payment_methods": join_words(clinic.payment_methods),
        "clinic.languages": join_words(spoken),
        "clinic.sites": join_words([f"{s.title} ({s.address})" for s in clinic.sites]),
        "clinic.phones": join_words([f"{s.title} {s.phone}" for s in clinic.sites]),
        "clinic.site_count": str(len(clinic.sites)),
        "clinic.holidays": join_words(sorted(site.hours.holidays.names or ()) if site.hours.holidays else ()),
    }


def forbidden_words(text: str) -> list[str]:
    """List the words of a text that the assistant may not use about the treatment."""
    found: dict[str, None] = {}
    for sentence in _sentences(text):
        if sentence.rstrip().endswith("?"):
            continue  # a question repeats the visitor's word; it promises nothing
        for word, but in _FORBIDDEN_WORDS:
            for hit in word.finditer(sentence):
                if but is None or not but.search(sentence[: hit.start()]):
                    found[hit[0].lower()] = None
    return list(found)


def reading_grade(text: str) -> float:
    """Return the Flesch-Kincaid grade: about the US school year in which the text is easy to read."""
    sentences = [words for words in (_WORD.findall(_blank(part)) for part in _sentences(text)) if words]
    words = [word for sentence in sentences for word in sentence]
    if not words:
        return 0.0
    syllables = sum(map(count_syllables, words))
    return round(0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59, 1)


def count_syllables(word: str) -> int:
    """Count the syllables of an English word, nearly enough for a grade."""
    word = word.lower().replace("\u2019", "'")
    if not word[0].isalpha():
        return 1
    count = len(_VOWELS.findall(word))
    silent = re.search(r"(?:[^aeiouyl]|[aeiouy]l)e$|[^aeiouytd]ed$|(?:[^aeiouyscxgz]|[aeiou](?:s|c|g|z)t?)es$", word)
    if silent and count > 1 and not word.endswith(("ces", "ges", "ses", "zes", "xes", "shes", "ches")):
        count -= 1
    if re.search(r"(?:ia|io(?!us|n)|iu|eo(?!u)|ua(?!r))", word) and not word.endswith(("tial", "cial")):
        count += 1
    return max(count, 1)


def _blank(text: str) -> str:
    """Count a placeholder as one short word, whatever will stand there."""
    return _PLACEHOLDER.sub("it", text)


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _SENTENCE_END.finditer(text):
        yield text[start : end.end()]
        start = end.end()
    if text[start:].strip():
        yield text[start:]
