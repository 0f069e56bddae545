"""Users, their links and the first administrator, by page and by the command line's functions (S12)."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select, text

from console import entry_links, people
from console.people import Unfit
from counterfoil.tables import EntryLink, TrailEntry, User

from .browser import PASSWORD, Browser

NEW = "a wholly new password 9"


def _first_link(engine: Engine) -> str:
    with engine.begin() as connection:
        token = people.first_admin_link(connection)
    assert token
    return token


def _enter(browser: Browser, token: str, name: str = "grace", password: str = NEW) -> int:
    path = f"/first-entry/{token}"
    browser.get(path)
    return browser.post(path, data={"name": name, "password": password, "again": password}).status_code


def _trail(engine: Engine) -> list[tuple[str, str, str, str | None]]:
    with engine.connect() as connection:
        columns = (TrailEntry.actor, TrailEntry.via, TrailEntry.verb, TrailEntry.subject)
        return [tuple(row) for row in connection.execute(select(*columns).order_by(TrailEntry.id))]


def test_the_first_link_makes_an_administrator_once(engine: Engine, console: Flask) -> None:
    token = _first_link(engine)
    ada = Browser(console)
    assert _enter(ada, token) == 303
    assert ada.get("/settings/users").status_code == 200
    assert _enter(Browser(console), token, "mallory") == 404
    with engine.begin() as connection:
        assert connection.execute(select(User.name, User.role)).all() == [("grace", "admin")]
        assert people.first_admin_link(connection) is None
    assert ("grace", "console", "add user", "user grace") in _trail(engine)


def test_a_second_first_link_is_over_as_soon_as_there_is_an_administrator(
    engine: Engine, console: Flask
) -> None:
    first, second = _first_link(engine), _first_link(engine)
    assert _enter(Browser(console), second) == 303
    assert _enter(Browser(console), first, "mallory") == 404


def test_the_table_holds_no_token(engine: Engine) -> None:
    token = _first_link(engine)
    with engine.connect() as connection:
        assert token not in connection.execute(select(EntryLink.id)).scalar_one()


def test_a_link_is_over_after_a_day(engine: Engine, console: Flask) -> None:
    token = _first_link(engine)
    past = {
        "sqlite": "strftime('%Y-%m-%d %H:%M:%f','now','-1 seconds')||'000'",
        "postgresql": "clock_timestamp() - interval '1 second'",
    }[engine.dialect.name]
    with engine.begin() as connection:
        row = connection.execute(select(EntryLink.created_at, EntryLink.expires_at)).one()
        assert abs((row.expires_at - row.created_at).total_seconds() - 86400) < 2
        connection.execute(text(f"UPDATE counterfoil_entry_links SET expires_at = {past}"))
    assert _enter(Browser(console), token) == 404


def test_of_many_who_use_a_link_at_once_one_gets_in(engine: Engine, cast: None) -> None:
    with engine.begin() as connection:
        token = people.new_link(connection, "vera")
        link = entry_links.find(connection, token)
    assert link
    won, start = [], threading.Barrier(4)

    def use() -> None:
        start.wait()
        with engine.begin() as connection:
            won.append(entry_links.use(connection, link))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, False, True]


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ({"name": "grace", "password": "short", "again": "short"}, "at least 12 characters"),
        ({"name": "grace", "password": NEW, "again": NEW + "x"}, "not the same"),
        ({"name": "grace", "password": "aaaaaaaaaaaaaaaa", "again": "aaaaaaaaaaaaaaaa"}, "Too easy"),
        ({"name": "gr ace", "password": NEW, "again": NEW}, "is not a name"),
        ({"name": "gräce@exämple.org", "password": NEW, "again": NEW}, "is not a name"),
        ({"name": "<b>grace</b>", "password": NEW, "again": NEW}, "is not a name"),
        ({}, "is not a name"),
    ],
)
def test_a_form_that_does_not_fit_says_so_at_the_field_and_the_link_stays(
    engine: Engine, console: Flask, form: dict[str, str], complaint: str
) -> None:
    token = _first_link(engine)
    browser = Browser(console)
    browser.get(f"/first-entry/{token}")
    answer = browser.post(f"/first-entry/{token}", data=form)
    assert answer.status_code == 422
    assert complaint in answer.text
    assert "<b>grace" not in answer.text
    assert _enter(browser, token) == 303


def test_an_administrator_adds_a_user_who_sets_a_password_by_the_link(
    ada: Browser, console: Flask, engine: Engine
) -> None:
    page = ada.post("/settings/users", data={"name": "New@Example.org", "role": "operator"})
    assert page.status_code == 200
    link = page.text.split('class="link"')[1].split('value="')[1].split('"')[0]
    assert link.startswith("http://localhost/first-entry/")
    assert link not in ada.get("/settings/users").text
    newcomer = Browser(console)
    assert _enter(newcomer, link.rpartition("/")[2], "somebody-else") == 303
    assert "new@example.org" in newcomer.get("/profile").text
    assert newcomer.get("/settings/users").status_code == 403
    assert ("ada", "console", "add user", "user new@example.org") in _trail(engine)


def test_a_new_link_ends_the_one_before_and_a_set_password_all_sessions(
    ada: Browser, vera: Browser, console: Flask, engine: Engine
) -> None:
    with engine.begin() as connection:
        first = people.new_link(connection, "vera")
        second = people.new_link(connection, "vera")
    assert _enter(Browser(console), first) == 404
    assert vera.get("/profile").status_code == 200
    assert _enter(Browser(console), second) == 303
    assert vera.get("/profile").status_code == 303
    assert Browser(console).sign_in("vera").status_code == 401
    assert Browser(console).sign_in("vera", NEW).status_code == 303


def test_a_role_counts_from_the_next_request_on(ada: Browser, vera: Browser, engine: Engine) -> None:
    assert vera.get("/settings/users").status_code == 403
    with engine.connect() as connection:
        id_ = connection.execute(select(User.id).where(User.name == "vera")).scalar_one()
    assert ada.post(f"/settings/users/{id_}/role", data={"role": "admin"}).status_code == 303
    assert vera.get("/settings/users").status_code == 200


@pytest.mark.parametrize("verb", ["off", "role"])
def test_the_last_administrator_stays_one(ada: Browser, engine: Engine, verb: str) -> None:
    with engine.connect() as connection:
        id_ = connection.execute(select(User.id).where(User.name == "ada")).scalar_one()
    answer = ada.post(f"/settings/users/{id_}/{verb}", data={"role": "viewer"})
    assert answer.status_code == 422
    assert "last administrator" in answer.text
    assert ada.get("/settings/users").status_code == 200


def test_two_administrators_cannot_switch_each_other_off_at_once(engine: Engine, cast: None) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE counterfoil_users SET role = 'admin' WHERE name = 'otto'"))
    refused, start = [], threading.Barrier(2)

    def off(name: str) -> None:
        start.wait()
        try:
            with engine.begin() as connection:
                people.switch_off(connection, name)
        except Unfit as unfit:
            refused.append(str(unfit))

    threads = [threading.Thread(target=off, args=(name,)) for name in ("ada", "otto")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    with engine.connect() as connection:
        left = select(func.count()).where(User.role == "admin", User.off.is_(False))
        assert connection.execute(left).scalar_one() == 1


def test_the_command_line_s_functions_write_the_trail(engine: Engine) -> None:
    with engine.begin() as connection:
        people.add_user(connection, "Lin", "viewer")
        people.set_role(connection, "lin", "operator")
        people.new_link(connection, "lin")
        people.switch_off(connection, "lin")
        people.switch_on(connection, "lin")
    verbs = ["add user", "change role", "link user", "switch off user", "switch on user"]
    assert _trail(engine) == [("command line", "cli", verb, "user lin") for verb in verbs]


@pytest.mark.parametrize(
    ("what", "arguments", "said"),
    [
        ("add_user", ("ada", "viewer"), "already"),
        ("add_user", ("lin", "boss"), "viewer, operator, admin"),
        ("add_user", ("l in", "viewer"), "not a name"),
        ("new_link", ("nobody",), "no user nobody"),
        ("set_role", ("nobody", "viewer"), "no user nobody"),
        ("switch_off", ("nobody",), "no user nobody"),
    ],
)
def test_nonsense_is_refused_in_a_sentence(
    engine: Engine, cast: None, what: str, arguments: tuple[str, ...], said: str
) -> None:
    act: Callable[..., object] = getattr(people, what)
    with engine.begin() as connection, pytest.raises(Unfit, match=said):
        act(connection, *arguments)


def test_an_unknown_user_or_verb_of_the_page_is_not_found(ada: Browser) -> None:
    assert ada.post("/settings/users/99/off").status_code == 404
    assert ada.post("/settings/users/1/promote").status_code == 404


def test_the_password_is_asked_for_before_it_is_changed(ada: Browser, console: Flask) -> None:
    answer = ada.post("/profile", data={"current": "wrong", "password": NEW, "again": NEW})
    assert answer.status_code == 422
    assert "This is not your password." in answer.text
    assert Browser(console).sign_in("ada", PASSWORD).status_code == 303
