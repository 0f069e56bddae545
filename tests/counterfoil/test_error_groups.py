"""Errors as groups: a cause is one, whatever varies in its text and wherever its lines have moved."""

import random
import types
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, update

from counterfoil import error_groups, group_words
from counterfoil.acts import Actor, Refused
from counterfoil.errors import Failure, describe, fingerprint, innermost, told
from counterfoil.tables import Attempt, ErrorGroup
from tests.counterfoil.core import Bench

ADA = Actor("ada", "console")
SHOP = """
class CardDeclined(Exception): pass
def charge(order, card, when):
    raise CardDeclined(f"card {card!r} of order {order} declined at {when:%c} (0x{order:x})")
def export(path, mail): raise FileNotFoundError(f"[Errno 2] No such file or directory: {path!r} for {mail}")
def book(key, host):
    raise OSError(f"can't reach http://{host}:{8000 + len(host)}/book/{key}: no answer, {len(key)}.5 s")
"""


def shop(lines_above: int = 0) -> Any:
    """An application's module; a deploy moves its lines."""
    module = types.ModuleType("shop.work")
    exec(compile("\n" * lines_above + SHOP, "/srv/shop/work.py", "exec"), module.__dict__)
    return module


def failures(module: Any, count: int, seed: int) -> Iterator[Failure]:
    """Real exceptions of three causes, each with other numbers, keys, paths, addresses and times."""
    chance = random.Random(seed)
    now = datetime(2026, 2, 27, 23, 50, tzinfo=UTC)
    causes: list[Callable[[], Any]] = [
        lambda: module.charge(
            chance.randrange(1, 10**9),
            "4" * chance.randrange(12, 19),
            now + timedelta(seconds=chance.randrange(10**7)),
        ),
        lambda: module.export(
            f"/tmp/{chance.randbytes(chance.randrange(3, 9)).hex()}/O'Brien.pdf",
            f"a.b{chance.randrange(99)}@mail.example",
        ),
        lambda: module.book(
            str(uuid.UUID(int=chance.getrandbits(128))),
            f"10.0.{chance.randrange(256)}.{chance.randrange(256)}",
        ),
    ]
    for _ in range(count):
        try:
            chance.choices(causes, weights=(20, 5, 1))[0]()
        except Exception as error:
            yield told_shortly(error)


def told_shortly(error: Exception) -> Failure:
    """As `describe`, without the traceback's text: forty thousand of them take a minute to format."""
    text, place = told(error), innermost(error.__traceback__)
    return Failure("run", text, fingerprint=fingerprint(type(error).__qualname__, place, text), place=place)


@cache
def forty_thousand() -> list[Failure]:
    """Made once for both dialects."""
    return list(failures(shop(), 40_000, 1))


def filled(engine: Engine, found: list[Failure], version: str) -> None:
    """The attempts that settling them would leave, in bulk."""
    values = [
        {
            "ticket_id": n, "claim": 1, "outcome": "back off", "error": failure.text, "error_kind": "run",
            "fingerprint": failure.fingerprint, "place": failure.place, "app_version": version,
        }
        for n, failure in enumerate(found, 1)
    ]  # fmt: skip
    with engine.begin() as connection:
        for at in range(0, len(values), 5000):
            connection.execute(insert(Attempt), values[at : at + 5000])


def folded(engine: Engine) -> list[Any]:
    """Everything folded; the groups, largest first."""
    with engine.begin() as connection:
        while error_groups.fold(connection, 5000):
            pass
        return list(connection.execute(select(ErrorGroup.__table__).order_by(ErrorGroup.failures.desc())))


def test_forty_thousand_errors_of_three_causes_are_three_groups_and_stay_so_after_a_deploy(
    engine: Engine,
) -> None:
    filled(engine, forty_thousand(), "a1b2c3")
    before = folded(engine)
    assert [(row.class_name, row.place) for row in before] == [
        ("CardDeclined", "shop.work:charge"),
        ("FileNotFoundError", "shop.work:export"),
        ("OSError", "shop.work:book"),
    ]
    assert sum(row.failures for row in before) == 40_000
    filled(engine, list(failures(shop(lines_above=17), 500, 2)), "d4e5f6")
    after = folded(engine)
    assert [row.fingerprint for row in after] == [row.fingerprint for row in before]
    assert sum(row.failures for row in after) == 40_500
    assert {(row.app_version, row.last_app_version) for row in after} == {("a1b2c3", "d4e5f6")}
    assert all(sum(row.trend.values()) == row.failures for row in after)


def test_an_attempt_bears_the_fingerprint_and_place_of_its_failure() -> None:
    try:
        shop().export("/tmp/x", "a@b.example")
    except FileNotFoundError as error:
        short, whole = told_shortly(error), describe(error)
    assert whole.traceback
    assert (whole.fingerprint, whole.place) == (short.fingerprint, short.place)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("no row 'a'", "no row 'it's b'"),
        ('can\'t find "x" in 7 s', 'can\'t find "y z" in 12.5 s'),
        ("job deadbeef42 lost", "job 0a1b2c lost"),
        ("key ffffffffffffffffffff", "key 00000000000000000000"),
        ("to ann@shop.example", "to bob.b+1@mail.other.example"),
        ("host fe80::1 away", "host 2001:db8::42 away"),
        ("at Sat, 21 Nov 2026 01:02:03", "at Sun, 1 Mar 2027 11:12:13"),
        ("at 2026-11-21T01:02:03Z", "at 2027-03-01T11:12:13.5Z"),
    ],
)
def test_what_varies_in_a_text_does_not_part_a_cause(one: str, other: str) -> None:
    assert fingerprint("E", "m:f", one) == fingerprint("E", "m:f", other)


@pytest.mark.parametrize("other", [("F", "m:f", "no"), ("E", "m:g", "no"), ("E", "m:f", "yes")])
def test_class_place_and_words_part_causes(other: tuple[str, str, str]) -> None:
    assert fingerprint("E", "m:f", "no") != fingerprint(*other)


def test_what_fails_is_counted_once_and_what_is_errored_now(engine: Engine) -> None:
    bench = Bench(engine)

    def work() -> None:
        raise LookupError("no customer 42")

    bench.work("T.err", work, max_attempts=1)
    tickets = [bench.open("T.err") for _ in range(3)]
    bench.drain()
    for _ in range(2):
        with engine.begin() as connection:
            error_groups.fold(connection)
            error_groups.count_errored(connection)
        (group,) = folded(engine)
        assert (group.failures, group.errored, group.class_name) == (3, 3, "LookupError")
        assert (group.view_model, group.ticket_id in tickets) == ("T.err", True)
        assert group.place.endswith(":work")
    bench.execute("UPDATE counterfoil_tickets SET state = 'expired' WHERE id = :id", id=tickets[0])
    with engine.begin() as connection:
        assert error_groups.count_errored(connection) == 1
        assert error_groups.count_errored(connection) == 0
    assert folded(engine)[0].errored == 2


def test_persons_words_about_a_group_stand_in_the_trail(engine: Engine) -> None:
    bench = Bench(engine)
    filled(engine, list(failures(shop(), 1, 1)), "a1b2c3")
    (group,) = folded(engine)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    with engine.begin() as connection:
        group_words.acknowledge(connection, group.fingerprint, ADA, "bank is down till 06:00")
        group_words.mute(connection, group.fingerprint, ADA, until)
    (after,) = folded(engine)
    assert (after.acknowledged_by, after.note, after.muted_until) == ("ada", "bank is down till 06:00", until)
    with engine.begin() as connection:
        group_words.unmute(connection, group.fingerprint, ADA)
    with engine.begin() as connection, pytest.raises(Refused, match="not muted"):
        group_words.unmute(connection, group.fingerprint, ADA)
    with engine.begin() as connection, pytest.raises(Refused, match="no group"):
        group_words.acknowledge(connection, "none", ADA)
    entries = bench.all("SELECT verb, subject, reason FROM counterfoil_trail ORDER BY id")
    assert [row.verb for row in entries] == ["acknowledge", "mute", "unmute"]
    assert {row.subject for row in entries} == {f"errors {group.fingerprint}"}


def silent_for(engine: Engine, fingerprint: str, minutes: int) -> None:
    """Everything about the group lies so much longer ago."""
    with engine.begin() as connection:
        one = ErrorGroup.fingerprint == fingerprint
        seen, muted = connection.execute(
            select(ErrorGroup.last_seen_at, ErrorGroup.muted_at).where(one)
        ).one()
        ago = timedelta(minutes=minutes)
        values = {"last_seen_at": seen - ago, "muted_at": muted - ago}
        connection.execute(update(ErrorGroup).where(one).values(values))


def test_a_mute_by_count_ends_when_so_many_more_have_failed(engine: Engine) -> None:
    found = list(failures(shop(), 1, 1))
    filled(engine, found * 5, "a1b2c3")
    (group,) = folded(engine)
    with engine.begin() as connection:
        group_words.mute(connection, group.fingerprint, ADA, failures=3)
    now = datetime.now(UTC)
    assert group_words.is_muted(folded(engine)[0], now)
    filled(engine, found * 2, "a1b2c3")
    assert group_words.is_muted(folded(engine)[0], now)
    filled(engine, found, "a1b2c3")
    assert not group_words.is_muted(folded(engine)[0], now)


def test_a_mute_until_silence_lasts_while_it_fails_and_what_comes_after_an_hour_is_news(
    engine: Engine,
) -> None:
    found = list(failures(shop(), 1, 1))
    filled(engine, found, "a1b2c3")
    (group,) = folded(engine)
    with engine.begin() as connection:
        group_words.mute(connection, group.fingerprint, ADA, quiet=True)
    silent_for(engine, group.fingerprint, 50)
    filled(engine, found, "a1b2c3")
    assert group_words.is_muted(folded(engine)[0], datetime.now(UTC)), "it fails every 50 minutes"
    silent_for(engine, group.fingerprint, 61)
    assert not group_words.is_muted(folded(engine)[0], datetime.now(UTC)), "an hour is over"
    filled(engine, found, "a1b2c3")
    (after,) = folded(engine)
    assert (after.muted_quiet, after.muted_by) == (False, None)
    assert not group_words.is_muted(after, datetime.now(UTC)), "what fails now is news"


def test_a_mute_is_one_of_the_three(engine: Engine) -> None:
    filled(engine, list(failures(shop(), 1, 1)), "a1b2c3")
    (group,) = folded(engine)
    with engine.begin() as connection:
        for wrong in ({}, {"failures": 0}, {"failures": 3, "quiet": True}):
            with pytest.raises(Refused):
                group_words.mute(connection, group.fingerprint, ADA, **wrong)
