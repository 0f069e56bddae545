"""Edit and retry: types survive, what does not fit is refused by name, the old params come back by undo."""

import enum
import json
import uuid
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from counterfoil.acts import Actor, Refused, act
from counterfoil.editing import EditUnfit, edited, sort_of, text_of
from counterfoil.params import decode, encode
from counterfoil.undo import undo
from tests.counterfoil.core import Bench

ADA = Actor("ada", "console")


class Size(enum.Enum):
    SMALL = 1
    LARGE = 2


VALUES: dict[str, Any] = {
    "text": "ACME",
    "int": 7,
    "float": 1.5,
    "huge": 1e300,
    "bool": True,
    "none": None,
    "decimal": Decimal("1.50"),
    "date": date(2026, 12, 31),
    "datetime": datetime(2026, 12, 31, 18, tzinfo=ZoneInfo("Europe/Berlin")),
    "uuid": uuid.UUID(int=7),
    "enum": Size.SMALL,
    "list": [1, {"a": Decimal("2.5")}],
    "dict": {"a": [date(2026, 1, 1)]},
}


def test_what_is_not_changed_stays_to_the_bit() -> None:
    stored = encode(VALUES)
    assert edited(stored, {name: text_of(value) for name, value in stored.items()}) == stored


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("text", "", ""),
        ("text", "42", "42"),
        ("int", " 42 ", 42),
        ("float", "2.5", 2.5),
        ("huge", "1e200", 1e200),
        ("bool", "false", False),
        ("decimal", "2.75", Decimal("2.75")),
        ("date", "2027-01-02", date(2027, 1, 2)),
        ("datetime", "2027-01-02T03:04:05+00:00", datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("uuid", str(uuid.UUID(int=8)), uuid.UUID(int=8)),
        ("enum", json.dumps({"$": "enum", "v": "LARGE", "class": "Size"}), Size.LARGE),
        ("list", '[2, {"$": "decimal", "v": "3.5"}]', [2, Decimal("3.5")]),
        ("dict", '{"b": null}', {"b": None}),
    ],
)
def test_another_value_of_its_type_is_taken(name: str, text: str, value: Any) -> None:
    made = decode(edited(encode(VALUES), {name: text}), [Size])
    assert made == VALUES | {name: value}
    assert type(made[name]) is type(VALUES[name])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("text", "a\x00b"),
        ("text", "\ud800"),
        ("int", "4.2"),
        ("int", "many"),
        ("int", "9" * 5000),
        ("float", "nan"),
        ("huge", "inf"),
        ("bool", "yes"),
        ("none", "7"),
        ("decimal", "a half"),
        ("decimal", "NaN"),
        ("date", "tomorrow"),
        ("datetime", "2027-01-02T03:04:05"),
        ("uuid", "7"),
        ("enum", '{"$": "enum", "v": "LARGE", "class": "os.system"}'),
        ("list", "{}"),
        ("list", '[{"$": "decimal", "v": "x"}]'),
        ("dict", "[" * 2000),
        ("dict", "{"),
        ("other", "7"),
    ],
)
def test_what_does_not_fit_is_refused_by_its_name_and_with_what_would(name: str, text: str) -> None:
    with pytest.raises(EditUnfit) as unfit:
        edited(encode(VALUES), {name: text, "text": "fits"} if name != "text" else {name: text})
    assert list(unfit.value.complaints) == [name]
    assert unfit.value.complaints[name]


def test_every_type_has_a_word() -> None:
    assert {name: sort_of(value) for name, value in encode(VALUES).items()} == {
        name: {"huge": "float"}.get(name, name) for name in VALUES
    }


def test_it_is_retried_with_them_the_old_ones_are_in_the_trail_and_undo_brings_them_back(
    engine: Engine,
) -> None:
    bench, seen = Bench(engine), []

    def work(*, count: int) -> None:
        seen.append(count)
        raise ValueError("not enough")

    bench.work("T.count", work, max_attempts=1)
    ticket = bench.open("T.count", params='{"count": 3}')
    bench.drain()
    moves = bench.row(ticket).moves
    with engine.begin() as connection:
        done = act(connection, "edit", ticket, ADA, expected_moves=moves, params={"count": 4}, reason="typo")
    assert done.state == "pending"
    with engine.begin() as connection:
        undo(connection, done.trail_id, ADA)
    assert (bench.row(ticket).state, _params(bench, ticket)) == ("errored", {"count": 3})
    with engine.begin() as connection:
        again = act(connection, "edit", ticket, ADA, params={"count": 5})
    bench.drain()
    assert seen == [3, 5]
    entry = bench.all("SELECT before, after FROM counterfoil_trail WHERE id = :id", id=again.trail_id)[0]
    before, after = (json.loads(side) if isinstance(side, str) else side for side in entry)
    assert (before["params"], after["params"]) == ({"count": 3}, {"count": 5})


def _params(bench: Bench, ticket: int) -> Any:
    stored = bench.row(ticket).params
    return json.loads(stored) if isinstance(stored, str) else stored


def test_encrypted_params_and_what_is_done_are_not_edited(engine: Engine) -> None:
    bench = Bench(engine)
    bench.work("T.count")
    ticket = bench.open("T.count", params='{"count": 3}')
    with engine.begin() as connection, pytest.raises(Refused, match="is pending: edit is for"):
        act(connection, "edit", ticket, ADA, params={"count": 4})
    bench.execute(
        "UPDATE counterfoil_tickets SET encryptor = 'fernet', state = 'failed', turn = false, "
        "done = opened_at, delete_time = opened_at WHERE id = :id",
        id=ticket,
    )
    with engine.begin() as connection, pytest.raises(Refused, match="encrypted"):
        act(connection, "edit", ticket, ADA, params={"count": 4})
