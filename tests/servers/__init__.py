"""Real servers for tests: PostgreSQL and Redis (or Valkey), started on demand and never left behind."""

from .keeper import Keeper
from .redis import RedisServer

__all__ = ["Keeper", "RedisServer"]
