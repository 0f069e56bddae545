"""Priorities by name; the numbers are what the claim's index sorts by (1 is most urgent)."""

PRIORITIES = {"urgent": 1, "high": 3, "medium": 5, "low": 7, "minor": 9}
NAMES = {number: name for name, number in PRIORITIES.items()}
NUMBERS = tuple(NAMES)
"""Most urgent first."""


class UnknownPriority(ValueError):
    """A priority that is none of the five."""

    def __init__(self, value: object) -> None:
        super().__init__(
            f"unknown priority {value!r}: use one of {', '.join(f'{n} ({v})' for n, v in PRIORITIES.items())}"
        )


def priority_number(value: str | int) -> int:
    """The number of a priority given by name or number. Raises UnknownPriority."""
    if isinstance(value, str) and value in PRIORITIES:
        return PRIORITIES[value]
    if isinstance(value, int) and not isinstance(value, bool) and value in NAMES:
        return value
    raise UnknownPriority(value)
