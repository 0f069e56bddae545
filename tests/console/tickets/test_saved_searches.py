"""Saved searches: one's own and shared ones, beside the box."""

from collections.abc import Callable

from sqlalchemy import Engine, select

from console.pages import searches as pages
from counterfoil.tables import Search
from tests.console.browser import Browser


def save(browser: Browser, name: str, query: str = "q=state:errored+AND+bank", **more: str) -> None:
    fields = {"name": name, "query": query, "next": "/tickets", **more}
    assert browser.post("/searches", data=fields).status_code == 303


def rows(engine: Engine) -> list[tuple[str, str, bool]]:
    with engine.connect() as connection:
        found = connection.execute(select(Search.name, Search.query, Search.shared).order_by(Search.id))
        return [tuple(row) for row in found]  # type: ignore[misc]


def test_a_viewer_saves_opens_and_deletes_an_own_search(
    vera: Browser, signed_in: Callable[[str], Browser], engine: Engine
) -> None:
    save(vera, "  the   bank ")
    assert rows(engine) == [("the bank", "q=state%3Aerrored+bank", False)]
    assert 'href="/tickets?q=state%3Aerrored+bank"' in vera.get("/tickets").text
    assert "the bank" not in signed_in("otto").get("/tickets").text
    save(vera, "the bank", "tab=failed")
    assert rows(engine) == [("the bank", "tab=failed", False)]
    with engine.connect() as connection:
        (id_,) = connection.execute(select(Search.id)).scalars()
    assert signed_in("otto").post(f"/searches/{id_}/delete").status_code == 404
    assert vera.post(f"/searches/{id_}/delete").status_code == 303
    assert rows(engine) == []


def test_an_operator_shares_a_search_which_an_administrator_may_delete(
    vera: Browser, signed_in: Callable[[str], Browser], engine: Engine
) -> None:
    assert vera.post("/searches", data={"name": "x", "query": "q=x", "shared": "on"}).status_code == 403
    assert rows(engine) == []
    save(signed_in("otto"), "night", shared="on")
    page = vera.get("/tickets").text
    assert "shared by otto" in page
    with engine.connect() as connection:
        (id_,) = connection.execute(select(Search.id)).scalars()
    assert vera.post(f"/searches/{id_}/delete").status_code == 403
    assert signed_in("ada").post(f"/searches/{id_}/delete").status_code == 303
    assert rows(engine) == []


def test_what_cannot_be_saved_is_told(vera: Browser, engine: Engine, monkeypatch: object) -> None:
    for name, query, told in (
        ("", "q=x", "needs a name"),
        ("n" * 101, "q=x", "needs a name"),
        ("x", "", "Search for something first"),
        ("x", "q=colour:red", "no field"),
    ):
        save(vera, name, query)
        assert told in vera.get("/tickets").text
    monkeypatch.setattr(pages, "MOST", 1)  # type: ignore[attr-defined]
    save(vera, "one")
    save(vera, "two")
    assert "delete one first" in vera.get("/tickets").text
    save(vera, "one", "tab=failed")
    assert rows(engine) == [("one", "tab=failed", False)]
