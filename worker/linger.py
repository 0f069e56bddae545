"""A drain that found nothing stays for what is due in a moment, instead of leaving it to the next one.

The scheduler's waker rings a little ahead, so that a drain stands there when the time comes; none is early,
for the claim asks the database's clock. A drain that stays looks again and again: what is opened meanwhile
waits no longer than for a hint. Another queue of the same worker waits for at most that moment.
"""

import time

from sqlalchemy import Connection

from counterfoil.candidates import seconds_to_next

AHEAD_SECONDS = 0.05
"""How long before a time the waker rings: what a worker needs from the bell to the first claim."""
STAY_SECONDS = AHEAD_SECONDS * 1.5
LOOK_AGAIN_SECONDS = 0.01


def stay(connection: Connection, queue: str) -> bool:
    """Whether something is due in a moment; sleeps until then, or until it is time to look again."""
    seconds = seconds_to_next(connection, queue, STAY_SECONDS)
    connection.commit()
    if seconds is None:
        return False
    time.sleep(min(max(seconds, 0.001), LOOK_AGAIN_SECONDS))
    return True
