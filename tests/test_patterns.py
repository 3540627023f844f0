"""Finding the patterns that a message can hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.patterns import Sieve

needs = st.sets(st.integers(0, 12), min_size=1, max_size=4).map(lambda few: sum(1 << one for one in few))


@given(st.lists(needs, max_size=30), st.integers(0, 2**13 - 1))
def test_what_passes_a_sieve_is_what_lacks_nothing_in_the_order_of_the_list(lines: list[int], present: int) -> None:
    sieve = Sieve((line, at) for at, line in enumerate(lines))
    assert sieve.passing(present) == [at for at, line in enumerate(lines) if line & present == line]


def test_nothing_passes_where_nothing_is_present() -> None:
    assert Sieve([(0b11, "two"), (0b100, "one")]).passing(0) == []
