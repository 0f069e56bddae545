"""The Python of the how-to page about notices, run as it is printed."""

import time
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from counterfoil import Ticket, catalogue
from counterfoil.inline import run_pending
from counterfoil.registry import registry
from counterfoil.tables import Notice
from tests.examples.printed import blocks
from worker.scheduler.channels import signature


def test_who_is_in_charge_and_who_opened_the_batch_hear_of_it(engine: Engine) -> None:
    declared, _ = blocks("notices.md")
    with registry.scoped(), Session(engine) as session:
        module: dict[str, Any] = {"session": session}
        exec(declared, module)
        catalogue.write(session.connection(), registry, "1")  # the page's lines have opened a batch already
        session.add(Ticket(view_model="Invoices.send", batch=module["run"]))
        run_pending(session)
        told = session.execute(select(Notice.person, Notice.occasion)).all()
        assert [tuple(row) for row in told] == [("ada@firm.example", "errored")]
        ticket = session.scalars(select(Ticket)).one()
        assert ticket.state == "errored", "the batch waits for a person"


def test_a_receiver_knows_our_signature() -> None:
    module: dict[str, Any] = {}
    exec(blocks("notices.md")[1], module)
    now, body = str(int(time.time())), b'{"id": 1}'
    header = f"t={now},v1={signature('a secret of sixteen', now, body)}"
    assert module["is_ours"]("a secret of sixteen", header, body)
    assert not module["is_ours"]("a secret of sixteen", header, body + b" ")
    old = f"t=1000,v1={signature('a secret of sixteen', '1000', body)}"
    assert not module["is_ours"]("a secret of sixteen", old, body)
