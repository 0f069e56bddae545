"""The Python of the how-to page about grouped commit, run as it is printed, by what a drain runs it with."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from counterfoil import catalogue, gathering
from counterfoil.claim import claim
from counterfoil.database import make_engine
from counterfoil.gathering import Groups
from counterfoil.grouped import run_together
from counterfoil.lease import take_lease
from counterfoil.registry import registry
from counterfoil.running import Runner
from counterfoil.running_ticket import Silent
from counterfoil.transactions import HostTransactions
from tests.examples.printed import blocks

PREAMBLE = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from counterfoil import Counterfoil

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(model_class=type("Base", (DeclarativeBase,), {}))

class Article(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    pieces: Mapped[int] = mapped_column(default=0)

db.init_app(app)
tickets = Counterfoil(app, db)
"""


@pytest.fixture
def lines(engine: Engine) -> Iterator[dict[str, Any]]:
    """A module of the preamble and the page's declaration, and an article, in an app context."""
    module: dict[str, Any] = {"__name__": "host", "DATABASE_URL": engine.url}
    with registry.scoped():
        exec(PREAMBLE, module)
        exec(blocks("grouped-commit.md")[0], module)
        db = module["db"]
        with module["app"].app_context():
            db.create_all()
            with engine.begin() as connection:
                catalogue.write(connection, registry, "1")
            db.session.add(module["Article"]())
            db.session.commit()
            yield module
            db.session.remove()
            for each in db.engines.values():
                each.dispose()


def test_three_bookings_share_one_commit(
    lines: dict[str, Any], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gathering.SECONDS, engine.dialect.name, 60.0)  # however busy the machine is
    exec(blocks("grouped-commit.md")[1], lines)
    lines["db"].session.remove()
    host, worker = lines["tickets"], make_engine(str(lines["DATABASE_URL"].render_as_string(False)))
    with worker.begin() as connection:
        lease = take_lease(connection, "stock", "a worker", 60)
    assert lease is not None
    with worker.connect() as connection:
        first = claim(connection, lease)
        assert first is not None
        together = Groups(registry).gather(connection, lease, first, 100)
    transactions = HostTransactions(worker, host.session_scope, host.current_session)
    ended = run_together(Runner(transactions, registry, Silent()), together)
    worker.dispose()
    assert (ended.kept, len(ended.ran)) == (True, 3)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT pieces FROM article")).scalar_one() == 6
        states = connection.execute(text("SELECT DISTINCT state, attempts FROM counterfoil_tickets")).all()
    assert [tuple(row) for row in states] == [("done", 1)]
