"""The shop's pages: each story has a file, and one line here."""

from flask import Blueprint

from . import customers, forms, home, invoices, orders, weather

shop = Blueprint("shop", __name__, template_folder="../templates", static_folder="../static")
for page in (home, customers, orders, forms, invoices, weather):
    page.add_to(shop)

__all__ = ["shop"]
