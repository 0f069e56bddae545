"""Every string through gettext: a lint of the templates, and a pseudo-locale that shows it on the pages."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import flask_babel
import pytest
from babel.support import NullTranslations
from flask import Flask
from jinja2 import Environment
from sqlalchemy import Engine, MetaData, select

from .browser import Browser
from .walking import furnish, stops

ROOT = Path(__file__).parents[2]
READ_ALOUD = ("title", "aria-label", "placeholder", "alt", "data-tip", "aria-description")
NOT_PROSE = ("script", "style", "code", "pre", "time")
SAME_EVERYWHERE = {"Counterfoil", "counterfoil", "UTC", "id"}
WORD = re.compile(r"[^\W\d_]{2,}")


class Prose(HTMLParser):
    """Collects what a person reads or hears, with its line; not what is marked translate="no"."""

    def __init__(self, marked_too: bool = False) -> None:
        super().__init__()
        self.found: list[tuple[int, str]] = []
        self._marked_too = marked_too
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        silent = tag in NOT_PROSE or (given.get("translate") == "no" and not self._marked_too)
        self.found += [
            (self.getpos()[0], given[name] or "") for name in READ_ALOUD if name in given and not silent
        ]
        if tag not in ("input", "meta", "link", "br", "hr", "img", "use", "path"):
            self._open.append((tag, silent))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(silent for _, silent in self._open):
            self.found.append((self.getpos()[0], data))


def prose(html: str, marked_too: bool = False) -> list[tuple[int, str]]:
    parser = Prose(marked_too)
    parser.feed(html)
    return parser.found


def unspoken(template: str) -> list[str]:
    """Words that stand in a template as they are."""
    pieces: list[str] = []
    translated = opening = False
    for _, kind, text in Environment(extensions=["jinja2.ext.i18n"]).lex(template):
        if kind == "block_begin":
            opening = True
        elif kind == "name" and opening:
            opening = False
            translated = {"trans": True, "endtrans": False}.get(text, translated)
        if kind == "data" and not translated:
            pieces.append(text)
        elif kind == "variable_begin":
            pieces.append("0")
        else:
            pieces.append("\n" * text.count("\n"))
    return [
        f"line {line}: {text.strip()!r}"
        for line, text in prose("".join(pieces))
        if set(WORD.findall(text)) - SAME_EVERYWHERE
    ]


def test_no_template_speaks_without_gettext() -> None:
    bad = {
        str(file.relative_to(ROOT)): found
        for file in sorted((ROOT / "templates").rglob("*.html"))
        if (found := unspoken(file.read_text()))
    }
    assert bad == {}


@pytest.mark.parametrize(
    "line",
    [
        "<p>Hello there</p>",
        '<a title="Hello">{{ x }}</a>',
        "<p>{{ _('a') }} and more</p>",
        "<b>{% if x %}Yes{% endif %}</b>",
    ],
)
def test_words_as_they_are_are_found(line: str) -> None:
    assert unspoken(line)


@pytest.mark.parametrize(
    "line",
    [
        "<p>{{ _('Hello there') }}</p>",
        '<a class="button" title="{{ _("Hello") }}">·</a>',
        "<code>counterfoil users</code>",
        "{# a remark #}<p>{% set x = 'word' %}{{ x }}</p>",
        "<p>{% trans %}Hello there{% endtrans %}</p>",
    ],
)
def test_spoken_ones_are_not(line: str) -> None:
    assert unspoken(line) == []


def test_no_toast_speaks_without_gettext() -> None:
    bad = []
    for file in sorted((ROOT / "console").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("toast", "moved_on"):
                bad += [
                    f"{file.name}:{node.lineno}"
                    for part in node.args[:1]
                    if isinstance(part, ast.Constant) and getattr(node.func, "id", "") == "toast"
                ]
    assert bad == []


class Pseudo(NullTranslations):
    """Every string comes back in brackets, accented and longer."""

    def gettext(self, message: str) -> str:
        return f"⟦{message}~~⟧"

    ugettext = gettext

    def ngettext(self, singular: str, plural: str, num: int) -> str:
        return self.gettext(singular if num == 1 else plural)

    ungettext = ngettext


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Words do not hang on the dialect."""
    return sqlite_url


def _data(engine: Engine) -> set[str]:
    """Every word that stands in the database."""
    metadata = MetaData()
    metadata.reflect(engine)
    words: set[str] = set(SAME_EVERYWHERE)
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                words |= {word for value in row for word in WORD.findall(str(value))}
    return words


def _pages(console: Flask, parts: dict[str, object]) -> Iterator[str]:
    for stop in stops(console, parts):
        if stop.method == "GET" and not stop.path.startswith(("/static", "/live", "/healthz", "/readyz")):
            yield stop.path


def test_in_a_pseudo_locale_nothing_but_data_is_left_in_english(
    console: Flask, engine: Engine, ada: Browser, stranger: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = furnish(engine)
    data = _data(engine) | {"development", "ada"}
    monkeypatch.setattr(flask_babel.Domain, "get_translations", lambda self: Pseudo())
    left: dict[str, list[str]] = {}
    walked = 0
    for browser, paths in ((ada, [*_pages(console, parts)]), (stranger, ["/sign-in", "/first-entry/none"])):
        for path in paths:
            answer = browser.get(path)
            if answer.mimetype != "text/html" or answer.status_code in (302, 303):
                continue
            walked += 1
            assert "⟦" in answer.text or not answer.text.strip(), path  # an empty fragment says nothing
            found = [text.strip() for _, text in prose(answer.text) if _english(text, data)]
            if found:
                left[path] = found
    assert walked > 10
    assert left == {}


def _english(text: str, data: set[str]) -> bool:
    plain = re.sub(r"⟦.*?~~⟧", "", text, flags=re.DOTALL)
    return bool(set(WORD.findall(plain)) - data)


def test_the_pseudo_locale_would_see_it() -> None:
    assert _english("⟦Sign in~~⟧ now", set())
    assert not _english("⟦Sign in~~⟧ default", {"default"})
