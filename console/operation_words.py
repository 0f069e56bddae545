"""Words about operations: where one is, what became of its tickets, its pace."""

from typing import Any

from flask import Flask

from .strings import gettext, ngettext


def install(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(
        operation_state=operation_state, operation_left_ms=operation_left_ms, pace_word=pace_word,
        result_word=result_word, both_numbers=both_numbers,
    )  # fmt: skip


def operation_state(row: Any) -> str:
    """Where an operation is."""
    if row.state == "started" and row.phase:
        return {
            "canary": gettext("trying the first ten"),
            "watching": gettext("waits for the first ten"),
            "halted": gettext("halted by the first ten"),
            "paced": gettext("under way, at its pace"),
        }[row.phase]
    return {
        "asked": gettext("being previewed"),
        "previewed": gettext("previewed, not started"),
        "started": gettext("under way"),
        "stopping": gettext("stopping"),
        "stopped": gettext("stopped"),
        "done": gettext("done"),
        "refused": gettext("refused"),
    }[row.state]


def operation_left_ms(row: Any) -> int | None:
    """Milliseconds until a paced one has let go its last ticket; None without a pace."""
    if not row.pace_per_minute or row.phase != "paced":
        return None
    left = row.matched - row.changed - row.skipped - row.failed
    return int(left / row.pace_per_minute * 60_000)


def pace_word(pace: str) -> str:
    """What the choice says."""
    return {
        "canary": gettext(
            "Ten first; with nine of them done it goes on, at the rate of the last healthy hour"
        ),
        "all": gettext("All at once"),
    }[pace]


def result_word(result: str | None, undo: bool = False) -> str:
    """What became of one ticket of an operation."""
    if undo and result in ("changed", "skipped"):
        return gettext("put back") if result == "changed" else gettext("moved since")
    words = {"changed": gettext("changed"), "skipped": gettext("skipped"), "failed": gettext("failed")}
    return words[result] if result else gettext("to come")


def both_numbers(undo: Any) -> str:
    """What an undo did: "38,190 put back, 210 have moved since"."""
    moved = undo.skipped + undo.failed
    return ngettext(
        "%(back)s put back, %(moved)s has moved since",
        "%(back)s put back, %(moved)s have moved since",
        moved,
        back=f"{undo.changed:,}",
        moved=f"{moved:,}",
    )
