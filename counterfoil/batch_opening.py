"""Opening a batch, and saying that no more tickets come; what a batch is stands in `batches`."""

from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session, scoped_session

from . import batches, opener
from .options import WrongOption, checked_text, columns_of
from .roots import label_of, root_id_of
from .saving import connection_of
from .tables import Batch


def open_batch(
    session: Session | scoped_session[Any],
    label: str,
    *,
    expected: int | None = None,
    parent: Batch | int | None = None,
    follow_up: Any = None,
    follow_up_root: Any = None,
    follow_up_params: dict[str, Any] | None = None,
    opened_by: str | None = None,
) -> Batch:
    """Open a batch in the session's transaction; flushes, so that it has its id.

    `expected`: how many tickets and child batches belong to it; None: until `seal`. `follow_up`: the view
    model whose ticket is opened once when the batch is complete, with its saved root and its params.
    Raises WrongOption and what opening a ticket raises.
    """
    own = session() if isinstance(session, scoped_session) else session
    if expected is not None and (not isinstance(expected, int) or isinstance(expected, bool) or expected < 0):
        raise WrongOption(f"expected must be a whole number from 0 on, not {expected!r}")
    made = Batch(
        label=checked_text("label", label, 200),
        expected=expected,
        parent_id=parent if isinstance(parent, int) else parent and parent.id,
        opened_by=checked_text("opened_by", opened_by, 200) or opener.ask(connection_of(own)),
    )
    own.flush()
    if follow_up is not None:
        given = columns_of(view_model=follow_up, root=follow_up_root, params=follow_up_params)
        made.follow_up = given["view_model"]
        if "encryptor" in given:
            raise WrongOption(
                f"{made.follow_up} is encrypted, but a follow-up's params stand in the batch as they are: "
                "give it none"
            )
        made.follow_up_params = given.get("params")
        if follow_up_root is not None:
            made.follow_up_root_id = root_id_of(follow_up_root)
            made.follow_up_root_label = label_of(follow_up_root)
            if made.follow_up_root_id is None:
                raise WrongOption("follow_up_root has no key yet: add it to the session first")
    own.add(made)
    own.flush()
    if made.parent_id is not None:
        batches.reopen(connection_of(own), [made.parent_id])
    return made


def seal(session: Session | scoped_session[Any], batch: Batch | int) -> None:
    """Say that no more tickets come: it is complete as soon as none is open, whatever was expected.

    Raises WrongOption: there is no such batch.
    """
    own = session() if isinstance(session, scoped_session) else session
    own.flush()
    batch_id = batch if isinstance(batch, int) else batch.id
    sealed = connection_of(own).execute(update(Batch).where(Batch.id == batch_id).values(sealed=True))
    if sealed.rowcount == 0:
        raise WrongOption(f"there is no batch {batch_id} to seal")
    if isinstance(batch, Batch) and batch in own:
        own.expire(batch, ["sealed"])
