"""The database's clock in statements: compiled once, however often they are sent."""

from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, select

from counterfoil.clock import later, moment, random_token, stamp


@pytest.mark.parametrize("make", [stamp, moment, random_token], ids=lambda make: make.__name__)
def test_a_statement_with_the_database_s_clock_is_compiled_once(make: type[ColumnElement[object]]) -> None:
    first, second = (select(make())._generate_cache_key() for _ in range(2))
    assert first is not None
    assert first == second


def test_a_statement_is_compiled_once_for_all_delays_and_clocks_are_told_apart() -> None:
    hour, day = (select(later(timedelta(hours=n)))._generate_cache_key() for n in (1, 24))
    assert hour is not None
    assert day is not None
    assert hour.key == day.key
    keys = {
        key.key for make in (stamp, moment, random_token) if (key := select(make())._generate_cache_key())
    }
    assert len(keys) == 3
