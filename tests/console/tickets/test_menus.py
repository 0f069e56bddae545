"""What the list's menus offer is read once for each sample, not for each list."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert

from console.queries import known
from counterfoil.tables import Queue

SAMPLED = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_menus_are_read_anew_with_each_sample_and_always_while_nobody_samples(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offered(sampled_at: datetime | None) -> list[str]:
        with engine.connect() as connection:
            return known.offers(connection, sampled_at).names.queues()

    def add(name: str) -> None:
        with engine.begin() as connection:
            connection.execute(insert(Queue).values(name=name))

    add("a")
    assert offered(SAMPLED) == ["a"]
    add("b")
    assert offered(SAMPLED) == ["a"]
    assert offered(SAMPLED + timedelta(seconds=1)) == ["a", "b"]
    add("c")
    assert offered(None) == ["a", "b", "c"]
    # A sampler that has stopped does not stop the menus.
    monkeypatch.setattr(known, "KEPT_SECONDS", -1)
    assert offered(SAMPLED) == ["a", "b", "c"]
    add("d")
    assert offered(SAMPLED) == ["a", "b", "c", "d"]
