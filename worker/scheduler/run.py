"""`counterfoil scheduler`: the duties in their order, the engine, and the loop until TERM."""

from sqlalchemy import Engine

from counterfoil import policy
from counterfoil.database import make_engine
from counterfoil.settings import Settings

from ..stop import Stop
from .batches import Batches
from .deadlines import Deadlines
from .duty import Duty
from .grouper import Grouper
from .indexer import Indexer
from .lifeline import Lifeline
from .listener import Listener
from .loop import Scheduler
from .operator import Operator
from .planter import Planter
from .postman import Postman
from .purger import Purger
from .ringer import Ringer
from .sampler import Sampler
from .waker import Waker


def run_scheduler(settings: Settings) -> int:
    """Runs until TERM or INT; the exit code. The caller has checked the schema."""
    policy.adopt(settings)
    stop = Stop()
    stop.install()
    engine = scheduler_engine(settings.database_url)
    try:
        waker = Waker(settings.beat_seconds)
        listener = Listener(settings) if engine.dialect.name == "postgresql" else None
        Scheduler(settings, engine, stop, all_duties(engine.dialect.name), waker, listener).run()
    finally:
        engine.dispose()
    return 0


def all_duties(dialect: str) -> list[Duty]:
    """Those of the loop, in their order: what starts tickets first, what may be long last."""
    starting: list[Duty] = [Planter(), Ringer(), Lifeline(), Deadlines()]
    telling: list[Duty] = [Grouper(), Sampler(), Postman()]
    if dialect == "sqlite":
        telling.append(Indexer())
    return [*starting, Operator(), Batches(), *telling, Purger()]


def scheduler_engine(url: str) -> Engine:
    """Three connections (loop, waker and postman), and a network's silence noticed in seconds."""
    if url.startswith("sqlite"):
        return make_engine(url)
    limits = {
        "connect_timeout": 2,
        "tcp_user_timeout": 5000,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
    }
    return make_engine(url, pool_size=3, max_overflow=1, connect_args=limits)
