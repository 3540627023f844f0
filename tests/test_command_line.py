"""The command line, in this process and on a database of its own: what it prints, and what it exits with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.__main__ import app, main
from bot.errors import Unauthorized
from bot.settings import ROOT
from bot.staff import Staff
from bot.store import Store

WORDS = "copper lantern seven rivers"


@dataclass(frozen=True)
class Done:
    """What a command did."""

    code: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    for name, value in {"VAR_DIR": tmp_path, "CLINIC_DIR": ROOT / "clinic", "DATABASE_URL": "", "SECRET_KEYS": "a key"}.items():
        monkeypatch.setenv(name, str(value))

    def run(*words: str) -> Done:
        with pytest.raises(SystemExit) as left:
            main(lambda: app(list(words)))
        printed = capsys.readouterr()
        return Done(int(left.value.code or 0), printed.out, printed.err)

    return run


@pytest.fixture
def staff(bot: Command, tmp_path: Path) -> Staff:
    bot("staff", "add", "ann@clinic.example", "--name", "Ann Berg", "--role", "owner")
    return Staff(Store(f"sqlite:///{tmp_path / 'frontdesk.db'}"))


def token(printed: str) -> str:
    return printed.split("#")[1].strip()


def test_somebody_who_was_added_is_listed_as_invited(bot: Command, staff: Staff) -> None:
    row = bot("staff", "list").out.splitlines()[-2]
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "ann@clinic.example",
        "Ann Berg",
        "owner",
        "invited, no password yet",
    ]


def test_the_list_tells_who_joined_and_who_was_switched_off(bot: Command, staff: Staff) -> None:
    ben, invitation = staff.add("ben@clinic.example", "Ben", "front_desk")
    staff.accept(invitation, WORDS)
    assert " on " in next(line for line in bot("staff", "list").out.splitlines() if "ben@" in line)
    staff.switch(ben.id, by=None, on=False)
    assert "switched off" in next(line for line in bot("staff", "list").out.splitlines() if "ben@" in line)


def test_a_link_is_printed_in_one_piece_however_long_the_address(bot: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://a-rather-long-name-of-a-clinic.somewhere.example")
    printed = bot("staff", "add", "ann@clinic.example", "--name", "Ann", "--role", "owner").out
    (link,) = [word for word in printed.split() if word.startswith("https://")]
    assert len(token(link)) >= 43


def test_beside_a_link_stands_how_to_make_it_lead_to_where_the_server_answers(
    bot: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "8010")
    done = bot("staff", "add", "ann@clinic.example", "--name", "Ann", "--role", "owner")
    assert "http://localhost:8010/staff/welcome#" in done.out
    assert "elsewhere than http://localhost:8010" in done.err
    assert "PORT or PUBLIC_URL" in done.err
    monkeypatch.setenv("PUBLIC_URL", "https://chat.clinic.example")
    done = bot("staff", "reset", "ann@clinic.example")
    assert ("https://chat.clinic.example/staff/welcome#" in done.out, done.err) == (True, "")


def test_a_reset_link_leads_to_a_new_password(bot: Command, staff: Staff) -> None:
    link = bot("staff", "reset", "ann@clinic.example").out
    staff.accept(token(link), WORDS)
    assert staff.sign_in("ann@clinic.example", WORDS)


def test_a_lost_telephone_is_mended_from_the_command_line(bot: Command, staff: Staff) -> None:
    import pyotp

    ann = staff.accept(staff.invite(staff.by_email("ann@clinic.example").id), WORDS)
    secret = pyotp.random_base32()
    staff.set_code(ann.id, secret, pyotp.TOTP(secret).now())
    assert "with one-time code" in bot("staff", "list").out
    staff.accept(token(bot("staff", "reset", "ann@clinic.example", "--drop-code").out), WORDS)
    assert not staff.member(ann.id).has_code


def test_signing_out_ends_every_session(bot: Command, staff: Staff) -> None:
    staff.accept(staff.invite(staff.by_email("ann@clinic.example").id), WORDS)
    cookies = [staff.sign_in("ann@clinic.example", WORDS)[1] for _ in range(2)]
    assert "2 sessions ended" in bot("staff", "sign-out", "ann@clinic.example").err
    for cookie in cookies:
        with pytest.raises(Unauthorized):
            staff.session(cookie)


@pytest.mark.parametrize("command", ["reset", "sign-out"])
def test_a_stranger_is_an_error_of_one_line(bot: Command, command: str) -> None:
    done = bot("staff", command, "nobody@clinic.example")
    assert (done.code, done.err.splitlines()) == (1, ["frontdesk: no such member of staff"])


def test_a_whole_audit_log_is_verified_and_its_end_is_named(bot: Command, staff: Staff) -> None:
    done = bot("audit", "verify")
    assert done.code == 0
    assert "whole: 2 rows, the last hash is" in done.err


def test_a_changed_audit_log_is_an_error_that_names_the_row(bot: Command, staff: Staff, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'frontdesk.db'}").transaction() as connection:
        connection.execute(sa.text("UPDATE audit SET member = 'somebody else'"))
    done = bot("audit", "verify")
    assert done.code == 1
    assert "row 1 " in done.err


def test_content_is_exported_into_a_folder_that_is_not_there_yet(bot: Command, tmp_path: Path) -> None:
    done = bot("clinic", "export", str(tmp_path / "a" / "clinic"))
    assert (done.code, sorted(path.name for path in (tmp_path / "a" / "clinic").iterdir())) == (0, ["answers.yml", "clinic.yml"])


def test_an_import_says_what_it_brought_in(bot: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "clinic", tmp_path / "clinic")
    monkeypatch.setenv("CLINIC_DIR", str(tmp_path / "clinic"))
    assert " more." in bot("clinic", "import").err
    assert bot("clinic", "import").err.startswith("Nothing is new")
    file = tmp_path / "clinic" / "clinic.yml"
    file.write_text(file.read_text().replace('origins: ["https://www.example.com"', 'origins: ["https://www.clinic.example"'))
    assert "1 entry imported: clinic/website." in bot("clinic", "import").err


def test_a_folder_that_cannot_be_written_is_an_error_of_one_line(bot: Command) -> None:
    done = bot("clinic", "export", "/proc/clinic")
    assert (done.code, len(done.err.splitlines())) == (1, 1)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ('["www.clinic.example"]', "not 'www.clinic.example'"),
        ('["https://clinic.example/contact"]', "without a path"),
        ('"https://clinic.example"', "a list such as"),
        ('["https://clinic.example", "https://*.clinic.example/", "http://localhost:8080"]', ""),
    ],
)
def test_an_address_of_the_website_that_would_be_left_out_is_named(
    bot: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, said: str
) -> None:
    shutil.copytree(ROOT / "clinic", tmp_path / "clinic")
    monkeypatch.setenv("CLINIC_DIR", str(tmp_path / "clinic"))
    file = tmp_path / "clinic" / "clinic.yml"
    file.write_text(file.read_text().replace('allowed_origins: ["https://www.example.com"]', f"allowed_origins: {listed}"))
    done = bot("clinic", "check")
    assert done.code == (1 if said else 0)
    assert said in done.out


def test_each_problem_of_the_content_is_one_line(bot: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(ROOT / "clinic", tmp_path / "clinic")
    answers = tmp_path / "clinic" / "answers.yml"
    answers.write_text(answers.read_text().replace("text:", "txet:", 1))
    monkeypatch.setenv("CLINIC_DIR", str(tmp_path / "clinic"))
    done = bot("clinic", "check")
    assert done.code == 1
    lines = done.out.splitlines()
    assert any(line.startswith(f"{answers}:") for line in lines)
    assert all(line.startswith(f"{answers.parent}/") for line in lines)


# -- backup --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def archive(bot: Command, staff: Staff, tmp_path: Path) -> Path:
    file = tmp_path / "backups" / "monday.tar.gz"
    assert bot("backup", str(file)).code == 0
    return file


def test_a_backup_says_what_is_in_it_and_what_it_needs(bot: Command, staff: Staff, tmp_path: Path) -> None:
    done = bot("backup", str(tmp_path / "one.tar.gz"))
    assert (done.code, done.out) == (0, "")
    assert "17 tables" in done.err
    assert "keep SECRET_KEYS as well" in done.err
    assert "encrypt it" in done.err


def test_a_good_backup_is_shown_table_by_table(bot: Command, archive: Path) -> None:
    done = bot("restore", str(archive), "--check")
    assert done.code == 0
    assert ["member", "1", "1"] in [[cell.strip() for cell in line.strip("│ ").split("│")][:3] for line in done.out.splitlines()]
    assert "DIFFERENT" not in done.out
    assert "can be restored" in done.err


def test_a_backup_with_a_changed_record_fails_its_check(bot: Command, staff: Staff, tmp_path: Path) -> None:
    with Store(f"sqlite:///{tmp_path / 'frontdesk.db'}").transaction() as connection:
        connection.execute(sa.text("UPDATE audit SET member = 'somebody else' WHERE seq = 2"))
    bot("backup", str(tmp_path / "one.tar.gz"))
    done = bot("restore", str(tmp_path / "one.tar.gz"), "--check")
    assert done.code == 1
    assert "does not fit from row 2 on" in done.out
    assert "the backup is not whole" in done.err


def test_a_damaged_backup_is_one_line(bot: Command, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:5000])
    done = bot("restore", str(archive), "--check")
    assert (done.code, done.out, len(done.err.splitlines())) == (1, "", 1)
    assert "damaged" in done.err


def test_a_restore_over_another_database_wants_force_and_says_where_the_old_one_is(
    bot: Command, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "new"))
    assert bot("restore", str(archive)).code == 0
    refused = bot("restore", str(archive))
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
    done = bot("restore", str(archive), "--force")
    assert done.code == 0
    assert f"is kept: {tmp_path / 'new' / 'frontdesk.db.before-'}" in done.err


def test_a_restore_in_an_empty_folder_is_the_clinic_of_before(
    bot: Command, archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAR_DIR", str(tmp_path / "new" / "var"))
    monkeypatch.setenv("CLINIC_DIR", str(tmp_path / "new" / "clinic"))
    assert bot("restore", str(archive)).code == 0
    assert "ann@clinic.example" in bot("staff", "list").out
    assert bot("audit", "verify").code == 0
    assert bot("clinic", "check").code == 0
