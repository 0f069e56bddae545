"""The home page: the stories, a button each, and what has happened since."""

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..switches import PRINTER_AWAY, is_on
from ..users import STAFF, current_user
from . import lists


def home() -> str:
    """All stories."""
    return render_template("shop/home.html", **_since())


def since() -> str:
    """The fragment that the home page asks for every few seconds."""
    return render_template("shop/since.html", **_since())


def status() -> dict[str, int]:
    """How many there are of what, for the demo's traffic."""
    return lists.counts()


def switch_user() -> Response:
    """Somebody else takes over the till."""
    response = make_response(redirect(url_for("shop.home"), 303))
    chosen = request.form.get("user", "")
    response.set_cookie("user", chosen if chosen in STAFF else current_user(), samesite="Lax", httponly=True)
    return response


def _since() -> dict[str, object]:
    return {
        "customers": lists.latest_customers(),
        "orders": lists.latest_orders(),
        "forms": lists.latest_forms(),
        "mails": lists.latest_mails(),
        "counts": lists.counts(),
        "printer_away": is_on(PRINTER_AWAY),
    }


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.get("/")(home)
    shop.get("/since")(since)
    shop.get("/status.json")(status)
    shop.post("/user")(switch_user)
