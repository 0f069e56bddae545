"""The old till, which knows SQL and nothing else: a ticket is a row, whoever writes it."""

from uuid import uuid4

from sqlalchemy import text

from .db import db

ADD_CUSTOMER = text(
    "INSERT INTO customers (name, email, country, token) "
    "VALUES (:name, :email, :country, :token) RETURNING id"
)
ASK_FOR_A_NUMBER = text(
    "INSERT INTO counterfoil_tickets (view_model, root_id) VALUES ('Customer.assign_number', :root_id)"
)


def add_customer_by_sql(name: str, email: str, country: str) -> int:
    """A customer and the ticket, by plain SQL; the caller commits. Gives the customer's id."""
    customer = {"name": name, "email": email, "country": country, "token": uuid4().hex}
    (key,) = db.session.execute(ADD_CUSTOMER, customer).one()
    ask_for_a_number(f"Customer!{key}")
    return int(key)


def ask_for_a_number(root_id: str) -> None:
    """The till's ticket. It does not look whether there is such a customer; Counterfoil will say so."""
    db.session.execute(ASK_FOR_A_NUMBER, {"root_id": root_id})
