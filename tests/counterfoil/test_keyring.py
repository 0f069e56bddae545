"""Keys of encrypted params: what the setting may say, and that nothing tells them."""

import pytest

from counterfoil.keyring import KeysMakeNoSense, fresh, parse
from counterfoil.settings import SettingsError, read_settings

OLD = fresh("old")


@pytest.mark.parametrize(
    "told",
    ["nonsense", "id:short", f"{OLD},{OLD}", "ü:AAAA", OLD.replace("old:", "old:!")],
    ids=["no id", "too short", "twice", "no ASCII", "no base64"],  # a key of chance is no test's name
)
def test_keys_that_make_no_sense_are_refused_without_being_told(
    monkeypatch: pytest.MonkeyPatch, told: str
) -> None:
    with pytest.raises(KeysMakeNoSense):
        parse(told)
    monkeypatch.setenv("COUNTERFOIL_ENCRYPTION_KEYS", told)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert told not in str(refused.value)
    assert OLD.split(":")[1] not in str(refused.value) + repr(parse(OLD))
