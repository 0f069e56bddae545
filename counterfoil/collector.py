"""The collector: records that change during a transaction, opened as tickets at its commit.

    collect(session, InvoicePrinter, invoice)               # one ticket in all, with every invoice as element
    collect(session, Customer.index, customer, per=1)       # one ticket for each customer
    collect(session, InvoicePrinter, invoice, per=100)      # one ticket for each hundred

Code that changes a record says so where it changes it, as often as it likes; each record counts once, in the
order of the first time. The tickets are opened before the outermost commit, in the same transaction; while a
ticket runs, before its finish. What was collected inside a savepoint that is rolled back is forgotten.
Source: the ERP's on-commit collector.
"""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session, SessionTransaction, scoped_session

from . import guard
from .declare import name_of
from .options import WrongOption
from .registry import registry
from .roots import state_of
from .ticket import Ticket

COLLECTED = "counterfoil_collected"

Within = list[SessionTransaction | None]


@dataclass
class _Group:
    """What goes into tickets of one view model with the same options; records with their savepoints."""

    view_model: Any
    per: int | None
    options: dict[str, Any]
    records: dict[int, tuple[Any, Within]] = field(default_factory=dict)


def collect(
    session: Session | scoped_session[Any],
    view_model: Any,
    *records: Any,
    per: int | None = None,
    **options: Any,
) -> None:
    """Have tickets opened for these records when the session's transaction commits.

    `per`: how many elements a ticket gets at most, None: all of them in one; a view model that is about a
    root gets `per=1`, its ticket's root being the record. `options` are those of opening a ticket; records
    with different options do not share one. Raises WrongOption, RootCannotBeNamed.
    """
    own = session() if isinstance(session, scoped_session) else session
    name = name_of(view_model)
    if per is not None and (not isinstance(per, int) or isinstance(per, bool) or per < 1):
        raise WrongOption(f"per must be a whole number from 1 on, or None for one ticket in all, not {per!r}")
    if per != 1 and _is_rooted(name):
        raise WrongOption(f"{name} is about one root: collect its records with per=1")
    for taken in sorted({"root", "elements"} & set(options)):
        raise WrongOption(f"{taken}= is what collect gives its tickets: leave it out")
    if not own.in_transaction():
        own.begin()  # as session.add does: a rollback must find a transaction to end
    group = _groups(own).setdefault(
        repr((name, per, sorted(options.items(), key=str))), _Group(view_model, per, options)
    )
    for record in records:
        state_of(record)
        _, within = group.records.setdefault(id(record), (record, []))
        within.append(own.get_nested_transaction())


def open_collected(session: Session) -> list[Ticket]:
    """Open now what was collected; called before the commit, and by a test that wants to see it earlier."""
    opened: list[Ticket] = []
    for group in session.info.pop(COLLECTED, {}).values():
        records = [record for record, _ in group.records.values()]
        size = group.per or len(records) or 1
        for start in range(0, len(records), size):
            chunk = records[start : start + size]
            rooted = {"root": chunk[0]} if _is_rooted(name_of(group.view_model)) else {"elements": chunk}
            opened.append(Ticket(view_model=group.view_model, **rooted, **group.options))
    session.add_all(opened)
    return opened


def _is_rooted(name: str) -> bool:
    declaration = registry.view_models.get(name)
    return declaration is not None and declaration.sort in ("actions", "method")


def _groups(session: Session) -> dict[str, _Group]:
    found: dict[str, _Group] = session.info.setdefault(COLLECTED, {})
    return found


@event.listens_for(Session, "before_commit")
def _open_before_commit(session: Session) -> None:
    # It fires at the release of a savepoint too; in work, the runner opens them before the finish.
    if COLLECTED in session.info and not session.in_nested_transaction() and guard.watching() is None:
        open_collected(session)


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, rolled_back: SessionTransaction) -> None:
    for group in session.info.get(COLLECTED, {}).values():
        for key, (record, within) in [*group.records.items()]:
            left = [savepoint for savepoint in within if not _is_inside(savepoint, rolled_back)]
            group.records[key] = (record, left)
            if not left:
                del group.records[key]


def _is_inside(savepoint: SessionTransaction | None, rolled_back: SessionTransaction) -> bool:
    if not rolled_back.nested:
        return rolled_back.parent is None
    while savepoint is not None and savepoint is not rolled_back:
        savepoint = savepoint.parent
    return savepoint is rolled_back


@event.listens_for(Session, "after_transaction_end")
def _forget_all(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        session.info.pop(COLLECTED, None)
