"""What the scheduler's tests share: settings, a beat without a loop, rows by plain SQL."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Engine, insert, text

from counterfoil.clock import later
from counterfoil.settings import Settings
from counterfoil.tables import ViewModelRecord
from counterfoil.ticket import Ticket
from worker.scheduler.duty import Beat
from worker.scheduler.rings import Rings
from worker.scheduler.watch import Watch
from worker.stop import Stop


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def settings_for(engine: Engine, **more: Any) -> Settings:
    return Settings(database_url=url_of(engine), **more)


class NoRedis(Rings):
    """Remembers what was rung."""

    def __init__(self, hints: int = 0) -> None:
        super().__init__(None, Stop())
        self.rung: list[str] = []
        self.hints = hints

    def ring(self, queue: str) -> bool:
        self.rung.append(queue)
        return True

    def waiting(self, queue: str) -> int:
        return self.hints


@dataclass
class Stage:
    """A beat on a database, and hands to prepare rows and look at them."""

    engine: Engine
    rings: NoRedis = field(default_factory=NoRedis)

    def beat(self, watched: bool = True, **settings: Any) -> Beat:
        watch = Watch(0.0)
        if watched:
            watch.wrote(time.monotonic())
        return Beat(self.engine, settings_for(self.engine, **settings), self.rings, watch)

    def do(self, sql: str, **values: Any) -> Any:
        with self.engine.begin() as connection:
            done = connection.execute(text(sql), values)
            return done.fetchall() if done.returns_rows else done.rowcount

    def know(self, name: str = "Work", **columns: Any) -> None:
        """A view model that live workers know."""
        values = {"name": name, "sort": "target", "known_until": later(timedelta(hours=1)), **columns}
        with self.engine.begin() as connection:
            connection.execute(insert(ViewModelRecord).values(values))

    def open(self, view_model: str = "Work", **columns: Any) -> int:
        """A ticket by plain SQL; timedeltas are times from now."""
        for name, value in columns.items():
            if isinstance(value, timedelta):
                columns[name] = later(value)
        with self.engine.begin() as connection:
            made = connection.execute(
                insert(Ticket.__table__).values(view_model=view_model, **columns).returning(Ticket.id)
            )
            return int(made.scalar_one())

    def state(self, ticket_id: int) -> str:
        return str(self.do("SELECT state FROM counterfoil_tickets WHERE id = :id", id=ticket_id)[0][0])
