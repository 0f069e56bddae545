"""The tables beside the ticket's own: what happened, who runs, what is known, who may."""

from .catalogue import RootClass, TicketKind, ViewModelRecord
from .errors import ErrorGroup
from .figures import Rollup, Version
from .history import Attempt, Log, Traceback, TrailEntry
from .notices import Notice
from .operations import Operation, OperationItem
from .packages import Batch, Element
from .people import ConsoleSession, EntryLink, User
from .processes import Drain, Leader, Process, Queue, Sample, Slot
from .schedules import ScheduleRecord
from .searches import Search, TicketParam

__all__ = [
    "Attempt",
    "Batch",
    "ConsoleSession",
    "Drain",
    "Element",
    "EntryLink",
    "ErrorGroup",
    "Leader",
    "Log",
    "Notice",
    "Operation",
    "OperationItem",
    "Process",
    "Queue",
    "Rollup",
    "RootClass",
    "Sample",
    "ScheduleRecord",
    "Search",
    "Slot",
    "TicketKind",
    "TicketParam",
    "Traceback",
    "TrailEntry",
    "User",
    "Version",
    "ViewModelRecord",
]
