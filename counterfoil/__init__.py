"""Counterfoil: work that an application does later, written in its own transaction."""

from . import immutable, saving, tables, triggers  # noqa: F401 - declares tables, triggers and listeners
from .base import not_ours
from .declare import ViewModel, method, root, target, view_models
from .host import Counterfoil
from .opening import open_ticket
from .signals import Fail, Postpone
from .ticket import Ticket

__all__ = [
    "Counterfoil",
    "Fail",
    "Postpone",
    "Ticket",
    "ViewModel",
    "method",
    "not_ours",
    "open_ticket",
    "root",
    "target",
    "view_models",
]
