"""Every string that a person reads goes through these.

Flask-Babel's translations, looked up once a request: its own functions look for the language at every call,
which was a sixth of the time of a page of rows.
"""

from babel.support import NullTranslations
from flask import Flask, g, has_app_context
from flask_babel import get_domain

_PLAIN = NullTranslations()


def install(app: Flask) -> None:
    """`_`, `gettext`, `ngettext` and `{% trans %}` in templates."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    install_callables = app.jinja_env.install_gettext_callables  # type: ignore[attr-defined]
    install_callables(
        lambda text: _translations().ugettext(text),
        lambda one, many, number: _translations().ungettext(one, many, number),
        newstyle=True,
    )


def N_(text: str) -> str:  # noqa: N802 - the name that extraction tools know
    """Marks a string of a table for translation; what shows it calls gettext."""
    return text


def gettext(text: str, **values: object) -> str:
    """The text in the person's language, `%(name)s` filled in."""
    found = str(_translations().ugettext(text))
    return found % values if values else found


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The text for a number of things; `%(num)d` is the number."""
    return str(_translations().ungettext(one, many, number)) % {"num": number, **values}


def _translations() -> NullTranslations:
    if not has_app_context():
        return _PLAIN
    found: NullTranslations | None = g.get("counterfoil_translations")
    if found is None:
        found = g.counterfoil_translations = get_domain().get_translations()
    return found
