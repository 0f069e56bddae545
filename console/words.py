"""Words of the product as people read them: states with their one-line meaning, roles, themes."""

from flask import Flask

from .strings import N_, gettext

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
STATES = {
    "held": (N_("held"), N_("waits until somebody releases it")),
    "pending": (N_("pending"), N_("due: runs as soon as a worker is free")),
    "delayed": (N_("delayed"), N_("not due yet")),
    "retrying": (N_("retrying"), N_("tried or postponed; waits for its next start")),
    "running": (N_("running"), N_("a worker is at it")),
    "done": (N_("done"), N_("finished; the receipt is kept for a while")),
    "errored": (N_("errored"), N_("needs you: attempts are used up")),
    "expiring": (N_("expiring"), N_("leaves soon: its deadline or its receipt")),
    "expired": (N_("expired"), N_("no longer needed")),
    "failed": (N_("failed"), N_("given up")),
    "kept": (N_("kept"), N_("its receipt is kept beyond its time")),
}
"""Word and meaning, shown on hover, focus and tap: in most other products *failed* means our *errored*."""

ROLES = {"viewer": N_("viewer"), "operator": N_("operator"), "admin": N_("administrator")}
THEMES = {"system": N_("System"), "light": N_("Light"), "dark": N_("Dark")}


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
    return gettext(STATES[state][0])


def state_meaning(state: str) -> str:
    """Its meaning in one line. Raises KeyError for what is no state."""
    return gettext(STATES[state][1])


def role_word(role: str) -> str:
    """A role. Raises KeyError for what is none."""
    return gettext(ROLES[role])


def theme_word(theme: str) -> str:
    """A theme. Raises KeyError for what is none."""
    return gettext(THEMES[theme])
