"""How the processes log: readable lines, or one JSON object a line on request.

Everything goes through the standard library's root logger, so that RQ, gunicorn, Alembic and the host's own
lines look alike; structlog's processors do the rendering. Control characters never reach the output: a line
is a line.
"""

import logging
import os
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict

JSON_LOGS = "COUNTERFOIL_LOG_JSON"
"""The environment variable by which a supervisor passes `--json-logs` on to its children."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def configure(process: str, json: bool = False, stream: TextIO | None = None) -> None:
    """Send all logging of this process to `stream` (standard output), as JSON when asked or inherited."""
    json = json or bool(os.environ.get(JSON_LOGS))
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso" if json else "%H:%M:%S", utc=json),
    ]
    last: list[Any] = (
        [_named(process), structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
        if json
        else [structlog.processors.format_exc_info, _readable]
    )
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _named(process: str) -> Any:
    def add(logger: Any, method: str, event: EventDict) -> EventDict:
        event["process"] = process
        event["pid"] = os.getpid()
        return event

    return add


def _readable(logger: Any, method: str, event: EventDict) -> str:
    time, level, told = event.pop("timestamp"), event.pop("level"), str(event.pop("event"))
    trace = event.pop("exception", None)
    fields = "".join(f" {name}={value}" for name, value in event.items() if not name.startswith("_"))
    mark = "" if level in ("info", "debug") else f"{level}: "
    line = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", f"{time} {mark}{told}{fields}".replace("\n", " "))
    return f"{line}\n{trace}" if trace else line
