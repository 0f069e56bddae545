"""Closed by default: the route table, and a walk of it as everybody (S1, S2, S3)."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import Engine, event, func, select, update

from console.database import db
from console.roles import PUBLIC, ROLES, includes
from console.routes import TABLE
from counterfoil.clock import later
from counterfoil.tables import ConsoleSession, TrailEntry
from counterfoil.ticket import Ticket

from .browser import Browser
from .walking import furnish, stops

WRITES = ("INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "ALTER", "TRUNCATE", "WITH")


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Who may does not hang on the dialect."""
    return sqlite_url


def test_every_endpoint_stands_in_the_table_once(console: Flask) -> None:
    endpoints = [route.endpoint for route in TABLE]
    assert len(endpoints) == len(set(endpoints))
    assert {rule.endpoint for rule in console.url_map.iter_rules()} == set(endpoints)


def test_every_role_of_the_table_is_one(console: Flask) -> None:
    assert {route.role for route in TABLE} <= {PUBLIC, *ROLES}


def test_an_endpoint_that_is_not_in_the_table_is_not_answered(console: Flask, ada: Browser) -> None:
    # Flask refuses routes after the first request, so this one is made before any.
    fresh = console
    fresh._got_first_request = False
    fresh.add_url_rule("/forgotten", "forgotten", lambda: "secrets")
    fresh._got_first_request = True
    assert ada.get("/forgotten").status_code == 404


def test_a_stranger_gets_nowhere_and_learns_nothing(console: Flask, engine: Engine, cast: None) -> None:
    stranger = Browser(console)
    there, nowhere = (
        furnish(engine),
        {"ticket_id": 987654, "name": "no such", "operation_id": 987654, "batch_id": 987654},
    )
    walked = 0
    for stop in stops(console, there):
        if stop.route.role == PUBLIC:
            continue
        answer = stranger._open(stop.method, stop.path)
        if stop.path.endswith(".json"):
            assert answer.json == {"error": "sign in first"}
            assert answer.status_code == 401, str(stop)
        else:
            assert answer.status_code == 303, str(stop)
            assert answer.location.startswith("/sign-in"), str(stop)
        assert stranger._open(stop.method, stop.path, headers={"HX-Request": "true"}).status_code == 401
        walked += 1
    assert walked > 10
    for real, unreal in zip(stops(console, there), stops(console, there | nowhere), strict=True):
        if real.route.role != PUBLIC:
            answers = [stranger._open(one.method, one.path) for one in (real, unreal)]
            assert answers[0].status_code == answers[1].status_code


def test_htmx_of_a_signed_out_person_is_led_to_the_sign_in(stranger: Browser) -> None:
    answer = stranger.get("/trail", headers={"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize("name", ["vera", "otto", "ada"])
def test_who_may_not_is_refused_and_nothing_changes(
    console: Flask, engine: Engine, signed_in: Callable[[str], Browser], name: str
) -> None:
    role = {"vera": "viewer", "otto": "operator", "ada": "admin"}[name]
    browser, parts = signed_in(name), furnish(engine)
    refused = []
    for stop in stops(console, parts):
        if stop.route.role == PUBLIC:
            continue
        if includes(role, stop.route.role):
            if stop.method == "GET":
                assert browser.get(stop.path).status_code != 403, str(stop)
            continue
        before = _rows(engine)
        answer = browser._open(stop.method, stop.path, data={"csrf_token": browser.token})
        assert answer.status_code == 403, str(stop)
        assert _rows(engine) == before, str(stop)
        refused.append(f"{stop.method} {stop.path}")
    with engine.connect() as connection:
        told = connection.execute(
            select(TrailEntry.actor, TrailEntry.subject)
            .where(TrailEntry.verb == "denied")
            .order_by(TrailEntry.id)
        ).all()
    assert [tuple(row) for row in told] == [(name, where) for where in refused]
    assert bool(refused) == (name != "ada")


def test_a_get_never_writes(console: Flask, engine: Engine, ada: Browser, stranger: Browser) -> None:
    parts = furnish(engine)
    with engine.begin() as connection:
        # Once a minute a request stamps its session: not within this walk, however long it takes.
        connection.execute(update(ConsoleSession).values(last_seen_at=later(timedelta(hours=1))))
    written: list[str] = []
    with console.app_context():
        bound = db.engine

    @event.listens_for(bound, "before_cursor_execute")
    def record(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            written.append(statement)

    for browser in (ada, stranger):
        for stop in stops(console, parts):
            # The stream never ends: its own test reads it.
            if stop.method == "GET" and stop.path != "/live":
                answer = browser.get(stop.path)
                assert answer.status_code < 500 or stop.path == "/readyz", str(stop)
                browser._open("HEAD", stop.path)
                assert written == [], str(stop)
    ada.post("/sign-out")
    assert written  # the recorder sees what is written


def _rows(engine: Engine) -> object:
    with engine.connect() as connection:
        tickets = connection.execute(select(Ticket.__table__)).all()
        acts = connection.execute(select(func.count()).where(TrailEntry.verb != "denied")).scalar_one()
    return tickets, acts
