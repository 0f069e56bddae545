"""Durations as counts in logarithmic buckets: small, mergeable, with a known relative error.

The idea of HdrHistogram and DDSketch (Masson et al., 2019): four buckets for each doubling, so that a
quantile is off by at most a tenth, whatever was measured; minutes add up to hours, hours to months.
"""

import math
from collections.abc import Mapping

PER_DOUBLING = 4


def bucket(milliseconds: float) -> int:
    """The bucket of a duration in milliseconds; 0 for what took less than one."""
    return 0 if milliseconds < 1 else 1 + math.floor(math.log2(milliseconds) * PER_DOUBLING)


def quantile(counts: Mapping[str, int], share: float) -> float | None:
    """The duration in milliseconds that this share (0 to 1) did not exceed; None when nothing was measured.

    `counts`: bucket (as text: the keys of JSON) -> how many.
    """
    total = sum(counts.values())
    wanted, seen = share * total, 0
    for name, count in sorted(counts.items(), key=lambda item: int(item[0])):
        seen += count
        if seen >= wanted:
            return _middle(int(name))
    return None


def merged(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The counts of both together."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _middle(number: int) -> float:
    return 0.0 if number == 0 else 2.0 ** ((number - 0.5) / PER_DOUBLING)
