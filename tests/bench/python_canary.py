"""The canary of numpy_canary.py in plain CPython, request by request; prints requests per second.

Lists, `random` and a sort per window. `objections` is also SimPy's. Run by report.py.
"""

import math
import random
import sys
import time
from dataclasses import dataclass, field

WINDOW_SECONDS = 300.0
RATE_PER_SECOND = 50.0
LATENCY_MEDIANS = (math.log(0.80), math.log(0.84))
INPUT_MEDIAN, OUTPUT_MEDIAN = math.log(300.0), math.log(200.0)
ERRORS = (0.010, 0.012)


@dataclass
class Arm:
    """What one arm answered in a window."""

    latencies: list[float] = field(default_factory=list)
    cost: float = 0.0
    errors: int = 0
    down: int = 0

    def add(self, which: int, latency: float, draw: random.Random) -> None:
        """Counts an answer, and draws what else belongs to it."""
        self.latencies.append(latency)
        tokens_in = max(1, round(draw.lognormvariate(INPUT_MEDIAN, 1.0)))
        tokens_out = max(1, round(draw.lognormvariate(OUTPUT_MEDIAN, 0.8)))
        self.cost += tokens_in * 3e-6 + tokens_out * 15e-6
        self.errors += draw.random() < ERRORS[which]
        self.down += draw.random() < 0.03

    def quantile(self, p: float) -> float:
        """Type 7, of latencies in order."""
        position = (len(self.latencies) - 1) * p
        rank = int(position)
        low = self.latencies[rank]
        return low + (self.latencies[min(rank + 1, len(self.latencies) - 1)] - low) * (
            position - rank
        )


def draw_latency(which: int, draw: random.Random) -> float:
    """Seconds."""
    return draw.lognormvariate(LATENCY_MEDIANS[which], 0.6)


def objections(base: Arm, cand: Arm) -> int:
    """How many of five rules object to the candidate."""
    if not base.latencies or not cand.latencies:
        return 0
    base.latencies.sort()
    cand.latencies.sort()
    of_base, of_cand = len(base.latencies), len(cand.latencies)
    return (
        (cand.quantile(0.95) > 1.20 * base.quantile(0.95))
        + (cand.quantile(0.99) > 1.25 * base.quantile(0.99))
        + (cand.errors / of_cand > base.errors / of_base + 0.01)
        + (cand.down / of_cand > base.down / of_base + 0.02)
        + (cand.cost / of_cand > 1.1 * base.cost / of_base)
    )


def play(windows: int) -> int:
    """Plays so many windows; the requests in them."""
    draw = random.Random(1)
    requests = 0
    at = draw.expovariate(RATE_PER_SECOND)
    for window in range(1, windows + 1):
        arms = (Arm(), Arm())
        while at < window * WINDOW_SECONDS:
            which = int(draw.random() < 0.05)
            arms[which].add(which, draw_latency(which, draw), draw)
            requests += 1
            at += draw.expovariate(RATE_PER_SECOND)
        objections(*arms)
    return requests


def main() -> None:
    """Plays as many windows as asked for and prints the speed."""
    windows = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    start = time.process_time()
    requests = play(windows)
    print(requests / (time.process_time() - start))


if __name__ == "__main__":
    main()
