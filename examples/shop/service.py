"""The fulfilment service: a process of its own, with a mind of its own.

POST /orders ships an order: the same Idempotency-Key twice is one shipment. GET /received tells what came
lately. Another port takes its weather, so that it can be told to open again while it refuses connections.
"""

import json
import random
import signal
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .weather import DANGEROUS, FERRY_LESS, WEATHERS

SLOW_SECONDS = 3.0
HANG_SECONDS = 30.0


class Desk:
    """What the service knows; shared by the threads that serve."""

    def __init__(self) -> None:
        self.weather = "ok"
        self.shipments: dict[str, str] = {}
        self.received: deque[dict[str, Any]] = deque(maxlen=20)
        self.lock = threading.Lock()

    def take(self, key: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Ship an order, or say why not: an HTTP status and the answer."""
        weather = self.weather
        time.sleep({"slow": SLOW_SECONDS, "hang": HANG_SECONDS}.get(weather, random.uniform(0.02, 0.1)))
        status, answer = self._decide(weather, key, order)
        with self.lock:
            self.received.appendleft({"key": key, "status": status, **order, **answer})
        return status, answer

    def _decide(self, weather: str, key: str, order: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if weather == "503":
            return 503, {"reason": "down for maintenance"}
        if order.get("country") == FERRY_LESS:
            return 503, {"reason": f"no ferry to the {FERRY_LESS} today"}
        if weather == "reject" or order.get("article") == DANGEROUS:
            return 422, {"reason": f"{order.get('article')} may not be shipped: dangerous goods"}
        with self.lock:
            shipment = self.shipments.setdefault(key, f"S-{len(self.shipments) + 1:06d}")
        return 200, {"shipment": shipment}


class Handler(BaseHTTPRequestHandler):
    """JSON in, JSON out; quiet."""

    desk: Desk

    def answer(self, status: int, body: Any) -> None:
        """Send JSON."""
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self) -> Any:
        """The JSON that was sent."""
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""


class Door:
    """The public port, which can be shut: then connections are refused."""

    def __init__(self, port: int, handler: type[Handler]) -> None:
        self.port, self.handler = port, handler
        self.server: ThreadingHTTPServer | None = None

    def open(self) -> None:
        """Listen, unless it does."""
        if self.server is None:
            self.server = serve(self.port, self.handler)

    def shut(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None


def serve(port: int, handler: type[Handler]) -> ThreadingHTTPServer:
    """A server on this machine, in a thread of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def run(port: int) -> None:
    """Serve on `port`, take the weather on the next one, until TERM or Ctrl-C."""
    desk = Desk()

    class Public(Handler):
        def do_POST(self) -> None:
            if self.path != "/orders":
                return self.answer(404, {"reason": "no such page"})
            return self.answer(*desk.take(self.headers.get("Idempotency-Key", ""), self.body()))

        def do_GET(self) -> None:
            self.answer(200, list(desk.received))

    door = Door(port, Public)

    class Control(Handler):
        def do_POST(self) -> None:
            wanted = self.body().get("weather")
            if wanted not in WEATHERS:
                return self.answer(422, {"reason": f"weather is one of {', '.join(WEATHERS)}"})
            desk.weather = wanted
            door.shut() if wanted == "refuse" else door.open()
            return self.answer(200, {"weather": desk.weather})

        def do_GET(self) -> None:
            self.answer(200, {"weather": desk.weather})

    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    door.open()
    serve(port + 1, Control)
    print(f"fulfilment service on http://127.0.0.1:{port}", flush=True)
    stopped.wait()
