"""The weather: what goes wrong outside, switched on and off."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from counterfoil import open_ticket

from ..client import OrderClient, ServiceAway, call
from ..db import db
from ..poison import poison
from ..settings import settings
from ..switches import PRINTER_AWAY, is_on, turn
from ..users import current_user
from ..weather import WEATHERS


def show() -> str:
    """How the fulfilment service and the printer are, and what the service got lately."""
    try:
        now = str(call(f"{settings().control_url}/weather")["weather"])
    except ServiceAway:
        now = "gone"
    try:
        received = OrderClient().received()
    except ServiceAway:
        received = []
    return render_template(
        "shop/weather.html",
        weathers=WEATHERS,
        now=now,
        received=received,
        printer_away=is_on(PRINTER_AWAY),
        service_url=settings().service_url,
    )


def change() -> Response:
    """Another weather for the service."""
    call(f"{settings().control_url}/weather", {"weather": request.form["weather"]})
    return redirect(url_for("shop.weather"), 303)


def printer() -> Response:
    """Take the printer away, or bring it back; invoices and labels wait for it."""
    turn(PRINTER_AWAY, request.form.get("away") == "yes")
    db.session.commit()
    page = "shop.invoices" if request.form.get("from") == "invoices" else "shop.weather"
    return redirect(url_for(page), 303)


def order_poison() -> Response:
    """One ticket that kills the process it runs in."""
    open_ticket(db.session, poison, opened_by=current_user())
    db.session.commit()
    return redirect(url_for("shop.weather"), 303)


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.get("/weather", endpoint="weather")(show)
    shop.post("/weather", endpoint="change_weather")(change)
    shop.post("/printer")(printer)
    shop.post("/poison")(order_poison)
