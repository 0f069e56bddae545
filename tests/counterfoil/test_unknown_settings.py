"""A variable that begins like a setting and is none is told, with the nearest name, not ignored silently."""

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine
from sqlalchemy.orm import sessionmaker

from counterfoil import Counterfoil, unknown_settings
from counterfoil.cli import logs, main


@pytest.fixture(autouse=True)
def nothing_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unknown_settings, "_told", set())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("COUNTERFOIL_LEASE_SECOND", "did you mean COUNTERFOIL_LEASE_SECONDS?"),
        ("COUNTERFOIL_TRUSTED_HOST", "did you mean COUNTERFOIL_TRUSTED_HOSTS?"),
        ("COUNTERFOIL_DATABASE_URL", "did you mean DATABASE_URL?"),
        ("COUNTERFOIL_REDIS_URL", "did you mean REDIS_URL?"),
        ("COUNTERFOIL_XYZ", "the reference lists the settings"),
    ],
)
def test_it_is_named_with_the_nearest_setting(name: str, told: str) -> None:
    [(found, line)] = unknown_settings.unknown({name: "secret", "HOME": "/", "DATABASE_URL": "x"})
    assert found == name
    assert line == f"{name} is no setting, it is ignored: {told}"
    assert "secret" not in line


def test_what_is_a_setting_is_not_told_however_it_is_written() -> None:
    given = dict.fromkeys([*unknown_settings.known(), "counterfoil_app", "Counterfoil_Lease_Seconds"], "1")
    assert [*unknown_settings.unknown(given)] == []


def test_the_application_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COUNTERFOIL_LEASE_SECOND", "1")
    sessions = sessionmaker(create_engine("sqlite://"))
    for _ in range(2):
        Counterfoil(sessions)
    [line] = [record.getMessage() for record in caplog.records if "is no setting" in record.getMessage()]
    assert line.endswith("did you mean COUNTERFOIL_LEASE_SECONDS?")


def test_a_process_says_so_before_it_fails_by_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logs, "configure", lambda process, json: None)  # the log is the test's
    wrong = {
        "COUNTERFOIL_DATABASE_URL": "postgresql://db/shop",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'empty'}",
    }
    done = CliRunner().invoke(main, ["scheduler"], env=wrong)
    assert "COUNTERFOIL_DATABASE_URL is no setting, it is ignored: did you mean DATABASE_URL?" in caplog.text
    assert "counterfoil db upgrade" in done.output
    assert done.exit_code == 2
