"""Static text goes out compressed, once for each version of a file; pages do not (they carry a form's token).

A compressed answer whose length depends on a secret and on what a stranger sends along would tell the secret
(BREACH, 2013); files under static/ hold none.
"""

import gzip
from functools import lru_cache

from flask import Flask, Response, request

from .places import folder

LEAST = 1000
TEXT = ("text/javascript", "text/css", "image/svg+xml")


def install(app: Flask) -> None:
    """Compress versioned static files for whoever accepts gzip."""
    app.after_request(_compress)


def _compress(response: Response) -> Response:
    if request.endpoint != "static" or response.status_code != 200 or "v" not in request.args:
        return response
    response.vary.add("Accept-Encoding")
    if response.mimetype not in TEXT or not request.accept_encodings["gzip"]:
        return response
    name = (request.view_args or {})["filename"]
    content = _compressed(name, (folder("static") / name).stat().st_mtime_ns)
    if content is None:
        return response
    response.close()  # the file that it would have sent
    response.direct_passthrough = False
    response.set_data(content)
    response.headers["Content-Encoding"] = "gzip"
    response.headers.pop("ETag", None)  # of the file as it is
    return response


@lru_cache(maxsize=100)
def _compressed(name: str, changed: int) -> bytes | None:
    whole = (folder("static") / name).read_bytes()
    return gzip.compress(whole, 9, mtime=0) if len(whole) >= LEAST else None
