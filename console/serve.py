"""The console's web server: gunicorn with threads, because a stream holds one."""

import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger

from counterfoil.settings import Settings

from .app import create_console
from .first_start import announce
from .listening import Unbound, address, listen, shown
from .live import STREAMS_MOST
from .secret import signing_key
from .start_checks import is_production, is_public, refusal
from .stopping import STOP

SPARE_THREADS = 16
GRACE_SECONDS = 20
RARE_COLLECTIONS = 1000
"""Collections of the middle generation until all is looked through, 40 ms in which nobody is answered."""

REFUSED, PORT_BUSY = 2, 3
_log = logging.getLogger(__name__)


def serve(settings: Settings, bind: str = "127.0.0.1:8020", workers: int = 1) -> int:
    """Serve until TERM. Returns the exit code: 0, 2 refused to start, 3 port busy; each with one clear line.

    `bind` is HOST:PORT, [IPv6]:PORT or a port; port 0 takes any. Raises SettingsError.
    """
    try:
        host, port = address(bind)
    except Unbound as no_address:
        return _told(str(no_address), REFUSED)
    if why := refusal(settings, host):
        return _told(why, REFUSED)
    if is_public(host) and not is_production(settings):
        _log.warning("%s can be reached from other machines, and passwords go over it in the clear", host)
    signing_key(settings)  # an unwritable folder is said here, not by every worker
    try:
        listening = listen(host, port)
    except Unbound as why_not:
        return _told(str(why_not), PORT_BUSY if why_not.busy else REFUSED)
    url = settings.url or f"http://{shown(host)}:{listening.getsockname()[1]}"
    announce(settings, url)
    _log.info("the console is at %s", url)
    _Server(settings, listening, workers).run()
    return 0


class _Server(BaseApplication):
    """gunicorn without its own command line and without its own log handlers."""

    def __init__(self, settings: Settings, listening: socket.socket, workers: int) -> None:
        self._settings = settings
        self._listening = listening
        self._workers = workers
        super().__init__()

    def load_config(self) -> None:
        config: Config = self.cfg
        chosen = {
            "bind": f"fd://{self._listening.fileno()}",
            "worker_class": "gthread",
            "workers": self._workers,
            "threads": STREAMS_MOST + SPARE_THREADS,
            "worker_connections": 1000,
            "graceful_timeout": GRACE_SECONDS,
            "timeout": 60,
            "keepalive": 5,
            "control_socket_disable": True,
            "logger_class": _RootLogger,
            "proc_name": "counterfoil console",
            "post_worker_init": _begin,
            "limit_request_line": 8190,
            "forwarded_allow_ips": "",  # forwarded headers are believed by `proxies` alone
        }
        for name, value in chosen.items():
            config.set(name, value)

    def load(self) -> Any:
        return create_console(self._settings)


class _RootLogger(Logger):
    """gunicorn's lines go where all others of the process go."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
        self.access_log.propagate = False


def _begin(worker: Any) -> None:
    """Templates are made before the first page asks for them: a tenth of a second of each first look.

    What is loaded stays: no collection looks through it again, which held up every request for 80 ms. What
    requests leave for good, statements once made, is looked through after some 40,000 answers instead of
    400. Cycles that die young are found as ever; those that outlive their request are one or two of each.
    """
    templates = worker.wsgi.jinja_env
    for name in templates.list_templates():
        templates.get_template(name)
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, RARE_COLLECTIONS)
    _end_streams_on_stop()


def _end_streams_on_stop() -> None:
    """Chained before gunicorn's own handlers: it would wait for open streams until the grace is over."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, _chained(signal.getsignal(number)))


def _chained(before: Any) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        STOP.set()
        if callable(before):
            before(number, frame)

    return handle


def _told(line: str, code: int) -> int:
    print(f"counterfoil: {line}", file=sys.stderr, flush=True)
    return code
