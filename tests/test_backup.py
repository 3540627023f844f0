"""Backing up while others write, checking, and restoring in an empty place or over another database; on both databases."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pgserver
import pytest
import sqlalchemy as sa
import sqlalchemy.engine
from alembic import command
from alembic.config import Config
from store_tools import empty_database, everything, new_database

from bot.archive import MANIFEST, Manifest, pack, unpack
from bot.backup import back_up, check, restore
from bot.bell import Bell
from bot.desk import Desk, Draft
from bot.dump import Postgresql
from bot.errors import BackupError
from bot.notify import NotificationRule, Outbox
from bot.settings import ROOT, Settings
from bot.staff import Staff
from bot.store import MIGRATIONS, Store, address_of

pytest_plugins = ("fixtures_store",)

PROGRAMS = Path(pgserver.__file__).parent / "pginstall" / "bin"
"""Of the server that the tests bring along: another version's programs may not fit."""

RULE = NotificationRule("email", "desk@clinic.example")

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{PROGRAMS}:{os.environ['PATH']}")


@pytest.fixture
def served(store_url: str, tmp_path: Path) -> Settings:
    """A clinic that has been in use, on each database in turn."""
    settings = Settings(clinic_dir=tmp_path / "clinic", var_dir=tmp_path / "var", database_url=store_url)
    shutil.copytree(ROOT / "clinic", settings.clinic_dir)
    settings.signing_keys()
    with closing(Store(store_url)) as store:
        use(store)
    return settings


Elsewhere = Callable[[], Settings]


@pytest.fixture
def elsewhere(served: Settings, tmp_path: Path, request: pytest.FixtureRequest) -> Elsewhere:
    """Make a new machine: empty folders and an empty database of the same kind."""

    def make() -> Settings:
        home = tmp_path / f"machine-{len(list(tmp_path.glob('machine-*')))}"
        home.mkdir()
        embedded = served.database_url.startswith("sqlite")
        url = f"sqlite:///{home}/var/frontdesk.db" if embedded else new_database(request.getfixturevalue("postgres"))
        return replace(served, clinic_dir=home / "clinic", var_dir=home / "var", database_url=url)

    return make


def desk_of(store: Store) -> Desk:
    return Desk(store, Outbox(store, []), Bell(), [RULE])


def use(store: Store, visitors: int = 3) -> None:
    """Leave something in as many tables as a busy morning does."""
    desk, staff = desk_of(store), Staff(store)
    member, _ = staff.add(f"ann-{visitors}@clinic.example", "Ann Berg", "owner")
    for _ in range(visitors):
        visitor = desk.create_visitor("website", "willow").id
        message, _ = desk.accept(visitor, "m1", "my arm is numb — since tuesday \U0001f62c")
        handoff = desk.open(visitor, message.seq, "urgent", "symptom", visitor_text=message.text)
        desk.settle(visitor, message.seq, [Draft("Our team will read this.")], "symptom_report", "staff", 1.0)
        desk.claim(handoff.id, member.id)
        desk.note(handoff.id, member.id, "called, no answer")


def rows_of(settings: Settings) -> str:
    with closing(Store(settings.store_url)) as store:
        return "\n".join(sorted(everything(store).splitlines()))


# -- the whole way -------------------------------------------------------------------------------------------------------


def test_what_was_backed_up_stands_on_a_new_machine_row_for_row(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    manifest = back_up(served, tmp_path / "one.tar.gz")
    assert (manifest.tables["visitor"], manifest.tables["note"], manifest.tables["member"]) == (3, 3, 1)
    new = elsewhere()
    assert restore(new, tmp_path / "one.tar.gz").kept == ()
    assert rows_of(new) == rows_of(served)
    assert new.signing_keys() == served.signing_keys()
    assert stat.S_IMODE((new.var_dir / "secret").stat().st_mode) == 0o600
    for file in ("clinic.yml", "answers.yml", "safety.yml"):
        assert (new.clinic_dir / file).read_bytes() == (served.clinic_dir / file).read_bytes()


def test_a_restored_database_goes_on_where_the_backup_was_taken(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    new = elsewhere()
    restore(new, tmp_path / "one.tar.gz")
    with closing(Store(new.store_url)) as store:
        store.migrate()
        use(store, visitors=2)
        assert store.healthy()
        assert len(desk_of(store).handoffs()) == 5


def test_a_good_backup_is_found_whole_and_what_is_served_is_not_touched(served: Settings, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    before = rows_of(served), sorted(tmp_path.rglob("*"))
    found = check(served, tmp_path / "one.tar.gz")
    assert found.whole
    assert {row.table: row.found for row in found.rows}["message"] == 6
    assert (rows_of(served), sorted(tmp_path.rglob("*"))) == before


def test_a_database_made_to_check_in_is_dropped(served: Settings, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    check(served, tmp_path / "one.tar.gz")
    if served.database_url.startswith("postgresql"):
        with closing(Store(served.store_url)) as store, store.reading() as connection:
            names = connection.execute(sa.text("SELECT datname FROM pg_database")).scalars().all()
        assert [name for name in names if "check" in name] == []


def test_a_backup_taken_while_others_write_is_of_one_moment(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    stop, failures = threading.Event(), []

    def write() -> None:
        try:
            with closing(Store(served.store_url)) as store:
                desk = desk_of(store)
                while not stop.is_set():
                    visitor = desk.create_visitor("website", "willow").id
                    for number in range(5):
                        message, _ = desk.accept(visitor, f"m{number}", "what does it cost " * 20)
                        desk.settle(visitor, message.seq, [Draft("Eighty dollars.")], "cost", "answer", 1.0)
        except Exception as error:
            failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        manifests = [back_up(served, tmp_path / f"{number}.tar.gz") for number in range(3)]
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert failures == []
    assert manifests[0].tables["message"] < manifests[2].tables["message"] <= rows_in(served, "message")
    for number in range(3):
        assert check(served, tmp_path / f"{number}.tar.gz").whole
    new = elsewhere()
    restore(new, tmp_path / "2.tar.gz")
    with closing(Store(new.store_url)) as store, store.reading() as connection:
        halves = "SELECT count(*) FROM visitor WHERE last_seq <> (SELECT count(*) FROM message WHERE message.visitor = visitor.id)"
        assert connection.execute(sa.text(halves)).scalar() == 0


def rows_in(settings: Settings, table: str) -> int:
    with closing(Store(settings.store_url)) as store, store.reading() as connection:
        return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar() or 0)


# -- what stands there already -------------------------------------------------------------------------------------------


def test_a_database_that_holds_something_is_not_replaced_unasked(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    other = elsewhere()
    restore(other, tmp_path / "one.tar.gz")
    with closing(Store(other.store_url)) as store:
        use(store, visitors=1)
    before = rows_of(other)
    with pytest.raises(BackupError, match="--force"):
        restore(other, tmp_path / "one.tar.gz")
    assert rows_of(other) == before


def test_what_is_replaced_by_force_is_kept_beside(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    other = elsewhere()
    restore(other, tmp_path / "one.tar.gz")
    with closing(Store(other.store_url)) as store:
        use(store, visitors=1)
    (kept,) = restore(other, tmp_path / "one.tar.gz", force=True, now=NOW).kept
    assert rows_of(other) == rows_of(served)
    assert visitors_kept(other, kept) == 4
    second = restore(other, tmp_path / "one.tar.gz", force=True).kept
    assert len(second) == 1 and second != (kept,)
    assert check(other, tmp_path / "one.tar.gz").whole


def visitors_kept(settings: Settings, kept: str) -> int:
    if kept.startswith("schema "):
        assert kept == "schema public_before_20260302t090000z"
        return rows_in(settings, f"{kept.removeprefix('schema ')}.visitor")
    assert kept.endswith("frontdesk.db.before-20260302T090000Z")
    return rows_in(replace(settings, database_url=f"sqlite:///{kept}"), "visitor")


def test_tables_without_a_row_are_not_worth_asking(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    other = elsewhere()
    with closing(Store(other.store_url)) as store:
        store.migrate()
    restore(other, tmp_path / "one.tar.gz")
    assert rows_of(other) == rows_of(served)


def test_nothing_is_replaced_under_a_server_that_runs(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    other = elsewhere()
    restore(other, tmp_path / "one.tar.gz")
    with closing(Store(other.store_url)) as running:
        assert running.healthy()
        with pytest.raises(BackupError, match="stop it first"):
            restore(other, tmp_path / "one.tar.gz", force=True)
        assert running.healthy()
    assert restore(other, tmp_path / "one.tar.gz", force=True).kept


def test_a_file_of_the_clinic_that_differs_is_kept_beside_and_others_are_left(
    served: Settings, elsewhere: Elsewhere, tmp_path: Path
) -> None:
    back_up(served, tmp_path / "one.tar.gz")
    other = elsewhere()
    shutil.copytree(served.clinic_dir, other.clinic_dir)
    (other.clinic_dir / "clinic.yml").write_text("name: the sample\n")
    (other.clinic_dir / "own.txt").write_text("ours")
    kept = restore(other, tmp_path / "one.tar.gz", now=NOW).kept
    assert kept == (str(other.clinic_dir / "clinic.yml.before-20260302T090000Z"),)
    assert Path(kept[0]).read_text() == "name: the sample\n"
    assert (other.clinic_dir / "clinic.yml").read_bytes() == (served.clinic_dir / "clinic.yml").read_bytes()
    assert (other.clinic_dir / "own.txt").read_text() == "ours"
    assert not [name for name in back_up(other, tmp_path / "two.tar.gz").files if "before" in name]


def test_a_damaged_database_can_be_replaced_and_is_kept(served: Settings, elsewhere: Elsewhere, tmp_path: Path) -> None:
    if served.database_url.startswith("postgresql"):
        pytest.skip("a file can be damaged, a server's database not by us")
    back_up(served, tmp_path / "one.tar.gz")
    other = elsewhere()
    other.var_dir.mkdir()
    (other.var_dir / "frontdesk.db").write_bytes(b"not a database" * 1000)
    with pytest.raises(BackupError, match="--force"):
        restore(other, tmp_path / "one.tar.gz")
    (kept,) = restore(other, tmp_path / "one.tar.gz", force=True).kept
    assert Path(kept).read_bytes().startswith(b"not a database")
    assert rows_of(other) == rows_of(served)


# -- the archive ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def clinic(sqlite_url: str, tmp_path: Path) -> Settings:
    """A clinic on SQLite, where the kind of database does not matter."""
    settings = Settings(clinic_dir=tmp_path / "clinic", var_dir=tmp_path / "var", database_url=sqlite_url)
    settings.clinic_dir.mkdir()
    (settings.clinic_dir / "clinic.yml").write_text("name: Willow\n")
    settings.signing_keys()
    with closing(Store(sqlite_url)) as store:
        use(store)
    return settings


@pytest.fixture
def archive(clinic: Settings, tmp_path: Path) -> Path:
    file = tmp_path / "one.tar.gz"
    back_up(clinic, file)
    return file


def test_only_its_owner_may_read_a_backup(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_a_file_that_is_there_is_never_replaced(clinic: Settings, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupError, match="is there already"):
        back_up(clinic, archive)
    assert archive.read_bytes() == before


def test_a_backup_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    nowhere = Settings(clinic_dir=tmp_path / "clinic", var_dir=tmp_path / "var")
    with pytest.raises(BackupError, match="there is no database"):
        back_up(nowhere, tmp_path / "backups" / "one.tar.gz")
    assert list((tmp_path / "backups").iterdir()) == []


def test_hidden_files_of_the_clinic_folder_are_not_backed_up(clinic: Settings, tmp_path: Path) -> None:
    (clinic.clinic_dir / ".git").mkdir()
    (clinic.clinic_dir / ".git" / "config").write_text("not the clinic's")
    (clinic.clinic_dir / "images").mkdir()
    (clinic.clinic_dir / "images" / "logo.svg").write_text("<svg/>")
    files = back_up(clinic, tmp_path / "one.tar.gz").files
    assert set(files) == {"database", "secret", "clinic/clinic.yml", "clinic/images/logo.svg"}


@pytest.mark.parametrize("part", [0.0001, 0.02, 0.2, 0.4, 0.6, 0.8, 0.97, 0.9999])
def test_a_flipped_byte_anywhere_is_found(clinic: Settings, archive: Path, part: float) -> None:
    damaged = bytearray(archive.read_bytes())
    damaged[int(len(damaged) * part)] ^= 0x10
    archive.write_bytes(damaged)
    refused(clinic, archive, "damaged|newer version")


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.999])
def test_a_backup_that_was_cut_short_is_found(clinic: Settings, archive: Path, part: float) -> None:
    archive.write_bytes(archive.read_bytes()[: int(archive.stat().st_size * part)])
    refused(clinic, archive, "damaged")


def test_any_other_file_is_no_backup(clinic: Settings, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear clinic")
    refused(clinic, tmp_path / "letter.txt", "no backup")
    refused(clinic, tmp_path / "missing.tar.gz", "no such file")
    with tarfile.open(tmp_path / "other.tar.gz", "w:gz") as other:
        other.add(tmp_path / "letter.txt", "letter.txt")
    refused(clinic, tmp_path / "other.tar.gz", "no backup")


def refused(settings: Settings, file: Path, said: str) -> None:
    """Neither checking nor restoring takes it, and nothing is changed."""
    before = rows_of(settings)
    for take in (check, restore):
        with pytest.raises(BackupError, match=said):
            take(settings, file)
    assert rows_of(settings) == before


def written_anew(archive: Path, change: Callable[[dict[str, Any]], object], added: dict[str, bytes] | None = None) -> None:
    """Write an archive again with another manifest, and perhaps with further files."""
    with tarfile.open(archive, "r:gz") as found:
        files = {one.name: found.extractfile(one).read() for one in found}  # type: ignore[union-attr]
    manifest = json.loads(files.pop(MANIFEST))
    change(manifest)
    files = {MANIFEST: json.dumps(manifest).encode(), **files, **(added or {})}
    with gzip.open(archive, "wb") as out, tarfile.open(fileobj=out, mode="w") as again:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            again.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "clinic/../../outside", "unnamed"])
def test_a_file_that_belongs_elsewhere_is_not_written(clinic: Settings, archive: Path, tmp_path: Path, name: str) -> None:
    names = {} if name == "unnamed" else {name: "0" * 64}
    written_anew(archive, lambda manifest: manifest["files"].update(names), {name: b"here"})
    refused(clinic, archive, "no backup")
    assert not list(tmp_path.rglob("outside"))


def test_a_file_that_is_missing_is_found(clinic: Settings, archive: Path) -> None:
    written_anew(archive, lambda manifest: manifest["files"].update({"clinic/answers.yml": "0" * 64}))
    refused(clinic, archive, "clinic/answers.yml is not what was backed up")


def test_rows_that_the_manifest_does_not_know_are_a_difference(clinic: Settings, archive: Path) -> None:
    written_anew(archive, lambda manifest: manifest["tables"].update({"visitor": 5, "message": 6}))
    found = check(clinic, archive)
    assert [(row.table, row.said, row.found) for row in found.different] == [("visitor", 5, 3)]
    assert not found.whole


def test_a_backup_of_a_newer_version_is_refused(clinic: Settings, archive: Path) -> None:
    written_anew(archive, lambda manifest: manifest.update(revision="9999", version="9.0.0"))
    refused(clinic, archive, "newer version")


def test_an_archive_of_a_newer_format_is_refused(clinic: Settings, archive: Path) -> None:
    written_anew(archive, lambda manifest: manifest.update(format=99, something="new"))
    refused(clinic, archive, "newer version")


def test_an_audit_log_cut_short_in_the_backup_is_found(clinic: Settings, archive: Path, tmp_path: Path) -> None:
    folder = tmp_path / "unpacked"
    folder.mkdir()
    manifest = unpack(archive, folder)
    with closing(Store(f"sqlite:///{folder / 'database'}")) as store, store.transaction() as connection:
        connection.execute(sa.text("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)"))
    with closing(Store(f"sqlite:///{folder / 'database'}")) as store:
        store.scrub()
    tables = {**manifest.tables, "audit": manifest.tables["audit"] - 1}
    sources = {name: folder / name for name in manifest.files}
    pack(tmp_path / "cut.tar.gz", replace(manifest, tables=tables), sources)
    found = check(clinic, tmp_path / "cut.tar.gz")
    assert found.different == ()
    assert not found.verdict.whole and not found.whole


def test_a_backup_of_the_first_version_can_still_be_restored(tmp_path: Path) -> None:
    old = Settings(clinic_dir=tmp_path / "clinic", var_dir=tmp_path / "old")
    old.var_dir.mkdir()
    with closing(Store(old.store_url)) as store, store.transaction() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    assert back_up(old, tmp_path / "one.tar.gz").revision == "0001"
    assert check(old, tmp_path / "one.tar.gz").whole
    new = replace(old, var_dir=tmp_path / "new")
    restore(new, tmp_path / "one.tar.gz")
    with closing(Store(new.store_url)) as store:
        store.migrate()
        assert store.healthy()


def test_a_name_that_was_taken_meanwhile_is_not_overwritten(clinic: Settings, tmp_path: Path) -> None:
    target, source = tmp_path / "one.tar.gz", tmp_path / "source"
    source.write_text("first")

    class Meanwhile(dict[str, Path]):
        def items(self) -> Any:
            target.touch()
            return super().items()

    manifest = Manifest("", "", "sqlite", "", "0001", {}, 0, "")
    with pytest.raises(BackupError, match="is there already"):
        pack(target, manifest, Meanwhile(source=source))
    assert target.read_bytes() == b""
    assert sorted(path.name for path in tmp_path.glob("*tar.gz*")) == ["one.tar.gz"]


# -- PostgreSQL's programs -----------------------------------------------------------------------------------------------


@pytest.fixture
def on_postgres(migrated_database: str, tmp_path: Path) -> Settings:
    empty_database(migrated_database)
    return Settings(clinic_dir=tmp_path / "clinic", var_dir=tmp_path / "var", database_url=migrated_database)


def test_without_pg_dump_one_line_says_so(on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="^pg_dump is not installed: [^\n]*$"):
        back_up(on_postgres, tmp_path / "one.tar.gz")
    assert not (tmp_path / "one.tar.gz").exists()


def test_what_pg_dump_complains_of_is_said_in_one_line(
    on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, "echo 'pg_dump: error: version mismatch' >&2; echo 'detail: server version: 99' >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BackupError, match="^pg_dump: error: version mismatch; detail: server version: 99$"):
        back_up(on_postgres, tmp_path / "one.tar.gz")


def test_the_password_is_in_no_list_of_processes(on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(
        tmp_path, f'echo "$@" > {tmp_path}/words; cat "$(echo "$1" | grep -o "passfile=[^ ]*" | cut -d= -f2)" > {tmp_path}/file'
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    address = address_of(on_postgres.database_url).set(password=r"se:cr\et")
    Postgresql(address).take(tmp_path / "dump")
    assert "cr" not in (tmp_path / "words").read_text().replace("--no-privileges", "")
    assert (tmp_path / "file").read_text() == "*:*:*:*:se\\:cr\\\\et\n"


def program(folder: Path, script: str) -> None:
    (folder / "pg_dump").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "pg_dump").chmod(0o755)


def test_a_backup_of_the_other_kind_of_database_is_refused(on_postgres: Settings, archive: Path) -> None:
    with pytest.raises(BackupError, match="this backup is of sqlite, and DATABASE_URL names postgresql"):
        restore(on_postgres, archive)
    assert check(on_postgres, archive).whole  # looking at a file needs no server


@pytest.fixture
def plain_account(postgres: sqlalchemy.engine.URL) -> Iterator[str]:
    """An account that may not make databases, with a database of its own."""
    url = new_database(postgres)
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE ROLE plain LOGIN"))
        connection.execute(sa.text(f'ALTER DATABASE "{address_of(url).database}" OWNER TO plain'))
    yield address_of(url).set(username="plain").render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text("DROP OWNED BY plain CASCADE"))
        connection.execute(sa.text(f'ALTER DATABASE "{address_of(url).database}" OWNER TO postgres'))
        connection.execute(sa.text("DROP ROLE plain"))
    engine.dispose()


def test_an_account_that_may_not_make_databases_restores_and_is_told_how_to_check(plain_account: str, tmp_path: Path) -> None:
    plain = Settings(clinic_dir=tmp_path / "clinic", var_dir=tmp_path / "var", database_url=plain_account)
    with closing(Store(plain_account)) as store:
        store.migrate()
        use(store)
    back_up(plain, tmp_path / "one.tar.gz")
    with pytest.raises(BackupError, match="cannot make a database to check in: permission denied[^\n]*CREATEDB"):
        check(plain, tmp_path / "one.tar.gz")
    before = rows_of(plain)
    assert restore(plain, tmp_path / "one.tar.gz", force=True, now=NOW).kept == ("schema public_before_20260302t090000z",)
    assert rows_of(plain) == before


def test_tables_of_another_program_are_left_where_they_are(
    on_postgres: Settings, postgres: sqlalchemy.engine.URL, tmp_path: Path
) -> None:
    back_up(on_postgres, tmp_path / "one.tar.gz")
    shared = replace(on_postgres, database_url=new_database(postgres))
    with closing(Store(shared.store_url)) as store, store.transaction() as connection:
        connection.execute(sa.text("CREATE TABLE invoice (id integer)"))
        connection.execute(sa.text("INSERT INTO invoice VALUES (1)"))
    with pytest.raises(BackupError, match="tables that are not ours"):
        restore(shared, tmp_path / "one.tar.gz", force=True)
    assert rows_in(shared, "invoice") == 1


def test_a_restore_that_fails_half_way_leaves_the_old_database_in_its_place(
    on_postgres: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(Store(on_postgres.store_url)) as store:
        use(store)
    back_up(on_postgres, tmp_path / "one.tar.gz")
    before = rows_of(on_postgres)
    (tmp_path / "pg_restore").write_text("#!/bin/sh\necho 'pg_restore: error: no space left' >&2; exit 1\n")
    (tmp_path / "pg_restore").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(BackupError, match="no space left"):
        restore(on_postgres, tmp_path / "one.tar.gz", force=True)
    assert rows_of(on_postgres) == before
