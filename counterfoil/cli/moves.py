"""`counterfoil moves`: the table of moves, as the code runs it."""

import click

from ..life import page
from ..moves import MOVES
from .tables import table


@click.command()
@click.option("--markdown", is_flag=True, help="The page docs/life-of-a-ticket.md.")
def moves(markdown: bool) -> None:
    """Print every verb: which states it leaves, what it reaches, who may."""
    if markdown:
        click.echo(page(), nl=False)
        return
    shown = table("verb", "leaves", "reaches", "by", "what happens")
    for name, move in MOVES.items():
        shown.add(name, ", ".join(move.leaves), ", ".join(move.reaches), ", ".join(move.by), move.summary)
    shown.show("")
