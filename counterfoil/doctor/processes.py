"""Findings about who runs: no scheduler, no worker for what waits, work that no worker knows."""

from collections.abc import Iterator

from sqlalchemy import Engine, text

from ..clock import MOMENT
from ..tables import Process
from .finding import Finding

SHOWN = 5


def scheduler(engine: Engine) -> Iterator[Finding]:
    """No scheduler has given a sign of life."""
    moment = MOMENT[engine.dialect.name]
    query = f"SELECT count(*) FROM counterfoil_workers WHERE sort = 'scheduler' AND seen_until > {moment}"
    with engine.connect() as connection:
        if not connection.execute(text(query)).scalar_one():
            yield Finding(
                "scheduler",
                "no scheduler lives: nothing is rescued, expired or purged, and lost bells stay lost",
                "start one: `counterfoil scheduler` (any number may run)",
            )


def listener(engine: Engine) -> Iterator[Finding]:
    """A scheduler that does not hear of tickets inserted by plain SQL."""
    live = Process.__table__.select().where(
        Process.sort == "scheduler", text(f"seen_until > {MOMENT[engine.dialect.name]}")
    )
    with engine.connect() as connection:
        rows = connection.execute(live).fetchall()
    for row in rows:
        if away := (row.duties or {}).get("listener", {}).get("away"):
            yield Finding(
                "listener",
                f"a scheduler does not hear of tickets by plain SQL, which start at the beat: {away}",
                "name a direct address of the tickets' database in COUNTERFOIL_LISTEN_DATABASE_URL, not "
                "through PgBouncer in transaction mode",
            )


def queues(engine: Engine) -> Iterator[Finding]:
    """Queues with waiting tickets that no live worker listens to."""
    moment = MOMENT[engine.dialect.name]
    waiting = (
        "SELECT queue, count(*) AS n FROM counterfoil_tickets WHERE state = 'pending' AND aside IS NULL "
        f"AND due_at <= {moment} AND queue IS NOT NULL GROUP BY queue ORDER BY queue"
    )
    live = Process.__table__.select().where(Process.sort == "worker", text(f"seen_until > {moment}"))
    with engine.connect() as connection:
        served = {queue for row in connection.execute(live) for queue in row.queues or ()}
        for row in connection.execute(text(waiting)).fetchall():
            if row.queue not in served:
                yield Finding(
                    "workers",
                    f"no live worker listens to the queue {row.queue!r}, in which {row.n} "
                    f"{'ticket is' if row.n == 1 else 'tickets are'} due",
                    f"start one: `counterfoil worker --queue {row.queue}`",
                )


def view_models(engine: Engine) -> Iterator[Finding]:
    """View models with waiting tickets that no live worker knows."""
    moment = MOMENT[engine.dialect.name]
    unknown = (
        "SELECT t.view_model, count(*) AS n FROM counterfoil_tickets t LEFT JOIN counterfoil_view_models v "
        "ON v.name = t.view_model WHERE t.state = 'pending' "
        f"AND (v.known_until IS NULL OR v.known_until < {moment}) GROUP BY t.view_model ORDER BY n DESC"
    )
    with engine.connect() as connection:
        for row in connection.execute(text(unknown)).fetchall()[:SHOWN]:
            yield Finding(
                "view models",
                f"no live worker knows the view model {row.view_model!r}, for which {row.n} "
                f"{'ticket waits' if row.n == 1 else 'tickets wait'}",
                "start a worker whose application (COUNTERFOIL_APP) registers it, or mend the name: "
                "an unknown one is errored when nobody has known it for a while",
            )
