"""Tables for a terminal: rich's on one, tab-separated lines in a pipe."""

import sys

import click

from .text import plain


class Shown:
    """Rows of text under headings; control characters never reach the terminal."""

    def __init__(self, headings: tuple[str, ...]) -> None:
        self._headings = headings
        self._rows: list[tuple[str, ...]] = []

    def add(self, *cells: str) -> None:
        """A row."""
        self._rows.append(tuple(plain(cell) for cell in cells))

    def show(self, empty: str) -> None:
        """Print them, or the sentence for when there are none."""
        if not self._rows:
            click.echo(empty, err=not sys.stdout.isatty())
            return
        if not sys.stdout.isatty():
            for row in (self._headings, *self._rows):
                click.echo("\t".join(row))
            return
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        made = Table(*self._headings, box=None, pad_edge=False)
        for row in self._rows:
            made.add_row(*map(Text, row))
        Console().print(made)


def table(*headings: str) -> Shown:
    """An empty table."""
    return Shown(headings)
