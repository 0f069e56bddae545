"""Findings about messages that reached nobody."""

from collections.abc import Iterator

from sqlalchemy import Engine

from ..notice_acts import MOST, given_up
from .finding import Finding


def unsent(engine: Engine) -> Iterator[Finding]:
    """Notices whose last attempt has failed."""
    with engine.connect() as connection:
        rows = given_up(connection)
    if not rows:
        return
    number, latest = len(rows), rows[0]
    how_many = f"{'at least ' if number == MOST else ''}{number} notices were"
    yield Finding(
        "notices",
        f"{how_many if number > 1 else 'a notice was'} given up, the latest to {latest.person} by "
        f"{latest.channel}: {latest.error or 'no reason is noted'}",
        "mend what the error names (`counterfoil notices list` has all), then "
        "`counterfoil notices send-again --all`",
    )
