"""No request of a page reads a whole table that grows, on a table large enough that it would show."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, event

from console.app import create_console
from console.database import db
from counterfoil.settings import Settings
from tests.console.browser import Browser
from tests.console.conftest import KEY, enter
from tests.console.tickets.explaining import plans_of

pytestmark = pytest.mark.alone

ADDRESSES = (
    "/", "/tickets", "/tickets?queue=q1", "/tickets?view=View1", "/tickets?tab=errored&queue=q1",
    "/tickets?root=Customer!7", "/tickets?q=acme+77", "/tickets/rows?tab=done&ids=1.2.3",
    "/tickets/words?q=vi", "/tickets/4711", "/tickets/4711.json", "/roots/Customer!7",
    "/tickets/number?queue=q1", "/tickets/number?q=acme+77", "/tickets?q=acme+77&number=yes",
    "/expiring?window=7d&clean=1", "/expiring?part=clean", "/errors",
    "/queues", "/view-models", "/workers", "/operations", "/batches", "/trail", "/schedules", "/charts",
)  # fmt: skip
GROWING = "tickets|attempts|params|trail|logs|samples|moves"


@pytest.fixture
def otto(large: Connection, tmp_path: Path, cheap_passwords: None) -> Iterator[Browser]:
    """An operator on the large table."""
    if not large.exec_driver_sql("SELECT 1 FROM counterfoil_users").first():
        enter(large, "otto", "operator")
    large.commit()
    url = large.engine.url.render_as_string(hide_password=False)
    console = create_console(Settings(database_url=url, data=tmp_path, secret_key=KEY))
    browser = Browser(console)
    assert browser.sign_in("otto").status_code == 303
    yield browser
    _close(console)


def _close(console: Flask) -> None:
    with console.app_context():
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()


def test_no_request_reads_a_growing_table_from_end_to_end(otto: Browser) -> None:
    sent: list[tuple[str, object]] = []

    def note(conn: object, cursor: object, statement: str, parameters: object, *_: object) -> None:
        sent.append((statement, parameters))

    walked, of_texts = 0, False
    for address in ADDRESSES:
        with otto.client.application.app_context():
            engine = db.engine
        sent.clear()
        event.listen(engine, "before_cursor_execute", note)
        try:
            assert otto.get(address).status_code == 200, address
        finally:
            event.remove(engine, "before_cursor_execute", note)
        with engine.connect() as connection:
            for statement, parameters in sent:
                if statement.startswith("SET"):
                    connection.exec_driver_sql(statement)
                if not statement.lstrip().startswith(("SELECT", "WITH")):
                    continue
                plan = "\n".join(plans_of(connection, statement, parameters))
                assert not re.search(rf"Seq Scan on counterfoil_({GROWING})\b", plan), (address, plan)
                # SQLite calls it a scan, too, when rows are read by their id, newest first, up to a limit.
                if "LIMIT" not in statement or "TEMP B-TREE" in plan:
                    assert not re.search(rf"SCAN counterfoil_({GROWING})(?! USING)\b", plan), (address, plan)
                # An index of texts that is not asked for a match (M) is read from end to end.
                assert not re.search(r"SCAN counterfoil_texts VIRTUAL TABLE INDEX \d+:(?!.*M)", plan), plan
                of_texts |= "SCAN counterfoil_texts VIRTUAL" in plan
                walked += 1
    assert walked > 100
    assert of_texts == (engine.dialect.name == "sqlite"), "whether the index of texts was asked"
