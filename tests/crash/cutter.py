"""A go-between of a PostgreSQL server that can lose a COMMIT, or only the reply to it."""

import select
import socket
import threading
from contextlib import suppress
from typing import Literal

from sqlalchemy import make_url

Lost = Literal["the commit", "its reply"]


class Cutter:
    """`url_of(url)`: the same database through it. A context manager."""

    def __init__(self, url: str) -> None:
        self._server = (make_url(url).host or "127.0.0.1", make_url(url).port or 5432)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closing = False
        self._lose: Lost | None = None
        self._lock = threading.Lock()
        self.cut = threading.Event()
        """Set when a connection was cut."""

    def url_of(self, url: str) -> str:
        port = self._listener.getsockname()[1]
        return make_url(url).set(host="127.0.0.1", port=port).render_as_string(hide_password=False)

    def lose_next(self, what: Lost) -> None:
        """Of the next COMMIT on whatever connection; that connection ends with it."""
        self._lose = what

    def __enter__(self) -> "Cutter":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, suppress(OSError):
            while not self._closing:
                ready, _, _ = select.select([client, server], [], [], 0.2)
                if client in ready:
                    data = client.recv(65536)
                    if not data or (b"COMMIT" in data and self._loses(data, server)):
                        return
                    server.sendall(data)
                if server in ready:
                    data = server.recv(65536)
                    if not data:
                        return
                    client.sendall(data)

    def _loses(self, data: bytes, server: socket.socket) -> bool:
        with self._lock:
            what, self._lose = self._lose, None
        if what is None:
            return False
        if what == "its reply":
            server.sendall(data)
            reply = b""
            while b"COMMIT\0" not in reply and (more := server.recv(65536)):
                reply += more
        self.cut.set()
        return True
