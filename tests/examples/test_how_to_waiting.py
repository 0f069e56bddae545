"""The Python of docs/how-to/waiting.md, run as it is printed."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from counterfoil.inline import run_pending
from counterfoil.registry import registry

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "waiting.md"

PREAMBLE = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase
from counterfoil import Counterfoil, open_ticket, target

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(app, model_class=type("Base", (DeclarativeBase,), {}))

@target("Invoice.print")
def print_invoice(*, number: int) -> str:
    return "3 pages"
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_runs_as_it_is_printed(engine: Engine) -> None:
    names: dict[str, Any] = {"DATABASE_URL": engine.url.render_as_string(hide_password=False)}
    mounted, opened, in_german = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    with registry.scoped():
        exec(PREAMBLE + mounted, names)
        browser, db = names["app"].test_client(), names["db"]
        with names["app"].app_context():
            try:
                exec(opened, names)
                assert browser.get(names["link"] + ".json").json["status"] == "waiting"
                run_pending(db.session())
                db.session.commit()
                shown = re.search(r"`(\{\"status\": \"done\".*?\})`", PAGE.read_text())
                assert shown
                assert browser.get(names["link"] + ".json").text == shown[1]
                exec(in_german, names)
                assert "Fertig." in browser.get(f"/warten/{names['ticket'].token}").text
            finally:
                db.session.remove()
                db.engine.dispose()
