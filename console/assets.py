"""Addresses of static files, with their content's hash: they may be cached for ever."""

import hashlib
from functools import cache

from flask import Flask

from .addresses import address
from .places import folder


def install(app: Flask) -> None:
    """`static('console.css')` in templates."""
    app.jinja_env.globals["static"] = static
    app.jinja_env.globals["vendored"] = vendored


def static(name: str) -> str:
    """The address of a file under static/. Raises FileNotFoundError for one that is not there."""
    return address("static", filename=name, v=_version(name))


@cache
def vendored(name: str, file: str) -> str:
    """The path under static/ of a vendored project's file, whatever its version."""
    found = sorted((folder("static") / "vendor").glob(f"{name}-*/{file}"))
    if not found:
        raise FileNotFoundError(f"static/vendor/{name}-*/{file}")
    return found[-1].relative_to(folder("static")).as_posix()


@cache
def _version(name: str) -> str:
    return hashlib.sha256((folder("static") / name).read_bytes()).hexdigest()[:12]
