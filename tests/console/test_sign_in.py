"""Signing in and out, and what a session is worth (S1, S5, S13)."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, select, text, update

from console.sessions import COOKIE
from counterfoil.tables import ConsoleSession, TrailEntry, User

from .browser import PASSWORD, Browser


def test_a_person_signs_in_and_sees_the_overview(stranger: Browser, cast: None) -> None:
    answer = stranger.sign_in("Ada ")
    assert (answer.status_code, answer.location) == (303, "/")
    assert "Sign out" in stranger.get("/profile").text


def test_the_page_that_was_asked_for_comes_after_the_sign_in(stranger: Browser, cast: None) -> None:
    asked = stranger.get("/trail?actor=ada&verb=retry")
    assert asked.location == "/sign-in?next=%2Ftrail%3Factor%3Dada%26verb%3Dretry"
    form = stranger.get(asked.location)
    assert 'value="/trail?actor=ada&amp;verb=retry"' in form.text
    answer = stranger.post(
        "/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/trail?actor=ada&verb=retry"}
    )
    assert answer.location == "/trail?actor=ada&verb=retry"


@pytest.mark.parametrize("name", ["ada", "nobody", "", "a" * 5000])
def test_a_wrong_password_and_an_unknown_name_are_answered_alike(
    stranger: Browser, cast: None, name: str
) -> None:
    answer = stranger.sign_in(name, "not the password")
    assert answer.status_code == 401
    assert "Name or password is wrong." in answer.text
    assert stranger.cookie() is None


def test_a_refused_sign_in_stands_in_the_trail_without_what_was_typed_as_an_unknown_name(
    stranger: Browser, cast: None, engine: Engine
) -> None:
    stranger.sign_in("ada", "wrong")
    stranger.sign_in("hunter2-my-password", "")
    with engine.connect() as connection:
        rows = connection.execute(
            select(TrailEntry.subject, TrailEntry.refused).where(TrailEntry.refused.is_not(None))
        ).all()
    assert [row.subject for row in rows] == ["user ada", "unknown user"]
    assert "hunter2" not in str(rows)
    assert "192.0.2.1" in rows[0].refused


def test_who_is_switched_off_cannot_sign_in_and_is_signed_out_at_once(
    vera: Browser, stranger: Browser, engine: Engine
) -> None:
    assert vera.get("/profile").status_code == 200
    with engine.begin() as connection:
        connection.execute(update(User).where(User.name == "vera").values(off=True))
    assert vera.get("/profile").status_code == 303
    assert stranger.sign_in("vera").status_code == 401


def test_the_table_holds_no_cookie(ada: Browser, engine: Engine) -> None:
    with engine.connect() as connection:
        ids = connection.execute(select(ConsoleSession.id)).scalars().all()
    assert len(ids) == 1
    assert ada.cookie() not in ids


def test_a_cookie_is_worth_nothing_after_the_sign_out(ada: Browser) -> None:
    kept = ada.cookie()
    assert kept
    assert ada.post("/sign-out").location == "/sign-in"
    assert ada.cookie() is None
    ada.client.set_cookie(COOKIE, kept)
    assert ada.get("/profile").status_code == 303


def test_a_session_planted_before_the_sign_in_is_not_the_one_after_it(stranger: Browser, cast: None) -> None:
    stranger.client.set_cookie(COOKIE, "planted-by-somebody-else")
    stranger.sign_in("ada")
    assert stranger.cookie() not in (None, "planted-by-somebody-else")


def test_signing_in_again_ends_the_session_before(ada: Browser, console: Flask) -> None:
    before = ada.cookie()
    assert before
    ada.sign_in("ada")
    thief = Browser(console)
    thief.client.set_cookie(COOKIE, before)
    assert ada.cookie() != before
    assert thief.get("/profile").status_code == 303


def _age(engine: Engine, column: str, hours: float) -> None:
    ago = {
        "sqlite": f"strftime('%Y-%m-%d %H:%M:%f','now','-{hours} hours')||'000'",
        "postgresql": f"clock_timestamp() - interval '{hours} hours'",
    }[engine.dialect.name]
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE counterfoil_sessions SET {column} = {ago}"))


def test_twelve_idle_hours_end_a_session(ada: Browser, engine: Engine) -> None:
    _age(engine, "last_seen_at", 11.9)
    assert ada.get("/profile").status_code == 200
    _age(engine, "last_seen_at", 12.1)
    assert ada.get("/profile").status_code == 303


def test_seven_days_end_a_session_however_busy_it_is(ada: Browser, engine: Engine) -> None:
    with engine.connect() as connection:
        row = connection.execute(select(ConsoleSession.created_at, ConsoleSession.expires_at)).one()
    assert 7 * 86400 - 5 < (row.expires_at - row.created_at).total_seconds() < 7 * 86400 + 5
    _age(engine, "expires_at", 0.001)
    assert ada.get("/profile").status_code == 303


def test_a_session_is_stamped_at_most_once_a_minute(ada: Browser, engine: Engine) -> None:
    def seen() -> object:
        with engine.connect() as connection:
            return connection.execute(select(ConsoleSession.last_seen_at)).scalar_one()

    first = seen()
    ada.get("/profile")
    assert seen() == first
    _age(engine, "last_seen_at", 0.02)
    aged = seen()
    ada.get("/profile")
    assert seen() > aged  # type: ignore[operator]


def test_a_changed_password_signs_out_everywhere_else(
    console: Flask, ada: Browser, signed_in: Callable[[str], Browser]
) -> None:
    elsewhere = signed_in("ada")
    new = "another horse 8 saddle"
    answer = ada.post("/profile", data={"current": PASSWORD, "password": new, "again": new})
    assert answer.status_code == 303
    assert ada.get("/profile").status_code == 200
    assert elsewhere.get("/profile").status_code == 303
    assert Browser(console).sign_in("ada").status_code == 401
    assert Browser(console).sign_in("ada", new).status_code == 303


def test_twenty_bad_ones_give_429_and_another_address_still_gets_in(console: Flask, cast: None) -> None:
    here, elsewhere = Browser(console), Browser(console, "198.51.100.7")
    assert [here.sign_in("ada", "wrong").status_code for _ in range(20)] == [401] * 20
    assert here.sign_in("ada", "wrong").status_code == 429
    assert here.sign_in("ada").status_code == 429
    assert elsewhere.sign_in("ada").status_code == 303


def test_an_account_under_attack_from_everywhere_stays_open_where_it_was_used_before(
    console: Flask, cast: None
) -> None:
    at_home = Browser(console, "198.51.100.7")
    assert at_home.sign_in("ada").status_code == 303
    for n in range(99):
        console.extensions["counterfoil_bad_sign_ins"].count(f"203.0.113.{n}", "ada")
    assert Browser(console, "203.0.113.99").sign_in("ada", "wrong").status_code == 401
    assert Browser(console, "203.0.113.200").sign_in("ada").status_code == 429
    assert Browser(console, "198.51.100.7").sign_in("ada").status_code == 303
    assert Browser(console, "203.0.113.200").sign_in("otto").status_code == 303


def test_cookies_are_http_only_lax_and_secure_over_https(console: Flask, cast: None) -> None:
    plain = Browser(console).sign_in("ada").headers.getlist("Set-Cookie")
    (mine,) = [cookie for cookie in plain if cookie.startswith(COOKIE + "=")]
    assert "HttpOnly" in mine
    assert "SameSite=Lax" in mine
    assert "Secure" not in mine
    safe = Browser(console)
    safe.get("/sign-in", base_url="https://localhost")
    cookies = safe.post(
        "/sign-in", base_url="https://localhost", data={"name": "ada", "password": PASSWORD}
    ).headers.getlist("Set-Cookie")
    (mine,) = [cookie for cookie in cookies if cookie.startswith(COOKIE + "=")]
    assert "Secure" in mine


def test_in_production_every_cookie_is_secure(make_console: Callable[..., Flask], cast: None) -> None:
    browser = Browser(make_console(environment="production"))
    browser.get("/sign-in", base_url="https://localhost")
    answer = browser.post(
        "/sign-in", base_url="https://localhost", data={"name": "ada", "password": PASSWORD}
    )
    assert all("Secure" in cookie for cookie in answer.headers.getlist("Set-Cookie"))


def test_in_production_without_https_the_form_says_what_is_the_matter(
    make_console: Callable[..., Flask], cast: None
) -> None:
    browser = Browser(make_console(environment="production"))
    # Werkzeug's client would send the Secure cookie; a browser does not, so the token has nothing to fit.
    answer = browser.post("/sign-in", token=False, data={"name": "ada", "password": PASSWORD})
    assert answer.status_code == 400
    assert "Open the console by https" in answer.text
