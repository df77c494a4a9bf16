"""One server in Ciw; prints events per second.

Workload A: Poisson arrivals at 0.9 per second, exponential service of mean 1. Run by report.py.
"""

import sys
import time

import ciw


def main() -> None:
    """Plays as many customers as asked for and prints the speed."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(0.9)],
        service_distributions=[ciw.dists.Exponential(1.0)],
        number_of_servers=[1],
    )
    ciw.seed(1)
    queue = ciw.Simulation(network)
    start = time.process_time()
    queue.simulate_until_max_customers(customers, method="Finish")
    print(2 * customers / (time.process_time() - start))


if __name__ == "__main__":
    main()
