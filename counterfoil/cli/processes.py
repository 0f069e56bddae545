"""The processes: `up` runs all of them, each of the others one in the foreground."""

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from .group import CONFIGURATION, EXIT_CODES, Stop
from .siblings import check, load, location

json_logs = click.option("--json-logs", is_flag=True, help="Log one JSON object a line.")


@click.command(epilog=EXIT_CODES)
@click.option(
    "--port",
    default=8020,
    show_default=True,
    help="The console's; the shop's (--demo) is next. 0: any.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=lambda: Path(os.environ.get("COUNTERFOIL_DATA") or "var"),
    show_default="COUNTERFOIL_DATA, else ./var",
    help="The folder for database, socket and secret.",
)
@click.option(
    "--workers",
    type=click.IntRange(0, 64),
    help="How many; default: 1 on SQLite, 2 on PostgreSQL and with --demo.",
)
@click.option("--demo/--no-demo", default=False, help="With the example shop, its services and traffic.")
@json_logs
def up(port: int, data: Path, workers: int | None, demo: bool, json_logs: bool) -> None:
    """Run everything: console, scheduler, workers, and Redis unless REDIS_URL names one."""
    check("worker")
    check("console")
    if demo and importlib.util.find_spec("examples") is None:
        raise Stop(
            "--demo: the example shop is not part of the installed package; run bin/up in a checkout, or "
            "leave --demo out and name your application in COUNTERFOIL_APP",
            CONFIGURATION,
        )
    options = {"port": port, "data": str(data), "workers": workers, "demo": demo, "json_logs": json_logs}
    script = location("worker") / "supervisor" / "__main__.py"
    sys.stdout.flush()
    # In the place of this process, whose memory it does not need.
    os.execv(sys.executable, [sys.executable, str(script), json.dumps(options)])  # noqa: S606


@click.command(epilog=EXIT_CODES)
@click.option("--bind", default="127.0.0.1:8020", show_default=True, help="HOST:PORT to listen on.")
@json_logs
def console(bind: str, json_logs: bool) -> None:
    """Serve the console. TERM stops it."""
    settings = _prepared("console", json_logs)
    serve = load("console", "serve")
    code = serve.serve(settings, bind)
    sys.exit(code or 0)


@click.command(epilog=EXIT_CODES)
@click.option(
    "--queue",
    "queues",
    multiple=True,
    metavar="Q",
    help="A queue to listen to; repeat it for more. Default: all that the application's view models name.",
)
@click.option("--burst", is_flag=True, help="End when nothing is due any more.")
@json_logs
def worker(queues: tuple[str, ...], burst: bool, json_logs: bool) -> None:
    """Run tickets of the application named by COUNTERFOIL_APP. TERM ends it after the running ticket."""
    settings = _prepared("worker", json_logs)
    _on_the_path()
    run = load("worker", "run")
    code = run.run_worker(settings, queues, burst=burst)
    sys.exit(code or 0)


@click.command(epilog=EXIT_CODES)
@json_logs
def scheduler(json_logs: bool) -> None:
    """Ring what is due, lapse what is lost, expire, purge, count. Any number may run; one acts."""
    settings = _prepared("scheduler", json_logs)
    run = load("worker", "scheduler.run")
    sys.exit(run.run_scheduler(settings) or 0)


def _prepared(process: str, json: bool) -> Any:
    """Settings read, schema checked, logs configured: what each process does first."""
    from .. import schema, unknown_settings
    from ..database import driver_url
    from ..settings import read_settings
    from .logs import configure

    settings = read_settings()
    configure(process, json)
    unknown_settings.tell()
    schema.check(driver_url(settings.database_url))
    return settings


def _on_the_path() -> None:
    """The current folder, as for `python -m` and `flask run`: that is where an application's module is."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
