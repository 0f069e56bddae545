"""SQLite's index of texts: however much of it is written yet, nothing that a search means is missed."""

import random
import sqlite3
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text

from console.queries.tickets import database_now, page
from counterfoil import schema, text_index
from counterfoil.base import Base
from counterfoil.database import make_engine
from counterfoil.filters import TicketFilter
from counterfoil.schema import SchemaOutOfDate
from counterfoil.search.full_text import MOST_BEHIND
from counterfoil.search.grammar import parse
from counterfoil.search.lookup import LEAST_CHARACTERS, MOST, lookup
from counterfoil.search.sql import condition
from counterfoil.search.tree import Term
from counterfoil.sqlite import prepare
from counterfoil.text_index import catch_up
from counterfoil.ticket import Ticket
from tests.worker.scheduling import Stage
from worker.scheduler.indexer import Indexer

NEVER = datetime(2026, 1, 1, tzinfo=UTC)
LETTERS = "aAbB äÄßİıΣσςЖж\u10d0\u1c90\"'%_\\:*(){}-0é€😀\t\n"


@pytest.fixture
def connection(sqlite_url: str) -> Iterator[Connection]:
    engine = make_engine(sqlite_url)
    with engine.connect() as made:
        yield made
    engine.dispose()


def open_some(connection: Connection, *rows: dict[str, Any]) -> None:
    plain = {"view_model": "Work", "root_label": None, "error": None}
    connection.execute(insert(Ticket), [plain | row for row in rows])


def missed(connection: Connection, words: str, field: str = "") -> set[int]:
    """Ids that mean the words and are not among the candidates."""
    term = Term(field, words)
    candidates = lookup(connection, term)
    if candidates is None:  # a letter that FTS5 may not know
        assert any(letter > "\u0527" for letter in words)
        return set()
    meant = connection.execute(select(Ticket.id).where(condition(term, database_now(connection)))).scalars()
    return set(meant) - set(candidates)


def some_text(dice: random.Random) -> str:
    return "".join(dice.choices(LETTERS, k=dice.randint(3, 20)))


@pytest.mark.parametrize("seed", range(5))
def test_whatever_is_written_in_whatever_order_is_found(connection: Connection, seed: int) -> None:
    dice = random.Random(seed)
    texts: list[str] = []
    for _ in range(30):
        for _ in range(dice.randint(0, 8)):
            label, error = (some_text(dice) if dice.random() < 0.7 else None for _ in range(2))
            open_some(connection, {"root_label": label, "error": error})
            texts += [each for each in (label, error) if each]
        ids = list(connection.execute(select(Ticket.id)).scalars())
        for this in dice.sample(ids, min(len(ids), 3)):
            error = some_text(dice) if dice.random() < 0.6 else None
            texts += [error] if error else []
            connection.execute(
                text("UPDATE counterfoil_tickets SET error = :error WHERE id = :id"),
                {"error": error, "id": this},
            )
        for this in dice.sample(ids, min(len(ids), dice.randint(0, 2))):
            connection.execute(text("DELETE FROM counterfoil_tickets WHERE id = :id"), {"id": this})
        if dice.random() < 0.8:
            catch_up(connection, dice.randint(1, 9))
        for _ in range(10 if texts else 0):
            whole = dice.choice(texts)
            start = dice.randint(0, len(whole) - LEAST_CHARACTERS)
            words = whole[start : dice.randint(start + LEAST_CHARACTERS, len(whole))]
            words = dice.choice((words, words.swapcase(), words.lower()))
            if len(words) >= LEAST_CHARACTERS:
                assert missed(connection, words, dice.choice(("", "label", "error"))) == set(), words


@pytest.mark.parametrize("trigger", ["update", "delete"])
def test_the_triggers_are_what_keeps_it_true(connection: Connection, trigger: str) -> None:
    connection.execute(text(f"DROP TRIGGER counterfoil_tickets_texts_{trigger}"))
    open_some(connection, {"root_label": "one of old"}, {"root_label": "another of old"})
    while catch_up(connection):
        pass
    connection.execute(text("UPDATE counterfoil_tickets SET error = 'no bank' WHERE id = 1"))
    connection.execute(text("DELETE FROM counterfoil_tickets WHERE id = 2"))
    while catch_up(connection):
        pass
    assert missed(connection, "no bank") == ({1} if trigger == "update" else set())
    assert indexed(connection) == ([1, 2] if trigger == "delete" else [1])


def indexed(connection: Connection) -> list[int]:
    return list(connection.execute(text("SELECT rowid FROM counterfoil_texts ORDER BY rowid")).scalars())


def test_nothing_writes_it_but_the_indexer(connection: Connection) -> None:
    open_some(connection, {"root_label": "Order 1"}, {"error": "from an import"}, {})
    due = "SELECT count(*) FROM counterfoil_texts_due"
    assert indexed(connection) == []
    assert connection.execute(text(due)).scalar() == 0
    assert catch_up(connection) == 3
    assert indexed(connection) == [1, 2], "a ticket without a text has no row"
    connection.execute(text("UPDATE counterfoil_tickets SET state = 'done', error = NULL, done = opened_at"))
    assert connection.execute(text(due)).scalar() == 1, "only what has changed"
    assert catch_up(connection) == 1
    assert indexed(connection) == [1]
    connection.execute(text("DELETE FROM counterfoil_tickets"))
    assert catch_up(connection) == 1
    assert indexed(connection) == []
    assert catch_up(connection) == 0


def test_a_chunk_that_breaks_off_loses_nothing(connection: Connection) -> None:
    open_some(connection, *({"root_label": f"Order {n}"} for n in range(10)))
    connection.commit()
    catch_up(connection, 4)
    connection.rollback()
    assert indexed(connection) == []
    assert missed(connection, "Order") == set()
    catch_up(connection, 4)
    connection.commit()
    assert indexed(connection) == [1, 2, 3, 4]


def test_two_at_once_index_each_ticket_once(connection: Connection) -> None:
    open_some(connection, *({"root_label": f"Order {n}"} for n in range(500)))
    connection.commit()
    together = threading.Barrier(2)
    done: list[int] = []

    def index() -> None:
        together.wait()
        while True:
            with connection.engine.begin() as own:
                if not (count := catch_up(own, 7)):
                    return
            done.append(count)

    threads = [threading.Thread(target=index) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 500
    assert indexed(connection) == list(range(1, 501))


def test_an_old_one_among_many_is_on_the_first_page_and_counted(connection: Connection) -> None:
    open_some(connection, {"root_label": "the stuck order A-8123"})
    open_some(connection, *({"root_label": f"Order {n}"} for n in range(12_000)))
    connection.commit()
    wanted = TicketFilter.parse([("q", "a-8123")])
    before = page(connection, wanted, None, database_now(connection))
    assert (before.rows, before.stretched) == ([], True), "what was before there was an index"
    stage = Stage(connection.engine)
    assert Indexer().act(stage.beat()) > 0
    while Indexer().act(stage.beat()):
        pass
    found = page(connection, wanted, None, database_now(connection))
    assert ([row.id for row in found.rows], found.total, found.stretched) == ([1], 1, False)
    assert lookup(connection, parse("order")) is None, f"more than {MOST} are for the walk"


def test_far_behind_it_is_not_asked(connection: Connection) -> None:
    open_some(connection, {"root_label": "Order A"})
    catch_up(connection)
    assert lookup(connection, parse("order")) == [1]
    connection.execute(
        text(f"INSERT INTO counterfoil_tickets (id, view_model) VALUES ({MOST_BEHIND + 2}, 'W')")
    )
    assert lookup(connection, parse("order")) is None
    catch_up(connection)
    assert lookup(connection, parse("order")) == [1]


@pytest.mark.parametrize("words", ["abc\0def", "abc\u1c90", "\u10d0bc"])
def test_what_fts5_takes_in_another_way_is_left_to_the_walk(connection: Connection, words: str) -> None:
    assert lookup(connection, Term("", words)) is None


def test_every_letter_that_the_index_is_asked_for_is_folded_there_as_in_a_row(connection: Connection) -> None:
    cased = [chr(number) for number in range(128, 0x20000) if not 0xD800 <= number < 0xE000]
    cased = [letter for letter in cased if letter.lower() != letter or letter.upper() != letter]
    open_some(connection, *({"root_label": f"ab{letter}{number}"} for number, letter in enumerate(cased)))
    while catch_up(connection):
        pass
    asked = 0
    for number, letter in enumerate(cased):
        for other in {letter.lower(), letter.upper()}:
            term = Term("label", f"ab{other}{number}")
            if (found := lookup(connection, term)) is not None:
                meant = connection.execute(select(Ticket.id).where(condition(term, NEVER))).scalars().all()
                assert {*meant} <= {*found}, (letter, other)
                asked += 1
    assert asked > 2000


def test_without_fts5_the_upgrade_says_what_is_missing(tmp_path: Any) -> None:
    engine = prepare(create_engine(f"sqlite:///{tmp_path / 'without.sqlite3'}"))
    forbidden = sqlite3.SQLITE_CREATE_VTABLE

    @event.listens_for(engine, "connect")
    def forbid(driver: Any, record: object) -> None:
        driver.set_authorizer(lambda act, *_: sqlite3.SQLITE_DENY if act == forbidden else sqlite3.SQLITE_OK)

    with pytest.raises(SchemaOutOfDate, match=r"FTS5 with trigrams.*use a Python whose sqlite3 has it"):
        schema.upgrade(engine)
    engine.dispose()
    made = make_engine(f"sqlite:///{tmp_path / 'without.sqlite3'}")
    schema.upgrade(made)
    schema.check(made)
    made.dispose()


def test_tables_made_again_begin_anew(sqlite_url: str) -> None:
    engine: Engine = make_engine(sqlite_url)
    with engine.begin() as connection:
        open_some(connection, {"root_label": "Order A"})
        catch_up(connection)
        connection.execute(text("DROP TABLE counterfoil_tickets"))
    with engine.begin() as connection:
        Base.metadata.tables["counterfoil_tickets"].create(connection)
        for statement in text_index.SQLITE:
            connection.execute(text(statement))
        open_some(connection, {"root_label": "Order B"})
        assert missed(connection, "Order B") == set()
        catch_up(connection)
        assert missed(connection, "Order B") == set()
    engine.dispose()
