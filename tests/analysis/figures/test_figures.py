"""Every figure, with few and many configurations, short and long names: readable, stamped, the same each time."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from analysis.figures.accuracy import draw_accuracy
from analysis.figures.agreement import MOST_PANELS, draw_agreement
from analysis.figures.distribution import draw_distribution
from analysis.figures.drift import draw_drift
from analysis.figures.epochs import by_epoch, draw_epochs, left_out
from analysis.figures.pairs import draw_pairs, within_block
from analysis.figures.power import draw_power
from analysis.figures.ratios import MOST, draw_decomposition, draw_ratios, pages
from analysis.figures.rendering import render, save
from analysis.figures.style import DOUBLE_IN, PALETTE, SINGLE_IN, look
from analysis.findings import Agreement, Estimate
from analysis.statistics.agreement import limits_of_agreement

SIZES = [
    pytest.param(2, 12, False, id="2"),
    pytest.param(2, 6, True, id="2-long"),
    pytest.param(6, 6, False, id="6"),
    pytest.param(6, 5, True, id="6-long"),
    pytest.param(45, 3, True, id="45-long", marks=pytest.mark.slow),
]
STAMP = "modelled, not measured"


def curve_of(names, runs=30):
    times = np.arange(60) * 0.5 + 0.25
    frames = []
    for place, name in enumerate(names):
        mean = 130 - place + 5 * np.sin(times)
        n = np.where(times > 25, max(1, runs - 3), runs)
        half = np.where(n > 1, 2.0, np.nan)
        frames.append(
            pd.DataFrame(
                {
                    "configuration": name,
                    "begin_s": times - 0.25,
                    "end_s": times + 0.25,
                    "power_W": mean,
                    "low_W": mean - half,
                    "high_W": mean + half,
                    "n": n,
                }
            )
        )
    return pd.concat(frames)


def phases_of(runs):
    return pd.DataFrame(
        [
            {
                "run": run.run,
                "configuration": run.configuration,
                "phase": f"epoch {epoch}",
                "metric.loss": 2 / epoch,
                "metric.val_loss": 2.2 / epoch,
                "metric.accuracy": 0.5 - 0.3 / epoch,
            }
            for run in runs.itertuples()
            for epoch in range(1, 11)
        ]
    )


def agreed(runs, pairs, *, bias=-3.0, spread=1.0):
    """Points and agreements of so many pairs of sources."""
    draw = np.random.default_rng(3)
    points, found = [], []
    for number in range(pairs):
        words = ("gpu0", "constant (modelled)", "nvml") if number % 2 else (f"amdgpu-{number}", "energibridge", "hwmon")
        difference = bias + spread * draw.standard_normal(len(runs))
        mine = pd.DataFrame({"configuration": runs.configuration, "mean_J": runs.value, "difference_pct": difference})
        points.append(mine.assign(domain=words[0], one=words[1], other=words[2]))
        limits = limits_of_agreement(difference, "%", 0.95)
        ratio = Estimate(1 + bias / 100, "×", n=len(runs))
        nothing = Estimate(None, "")
        found.append(
            Agreement(
                *("one domain, two sources", *words, bool(number % 2), ratio, nothing, nothing, nothing),
                *(limits.bias, limits.lower, limits.upper),
            )
        )
    return pd.concat(points), found


def draw(kind, names, runs, comparisons, groups):
    of_response = {"quantity": "energy of train: gpu0 + package-0", "configurations": names, "stamp": STAMP}
    match kind:
        case "distribution":
            return draw_distribution(runs, unit="J", **of_response)
        case "ratios":
            return draw_ratios(comparisons, quantity="energy of train: gpu0 + package-0", stamp=STAMP)
        case "decomposition":
            return draw_decomposition(comparisons, stamp=STAMP)
        case "accuracy":
            return draw_accuracy(runs, groups, unit="J", **of_response)
        case "pairs":
            return draw_pairs(runs, comparisons, unit="J", **of_response)
        case "drift":
            return draw_drift(runs, **of_response)
        case "power":
            return draw_power(curve_of(names), bin_s=0.5, refresh_s=1.0, configurations=names, stamp=STAMP)
        case "epochs":
            return draw_epochs(by_epoch(phases_of(runs)), configurations=names, stamp=STAMP)
        case "agreement":
            return draw_agreement(*agreed(runs, {2: 1, 6: 4}.get(len(names), 12)), configurations=names, stamp=STAMP)
    raise AssertionError(kind)


@pytest.mark.parametrize(("count", "blocks", "long"), SIZES)
@pytest.mark.parametrize(
    "kind", ["distribution", "ratios", "decomposition", "accuracy", "pairs", "drift", "power", "epochs", "agreement"]
)
def test_nothing_is_cut_off_or_written_over(kind, count, blocks, long, made_up, compared, grouped, flaws):
    names, runs = made_up(count, blocks, long=long)
    figure = draw(kind, names, runs, compared(names, runs), grouped(names, runs))
    assert [] == flaws(figure)
    assert figure.get_size_inches()[0] in (SINGLE_IN, DOUBLE_IN)
    assert any(STAMP in text.get_text() for text in figure.texts)


def test_every_axis_of_a_quantity_names_its_unit(made_up, compared, grouped):
    names, runs = made_up(2, 6)
    comparisons, groups = compared(names, runs), grouped(names, runs)
    words = {
        kind: " | ".join(
            label
            for axes in draw(kind, names, runs, comparisons, groups).axes
            for label in (axes.get_xlabel(), axes.get_ylabel())
        )
        for kind in ("distribution", "accuracy", "pairs", "drift", "power", "agreement")
    }
    assert "kJ" in words["agreement"]
    assert "difference, %" in words["agreement"]
    assert "kJ" in words["distribution"]
    assert "kJ" in words["accuracy"]
    assert "kJ" in words["pairs"]
    assert "%" in words["drift"]
    assert "°C" in words["drift"]
    assert "min" in words["drift"]
    assert ",\N{NO-BREAK SPACE}W" in words["power"]
    assert ", s" in words["power"]


def test_the_band_is_called_pointwise_and_a_bin_below_the_refresh_is_said(made_up):
    names, _ = made_up(2, 3)
    fine = draw_power(curve_of(names), bin_s=0.5, refresh_s=1.0, configurations=names)
    legend = [text.get_text() for text in fine.legends[0].get_texts()]
    assert any("pointwise" in text for text in legend)
    assert "float32 (n = 27 to 30)" in legend
    said = " ".join(text.get_text() for text in fine.texts).replace("\n", " ")
    assert "finer than the sensor's refresh (1 s)" in said
    coarse = draw_power(curve_of(names), bin_s=2.0, refresh_s=1.0, configurations=names)
    assert "finer" not in " ".join(text.get_text() for text in coarse.texts)


def test_one_run_has_a_curve_but_no_band(made_up, flaws):
    names, _ = made_up(1, 1)
    figure = draw_power(curve_of(names, runs=1), bin_s=0.5, configurations=names)
    assert [] == flaws(figure)
    assert not any("pointwise 9" in text.get_text() for text in figure.legends[0].get_texts())


def test_flagged_and_excluded_runs_have_shapes_of_their_own(made_up):
    names, runs = made_up(2, 6)
    figure = draw_distribution(runs, configurations=names)
    markers = {line.get_marker() for line in figure.axes[0].get_lines() if len(line.get_xdata())}
    assert {"o", "D", "x"} <= markers
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"run of the headline", "flagged as an outlier", "excluded otherwise"} <= legend


def test_fewer_than_five_runs_get_neither_violin_nor_box(made_up):
    names, runs = made_up(2, 3)
    figure = draw_distribution(runs, configurations=names)
    assert 0 == len(figure.axes[0].collections)
    assert any("No violin or box below 5 runs" in text.get_text().replace("\n", " ") for text in figure.texts)


def test_an_excluded_run_far_away_does_not_press_the_others_together(made_up):
    names, runs = made_up(2, 6)
    runs.loc[runs.state == "excluded", "value"] = 3e6
    figure = draw_distribution(runs, configurations=names)
    assert "energy, kJ" == figure.axes[0].get_ylabel().replace("\xa0", " ")
    assert figure.axes[0].get_ylim()[1] < 100
    assert any("1 excluded run far away" in text.get_text().replace("\n", " ") for text in figure.texts)


def test_a_comparison_without_a_ratio_keeps_its_line(made_up, compared):
    names, runs = made_up(6, 5)
    comparisons = compared(names, runs)
    from dataclasses import replace

    from analysis.findings import Estimate

    nothing = Estimate(None, "×", note="one run")
    figure = draw_ratios([replace(comparisons[0], ratio=nothing, ratio_all=nothing), *comparisons[1:]])
    assert 5 == len(figure.axes[0].get_yticklabels())
    assert "cannot be told" in [text.get_text() for text in figure.axes[1].texts]


@pytest.mark.parametrize("draw_page", [draw_ratios, draw_decomposition])
def test_more_comparisons_than_a_page_holds_are_dealt_out_to_several_with_one_scale(
    draw_page, made_up, compared, flaws
):
    names, runs = made_up(60, 2)
    comparisons = compared(names, runs)
    every = pages(comparisons)
    figures = [draw_page(comparisons, page=page) for page in (1, 2)]
    assert [30, 29] == [len(figure.axes[0].get_yticklabels()) for figure in figures] == [len(page) for page in every]
    assert {item.configuration for item in comparisons} == {item.configuration for page in every for item in page}
    assert 1 == len({figure.axes[0].get_xlim() for figure in figures})
    assert "Page 2 of 2: comparisons 31 to 59 of 59" in words_of(figures[1])
    assert [[], []] == [flaws(figure) for figure in figures]


def test_no_page_is_longer_than_another_by_more_than_one(made_up, compared):
    names, runs = made_up(6, 2)
    one = compared(names, runs)[0]
    for count in (1, 45, 46, 91, 990):
        sizes = [len(page) for page in pages([one] * count)]
        assert (count, -(-count // MOST)) == (sum(sizes), len(sizes))
        assert max(sizes) - min(sizes) <= 1
    assert [[]] == pages([])


def words_of(figure):
    return " ".join(text.get_text().replace("\n", " ") for text in figure.texts)


@pytest.mark.parametrize(("bias", "spread"), [(-95.0, 0.5), (0.02, 0.01), (3.0, 40.0), (0.0, 0.0)])
def test_bias_and_limits_are_drawn_and_named_wherever_they_lie(made_up, flaws, bias, spread):
    names, runs = made_up(2, 6)
    figure = draw_agreement(*agreed(runs, 1, bias=bias, spread=spread), configurations=names)
    (panel,) = figure.axes
    assert [] == flaws(figure)
    told = [text.get_text() for text in panel.texts]
    assert (["bias"] if spread == 0 else ["bias", "lower", "upper"]) == [text.split()[0] for text in told]
    assert all(text.endswith(" %") for text in told)
    low, high = panel.get_ylim()
    points = np.concatenate([line.get_ydata() for line in panel.lines if line.get_marker() in "os"])
    assert low < points.min()
    assert points.max() < high


def test_an_outlying_run_does_not_write_the_limits_over_one_another(made_up, flaws):
    names, runs = made_up(2, 40)
    points, found = agreed(runs, 1, bias=0.5, spread=0.02)
    points.iloc[0, points.columns.get_loc("difference_pct")] = 30.0
    assert [] == flaws(draw_agreement(points, found, configurations=names))


def test_few_runs_have_no_limits_and_many_pairs_are_cut_and_both_are_said(made_up):
    names, runs = made_up(2, 6)
    assert "Limits need three runs" in words_of(draw_agreement(*agreed(runs.head(2), 1)))
    many = draw_agreement(*agreed(runs, MOST_PANELS + 3), configurations=names)
    assert f"The first {MOST_PANELS} of {MOST_PANELS + 3} pairs" in words_of(many)
    assert "how good the model is" in words_of(many)


def test_pairs_are_the_blocks_that_hold_both(made_up):
    names, runs = made_up(2, 6)
    found = within_block(runs, names[1], names[0])
    whole = runs[runs.state != "excluded"].groupby("block").configuration.nunique()
    assert sorted(whole[whole == 2].index) == found.block.tolist()
    flagged_block = int(runs.loc[runs.state == "outlier", "block"].iloc[0])
    assert found.flagged.tolist() == [block == flagged_block for block in found.block]
    first = runs[runs.block == found.block[0]].set_index("configuration").value
    assert found.ratio[0] == pytest.approx(first[names[1]] / first[names[0]])


def test_epochs_are_averaged_over_runs_and_what_is_no_number_is_passed_over():
    phases = pd.DataFrame(
        {
            "configuration": ["a", "a", "a", "a", "a"],
            "phase": ["epoch 1", "epoch 1", "epoch 2", "train", "epoch 2"],
            "metric.loss": [2.0, 4.0, np.nan, 9.0, np.inf],
            "metric.note": ["x"] * 5,
        }
    )
    found = by_epoch(phases)
    assert [("a", "loss", 1, 3.0, 2.0, 4.0, 2)] == list(found.itertuples(index=False, name=None))
    assert by_epoch(phases.drop(columns="metric.loss")).empty


@pytest.mark.parametrize(("count", "without"), [(6, []), (7, ["loss"])])
def test_what_has_no_place_beside_the_accuracy_of_many_configurations_is_told_and_can_be_drawn(
    count, without, made_up, flaws
):
    names, runs = made_up(count, 2)
    learning = by_epoch(phases_of(runs))
    assert without == left_out(learning)
    for kind in without:
        figure = draw_epochs(learning, metric=kind, configurations=names)
        assert {kind} == {axes.get_ylabel() for axes in figure.axes} - {""}
        assert [] == flaws(figure)


def test_the_same_figure_gives_the_same_bytes_without_a_date(made_up, tmp_path):
    names, runs = made_up(2, 6)
    one, other = (render(draw_distribution(runs, configurations=names)) for _ in range(2))
    assert one == other
    assert {"svg", "pdf", "png"} == set(one)
    assert b"dc:date" not in one["svg"]
    assert b"CreationDate" not in one["pdf"]
    paths = save(draw_distribution(runs, configurations=names), tmp_path, "all")
    assert one["pdf"] == paths["pdf"].read_bytes()


def test_no_place_on_a_figure_hangs_on_the_last_bits_of_a_solver(made_up):
    names, runs = made_up(2, 6)
    for axes in draw_distribution(runs, configurations=names).axes:
        assert all(abs(edge - round(edge, 7)) < 1e-12 for edge in axes.get_position(original=True).bounds)


def test_a_name_is_text_whatever_it_holds(made_up):
    names, runs = made_up(2, 6)
    hostile = "--><script>alert(1)</script> $\\frac{ \x00 \x1b]0;x\x07 & 100 %"
    runs["configuration"] = runs.configuration.replace(names[0], hostile)
    rendered = render(draw_distribution(runs, configurations=[hostile, names[1]], stamp=hostile))
    assert b"<script" not in rendered["svg"].replace(b"<!-- ", b"")
    assert b"\x00" not in rendered["svg"]
    assert re.search(rb"<!-- [^\n]*alert", rendered["svg"])
    import xml.etree.ElementTree as ElementTree

    assert ElementTree.fromstring(rendered["svg"]).tag.endswith("svg")


def test_configurations_beyond_the_palette_still_look_different():
    assert 45 == len({(look(index).colour, look(index).marker) for index in range(45)})
    assert len(PALETTE) == len({look(index).colour for index in range(len(PALETTE))})


def test_the_users_own_matplotlib_settings_change_nothing(made_up):
    import matplotlib as mpl

    names, runs = made_up(2, 6)
    before = render(draw_distribution(runs, configurations=names))["png"]
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.facecolor": "red"}):
        assert before == render(draw_distribution(runs, configurations=names))["png"]


def test_a_figure_needs_no_display_and_no_pyplot():
    code = "import sys, analysis.figures.distribution; print('matplotlib.pyplot' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "False" == shown.stdout.strip()


def test_every_figure_is_there_for_a_notebook():
    from analysis import figures

    assert all(callable(getattr(figures, name)) for name in figures.__all__)
    assert set(figures.__all__) <= set(dir(figures))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = figures.nothing


def test_of_many_configurations_those_are_named_that_no_other_beats_and_that_is_said():
    names = [f"width-{place:02d}" for place in range(30)]
    worse = [f"wasteful-{place:02d}" for place in range(15)]
    rows = [(name, 100.0 + place, 0.5 + place / 100) for place, name in enumerate(names)]
    rows += [(name, 150.0 + place, 0.4) for place, name in enumerate(worse)]
    runs = pd.DataFrame(rows, columns=["configuration", "value", "accuracy"]).assign(state="headline")
    figure = draw_accuracy(runs, [], configurations=[*names, *worse])
    named = [text.get_text() for text in figure.legends[0].get_texts()]
    assert (10, names[0], names[-1]) == (len(named), named[0], named[-1])
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "In grey: 35 more; named are 10 of the 30 that no other beats in both means." in said
