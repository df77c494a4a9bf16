"""The command line's sweep is interrupted and resumes."""

from __future__ import annotations

import pathlib
import signal
import sqlite3
import subprocess
import time

import pytest

SWEEP = [
    "sweep",
    "tests/golden/inputs/cost.yaml",
    "--over",
    "candidate.effects.cost.multiply=1.1,1.2,1.3",
    "--over",
    "policy.gates.cost.harm.rises_by=10%,15%",
    "--runs",
    "150",
    "--csv",
]


def stored(store: pathlib.Path) -> int:
    """Runs that the store holds; 0 while it has no table yet."""
    if not store.exists():
        return 0
    try:
        with sqlite3.connect(store, timeout=10) as database:
            return int(database.execute("select count(*) from runs").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_an_interrupted_sweep_resumes(command_line: str, tmp_path: pathlib.Path) -> None:
    store = tmp_path / "kept.sqlite"
    command = [command_line, *SWEEP, "--store", str(store)]
    # A job that a script starts in the background ignores Ctrl-C, and its children would.
    listening = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            until = time.monotonic() + 60
            while stored(store) == 0 and time.monotonic() < until:
                time.sleep(0.01)
            running.send_signal(signal.SIGINT)
            running.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGINT, listening)
    kept = stored(store)
    whole = (3 + 1) * 2 * 150  # three worlds and one healthy twin, under two policies
    if running.returncode == 0:
        pytest.skip("it was faster than its interrupt")
    assert running.returncode == 130
    assert 0 < kept < whole

    resumed = subprocess.run(command, check=True, capture_output=True, text=True)
    at_once = subprocess.run([command_line, *SWEEP], check=True, capture_output=True, text=True)
    assert resumed.stdout == at_once.stdout
    assert stored(store) == whole
