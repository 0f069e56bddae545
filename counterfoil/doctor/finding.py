"""What the doctor says about one thing."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Finding:
    """`check`: the sort of finding, a word for machines. `what` names the thing, `cure` says what to do."""

    check: str
    what: str
    cure: str

    def as_json(self) -> dict[str, str]:
        """For `counterfoil doctor --json`."""
        return asdict(self)
