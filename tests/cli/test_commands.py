"""The commands a person types: acts with their trail, lists, users, queues; errors in one clear line."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine, insert, text

from counterfoil.cli import main
from counterfoil.clock import later
from counterfoil.life import page
from counterfoil.moves import MOVES, SINGLE_ACTS
from counterfoil.tables import ScheduleRecord, ViewModelRecord
from tests.console.tickets.cast import known

Run = Callable[..., Result]


@pytest.fixture
def run(engine: Engine, tmp_path: Path) -> Run:
    """Runs a command on the test's database."""
    url = engine.url.render_as_string(hide_password=False)
    with engine.begin() as connection:
        known = {"name": "Work", "sort": "target", "known_until": later(timedelta(hours=1))}
        connection.execute(insert(ViewModelRecord).values(known))

    def call(*arguments: str, **environment: str) -> Result:
        base = {"DATABASE_URL": url, "COUNTERFOIL_DATA": str(tmp_path)}
        return CliRunner().invoke(main, arguments, env=base | environment)

    return call


def rows(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def test_an_empty_list_names_the_view_model_or_queue_that_there_is_not(run: Run, engine: Engine) -> None:
    with engine.begin() as connection:
        known(connection, "Customer.assign_number", queue="numbers")
    assert run("tickets", "list", "--view", "Customer.assign_number").exit_code == 0
    slip = run("tickets", "list", "--view", "Customer.asign_number")
    assert slip.exit_code == 1
    assert "there is no view model 'Customer.asign_number'" in slip.output
    assert "the nearest is 'Customer.assign_number'" in slip.output
    assert "there are: numbers" in run("tickets", "list", "--queue", "zzz").output


def test_a_ticket_is_opened_listed_and_shown(run: Run, engine: Engine) -> None:
    done = run(
        "tickets", "open", "Work", "--root", "Customer!42", "--param", "amount=3", "--priority", "high"
    )
    assert (done.exit_code, done.output) == (0, "ticket 1 is opened\n")
    assert rows(
        engine, "SELECT view_model, root_id, priority, queue, opened_via FROM counterfoil_tickets"
    ) == [("Work", "Customer!42", 3, "default", "cli")]
    listed = run("tickets", "list", "--tab", "pending", "--root", "Customer!42")
    assert "Customer!42" in listed.output
    (line,) = run("tickets", "list", "--json").output.splitlines()
    assert json.loads(line)["id"] == 1
    shown = run("tickets", "show", "1")
    assert "Customer!42" in shown.output
    assert "amount" not in shown.output  # params stay out of a terminal's history


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["open", "Work", "--param", "count"], "write NAME=JSON"),
        (["open", "Work", "--param", "name=ACME"], "is not JSON"),
        (["open", "Work", "--root", "nonsense"], "its class and key"),
        (["open", "Work", "--earliest", "2026-01-01T00:00"], "has no time zone"),
        (["open", "Work", "--earliest", "soon"], "30m, 24h, 7d"),
        (["open", "Work", "--priority", "huge"], "huge"),
        (["open", "x" * 300], "view_model"),
        (["reschedule", "1"], "--at"),
        (["fail", "1"], "--reason"),
        (["list", "--tab", "nonsense"], "nonsense"),
        (["list", "--queue", "q" * 300], "queue="),
    ],
)
def test_bad_input_is_one_line_that_names_it_and_exit_code_2(
    run: Run, arguments: list[str], words: str
) -> None:
    done = run("tickets", *arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output


def test_an_act_stands_in_the_trail_like_a_click(run: Run, engine: Engine) -> None:
    run("tickets", "open", "Work")
    done = run("tickets", "expire", "1", "--reason", "a test order")
    assert done.exit_code == 0
    assert "it was pending, it is expired" in done.output
    ((verb, via, reason),) = rows(engine, "SELECT verb, via, reason FROM counterfoil_trail")
    assert (verb, via, reason) == ("expire", "cli", "a test order")
    assert "a test order" in run("tickets", "show", "1").output


def test_the_trail_tells_who_did_what(run: Run) -> None:
    run("tickets", "open", "Work")
    run("tickets", "open", "Work")
    run("tickets", "hold", "1", "2", "--reason", "wait for the bank")
    told = run("trail").output
    assert "hold" in told
    assert "ticket 2" in told
    (line,) = run("trail", "--ticket", "1", "--json").output.splitlines()
    entry = json.loads(line)
    assert (entry["verb"], entry["reason"], entry["after"]["state"]) == ("hold", "wait for the bank", "held")


def test_what_may_not_be_done_is_refused_with_the_reason_and_the_rest_goes_on(
    run: Run, engine: Engine
) -> None:
    run("tickets", "open", "Work")
    done = run("tickets", "hold", "99", "1")
    assert done.exit_code == 1
    assert "there is no ticket 99" in done.output
    assert "ticket 1: hold done" in done.output
    again = run("tickets", "hold", "1")
    assert again.exit_code == 1
    assert "ticket 1 is held" in again.output


def test_every_single_act_is_a_command_with_the_tables_summary(run: Run) -> None:
    told = run("tickets", "--help").output
    for verb in SINGLE_ACTS:
        assert f"  {verb} " in told
        assert run("tickets", verb, "--help").exit_code == 0


@pytest.mark.parametrize(
    ("verb", "options", "column", "value"),
    [
        ("reprioritise", ["--priority", "urgent"], "priority", 1),
        ("move", ["--queue", "other"], "queue", "other"),
    ],
)
def test_acts_take_their_argument(
    run: Run, engine: Engine, verb: str, options: list[str], column: str, value: object
) -> None:
    run("tickets", "open", "Work")
    assert run("tickets", verb, "1", *options).exit_code == 0
    assert rows(engine, f"SELECT {column} FROM counterfoil_tickets") == [(value,)]


def test_times_may_be_given_from_now(run: Run, engine: Engine) -> None:
    run("tickets", "open", "Work", "--expires", "30m")
    assert run("tickets", "extend", "1", "--expires", "7d").exit_code == 0
    listed = run("tickets", "list", "--tab", "expiring", "--window", "24h")
    assert "no ticket" in listed.output
    assert run("tickets", "extend", "1").exit_code == 0
    assert rows(engine, "SELECT expires_at FROM counterfoil_tickets") == [(None,)]


def test_a_queue_is_paused_and_resumed_with_its_trail(run: Run, engine: Engine) -> None:
    assert run("queues", "pause", "numbers", "--reason", "bank is down", "--until", "2h").exit_code == 0
    assert "bank is down" in run("queues", "list").output
    assert rows(engine, "SELECT paused FROM counterfoil_queues") in ([(True,)], [(1,)])
    assert run("queues", "resume", "numbers").exit_code == 0
    assert rows(engine, "SELECT verb, subject, reason FROM counterfoil_trail ORDER BY id") == [
        ("pause", "queue numbers", "bank is down"),
        ("resume", "queue numbers", None),
    ]
    again = run("queues", "resume", "numbers")
    assert (again.exit_code, "is not paused" in again.output) == (1, True)
    unknown = run("queues", "resume", "nubmers")
    assert (unknown.exit_code, "there are: numbers" in unknown.output) == (1, True)


def test_users_are_added_and_get_links(run: Run) -> None:
    done = run("users", "add", "ada@example.org", "--role", "admin", COUNTERFOIL_URL="https://ops.example")
    assert done.exit_code == 0
    assert "https://ops.example/first-entry/" in done.output
    assert "COUNTERFOIL_URL" not in done.output
    assert "ada@example.org  admin" in run("users", "list").output
    assert "set COUNTERFOIL_URL" in run("users", "link", "ada@example.org").output
    twice = run("users", "add", "ada@example.org")
    assert (twice.exit_code, "already" in twice.output) == (1, True)
    nobody = run("users", "off", "nobody")
    assert (nobody.exit_code, "nobody" in nobody.output) == (1, True)


def test_moves_prints_the_table_and_the_page() -> None:
    told = CliRunner().invoke(main, ["moves"]).output
    assert all(verb in told for verb in MOVES)
    assert CliRunner().invoke(main, ["moves", "--markdown"]).output == page()


def test_the_schema_is_checked_upgraded_and_printed(run: Run, tmp_path: Path) -> None:
    assert run("db", "check").exit_code == 0
    empty = f"sqlite:///{tmp_path}/empty.sqlite3"
    missing = run("db", "check", DATABASE_URL=empty)
    assert (missing.exit_code, "counterfoil db upgrade" in missing.output) == (2, True)
    assert run("tickets", "list", DATABASE_URL=empty).exit_code == 2
    assert run("db", "upgrade", DATABASE_URL=empty).exit_code == 0
    assert run("db", "check", DATABASE_URL=empty).exit_code == 0


@pytest.mark.parametrize("dialect", ["postgresql", "sqlite"])
def test_the_migrations_are_printed_as_sql(dialect: str) -> None:
    done = CliRunner().invoke(main, ["db", "sql", dialect])
    assert done.exit_code == 0
    assert "CREATE TABLE counterfoil_tickets" in done.output


@pytest.mark.parametrize(
    ("environment", "code", "words"),
    [
        ({"DATABASE_URL": "mysql://x/y"}, 2, "only sqlite"),
        ({"COUNTERFOIL_BEAT_SECONDS": "-1"}, 2, "COUNTERFOIL_BEAT_SECONDS"),
        (
            {"DATABASE_URL": "postgresql://x:secret@127.0.0.1:1/y"},
            1,
            "DATABASE_URL=postgresql://x:***@127.0.0.1:1/y cannot be reached",
        ),
    ],
)
def test_nonsense_in_the_environment_is_one_line(
    run: Run, environment: dict[str, str], code: int, words: str
) -> None:
    done = run("tickets", "list", **environment)
    assert done.exit_code == code
    assert words in done.output
    assert "Traceback" not in done.output
    assert "secret" not in done.output


def test_a_database_newer_than_the_code_is_said(run: Run, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE counterfoil_alembic_version SET version_num = '9999'"))
    for command in (("db", "upgrade"), ("scheduler",), ("worker",), ("tickets", "list")):
        done = run(*command)
        assert done.exit_code == 2
        assert "newer" in done.output


def test_pauses_routes_and_pool_sizes_are_set_as_with_the_buttons(run: Run, engine: Engine) -> None:
    assert run("pauses").output == "nothing is paused\n"
    assert run("view-models", "pause", "Work", "--reason", "prints nonsense", "--until", "2h").exit_code == 0
    assert run("queues", "pause", "default", "--reason", "bank").exit_code == 0
    assert "view model\tWork\t" in (told := run("pauses").output)
    assert "prints nonsense" in told
    assert "prints nonsense" in run("view-models", "list").output
    assert run("view-models", "resume", "Work").output == "the view model Work goes on\n"
    assert "not paused" in run("view-models", "resume", "Work").output
    assert "operation 1 moves what waits" in run("view-models", "route", "Work", "slow").output
    assert "slow (routed from default)" in run("view-models", "list").output
    assert run("view-models", "route", "Work", "--back").exit_code == 0
    assert run("view-models", "route", "Work").exit_code == 2
    assert run("queues", "pool-size", "default", "4", "--wait", "30").exit_code == 0
    assert "pause it" in run("queues", "pool-size", "default", "0").output
    assert run("queues", "pool-size", "default", "many").exit_code == 2
    assert run("queues", "pool-size", "no-such", "4").exit_code == 1
    assert rows(
        engine, "SELECT pool_size, target_wait_seconds FROM counterfoil_queues WHERE name = 'default'"
    ) == [(4, 30)]
    verbs = [row[0] for row in rows(engine, "SELECT verb FROM counterfoil_trail ORDER BY id")]
    assert verbs == ["pause", "pause", "resume", "route", "route", "pool-size"]


def test_a_schedule_is_listed_paused_resumed_and_run_now(run: Run, engine: Engine) -> None:
    assert "no schedule yet" in run("schedules", "list").output
    assert run("schedules", "pause", "nightly", "--reason", " ").exit_code == 2
    row = {"name": "nightly", "cron": "0 3 * * *", "zone": "Europe/Berlin", "view_model": "Work"}
    with engine.begin() as connection:
        connection.execute(insert(ScheduleRecord).values(**row, catch_up="one"))
    listed = run("schedules", "list", COLUMNS="200").output
    assert all(word in listed for word in ("nightly", "0 3 * * *", "Europe/Berlin", "Work"))
    assert run("schedules", "pause", "nightly", "--reason", "stocktaking", "--until", "2h").exit_code == 0
    assert "stocktaking" in run("schedules", "list", COLUMNS="200").output
    assert "schedule\tnightly\t" in run("pauses").output
    assert run("schedules", "run-now", "nightly").output == "ticket 1 is opened\n"
    assert run("schedules", "resume", "nightly").exit_code == 0
    told = rows(engine, "SELECT verb, via, subject FROM counterfoil_trail ORDER BY id")
    assert told == [(verb, "cli", "schedule nightly") for verb in ("pause", "run-now", "resume")]
    refused = run("schedules", "resume", "weekly")
    assert (refused.exit_code, "there is no schedule 'weekly'; there are: nightly" in refused.output) == (
        1,
        True,
    )
