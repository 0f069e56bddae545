"""Every address of the console, with things that exist behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import Engine, insert, select
from werkzeug.routing import Rule

from console.routes import Route
from counterfoil.tables import (
    Batch,
    ErrorGroup,
    Operation,
    Queue,
    ScheduleRecord,
    Search,
    User,
    ViewModelRecord,
)
from counterfoil.ticket import Ticket


@dataclass(frozen=True)
class Stop:
    """One endpoint by one method."""

    route: Route
    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def furnish(engine: Engine) -> dict[str, object]:
    """A queue, a schedule, a ticket, a batch and an operation; returns values for the addresses' parts."""
    with engine.begin() as connection:
        connection.execute(insert(ViewModelRecord).values(name="Customer.greet", sort="method"))
        connection.execute(insert(ViewModelRecord).values(name="default", sort="target"))
        connection.execute(insert(Queue).values(name="default"))
        daily = {"name": "default", "cron": "0 3 * * *", "zone": "UTC", "view_model": "Customer.greet"}
        connection.execute(insert(ScheduleRecord).values(**daily, catch_up="one"))
        connection.execute(insert(Ticket).values(view_model="Customer.greet", root_id="Customer!42"))
        connection.execute(insert(Operation).values(submit_token="t", verb="retry", ids=[1], asked_by="ada"))
        seen = datetime.now(UTC)
        group = {"fingerprint": "0" * 32, "first_seen_at": seen, "last_seen_at": seen}
        connection.execute(insert(ErrorGroup).values(group))
        ticket = connection.execute(select(Ticket.id)).scalar_one()
        batch = connection.execute(insert(Batch).values(label="invoices").returning(Batch.id)).scalar_one()
        for user in connection.execute(select(User.id).order_by(User.id).limit(1)).scalars():
            saved = {"user_id": user, "name": "errored", "query": "tab=errored", "shared": True}
            connection.execute(insert(Search).values(saved))
        operation = connection.execute(select(Operation.id)).scalar_one()
    return {
        "filename": "console.css",
        "token": "a-token-that-is-none",
        "name": "default",
        "user_id": 1,
        "ticket_id": ticket,
        "batch_id": batch,
        "operation_id": operation,
        "search_id": 1,
        "root_id": "Customer!42",
        "verb": "link",
        "claim": 1,
        "trail_id": 1,
        "fingerprint": "0" * 32,
    }


def stops(console: Flask, parts: dict[str, object]) -> Iterator[Stop]:
    """All of them; a part of an address without a value is a KeyError: give it one above."""
    table = console.extensions["counterfoil_routes"]
    adapter = console.url_map.bind("localhost")
    for rule in console.url_map.iter_rules():
        path = adapter.build(rule.endpoint, {name: parts[name] for name in rule.arguments}, _method(rule))
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield Stop(table[rule.endpoint], method, path)


def _method(rule: Rule) -> str:
    return "POST" if "POST" in (rule.methods or ()) and "GET" not in (rule.methods or ()) else "GET"
