"""The people at the till: a table `users` of the shop's own, beside the console's."""

from flask import has_request_context, request
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from .db import Model, db

STAFF = ("Mia", "Jonas", "Aylin")


class User(Model):
    """Somebody who works in the shop."""

    __tablename__ = "users"

    name: Mapped[str] = mapped_column(primary_key=True)


def hire_staff() -> None:
    """Put the staff into the table, if they are not there."""
    # Several processes of the shop may start at the same moment.
    hire = text("INSERT INTO users (name) VALUES (:name) ON CONFLICT DO NOTHING")
    db.session.execute(hire, [{"name": name} for name in STAFF])
    db.session.commit()


def who_asks() -> str | None:
    """Who opens a ticket where nobody was named; nobody outside the shop's pages."""
    return current_user() if has_request_context() else None


def current_user() -> str:
    """Who is at the shop's page: by cookie, else the first of the staff. (A real shop signs people in.)"""
    chosen = request.cookies.get("user", "") if has_request_context() else ""
    return chosen if chosen in STAFF else STAFF[0]
