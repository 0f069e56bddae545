"""The month's invoices: a button, and how far each run is."""

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from counterfoil import batches

from ..db import db
from ..invoices import invoice_run, latest_runs

PACKAGES = 500


def show() -> str:
    """The latest runs with their numbers."""
    runs = latest_runs()
    numbers = batches.counts(db.session.connection(), [run.id for run in runs])
    return render_template("shop/invoices.html", runs=runs, numbers=numbers, packages=PACKAGES)


def start() -> Response:
    """Open one run: a batch and its packages in one commit."""
    invoice_run(PACKAGES)
    db.session.commit()
    return redirect(url_for("shop.invoices"), 303)


def add_to(shop: Blueprint) -> None:
    """Register the routes."""
    shop.get("/invoices", endpoint="invoices")(show)
    shop.post("/invoices", endpoint="start_invoices")(start)
