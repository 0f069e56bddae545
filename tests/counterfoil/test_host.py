"""Finding the host application: COUNTERFOIL_APP, its sessions, its engines (bad input included)."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from counterfoil import Counterfoil, Ticket, ringing, sqlite
from counterfoil.host import HostError, load_host
from counterfoil.settings import Settings


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in ("hostapp", "worker_of_host"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "code", "told"),
    [
        (None, "", "write module:callable"),
        ("hostapp", "", "write module:callable"),
        ("hostapp:", "", "write module:callable"),
        ("nowhere_at_all:app", "", "no module 'nowhere_at_all'"),
        ("hostapp:make", "x = 1", "the module hostapp has no 'make'"),
        ("hostapp:x", "x = 1", "neither callable nor an application"),
        ("hostapp:make", "import nowhere_else", "importing hostapp failed: No module named 'nowhere_else'"),
        ("hostapp:make", "1 / 0", "importing hostapp failed: ZeroDivisionError"),
        ("hostapp:make", "def make(): return 7", "no Counterfoil in the int"),
        (
            "hostapp:make",
            "import flask\ndef make(): return flask.Flask('x')",
            r"no Counterfoil in the Flask it gives: call Counterfoil\(app, db\)",
        ),
    ],
)
def test_a_host_that_cannot_be_had_is_told_in_one_line(
    folder: Path, setting: str | None, code: str, told: str
) -> None:
    (folder / "hostapp.py").write_text(code)
    sys.modules.pop("hostapp", None)
    with pytest.raises(HostError, match=told) as refused:
        load_host(setting)
    assert "\n" not in str(refused.value)


HOST = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from counterfoil import Counterfoil
import worker
db = SQLAlchemy()
def create_app():
    app = Flask("host")
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///:memory:"
    db.init_app(app)
    Counterfoil(app, db)
    return app
def mark(): return worker.MARK
"""


def test_a_hosts_own_worker_module_does_not_disturb(tmp_path: Path) -> None:
    (tmp_path / "hostapp.py").write_text(HOST)
    (tmp_path / "worker.py").write_text("MARK = 'the host\\'s own'")
    code = (
        "from counterfoil.host import load_host; tickets = load_host('hostapp:create_app'); "
        "import hostapp; print(hostapp.mark(), tickets.engine.dialect.name)"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "the host's own sqlite\n", done.stderr


def test_an_application_object_or_a_counterfoil_serve_as_well_as_a_factory(folder: Path) -> None:
    (folder / "hostapp.py").write_text(
        "from sqlalchemy import create_engine\nfrom sqlalchemy.orm import sessionmaker\n"
        "from counterfoil import Counterfoil\n"
        "engine = create_engine('sqlite://')\n"
        "tickets = Counterfoil(sessionmaker(engine))\ndef make(): return tickets\n"
    )
    sys.modules.pop("hostapp", None)
    assert load_host("hostapp:tickets") is load_host("hostapp:make")


@pytest.mark.parametrize("scoped", [False, True])
def test_a_plain_hosts_sessions_open_and_close_around_each_unit_of_work(
    database_url: str, scoped: bool
) -> None:
    engine = create_engine(database_url)
    make: Any = sessionmaker(engine)
    tickets = Counterfoil(scoped_session(make) if scoped else make)
    assert sqlite.is_prepared(engine)
    assert tickets.engine is engine
    with tickets.session_scope() as session:
        session.add(Ticket(view_model="T.work"))
        session.commit()
        first = session
        assert tickets.current_session() is (session if scoped else None)
    with tickets.session_scope() as session:
        assert session is not first
        assert session.scalars(select(Ticket.view_model)).all() == ["T.work"]
    engine.dispose()


def test_what_is_no_application_is_refused() -> None:
    with pytest.raises(HostError, match="a Flask app and its db, or a sessionmaker"):
        Counterfoil(7)
    with pytest.raises(HostError, match="no application yet"):
        _ = Counterfoil().engine


def test_without_a_redis_url_no_bell_is_hung(database_url: str, redis_url: str) -> None:
    engine = create_engine(database_url)
    Counterfoil(sessionmaker(engine), settings=Settings(redis_url=None))
    assert engine.dialect not in ringing._RINGERS
    Counterfoil(sessionmaker(engine), redis_url=redis_url)
    assert engine.dialect in ringing._RINGERS
    with Session(engine) as session:
        session.execute(select(1))
    engine.dispose()
