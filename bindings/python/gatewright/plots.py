"""Pictures of results; needs matplotlib (``pip install gatewright[plot]``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from .curves import Calibration
    from .grid import Sweep
    from .results import RunResult

_COLOURS = ("#0b7285", "#e8590c", "#5f3dc4", "#2b8a3e", "#c2255c", "#495057")
_STYLES: tuple[Literal["-", "--", ":", "-."], ...] = ("-", "--", ":", "-.")
_INK = "#343a40"
_QUANTITY = re.compile(r"([-+]?[0-9.]+)(%|pp|x|[a-zA-Z/]*)")


def operating_curve(
    sweep: Sweep,
    x: str,
    y: str | Sequence[str] = ("detection_probability", "false_alarm_rate"),
    ax: Axes | None = None,
) -> Axes:
    """Estimates over one setting, one line per combination of the others, intervals as bands.

    Args:
        sweep: The cells.
        x: Path of the setting on the horizontal axis. Texts such as ``"10%"`` count as numbers
            where all have one unit, and as labels otherwise.
        y: Name of an estimate, or up to four names, which differ in the style of their lines.
            Cells without a value, such as the detection probability of a harmless candidate, are
            left out.
        ax: Axes to draw on; None makes a figure of its own.

    Returns:
        The axes.

    Raises:
        KeyError: ``x`` is no setting or ``y`` no estimate of the sweep.
        ImportError: matplotlib is not installed.
    """
    import numpy as np

    estimates = (y,) if isinstance(y, str) else tuple(y)
    if x not in sweep.settings:
        raise KeyError(f"{x} is no setting of this sweep; there are {', '.join(sweep.settings)}")
    for name in estimates:
        if name not in sweep.estimates:
            raise KeyError(f"{name} is no estimate of this sweep")

    ax = _axes(ax)
    positions, unit = _positions(sweep.column(x))
    others = [path for path in sweep.settings if path != x]
    short = _short_names(others)
    cells = list(zip(*(sweep.column(path) for path in others), strict=True)) or [()] * len(sweep)
    lines = list(dict.fromkeys(cells))
    for number, line in enumerate(lines):
        rows = np.array([cell == line for cell in cells])
        label = ", ".join(
            f"{short[path]} {value}" for path, value in zip(others, line, strict=True)
        )
        colour = _COLOURS[number % len(_COLOURS)]
        for name, style in zip(estimates, _STYLES, strict=False):
            _line(
                ax,
                positions[rows],
                *(sweep.column(name + limit)[rows] for limit in ("", "_lower", "_upper")),
                colour=colour,
                style=style,
                label=label if style == "-" else None,
            )
    ax.set_xlabel(f"{x} [{unit}]" if unit else x)
    _share_axis(ax, estimates)
    _legend(ax, estimates, with_lines=bool(others))
    _title(ax, f"{sweep.runs:,} runs per cell, {sweep.confidence:.0%} intervals")
    return ax


def halt_stages(result: RunResult, ax: Axes | None = None) -> Axes:
    """Where rollouts halt: the share of runs per stage, as written and of the healthy twin.

    Args:
        result: What :func:`gatewright.run` returned.
        ax: Axes to draw on; None makes a figure of its own.

    Returns:
        The axes.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import numpy as np

    ax = _axes(ax)
    halted, false_alarm = "halted_at_stage.", "false_alarm_at_stage."
    stages = [name.removeprefix(halted) for name in result.estimates if name.startswith(halted)]
    place = np.arange(len(stages))
    width = 0.38
    for number, (kind, label) in enumerate(((halted, "as written"), (false_alarm, "healthy twin"))):
        bars = [result.estimates[kind + stage] for stage in stages]
        if not any(bar.runs for bar in bars):
            continue
        values = np.array([bar.value for bar in bars])
        limits = np.array([[bar.value - bar.lower, bar.upper - bar.value] for bar in bars]).T
        ax.bar(
            place + (number - 0.5) * width,
            values,
            width,
            yerr=limits,
            color=_COLOURS[number],
            error_kw={"elinewidth": 1.0, "ecolor": _INK, "capsize": 2},
            label=label,
        )
    ax.set_xticks(place, stages)
    ax.set_xlabel("stage")
    ax.set_ylabel("share of rollouts halted there")
    ax.set_ylim(0, 1)
    _percent(ax)
    ax.legend(frameon=False)
    _title(ax, f"{result.scenario} under {result.policy}, {len(result.records):,} runs")
    return ax


def threshold_curve(
    calibration: Calibration, gate: str, *, alone: bool = True, ax: Axes | None = None
) -> Axes:
    """False alarms and detection over a gate's threshold, with the plan's threshold and the budget.

    Args:
        calibration: What :func:`gatewright.calibrate` returned.
        gate: Name of the gate.
        alone: Whether the gate stands as if no other could halt, or in its plan.
        ax: Axes to draw on; None makes a figure of its own.

    Returns:
        The axes.

    Raises:
        KeyError: The calibration has no such gate.
        ImportError: matplotlib is not installed.
    """
    import numpy as np

    curve = calibration.gates[gate]
    ax = _axes(ax)
    rows = np.array([name == gate for name in calibration.column("gate")])
    thresholds = calibration.column("threshold")[rows]
    suffix = "_alone" if alone else ""
    kinds = ("false_alarm_rate", "detection_probability")
    for name, colour in zip(kinds, (_COLOURS[1], _COLOURS[0]), strict=True):
        value, lower, upper = (
            calibration.column(name + suffix + limit)[rows] for limit in ("", "_lower", "_upper")
        )
        if not np.isfinite(value).any():
            continue
        ax.fill_between(thresholds, lower, upper, color=colour, alpha=0.12, linewidth=0)
        ax.plot(thresholds, value, color=colour, linewidth=1.8, label=name.replace("_", " "))
    ax.axvline(curve.planned, color=_INK, linewidth=1.0, linestyle=":", label="as planned")
    if alone:
        ax.axhline(curve.budget, color=_COLOURS[1], linewidth=1.0, linestyle="--", label="budget")
    ax.set_xlabel(f"{curve.threshold_is} of gate {gate}")
    _share_axis(ax, kinds)
    ax.legend(frameon=False, fontsize="small")
    _title(
        ax, f"one recording of {calibration.runs:,} runs, {calibration.confidence:.0%} intervals"
    )
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(_INK)
    ax.tick_params(colors=_INK)
    ax.grid(axis="y", color="#dee2e6", linewidth=0.8)
    ax.set_axisbelow(True)
    return ax


def _title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", fontsize="small", color=_INK)


def _positions(values: NDArray[Any]) -> tuple[NDArray[Any], str]:
    """Where settings lie on an axis, and their unit: quantities by size, other texts as labels."""
    import numpy as np

    if values.dtype != object:
        return values, ""
    quantities = [_QUANTITY.fullmatch(text) for text in values]
    units = {quantity[2] if quantity else None for quantity in quantities}
    if len(units) == 1 and None not in units:
        return np.array([float(quantity[1]) for quantity in quantities if quantity]), str(*units)
    return values, ""


def _short_names(paths: Sequence[str]) -> dict[str, str]:
    """The fewest last words of each path that tell it from the others."""
    words = {path: path.split(".") for path in paths}

    def shortest(path: str) -> str:
        for length in range(2, len(words[path])):
            tail = words[path][-length:]
            if sum(other[-length:] == tail for other in words.values()) == 1:
                return ".".join(tail)
        return path

    return {path: shortest(path) for path in paths}


def _line(
    ax: Axes,
    x: NDArray[Any],
    value: NDArray[np.float64],
    lower: NDArray[np.float64],
    upper: NDArray[np.float64],
    *,
    colour: str,
    style: str,
    label: str | None,
) -> None:
    import numpy as np

    known = np.isfinite(value)
    if x.dtype != object:
        order = np.argsort(x[known], kind="stable")
    else:
        order = np.arange(int(known.sum()))
    x, value, lower, upper = (column[known][order] for column in (x, value, lower, upper))
    ax.fill_between(x, lower, upper, color=colour, alpha=0.12, linewidth=0)
    ax.plot(x, value, style, color=colour, label=label, linewidth=1.8, marker="o", markersize=3.5)


def _share_axis(ax: Axes, estimates: Sequence[str]) -> None:
    if all(name.endswith(("_probability", "_rate")) for name in estimates):
        ax.set_ylim(-0.02, 1.02)
        _percent(ax)
        ax.set_ylabel("share of rollouts")
    elif len(estimates) == 1:
        ax.set_ylabel(estimates[0])


def _percent(ax: Axes) -> None:
    from matplotlib.ticker import PercentFormatter

    ax.yaxis.set_major_formatter(PercentFormatter(1.0))


def _legend(ax: Axes, estimates: Sequence[str], *, with_lines: bool) -> None:
    """Colours for the other settings, line styles for the estimates."""
    from matplotlib.lines import Line2D

    handles = list(ax.get_legend_handles_labels()[0]) if with_lines else []
    if len(estimates) > 1:
        for name, style in zip(estimates, _STYLES, strict=False):
            words = name.replace("_", " ")
            handles.append(Line2D([], [], color=_INK, linestyle=style, label=words))
    if handles:
        ax.legend(handles=handles, frameon=False, fontsize="small")
