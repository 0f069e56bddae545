"""Words about failures: what an attempt came to, and how a group is called whose error has no class."""

from typing import Any

from flask import Flask

from .strings import N_, gettext

OUTCOMES = {
    "back off": N_("failed, tried again"),
    "error": N_("failed for good"),
    "fail": N_("given up by the work"),
    "postpone": N_("postponed"),
    "lapse": N_("worker lost"),
    "give back": N_("given back"),
    "stop": N_("stopped"),
    "running": N_("runs now"),
    "done": N_("done"),
}
KINDS = {
    "resolve": N_("Cannot be resolved"),
    "run": N_("Given up by the work"),
    "precondition": N_("Precondition failed"),
    "timeout": N_("Took too long"),
    "lost": N_("Worker lost"),
    "stopped": N_("Stopped by an operator"),
    "expired": N_("Expired"),
}


def install(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(outcome_word=outcome_word, group_name=group_name)


def outcome_word(outcome: str) -> str:
    """How an attempt ended, for a person."""
    return gettext(OUTCOMES[outcome]) if outcome in OUTCOMES else outcome


def group_name(group: Any) -> str:
    """What a group of errors is called: the error's class, else what kind of failure it is."""
    if group.class_name:
        return str(group.class_name)
    if group.error_kind in KINDS:
        return gettext(KINDS[group.error_kind])
    return str(group.fingerprint)[:12]
