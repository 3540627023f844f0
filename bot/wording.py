"""What may be said and how it reads: placeholders, words the assistant may not use, reading grade."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from bot.clinic import Clinic, Price, Site, TeamMember
from bot.hours import join_words

_PLACEHOLDER = re.compile(r"\{([a-z_]+(?:\.[a-z_]+)?)\}")

SITE_FACTS = ("title", "address", "phone", "email", "hours")
"""Placeholders of every site, as {site.address}; whatever else clinic.yml says about a site is one too."""

NUMBERS = {"emergency": "emergency.number", "crisis": "crisis.line", "poison": "poison.line", "urgent": "urgent.line"}

# Said about the treatment these promise what nobody can keep (docs/safety.md). The second part of a row is what stands
# in front of the word where it is harmless: "cannot say if it is safe", "not proven".
_FORBIDDEN: tuple[tuple[str, str], ...] = (
    (r"cur(?:e|es|ed|ing)", ""),
    (r"heal(?:s|ed|ing)?", ""),
    (r"fix(?:es|ing)?", ""),
    (r"guarante\w+", ""),
    (r"safe", r"\b(?:not|isn't|keep (?:you|everyone)|stay|feel|(?:if|whether) (?:it|that|this) is|if it's)\s+$"),
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
_FORBIDDEN_WORDS = tuple((re.compile(rf"\b(?:{word})\b", re.I), re.compile(but, re.I) if but else None) for word, but in _FORBIDDEN)

_SENTENCE_END = re.compile(r"[.!?]+(?=\s|$)|\n+")
_WORD = re.compile(r"[A-Za-z][A-Za-z'\u2019-]*|\d[\d:.,]*")
_VOWELS = re.compile(r"[aeiouy]+")
# An e that is not heard: "use", "cleaned", "takes", "safely"; it is in "needle", "needles", "injected", "places".
_SILENT = re.compile(
    r"(?:[^aeiouyl]|[aeiouy]l)e$|[^aeiouytd]ed$|(?:[^aeiouyscxgzhl]|[aeiouy]l)es$|[^aeiouy]e(?=(?:ly|ful|less|ment|ness)$)"
)
# Two vowels that are two syllables: "medial", "video", "gradual".
_APART = re.compile(r"ia|io(?!us|n)|iu|eo(?!u)|ua(?!r)")


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
    names = {*SITE_FACTS, *(name for other in clinic.sites for name in other.details)}
    # What only another site tells is asked for by phone here.
    found = {f"site.{name}": known.get(name) or f"Please ask us on {site.phone}." for name in sorted(names)}
    return {**found, "clinic.phone": site.phone, "clinic.hours": hours, "clinic.email": found["site.email"]}


def _lists(clinic: Clinic, site: Site) -> dict[str, str]:
    spoken = sorted({language for member in clinic.team for language in member.languages})
    return {
        **_prices(clinic, site),
        "clinic.team": members_text(clinic.team),
        "clinic.women": join_words([one.name for one in clinic.team if one.gender == "woman" and one.needles]),
        "clinic.men": join_words([one.name for one in clinic.team if one.gender == "man" and one.needles]),
        "clinic.payment_methods": join_words(clinic.payment_methods),
        "clinic.languages": join_words(spoken),
        "clinic.sites": join_words([f"{s.title} ({s.address})" for s in clinic.sites]),
        "clinic.phones": join_words([f"{s.title} {s.phone}" for s in clinic.sites]),
        "clinic.site_count": str(len(clinic.sites)),
        "clinic.all_hours": "; ".join(f"{one.title} {one.hours.describe(clinic.clock)}" for one in clinic.sites),
        "clinic.holidays": join_words(sorted(site.hours.holidays.names or ()) if site.hours.holidays else ()),
    }


def _prices(clinic: Clinic, site: Site) -> dict[str, str]:
    here = [price for price in clinic.prices if not price.sites or site.slug in price.sites]
    visits = [price for price in here if price.service == "visit" and price.minutes]
    first = [price for price in here if price.service == "first_visit"]
    packages = [price for price in here if price.service == "package"]
    lengths = dict.fromkeys(str(price.minutes) for price in visits)
    return {
        "clinic.price": join_words([f"{clinic.money(p.amount)} for {p.minutes} minutes" for p in visits]),
        "clinic.session_length": f"{join_words(lengths, 'or')} minutes" if lengths else "",
        "clinic.first_visit_price": join_words([clinic.money(p.amount) for p in first]),
        "clinic.first_visit_length": join_words([f"{p.minutes} minutes" for p in first if p.minutes]),
        "clinic.package_prices": join_words([_price(clinic, p) for p in packages]),
        "clinic.price_list": "; ".join(_price(clinic, p) for p in here),
    }


def _price(clinic: Clinic, price: Price) -> str:
    note = f" ({price.note})" if price.note else ""
    return f"{price.title} {clinic.money(price.amount)}{note}"


def members_text(team: Sequence[TeamMember]) -> str:
    """Write members with their letters and work: "Dr. Robin Sample, PT, DPT (owner); Sam Specimen (front desk)"."""
    return "; ".join(f"{one.name}{', ' if one.credentials else ''}{one.credentials} ({one.role})" for one in team)


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
    count = len(_VOWELS.findall(word)) - len(_SILENT.findall(word))
    if _APART.search(word) and not word.endswith(("tial", "cial")):
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
