"""The bare loop: the driver sends the drain's statements for a no-op, and nothing else is done.

No registry, no session, no page, no parent, no lease: what is between this and ours is what the product
itself costs. It stops at the first ticket that the riding claim does not find.
"""

import os
import time
from typing import Any

import psycopg
from redis import Redis

from counterfoil import claim, finish
from counterfoil.claimed import COLUMNS, Claimed
from counterfoil.database import driver_url, make_engine
from counterfoil.floors import Floors

GO = "bench:go"


def main() -> None:
    """Stand ready as a worker does, wait for the word, run what is due."""
    url = driver_url(os.environ["DATABASE_URL"])
    dialect = make_engine(url).dialect
    redis = Redis.from_url(os.environ["REDIS_URL"])
    both, first = finish._AND_RIDE._for(dialect).sql, claim._RIDING._for(dialect).sql
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        redis.sadd("rq:workers", os.getpid())
        while not redis.exists(GO):
            time.sleep(0.01)
        _loop(connection, first, both)
    time.sleep(3600)  # until we are ended, as a worker


def _loop(connection: "psycopg.Connection[Any]", first: str, both: str) -> None:
    binds = {"queue": "bench", "drain": "d" * 32, "floors": Floors().array()}
    start, cursor = connection.cursor(), connection.cursor()
    start.execute(first, binds)
    row = start.fetchone()
    connection.commit()
    assert row is None or len(row) == len(COLUMNS)
    while row is not None and row[0] is not None:
        claimed = Claimed._make(row)
        cursor.execute(both, finish._binds(claimed, None) | binds)
        found = cursor.fetchone()
        connection.commit()
        row = found[1:] if found else None


if __name__ == "__main__":
    main()
