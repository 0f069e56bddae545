"""What `counterfoil up` starts: which commands, with which environment, in which order."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from .child import Plan
from .embedded_redis import EmbeddedRedis
from .ports import HOST, answers

PORTS = {"console": 0, "shop": 1, "service": 2, "service's switches": 3}
SHOP = "examples.shop"


@dataclass(frozen=True)
class Options:
    """What the command was told. `workers` None: one on SQLite, two otherwise and with the shop."""

    data: str
    port: int = 8020
    workers: int | None = None
    demo: bool = False
    json_logs: bool = False


def needed_ports(demo: bool) -> dict[str, int]:
    """Purpose -> distance from the first port."""
    return PORTS if demo else {"console": 0}


def counterfoil(*arguments: str) -> list[str]:
    """This product's command line, run by this interpreter."""
    return [sys.executable, "-m", "counterfoil.cli", *arguments]


def plans(port: int, workers: int, demo: bool, redis: EmbeddedRedis | None) -> list[Plan]:
    """Everything to run, Redis first and stopped last."""
    first = [Plan("redis", redis.command(), ready=redis.answers, last=True, quiet=True)] if redis else []
    after: tuple[str, ...] = ("redis",) if redis else ()
    address = f"{HOST}:{port}"
    own = [
        Plan("console", counterfoil("console", "--bind", address), after=after, ready=lambda: answers(port)),
        Plan("scheduler", counterfoil("scheduler"), after=after),
        *(Plan(f"worker {n}", counterfoil("worker"), after=after) for n in range(1, workers + 1)),
    ]
    return [*first, *own, *(_shop(port, after) if demo else [])]


def shop_addresses(port: int) -> dict[str, str]:
    """Where the shop and its service are; the workers, which run the shop's work, need to know it too."""
    return {
        "SHOP_URL": f"http://{HOST}:{port + PORTS['shop']}",
        "SHOP_SERVICE_URL": f"http://{HOST}:{port + PORTS['service']}",
    }


def _shop(port: int, after: tuple[str, ...]) -> list[Plan]:
    shop, service, weather = (port + PORTS[name] for name in ("shop", "service", "service's switches"))
    return [
        # Whether it answers at its own port is a matter of its weather.
        Plan("service", _module("service", "--port", str(service)), ready=lambda: answers(weather)),
        Plan(
            "shop",
            _module("serve", "--port", str(shop)),
            after=(*after, "service"),
            ready=lambda: answers(shop),
        ),
        Plan(
            "traffic",
            _module("traffic", "--url", f"http://{HOST}:{shop}"),
            after=("shop", "console"),
            once=True,
        ),
    ]


def _module(*arguments: str) -> Sequence[str]:
    return [sys.executable, "-m", SHOP, *arguments]
