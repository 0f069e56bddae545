"""`counterfoil keys`: a new key, and rotation to it, with what is left behind told (O9)."""

from pathlib import Path

from click.testing import CliRunner
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from counterfoil import Ticket, keyring, open_ticket, target
from counterfoil.cli import main
from counterfoil.keyring import fresh, parse
from counterfoil.registry import registry


def test_a_new_key_is_rotated_to_and_a_lost_one_is_named(engine: Engine, tmp_path: Path) -> None:
    new = CliRunner().invoke(main, ["keys", "new", "2026-11"]).output.strip()
    old, lost = fresh("old"), fresh("lost")
    with registry.scoped(), Session(engine) as session:

        @target("Card.charge", encrypted=True)
        def charge(*, card: str) -> None:
            """Nobody runs it."""

        for key in (old, old, lost):
            keyring.adopt(parse(key))
            open_ticket(session, charge, card="4929")
        session.commit()
    keyring.adopt(None)
    environment = {
        "DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "COUNTERFOIL_DATA": str(tmp_path),
        "COUNTERFOIL_ENCRYPTION_KEYS": f"{new},{old}",
    }
    done = CliRunner().invoke(main, ["keys", "rotate", "--chunk", "1"], env=environment)
    assert "2 tickets are sealed with the current key" in done.output
    assert "1 could not be opened: encrypted with the key 'lost'" in done.output
    assert done.exit_code == 1
    with Session(engine) as session:
        assert session.scalars(select(Ticket.key_id).order_by(Ticket.id)).all() == [
            "2026-11",
            "2026-11",
            "lost",
        ]


def test_rotation_without_a_key_and_an_id_that_is_none_are_refused(engine: Engine, tmp_path: Path) -> None:
    url = engine.url.render_as_string(hide_password=False)
    refused = CliRunner().invoke(main, ["keys", "rotate"], env={"DATABASE_URL": url})
    assert refused.exit_code == 2
    assert "COUNTERFOIL_ENCRYPTION_KEYS" in refused.output
    for wrong in ("a:b", ""):
        told = CliRunner().invoke(main, ["keys", "new", wrong])
        assert (told.exit_code, f"{wrong!r} is no id of a key" in told.output) == (2, True)
