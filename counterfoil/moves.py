"""The life of a ticket, as data: which verb leaves which states, what it reaches, who may, what it sets.

The one door (`door.move`) is driven by this table; `docs/life-of-a-ticket.md`, `counterfoil moves` and a test
read it too. `sets` maps columns to SQL; `{now}` is the database's stamp, `{fence}` a fresh random token, and
a name after a colon a bound value. What a verb does not set stays.
"""

from dataclasses import dataclass, field

LANELESS = "(lane IS NULL)"

_LEAVES_RUNNING = {"fence": "NULL", "drain_id": "NULL", "kill_at": "NULL"}
_WAITS = {"state": "'pending'", "turn": LANELESS, **_LEAVES_RUNNING}
_ENDS = {"turn": "false", "aside": "NULL", "aside_since": "NULL", "done": "{now}"}
_TROUBLED = {"trouble": "true", "delete_time": "{keep_trouble}"}
_FAILED_ATTEMPT = {
    "error": ":error",
    "error_kind": ":error_kind",
    "fingerprint": ":fingerprint",
    "trouble": "true",
}

_AGAIN = {
    **_WAITS,
    "turn": "NULL",
    "attempts": "0",
    "run": "run + CASE WHEN state = 'done' THEN 1 ELSE 0 END",
    "done": "NULL",
    "delete_time": "NULL",
    "duration_ms": "NULL",
    "retry_at": "NULL",
    "expires_at": "CASE WHEN expires_at > {now} THEN expires_at END",
    "postponed_count": "0",
    "postponed_reason": "NULL",
    "first_postponed_at": "NULL",
    "acknowledged_at": "NULL",
    "acknowledged_by": "NULL",
    "trouble": "true",
}


@dataclass(frozen=True)
class Move:
    """One row of the table.

    `by`: producer, worker, scheduler, operator, work. `fence`: "new" (a claim), "named" (the caller must name
    the running ticket's), "replaced" (whoever holds it loses), "none". `where` narrows beyond the state;
    `moved` False leaves `moves` alone (keep, acknowledge, note). `elects`: the lane elects after it.
    """

    verb: str
    leaves: tuple[str, ...]
    reaches: tuple[str, ...]
    by: tuple[str, ...]
    summary: str
    fence: str = "none"
    sets: dict[str, str] = field(default_factory=dict)
    where: str = ""
    moved: bool = True
    elects: bool = True
    needs_reason: bool = False
    arguments: tuple[str, ...] = ()


_OPERATOR = ("operator",)
_WORKER = ("worker",)
_FINAL = ("done", "errored", "expired", "failed")

_TABLE = (
    Move(
        "open",
        (),
        ("pending", "held"),
        ("producer",),
        "in the caller's transaction; held when staged; the trigger decides lane, queue, priority and turn",
    ),
    Move(
        "hold",
        ("pending",),
        ("held",),
        ("producer", "operator"),
        "waits until it is released",
        sets={"state": "'held'", "turn": "false", "aside": "NULL", "aside_since": "NULL"},
    ),
    Move(
        "release",
        ("held",),
        ("pending",),
        ("producer", "operator"),
        "may be claimed when due; a staged one is released before its application said that it is complete",
        sets={"state": "'pending'", "turn": "NULL"},
    ),
    Move(
        "claim",
        ("pending",),
        ("running",),
        _WORKER,
        "a candidate that is due; new fence, claims and attempts + 1, committed before user code runs",
        fence="new",
        sets={
            "state": "'running'",
            "turn": "false",
            "fence": "{fence}",
            "drain_id": ":drain",
            "claims": "claims + 1",
            "attempts": "attempts + 1",
            "started_at": "{now}",
        },
        elects=False,
    ),
    Move(
        "finish",
        ("running",),
        ("done",),
        _WORKER,
        "in the transaction of the effects; keeps its fence, so that an unknown commit can be resolved",
        fence="named",
        sets={
            "state": "'done'",
            "done": "{now}",
            "duration_ms": "{elapsed}",
            "receipt": ":receipt",
            "error": "NULL",
            "error_kind": "NULL",
            "fingerprint": "NULL",
            "delete_time": "{keep_receipt}",
        },
    ),
    Move(
        "postpone",
        ("running",),
        ("pending",),
        _WORKER,
        "not now: effects rolled back, attempt given back, reason and count kept",
        fence="named",
        sets={
            **_WAITS,
            "attempts": "attempts - 1",
            "retry_at": "{after_seconds}",
            "postponed_count": "postponed_count + 1",
            "postponed_reason": ":reason",
            "first_postponed_at": "coalesce(first_postponed_at, {now})",
        },
    ),
    Move(
        "back off",
        ("running",),
        ("pending",),
        _WORKER,
        "the attempt failed and attempts are left: waits, exponentially longer each time, with jitter",
        fence="named",
        sets={**_WAITS, **_FAILED_ATTEMPT, "retry_at": "{backoff}"},
    ),
    Move(
        "error",
        ("running", "pending"),
        ("errored",),
        ("worker", "scheduler"),
        "attempts used up, or nothing to retry: final until an operator acts; from pending only when no live "
        "worker has known its view model for the grace",
        fence="named",
        where="(state = 'running' OR aside = 'unknown')",
        sets={
            "state": "'errored'",
            **_ENDS,
            **_FAILED_ATTEMPT,
            **_TROUBLED,
            **_LEAVES_RUNNING,
            "duration_ms": "{elapsed}",
        },
    ),
    Move(
        "fail by the work",
        ("running",),
        ("failed",),
        ("work",),
        "`raise Fail(reason)`: the work itself gives up; effects rolled back",
        fence="named",
        sets={
            "state": "'failed'",
            **_ENDS,
            **_FAILED_ATTEMPT,
            **_TROUBLED,
            **_LEAVES_RUNNING,
            "duration_ms": "{elapsed}",
        },
    ),
    Move(
        "lapse",
        ("running",),
        ("pending", "errored"),
        ("scheduler",),
        "its worker is gone (the lease ran out): counted as an attempt; errored when that was the last",
        fence="replaced",
        sets={
            **_FAILED_ATTEMPT,
            **_LEAVES_RUNNING,
            "state": "{pending_or_errored}",
            "turn": "{turn_if_pending}",
            "done": "{done_if_errored}",
            "delete_time": "{trouble_if_errored}",
            "retry_at": "{retry_if_pending}",
        },
    ),
    Move(
        "give back",
        ("running",),
        ("pending",),
        ("worker", "scheduler"),
        "never started, ended by us at the end of a TERM's grace, or of a group whose worker is gone: "
        "attempt given back",
        fence="named",
        sets={
            **_WAITS,
            "turn": f"(:aside IS NULL AND {LANELESS})",  # aside is no candidate, or a drain meets it again
            "attempts": "attempts - 1",
            "aside": ":aside",
            "aside_since": "CASE WHEN :aside IS NULL THEN NULL ELSE coalesce(aside_since, {now}) END",
        },
    ),
    Move(
        "retry",
        _FINAL,
        ("pending",),
        _OPERATOR,
        "a new attempt budget; the last error is kept until done; a done one runs again and its "
        "effects happen twice",
        sets=_AGAIN,
    ),
    Move(
        "edit",
        ("errored", "failed", "expired"),
        ("pending",),
        _OPERATOR,
        "retry with other params, whose types survive; the old ones are kept in the trail",
        sets=_AGAIN | {"params": ":params"},
        arguments=("params",),
    ),
    Move(
        "run-now",
        ("pending", "held"),
        ("pending", "held"),
        _OPERATOR,
        "due at once, top priority",
        sets={"retry_at": "{now}", "priority": "1", "turn": "{turn_again}"},
    ),
    Move(
        "reschedule",
        ("pending", "held"),
        ("pending", "held"),
        _OPERATOR,
        "due at another time",
        sets={"retry_at": ":at", "turn": "{turn_again}"},
        arguments=("at",),
    ),
    Move(
        "reprioritise",
        ("pending", "held"),
        ("pending", "held"),
        _OPERATOR,
        "another priority",
        sets={"priority": ":priority", "turn": "{turn_again}"},
        arguments=("priority",),
    ),
    Move(
        "move",
        ("pending", "held"),
        ("pending", "held"),
        _OPERATOR,
        "to another queue",
        sets={"queue": ":queue", "turn": "{turn_again}"},
        arguments=("queue",),
    ),
    Move(
        "extend",
        ("pending", "held"),
        ("pending", "held"),
        _OPERATOR,
        "a new deadline, or none",
        sets={"expires_at": ":expires_at"},
        arguments=("expires_at",),
        elects=False,
    ),
    Move(
        "stop",
        ("running",),
        ("pending", "errored", "held"),
        _OPERATOR,
        "the fence is replaced, the process ended; counts as an attempt; effects outside may have happened",
        fence="replaced",
        sets={
            **_FAILED_ATTEMPT,
            **_LEAVES_RUNNING,
            "state": "{pending_or_errored_or_held}",
            "turn": "(:hold = 0 AND {turn_if_pending})",
            "done": "{done_if_errored}",
            "delete_time": "{trouble_if_errored}",
            "retry_at": "{retry_if_pending}",
        },
        arguments=("hold",),
    ),
    Move(
        "expire",
        ("held", "pending", "errored", "running"),
        ("expired",),
        ("operator", "scheduler", "worker"),
        "no longer needed, nobody's fault; the scheduler and the drain do it when `expires_at` is past",
        fence="replaced",
        sets={"state": "'expired'", **_ENDS, **_TROUBLED, **_LEAVES_RUNNING},
    ),
    Move(
        "fail",
        ("held", "pending", "errored", "running"),
        ("failed",),
        _OPERATOR,
        "give up for good: it should have worked",
        fence="replaced",
        sets={"state": "'failed'", **_ENDS, **_TROUBLED, **_LEAVES_RUNNING},
        needs_reason=True,
    ),
    Move(
        "keep",
        _FINAL,
        _FINAL,
        _OPERATOR,
        "the receipt stays until a time, or as evidence without end",
        sets={"kept": ":until", "trouble": "true"},
        moved=False,
        elects=False,
        arguments=("until",),
    ),
    Move(
        "acknowledge",
        ("errored",),
        ("errored",),
        _OPERATOR,
        "seen: leaves the alarm's count",
        sets={"acknowledged_at": "{now}", "acknowledged_by": ":actor", "trouble": "true"},
        moved=False,
        elects=False,
    ),
    Move(
        "note",
        ("held", "pending", "running", *_FINAL),
        ("held", "pending", "running", *_FINAL),
        _OPERATOR,
        "a remark in the trail",
        moved=False,
        elects=False,
        needs_reason=True,
    ),
    Move(
        "undo",
        ("held", "pending", *_FINAL),
        ("held", "pending", *_FINAL),
        _OPERATOR,
        "back to what an operator's act left, as long as the ticket has not moved since",
    ),
    Move(
        "reseal",
        ("held", "pending", *_FINAL),
        ("held", "pending", *_FINAL),
        _OPERATOR,
        "encrypted params are sealed again with the current key (`counterfoil keys rotate`)",
        sets={"params": ":params", "key_id": ":key_id"},
        elects=False,
        arguments=("params", "key_id"),
    ),
    Move(
        "purge",
        _FINAL,
        (),
        ("scheduler",),
        "`delete_time` is past, it is not kept and its batch is complete: gone, with its logs, attempts and "
        "elements; the trail outlives it",
        elects=False,
    ),
)

MOVES: dict[str, Move] = {move.verb: move for move in _TABLE}

SINGLE_ACTS = (
    "retry",
    "edit",
    "run-now",
    "hold",
    "release",
    "extend",
    "reschedule",
    "reprioritise",
    "move",
    "stop",
    "expire",
    "fail",
    "keep",
    "acknowledge",
    "note",
)
"""The operator's verbs that a single act carries out, in the order in which pages show them."""


def operator_verbs(state: str) -> list[str]:
    """The acts that a person may do on a ticket in this state, in the order in which pages show them."""
    return [verb for verb in SINGLE_ACTS if state in MOVES[verb].leaves]
