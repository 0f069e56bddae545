"""Words of the product as people read them: states with their one-line meaning, roles, themes."""

from flask import Flask

from .strings import gettext

ICONS = {
    "held": "hand",
    "pending": "inbox",
    "delayed": "clock",
    "retrying": "refresh-cw",
    "running": "play",
    "done": "check",
    "errored": "alert-triangle",
    "expiring": "history",
    "expired": "archive",
    "failed": "x",
    "kept": "lock",
}


def install(app: Flask) -> None:
    """Give templates the words."""
    app.jinja_env.globals.update(
        state_word=state_word,
        state_meaning=state_meaning,
        state_icon=lambda state: ICONS[state],
        role_word=role_word,
        theme_word=theme_word,
    )


def state_word(state: str) -> str:
    """A state or a view of one. Raises KeyError for what is neither."""
    return {
        "held": gettext("held"),
        "pending": gettext("pending"),
        "delayed": gettext("delayed"),
        "retrying": gettext("retrying"),
        "running": gettext("running"),
        "done": gettext("done"),
        "errored": gettext("errored"),
        "expiring": gettext("expiring"),
        "expired": gettext("expired"),
        "failed": gettext("failed"),
        "kept": gettext("kept"),
    }[state]


def state_meaning(state: str) -> str:
    """One line for hover, focus and tap: in other products *failed* means our *errored*."""
    return {
        "held": gettext("waits until somebody releases it"),
        "pending": gettext("due: runs as soon as a worker is free"),
        "delayed": gettext("not due yet"),
        "retrying": gettext("tried or postponed; waits for its next start"),
        "running": gettext("a worker is at it"),
        "done": gettext("finished; the receipt is kept for a while"),
        "errored": gettext("needs you: attempts are used up"),
        "expiring": gettext("leaves soon: its deadline or its receipt"),
        "expired": gettext("no longer needed"),
        "failed": gettext("given up"),
        "kept": gettext("its receipt is kept beyond its time"),
    }[state]


def role_word(role: str) -> str:
    """A role. Raises KeyError for what is none."""
    return {
        "viewer": gettext("viewer"),
        "operator": gettext("operator"),
        "admin": gettext("administrator"),
    }[role]


def theme_word(theme: str) -> str:
    """A theme. Raises KeyError for what is none."""
    return {"system": gettext("System"), "light": gettext("Light"), "dark": gettext("Dark")}[theme]
