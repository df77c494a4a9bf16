from __future__ import annotations

import matplotlib as mpl
import pytest

mpl.use("Agg")

import gatewright as gw
import matplotlib.pyplot as plt

RISES_BY = "policy.gates.cost.harm.rises_by"
MULTIPLY = "candidate.effects.cost.multiply"


@pytest.fixture(scope="module")
def sweep() -> gw.Sweep:
    world = gw.testing.worlds()[1]
    return gw.sweep(world, runs=4, over={RISES_BY: ["10%", "30%"], MULTIPLY: [1.0, 1.2, 2.0]})


@pytest.fixture(autouse=True)
def close_figures() -> object:
    yield
    plt.close("all")


def test_an_operating_curve_has_a_line_per_other_setting_and_estimate(sweep: gw.Sweep) -> None:
    ax = gw.plots.operating_curve(sweep, x=MULTIPLY)
    assert len(ax.lines) == 4
    assert len(ax.collections) == 4
    detection = ax.lines[0]
    assert list(detection.get_xdata()) == [1.2, 2.0]
    assert list(ax.lines[1].get_xdata()) == [1.0, 1.2, 2.0]
    legend = ax.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == [
        "harm.rises_by 10%",
        "harm.rises_by 30%",
        "detection probability",
        "false alarm rate",
    ]
    assert ax.get_xlabel() == MULTIPLY


def test_quantities_lie_at_their_size(sweep: gw.Sweep) -> None:
    ax = gw.plots.operating_curve(sweep, x=RISES_BY, y="detection_probability")
    assert ax.get_xlabel() == f"{RISES_BY} [%]"
    assert list(ax.lines[-1].get_xdata()) == [10.0, 30.0]


def test_a_plot_draws_on_the_axes_it_is_given(sweep: gw.Sweep) -> None:
    _, ax = plt.subplots()
    assert gw.plots.operating_curve(sweep, MULTIPLY, "requests_mean", ax=ax) is ax
    assert ax.get_ylabel() == "requests_mean"


def test_what_is_not_in_the_sweep_cannot_be_drawn(sweep: gw.Sweep) -> None:
    with pytest.raises(KeyError, match="no setting of this sweep"):
        gw.plots.operating_curve(sweep, x="seed")
    with pytest.raises(KeyError, match="no estimate of this sweep"):
        gw.plots.operating_curve(sweep, x=MULTIPLY, y="power")


def test_halt_stages_shows_both_worlds() -> None:
    result = gw.run(gw.testing.worlds()[1], runs=10)
    ax = gw.plots.halt_stages(result)
    assert len(ax.patches) == 2 * 4
    assert [label.get_text() for label in ax.get_xticklabels()] == ["shadow", "10%", "50%", "100%"]
    heights = [bar.get_height() for bar in ax.patches[:4]]  # type: ignore[attr-defined]
    assert sum(heights) == pytest.approx(1.0)


def test_a_healthy_scenario_has_no_twin_to_show() -> None:
    ax = gw.plots.halt_stages(gw.run(gw.testing.worlds()[0], runs=3))
    assert len(ax.patches) in (4, 8)
