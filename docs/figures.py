"""Makes the figures of the README: ``python docs/figures.py``.

The same sources and libraries give the same bytes: seeds are fixed, and the files carry no date.
"""

from __future__ import annotations

import os
import pathlib

import gatewright as gw
import matplotlib as mpl
from matplotlib.figure import Figure

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "scenarios" / "catalog" / "cost_regression.yaml"


def operating_curve(file: str | os.PathLike[str], runs: int = 60) -> None:
    """Detection over the size of a cost regression at 10 requests/s, for four harm margins."""
    sweep = gw.sweep(
        gw.load(SCENARIO).with_({"traffic.arrivals.poisson.rate": "10/s"}),
        runs=runs,
        seed=7,
        over={
            "policy.gates.cost.harm.rises_by": ["5%", "10%", "15%", "20%"],
            "candidate.effects.cost.multiply": [1.0 + step / 40 for step in range(15)],
        },
    )
    style = {"svg.hashsalt": "gatewright", "svg.fonttype": "path", "font.family": "DejaVu Sans"}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        ax = figure.add_subplot()
        gw.plots.operating_curve(sweep, x="candidate.effects.cost.multiply", ax=ax)
        figure.savefig(file, format="svg", metadata={"Date": None})


def threshold_curve(file: str | os.PathLike[str], runs: int = 60) -> None:
    """False alarms and detection over the margin of a bare cost threshold at 10 requests/s."""
    scenario = gw.load(SCENARIO).with_(
        {
            "traffic.arrivals.poisson.rate": "10/s",
            "policy": str(ROOT / "scenarios" / "policies" / "five_gates_textbook.yaml"),
        }
    )
    calibration = gw.calibrate(
        scenario, gates=["cost"], points=200, runs=runs, seed=7, validate=False
    )
    style = {"svg.hashsalt": "gatewright", "svg.fonttype": "path", "font.family": "DejaVu Sans"}
    with mpl.rc_context(style):
        figure = Figure(figsize=(7.2, 4.2), layout="constrained")
        gw.plots.threshold_curve(calibration, "cost", ax=figure.add_subplot())
        figure.savefig(file, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    operating_curve(ROOT / "docs" / "operating_curve.svg")
    threshold_curve(ROOT / "docs" / "threshold_curve.svg")
