"""What a horse tells its parent about the ticket it runs: the stage on the page, the rest down the pipe."""

import time

from counterfoil.claimed import Claimed

from .page import NEVER, Page, Record, Stage
from .pipe import Mouth

LINES_LIMIT = 5_000
"""Log lines of one attempt that are kept; the next one says that there were more."""

FINISH_SECONDS = 900.0
"""A finish that takes longer hangs: settling gives up after some minutes of an unreachable database."""

_STAGES = {
    "claimed": Stage.CLAIMED,
    "running": Stage.RUNNING,
    "finishing": Stage.FINISHING,
    "telling": Stage.TELLING,
}


class PageWitness:
    """`counterfoil.running_ticket.Witness` in a worker. None of its methods raises or waits."""

    def __init__(self, page: Page, mouth: Mouth) -> None:
        self.page = page
        self.mouth = mouth
        self._lines = 0

    def stage(self, claimed: Claimed, stage: str, timeout_seconds: float) -> None:
        """Publish how far the ticket is; running sets its deadline."""
        reached = _STAGES[stage]
        deadline = NEVER
        if reached is Stage.CLAIMED:
            self._lines = 0
        elif reached in (Stage.RUNNING, Stage.TELLING):
            deadline = time.monotonic() + timeout_seconds
        else:
            deadline = time.monotonic() + FINISH_SECONDS
        self.page.write(
            Record(reached, claimed.id, claimed.claims, claimed.fence, deadline, float(timeout_seconds))
        )

    def idle(self) -> None:
        """Between two tickets."""
        self.page.write(Record())

    def log(self, claimed: Claimed, level: int, message: str) -> None:
        """A line of the work."""
        self._lines += 1
        if self._lines > LINES_LIMIT:
            return
        if self._lines == LINES_LIMIT:
            level, message = 30, f"this attempt logged more than {LINES_LIMIT} lines: the rest is not kept"
        self.mouth.say({"log": message, "level": level, "ticket": claimed.id, "claim": claimed.claims})

    def progress(self, claimed: Claimed, done: int, total: int | None, text: str | None) -> None:
        """How far the work is."""
        self.mouth.say({"progress": [done, total, text], "ticket": claimed.id})
