"""Customers: made in three ways, each with a ticket for the number."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from ..customers import Customer
from ..db import db
from ..moving import CannotMoveThere, Move, move_house
from ..selling import add_customer
from ..till import add_customer_by_sql, ask_for_a_number


def create() -> Response:
    """Add a customer by view model, by method, or as the old till does: one commit."""
    form = request.form
    name, country = form.get("name", "").strip() or "Ada Lovelace Ltd", form.get("country", "DE")
    email = form.get("email") or f"office@{_domain(name)}.example"
    if form.get("way") == "sql":
        key = add_customer_by_sql(name, email, country)
    else:
        customer = add_customer(name, email, country, by_method=form.get("way") == "method")
        db.session.flush()
        key = customer.id
    db.session.commit()
    return redirect(url_for("shop.show_customer", key=key), 303)


def mistake() -> Response:
    """The old till asks for the number of a customer that does not exist."""
    ask_for_a_number("Customer!99999999")
    db.session.commit()
    return redirect(url_for("shop.home"), 303)


def show(key: int, refused: str = "") -> str:
    """One customer, with the latest move."""
    customer, move = db.get_or_404(Customer, key), db.session.get(Move, key)
    return render_template("shop/customer.html", customer=customer, move=move, refused=refused)


def move_out(key: int) -> Response | tuple[str, int]:
    """The address is changed at once; zone, customs and mails follow. What is refused leaves nothing."""
    form = request.form
    street = form.get("street", "").strip() or "1 Analytical Road"
    try:
        move_house(db.get_or_404(Customer, key), street, form.get("country", "DE"))
    except CannotMoveThere as why:
        db.session.rollback()
        return show(key, f"Not stored: {why}."), 422
    db.session.commit()
    return redirect(url_for("shop.show_customer", key=key), 303)


def _domain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isascii() and letter.isalnum()) or "customer"


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.post("/customers", endpoint="create_customer")(create)
    shop.post("/till/mistake", endpoint="till_mistake")(mistake)
    shop.get("/customers/<int:key>", endpoint="show_customer")(show)
    shop.post("/customers/<int:key>/move", endpoint="move_customer")(move_out)
