"""What the server refuses to show to others, and what the check of the clinic's files says about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bot import __main__ as command_line
from bot.errors import SettingsError
from bot.server import check_exposed
from bot.settings import ROOT, Settings

EXPOSED = [{"host": "0.0.0.0"}, {"public_url": "https://chat.example.org"}, {"trusted_proxies": 1}]


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A copy of the sample clinic with red flags that somebody signed."""
    for path in (ROOT / "clinic").glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text().replace("NOT APPROVED: draft for the", "Dr. Ann Lee, PT,"))
    return tmp_path


@pytest.mark.parametrize("changes", EXPOSED)
def test_sample_clinic_is_served_to_this_machine_only(settings: Settings, signed: Path, changes: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="sample clinic"):
        check_exposed(replace(settings, clinic_dir=signed, **changes), sample=True)


@pytest.mark.parametrize("changes", EXPOSED)
def test_red_flags_nobody_signed_are_served_to_this_machine_only(settings: Settings, changes: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match=r"clinic/safety.yml:\d+: not approved by a clinician"):
        check_exposed(replace(settings, **changes), sample=False)


@pytest.mark.parametrize("changes", EXPOSED)
def test_own_clinic_with_signed_red_flags_is_served_to_all(settings: Settings, signed: Path, changes: dict[str, object]) -> None:
    assert check_exposed(replace(settings, clinic_dir=signed, **changes), sample=False) == ()


def test_this_machine_is_served_unsigned_red_flags_with_a_warning(settings: Settings) -> None:
    assert [point.local for point in check_exposed(settings, sample=True)] == [True]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    for name in ("HOST", "PUBLIC_URL", "TRUSTED_PROXIES", "CLINIC_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "var"))
    return monkeypatch


def test_check_passes_for_this_machine_and_says_what_is_unsigned(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command_line.clinic_check()
    said = capsys.readouterr()
    assert "clinic/safety.yml:23: not approved by a clinician; " in said.out
    assert "for this machine only" in said.err


def test_check_fails_for_others_while_red_flags_are_unsigned(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("PUBLIC_URL", "https://chat.example.org")
    with pytest.raises(SettingsError, match="1 problem"):
        command_line.clinic_check()


def test_check_passes_for_others_with_signed_red_flags(
    environment: pytest.MonkeyPatch, signed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("PUBLIC_URL", "https://chat.example.org")
    environment.setenv("CLINIC_DIR", str(signed))
    command_line.clinic_check()
    assert capsys.readouterr().out == ""
