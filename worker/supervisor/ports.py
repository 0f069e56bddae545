"""Ports, tried before anything starts: a busy one is named then, and not found in a child's log."""

import random
import socket

from .refusals import CannotStart, PortBusy

HOST = "127.0.0.1"
HIGHEST = 65_535
BELOW_OUTGOING = (20_000, 29_000)
"""Where any port is looked for: the system gives those of outgoing connections from 32,768 (Linux) on."""


def free(port: int) -> bool:
    """Whether this port can be listened on now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def answers(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=0.5):
            return True
    except OSError:
        return False


def in_a_row(first: int, needed: dict[str, int]) -> int:
    """The first port of a free row: `needed` names who wants it, by its distance from the first.

    0 asks for any. Raises PortBusy, naming port, purpose and cure; CannotStart for what is no port.
    """
    furthest = max(needed.values())
    if first == 0:
        return _any(furthest)
    if not 1 <= first <= HIGHEST - furthest:
        raise CannotStart(f"--port {first}: use 1 to {HIGHEST - furthest}, or 0 for any free one")
    for purpose, distance in needed.items():
        if not free(first + distance):
            raise PortBusy(
                f"port {first + distance}, wanted for the {purpose}, is busy: stop who listens there, "
                f"or choose another start: --port {first + 100 if first < HIGHEST - 200 else 8020}"
            )
    return first


def _any(furthest: int) -> int:
    for _ in range(1000):
        first = random.randint(*BELOW_OUTGOING)  # noqa: S311 - no secret
        if all(free(first + n) for n in range(furthest + 1)):
            return first
    raise PortBusy(f"no {furthest + 1} free ports in a row were found")
