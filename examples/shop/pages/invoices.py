"""The month's invoices: a button, and how far each run is."""

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from counterfoil import batches

from ..db import db
from ..invoices import invoice_run, latest_runs
from ..switches import PRINTER_AWAY, is_on

PACKAGES = 500


def show() -> str:
    """The latest runs with their numbers."""
    runs = latest_runs()
    numbers = batches.counts(db.session.connection(), [run.id for run in runs])
    away = is_on(PRINTER_AWAY)
    return render_template(
        "shop/invoices.html", runs=runs, numbers=numbers, packages=PACKAGES, printer_away=away
    )


def start() -> Response:
    """Open one run: a batch and its packages in one commit; `packages` of them, 500 if nobody says."""
    asked = request.form.get("packages", "")
    invoice_run(min(int(asked), PACKAGES) if asked.isascii() and asked.isdigit() and int(asked) else PACKAGES)
    db.session.commit()
    return redirect(url_for("shop.invoices"), 303)


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.get("/invoices", endpoint="invoices")(show)
    shop.post("/invoices", endpoint="start_invoices")(start)
