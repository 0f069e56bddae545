"""`counterfoil tickets`: list, show, open, and the acts of the buttons - the same code, the same trail."""

import click

from ..moves import SINGLE_ACTS
from .ticket_acts import command_of
from .ticket_opening import open_
from .ticket_reading import list_, show
from .ticket_undo import undo


@click.group()
def tickets() -> None:
    """Tickets: list, show, open, and act on them."""


for _command in (list_, show, open_, *map(command_of, SINGLE_ACTS), undo):
    tickets.add_command(_command)
