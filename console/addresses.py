"""Addresses of our own, each built once: a page asks some fifty times for the same few of our own paths."""

from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request, url_for

MOST_KEPT = 2_000


def install(app: Flask) -> None:
    """`url_for` in templates is `address`."""

    @lru_cache(MOST_KEPT, typed=True)
    def built(root: str, endpoint: str, *named: tuple[str, Any]) -> str:
        return url_for(endpoint, **dict(named))

    app.extensions["counterfoil_addresses"] = built
    app.jinja_env.globals["url_for"] = address


def address(endpoint: str, **values: Any) -> str:
    """Flask's `url_for`, kept for what it is asked and the path that the console is under."""
    kept: str = current_app.extensions["counterfoil_addresses"](
        request.script_root, endpoint, *values.items()
    )
    return kept
