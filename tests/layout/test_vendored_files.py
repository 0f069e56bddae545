"""What pages load from other projects is what was reviewed (S26)."""

import base64
import hashlib
from pathlib import Path

STATIC = Path(__file__).parents[2] / "static"


def recorded() -> dict[str, str]:
    lines = (STATIC / "vendor" / "HASHES").read_text().splitlines()
    return {path: digest for digest, path in (line.split(maxsplit=1) for line in lines)}


def digest(file: Path) -> str:
    return "sha384-" + base64.b64encode(hashlib.sha384(file.read_bytes()).digest()).decode()


def test_every_vendored_file_has_its_recorded_hash() -> None:
    assert {path: digest(STATIC / path) for path in recorded()} == recorded()


def test_no_vendored_file_is_without_a_hash() -> None:
    there = {file.relative_to(STATIC).as_posix() for file in (STATIC / "vendor").rglob("*") if file.is_file()}
    assert there - {"vendor/HASHES"} == set(recorded()) - {"icons.svg"}


def test_htmx_and_its_licence_are_among_them() -> None:
    assert {"vendor/htmx-4.0.1/htmx.min.js", "vendor/htmx-4.0.1/LICENSE"} <= set(recorded())
