"""What every engine of ours does to its connections, and what a zone of the database's must not do to us."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from counterfoil import Ticket, open_ticket
from counterfoil.acts import Actor, Refused, act
from counterfoil.columns import EVIDENCE
from counterfoil.database import make_engine
from counterfoil.options import WrongOption


def test_postgresql_compiles_none_of_our_queries(postgresql_url: str) -> None:
    engine = make_engine(postgresql_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SHOW jit").scalar_one() == "off"
        connection.rollback()
        assert connection.exec_driver_sql("SHOW jit").scalar_one() == "off"
    engine.dispose()


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Europe/Berlin", "Etc/GMT+12"])
def test_what_a_session_of_another_zone_could_not_read_is_refused(postgresql_url: str, zone: str) -> None:
    engine = create_engine(postgresql_url, connect_args={"options": f"-c timezone={zone}"})
    with Session(engine) as session:
        opened = open_ticket(session, "T.work", keep=True, execute_earliest=EVIDENCE)
        session.commit()
        assert (opened.kept, opened.due_at) == (EVIDENCE, EVIDENCE)
        for wrong in (EVIDENCE + timedelta(hours=23), datetime(1, 1, 1, tzinfo=UTC)):
            with pytest.raises(WrongOption, match="years 1 to 9999"):
                open_ticket(session, "T.work", execute_earliest=wrong)
            with pytest.raises(Refused, match="out of range"):
                act(session.connection(), "reschedule", opened.id, Actor("ada", "console"), at=wrong)
        assert session.get_one(Ticket, opened.id, populate_existing=True).due_at == EVIDENCE
    engine.dispose()
