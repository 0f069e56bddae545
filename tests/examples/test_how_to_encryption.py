"""The Python of docs/how-to/encryption.md, run as it is printed."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from counterfoil import keyring
from counterfoil.inline import run_pending
from counterfoil.registry import registry

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "encryption.md"

PREAMBLE = """
import base64
from decimal import Decimal
from types import SimpleNamespace
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase
from counterfoil import Counterfoil, open_ticket, target
from counterfoil.encryptors import CannotDecrypt, Sealed
from counterfoil.registry import registry

app = Flask("host")
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE_URL
db = SQLAlchemy(app, model_class=type("Base", (DeclarativeBase,), {}))
tickets = Counterfoil(app, db)
payments, VaultError = [], ValueError
vault = SimpleNamespace(
    newest_key=lambda: "v7",
    encrypt=lambda plain, context: base64.b64encode(plain[::-1]).decode(),
    decrypt=lambda sealed, context: base64.b64decode(sealed)[::-1],
)

@target("Mail.link")
def send_link(*, link: str) -> None:
    payments.append(link)
"""


def test_the_page_runs_as_it_is_printed(engine: Engine) -> None:
    keyring.adopt(keyring.parse(keyring.fresh("k")))
    known, place = (
        dict(registry.encryptors),
        {"DATABASE_URL": engine.url.render_as_string(hide_password=False)},
    )
    names: dict[str, Any] = place
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) == 2
    with registry.scoped():
        exec(PREAMBLE, names)
        with names["app"].app_context():
            try:
                for block in blocks:
                    exec(block, names)
                names["open_ticket"](names["db"].session, names["refund"], card="4929")
                names["db"].session.commit()
                with engine.connect() as connection:
                    stored = connection.execute(
                        text("SELECT encryptor, key_id, params FROM counterfoil_tickets")
                    )
                    rows = [tuple(row) for row in stored]
                assert [row[:2] for row in rows] == [("aes-gcm", "k")] * 2 + [("vault", "v7")]
                assert "4929" not in str(rows)
                run_pending(names["db"].session())
            finally:
                registry.encryptors = known
                names["db"].session.remove()
                names["db"].engine.dispose()
    assert names["payments"] == [
        ("4929 1374 0000 1111", Decimal("12.50")),
        "https://shop.example/reset/8c1f",
        ("4929", "back"),
    ]
