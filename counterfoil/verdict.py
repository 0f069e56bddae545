"""What an error of the work means for its ticket: postponed, backed off, errored or failed."""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from . import sealed_params, settle
from .claimed import Claimed
from .concealing import Conceal, concealer, hide_bound_values, plainly
from .declaration import Declaration, RegistryError
from .encryptors import CannotDecrypt
from .errors import Failure, describe, told
from .registry import Registry
from .signals import Fail, Postpone
from .signatures import enums_of
from .work import CannotResolve, PreconditionRaised

POSTPONED_LIMIT_MS = 24 * 3600 * 1000
TRANSIENT = {"40001", "40P01", "55P03"}  # serialisation failure, deadlock, lock not available


def verdict(
    connection: Connection,
    claimed: Claimed,
    declaration: Declaration,
    error: BaseException,
    registry: Registry,
    **by: str | None,
) -> str | None:
    """Settle a running ticket whose work ended with an error; returns the verb, None when the fence was lost.

    `by` (worker, app_version) goes into the attempt's row.
    """
    conceal = _conceal(claimed, declaration, error, registry)
    waits = _postponement(error, declaration, conceal)
    if waits is not None and (claimed.postponed_ms or 0) <= POSTPONED_LIMIT_MS:
        seconds, reason = waits
        held = settle.postpone(connection, claimed.id, claimed.fence, seconds, reason, **by)
        return "postpone" if held else None
    if isinstance(error, Fail):
        failure = describe(error, conceal=conceal)
        failure = Failure("run", conceal(error.reason), failure.traceback, failure.fingerprint)
        return "fail" if settle.fail_by_work(connection, claimed.id, claimed.fence, failure, **by) else None
    final = isinstance(error, CannotResolve)
    if waits is not None:
        failure = Failure("run", f"postponed for more than 24 h; last reason: {waits[1]}")
    elif isinstance(error, CannotResolve):
        failure = Failure("resolve", str(error), fingerprint=describe(error).fingerprint)
    elif isinstance(error, PreconditionRaised):
        failure = describe(error.__cause__ or error, "precondition", conceal)
    else:
        failure = describe(error, conceal=conceal)
    reached = settle.fail_attempt(
        connection, claimed.id, claimed.fence, failure, final=final or waits is not None, **by
    )
    return {"pending": "back off", "errored": "error"}.get(reached or "")


def _conceal(claimed: Claimed, declaration: Declaration, error: BaseException, known: Registry) -> Conceal:
    """What takes the encrypted params out of what is told of this failure."""
    if claimed.encryptor is None:
        return plainly
    hide_bound_values(error)
    try:
        return concealer(sealed_params.values(claimed, known, enums_of(declaration)))
    except (CannotDecrypt, RegistryError):
        return plainly  # the work never had them


def _postponement(
    error: BaseException, declaration: Declaration, conceal: Conceal
) -> tuple[float, str] | None:
    """Seconds and reason when the error means "not now"."""
    if isinstance(error, Postpone):
        return error.seconds, conceal(error.reason)
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        if state in TRANSIENT or "database is locked" in str(error.orig):
            # Run again at once: another transaction was in the way, nothing is wrong with the work.
            return 0.0, f"the database asked to try again ({state or 'busy'})"
        if is_away(error):
            return 5.0, "the database was away"
    if declaration.postpone_on and isinstance(error, declaration.postpone_on):
        return 5.0, told(error, conceal)
    return None


def is_away(error: DBAPIError) -> bool:
    """Whether the database could not be reached or hung up, rather than refused a statement."""
    state = getattr(error.orig, "sqlstate", None) or ""
    away = error.connection_invalidated or state.startswith(("08", "57P"))
    # A connection that was never made has no state at all.
    return away or (
        isinstance(error, OperationalError) and not state and "connection" in str(error.orig).lower()
    )
