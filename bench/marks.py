"""When works started, as they wrote it down themselves; and how such times are told."""

import statistics
import time

from .rig import Rig, wait_until

PATIENCE_SECONDS = 20.0


class Marks:
    """The run's file of marks, begun anew."""

    def __init__(self, where: Rig) -> None:
        self.path = where.folder / "marks"
        self.log = where.folder / "workers.log"
        self.path.unlink(missing_ok=True)

    def read(self) -> dict[int, float]:
        """Number -> when its work started, in seconds of the wall clock; of two the first."""
        found: dict[int, float] = {}
        for line in self.path.read_text().splitlines() if self.path.exists() else ():
            number, at = line.split()
            found.setdefault(int(number), float(at))
        return found

    def wait(self, number: int) -> float:
        """When the work of this number started; waits for it."""
        wait_until(lambda: number in self.read(), PATIENCE_SECONDS, self.log, every=0.005)
        time.sleep(0.02)  # what is done after the work is no part of the next sample
        return self.read()[number]


def spread(found: list[float]) -> dict[str, float]:
    """Least, median, 95th and 99th percentile (of few samples the most), and most."""
    each = sorted(found)
    last = len(each) - 1
    return {
        "least": round(each[0], 2),
        "p50": round(statistics.median(each), 2),
        "p95": round(each[min(last, int(len(each) * 0.95))], 2),
        "p99": round(each[min(last, int(len(each) * 0.99))], 2),
        "most": round(each[-1], 2),
    }
