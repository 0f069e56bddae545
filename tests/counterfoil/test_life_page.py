"""The page about the life of a ticket is the table of moves."""

from pathlib import Path

from counterfoil.life import page
from counterfoil.moves import MOVES
from counterfoil.ticket import STATES

PAGE = Path(__file__).parents[2] / "docs" / "life-of-a-ticket.md"


def test_the_page_is_made_from_the_table() -> None:
    assert PAGE.read_text() == page(), "run `counterfoil moves --markdown > docs/life-of-a-ticket.md`"


def test_the_table_names_only_states_that_exist() -> None:
    for move in MOVES.values():
        assert set(move.leaves) | set(move.reaches) <= set(STATES), move.verb
