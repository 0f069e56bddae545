"""`counterfoil new`: files to begin with."""

from pathlib import Path

import click

from .group import CONFIGURATION, Stop
from .scaffold import WrongName, scaffold


@click.group()
def new() -> None:
    """Write files to begin with; what is there is never overwritten."""


@new.command("view-model")
@click.argument("name")
@click.option(
    "--path",
    "folder",
    type=click.Path(path_type=Path, exists=True, file_okay=False, writable=True),
    default=Path(),
    help="The folder to write to; default: this one.",
)
def view_model(name: str, folder: Path) -> None:
    """Write a view model, its factory and its test, which pass as written."""
    try:
        made = scaffold(name, folder)
    except WrongName as error:
        raise Stop(str(error), CONFIGURATION) from None
    there = [str(file) for file in made.files if file.exists()]
    if there:
        raise Stop(f"{', '.join(there)} is there already: nothing was written; choose another name or --path")
    for file, text in made.files.items():
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
        click.echo(f"wrote {file}")
    click.echo(
        f"import {made.snake} where your application is made (COUNTERFOIL_APP): workers run what is imported"
    )
