"""The documentation says what is there: settings, commands, targets, clinic.yml, links; and nothing that belongs to nobody's reader."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.content import read_yaml
from bot.safety_rules import KINDS, TALK, TEXTS
from bot.settings import ROOT, Settings

DECISIONS = ROOT / "docs" / "decisions"

SECTIONS = ("Context", "Decision", "Consequence", "What would change it")
"""The headings of every decision."""


@lru_cache(maxsize=1)
def tracked() -> tuple[Path, ...]:
    """Every file that is, or would be, in the repository."""
    try:
        command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
        found = [ROOT / name for name in listed if name]
    except (OSError, subprocess.CalledProcessError):  # unpacked from an archive
        out = {".venv", ".venv-uv", ".git", "var", "models", "__pycache__"}
        found = [path for path in ROOT.rglob("*") if not out & set(path.relative_to(ROOT).parts)]
    return tuple(path for path in found if path.is_file())


@lru_cache(maxsize=1)
def documents() -> dict[Path, str]:
    """Every page of documentation."""
    return {path: path.read_text(encoding="utf-8") for path in tracked() if path.suffix == ".md"}


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(name: str, heading: str) -> dict[str, list[str]]:
    """The rows of the first table below a heading, by the words in code of their first cell."""
    below = re.split(rf"^#+ {re.escape(heading)}\n", text_of(name), flags=re.M)[1]
    table: dict[str, list[str]] = {}
    for line in below.splitlines():
        if line.startswith("#") and table:
            break
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `"):
            table[cells[0].strip("`")] = cells[1:]
    return table


# -- settings, commands, targets -----------------------------------------------------------------------------------------


def shown(default: Any) -> str:
    """A default as the table writes it."""
    if isinstance(default, Path):
        return f"`{default.relative_to(ROOT)}`"
    if isinstance(default, bool):
        return "`yes`" if default else "`no`"
    if isinstance(default, tuple):
        return f"`{','.join(f'{one:g}' for one in default)}`" if default else "empty"
    if isinstance(default, (int, float)):
        return f"`{default:g}`"
    return f"`{default}`" if default else "empty"


def test_settings_table_is_the_code() -> None:
    wanted = {one.name.upper(): [shown(one.default), one.metadata["help"]] for one in fields(Settings)}
    assert rows("docs/operating.md", "Settings") == wanted


def commands() -> Iterator[str]:
    import typer.main

    from bot.__main__ import app

    def walk(command: Any, name: str) -> Iterator[str]:
        for sub, one in sorted(getattr(command, "commands", {}).items()):
            yield from walk(one, f"{name} {sub}")
        if not getattr(command, "commands", None):
            yield name

    yield from walk(typer.main.get_command(app), "python -m bot")


@pytest.mark.parametrize("command", commands())
def test_command_is_documented_with_an_example(command: str) -> None:
    table = rows("docs/operating.md", "Commands")
    assert command.removeprefix("python -m bot ") in table
    assert any(f"{command} " in text or f"{command}\n" in text or f"`{command}`" in text for text in documents().values())


def test_no_command_is_documented_that_does_not_exist() -> None:
    known = {command.removeprefix("python -m bot ") for command in commands()}
    assert set(rows("docs/operating.md", "Commands")) == known
    first = {name.partition(" ")[0] for name in known}
    named = {found for text in documents().values() for found in re.findall(r"python -m bot ([a-z][a-z-]*)", text)}
    assert named - first == set()


def targets() -> list[str]:
    return sorted(re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), flags=re.M))


@pytest.mark.parametrize("target", targets())
def test_make_target_is_documented(target: str) -> None:
    assert target in rows("CONTRIBUTING.md", "Targets")


def test_no_make_target_is_named_that_does_not_exist() -> None:
    assert set(rows("CONTRIBUTING.md", "Targets")) == set(targets())
    named = {found for text in documents().values() for found in re.findall(r"`make ([a-z-]+)`", text)}
    assert named - set(targets()) == set()


# -- the clinic's files --------------------------------------------------------------------------------------------------


def clinic() -> dict[str, Any]:
    return read_yaml(ROOT / "clinic" / "clinic.yml")[0]


@pytest.mark.parametrize("section", sorted(clinic()))
def test_section_of_clinic_yml_is_documented(section: str) -> None:
    assert section in rows("docs/changing.md", "clinic.yml, line by line")


def test_every_kind_text_and_section_of_safety_yml_is_documented() -> None:
    text = text_of("docs/safety.md")
    assert {name for name in (*KINDS, *TEXTS, *TALK) if f"`{name}`" not in text} == set()


def test_every_source_that_content_names_is_listed() -> None:
    listed = set(re.findall(r"\*\*(S\d+[a-z]?)\*\*", text_of("docs/safety.md")))
    named: set[str] = set()
    for name in ("clinic/answers.yml", "clinic/safety.yml"):
        for source in re.findall(r"^\s+source: (.*)$", text_of(name), flags=re.M):
            for first, last in re.findall(r"S(\d+)-S(\d+)", source):
                named |= {f"S{number}" for number in range(int(first), int(last) + 1)}
            named |= set(re.findall(r"\bS\d+[a-z]?\b", source))
    assert named - listed == set()


def test_every_figure_of_the_evaluation_is_defined() -> None:
    from bot.evaluation import Report

    table = rows("docs/safety.md", "Every figure, defined")
    assert set(Report.__dataclass_fields__) - set(table) == set()


def test_the_version_is_one() -> None:
    from bot import __version__

    assert f'\nversion = "{__version__}"\n' in text_of("pyproject.toml")
    assert f"/frontdesk:{__version__}\n" in text_of("deploy/kubernetes/frontdesk.yaml")


# -- links and decisions -------------------------------------------------------------------------------------------------


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    words = re.sub(r"[^\w\- ]", "", re.sub(r"`|\*", "", heading.strip().lower()))
    return words.replace(" ", "-")


def links() -> list[tuple[str, str]]:
    found = []
    for path, text in documents().items():
        plain = re.sub(r"```.*?```", "", text, flags=re.S)
        found += [(str(path.relative_to(ROOT)), link) for link in re.findall(r"\]\(([^)\s]+)\)", plain)]
        found += [(str(path.relative_to(ROOT)), link) for link in re.findall(r'<img[^>]* src="([^"]+)"', plain)]
    return sorted(set(found))


@pytest.mark.parametrize(
    ("page", "link"), [(page, link) for page, link in links() if "://" not in link and not link.startswith("mailto:")]
)
def test_link_leads_somewhere(page: str, link: str) -> None:
    file, _, anchor = link.partition("#")
    target = (ROOT / page).parent / file if file else ROOT / page
    assert target.exists(), f"{page}: {link}"
    if anchor and target.suffix == ".md":
        headings = re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), flags=re.M)
        assert anchor in {slug(heading) for heading in headings}, f"{page}: {link}"


def test_pages_named_in_code_exist() -> None:
    for path in tracked():
        if path.suffix in {".py", ".yml", ".yaml", ".sh", ".txt", ".toml"}:
            for name in re.findall(r"docs/[a-z]+\.md|docs/decisions/\d{4}", path.read_text(encoding="utf-8", errors="ignore")):
                found = list(DECISIONS.glob(name.rpartition("/")[2] + "-*.md")) if "decisions" in name else [ROOT / name]
                assert found and found[0].exists(), f"{path.relative_to(ROOT)} names {name}"


def decisions() -> list[Path]:
    return sorted(DECISIONS.glob("[0-9]*.md"))


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.name[:4]) for path in decisions()] == list(range(1, len(decisions()) + 1))


@pytest.mark.parametrize("path", decisions(), ids=lambda path: path.name)
def test_decision_is_whole_and_listed(path: Path) -> None:
    assert tuple(re.findall(r"^## (.+)$", path.read_text(encoding="utf-8"), flags=re.M)) == SECTIONS
    assert f"({path.name})" in text_of("docs/decisions/README.md")


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or not page.exists():
            continue
        reached.add(page)
        here = [link.partition("#")[0] for where, link in links() if ROOT / where == page]
        waiting += [(page.parent / link).resolve() for link in here if link.endswith(".md")]
    pages = {path for path in documents() if path.is_relative_to(ROOT / "docs") or path.parent == ROOT}
    assert pages - reached == set()


# -- what no file may hold -----------------------------------------------------------------------------------------------

# Written in pieces, so that this file does not hold them itself.
MACHINE_PATHS = re.compile(
    r"(?<![\w.])(?:" + "|".join(("/wo" + "rk/", "/ho" + r"me/\w", "/ro" + r"ot/\w", "/Us" + r"ers/\w", r"[A-Z]:\\Us" + "ers")) + ")"
)
ADDRESSES = re.compile(
    r"\b(?:py" + r"pi\.org|python" + r"hosted\.org|index-" + r"url|docker\." + r"io|gh" + r"cr\.io|hugging" + r"face\.co)"
)
WORKSHOP = re.compile(
    r"\b(?:sub" + r"agent|prom" + r"pt engineer|as an A" + r"I|Cl" + r"aude|Chat" + r"GPT|Co" + r"pilot|contract\.md)\b"
)


@pytest.mark.parametrize(
    "pattern", [MACHINE_PATHS, ADDRESSES, WORKSHOP], ids=["machine paths", "registry addresses", "workshop talk"]
)
def test_no_tracked_file_holds(pattern: re.Pattern[str]) -> None:
    found = []
    for path in tracked():
        if path.suffix in {".png", ".jpg", ".webp", ".ico", ".gz"} or path.stat().st_size > 5_000_000:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="ignore").splitlines(), 1):
            # What visitors write about (training messages) is theirs.
            if (
                pattern.search(line)
                and not path.is_relative_to(ROOT / "data")
                and not path.is_relative_to(ROOT / "tests" / "heldout")
            ):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    assert found == []


RASAS = {"RASA_TELEMETRY_ENABLED", "RASA_CACHE_DIRECTORY", "SQLALCHEMY_SILENCE_UBER_WARNING", "PYTHONUNBUFFERED"}
"""What others read from the environment."""


def test_deployment_files_set_only_settings_that_exist() -> None:
    known = {one.name.upper() for one in fields(Settings)} | RASAS
    foreign = ("POSTGRES_", "PG")  # the database's own container
    for path in tracked():
        if path.is_relative_to(ROOT / "deploy") and path.suffix != ".md":
            text = path.read_text(encoding="utf-8")
            named = set(re.findall(r"^\s*(?:ENV |Environment=|- name: |- )?([A-Z][A-Z_]+)(?:=|: )", text, flags=re.M))
            named |= set(re.findall(r"- name: ([A-Z][A-Z_]+)$", text, flags=re.M))
            assert {name for name in named if not name.startswith(foreign)} - known == set(), path


def test_the_image_is_built_from_what_its_build_may_see() -> None:
    copied = [line.split()[1:-1] for line in text_of("deploy/Containerfile").splitlines() if line.startswith("COPY")]
    seen = {line[1:] for line in text_of(".dockerignore").splitlines() if line.startswith("!")}
    named = {name for names in copied for name in names}
    assert named == seen
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_a_secret_that_compose_names_is_one_it_has() -> None:
    compose = yaml.safe_load(text_of("deploy/compose.yml"))
    for service in compose["services"].values():
        files = [str(value) for name, value in service.get("environment", {}).items() if name.endswith("_FILE")]
        assert {file.removeprefix("/run/secrets/") for file in files} <= set(service.get("secrets", ()))
        assert set(service.get("secrets", ())) <= set(compose["secrets"])


def test_a_command_runs_with_the_settings_of_the_service() -> None:
    unit, command = text_of("deploy/frontdesk.service"), text_of("deploy/frontdesk")
    known = {one.name.upper() for one in fields(Settings)}
    assert not [name for name in re.findall(r"^Environment=(\w+)", unit, flags=re.M) if name in known]
    (file,) = re.findall(r"^EnvironmentFile=(\S+)$", unit, flags=re.M)
    assert f"EnvironmentFile={file} " in command
    assert f"deploy/service.env {file}\n" in unit


def test_yaml_of_the_deployment_can_be_read() -> None:
    for path in tracked():
        if path.is_relative_to(ROOT / "deploy") and path.suffix in {".yml", ".yaml"}:
            assert all(isinstance(one, dict) for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))), path
