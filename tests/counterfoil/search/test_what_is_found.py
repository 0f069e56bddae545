"""What each condition of a search finds, on both dialects; the list, a count and a frozen set agree."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, insert, select

from console.digest import digest
from console.queries import counts
from console.queries.tickets import database_now, page
from counterfoil.filters import TicketFilter
from counterfoil.frozen_set import freeze
from counterfoil.search import rarity
from counterfoil.search.grammar import parse
from counterfoil.search.lookup import MOST, lookup
from counterfoil.tables import Attempt, Operation, OperationItem, RootClass
from counterfoil.text_index import catch_up
from tests.console.tickets.cast import known, ticket

NOW = datetime.now(UTC)
CAST = {
    "old": {"opened_at": NOW - timedelta(days=2), "view_model": "Ship", "queue": "parcels"},
    "urgent": {"priority": 1, "root_id": "Order!42", "root_label": "ACME, order A-8123"},
    "tried": {"state": "errored", "attempts": 3, "opened_by": "ada", "error": "BankError: 100% down"},
    "lost": {"state": "errored", "attempts": 1, "error_kind": "lost", "error": None},
    "kept": {"state": "done", "kept": NOW + timedelta(days=9), "batch_id": 7, "root_label": "Über GmbH"},
    "retrying": {"claims": 2, "attempts": 2, "retry_at": NOW + timedelta(days=9), "error": "OSError: no"},
}


def furnish(connection: Connection) -> dict[str, int]:
    known(connection, "Ship", "Customer.assign_number")
    connection.execute(insert(RootClass).values(name="Order"))
    ids = {}
    for name, fields in CAST.items():
        given = dict(fields)
        ids[name] = ticket(connection, str(given.pop("state", "pending")), **given)
    failed = {"ticket_id": ids["tried"], "claim": 1, "outcome": "error", "app_version": "a1b2c3"}
    connection.execute(insert(Attempt).values(failed))
    return ids


FOUND = {
    "state:errored": "tried lost",
    "state:pending": "old urgent retrying",
    "tab:retrying": "retrying",
    "not state:pending": "tried lost kept",
    "queue:parcels": "old",
    "view:Ship": "old",
    "root:Order!42": "urgent",
    "root:Order": "urgent",
    "not root:Order": "old tried lost kept retrying",
    "label:acme": "urgent",
    "not label:acme": "old tried lost kept retrying",
    "error:bankerror": "tried",
    'error:"100%"': "tried",
    "not error:bank": "old urgent lost kept retrying",
    "kind:lost": "lost",
    "batch:7": "kept",
    "priority:urgent": "urgent",
    "priority:<=high": "urgent",
    "priority:>1 state:pending": "old retrying",
    "attempts:>2": "tried",
    "attempts:2": "retrying",
    "age:>1d": "old",
    "age:<1d state:pending": "urgent retrying",
    "kept:yes": "kept",
    "kept:no state:done": "",
    "opened_by:ada": "tried",
    "version:a1b2c3": "tried",
    "A-8123": "urgent",
    '"order a-8123"': "urgent",
    "42": "urgent",
    "ship": "old",
    "bank or acme": "tried urgent",
    "(bank or acme) state:errored": "tried",
    "not (bank or acme) state:errored": "lost",
    "error:o attempts:<3": "retrying",
    "label:a%b": "",
    "label:gmbh": "kept",
    "label:Über": "kept",
    "label:ÜBER": "kept",
    '"über gmbh"': "kept",
    "view:Ship not state:done": "old",
    "view:Ship state:done": "",
    "view:Ship not state:pending": "",
    "view:Customer.assign_number not state:pending": "tried lost kept",
    "view:Customer.assign_number (state:done or attempts:>2)": "tried kept",
}


@pytest.mark.parametrize("indexed", [0, 3, 6])
def test_each_condition_finds_what_it_says(engine: Engine, indexed: int) -> None:
    with engine.begin() as connection:
        names = {id_: name for name, id_ in furnish(connection).items()}
        if indexed and connection.dialect.name == "sqlite":
            assert catch_up(connection, indexed) == indexed
        now = database_now(connection)
        for text, expected in FOUND.items():
            wanted = TicketFilter.parse([("q", text)])
            shown = {names[row.id] for row in page(connection, wanted, None, now).rows}
            assert shown == set(expected.split()), text
            assert counts.number(connection, wanted, now) == counts.Number(len(shown)), text
            assert frozen(connection, wanted.query()) == {i for i, n in names.items() if n in shown}, text


def frozen(connection: Connection, query: str) -> set[int]:
    """The tickets that an operation on this filter would take or skip."""
    values = {"verb": "retry", "asked_by": "ada", "submit_token": digest(query), "query": query}
    made = connection.execute(insert(Operation).values(values)).inserted_primary_key
    assert made is not None
    this = select(Operation.__table__).where(Operation.id == made[0])
    while not freeze(connection, connection.execute(this).one(), chunk=2):
        pass
    items = select(OperationItem.ticket_id).where(OperationItem.operation_id == made[0])
    return set(connection.execute(items).scalars())


def test_a_search_goes_with_the_filters_own_fields(engine: Engine) -> None:
    with engine.begin() as connection:
        ids = furnish(connection)
        now = database_now(connection)
        for query, expected in (
            ("tab=errored&q=attempts:>2", "tried"),
            ("tab=pending&q=state:errored", ""),
            ("view=Ship&q=view:Customer.assign_number", ""),
            ("queue=parcels&q=ship", "old"),
            ("root=Order!42&q=acme", "urgent"),
            ("batch=7&q=state:done", "kept"),
        ):
            found = page(connection, TicketFilter.parse(query), None, now).rows
            assert [row.id for row in found] == [ids[name] for name in expected.split()], query


def test_a_text_that_was_too_common_for_its_index_is_not_asked_of_it_again_at_once(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = create_engine(postgresql_url)
    asked: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    monkeypatch.setattr(rarity, "_expected", lambda *given: True)

    def looks_of(words: str) -> int:
        asked.clear()
        assert lookup(connection, parse(words)) is None
        return sum("AS indexed" in statement for statement in asked)

    with engine.begin() as connection:
        for n in range(MOST + 1):
            ticket(connection, root_label=f"bolt {n}")
        assert [looks_of("bolt") for _ in range(3)] == [1, 0, 0]
        assert [looks_of("label:bolt") for _ in range(2)] == [1, 0], "another question"
        assert lookup(connection, parse('"bolt 77"')) is not None
        monkeypatch.setattr(rarity, "KEPT_SECONDS", -1.0)
        rarity._told.clear()
        assert [looks_of("bolt") for _ in range(2)] == [1, 1]
    engine.dispose()
