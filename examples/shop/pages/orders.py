"""Orders: placed, rolled back, reserved and paid; and the offers that lead to them."""

from datetime import timedelta

from flask import Blueprint, abort, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from ..customers import Customer
from ..db import db
from ..offers import make_offer
from ..orders import Order
from ..selling import CardDeclined, add_customer, pay, place_order, reserve_order
from .lists import OrderLine, state_of


def create() -> Response:
    """Place an order, or reserve one that is to be paid: one commit."""
    customer, form = _customer(), request.form
    article, quantity = form.get("article", "Difference engine"), form.get("quantity", 1, int)
    if form.get("pay") == "later":
        seconds = form.get("seconds", type=float)
        order = reserve_order(customer, article, quantity, timedelta(seconds=seconds) if seconds else None)
    else:
        order = place_order(customer, article, quantity, form.get("country"))
    db.session.commit()
    return redirect(url_for("shop.show_order", key=order.id), 303)


def create_declined() -> tuple[str, int]:
    """Place an order whose card is declined: the rollback takes order and ticket along."""
    try:
        order = place_order(_customer(), "Difference engine")
        raise CardDeclined(f"{order.code} was written, and its ticket; then the bank said no.")
    except CardDeclined as declined:
        db.session.rollback()
        return render_template("shop/declined.html", reason=str(declined)), 402


def show(key: int) -> str:
    """One order."""
    order = db.get_or_404(Order, key)
    return render_template("shop/order.html", line=OrderLine(order, *state_of(order.ticket_id)))


def pay_order(key: int) -> Response:
    """Pay: the ticket is released with the same commit."""
    order = db.get_or_404(Order, key)
    if not pay(order):
        abort(409, "The reservation is over, or the order is paid.")
    db.session.commit()
    return redirect(url_for("shop.show_order", key=key), 303)


def create_offer() -> Response:
    """An offer that goes out later, and only until its end."""
    hours = request.form.get("hours", 6.0, float)
    make_offer(_customer(), "Difference engine", timedelta(hours=hours / 2), timedelta(hours=hours))
    db.session.commit()
    return redirect(url_for("shop.home"), 303)


def _customer() -> Customer:
    # Who orders: the one the form names, else the latest, else somebody new.
    named = request.form.get("customer", type=int)
    if named is not None:
        return db.get_or_404(Customer, named)
    latest = db.session.scalar(select(Customer).order_by(Customer.id.desc()).limit(1))
    return latest or add_customer("Ada Lovelace Ltd", "office@adalovelace.example", "DE")


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.post("/orders", endpoint="create_order")(create)
    shop.post("/orders/declined", endpoint="create_declined_order")(create_declined)
    shop.get("/orders/<int:key>", endpoint="show_order")(show)
    shop.post("/orders/<int:key>/pay", endpoint="pay_order")(pay_order)
    shop.post("/offers", endpoint="create_offer")(create_offer)
