"""`counterfoil doctor`: looks for what keeps it from working, and says the cure."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from .. import unknown_settings
from ..database import make_engine
from ..doctor import Finding, clocks, notices, processes, schema, secrets
from ..doctor.redis import redis
from ..settings import Settings, read_settings
from . import siblings
from .errors import first_line
from .redis_facts import redis_facts
from .text import plain


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Findings as one JSON object.")
def doctor(as_json: bool) -> None:
    """Look at database, Redis, processes and settings; exit code 1 with findings, each with its cure."""
    settings = read_settings()
    findings = [*examine(settings)]
    if as_json:
        click.echo(json.dumps({"ok": not findings, "findings": [f.as_json() for f in findings]}, indent=2))
    elif not findings:
        click.echo("nothing found: all is well")
    else:
        for finding in findings:
            click.echo(f"{finding.check}: {plain(finding.what, 500)}\n    cure: {finding.cure}")
    sys.exit(1 if findings else 0)


def examine(settings: Settings) -> Iterator[Finding]:
    """Everything that can be looked at; what cannot be reached hides only what stands behind it."""
    yield from _modules()
    for name, line in unknown_settings.unknown(os.environ):
        yield Finding("settings", line, f"mend the name, or unset {name}")
    yield from secrets.secret(settings)
    yield from redis(redis_facts(settings.redis_url))
    engine = make_engine(settings.database_url)
    file = engine.url.database if engine.dialect.name == "sqlite" else None
    if file and file != ":memory:" and not Path(file).exists():  # opening it would make it
        yield Finding(
            "database", f"there is no file {file}", "run `counterfoil db upgrade`, or mend DATABASE_URL"
        )
        return
    try:
        yield from _database(engine)
    except DBAPIError as error:
        shown = engine.url.render_as_string(hide_password=True)
        yield Finding(
            "database",
            f"the database {shown} does not answer: {first_line(error.orig)}",
            "start it, or mend DATABASE_URL",
        )
    finally:
        engine.dispose()


def _database(engine: Engine) -> Iterator[Finding]:
    yield from clocks.skew(engine)
    out_of_date = [*schema.revision(engine)]
    yield from out_of_date
    if out_of_date:
        return
    yield from schema.triggers(engine)
    yield from processes.scheduler(engine)
    yield from processes.listener(engine)
    yield from processes.queues(engine)
    yield from processes.view_models(engine)
    yield from notices.unsent(engine)


def _modules() -> Iterator[Finding]:
    for package in ("console", "worker"):
        try:
            siblings.check(package)
        except siblings.Shadowed as shadowed:
            told, _, cure = str(shadowed).rpartition(". ")
            yield Finding("modules", told, cure)
