"""The ticket: one row that says "run this on that root, not before then, keep the receipt that long".

State and field names follow the contract the product descends from (SysAsyncTicket): `view_model`, `root_id`,
`execute_earliest`, `keep_receipt_minutes`, `done`, `delete_time`, `error`. How a ticket is opened stands in
`opening`, what moves it in `moves` and `door`; this file holds its columns and its indexes.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Computed,
    FetchedValue,
    Index,
    SmallInteger,
    String,
    Text,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from . import kinds
from .base import Base
from .clock import random_token, stamp
from .columns import BigId, Json, Utc
from .elements import unique
from .flood_guard import FloodGuard, Guarded, wanted
from .opened_via import UNSAVED, OpenedVia
from .options import OPENING, columns_of
from .tables import Batch

STATES = ("held", "pending", "running", "done", "errored", "expired", "failed")
FINAL = ("done", "errored", "expired", "failed")
ERROR_KINDS = ("resolve", "run", "precondition", "timeout", "lost", "stopped", "expired")
ASIDE_CAUSES = ("root", "unknown", "paused")
"""Why a pending ticket is no candidate: its root is not saved yet, no worker has registered its view model,
its view model is paused."""


UNCLAIMED = "state = 'pending' AND claims = 0"
CLAIMED_BEFORE = "state = 'pending' AND claims > 0"
"""The two halves of what is pending, each with an index in the order of due_at: never claimed, and claimed
before (it failed, was postponed or given back), so that neither stands behind a mass of the other. A claim
asks for neither: where a priority has nothing it would otherwise be answered from here, by reading all."""


def _partial(name: str, columns: str, where: str, unique: bool = False) -> Index:
    return Index(
        f"counterfoil_tickets_{name}",
        *columns.split(),
        unique=unique,
        postgresql_where=text(where),
        sqlite_where=text(where),
    )


def _trigram(name: str, column: str, where: str) -> Index:
    """Finds a piece of text; PostgreSQL's alone. Rows that the predicate leaves out pay nothing."""
    made = Index(
        f"counterfoil_tickets_{name}",
        column,
        postgresql_using="gin",
        postgresql_ops={column: "gin_trgm_ops"},
        postgresql_where=text(where),
    )
    return made.ddl_if(dialect="postgresql")


def _covering(name: str, columns: str, where: str) -> Index:
    """An order with all that is looked for in it; SQLite's alone, where reaching a row costs most."""
    return _partial(name, columns, where).ddl_if(dialect="sqlite")


class Ticket(Base):
    """A ticket: one row. Its states, and what moves it: docs/life-of-a-ticket.md.

    Columns that are null until decided (`queue`, `priority`, `max_attempts`, `keep_receipt_minutes`, `turn`)
    are filled from the view model's record by the insert trigger; on SQLite it runs after the insert.
    """

    __tablename__ = "counterfoil_tickets"

    id: Mapped[int] = mapped_column(BigId, primary_key=True, autoincrement=True)
    token: Mapped[str] = mapped_column(String(64), unique=True, server_default=random_token())
    kind: Mapped[str] = mapped_column(String(50), server_default="ticket")
    view_model: Mapped[str] = mapped_column(String(200))
    root_id: Mapped[str | None] = mapped_column(String(400))
    root_label: Mapped[str | None] = mapped_column(String(200))
    params: Mapped[Any | None] = mapped_column(Json)
    encryptor: Mapped[str | None] = mapped_column(String(50))
    key_id: Mapped[str | None] = mapped_column(String(100))
    queue: Mapped[str | None] = mapped_column(String(100), server_default=FetchedValue())
    priority: Mapped[int | None] = mapped_column(SmallInteger, server_default=FetchedValue())
    lane: Mapped[str | None] = mapped_column(String(400), server_default=FetchedValue())
    state: Mapped[str] = mapped_column(String(8), server_default="pending")
    turn: Mapped[bool | None] = mapped_column(Boolean, server_default=FetchedValue())
    aside: Mapped[str | None] = mapped_column(String(16), server_default=FetchedValue())
    aside_since: Mapped[datetime | None] = mapped_column(Utc, server_default=FetchedValue())
    execute_earliest: Mapped[datetime | None] = mapped_column(Utc)
    retry_at: Mapped[datetime | None] = mapped_column(Utc)
    opened_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    due_at: Mapped[datetime] = mapped_column(
        Utc, Computed("coalesce(retry_at, execute_earliest, opened_at)", persisted=True)
    )
    expires_at: Mapped[datetime | None] = mapped_column(Utc)
    keep_receipt_minutes: Mapped[int | None] = mapped_column(server_default=FetchedValue())
    kept: Mapped[datetime | None] = mapped_column(Utc)
    attempts: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    max_attempts: Mapped[int | None] = mapped_column(SmallInteger, server_default=FetchedValue())
    claims: Mapped[int] = mapped_column(server_default="0")
    run: Mapped[int] = mapped_column(server_default="0")
    trouble: Mapped[bool] = mapped_column(Boolean, server_default=false())
    fence: Mapped[str | None] = mapped_column(String(32))
    drain_id: Mapped[str | None] = mapped_column(String(32))
    kill_at: Mapped[datetime | None] = mapped_column(Utc)
    started_at: Mapped[datetime | None] = mapped_column(Utc)
    done: Mapped[datetime | None] = mapped_column(Utc)
    delete_time: Mapped[datetime | None] = mapped_column(Utc)
    duration_ms: Mapped[int | None] = mapped_column(BigId)
    moves: Mapped[int] = mapped_column(server_default="0")
    moved_at: Mapped[datetime] = mapped_column(Utc, server_default=stamp())
    error: Mapped[str | None] = mapped_column(Text)
    error_kind: Mapped[str | None] = mapped_column(String(16))
    fingerprint: Mapped[str | None] = mapped_column(String(64))
    receipt: Mapped[Any | None] = mapped_column(Json)
    postponed_count: Mapped[int] = mapped_column(server_default="0")
    postponed_reason: Mapped[str | None] = mapped_column(Text)
    first_postponed_at: Mapped[datetime | None] = mapped_column(Utc)
    progress: Mapped[dict[str, Any] | None] = mapped_column(Json)
    idempotence_token: Mapped[str | None] = mapped_column(String(200))
    guard_key: Mapped[str | None] = mapped_column(String(400))
    batch_id: Mapped[int | None] = mapped_column(BigId)
    parent_id: Mapped[int | None] = mapped_column(BigId)
    opened_by: Mapped[str | None] = mapped_column(String(200))
    opened_via: Mapped[str] = mapped_column(OpenedVia(16), server_default="sql")
    in_charge: Mapped[str | None] = mapped_column(String(200), server_default=FetchedValue())
    acknowledged_at: Mapped[datetime | None] = mapped_column(Utc)
    acknowledged_by: Mapped[str | None] = mapped_column(String(200))

    __mapper_args__ = {
        "polymorphic_on": "kind",
        "polymorphic_identity": kinds.PLAIN,
        "_polymorphic_map": kinds.Kinds(),
    }

    __table_args__ = (
        CheckConstraint(f"state IN ({','.join(map(repr, STATES))})", name="state"),
        CheckConstraint("priority IN (1,3,5,7,9)", name="priority"),
        CheckConstraint("keep_receipt_minutes >= 0", name="keep_receipt_minutes"),
        CheckConstraint("max_attempts >= 1", name="max_attempts"),
        CheckConstraint("(state = 'running') <= (fence IS NOT NULL)", name="fence"),
        # The claim: nothing that this index does not bound stands in its WHERE.
        _partial("claim", "queue priority due_at id", "state = 'pending' AND turn"),
        # Lanes: who waits without a turn, who holds one, who runs (the last guard).
        _partial(
            "wait",
            "lane queue priority due_at id",
            "state = 'pending' AND NOT turn AND aside IS NULL AND lane IS NOT NULL",
        ),
        _partial("turn", "lane queue priority due_at", "state = 'pending' AND turn AND lane IS NOT NULL"),
        _partial("lane", "lane", "state = 'running' AND lane IS NOT NULL", unique=True),
        _partial("running", "drain_id id", "state = 'running'"),
        # Set aside and back: what is not aside too, so that a pause finds at once that nothing is left.
        _partial("aside", "aside view_model id", "state = 'pending'"),
        # Views of the console and the duties: one WHERE clause, one index each.
        _partial("unclaimed", "due_at id", UNCLAIMED),
        _partial("held", "opened_at id", "state = 'held'"),
        _partial("final", "state done id", "done IS NOT NULL"),
        _partial("deadline", "expires_at id", "state IN ('held','pending') AND expires_at IS NOT NULL"),
        _partial("purge", "delete_time id", "done IS NOT NULL AND kept IS NULL"),
        _partial("kept", "kept id", "done IS NOT NULL AND kept IS NOT NULL"),
        # Rows that simply succeed never enter these two, so they cost such a ticket nothing: what waits for
        # another try stands behind no million of delayed ones, what is troubled behind no clean receipts.
        _partial("retrying", "due_at id", CLAIMED_BEFORE),
        _partial("leaving", "delete_time id", "done IS NOT NULL AND (trouble OR state <> 'done')"),
        Index("counterfoil_tickets_root", "root_id", "id"),
        Index("counterfoil_tickets_view_model", "view_model", "state", "id"),
        _partial("fingerprint", "fingerprint id", "state = 'errored'"),
        _partial("acknowledged", "id", "state = 'errored' AND acknowledged_at IS NOT NULL"),
        _partial("batch", "batch_id state id", "batch_id IS NOT NULL"),
        _partial("guard", "guard_key id", "state = 'pending' AND guard_key IS NOT NULL"),
        _partial(
            "idempotence",
            "view_model idempotence_token",
            "idempotence_token IS NOT NULL AND state <> 'expired'",
            unique=True,
        ),
        _covering(
            "errored",
            "state done id queue priority attempts view_model root_id token root_label error",
            "state = 'errored' AND done IS NOT NULL",
        ),
        _trigram("label", "root_label", "root_label IS NOT NULL AND state <> 'running'"),
        _trigram("error", "error", "error IS NOT NULL"),
        {"sqlite_autoincrement": True},  # an id is never used twice: a purged ticket's link answers 410
    )

    if TYPE_CHECKING:
        _root: Any
        _elements: tuple[Any, ...]
        _guard: Guarded | None
        waiting_id: int | None
    else:
        _root, _elements, _guard, waiting_id = None, (), None, None

    def __init__(
        self,
        *,
        root: Any = None,
        view_model: Any = None,
        params: dict[str, Any] | None = None,
        execute_earliest: datetime | timedelta | None = None,
        keep_receipt_minutes: int | None = None,
        keep: bool = False,
        queue: str | None = None,
        priority: str | int | None = None,
        lane: str | None = None,
        expires_at: datetime | timedelta | None = None,
        staged: bool = False,
        idempotence_token: str | None = None,
        opened_by: str | None = None,
        in_charge: str | None = None,
        max_attempts: int | None = None,
        elements: Iterable[Any] = (),
        batch: Batch | int | bool | None = None,
        guard: bool | str | FloodGuard = False,
        encrypted: bool | str | None = None,
        **own: Any,
    ) -> None:
        """A new ticket, to be added to a session; what is left out is decided by the database.

        `root`: an object of a mapped class, saved or to be saved in the same flush; only its `root_id` is
        stored. `view_model`: a ViewModel, method, target or name. `execute_earliest`, `expires_at`: an aware
        datetime, or a timedelta from now by the database's clock. `keep`: the receipt is kept for ever.
        `staged`: opened held, until released. `elements`: objects of any mapped class, for a processor;
        saved, or to be saved in the same flush. `batch`: what `open_batch` returned; without one the running
        ticket's, False for none. `guard`: True, a key, or a FloodGuard: not opened while an equal ticket
        waits; then `waiting_id` tells that one's id after the flush. `encrypted`: True, or an encryptor's
        name; params are sealed at rest (default: as the view model declares). `own`: columns of a subclass.
        Raises WrongOption, NaiveTime, UnknownPriority, ParamsCannotBeStored, ParamsDoNotFit, RegistryError.
        """
        self._elements = unique(elements)
        super().__init__(
            **own_columns(type(self), own),
            **columns_of(
                root=root,
                view_model=view_model,
                params=params,
                execute_earliest=execute_earliest,
                keep_receipt_minutes=keep_receipt_minutes,
                keep=keep,
                queue=queue,
                priority=priority,
                lane=lane,
                expires_at=expires_at,
                staged=staged,
                idempotence_token=idempotence_token,
                opened_by=opened_by,
                in_charge=in_charge,
                max_attempts=max_attempts,
                elements=self._elements,
                batch=batch,
                guard=guard,
                encrypted=encrypted,
            ),
            opened_via=UNSAVED,
        )
        self._root = root
        self._guard = wanted(self.view_model, None if self.encryptor else self.params, guard)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "Ticket" in globals():  # a kind, not Ticket itself
            kinds.check(cls)

    def __repr__(self) -> str:
        known = self.__dict__  # what is loaded: a repr must not go to the database, nor show params
        told = (str(known[name]) for name in ("id", "view_model", "state") if known.get(name) is not None)
        return f"<{type(self).__name__} {' '.join(told)}>"

    def before_run(self) -> None:
        """Of a kind: called in the work's transaction, after the precondition and before the work.

        What it raises is a failure of the ticket. The ticket is an object of the work's session; its own
        columns may be set.
        """

    def after_done(self, receipt: Any) -> None:
        """Of a kind: called in the work's transaction when the work has returned, before the finish.

        What it raises is a failure of the ticket: nothing of the work is kept.
        """

    def handle_perform_error(self, error: BaseException) -> None:
        """Of a kind: called once for each failure, after its rollback, in a transaction of its own.

        The ticket is as it has settled (pending again, errored, failed). What it raises is logged.
        """

    @property
    def root(self) -> Any:
        """The object given at opening; None on a ticket that was loaded (its root is named by `root_id`)."""
        return self._root


def own_columns(cls: type[Ticket], given: dict[str, Any]) -> dict[str, Any]:
    """What was given for columns that a subclass adds. Raises TypeError for any other name."""
    for name in given:
        if name in Ticket.__table__.columns:
            raise TypeError(f"Ticket: {name!r} is no option of opening: the product sets it")
        if name not in cls.__mapper__.attrs:
            options = ", ".join(sorted(OPENING))
            raise TypeError(f"Ticket has no option {name!r}; the options are {options}")
    return given
