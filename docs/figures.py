"""Makes the figures of the README: ``python docs/figures.py``.

The same sources and libraries give the same bytes: seeds are fixed, and the files carry no date.
"""

from __future__ import annotations

import os
import pathlib

import gatewright as gw
import matplotlib as mpl

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCENARIO = ROOT / "scenarios" / "catalog" / "cost_regression.yaml"


def operating_curve(file: str | os.PathLike[str], runs: int = 200) -> None:
    """False alarms and detection over the size of a cost regression, for four harm margins."""
    sweep = gw.sweep(
        gw.load(SCENARIO),
        runs=runs,
        seed=7,
        over={
            "policy.gates.cost.harm.rises_by": ["5%", "10%", "15%", "20%"],
            "candidate.effects.cost.multiply": [1.00, 1.05, 1.10, 1.15, 1.20, 1.25, 1.30],
        },
    )
    style = {"svg.hashsalt": "gatewright", "svg.fonttype": "path", "font.family": "DejaVu Sans"}
    with mpl.rc_context(style):
        figure = mpl.figure.Figure(figsize=(7.2, 4.2), layout="constrained")
        ax = figure.add_subplot()
        gw.plots.operating_curve(sweep, x="candidate.effects.cost.multiply", ax=ax)
        figure.savefig(file, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    operating_curve(ROOT / "docs" / "operating_curve.svg")
