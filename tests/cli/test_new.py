"""`counterfoil new view-model`: what it writes passes as written, and nothing is overwritten (R21)."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from counterfoil.cli import main


@pytest.mark.timeout(400)
def test_what_it_writes_passes_as_written_in_a_folder_and_in_a_package(tmp_path: Path) -> None:
    package = tmp_path / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    for arguments in (["WelcomeMail", "--path", str(tmp_path)], ["send_PDFInvoice", "--path", str(package)]):
        done = CliRunner().invoke(main, ["new", "view-model", *arguments])
        assert done.exit_code == 0, done.output
    assert {file.name for file in package.glob("*.py")} == {
        *("__init__.py", "send_pdf_invoice.py", "send_pdf_invoice_factory.py", "test_send_pdf_invoice.py")
    }
    assert '@target("SendPdfInvoice.run"' in (package / "send_pdf_invoice.py").read_text()
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert "4 passed" in ran.stdout, ran.stdout + ran.stderr


def test_what_is_there_stays_and_nothing_else_is_written(tmp_path: Path) -> None:
    (tmp_path / "test_welcome_mail.py").write_text("mine")
    done = CliRunner().invoke(main, ["new", "view-model", "WelcomeMail", "--path", str(tmp_path)])
    assert done.exit_code == 1
    assert "test_welcome_mail.py is there already: nothing was written" in done.output
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize("name", ["", "a b", "1st", "class", "x.y", "../up", "Größe", "__"])
def test_a_name_that_no_module_can_bear_is_refused(tmp_path: Path, name: str) -> None:
    done = CliRunner().invoke(main, ["new", "view-model", name, "--path", str(tmp_path)])
    assert done.exit_code == 2
    assert list(tmp_path.iterdir()) == []
