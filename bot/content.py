"""The clinic's content as files and as entries.

`clinic.yml` and `answers.yml` are what a clinic writes; an entry (a key and its fields) is what the store versions, the
console edits and the assistant serves. This module turns one into the other and back, and knows on which line of which
file an entry stands, so that whatever is wrong can be named with file and line.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml

from bot.errors import ContentError

# libyaml reads a file of a thousand lines in a tenth of the time.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Fields = dict[str, Any]
Entries = dict[str, Fields]
Place = tuple[str | int, ...]

TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "what_is_dry_needling": "What is dry needling?",
        "how_it_works": "How does it work?",
        "history": "Where does it come from?",
        "benefits": "What are the benefits?",
        "risks_side_effects": "Risks and side effects",
        "conditions_treated": "What is it used for?",
        "effectiveness": "How well does it work?",
        "combining_therapies": "With other treatments?",
        "age_suitability": "Age and fitness",
        "session_length": "How long is a session?",
        "session_count": "How many sessions?",
        "choosing_practitioner": "Choosing a therapist",
        "aftercare": "After a session",
        "preparation_first_visit": "Preparing for a visit",
        "cost": "What does it cost?",
        "insurance_referral": "Insurance and referrals",
        "acupuncture_difference": "Dry needling or acupuncture?",
        "does_it_hurt": "Does it hurt?",
        "needle_safety": "Are the needles clean?",
        "contraindications": "Who should not have it?",
        "clinic_hours": "Opening hours",
        "clinic_location": "Where are you?",
        "booking": "Book an appointment",
        "cancellation": "Cancel an appointment",
        "clinic_contact": "Phone and e-mail",
        "clinic_team": "Meet the team",
        "privacy": "What happens to this chat?",
    }
)
"""The topics with the words on their buttons; each must have an answer."""

WORDINGS = (
    *("greeting", "greet", "goodbye", "thank", "feedback", "help", "bot_challenge"),
    *("out_of_scope", "other_health", "not_sure", "affirm_nothing", "deny_nothing", "condition"),
    *("asked", "unavailable", "callback", "callback_kept", "callback_refused", "team_lines", "site_question"),
)
"""What the assistant says besides answers to topics; each must be worded too."""

TARGETS = frozenset({*TOPICS, "bot_challenge", "help", "talk_to_human", "callback"})
"""What a follow-up button or an offer may lead to."""

SIGNED = ("approved_by", "reviewed_on", "source")
"""What a variant takes from its topic where it has none of its own."""

LISTS = frozenset({"clinic/prices", "clinic/team", "clinic/payment_methods", "clinic/notifications"})
"""Parts of clinic.yml that are lists: their entry holds them as `items`."""

PARTS = ("numbers", "prices", "payment_methods", "policies", "privacy", "team", "website", "notifications")
"""Parts of clinic.yml that are entries of their own; all other keys but `sites` belong to `clinic/about`."""


@dataclass(frozen=True)
class Lines:
    """Where things stand in one file."""

    file: str
    numbers: Mapping[Place, int] = field(default_factory=dict)

    def of(self, place: Place) -> int:
        """Return the line of a place, or of the nearest thing around it."""
        while place and place not in self.numbers:
            place = place[:-1]
        return self.numbers.get(place, 1)


@dataclass(frozen=True)
class ContentFiles:
    """Both files, read: the entries and where each stands."""

    entries: Entries
    clinic: Lines
    answers: Lines

    def where(self, key: str, place: Place = ()) -> tuple[str, int]:
        """Return file and line of a field of an entry."""
        lines = self.clinic if key.startswith("clinic/") else self.answers
        return lines.file, lines.of(_place(key) + (place[1:] if key in LISTS and place[:1] == ("items",) else place))


def read_content(clinic_dir: Path) -> ContentFiles:
    """Read clinic.yml and answers.yml; a file that cannot be read is a ContentError of one line."""
    clinic, clinic_lines = read_yaml(clinic_dir / "clinic.yml")
    answers, answer_lines = read_yaml(clinic_dir / "answers.yml")
    return ContentFiles({**_clinic_entries(clinic), **_answer_entries(answers)}, clinic_lines, answer_lines)


def read_yaml(path: Path) -> tuple[dict[str, Any], Lines]:
    """Read a YAML file into a mapping, and remember on which line everything stands."""
    name = _shown(path)
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        node = loader.get_single_node()
        numbers: dict[Place, int] = {}
        if node is not None:
            _note_lines(node, (), numbers, name)
        data = loader.construct_document(node) if node is not None else {}
    except OSError as error:
        raise ContentError(f"{name}: expected a file that can be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ContentError(f"{name}: expected UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ContentError(_yaml_problem(name, error)) from error
    if not isinstance(data, dict):
        raise ContentError(f"{name}:1: expected a mapping (lines such as `name: value`)")
    return plain(data), Lines(name, numbers)


def write_content(clinic_dir: Path, entries: Mapping[str, Fields]) -> tuple[Path, ...]:
    """Write entries back into clinic.yml and answers.yml; each file is replaced whole, or not at all."""
    written = []
    try:
        clinic_dir.mkdir(parents=True, exist_ok=True)
        for name, data in (("clinic.yml", _clinic_data(entries)), ("answers.yml", _answer_data(entries))):
            path = clinic_dir / name
            beside = path.with_suffix(".new")
            beside.write_text(_dump(data), encoding="utf-8")
            os.replace(beside, path)
            written.append(path)
    except OSError as error:
        raise ContentError(f"{clinic_dir}: expected a folder that can be written ({error.strerror})") from error
    return tuple(written)


def plain(value: Any) -> Any:
    """Return the value as JSON keeps it: dates as ISO text, keys as text, text without outer blanks."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value.strip() if isinstance(value, str) else value


def split_key(key: str) -> tuple[str, str]:
    """Split an answer's key into topic and variant; the main answer's variant is empty."""
    topic, _, variant = key.partition("/")
    return topic, variant


def in_file_order(keys: Iterable[str]) -> list[str]:
    """Order answer keys as the file has them: topics, then wordings, each with its variants behind it."""
    rank = {name: number for number, name in enumerate((*TOPICS, *WORDINGS))}
    return sorted(keys, key=lambda key: rank.get(split_key(key)[0], len(rank)))


# -- files to entries ------------------------------------------------------------------------------------------------


def _clinic_entries(data: Mapping[str, Any]) -> Entries:
    entries: Entries = {"clinic/about": {k: v for k, v in data.items() if k not in (*PARTS, "sites")}}
    for slug, site in _mapping(data.get("sites")).items():
        entries[f"clinic/sites/{slug}"] = {k: v for k, v in _mapping(site).items() if k != "hours"}
        entries[f"clinic/hours/{slug}"] = dict(_mapping(_mapping(site).get("hours")))
    for part in PARTS:
        key, value = f"clinic/{part}", data.get(part)
        entries[key] = {"items": value or []} if key in LISTS else dict(_mapping(value))
    return entries


def _answer_entries(data: Mapping[str, Any]) -> Entries:
    entries: Entries = {}
    for group in ("topics", "wordings"):
        for name, given in _mapping(data.get(group)).items():
            fields = {k: v for k, v in _mapping(given).items() if k != "variants"}
            entries[name] = fields
            for variant, own in _mapping(_mapping(given).get("variants")).items():
                signed = {k: fields[k] for k in SIGNED if k in fields}
                entries[f"{name}/{variant}"] = {**signed, **_mapping(own)}
    return entries


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _place(key: str) -> Place:
    """Return where an entry stands in its file."""
    parts = key.split("/")
    if parts[0] == "clinic":
        if parts[1] == "hours":
            return ("sites", parts[2], "hours")
        return () if parts[1] == "about" else tuple(parts[1:])
    group = "topics" if parts[0] in TOPICS or parts[0] not in WORDINGS else "wordings"
    return (group, parts[0], "variants", parts[1]) if len(parts) > 1 else (group, parts[0])


# -- entries to files ------------------------------------------------------------------------------------------------


def _clinic_data(entries: Mapping[str, Fields]) -> Fields:
    data = dict(entries["clinic/about"])
    data["sites"] = {
        key.split("/")[2]: {**fields, "hours": entries.get(key.replace("/sites/", "/hours/"), {})}
        for key, fields in entries.items()
        if key.startswith("clinic/sites/")
    }
    for part in PARTS:
        fields = entries.get(f"clinic/{part}", {})
        data[part] = fields.get("items", []) if f"clinic/{part}" in LISTS else fields
    return data


def _answer_data(entries: Mapping[str, Fields]) -> Fields:
    data: dict[str, dict[str, Fields]] = {"topics": {}, "wordings": {}}
    for key in in_file_order(key for key in entries if not key.startswith("clinic/")):
        topic, variant = split_key(key)
        group = data["topics" if topic in TOPICS or topic not in WORDINGS else "wordings"]
        if not variant:
            group[topic] = dict(entries[key])
            continue
        main = group.setdefault(topic, {})
        own = {k: v for k, v in entries[key].items() if k not in SIGNED or v != main.get(k)}
        main.setdefault("variants", {})[variant] = own
    return data


class _Dumper(yaml.SafeDumper):
    """Writes long text folded and short lists in one line, as a person would."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write things twice rather than with anchors."""
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else ">" if len(text) > 90 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _write_list(dumper: yaml.SafeDumper, items: Sequence[Any]) -> yaml.Node:
    flat = all(not isinstance(item, (dict, list)) for item in items)
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=flat)


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(list, _write_list)


def _dump(data: Any) -> str:
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


# -- lines -----------------------------------------------------------------------------------------------------------


def _note_lines(node: yaml.Node, place: Place, numbers: dict[Place, int], file: str) -> None:
    numbers.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*place, str(name.value))
            if inner in numbers:
                raise ContentError(f"{file}:{name.start_mark.line + 1}: expected each name once, {name.value!r} stands here again")
            numbers[inner] = name.start_mark.line + 1
            _note_lines(value, inner, numbers, file)
    elif isinstance(node, yaml.SequenceNode):
        for number, value in enumerate(node.value):
            _note_lines(value, (*place, number), numbers, file)


def _yaml_problem(file: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = f":{mark.line + 1}" if mark else ""
    reason = " ".join(str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split())
    return f"{file}{line}: expected valid YAML ({reason})"


def _shown(path: Path) -> str:
    """Name a file as somebody in the current folder would."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
