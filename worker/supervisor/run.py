"""`counterfoil up`: everything on this machine, from the data folder to the addresses to open."""

import json
import os
import subprocess
from pathlib import Path

from .child import CONFIGURATION
from .children import PORTS, SHOP, Options, counterfoil, needed_ports, plans, shop_addresses
from .embedded_redis import EmbeddedRedis, find_server
from .folder import DataFolder
from .loop import Loop
from .output import Output
from .ports import HOST, in_a_row
from .refusals import CannotStart

ONE_WORKERS_DRAIN_SECONDS = "3"
GRACE_SECONDS = 25.0  # a worker's own grace of 20 s, and time to say so


def up(options: Options) -> int:
    """Runs until told to stop; the exit code. Raises CannotStart (and PortBusy) before anything runs."""
    _has_something_to_run(options.demo)
    folder = DataFolder(Path(options.data))
    redis = None
    try:
        port = in_a_row(options.port, needed_ports(options.demo))
        os.environ.setdefault("DATABASE_URL", folder.database_url())
        os.environ["COUNTERFOIL_DATA"] = str(folder.path)
        os.environ.setdefault("COUNTERFOIL_URL", f"http://{HOST}:{port}")
        if options.demo:
            os.environ.update(shop_addresses(port))
        os.environ["PYTHONUNBUFFERED"] = "1"
        if options.json_logs:
            os.environ["COUNTERFOIL_LOG_JSON"] = "1"
        if not os.environ.get("REDIS_URL"):
            redis = EmbeddedRedis(find_server(), folder.path)
            os.environ["REDIS_URL"] = redis.url
        return _run(options, port, redis)
    finally:
        if redis:
            redis.remove()
        folder.release()


def _has_something_to_run(demo: bool) -> None:
    if demo:
        os.environ.setdefault("COUNTERFOIL_APP", f"{SHOP}.app:create_app")
    if not os.environ.get("COUNTERFOIL_APP"):
        raise CannotStart(
            "COUNTERFOIL_APP is not set, so the workers would know no work: name your application, for "
            "example COUNTERFOIL_APP=shop:create_app, or start the example with --demo"
        )


def _run(options: Options, port: int, redis: EmbeddedRedis | None) -> int:
    sqlite = os.environ["DATABASE_URL"].startswith("sqlite")
    # The shop's printer is slow on purpose: it would hold the only worker.
    usual = 1 if sqlite and not options.demo else 2
    workers = usual if options.workers is None else options.workers
    if workers == 1:
        # It serves all queues by turns: a slow queue's drain must not keep the others waiting for a minute.
        os.environ.setdefault("COUNTERFOIL_DRAIN_BUDGET_SECONDS", ONE_WORKERS_DRAIN_SECONDS)
    started = plans(port, workers, options.demo, redis)
    output = Output([plan.name for plan in started], as_json=options.json_logs)
    if redis and redis.moved:
        output.say(f"the data folder's path is too long for a socket: Redis listens at {redis.socket}")
    link = prepare()
    loop = Loop(started, output, GRACE_SECONDS)
    shown = {"console", "shop"} if options.demo else {"console"}
    loop.when_ready(shown, lambda: _announce(output, port, options.demo, link))
    return loop.run()


def prepare() -> str | None:
    """Migrates the database, in a process of its own; the first administrator's link when there is none yet.

    Raises CannotStart with what that process said.
    """
    done = subprocess.run(counterfoil("prepare"), capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()]
        told = "\n".join(said) if "Traceback" in done.stderr else (said or ["no reason was given"])[-1]
        refused = CannotStart(told.removeprefix("counterfoil: "))
        refused.exit_code = CONFIGURATION if done.returncode == CONFIGURATION else 1
        raise refused
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    link = answer["link"]
    return str(link) if link else None


def _announce(output: Output, port: int, demo: bool, link: str | None) -> None:
    lines = [f"console  {os.environ['COUNTERFOIL_URL']}"]
    if demo:
        lines.append(f"shop     http://{HOST}:{port + PORTS['shop']}")
    if link:
        lines.append(f"first administrator, once: {link}")
    for line in ["", *lines, ""]:
        output.plain(f"  {line}" if line else "")
