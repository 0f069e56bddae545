"""Every string that a person reads goes through these.

Flask-Babel's translations, looked up once a request: its own functions look for the language at every call,
which was a sixth of the time of a page of rows. What templates say is kept as markup for each language.
"""

from weakref import WeakKeyDictionary

from babel.support import NullTranslations
from flask import Flask, g
from flask_babel import get_domain
from markupsafe import Markup

_PLAIN = NullTranslations()
_said: WeakKeyDictionary[NullTranslations, dict[str, Markup]] = WeakKeyDictionary()
"""Language -> text -> its translation. The texts are the templates' own: there are no more than these."""


def install(app: Flask) -> None:
    """`_`, `gettext`, `ngettext` and `{% trans %}` in templates."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.newstyle_gettext = True  # type: ignore[attr-defined]
    app.jinja_env.globals.update(_=_say, gettext=_say, ngettext=_say_number)


def N_(text: str) -> str:  # noqa: N802 - the name that extraction tools know
    """Marks a string of a table for translation; what shows it calls gettext."""
    return text


def gettext(text: str, **values: object) -> str:
    """The text in the person's language, `%(name)s` filled in."""
    found = str(translations().ugettext(text))
    return found % values if values else found


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """The text for a number of things; `%(num)d` is the number."""
    return str(translations().ungettext(one, many, number)) % {"num": number, **values}


def _say(text: str, **values: object) -> Markup:
    """The same for a template: values are escaped, and `%%` is a percent sign with values or without."""
    language = translations()
    said = _said.get(language)
    if said is None:
        said = _said.setdefault(language, {})
    found = said.get(text)
    if found is None:
        found = said[text] = Markup(language.ugettext(text))  # noqa: S704 - our own words
    return found % values if values or "%" in found else found


def _say_number(one: str, many: str, number: int, **values: object) -> Markup:
    found = Markup(translations().ungettext(one, many, number))  # noqa: S704 - our own words
    return found % {"num": number, **values}


def translations() -> NullTranslations:
    """The catalogue of the person's language: the same object for every request in that language."""
    try:
        found: NullTranslations = g.counterfoil_translations
    except AttributeError:
        found = g.counterfoil_translations = get_domain().get_translations()
    except RuntimeError:
        return _PLAIN
    return found
