"""What may be said in the search box, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.filters import FilterError, SearchError, TicketFilter
from counterfoil.search.fields import FIELDS
from counterfoil.search.grammar import MOST_CHARACTERS, MOST_DEPTH, MOST_TERMS, parse
from counterfoil.search.tree import And, Node, Not, Or, Term, terms, written


def t(field: str, value: str, op: str = "", key: str = "") -> Term:
    return Term(field, value, op, key)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("acme", t("", "acme")),
        ("order A-8123", And((t("", "order"), t("", "A-8123")))),
        ('"order A-8123"', t("", "order A-8123")),
        ("state:errored AND bank", And((t("state", "errored"), t("", "bank")))),
        ("a or b c", Or((t("", "a"), And((t("", "b"), t("", "c")))))),
        ("(a or b) c", And((Or((t("", "a"), t("", "b"))), t("", "c")))),
        ("not a b", And((Not(t("", "a")), t("", "b")))),
        ("not (a b)", Not(And((t("", "a"), t("", "b"))))),
        ("attempts:>2 age:<2h", And((t("attempts", "2", ">"), t("age", "2h", "<")))),
        ("attempts:=2", t("attempts", "2")),
        ("priority:<=3", t("priority", "high", "<=")),
        ("PRIORITY:Urgent", t("priority", "urgent")),
        ("param.order_id:42", t("param", "42", key="order_id")),
        ('label:"say \\"hi\\" \\\\o/"', t("label", 'say "hi" \\o/')),
        ("root:Customer!42", t("root", "Customer!42")),
        ("12:30", t("", "12:30")),
        ('"not"', t("", "not")),
        ('error:"OSError: no"', t("error", "OSError: no")),
    ],
)
def test_a_search_is_read_as_written(text: str, tree: Node) -> None:
    assert parse(text) == tree
    assert parse(written(tree)) == tree


@pytest.mark.parametrize(
    ("text", "marked", "cure"),
    [
        ("bank colour:red", "colour:red", "there is no field 'colour'; there are state, tab"),
        ("state:broken", "state:broken", "it is one of held, pending, running"),
        ("state:", "state:", "write state: and what to look for"),
        ("a and", "", "missing at the end"),
        ("or a", "or", "a condition must stand before 'or'"),
        ("(a b", "(", 'add a ")"'),
        ("a) b", ")", "closes nothing"),
        ("()", ")", "a condition must stand before"),
        ('say "hi', '"hi', "this quote is not closed"),
        ('""', '""', "empty quotes"),
        ("age:2h", "age:2h", "say age:<2h (less) or age:>2h (more)"),
        ("age:<2y", "age:<2y", "a time in s, m, h, d or w"),
        ("attempts:>many", "attempts:>many", "for example attempts:>2"),
        ("queue:>q", "queue:>q", "queue takes no >"),
        ("batch:x", "batch:x", "for example batch:7"),
        ("param:42", "param:42", "say which param"),
        ("param.a-b:42", "param.a-b:42", "say which param"),
        ("param.a:>42", "param.a:>42", "equal or not"),
        ("kept:maybe", "kept:maybe", "one of yes, no"),
        (f"batch:{'9' * 30}", f"batch:{'9' * 30}", "the batch's number"),
        (f"priority:{'²'}", "priority:²", "one of urgent"),
        ("state.x:errored", "state.x:errored", "there is no field"),
    ],
)
def test_what_makes_no_sense_is_marked_with_its_cure(text: str, marked: str, cure: str) -> None:
    with pytest.raises(SearchError) as complaint:
        parse(text)
    told = complaint.value
    assert text[told.start : told.end] == marked
    assert cure in told.cure
    assert f"at character {told.start + 1}" in str(told)
    assert told.text == text


def test_a_search_is_bounded_in_length_terms_and_depth() -> None:
    parse("x" * MOST_CHARACTERS)
    parse(" ".join("x" * MOST_TERMS))
    parse("(" * MOST_DEPTH + "x" + ")" * MOST_DEPTH)
    for text, cure in (
        ("x" * (MOST_CHARACTERS + 1), "too long"),
        (" ".join("x" * (MOST_TERMS + 1)), "too many conditions"),
        ("(" * (MOST_DEPTH + 1) + "x" + ")" * (MOST_DEPTH + 1), "nested too deeply"),
        ("not " * (MOST_DEPTH + 1) + "x", "nested too deeply"),
    ):
        with pytest.raises(SearchError, match=cure):
            parse(text)


def refused(text: str) -> SearchError | None:
    try:
        parse(text)
    except SearchError as complaint:
        return complaint
    return None


VALUES = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp")), min_size=1, max_size=8)
TERMS = st.one_of(
    VALUES.map(lambda value: Term("", value)),
    VALUES.map(lambda value: Term("label", value)),
    VALUES.map(lambda value: Term("param", value, key="order_id")),
    st.sampled_from([Term("state", "errored"), Term("age", "2h", "<"), Term("priority", "low", ">=")]),
)


def joined(sort: type[And] | type[Or]) -> object:
    def make(parts: list[Node]) -> Node:
        flat: list[Node] = []
        for part in parts:
            flat += part.parts if isinstance(part, sort) else [part]
        return sort(tuple(flat))

    return make


TREES = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(joined(And)),  # type: ignore[arg-type]
        st.lists(inner, min_size=2, max_size=3).map(joined(Or)),  # type: ignore[arg-type]
    ),
    max_leaves=6,
)


@given(TREES)
def test_every_search_reads_back_from_its_canonical_text(tree: Node) -> None:
    text = written(tree)
    complaint = refused(text)
    if complaint is None:
        assert parse(text) == tree
        assert written(parse(text)) == text
    else:
        assert "nested too deeply" in str(complaint) or "too long" in str(complaint)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_read_or_refused_in_our_words(text: str) -> None:
    complaint = refused(text)
    if complaint is None:
        assert all(term.field in {"", "param", *FIELDS} for term in terms(parse(text)))
    else:
        assert 0 <= complaint.start <= complaint.end <= len(text)


def test_the_filter_carries_a_search_in_its_canonical_form() -> None:
    wanted = TicketFilter.parse("tab=errored&queue=mail&q=  state:Errored   AND (bank) ")
    assert wanted.q == "state:errored bank"
    assert TicketFilter.parse(wanted.query()) == wanted
    with pytest.raises(FilterError, match="no field 'colour'"):
        TicketFilter.parse("q=colour:red")
