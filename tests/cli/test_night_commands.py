"""Errors, operations and the trail at a terminal: the same code as the buttons, the same trail."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, insert, select

from counterfoil import operations
from counterfoil.clock import stamp
from counterfoil.tables import ErrorGroup, Notice, TrailEntry
from tests.cli.test_commands import Run, rows, run
from tests.console.tickets.cast import ticket

__all__ = ["run"]
BANK = "b" * 32


def errored(engine: Engine, count: int) -> list[int]:
    with engine.begin() as connection:
        now = datetime.now(UTC)
        group = {"fingerprint": BANK, "error": "BankDown: no", "first_seen_at": now, "last_seen_at": now}
        connection.execute(insert(ErrorGroup).values(group | {"errored": count, "failures": count}))
        return [
            ticket(connection, "errored", fingerprint=BANK, view_model="Work", params={"count": 3})
            for _ in range(count)
        ]


def beat(engine: Engine) -> None:
    while True:
        with engine.begin() as connection:
            if not operations.work(connection):
                return


def trail(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        query = select(TrailEntry.verb, TrailEntry.via, TrailEntry.reason).order_by(TrailEntry.id)
        return [tuple(row) for row in connection.execute(query)]


def test_a_cause_is_listed_shown_acknowledged_and_muted(run: Run, engine: Engine) -> None:
    errored(engine, 2)
    assert "BankDown" in run("errors", "list").output
    assert json.loads(run("errors", "show", BANK, "--json").output)["errored"] == 2
    assert run("errors", "acknowledge", BANK, "--note", "bank is down").exit_code == 0
    assert run("errors", "mute", BANK, "--quiet").exit_code == 0
    assert json.loads(run("errors", "list", "--json").output)["muted"] is True
    assert run("errors", "unmute", BANK).exit_code == 0
    assert run("errors", "mute", BANK).exit_code == 2
    nobody = run("errors", "acknowledge", "none")
    assert (nobody.exit_code, "there is no group of errors none" in nobody.output) == (1, True)
    assert [verb for verb, via, _ in trail(engine) if via == "cli"] == ["acknowledge", "mute", "unmute"]


def test_an_operation_is_asked_for_started_shown_and_undone(run: Run, engine: Engine) -> None:
    errored(engine, 3)
    asked = run("operations", "ask", "expire", "--filter", f"tab=errored&error={BANK}")
    assert "operation 1 is asked for" in asked.output
    beat(engine)
    assert run("operations", "start", "1", "--expected", "4").exit_code == 1
    assert run("operations", "start", "1", "--expected", "3", "--reason", "too late").exit_code == 0
    beat(engine)
    told = json.loads(run("operations", "show", "1", "--json", "--results", "10").output)
    assert (told["state"], told["changed"], len(told["tickets"])) == ("done", 3, 3)
    assert "operation 2 takes back operation 1" in run("operations", "undo", "1").output
    beat(engine)
    assert "undo of 1" in run("operations", "list").output
    assert rows(engine, "SELECT DISTINCT state FROM counterfoil_tickets") == [("errored",)]
    assert run("operations", "stop", "1").exit_code == 1
    assert run("operations", "go-on", "1").exit_code == 1
    assert run("operations", "show", "99").exit_code == 1
    assert run("operations", "ask", "retry").exit_code == 2


def test_the_trail_is_looked_through_by_who_verb_what_and_when(run: Run, engine: Engine) -> None:
    (id_,) = errored(engine, 1)
    run("tickets", "expire", str(id_), "--reason", "no longer")
    run("errors", "acknowledge", BANK)

    def verbs(*options: str) -> list[str]:
        lines = run("trail", "--json", *options).output.splitlines()
        return [json.loads(line)["verb"] for line in lines]

    assert verbs() == ["expire", "acknowledge"]
    assert verbs("--verb", "expire") == ["expire"]
    assert verbs("--what", f"errors {BANK}") == ["acknowledge"]
    assert verbs("--ticket", str(id_)) == ["expire"]
    assert verbs("--since", "1h") == ["expire", "acknowledge"]
    assert "nothing in the trail fits" in run("trail", "--until", "1h").output
    assert "nothing in the trail fits" in run("trail", "--who", "nobody").output
    assert run("tickets", "undo", str(id_)).output.strip().endswith("it is errored")
    assert run("tickets", "undo", "999").exit_code == 1


def test_params_are_edited_and_do_not_stay_in_the_terminal(run: Run, engine: Engine) -> None:
    (id_,) = errored(engine, 1)
    wrong = run("tickets", "edit", str(id_), "--param", "count=many")
    assert (wrong.exit_code, "count: 'many' does not fit" in wrong.output) == (1, True)
    assert run("tickets", "edit", str(id_), "--param", "count").exit_code == 2
    assert run("tickets", "edit", str(id_), "--param", "count=4217").exit_code == 0
    with engine.connect() as connection:
        (entry,) = connection.execute(select(TrailEntry.after).where(TrailEntry.verb == "edit")).scalars()
    assert entry["params"] == {"count": 4217}
    for told in (run("trail", "--json"), run("tickets", "show", str(id_), "--json")):
        assert "(not shown)" in told.output
        assert "4217" not in told.output


def test_notices_that_were_given_up_are_listed_and_sent_again(run: Run, engine: Engine) -> None:
    assert "none was given up" in run("notices", "list").output
    message = {"person": "ada", "occasion": "errored", "topic": "f", "channel": "email", "ticket_id": 7}
    with engine.begin() as connection:
        given_up = [message | {"error": "no mail server", "failed_at": stamp()}] * 2
        for one in given_up:
            connection.execute(insert(Notice).values(one))
    listed = run("notices", "list").output
    assert "1\t" in listed
    assert "ada\temail\tticket 7\tno mail server" in listed
    assert run("notices", "send-again").exit_code == 2
    assert run("notices", "send-again", "1", "--reason", "mail is back").output == "1 to be sent again\n"
    assert run("notices", "send-again", "--all").output == "1 to be sent again\n"
    refused = run("notices", "send-again", "1")
    assert (refused.exit_code, "given up any more" in refused.output) == (1, True)
    assert trail(engine) == [("send-again", "cli", "mail is back"), ("send-again", "cli", None)]
