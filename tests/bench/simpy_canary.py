"""The canary of numpy_canary.py in SimPy, a process per request; prints requests per second.

What an answer is, and which rules look at it, is python_canary.py's. Run by report.py.
"""

import random
import sys
import time
from collections.abc import Generator

import simpy
from python_canary import RATE_PER_SECOND, WINDOW_SECONDS, Arm, draw_latency, objections

Process = Generator[simpy.Event, None, None]


class Canary:
    """Two arms, requests on their way, and a monitor that looks every window."""

    def __init__(self) -> None:
        self.environment = simpy.Environment()
        self.draw = random.Random(1)
        self.arms = (Arm(), Arm())
        self.requests = 0

    def request(self) -> Process:
        """Goes to an arm and is answered."""
        which = int(self.draw.random() < 0.05)
        latency = draw_latency(which, self.draw)
        yield self.environment.timeout(latency)
        self.arms[which].add(which, latency, self.draw)
        self.requests += 1

    def source(self) -> Process:
        """Sends requests for ever."""
        while True:
            yield self.environment.timeout(self.draw.expovariate(RATE_PER_SECOND))
            self.environment.process(self.request())

    def monitor(self) -> Process:
        """Asks the rules at the end of each window."""
        while True:
            yield self.environment.timeout(WINDOW_SECONDS)
            objections(*self.arms)
            self.arms = (Arm(), Arm())

    def play(self, windows: int) -> int:
        """Plays so many windows; the requests answered in them."""
        self.environment.process(self.source())
        self.environment.process(self.monitor())
        self.environment.run(until=windows * WINDOW_SECONDS + 1e-3)
        return self.requests


def main() -> None:
    """Plays as many windows as asked for and prints the speed."""
    windows = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    start = time.process_time()
    requests = Canary().play(windows)
    print(requests / (time.process_time() - start))


if __name__ == "__main__":
    main()
