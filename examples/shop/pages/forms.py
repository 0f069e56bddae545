"""The card's form, and the page that waits for the shop's own flag."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from counterfoil import Ticket

from ..db import db
from ..forms import CardForm, submit
from ..mail import Mail


def create() -> Response:
    """Store A and D; B, C and the e-mail follow."""
    given = request.form
    name = given.get("name", "").strip() or "Ada Lovelace"
    form = submit(name, given.get("language", "en"), given.get("email", "").strip() or "ada@lovelace.example")
    db.session.commit()
    return redirect(url_for("shop.show_form", key=form.id), 303)


def show(key: int) -> str:
    """The form, as far as it is."""
    form = db.get_or_404(CardForm, key)
    mine = db.select(Ticket.token).where(Ticket.root_id == f"CardForm!{key}").order_by(Ticket.id).limit(1)
    return render_template("shop/form.html", form=form, token=db.session.scalar(mine))


def fields(key: int) -> str:
    """The fragment that the page asks for until the form is ready."""
    return render_template("shop/form_fields.html", form=db.get_or_404(CardForm, key))


def mend(key: int) -> Response:
    """Mend the e-mail address; then the ticket may be retried in the console."""
    form = db.get_or_404(CardForm, key)
    form.email = request.form.get("email", "").strip() or form.email
    db.session.commit()
    return redirect(url_for("shop.show_form", key=key), 303)


def mails() -> str:
    """The sink of all mail, latest first."""
    latest = db.session.scalars(db.select(Mail).order_by(Mail.id.desc()).limit(100)).all()
    return render_template("shop/mails.html", mails=latest)


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.post("/forms", endpoint="create_form")(create)
    shop.get("/forms/<int:key>", endpoint="show_form")(show)
    shop.get("/forms/<int:key>/fields", endpoint="form_fields")(fields)
    shop.post("/forms/<int:key>/email", endpoint="mend_form")(mend)
    shop.get("/mails")(mails)
