"""Notices: written with the move, made one message a person and topic, sent once by each channel (E7)."""

import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from counterfoil import batches, door, notices
from counterfoil.acts import Actor, act
from counterfoil.clock import later
from counterfoil.settings import SettingsError, read_settings
from counterfoil.tables import Batch, Notice
from worker.scheduler import channels
from worker.scheduler.postman import Postman

from .scheduling import Stage

FAILED = {"error": "ValueError: no paper", "error_kind": "run", "fingerprint": "f1"}


@pytest.fixture
def stage(engine: Engine) -> Stage:
    made = Stage(engine)
    made.know()
    return made


def running(stage: Stage, **columns: Any) -> int:
    values = {
        "fence": "f" * 32,
        "drain_id": "d",
        "queue": "default",
        "claims": 1,
        "attempts": 1,
        "max_attempts": 1,
    }
    started = {"state": "running", "turn": False, "started_at": timedelta(0)}
    return stage.open(**values | started | {"in_charge": "ada@firm.example"} | columns)


def error(stage: Stage, *tickets: int) -> None:
    with stage.engine.begin() as connection:
        for ticket in tickets:
            assert door.move(connection, "error", ticket, fence="f" * 32, **FAILED) is not None


def notes(stage: Stage) -> list[Any]:
    with stage.engine.connect() as connection:
        return list(connection.execute(select(Notice.__table__).order_by(Notice.id)))


def deliver(stage: Stage, **settings: Any) -> None:
    postman = Postman()
    postman.act(stage.beat(**settings))
    postman.join()


def test_who_is_in_charge_is_told_in_the_moves_own_transaction(stage: Stage) -> None:
    errored, nobodys = running(stage), running(stage, in_charge=None)
    error(stage, errored, nobodys)
    assert [(n.person, n.occasion, n.topic, n.ticket_id) for n in notes(stage)] == [
        ("ada@firm.example", "errored", "f1", errored)
    ]
    rolled_back = running(stage)
    with stage.engine.connect() as connection:
        door.move(connection, "error", rolled_back, fence="f" * 32, **FAILED)
        connection.rollback()
    assert len(notes(stage)) == 1


def test_what_a_person_does_tells_others_only_and_expiring_tells_nobody(stage: Stage) -> None:
    mine, others, expired = (running(stage) for _ in range(3))
    with stage.engine.begin() as connection:
        act(connection, "fail", mine, Actor("ada@firm.example", "console"), reason="no use")
        act(connection, "fail", others, Actor("otto", "console"), reason="no use")
        act(connection, "expire", expired, Actor("otto", "console"))
    assert [(n.occasion, n.ticket_id) for n in notes(stage)] == [("failed", others)]


def test_a_ticket_that_succeeds_or_backs_off_leaves_no_notice(stage: Stage) -> None:
    backs_off, acknowledged = running(stage, max_attempts=5), stage.open(state="errored", in_charge="ada")
    with stage.engine.begin() as connection:
        assert door.move(connection, "lapse", backs_off, fence="f" * 32, **FAILED) is not None
        act(connection, "acknowledge", acknowledged, Actor("otto", "console"))
    assert notes(stage) == []


def test_forty_errors_are_one_message_and_the_next_one_waits_a_quarter_of_an_hour(stage: Stage) -> None:
    error(stage, *(running(stage) for _ in range(40)))
    deliver(stage)
    (message,) = notes(stage)
    assert (message.channel, message.count, message.sent_at is not None) == ("log", 40, True)
    assert message.message["count"] == 40
    error(stage, running(stage))
    deliver(stage)
    assert len(notes(stage)) == 2, "too soon"
    stage.do("UPDATE counterfoil_notices SET at = '2026-01-01 00:00:00.000000' WHERE channel IS NOT NULL")
    deliver(stage)
    assert [(n.channel, n.count) for n in notes(stage)] == [("log", 40), ("log", 1)]


def test_two_schedulers_make_one_message_and_send_it_once(stage: Stage) -> None:
    error(stage, running(stage))
    with stage.engine.connect() as connection:
        (one,), (other,) = notices.waiting(connection), notices.waiting(connection)
    made = []
    for group in (one, other):
        with stage.engine.begin() as connection:
            made.append(notices.collect(connection, group, ["log"]))
    claims = []
    for _ in range(2):
        with stage.engine.begin() as connection:
            claims.append(notices.claim(connection))
    assert made == [1, 0]
    assert [claim is None for claim in claims] == [False, True]


def test_who_opened_a_batch_hears_of_its_end(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    with stage.engine.begin() as connection:
        connection.execute(insert(Batch).values(label="May", sealed=True, opened_by="ada@firm.example"))
        connection.execute(insert(Batch).values(label="June", sealed=True))
        batches.close_complete(connection)
    with caplog.at_level(logging.INFO):
        deliver(stage)
    assert "for ada@firm.example: Batch complete: May" in caplog.text
    assert len(notes(stage)) == 1


def test_a_message_that_cannot_be_sent_is_tried_again_and_its_last_error_is_kept(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def refuse(message: notices.Message) -> None:
        tried.append(message.attempt)
        raise ConnectionRefusedError("no such host")

    monkeypatch.setattr("worker.scheduler.postman.open_channels", lambda settings: {"email": refuse})
    error(stage, running(stage))
    deliver(stage)
    (waits,) = notes(stage)
    assert (waits.attempts, waits.sent_at, waits.failed_at) == (1, None, None)
    assert waits.next_at > waits.at + notices.FIRST_PAUSE / 2
    for _ in range(notices.ATTEMPTS):
        with stage.engine.begin() as connection:
            connection.execute(update(Notice).values(next_at=later(timedelta(seconds=-1))))
        deliver(stage)
    (failed,) = notes(stage)
    assert tried == list(range(1, notices.ATTEMPTS + 1))
    assert failed.failed_at is not None
    assert failed.error == "ConnectionRefusedError: no such host"


class Server:
    """What smtplib connects to."""

    sent: list[Any] = []

    def __init__(self, host: str, port: int, timeout: float) -> None:
        assert (host, port) == ("mail.firm.example", 25)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def send_message(self, mail: Any) -> None:
        self.sent.append(mail)


def test_a_mail_says_what_and_where_and_goes_to_addresses_only(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels.smtplib, "SMTP", Server)
    Server.sent.clear()
    smtp = {"smtp_host": "mail.firm.example", "smtp_port": 25, "smtp_tls": "none"}
    smtp |= {"smtp_sender": "counterfoil@firm.example", "url": "https://jobs.firm.example/"}
    ticket = running(stage, root_id="Invoice!7", root_label="ACME\r\nBcc: x@y.example")
    error(
        stage,
        ticket,
        running(stage, in_charge="evil@x.example>, <b@x.example"),
        running(stage, in_charge="bob"),
    )
    deliver(stage, **smtp)
    (mail,) = Server.sent
    assert (mail["To"], mail["Subject"]) == ("ada@firm.example", "1 ticket is errored: Work")
    assert mail["Bcc"] is None
    assert f"https://jobs.firm.example/tickets/{ticket}" in mail.get_content()
    assert "ValueError: no paper" in mail.get_content()
    refused = [n.error for n in notes(stage) if n.channel == "email" and n.failed_at]
    assert len(refused) == 2
    assert all("is no mail address" in each for each in refused)
    error(stage, running(stage, in_charge="cyd"))
    deliver(stage, **smtp, mail_domain="firm.example")
    assert Server.sent[-1]["To"] == "cyd@firm.example"


@pytest.fixture
def hook() -> Iterator[tuple[str, list[Any]]]:
    """A receiver of webhooks, its address and what it got; /moved redirects."""
    got: list[Any] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            got.append((self.path, self.headers, body))
            self.send_response(302 if self.path == "/moved" else 200)
            self.send_header("Location", "/hook")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


SECRET = "a secret of sixteen"


def test_a_webhook_is_signed_and_follows_no_redirect(stage: Stage, hook: tuple[str, list[Any]]) -> None:
    address, got = hook
    error(stage, running(stage))
    deliver(stage, webhook_url=f"{address}/hook", webhook_secret=SECRET)
    ((path, headers, body),) = got
    told = json.loads(body)
    assert (path, told["count"], told["person"], told["view_model"]) == (
        "/hook",
        1,
        "ada@firm.example",
        "Work",
    )
    moment, mac = headers["Counterfoil-Signature"].split(",")
    assert mac == "v1=" + channels.signature(SECRET, moment.removeprefix("t="), body)
    assert headers["Counterfoil-Delivery"] == str(told["id"])
    got.clear()
    error(stage, running(stage, in_charge="bob"))
    deliver(stage, webhook_url=f"{address}/moved", webhook_secret=SECRET)
    assert [path for path, *_ in got] == ["/moved"]
    assert [n.error for n in notes(stage) if n.person == "bob" and n.channel == "webhook"] == [
        "HTTPError: HTTP Error 302: Found"
    ]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"smtp_host": "mail"}, "needs smtp_sender"),
        ({"smtp_tls": "maybe"}, "use starttls, tls or none"),
        ({"webhook_url": "file:///etc/passwd"}, "begins with https"),
        ({"webhook_url": "https://x.example/h", "webhook_secret": "short"}, "needs webhook_secret"),
    ],
)
def test_settings_of_channels_that_make_no_sense_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as told:
        read_settings(**given)
    assert "short" not in str(told.value)
