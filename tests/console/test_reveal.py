"""Encrypted params on the console: on no page, revealed to administrators, with a trail (S2, S9, S11)."""

from collections.abc import Callable, Iterator, Mapping

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from counterfoil import bell, catalogue, keyring, open_ticket, ringing, target
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.tables import TrailEntry
from tests.console.browser import Browser
from tests.console.walking import furnish, stops

CANARY = "canary-0815-4711-secret"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Who may see what does not hang on the dialect."""
    return sqlite_url


class Rings:
    """The bell, without the thread that may come too late for a test."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get_ready(self) -> None:
        """Always."""

    def ring(self, due: Mapping[str, float]) -> None:
        with Redis.from_url(self.url) as redis:
            bell.ring(redis, due)


@pytest.fixture
def parts(engine: Engine) -> dict[str, object]:
    """What stands behind the addresses."""
    return furnish(engine)


@pytest.fixture
def ticket_id(engine: Engine, parts: dict[str, object], redis_url: str) -> Iterator[int]:
    """A ticket with a secret whose work has failed, opened with a bell that rings."""
    with registry.scoped(), Session(engine) as session:
        keyring.adopt(keyring.parse(keyring.fresh("k1")))

        @target("Card.charge", encrypted=True)
        def charge(*, card: str, password: str) -> None:
            raise ValueError(f"{card} is stolen")

        with engine.begin() as connection:
            catalogue.write(connection, registry)
        ringing.attach(engine, Rings(redis_url))
        ticket = open_ticket(session, charge, card=CANARY, password="open sesame", opened_by="ada")
        session.commit()
        run_pending(session)
        session.commit()
        yield ticket.id


def test_a_secret_is_on_no_page_for_nobody_nor_in_redis(
    ticket_id: int,
    parts: dict[str, object],
    console: Flask,
    signed_in: Callable[[str], Browser],
    redis_url: str,
) -> None:
    parts["ticket_id"] = ticket_id
    for name in ("vera", "ada"):
        browser = signed_in(name)
        paths = [stop.path for stop in stops(console, parts) if stop.method == "GET" and stop.path != "/live"]
        assert f"/tickets/{ticket_id}" in paths
        for path in paths:
            assert CANARY not in browser.get(path).text, path
    with Redis.from_url(redis_url) as redis:
        keys = list(redis.scan_iter())
        assert keys, "the bell has rung"
        assert not [key for key in keys if CANARY.encode() in key + (redis.dump(key) or b"")]


def test_an_administrator_reveals_and_the_trail_tells(
    ticket_id: int, engine: Engine, signed_in: Callable[[str], Browser]
) -> None:
    ada = signed_in("ada")
    assert "Reveal" in ada.get(f"/tickets/{ticket_id}").text
    shown = ada.post(f"/tickets/{ticket_id}/reveal", data={"reason": "a chargeback"})
    assert shown.status_code == 200
    assert CANARY in shown.text
    assert "open sesame" in shown.text
    with engine.connect() as connection:
        entry = connection.execute(select(TrailEntry.__table__).where(TrailEntry.verb == "reveal")).one()
    assert (entry.actor, entry.reason, entry.ticket_id) == ("ada", "a chargeback", ticket_id)
    for name in ("otto", "vera"):
        other = signed_in(name)
        assert "Reveal" not in other.get(f"/tickets/{ticket_id}").text
        assert other.post(f"/tickets/{ticket_id}/reveal").status_code == 403


def test_a_console_without_the_key_says_which_one_is_missing(
    ticket_id: int, signed_in: Callable[[str], Browser]
) -> None:
    keyring.adopt(keyring.parse(None))
    ada = signed_in("ada")
    assert ada.get(f"/tickets/{ticket_id}").status_code == 200
    refused = ada.post(f"/tickets/{ticket_id}/reveal")
    assert refused.status_code == 422
    assert "encrypted with the key &#39;k1&#39;" in refused.text
    assert CANARY not in refused.text
