"""Browser tabs on a running console, over HTTP: one that measures, and others that stream and follow."""

import html
import http.cookiejar
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
FOLLOW_SECONDS = 1.0


class Person:
    """Somebody who is signed in."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def become_the_first_administrator(self, token: str) -> None:
        """By the one-time link."""
        path = f"/first-entry/{token}"
        found = TOKEN.search(self.read(path)[1])
        assert found, "the page has no token"
        form = {"csrf_token": found[1], "name": "olivia", "password": PASSWORD, "again": PASSWORD}
        data = urllib.parse.urlencode(form).encode()
        self.opener.open(urllib.request.Request(self.url + path, data, {"Origin": self.url})).read()

    def read(self, path: str) -> tuple[int, str]:
        """A page's status and text."""
        try:
            with self.opener.open(self.url + path, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def follow(self, path: str, tag: str) -> tuple[int, str]:
        """Ask for a fragment as a browser does that has one by this tag; the status and the tag now."""
        headers = {"HX-Request": "true"} | ({"If-None-Match": tag} if tag else {})
        try:
            with self.opener.open(
                urllib.request.Request(self.url + path, headers=headers), timeout=60
            ) as answer:
                answer.read()
                return answer.status, answer.headers["ETag"]
        except urllib.error.HTTPError as error:
            error.read()
            return error.code, tag


def keep_open(person: Person, tabs: int, over: Event, told: "Queue[dict[str, int]]") -> None:
    """So many tabs until it is over; then what they did."""
    did = Counter[str]()
    for _ in range(tabs):
        Tab(person, over, did).start()
    over.wait()
    told.put(dict(did))


class Tab(threading.Thread):
    """An open list: hears its stream, and fetches its rows at most once a second when something changed."""

    def __init__(self, person: Person, over: Event, did: Counter[str]) -> None:
        super().__init__(daemon=True)
        self.person = person
        self.over = over
        self.did = did

    def run(self) -> None:
        while not self.over.is_set():
            with suppress(OSError):
                self._stream()
            self.over.wait(1)

    def _stream(self) -> None:
        rows, tag = self._open(), ""
        request = urllib.request.Request(self.person.url + "/live?topics=tickets,samples")
        with self.person.opener.open(request, timeout=60) as stream:
            last = 0.0
            for line in stream:
                if self.over.is_set():
                    return
                if line.startswith(b"data:") and time.monotonic() - last > FOLLOW_SECONDS:
                    last = time.monotonic()
                    status, tag = self.person.follow(rows, tag)
                    self.did[f"{status} of a tab"] += 1

    def _open(self) -> str:
        """Load the list; where it asks for the rows that it shows."""
        listed = self.person.read("/tickets")[1]
        found = ROWS.search(listed)
        assert found, "the list has no rows"
        address = html.unescape(found[1])
        mark = "&" if "?" in address and not address.endswith("?") else ""
        return address + mark + "ids=" + ".".join(ROW.findall(listed))
