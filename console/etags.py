"""Fragments that a page asks for again and again: an ETag, and 304 while nothing has changed (RFC 9110)."""

import hashlib

from flask import current_app, request
from werkzeug.wrappers import Response


def conditional(body: str, changes_with: object) -> Response:
    """The fragment with an ETag made of what it changes with; 304 when the page has that already."""
    answer = current_app.make_response(body)
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(hashlib.sha256(repr(changes_with).encode()).hexdigest()[:32], weak=True)
    return answer.make_conditional(request)
