"""What a queue is short of, in words: no workers, pool, lane, slower work, more arrivals. A pure function."""

from .queries.house import QueueNow
from .queries.splits import MOST_CANDIDATES, Part
from .strings import gettext
from .times import duration

TIMES = 1.5
"""How many times as much as usual is worth a word."""

SHARE = 0.2
"""Of the queue's worker time: whose slowness matters."""


def bottleneck(queue: QueueNow, parts: list[Part], candidates: int) -> list[str]:
    """What it is short of, the nearest cause first; empty when nothing waits longer than it may."""
    if queue.paused:
        return [gettext("It is paused: nothing of it starts.")]
    if not queue.due or not (queue.is_behind or (queue.growth or 0) > 0):
        return []
    if not queue.workers:
        return [gettext("No worker listens to it.")]
    found = []
    size = queue.row.pool_size
    if candidates < MOST_CANDIDATES and candidates * 2 < queue.due:
        found.append(
            gettext(
                "Lanes: %(n)s of its %(due)s due tickets wait for another ticket of their lane; more workers "
                "do not help them.",
                n=queue.due - candidates,
                due=queue.due,
            )
        )
    elif size is not None and queue.drains >= size:
        found.append(gettext("Its pool is full: %(n)s of %(size)s.", n=queue.drains, size=size))
    else:
        found.append(gettext("Its workers (%(n)s) have more to do than they can.", n=queue.workers))
    return [*found, *_slower(parts), *_more(parts)]


def _slower(parts: list[Part]) -> list[str]:
    busy = sum(part.now.workers for part in parts) or 1
    return [
        gettext(
            "%(name)s is slower: it runs %(now)s, usually %(usual)s.",
            name=part.view_model,
            now=duration(part.now.run_p50),
            usual=duration(part.usual.run_p50),
        )
        for part in parts
        if part.usual and part.usual.run_p50 and part.now.run_p50
        if part.now.run_p50 > TIMES * part.usual.run_p50 and part.now.workers > SHARE * busy
    ]


def _more(parts: list[Part]) -> list[str]:
    return [
        gettext(
            "%(name)s comes more often: %(now).0f a minute, usually %(usual).0f.",
            name=part.view_model,
            now=part.now.arrivals,
            usual=part.usual.arrivals,
        )
        for part in parts
        if part.usual and part.now.arrivals > TIMES * part.usual.arrivals and part.now.arrivals >= 1
    ]
