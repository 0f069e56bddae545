"""Drawings and chips of states as markup, made once: a page of rows shows some hundred, all of a few sorts.

Every template has them without an import, which cost each page a module of its own for each of its parts;
layout/icon.html, layout/state.html and layout/when.html hold the markup.
"""

from functools import lru_cache
from typing import Any

from flask import Flask
from markupsafe import Markup

from .assets import static
from .strings import translations
from .words import ICONS, state_meaning, state_word

MOST_KEPT = 1000
"""Of each sort, for all languages together."""


def install(app: Flask) -> None:
    """`icon`, `state_chip` and `when` as globals."""

    @lru_cache(MOST_KEPT)
    def drawing(name: str, label: str | None, sheet: str) -> Markup:
        return Markup(icons.drawing(name, label, sheet))  # noqa: S704 - a macro's, escaped already

    @lru_cache(MOST_KEPT)
    def chip(state: str, stop: bool, sheet: str, language: Any) -> Markup:
        drawn = drawing(ICONS[state], None, sheet)
        made = states.chip(state, state_word(state), state_meaning(state), drawn, stop)
        return Markup(made)  # noqa: S704 - a macro's, escaped already

    def icon(name: str, label: str | None = None) -> Markup:
        return drawing(name, label, static("icons.svg"))

    def state_chip(state: str, stop: bool = True) -> Markup:
        return chip(state, stop, static("icons.svg"), translations())

    app.jinja_env.globals.update(icon=icon, state_chip=state_chip)
    times: Any = app.jinja_env.get_template("layout/when.html").module
    app.jinja_env.globals["when"] = times.when
    icons: Any = app.jinja_env.get_template("layout/icon.html").module
    states: Any = app.jinja_env.get_template("layout/state.html").module
