"""Fragments that a page asks for again and again: an ETag, and 304 while nothing has changed (RFC 9110)."""

import hashlib
from collections.abc import Callable

from flask import current_app, request
from werkzeug.wrappers import Response


def conditional(render: Callable[[], str], changes_with: object) -> Response:
    """The fragment with an ETag made of what it changes with; who has it already costs no rendering."""
    etag = hashlib.sha256(repr(changes_with).encode()).hexdigest()[:32]
    if request.if_none_match.contains_weak(etag):
        answer: Response = current_app.response_class(status=304)
    else:
        answer = current_app.make_response(render())
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(etag, weak=True)
    return answer
