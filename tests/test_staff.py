"""Accounts, signing in, pauses after wrong tries, one-time codes and sessions."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import argon2
import pyotp
import pytest
import sqlalchemy as sa
from store_tools import Clock

from bot import audit
from bot.accounts import invitation_table, member_table, session_table
from bot.errors import Conflict, NotFound, Refused, TooMany, Unauthorized
from bot.roles import PERMISSIONS, ROLES, may, permissions_of
from bot.staff import (
    CodeNeeded,
    Staff,
    StaffMember,
    first_account_hint,
    invitation_link,
    link_of,
    new_secret,
    reset_link,
    sign_out_everywhere,
)
from bot.store import Store

pytest_plugins = ("fixtures_store",)

WORDS = "copper lantern seven rivers"


@pytest.fixture
def staff(store: Store, clock: Clock) -> Staff:
    # The cheapest hash there is: these tests are about what happens round it.
    return Staff(store, clock, argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def anna(staff: Staff) -> StaffMember:
    _, token = staff.add("anna@clinic.example", "Anna Berg", "front_desk")
    return staff.accept(token, WORDS)


def test_an_account_begins_with_an_invitation_and_no_password(staff: Staff) -> None:
    member, token = staff.add(" Anna@Clinic.example ", "Anna  Berg", "front_desk")
    assert (member.email, member.name, member.joined) == ("anna@clinic.example", "Anna Berg", False)
    with pytest.raises(Unauthorized):
        staff.sign_in("anna@clinic.example", "")
    assert staff.invited(token) == member
    assert staff.accept(token, WORDS).joined
    session, cookie = staff.sign_in("ANNA@clinic.example", WORDS)
    assert staff.session(cookie).member.id == member.id == session.member.id


def test_an_invitation_works_once(staff: Staff) -> None:
    _, token = staff.add("anna@clinic.example", "Anna", "front_desk")
    staff.accept(token, WORDS)
    with pytest.raises(Unauthorized):
        staff.accept(token, "another lantern entirely")


def test_an_invitation_expires_and_a_new_one_replaces_it(staff: Staff, clock: Clock) -> None:
    member, first = staff.add("anna@clinic.example", "Anna", "front_desk")
    second = staff.invite(member.id)
    with pytest.raises(Unauthorized):
        staff.invited(first)
    clock.advance(days=8)
    with pytest.raises(Unauthorized):
        staff.invited(second)


def test_only_hashes_are_kept(staff: Staff, store: Store) -> None:
    _, token = staff.add("anna@clinic.example", "Anna", "front_desk")
    staff.accept(token, WORDS)
    _, cookie = staff.sign_in("anna@clinic.example", WORDS)
    with store.reading() as connection:
        tables = (member_table, session_table, invitation_table)
        kept = " ".join(str(tuple(row)) for table in tables for row in connection.execute(sa.select(table)))
    assert "$argon2id$" in kept
    for secret in (token, cookie, WORDS):
        assert secret not in kept


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "password12", "anna berg 1", "x" * 201])
def test_a_password_that_is_easy_to_guess_is_refused(staff: Staff, password: str) -> None:
    _, token = staff.add("anna@clinic.example", "Anna Berg", "front_desk")
    with pytest.raises(Refused):
        staff.accept(token, password)


@pytest.mark.parametrize("email", ["", "anna", "anna@", "@clinic", "an na@clinic.example", "a@b@c"])
def test_what_is_no_address_is_refused(staff: Staff, email: str) -> None:
    with pytest.raises(Refused):
        staff.add(email, "Anna", "owner")


def test_one_address_is_one_account(staff: Staff, anna: StaffMember) -> None:
    with pytest.raises(Conflict):
        staff.add("ANNA@clinic.example", "Another Anna", "owner")


def test_wrong_passwords_lead_to_a_pause_that_grows(staff: Staff, anna: StaffMember, clock: Clock) -> None:
    pauses = []
    for _ in range(4):
        with pytest.raises(Unauthorized):
            staff.sign_in(anna.email, "wrong")
    for _ in range(4):
        with pytest.raises(Unauthorized):
            staff.sign_in(anna.email, "wrong")
        with pytest.raises(TooMany) as refused:
            staff.sign_in(anna.email, WORDS)  # even the right one waits
        pauses.append(refused.value.retry_after_seconds)
        clock.advance(seconds=pauses[-1])
    assert pauses == [31, 61, 121, 241]
    staff.sign_in(anna.email, WORDS)
    with pytest.raises(Unauthorized):
        staff.sign_in(anna.email, "wrong")  # the count began anew


def test_the_password_of_a_stranger_is_looked_at_as_long_as_anybodys(store: Store) -> None:
    hasher = argon2.PasswordHasher()
    nobodys = Staff(store, hasher=hasher)._nobody
    assert argon2.extract_parameters(nobodys) == argon2.extract_parameters(hasher.hash(WORDS))
    with pytest.raises(argon2.exceptions.VerifyMismatchError):
        hasher.verify(nobodys, WORDS)


def test_an_address_without_an_account_pauses_like_one_with(staff: Staff, anna: StaffMember) -> None:
    seen = {}
    for email in (anna.email, "nobody@clinic.example"):
        seen[email] = []
        for _ in range(7):
            with pytest.raises((Unauthorized, TooMany)) as refused:
                staff.sign_in(email, "wrong")
            seen[email].append((type(refused.value), str(refused.value)))
    assert seen[anna.email] == seen["nobody@clinic.example"]


def test_many_tries_at_once_cannot_slip_past_the_pause(staff: Staff, anna: StaffMember) -> None:
    def guess(number: int) -> type[Exception] | None:
        try:
            staff.sign_in(anna.email, f"wrong {number}")
        except (Unauthorized, TooMany) as error:
            return type(error)
        return None

    with ThreadPoolExecutor(20) as pool:
        met = list(pool.map(guess, range(20)))
    assert met.count(Unauthorized) == 5
    assert met.count(TooMany) == 15


def test_a_reset_link_ends_a_pause_and_every_session(staff: Staff, anna: StaffMember) -> None:
    _, cookie = staff.sign_in(anna.email, WORDS)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            staff.sign_in(anna.email, "wrong")
    staff.accept(staff.invite(anna.id), "a wholly new set of words")
    with pytest.raises(Unauthorized):
        staff.session(cookie)
    staff.sign_in(anna.email, "a wholly new set of words")


def test_a_one_time_code_is_asked_for_and_taken_once(staff: Staff, anna: StaffMember, clock: Clock) -> None:
    secret = new_secret()
    app = pyotp.TOTP(secret)
    with pytest.raises(Refused):
        staff.set_code(anna.id, secret, "000000" if app.at(clock.now) != "000000" else "111111")
    staff.set_code(anna.id, secret, app.at(clock.now))
    clock.advance(seconds=60)
    with pytest.raises(CodeNeeded):
        staff.sign_in(anna.email, WORDS)
    code = app.at(clock.now)
    staff.sign_in(anna.email, WORDS, f"{code[:3]} {code[3:]}")
    with pytest.raises(Unauthorized):
        staff.sign_in(anna.email, WORDS, code)
    clock.advance(seconds=30)
    staff.sign_in(anna.email, WORDS, app.at(clock.now))


def test_wrong_codes_lead_to_a_pause_and_missing_ones_do_not(staff: Staff, anna: StaffMember, clock: Clock) -> None:
    secret = new_secret()
    staff.set_code(anna.id, secret, pyotp.TOTP(secret).at(clock.now))
    for _ in range(10):
        with pytest.raises(CodeNeeded):
            staff.sign_in(anna.email, WORDS)
    for _ in range(5):
        with pytest.raises(Unauthorized):
            staff.sign_in(anna.email, WORDS, "12345")
    with pytest.raises(TooMany):
        staff.sign_in(anna.email, WORDS)


def test_a_lost_telephone_is_mended_by_a_reset_that_drops_the_code(staff: Staff, anna: StaffMember, clock: Clock) -> None:
    secret = new_secret()
    staff.set_code(anna.id, secret, pyotp.TOTP(secret).at(clock.now))
    staff.accept(staff.invite(anna.id), "kept the code on purpose")
    with pytest.raises(CodeNeeded):
        staff.sign_in(anna.email, "kept the code on purpose")
    staff.accept(staff.invite(anna.id, drop_code=True), "and now it is gone again")
    staff.sign_in(anna.email, "and now it is gone again")


def test_sessions_expire_are_left_and_can_be_ended(staff: Staff, anna: StaffMember, clock: Clock) -> None:
    _, left = staff.sign_in(anna.email, WORDS)
    clock.advance(minutes=31)
    with pytest.raises(Unauthorized):
        staff.session(left)
    _, kept = staff.sign_in(anna.email, WORDS)
    for _ in range(71):
        clock.advance(minutes=10)
        staff.touch(staff.session(kept))
    clock.advance(minutes=10)
    with pytest.raises(Unauthorized):
        staff.session(kept)
    (_, one), (_, two) = staff.sign_in(anna.email, WORDS), staff.sign_in(anna.email, WORDS)
    assert len(staff.sessions(anna.id)) == 2
    staff.sign_out(staff.session(one).id)
    with pytest.raises(Unauthorized):
        staff.session(one)
    assert staff.end_sessions(anna.id, by=None) == 1
    with pytest.raises(Unauthorized):
        staff.session(two)


def test_an_account_that_is_switched_off_is_out_at_once(staff: Staff, anna: StaffMember) -> None:
    _, cookie = staff.sign_in(anna.email, WORDS)
    link = staff.invite(anna.id)
    staff.switch(anna.id, by=None, on=False)
    with pytest.raises(Unauthorized):
        staff.session(cookie)
    with pytest.raises(Unauthorized):
        staff.sign_in(anna.email, WORDS)
    with pytest.raises(Unauthorized):
        staff.accept(link, "copper lantern again")
    staff.switch(anna.id, by=None, on=True)
    staff.sign_in(anna.email, WORDS)


def test_the_last_owner_stays_one(staff: Staff) -> None:
    only, _ = staff.add("olga@clinic.example", "Olga", "owner")
    with pytest.raises(Conflict):
        staff.change(only.id, by=None, role="clinician")
    with pytest.raises(Conflict):
        staff.switch(only.id, by=None, on=False)
    staff.add("omar@clinic.example", "Omar", "owner")
    assert staff.change(only.id, by=None, role="clinician").role == "clinician"


def test_a_password_is_changed_by_who_knows_it(staff: Staff, anna: StaffMember) -> None:
    session, here = staff.sign_in(anna.email, WORDS)
    _, elsewhere = staff.sign_in(anna.email, WORDS)
    with pytest.raises(Refused):
        staff.change_password(anna.id, "wrong", "three other good words")
    staff.change_password(anna.id, WORDS, "three other good words", but=session.id)
    assert staff.session(here)
    with pytest.raises(Unauthorized):
        staff.session(elsewhere)
    staff.sign_in(anna.email, "three other good words")


def test_filters_are_kept_and_forgotten_per_member(staff: Staff, anna: StaffMember) -> None:
    other, _ = staff.add("ben@clinic.example", "Ben", "front_desk")
    staff.save_filter(anna.id, " Symptoms  today ", {"urgency": "urgent"})
    assert staff.filters(anna.id) == {"Symptoms today": {"urgency": "urgent"}}
    assert staff.filters(other.id) == {}
    assert staff.save_filter(anna.id, "Symptoms today", None) == {}


def test_every_change_of_an_account_is_audited_in_a_whole_chain(staff: Staff, store: Store) -> None:
    owner, token = staff.add("olga@clinic.example", "Olga", "owner")
    staff.accept(token, WORDS)
    member, _ = staff.add("ben@clinic.example", "Ben", "front_desk", by=owner.id)
    staff.change(member.id, owner.id, role="clinician")
    staff.switch(member.id, owner.id, on=False)
    entries = audit.entries(store)
    assert [entry.what for entry in entries][:3] == ["staff.switched_off", "staff.changed", "staff.invitation"]
    assert entries[1].before["role"] == "front_desk" and entries[1].after["role"] == "clinician"
    assert entries[1].member == owner.id
    assert audit.verify(store).whole


def test_the_first_start_says_how_to_make_an_account(staff: Staff, store: Store) -> None:
    assert "  .venv/bin/python -m bot staff add" in (first_account_hint(store) or "")
    assert "  PUBLIC_URL=http://localhost:8010 .venv/bin/python -m bot staff add" in (
        first_account_hint(store, "http://localhost:8010") or ""
    )
    link = invitation_link(store, "http://localhost:8000", "olga@clinic.example", "Olga", "owner")
    assert first_account_hint(store) is None
    staff.accept(link.partition("#")[2], WORDS)
    staff.sign_in("olga@clinic.example", WORDS)


def test_the_command_line_resets_and_signs_out(staff: Staff, store: Store, anna: StaffMember) -> None:
    Staff(store).sign_in(anna.email, WORDS)  # by the clock on the wall, as the command line
    assert sign_out_everywhere(store, anna.email) == 1
    token = reset_link(store, "http://localhost:8000", anna.email).partition("#")[2]
    assert staff.accept(token, "something else entirely").id == anna.id


def test_the_token_of_a_link_stands_where_no_server_sees_it() -> None:
    assert link_of("https://desk.example/", "secret") == "https://desk.example/staff/welcome#secret"


def test_who_is_unknown_is_not_found(staff: Staff) -> None:
    with pytest.raises(NotFound):
        staff.member("m_nobody")
    with pytest.raises(NotFound):
        staff.by_email("nobody@clinic.example")


def test_the_owner_may_do_everything_and_every_permission_has_somebody() -> None:
    assert permissions_of("owner") == tuple(permission.name for permission in PERMISSIONS)
    assert set(permissions_of("front_desk")) < set(permissions_of("clinician")) < set(permissions_of("owner"))
    assert all(may("front_desk", name) for name in ("queue", "conversations", "hours", "canned"))
    forbidden = ("answers", "records", "facts", "rules", "logs", "staff", "visitors")
    assert not any(may("front_desk", name) for name in forbidden)
    assert ROLES == ("front_desk", "clinician", "owner")
