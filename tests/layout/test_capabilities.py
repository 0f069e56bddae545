"""A capability is ticked with tests that exist and a guide page that is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^- \[(.)\] \*\*([A-Z]\d+)\*\* (.*)$", (ROOT / "docs" / "capabilities.md").read_text(), re.MULTILINE
)
TICKED = [(row, text) for mark, row, text in ROWS if mark == "x"]


def test_every_row_stands_there_once() -> None:
    names = [row for _, row, _ in ROWS]
    assert len(names) == len(set(names)) == 68


@pytest.mark.parametrize(("row", "text"), TICKED, ids=[row for row, _ in TICKED])
def test_a_ticked_row_names_tests_and_a_guide_that_exist(row: str, text: str) -> None:
    proof = text.partition(" - ")[2]
    named = re.findall(r"`([^`]+)`", proof)
    assert named, f"{row} names no test"
    file = Path()
    for name in named:
        place, _, test = name.rpartition("::") if "::" in name else ("", "", name)
        if place or "/" in name or name.endswith(".py"):
            path = place or name
            file = ROOT / "tests" / path.removeprefix("tests/")
            assert file.exists(), f"{row}: there is no {path}"
            if not place:
                continue
        assert f"def {test}(" in file.read_text(), f"{row}: {file.name} has no {test}"
    guides = re.findall(r"\]\(([^)]+)\)", proof)
    assert guides, f"{row} names no guide"
    for guide in guides:
        assert (ROOT / "docs" / guide).exists(), f"{row}: there is no docs/{guide}"
