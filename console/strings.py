"""Every string that a person reads goes through these (Flask-Babel's, with types)."""

import flask_babel


def gettext(text: str, **values: object) -> str:
    """The text in the person's language, `%(name)s` filled in."""
    return str(flask_babel.gettext(text, **values))


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The text for a number of things; `%(num)d` is the number."""
    return str(flask_babel.ngettext(one, many, number, **values))
