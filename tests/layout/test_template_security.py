"""Templates keep to the content security policy and to escaping (S6, S8)."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[2] / "templates"

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
IN_MARKUP = {
    "inline style": re.compile(r"<style\b|(?<![\w-])style\s*=", re.IGNORECASE),
    "inline script": re.compile(r"<script\b(?![^>]*(?<![\w-])src\s*=)", re.IGNORECASE),
    "event handler": re.compile(r"(?<![\w-])on[a-z]+\s*=|hx-on|hx-live", re.IGNORECASE),
    "script in a value": re.compile(r"javascript:|['\"]\s*js:", re.IGNORECASE),
    "other host": re.compile(r"(?:src|href|action|srcset)\s*=\s*['\"]?(?:https?:)?//", re.IGNORECASE),
}
IN_JINJA = {
    "unescaped": re.compile(r"\|\s*safe\b|autoescape\s+false|\bMarkup\s*\(", re.IGNORECASE),
    "attribute from a name": re.compile(r"['\"](?:on[a-z]+|style|hx-on[\w:-]*)['\"]\s*:", re.IGNORECASE),
}


def findings(text: str) -> list[str]:
    """What a template holds that the policy forbids, with its line."""
    code = " ".join(JINJA.findall(text))
    # An expression becomes a word, so that an attribute's value is still one; a tag parts its neighbours.
    markup = JINJA.sub(
        lambda found: ("x" if found.group()[1] == "{" else " ") + "\n" * found.group().count("\n"), text
    )
    found = [
        f"{name} at line {markup.count(chr(10), 0, match.start()) + 1}: {match.group()!r}"
        for name, pattern in IN_MARKUP.items()
        for match in pattern.finditer(markup)
    ]
    return found + [
        f"{name}: {m.group()!r}" for name, pattern in IN_JINJA.items() for m in pattern.finditer(code)
    ]


def test_there_are_templates_to_look_at() -> None:
    assert list(TEMPLATES.rglob("*.html"))


def test_no_template_breaks_the_content_security_policy() -> None:
    bad = {
        str(file.relative_to(TEMPLATES)): found
        for file in sorted(TEMPLATES.rglob("*"))
        if file.is_file() and (found := findings(file.read_text()))
    }
    assert bad == {}


@pytest.mark.parametrize(
    "line",
    [
        '<p style="color: red">',
        "<style>p {}</style>",
        "<script>alert(1)</script>",
        "<script nonce='{{ n }}'>alert(1)</script>",
        '<a {% if x %}onclick="y()"{% endif %}>',
        "<img src=x OnError = alert(1)>",
        '<b hx-on:click="x()">',
        '<b data-hx-on::load="x()">',
        '<a href="javascript:x()">',
        "<b hx-vals='js:{a: 1}'>",
        '<link href="https://elsewhere.example/x.css">',
        '<script src="//elsewhere.example/x.js"></script>',
        "{{ ticket.error|safe }}",
        "{% autoescape false %}",
        "<b {{ {'onclick': x}|xmlattr }}>",
    ],
)
def test_a_line_that_would_break_it_is_found(line: str) -> None:
    assert findings(f"<p>\n{line}\n</p>")


@pytest.mark.parametrize(
    "line",
    [
        "<script src=\"{{ url_for('static', filename='x.js') }}\" defer></script>",
        '{% set only = tickets|length %}<a data-turn-on="x" href="/tickets/1">seen</a>',
        '<link rel="stylesheet" href="{{ static("console.css") }}">',
        '<form method="post" action="/tickets/{{ id }}/retry" hx-post="/x" hx-target="#row">',
    ],
)
def test_an_innocent_line_is_not(line: str) -> None:
    assert findings(line) == []
