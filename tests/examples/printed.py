"""The Python that a how-to page prints."""

import re
from pathlib import Path

PAGES = Path(__file__).parents[2] / "docs" / "how-to"


def blocks(page: str) -> list[str]:
    """Its fenced blocks of Python, in their order."""
    return re.findall(r"^```python\n(.*?)^```$", (PAGES / page).read_text(), re.MULTILINE | re.DOTALL)
