"""Everything about one root (V7): page, fragment, JSON."""

from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from sqlalchemy import Engine, insert

from console import times
from console.queries.tickets import SIZE
from counterfoil.declaration import RegistryError
from counterfoil.registry import Registry
from counterfoil.tables import Batch, ErrorGroup, RootClass
from tests.console.browser import Browser
from tests.console.tickets.cast import ticket

ROOT = {"root_id": "Order!8123", "root_label": "ACME, order A-8123"}


def furnished(engine: Engine) -> list[int]:
    seen = datetime.now(UTC)
    with engine.begin() as connection:
        connection.execute(insert(RootClass).values(name="Order", link="/shop/orders/{key}"))
        batch = connection.execute(insert(Batch).values(label="night run").returning(Batch.id)).scalar_one()
        group = {
            "fingerprint": "f" * 32,
            "error": "BankError: token=abcdef refused",
            "class_name": "BankError",
        }
        connection.execute(insert(ErrorGroup).values(first_seen_at=seen, last_seen_at=seen, **group))
        states = ("done", "done", "errored", "pending")
        ids = [ticket(connection, state, batch_id=batch, **ROOT) for state in states[:2]]
        ids.append(ticket(connection, "errored", fingerprint="f" * 32, **ROOT))
        ids.append(ticket(connection, "pending", **ROOT))
        ticket(connection, "errored", root_id="Order!81230", root_label="another")
    return ids


def test_a_roots_page_tells_all_about_it(otto: Browser, engine: Engine) -> None:
    ids = furnished(engine)
    page = otto.get("/roots/Order!8123").text
    assert "ACME, order A-8123" in page
    assert 'href="/shop/orders/8123"' in page
    assert "4 tickets" in page
    assert "night run" in page
    assert "BankError" in page
    places = [page.index(f'href="/tickets/{id_}"') for id_ in reversed(ids)]
    assert places == sorted(places)
    assert "another" not in page
    assert 'href="/roots/Order!8123"' in otto.get(f"/tickets/{ids[0]}").text


class Later(datetime):
    """A clock that is an hour ahead."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Later":
        return super().now(tz) + timedelta(hours=1)


def test_its_fragment_answers_304_and_its_json_is_the_same_and_masked(
    otto: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = furnished(engine)
    fragment = otto.get("/roots/Order!8123?part=body")
    assert "<html" not in fragment.text
    monkeypatch.setattr(times, "datetime", Later)
    assert "60 minutes ago" in otto.get("/roots/Order!8123").text
    again = otto.get("/roots/Order!8123?part=body", headers={"If-None-Match": fragment.headers["ETag"]})
    assert again.status_code == 304
    told = otto.get("/roots/Order!8123.json").json
    assert told["label"] == "ACME, order A-8123"
    assert told["link"] == "/shop/orders/8123"
    assert told["tickets_by_state"] == {"pending": 1, "done": 2, "errored": 1}
    assert [row["id"] for row in told["tickets"]] == ids[::-1]
    assert [row["label"] for row in told["batches"]] == ["night run"]
    assert [row["tickets"] for row in told["errors"]] == [1]
    assert "abcdef" not in str(told)


def test_its_tickets_are_read_on_by_keyset(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        ids = [ticket(connection, "done", **ROOT) for _ in range(SIZE + 3)]
    first = otto.get("/roots/Order!8123.json").json
    rest = otto.get(f"/roots/Order!8123.json?cursor={first['next']}").json
    assert [row["id"] for row in first["tickets"] + rest["tickets"]] == ids[::-1]
    assert rest["next"] is None
    assert otto.get("/roots/Order!8123?cursor=zzz").status_code == 422
    assert otto.get("/roots/Order!8123.json?cursor=zzz").status_code == 422


def test_a_root_without_tickets_says_why_and_nonsense_is_not_found(otto: Browser, engine: Engine) -> None:
    assert "have been purged" in otto.get("/roots/Order!1").text
    assert otto.get("/roots/nonsense").status_code == 404
    with engine.begin() as connection:
        id_ = ticket(connection, "done", root_id="Customer!4/2")
    assert f"/tickets/{id_}" in otto.get("/roots/Customer!4/2").text


def test_no_ticket_leads_out_of_the_link_that_was_declared(otto: Browser, engine: Engine) -> None:
    with engine.begin() as connection:
        for name, link in (
            ("A", "javascript:alert('{key}')"),
            ("B", "//evil/{key}"),
            ("C", "https://shop/{key}"),
        ):
            connection.execute(insert(RootClass).values(name=name, link=link))
            ticket(connection, "done", root_id=f"{name}!../x?y#z")
    for name in ("A", "B"):
        assert otto.get(f"/roots/{name}!..%2Fx%3Fy%23z.json").json["link"] is None
    assert otto.get("/roots/C!..%2Fx%3Fy%23z.json").json["link"] == "https://shop/..%2Fx%3Fy%23z"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "//evil/{key}", "/\\evil", "shop/{key}", "ftp://x"])
def test_a_link_that_is_none_is_refused_where_it_is_declared(link: str) -> None:
    class Order:
        pass

    with pytest.raises(RegistryError, match="the link of Order"):
        Registry().add_root(Order, link=link)
    Registry().add_root(Order, link="/orders/{key}")
