"""The Python of docs/how-to/subclassing.md, run as it is printed."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from counterfoil import WorkCutOff
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from tests.counterfoil.core import Bench

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "subclassing.md"

PREAMBLE = """
from types import SimpleNamespace
from typing import Any
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from counterfoil import Counterfoil, RunningTicket, Ticket, WorkCutOff, target

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(app, model_class=type("Base", (DeclarativeBase,), {}))
printed, sent, warmed = [], [], []
printer = SimpleNamespace(warm_up=lambda: warmed.append(True))
reports = SimpleNamespace(capture_exception=lambda error, tags: sent.append((str(error), tags)))

@target("Invoice.print", max_attempts=1)
def print_invoice() -> str:
    if printed:
        raise ValueError("paper jam")
    return "3 pages"
"""


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # a class is mapped once
def test_the_page_runs_as_it_is_printed(engine: Engine) -> None:
    names: dict[str, Any] = {"DATABASE_URL": engine.url.render_as_string(hide_password=False)}
    declared, opened, told, report, is_timeout = re.findall(
        r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    with registry.scoped():
        exec(PREAMBLE + declared + report + told + is_timeout, names)
        db = names["db"]
        with names["app"].app_context():
            try:
                db.create_all()
                exec(opened, names)
                run_pending(db.session())
                exec(opened, names)
                run_pending(db.session())
                db.session.commit()
            finally:
                db.session.remove()
                db.engine.dispose()
    assert (names["printed"], len(names["warmed"])) == ([("2026-1147", "3 pages")], 2)
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT alarmed FROM invoice_tickets ORDER BY id")).scalars().all()
    assert [bool(row) for row in rows] == [False, True]
    bench = Bench(engine)
    bench.runner.on_error = names["tickets"].on_error

    def fail() -> None:
        raise ValueError("no ink")

    bench.work("Press.run", fail, max_attempts=1)
    id_ = bench.open("Press.run")
    assert bench.drain() == [(id_, "error")]
    assert names["sent"] == [("no ink", {"view_model": "Press.run", "ticket": id_, "verb": "error"})]
    cut_off = [WorkCutOff("too long", kind) for kind in ("timeout", "lost")]
    assert [names["is_timeout"](error) for error in [*cut_off, TimeoutError()]] == [True, False, False]
