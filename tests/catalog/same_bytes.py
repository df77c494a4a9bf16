#!/usr/bin/env python3
"""Plays every scenario of the catalog with one thread and with two; the reports are equal bytes.

Exact: eight runs a scenario, under every policy that it names, the twin included. A scenario whose
recording is not there is skipped by name.
"""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

CATALOG = pathlib.Path("scenarios/catalog")
RUNS = "8"


def recording_of(scenario: pathlib.Path) -> pathlib.Path | None:
    """The trace or price file that the scenario needs, if it needs one that is not there."""
    for name in re.findall(r"\bfile: *([^,}\s]+)", scenario.read_text(encoding="utf-8")):
        if not (scenario.parent / name).exists():
            return scenario.parent / name
    return None


def report(gatewright: str, scenario: pathlib.Path, threads: str) -> bytes:
    """What `run --json` prints; its exit status must be 0."""
    command = [gatewright, "run", str(scenario), "--runs", RUNS, "--threads", threads, "--json"]
    done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.returncode}\n{done.stderr.decode()}")
    return done.stdout


def main() -> int:
    gatewright = sys.argv[1]
    failed = 0
    scenarios = sorted(CATALOG.glob("*.yaml"))
    for scenario in scenarios:
        missing = recording_of(scenario)
        if missing is not None:
            print(f"skipped {scenario.name}: {missing} is not there")
            continue
        one, two = (report(gatewright, scenario, threads) for threads in ("1", "2"))
        if one != two or not one:
            failed += 1
            print(f"{scenario}: the reports of one thread and of two differ")
    print(f"{len(scenarios)} scenarios, {failed} failed")
    return 1 if failed or not scenarios else 0


if __name__ == "__main__":
    sys.exit(main())
