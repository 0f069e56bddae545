"""Openers with long transactions, some rolled back, and operators who act on whatever they find."""

import random
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from counterfoil.acts import Actor, Refused, act
from counterfoil.database import make_engine
from counterfoil.settle import lapse

if TYPE_CHECKING:
    from tests.race.load import Load

VERBS = ("hold", "release", "retry", "reschedule", "run-now", "reprioritise", "move", "expire", "fail")


def open_and_act(load: "Load", told: Any) -> None:
    """One process: its threads open and act; it tells what it did and what went wrong."""
    engine = make_engine(load.url, pool_size=20)
    host = engine if load.isolation is None else engine.execution_options(isolation_level=load.isolation)
    result: dict[str, Any] = {"opened": [], "errors": [], "acts": Counter()}
    opened, over = threading.Event(), threading.Event()
    actors = [threading.Thread(target=_open, args=(host, load, n, result)) for n in range(load.openers)]
    others = [
        threading.Thread(target=_act, args=(engine, load, n, opened, result)) for n in range(load.operators)
    ]
    lifeline = threading.Thread(target=_lapse, args=(engine, over, result))
    for thread in (*actors, *others, lifeline):
        thread.start()
    for thread in actors:
        thread.join()
    opened.set()
    for thread in others:
        thread.join()
    over.set()
    lifeline.join()
    told.put(result)


def _open(host: Engine, load: "Load", n: int, result: dict[str, Any]) -> None:
    from tests.race.load import open_some, rng

    chance = rng(load, "opener", n)
    left = load.tickets // load.openers
    while left > 0:
        many = min(left, chance.randint(1, 5))
        try:
            with Session(host) as session:
                ids = open_some(session, chance, load, many)
                time.sleep(chance.random() * load.longest_opening)
                if chance.random() < load.rolled_back:
                    session.rollback()
                    continue
                session.commit()
        except DBAPIError as error:
            result["errors"].append(f"opener: {error.orig!r}")
            continue
        result["opened"].extend(ids)
        left -= many


def _act(engine: Engine, load: "Load", n: int, over: threading.Event, result: dict[str, Any]) -> None:
    from tests.race.load import rng

    chance = rng(load, "operator", n)
    for _ in range(load.acts):
        time.sleep(chance.random() * 0.02)
        while not result["opened"] and not over.is_set():
            time.sleep(0.01)
        if not result["opened"]:
            return
        ticket, verb = chance.choice(result["opened"]), chance.choice(VERBS)
        try:
            with engine.begin() as connection:
                act(connection, verb, ticket, Actor(f"operator {n}", "console"), reason="the load",
                    **_arguments(verb, chance, load))  # fmt: skip
            result["acts"][verb] += 1
        except Refused as refused:
            result["acts"][f"refused: {refused.code}"] += 1
        except DBAPIError as error:
            result["errors"].append(f"operator: {verb}: {error.orig!r}")


def _arguments(verb: str, chance: random.Random, load: "Load") -> dict[str, Any]:
    if verb == "reschedule":
        return {"at": datetime.now(UTC) + timedelta(seconds=chance.random() * 0.5)}
    if verb == "reprioritise":
        return {"priority": chance.choice((1, 3, 5, 7, 9))}
    if verb == "move":
        return {"queue": chance.choice(load.queues)}
    return {}


def _lapse(engine: Engine, over: threading.Event, result: dict[str, Any]) -> None:
    """The lifeline, as fast as it can."""
    while not over.wait(0.02):
        try:
            with engine.begin() as connection:
                result["acts"]["lapse"] += len(lapse(connection))
        except DBAPIError as error:
            result["errors"].append(f"lifeline: {error.orig!r}")
