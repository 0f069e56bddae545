"""The shop's workers, who pack parcels.

The name is meant: a host's own module `worker` does not disturb the product's workers.
"""

PACKERS = ("Grete", "Tomasz", "Ifeoma")


def on_shift(order_id: int) -> str:
    """Who packs this order: they take turns."""
    return PACKERS[order_id % len(PACKERS)]
