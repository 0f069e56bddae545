"""A page that follows what changes: whole at first, then its body again and again."""

import re
from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from . import etags
from .answers import page

_AGES = re.compile(r"(<time [^>]*>)[^<]*")


def live_page(template: str, body: str, *, fragment: str | None = None, **context: Any) -> Response:
    """The page; with `part=body` the file `body` alone, 304 while it is as it was.

    The body's outermost element has `data-live`, its topics, and `data-body`, the address of this; what is
    exchanged on its own has `data-part`. `fragment` is what other requests of htmx get. Relative times are
    the page's own business: that one has grown older is no change.
    """
    if request.args.get("part") == "body":
        made = render_template(body, **context)
        return etags.conditional(lambda: made, _AGES.sub(r"\1", made))
    return page(template, fragment=fragment, **context)
