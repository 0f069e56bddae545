"""Browser tabs on a running console, over HTTP: one that measures, and others that stream and follow."""

import html
import http.client
import http.cookiejar
import random
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import suppress
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event

PASSWORD = "a long pass phrase"
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
ROWS = re.compile(r'data-rows="([^"]+)"')
ROW = re.compile(r'data-id="(\d+)"')
REST = 'data-rest="1"'
EVERY_SECONDS = 0.7
POLL_SECONDS = 3.0
STRAY = 0.25
"""As static/live.js: between two looks that hints ask for, and between looks of a page at rest; and the share
of either by which one tab waits longer than another, so that they do not come all at once."""

OF_A_SESSION = 10
"""Tabs that share a session; of more than `console.live.MOST_OF_ONE` the rest would poll."""


class Person:
    """Somebody who is signed in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.kept = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=60)

    def become_the_first_administrator(self, token: str) -> None:
        """By the one-time link."""
        path = f"/first-entry/{token}"
        found = TOKEN.search(self.read(path)[1])
        assert found, "the page has no token"
        form = {"csrf_token": found[1], "name": "olivia", "password": PASSWORD, "again": PASSWORD}
        self._send(path, form)

    def once_more(self) -> "Person":
        """The same person in a browser of their own: a session of its own."""
        other = Person(self.url)
        found = TOKEN.search(other.read("/sign-in")[1])
        assert found, "the page has no token"
        other._send("/sign-in", {"csrf_token": found[1], "name": "olivia", "password": PASSWORD})
        return other

    def _send(self, path: str, form: dict[str, str]) -> None:
        data = urllib.parse.urlencode(form).encode()
        self.opener.open(urllib.request.Request(self.url + path, data, {"Origin": self.url})).read()

    def read(self, path: str) -> tuple[int, str]:
        """A page's status and text."""
        try:
            with self.opener.open(self.url + path, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def load(self, path: str) -> tuple[int, str]:
        """The same over a connection that is kept, as browsers do."""
        try:
            return self._load(path)
        except (OSError, http.client.HTTPException):  # the server has closed what was idle
            self.kept.close()
            return self._load(path)

    def _load(self, path: str) -> tuple[int, str]:
        self.kept.request("GET", path, headers=self.headers())
        answer = self.kept.getresponse()
        return answer.status, answer.read().decode()

    def headers(self) -> dict[str, str]:
        """What a request of theirs carries, over a connection that is kept."""
        return {"Cookie": "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.cookies)}


def keep_open(person: Person, tabs: int, over: Event, told: "Queue[dict[str, int]]") -> None:
    """So many tabs until it is over; then what they did."""
    did = Counter[str]()
    for number in range(tabs):
        if number % OF_A_SESSION == 0:
            person = person.once_more()
        Tab(person, over, did).start()
        over.wait(EVERY_SECONDS / tabs)  # nobody opens all of them in one moment
    over.wait()
    told.put(dict(did))


def rows_shown(listed: str) -> str:
    """Where a list asks again for the rows that it shows."""
    found = ROWS.search(listed)
    assert found, "the list has no rows"
    address = html.unescape(found[1])
    mark = "&" if "?" in address and not address.endswith("?") else ""
    return address + mark + "ids=" + ".".join(ROW.findall(listed))


class Tab(threading.Thread):
    """An open list as a browser keeps it: a thread hears its stream, this one fetches its rows."""

    def __init__(self, person: Person, over: Event, did: Counter[str]) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.over = over
        self.did = did
        self.hinted = threading.Event()
        self.every_seconds = EVERY_SECONDS
        self.kept = http.client.HTTPConnection(urllib.parse.urlsplit(person.url).netloc, timeout=60)

    def run(self) -> None:
        rows, tag = self._open(), ""
        threading.Thread(target=self._listen, daemon=True).start()
        last = 0.0
        while not self.over.is_set():
            self.hinted.wait()
            paced = self.every_seconds * random.uniform(1, 1 + STRAY)
            self.over.wait(max(0.0, last + paced - time.monotonic()))
            self.hinted.clear()
            last = time.monotonic()
            with suppress(OSError, http.client.HTTPException):
                tag = self._follow(rows, tag)

    def _listen(self) -> None:
        while not self.over.is_set():
            with suppress(OSError):
                self._stream()
            self.hinted.set()
            self.over.wait(POLL_SECONDS)

    def _stream(self) -> None:
        request = urllib.request.Request(self.person.url + "/live?topics=tickets,samples")
        with self.person.opener.open(request, timeout=60) as stream:
            self.did[f"{stream.status} of a stream"] += 1
            for line in stream:
                if self.over.is_set():
                    return
                if line.startswith(b"data:"):
                    self.hinted.set()

    def _open(self) -> str:
        """Load the list; where it asks for the rows that it shows."""
        return rows_shown(self.person.read("/tickets")[1])

    def _follow(self, path: str, tag: str) -> str:
        """Ask for the rows as a browser does that has them by this tag; their tag now."""
        asks = self.person.headers() | {"HX-Request": "true"} | ({"If-None-Match": tag} if tag else {})
        self.kept.request("GET", path, headers=asks)
        answer = self.kept.getresponse()
        text = answer.read().decode()
        self.did[f"{answer.status} of a tab"] += 1
        if answer.status == 200:
            self.every_seconds = POLL_SECONDS if REST in text else EVERY_SECONDS
        return answer.headers["ETag"] or tag
