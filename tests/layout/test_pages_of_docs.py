"""The pages for users: README leads to each of them, and no link or command in them leads nowhere."""

import re
from pathlib import Path

import pytest

from counterfoil.settings import Settings
from tests.layout.test_coming_from import check_command

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OPERATING = (DOCS / "operating.md").read_text()


def test_readme_leads_to_every_page() -> None:
    readme = (ROOT / "README.md").read_text()
    pages = [*DOCS.glob("*.md"), *DOCS.glob("how-to/*.md")]
    assert [page.name for page in pages if f"]({page.relative_to(ROOT)})" not in readme] == []


@pytest.mark.parametrize("page", ["README.md", "docs/operating.md", "docs/reference.md"])
def test_its_links_lead_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", (ROOT / page).read_text()):
        assert ((ROOT / page).parent / link).exists(), link


def test_every_command_of_the_first_run_exists() -> None:
    lines = re.findall(r"^(?:ExecStart=)?\S*\.venv/bin/(counterfoil .*)$", OPERATING, re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        check_command(re.sub(r"(--queue|--bind) \S+", r"\1", line))


def test_every_setting_of_the_first_run_exists() -> None:
    for variable in re.findall(r"\bCOUNTERFOIL_([A-Z_]+)\b", OPERATING):
        assert variable.lower() in Settings.model_fields, variable
