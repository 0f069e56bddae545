"""The waiting page: `<token>`, `<token>.json` and `<token>/live`, as a small WSGI application.

    app.wsgi_app = tickets.waiting_at("/wait", app.wsgi_app)      # in a host
    /wait/<token>                                                 # on the console

The page refreshes itself without JavaScript and stops when there is nothing to wait for; `?fragment=1`, or
htmx, gets its inner part, which carries htmx's attributes for asking again. Everything of the ticket is text.
Source: the completion flag of background objects in event trees.

Limits: a stream looks once a second, and there are few of them: beyond the bound 503 says to poll.
"""

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode

from sqlalchemy import Connection

from .waiting import TEXTS, Standing, standing

POLL_SECONDS = 2
LIMIT_SECONDS = 120
MOST_STREAMS = 8
_STATUS = {"not ordered": "404 Not Found", "gone": "410 Gone"}
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),  # the token stands in the address
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "noindex"),
    ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; frame-ancestors 'self'"),
)


@dataclass(frozen=True)
class Answer:
    """What goes out: the status line, the headers, the body."""

    status: str
    headers: list[tuple[str, str]]
    body: Iterable[bytes]


class WaitingPages:
    """The pages over one database. `connect` opens a connection for a look.

    `texts`: own ones in place of `waiting.TEXTS`; `limit_seconds`: how long a page waits before it says that
    one need not; `lang`: of the texts; `stop`: set when the process ends.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractContextManager[Connection]],
        *,
        texts: Mapping[str, str] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
        lang: str = "en",
        stop: threading.Event | None = None,
    ) -> None:
        unknown = sorted(set(texts or ()) - set(TEXTS))
        if unknown:
            raise ValueError(f"texts: there is no status {unknown[0]!r}; there are {', '.join(TEXTS)}")
        self.connect = connect
        self.texts = {**TEXTS, **(texts or {})}
        self.limit_seconds = limit_seconds
        self.lang = lang
        self.stop = stop or threading.Event()
        self._streams = threading.BoundedSemaphore(MOST_STREAMS)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """WSGI: PATH_INFO is /<token>, /<token>.json or /<token>/live."""
        if environ.get("REQUEST_METHOD") not in ("GET", "HEAD"):
            start_response("405 Method Not Allowed", [("Allow", "GET, HEAD"), ("Content-Length", "0")])
            return []
        token, form = str(environ.get("PATH_INFO", "")).strip("/"), "page"
        if token.endswith(".json"):
            token, form = token.removesuffix(".json"), "json"
        elif token.endswith("/live"):
            token, form = token.removesuffix("/live"), "live"
        elif environ.get("HTTP_HX_REQUEST") == "true":
            form = "fragment"
        asked = {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        answer = self.answer(token, form, asked, str(environ.get("SCRIPT_NAME", "")))
        start_response(answer.status, answer.headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else answer.body

    def answer(self, token: str, form: str, asked: Mapping[str, str], root: str) -> Answer:
        """To who waits. `form`: page, fragment, json or live; `root`: the path before the token."""
        until = _number(asked.get("until")) or time.time() + self.limit_seconds
        seen = asked.get("seen") == "1"
        if form == "live":
            return self._live(token, seen, until)
        with self.connect() as connection:
            found = standing(connection, token, seen=seen, patient=time.time() < until)
        again = f"{root}/{quote(token, safe='')}"
        if form == "json":
            return _answer(found, "application/json", json.dumps(self._told(found)))
        again += "?" + urlencode({"until": int(until), "seen": 1})
        if form == "fragment" or asked.get("fragment") == "1":
            return _answer(found, "text/html; charset=utf-8", self._fragment(found, again))
        return _answer(found, "text/html; charset=utf-8", self._page(found, again))

    def _told(self, found: Standing) -> dict[str, Any]:
        told = {"status": found.status, "finished": found.finished, "text": self.texts[found.status]}
        more = {"receipt": found.receipt} if found.finished else {"again_seconds": POLL_SECONDS}
        return told | more

    def _fragment(self, found: Standing, again: str, tag: str = "p") -> str:
        """One element; while there is something to wait for, htmx asks again in its place."""
        ask = (
            ""
            if found.finished
            else (f' hx-get="{escape(again)}" hx-trigger="every {POLL_SECONDS}s" hx-swap="outerHTML"')
        )
        receipt = f'<p class="counterfoil-receipt">{escape(found.receipt)}</p>' if found.receipt else ""
        return (
            f'<div class="counterfoil-waiting" data-status="{escape(found.status)}" role="status"{ask}>'
            f"<{tag}>{escape(self.texts[found.status])}</{tag}>{receipt}</div>"
        )

    def _page(self, found: Standing, again: str) -> str:
        refresh = f'<meta http-equiv="refresh" content="{POLL_SECONDS};url={escape(again)}">'
        return (
            f'<!DOCTYPE html><html lang="{escape(self.lang)}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="color-scheme" content="light dark">'
            f"<title>{escape(self.texts[found.status])}</title>{'' if found.finished else refresh}"
            f"</head><body><main>{self._fragment(found, again, 'h1')}</main></body></html>"
        )

    def _live(self, token: str, seen: bool, until: float) -> Answer:
        with self.connect() as connection:
            first = standing(connection, token, seen=seen)
        if first.status in _STATUS:
            return _answer(first, "application/json", json.dumps(self._told(first)))
        if self.stop.is_set() or not self._streams.acquire(blocking=False):
            headers = [("Retry-After", str(POLL_SECONDS)), ("Content-Length", "0"), *_HEADERS]
            return Answer("503 Service Unavailable", headers, [])
        headers = [("Content-Type", "text/event-stream"), ("X-Accel-Buffering", "no"), *_HEADERS]
        return Answer("200 OK", headers, _Stream(self._events(token, first, until), self._streams.release))

    def _events(self, token: str, found: Standing, until: float) -> Iterator[bytes]:
        told: Standing | None = None
        while True:
            if found != told:
                yield f"data: {json.dumps(self._told(found))}\n\n".encode()
                told = found
            else:
                yield b": waiting\n\n"
            if found.finished or self.stop.wait(1.0):
                return
            with self.connect() as connection:
                found = standing(connection, token, seen=True, patient=time.time() < until)


class _Stream:
    """A stream's body; its place is free again however it ends, also before its first line."""

    def __init__(self, events: Iterator[bytes], free: Callable[[], Any]) -> None:
        self._events, self._free, self._closed = events, free, False

    def __iter__(self) -> Iterator[bytes]:
        return self._events

    def close(self) -> None:
        """Called by the server when the response is over."""
        if not self._closed:
            self._closed = True
            self._free()


def _answer(found: Standing, mimetype: str, text: str) -> Answer:
    body = text.encode()
    headers = [("Content-Type", mimetype), ("Content-Length", str(len(body))), *_HEADERS]
    return Answer(_STATUS.get(found.status, "200 OK"), headers, [body])


def _number(given: str | None) -> float | None:
    return float(given) if given and given.isascii() and given.isdigit() and len(given) < 12 else None


def below(path: str, pages: WaitingPages, wrapped: Callable[..., Any]) -> Callable[..., Any]:
    """A WSGI application that answers below `path` with the pages, elsewhere with the application wrapped.

    Raises ValueError for a path that is none.
    """
    if not path.startswith("/") or path.endswith("/"):
        raise ValueError(f"path {path!r}: write it with a slash before and none behind, for example /wait")

    def dispatch(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        asked = environ.get("PATH_INFO", "")
        if not asked.startswith(path + "/"):
            return wrapped(environ, start_response)
        inner = environ | {
            "PATH_INFO": asked[len(path) :],
            "SCRIPT_NAME": environ.get("SCRIPT_NAME", "") + path,
        }
        return pages(inner, start_response)

    return dispatch
