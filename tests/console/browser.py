"""A browser without JavaScript: keeps cookies, sends the token of the last page with its forms."""

import re
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

PASSWORD = "correct horse 7 battery"
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


class Browser:
    """One person's browser on one console. `address` is where they sit."""

    def __init__(self, console: Flask, address: str = "192.0.2.1") -> None:
        self.client = console.test_client()
        self.address = address
        self.token = ""

    def get(self, path: str, **options: Any) -> TestResponse:
        return self._open("GET", path, **options)

    def post(self, path: str, token: bool = True, **options: Any) -> TestResponse:
        """Sends a form; `token` False leaves the token out."""
        data = dict(options.pop("data", {}))
        if token:
            data.setdefault("csrf_token", self.token or self._fresh_token())
        return self._open("POST", path, data=data, **options)

    def sign_in(self, name: str, password: str = PASSWORD, **options: Any) -> TestResponse:
        """Signs in; the token is that of the sign-in page, and of the overview after it."""
        self._fresh_token()
        answer = self.post("/sign-in", data={"name": name, "password": password}, **options)
        if answer.status_code == 303:
            self.token = ""
        return answer

    def cookie(self, name: str = "counterfoil") -> str | None:
        found = self.client.get_cookie(name)
        return found.value if found else None

    def _fresh_token(self) -> str:
        # A page of our own that is not there has the layout, whoever asks.
        self._open("GET", "/there-is-no-such-page")
        assert self.token
        return self.token

    def _open(self, method: str, path: str, **options: Any) -> TestResponse:
        options.setdefault("environ_overrides", {"REMOTE_ADDR": self.address})
        options.setdefault("buffered", True)
        answer = self.client.open(path, method=method, **options)
        if answer.mimetype == "text/html" and (found := TOKEN.search(answer.text)):
            self.token = found.group(1)
        return answer
