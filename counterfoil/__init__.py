"""Counterfoil: work that an application does later, written in its own transaction."""

from . import immutable, saving, tables, triggers  # noqa: F401 - declares tables, triggers and listeners
from .base import not_ours
from .batch_opening import open_batch, seal
from .collector import collect
from .declare import ViewModel, method, processor, root, target, view_models
from .errors import WorkCutOff
from .events import Background, Delay, Event, When
from .flood_guard import FloodGuard
from .host import Counterfoil
from .idempotence import free_token
from .opening import open_ticket
from .recurring import Schedule, schedule
from .running_ticket import RunningTicket
from .signals import Fail, Postpone
from .staged import release
from .tables import Batch
from .ticket import Ticket

__all__ = [
    "Background",
    "Batch",
    "Counterfoil",
    "Delay",
    "Event",
    "Fail",
    "FloodGuard",
    "Postpone",
    "RunningTicket",
    "Schedule",
    "Ticket",
    "ViewModel",
    "When",
    "WorkCutOff",
    "collect",
    "free_token",
    "method",
    "not_ours",
    "open_batch",
    "open_ticket",
    "processor",
    "release",
    "root",
    "schedule",
    "seal",
    "target",
    "view_models",
]
