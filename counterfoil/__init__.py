"""Counterfoil: work that an application does later, written in its own transaction."""

from . import immutable, saving, tables, triggers  # noqa: F401 - declares tables, triggers and listeners
from .base import not_ours
from .declare import ViewModel, method, root, target, view_models
from .events import Background, Delay, Event, When
from .host import Counterfoil
from .opening import open_ticket
from .running_ticket import RunningTicket
from .signals import Fail, Postpone
from .staged import release
from .ticket import Ticket

__all__ = [
    "Background",
    "Counterfoil",
    "Delay",
    "Event",
    "Fail",
    "Postpone",
    "RunningTicket",
    "Ticket",
    "ViewModel",
    "When",
    "method",
    "not_ours",
    "open_ticket",
    "release",
    "root",
    "target",
    "view_models",
]
