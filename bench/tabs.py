"""Browser tabs on a running console, over HTTP: one that measures, and others that stream and follow."""

import http.cookiejar
import re
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import suppress

PASSWORD = "a long pass phrase"
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')
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


class Tab(threading.Thread):
    """An open list: hears its stream, and fetches its rows at most once a second when something changed."""

    def __init__(self, person: Person, over: threading.Event, did: Counter[str]) -> None:
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
        request = urllib.request.Request(self.person.url + "/live?topics=tickets,samples")
        with self.person.opener.open(request, timeout=60) as stream:
            last = 0.0
            for line in stream:
                if self.over.is_set():
                    return
                if line.startswith(b"data:") and time.monotonic() - last > FOLLOW_SECONDS:
                    last = time.monotonic()
                    self.did[f"{self.person.read('/tickets/rows')[0]} of a tab"] += 1
