"""What an act of the trail changed, as lines; params masked, and only for those who may see them (S9)."""

from typing import Any

from flask import Flask, current_app, g

from .masking import MASK, is_secret, masked

TELLING = ("state", "queue", "priority", "expires_at", "kept", "lane", "paused", "pool_size", "route", "role")
"""What an act was about; the other columns follow from it (attempts, times, `moves`)."""


def install(app: Flask) -> None:
    """Give templates `change_parts`."""
    app.jinja_env.globals.update(change_parts=change_parts)


def change_parts(entry: Any) -> tuple[list[tuple[str, Any, Any]], list[tuple[str, Any, Any]]]:
    """The lines that a person looks for, and the rest."""
    lines = change_lines(entry)
    first = [line for line in lines if line[0] in TELLING or line[0].startswith("params.")] or lines[:1]
    return first, [line for line in lines if line not in first]


def change_lines(entry: Any) -> list[tuple[str, Any, Any]]:
    """Name, before, after of what differs; params each by its name."""
    before, after = dict(entry.before or {}), dict(entry.after or {})
    was, became = before.pop("params", None) or {}, after.pop("params", None) or {}
    lines = [(name, before.get(name), after[name]) for name in after if before.get(name) != after[name]]
    sees = g.user.may(current_app.config["COUNTERFOIL"].params_visible_to)
    for name in became:
        if was.get(name) != became[name]:
            hidden = not sees or is_secret(name)
            pair = (MASK, MASK) if hidden else (masked(was.get(name)), masked(became[name]))
            lines.append((f"params.{name}", *pair))
    return lines


def shown_params(entry: dict[str, Any], sees: bool) -> dict[str, Any]:
    """An entry as plain values with the params of an edit masked, or hidden whole."""
    told = dict(entry)
    for side in ("before", "after"):
        values = told.get(side)
        if values and "params" in values:
            told[side] = values | {"params": masked(values["params"]) if sees else MASK}
    return told
