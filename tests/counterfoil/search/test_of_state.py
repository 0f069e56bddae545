"""A search of tickets whose state is known: what is left of it means the same, and asks for no state."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from counterfoil.filters import TicketFilter
from counterfoil.search.of_state import of_state
from counterfoil.search.tree import And, Node, Not, Or, Term, terms

STATES = ("done", "errored", "pending")
leaf = some.builds(Term, some.just("state"), some.sampled_from(STATES)) | some.builds(
    Term, some.just("queue"), some.sampled_from(("mail", "sync"))
)
tree: some.SearchStrategy[Node] = some.recursive(
    leaf,
    lambda part: (
        some.builds(Not, part)
        | some.builds(And, some.lists(part, min_size=2, max_size=3).map(tuple))
        | some.builds(Or, some.lists(part, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


def fulfilled(node: Node, state: str, queue: str) -> bool:
    if isinstance(node, Term):
        return node.value == (state if node.field == "state" else queue)
    if isinstance(node, Not):
        return not fulfilled(node.part, state, queue)
    return (all if isinstance(node, And) else any)(fulfilled(part, state, queue) for part in node.parts)


@given(tree, some.sampled_from(STATES), some.sampled_from(("mail", "sync", "else")))
def test_what_is_left_means_the_same_and_names_no_state(node: Node, state: str, queue: str) -> None:
    left = of_state(node, state)
    if isinstance(left, bool):
        assert left is fulfilled(node, state, queue)
    else:
        assert fulfilled(left, state, queue) is fulfilled(node, state, queue)
        assert all(term.field != "state" for term in terms(left))


@pytest.mark.parametrize(
    ("search", "states", "asks"),
    [
        ("view:Ship not state:done", "held pending running errored expired failed", False),
        ("view:Ship (state:done or queue:mail)", "held pending running done errored expired failed", True),
        ("view:Ship state:done not state:done", "done", True),  # one walk that finds nothing
    ],
)
def test_walks_by_state_leave_out_what_the_search_excludes(search: str, states: str, asks: bool) -> None:
    scans = TicketFilter(q=search).scans(datetime.now(UTC))
    assert {scan.state for scan in scans} == set(states.split())
    assert any(scan.residual for scan in scans) is asks
    assert all(not scan.residual for scan in scans if scan.state == "done" and "or queue" in search)
