"""Findings about Redis, from facts that the command line has asked it for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .finding import Finding

OLDEST = (6, 2)


@dataclass(frozen=True)
class RedisFacts:
    """What was seen: `url` without its password, `error` when it did not answer, else what INFO says."""

    url: str | None
    error: str | None = None
    version: str = ""
    policy: str | None = None
    role: str = "master"


def redis(facts: RedisFacts) -> Iterator[Finding]:
    """Redis away, too old, a replica, or one that throws keys away."""
    if facts.url is None:
        yield Finding(
            "redis",
            "REDIS_URL is not set: workers do not start, and nothing is rung",
            "name a Redis or Valkey, for example REDIS_URL=redis://localhost:6379/0",
        )
        return
    if facts.error is not None:
        yield Finding(
            "redis",
            f"Redis at {facts.url} does not answer: {facts.error}",
            "start it or mend REDIS_URL; tickets wait unharmed until then",
        )
        return
    numbers = tuple(int(n) for n in re.findall(r"\d+", facts.version)[:2])
    if numbers < OLDEST:
        yield Finding(
            "redis",
            f"Redis at {facts.url} is version {facts.version}",
            "install Redis 6.2 or later, or Valkey",
        )
    if facts.role != "master":
        yield Finding(
            "redis", f"Redis at {facts.url} is a {facts.role}: it takes no writes", "name its master"
        )
    if facts.policy not in (None, "noeviction"):
        yield Finding(
            "redis",
            f"Redis at {facts.url} may throw away messages of workers (maxmemory-policy {facts.policy})",
            "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf",
        )
