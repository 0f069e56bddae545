"""The reference is made from the code, and names no setting without its meaning."""

import re
from pathlib import Path

import pytest

from counterfoil.settings import Settings

ROOT = Path(__file__).parents[2]


def test_the_page_is_made_from_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from make_reference import page  # type: ignore[import-not-found]

    told = "run `python docs/make_reference.py > docs/reference.md`"
    assert (ROOT / "docs" / "reference.md").read_text() == page(), told


def test_every_setting_has_its_meaning() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_a_setting_that_is_told_not_to_be_read_is_not_read() -> None:
    unread = [
        name for name, field in Settings.model_fields.items() if "Not read" in (field.description or "")
    ]
    code = "".join(
        file.read_text()
        for package in ("counterfoil", "console", "worker")
        for file in (ROOT / package).rglob("*.py")
        if file.name != "settings.py"
    )
    assert [name for name in unread if re.search(rf"\b{name}\b", code)] == []
