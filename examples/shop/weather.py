"""What may be the matter with the fulfilment service."""

WEATHERS = {
    "ok": "ships at once",
    "slow": "takes three seconds",
    "hang": "takes longer than anybody waits",
    "503": "says that it is not available",
    "refuse": "refuses connections",
    "reject": "rejects every order, for good",
}
"""Name -> what it means."""

FERRY_LESS = "Isle of Man"
"""Orders to here meet a 503, whatever the weather: no ferry today."""

DANGEROUS = "Fireworks"
"""Orders of this are rejected, whatever the weather."""
