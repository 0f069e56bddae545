"""Switches that a page turns, kept in the database, where the workers see them."""

from sqlalchemy.orm import Mapped, mapped_column

from .db import Model, db

PRINTER_AWAY = "printer-away"


class Switch(Model):
    """On or off, by name; one that nobody has turned is off."""

    __tablename__ = "switches"

    name: Mapped[str] = mapped_column(primary_key=True)
    on: Mapped[bool]


def is_on(name: str) -> bool:
    """Whether a switch is on."""
    switch = db.session.get(Switch, name)
    return switch is not None and switch.on


def turn(name: str, on: bool) -> None:
    """Turn a switch; the caller commits."""
    db.session.merge(Switch(name=name, on=on))
