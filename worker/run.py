"""`counterfoil worker`: one worker process, from its start to its exit code."""

import logging
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import Engine

from counterfoil import changes, policy, recurring
from counterfoil.candidates import due_queues
from counterfoil.declaration import RegistryError
from counterfoil.host import Counterfoil, load_host
from counterfoil.lease import DrainLease
from counterfoil.running import Runner
from counterfoil.schema import SchemaOutOfDate, check
from counterfoil.settings import Settings, SettingsError
from counterfoil.transactions import HostTransactions

from .clerk import Clerk, clerk_engine
from .drain import Drain
from .errands import Errands
from .horse import Wish
from .page import Page
from .parent import Parent
from .pipe import Mouth
from .presence import Presence
from .queue_bell import QueueBell, short_patience
from .stable import Body
from .start import appear, no_redis, served_queues
from .stop import Stop
from .warm import horse_engine, steps
from .witness import PageWitness
from .worker import DrainWorker

log = logging.getLogger("counterfoil.worker")

STOPPED = 0
BROKE_OFF = 1
CANNOT_START = 2


def run_worker(settings: Settings, queues: Sequence[str] = (), burst: bool = False) -> int:
    """Run a worker in the foreground until TERM; the exit code: 0 stopped, 1 broke off, 2 cannot start.

    Without queues it serves all that the application's view models name. With `burst` it ends when nothing
    is due in them; that needs no Redis.
    """
    stop = Stop()
    stop.install()
    name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
    try:
        check(settings.database_url)
        host = load_host(settings.app)
        recurring.check(host.registry)
        changes.watches(host.registry)
        host.registry.freeze()
        policy.adopt(settings)
        served = served_queues(queues, host)
        redis_url = settings.redis_url or (None if burst else no_redis())
        clerk = Clerk(clerk_engine(settings.database_url))
        presence = appear(name, served, clerk, stop, host, settings)
    except (SettingsError, SchemaOutOfDate, RegistryError) as refusal:
        log.error("%s", refusal)
        return CANNOT_START
    log.info("worker %s: queues %s", name, ", ".join(served))
    try:
        return _work(name, served, settings, host, clerk, presence, stop, redis_url, burst)
    finally:
        stop.deafen()
        with suppress(Exception):
            clerk.wait(presence.disappear)
        clerk.close()


def _work(
    name: str,
    queues: list[str],
    settings: Settings,
    host: Counterfoil,
    clerk: Clerk,
    presence: Presence,
    stop: Stop,
    redis_url: str | None,
    burst: bool,
) -> int:
    redis_errands = Errands("redis")
    bell = QueueBell(short_patience(redis_url)) if redis_url else None
    connection = _connection(redis_url) if redis_url else None
    engine = horse_engine(settings.database_url)
    parent = Parent(
        name,
        settings,
        _body(name, settings, host, engine, alone=len(queues) == 1 and not burst),
        clerk=clerk,
        redis_errands=redis_errands,
        bell=bell,
        stop=stop,
        warm=steps(engine),
    )
    parent.tick = presence.tick
    try:
        if burst or connection is None:
            _burst(queues, clerk, parent, stop)
            return STOPPED

        def between() -> None:
            presence.tick()
            parent.idle()

        worker = DrainWorker(
            queues, name=name, connection=connection, attend=parent.drain, between=between, stop=stop
        )
        parent.pulse = worker.heartbeat
        presence.reachable = worker.reachable
        worker.run()
        return STOPPED if stop.asked else BROKE_OFF
    finally:
        parent.stable.dismiss_spare()
        redis_errands.close()


def _burst(queues: list[str], clerk: Clerk, parent: Parent, stop: Stop) -> None:
    while not stop.asked:
        due = [queue for queue in clerk.wait(due_queues) if queue in queues]
        # What is due may be out of reach: paused, no slot, a lane that is busy elsewhere.
        if sum(parent.drain(queue) for queue in due) == 0:
            return


def _body(name: str, settings: Settings, host: Counterfoil, engine: Engine, alone: bool) -> Body:
    sessions = host.sessions
    assert sessions is not None

    def body(lease: DrainLease, page: Page, mouth: Mouth, wish: Wish) -> None:
        transactions = HostTransactions(engine, host.session_scope, sessions.current)
        witness = PageWitness(page, mouth)
        runner = Runner(
            transactions,
            host.registry,
            witness,
            worker=name,
            app_version=settings.app_version,
            on_error=host.on_error,
        )
        Drain(lease, runner, transactions, witness, mouth, wish, settings, alone).run()

    return body


def _connection(redis_url: str) -> Redis:
    return Redis.from_url(redis_url, socket_connect_timeout=2.0, retry=Retry(NoBackoff(), 0))
