"""Params come back exactly as they were given, or are refused in the caller (O8, F24)."""

import enum
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from counterfoil import Ticket, open_ticket
from counterfoil.declaration import Declaration, ParamsDoNotFit
from counterfoil.options import WrongOption
from counterfoil.params import ParamsCannotBeRead, ParamsCannotBeStored, decode, encode
from counterfoil.registry import registry
from counterfoil.signatures import enums_of


class Colour(enum.Enum):
    RED = "r"
    BLUE = "b"


class Size(enum.IntEnum):
    SMALL = 1


class Right(enum.Flag):
    READ = 1
    WRITE = 2


VALUES: dict[str, Any] = {
    "empty": "",
    "none": None,
    "text": "Grüße 🐘 \u2028 \"'\\",
    "truth": True,
    "zero": 0,
    "large": 2**200,
    "float": 0.1,
    "whole_float": 1.0,
    "huge_float": 1e300,
    "tiny_float": 5e-324,
    "minus_zero": -0.0,
    "decimal": Decimal("1.50"),
    "exponent": Decimal("1E+3"),
    "date": date(2024, 2, 29),
    "utc": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    "offset": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "overlap": datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
    "uuid": UUID(int=7),
    "enum": Colour.RED,
    "int_enum": Size.SMALL,
    "list": [1, [2.5, None, [Decimal("0.1")]], {"a": date(2026, 1, 1)}],
    "dict": {"": 1, "$": "mine", "nested": {"$": [], "b": Colour.BLUE}},
}


def test_every_value_makes_the_round_trip_through_the_database_exactly(session: Session) -> None:
    ticket = Ticket(view_model="T.values", params=dict(VALUES))
    session.add(ticket)
    session.commit()
    stored = session.scalar(select(Ticket.params).where(Ticket.id == ticket.id))
    back = decode(stored, [Colour, Size])
    assert back == VALUES
    assert {name: type(value) for name, value in back.items()} == {
        name: type(value) for name, value in VALUES.items()
    }
    assert math.copysign(1, back["minus_zero"]) == -1
    assert str(back["exponent"]) == "1E+3"
    assert back["overlap"].tzinfo == ZoneInfo("Europe/Berlin")
    assert back["overlap"].utcoffset() == timedelta(hours=1), "the second 2:30 of that night"


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.datetimes(timezones=st.just(UTC))
    | st.dates()
    | st.uuids()
    | st.sampled_from(Colour)
)
keys = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=5) | st.just("$")
values = st.recursive(scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(keys, v, max_size=4))


@given(st.dictionaries(keys, values, max_size=4))
def test_whatever_is_made_of_these_types_comes_back_equal(params: dict[str, Any]) -> None:
    assert decode(encode(params), [Colour]) == params


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (math.nan, "nan cannot be stored; only finite"),
        (-math.inf, "-inf cannot be stored"),
        (Decimal("NaN"), "NaN"),
        (b"raw", "encode it as text"),
        ("a\ud800", "surrogate"),
        ("a\x00", "NUL"),
        ({"a\x00": 1}, "NUL"),
        (datetime.fromisoformat("2026-01-01"), "naive datetime"),
        ((1, 2), "use a list"),
        ({1, 2}, "use a list"),
        ({1: 2}, "keys must be str"),
        (timedelta(1), "seconds as a number"),
        (object(), "use str, int"),
        (Right.READ | Right.WRITE, "single member"),
        (type("Sub", (str,), {})("x"), "by str"),
        ("x" * 70_000, "at most 65536 are stored"),
        ([10**5000], "cannot be written as JSON"),
    ],
)
def test_what_cannot_be_stored_is_refused_at_the_callers_line(value: Any, told: str) -> None:
    with pytest.raises(ParamsCannotBeStored, match=told) as refused:
        Ticket(view_model="T.values", params={"the_param": value})
    assert "param" in str(refused.value)
    with pytest.raises(ParamsCannotBeStored, match=told):
        Ticket(view_model="T.values", params={"the_param": [{"deep": value}]})


def test_ten_thousand_levels_and_a_circle_are_refused_by_name() -> None:
    deep: list[Any] = []
    for _ in range(10_000):
        deep = [deep]
    circle: list[Any] = []
    circle.append(circle)
    for value in (deep, circle):
        with pytest.raises(ParamsCannotBeStored, match="param the_param: a value nested deeper than 100"):
            encode({"the_param": value})


def test_text_of_a_ticket_is_never_imported_for_an_enum() -> None:
    with pytest.raises(ParamsCannotBeRead, match="param colour"):
        decode({"colour": {"$": "enum", "class": "Colour", "v": "RED"}})
    with pytest.raises(ParamsCannotBeRead, match="param colour"):
        decode({"colour": {"$": "enum", "class": "Colour", "v": "GREEN"}}, [Colour])


@pytest.mark.parametrize(
    "stored",
    [
        [1],
        "text",
        {"a": {"$": "pickle", "v": "x"}},
        {"a": {"$": "decimal"}},
        {"a": {"$": "decimal", "v": "many"}},
        {"a": {"$": "datetime", "v": "2026-01-01"}},
        {"a": {"$": ["list"]}},
    ],
)
def test_nonsense_written_by_plain_sql_is_a_clear_error(stored: Any) -> None:
    with pytest.raises(ParamsCannotBeRead, match="param"):
        decode(stored)


def test_enums_are_known_by_the_annotations_of_the_view_model() -> None:
    def work(*, colour: Colour | None = None, sizes: "list[Size]") -> None: ...

    declaration = Declaration("T.work", "target", (work,))
    assert enums_of(declaration) == {Colour, Size}
    with registry.scoped():
        registry.add(declaration)
        Ticket(view_model="T.work", params={"colour": Colour.RED, "sizes": [Size.SMALL]})
        with pytest.raises(WrongOption, match=r"Right.*annotate"):
            Ticket(view_model="T.work", params={"sizes": [Right.READ]})
        with pytest.raises(ParamsDoNotFit, match=r"T.work.*'sizes'"):
            Ticket(view_model="T.work", params={"color": None})
        with pytest.raises(ParamsDoNotFit, match="colour_of_hair"):
            open_ticket(Session(), "T.work", colour_of_hair=1, sizes=[])
