"""Finding the object that a root id names: one query, for any subclass, and errors that name it (O3, R5)."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from counterfoil import roots
from counterfoil.roots import RootError
from tests.counterfoil.firm import firm


@pytest.fixture
def host(engine: Engine) -> Iterator[Any]:
    with firm(engine, known=False) as made:
        yield made


@pytest.fixture
def statements(engine: Engine) -> list[str]:
    seen: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def _(connection: Any, cursor: Any, statement: str, *more: Any) -> None:
        seen.append(statement)

    return seen


def saved(engine: Engine, *objects: Any) -> list[str]:
    with Session(engine) as session:
        session.add_all(objects)
        session.commit()
        return [roots.root_id_of(each) or "" for each in objects]


def test_one_query_loads_a_root_of_any_subclass_with_all_its_columns(
    host: Any, engine: Engine, session: Session, statements: list[str]
) -> None:
    (name,) = saved(engine, host.Company(seat="Aachen"))
    statements.clear()
    found = roots.load(session, name, host.Customer)
    assert (type(found), found.seat, found.name) == (host.Company, "Aachen", "ACME")
    assert len(statements) == 1


def test_keys_of_any_sort_find_their_row(host: Any, engine: Engine, session: Session) -> None:
    key = uuid4()
    names = saved(engine, host.Document(key=key), host.Line(order_name="a,b %/ö!", position=-3))
    assert roots.load(session, names[0], host.Document).key == key
    line = roots.load(session, names[1], host.Line)
    assert (line.order_name, line.position) == ("a,b %/ö!", -3)


def test_a_former_name_still_finds_the_class(host: Any, engine: Engine, session: Session) -> None:
    from counterfoil.registry import registry

    (name,) = saved(engine, host.Customer())
    registry.add_root(host.Customer, former_names=("Client",))
    found = roots.load(session, name.replace("Customer", "Client"), host.Customer)
    assert isinstance(found, host.Customer)


def test_a_mapped_subclass_may_be_named_by_plain_sql(host: Any, engine: Engine, session: Session) -> None:
    (name,) = saved(engine, host.Company())
    found = roots.load(session, name.replace("Customer", "Company"), host.Customer)
    assert isinstance(found, host.Company)


@pytest.mark.parametrize(
    ("root_id", "told"),
    [
        ("Customer", "malformed"),
        ("!42", "malformed"),
        ("Customer!", "malformed"),
        ("Customer!x", "'x' is no int for Customer.id"),
        ("Customer!4_2", "is no int"),
        ("Customer! 42", "is no int"),
        ("Customer!99999999999999999999", "is no int"),
        ("Customer!1,2", "1 part"),
        ("Document!42", "is no UUID"),
        ("Line!a", "2 part"),
        ("Nobody!1", "no root class 'Nobody' is registered"),
        ("os.system!1", "no root class 'os.system'"),
        ("Customer!42", "is gone"),
    ],
)
def test_a_root_that_cannot_be_found_is_an_error_that_names_it(
    host: Any, session: Session, root_id: str, told: str
) -> None:
    expected = {"Document": host.Document, "Line": host.Line}.get(root_id.split("!")[0])
    with pytest.raises(RootError, match=told) as refused:
        roots.load(session, root_id, expected)
    assert repr(root_id) in str(refused.value)


def test_a_root_of_the_wrong_class_is_refused_without_a_query(
    host: Any, session: Session, statements: list[str]
) -> None:
    with pytest.raises(RootError, match="is of class Customer, the view model is about Document"):
        roots.load(session, "Customer!1", host.Document)
    assert statements == []


def test_a_plain_customer_is_no_company(host: Any, engine: Engine, session: Session) -> None:
    (name,) = saved(engine, host.Customer())
    with pytest.raises(RootError, match="is a Customer, the view model is about Company"):
        roots.load(session, name, host.Company)


def test_only_mapped_objects_can_be_roots() -> None:
    for nonsense in (42, "Customer!42", object(), dict):
        with pytest.raises(roots.RootCannotBeNamed, match="mapped class"):
            roots.root_id_of(nonsense)
