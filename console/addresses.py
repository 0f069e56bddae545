"""Addresses in templates, each built once: a page asks some fifty times for the same few of our own paths."""

from functools import lru_cache
from typing import Any

from flask import Flask, request, url_for

MOST_KEPT = 2_000


def install(app: Flask) -> None:
    """`url_for` in templates: Flask's, kept for what it is asked and the path that the console is under."""

    @lru_cache(MOST_KEPT, typed=True)
    def built(root: str, endpoint: str, *named: tuple[str, Any]) -> str:
        return url_for(endpoint, **dict(named))

    def address(endpoint: str, **values: Any) -> str:
        return built(request.script_root, endpoint, *values.items())

    app.jinja_env.globals["url_for"] = address
