"""Every method on the same runs: by hand, without peeking, and where some cannot tell."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.estimate.guesses import (
    FORETOLD,
    GREEN,
    MEAN,
    METHODS,
    OVER,
    PRE_ENERGY,
    STEP_ENERGY,
    STEP_POWER,
    TDP,
    TRUE,
    Asked,
    early,
)
from analysis.estimate.illustrate import figure, write_estimates
from analysis.estimate.listing import errors, tables
from analysis.estimate.observed import Power, Seen, power_of
from analysis.estimate.rules import MEMORY_W_PER_GB
from analysis.estimate.scores import score
from analysis.tables import to_markdown


def seen(runs, **other):
    return Seen(tuple(runs), other.pop("left_out", {}), ("gpu0",), "measured", **other)


def of(scored, method, epochs):
    return next(item for item in scored.scores if (item.method, item.epochs) == (method, epochs))


def early_stopping(observed, configurations=4, blocks=3, **other):
    """Runs of known truth: a start of five epochs' energy, 1 % noise, a length of their own."""
    draw = np.random.default_rng(21)
    runs = []
    for place in range(configurations):
        for block in range(1, blocks + 1):
            lengths = np.exp(0.01 * draw.standard_normal(int(draw.integers(25, 40))))
            lengths[0] *= 6
            name = f"width={place + 1}"
            known = {"factor width": float(place + 1), "result parameters": 1e5 * (place + 1) ** 2}
            runs.append(
                observed(
                    50 * (place + 1) * lengths, lengths, configuration=name, block=block, planned=60.0, known=known
                )
            )
            runs[-1] = dataclasses.replace(runs[-1], **other)
    return runs


def test_two_runs_by_hand(observed):
    # 20 J for the first epoch, then 4 J each; 10 epochs in block 1, 20 in block 2; the first 5 are seen.
    runs = [observed([20] + [4] * (count - 1), block=block) for block, count in ((1, 10), (2, 20))]
    scored = score(seen(runs), Asked(first=5))
    assert (56.0, 96.0) == tuple(run.energy_J for run in runs)
    found = of(scored, STEP_ENERGY, TRUE)
    errors_told = (found.rmse_J, found.mean_absolute_pct, found.median_absolute_pct, found.bias_pct)
    assert (2, 0.0, 0.0, 0.0, 0.0) == (found.n, *errors_told)
    found = of(scored, STEP_ENERGY, FORETOLD)  # the other block's length: 96 of 56, 56 of 96
    assert 40 == pytest.approx(found.rmse_J)
    assert 50 * (40 / 56 + 40 / 96) == pytest.approx(found.mean_absolute_pct)
    assert 50 * (40 / 56 - 40 / 96) == pytest.approx(found.bias_pct)
    found = of(scored, MEAN, TRUE)  # (20 + 4 x 4) / 5 = 7.2 J an epoch: 72 of 56, 144 of 96
    assert np.sqrt((16**2 + 48**2) / 2) == pytest.approx(found.rmse_J)


def test_the_rules_of_thumb_by_hand(observed):
    run = observed([100, 100], [1, 1], power=Power(300.0, 0.5), memory_GB=16.0)
    scored = score(seen([run, dataclasses.replace(run, block=2)]), Asked(share=1))
    assert 300 * 2 - 200 == of(scored, TDP, OVER).rmse_J
    assert (150 + MEMORY_W_PER_GB * 16) * 2 - 200 == pytest.approx(of(scored, GREEN, OVER).rmse_J)


def test_a_power_limit_is_that_of_the_devices_and_memory_has_none():
    told = power_of(
        ("gpu0", "package-0", "dram-0"), {"gpu0": 300.0, "package-0": 100.0}, {"gpu0": 0.9, "cpu": 0.5}, None
    )
    assert (400.0, pytest.approx((0.9 * 300 + 0.5 * 100) / 400)) == (told.limit_W, told.utilisation)
    told = power_of(("gpu0", "package-0"), {"gpu0": 300.0}, {}, None)
    assert (None, None) == (told.limit_W, told.utilisation)
    assert "package-0" in told.why_limit
    assert "gpu0" in told.why_utilisation
    assert 250.0 == power_of(("gpu0",), {}, {}, 250.0).limit_W
    assert power_of((), {}, {}, None).limit_W is None


def test_what_cannot_be_told_says_why_and_does_not_empty_the_rest(observed):
    scored = score(seen(early_stopping(observed)), Asked())
    found = of(scored, TDP, OVER)
    assert (0, None, "no limit") == (found.n, found.rmse_J, found.why)
    assert 12 == of(scored, STEP_ENERGY, TRUE).n == scored.n
    assert "no limit" in to_markdown(errors(scored))


def test_on_runs_that_stop_early_step_is_near_and_the_mean_is_not(observed):
    scored = score(seen(early_stopping(observed)), Asked(0.2))
    for method in (STEP_ENERGY, STEP_POWER):
        assert of(scored, method, TRUE).mean_absolute_pct < 1
        assert of(scored, method, FORETOLD).mean_absolute_pct < 25
    assert of(scored, MEAN, TRUE).mean_absolute_pct > 40
    assert of(scored, MEAN, FORETOLD).mean_absolute_pct > of(scored, STEP_ENERGY, FORETOLD).mean_absolute_pct


def test_pre_learns_from_other_configurations_only_and_comes_near(observed):
    runs = early_stopping(observed, configurations=6)
    scored = score(seen(runs), Asked(0.2))
    assert "configuration" == scored.held_out
    assert of(scored, PRE_ENERGY, TRUE).mean_absolute_pct < 30
    spoilt = [
        dataclasses.replace(run, energy_J=run.energy_J * 1000) if run.configuration == "width=3" else run
        for run in runs
    ]
    again = score(seen(spoilt), Asked(0.2))
    for one, other in zip(scored.guesses, again.guesses, strict=True):
        if one.method == PRE_ENERGY and one.run.configuration == "width=3":
            assert one.energy_J == other.energy_J, "its own runs must not count"


def test_nothing_after_the_prefix_is_seen(observed):
    runs = early_stopping(observed)
    asked = Asked(0.2)
    spoilt = []
    for run in runs:
        later = run.spans_J.copy()
        later[asked.seen(run.epochs) :] *= 100
        spoilt.append(dataclasses.replace(run, spans_J=later, epochs_J=later, energy_J=float(later.sum())))
    assert [one.energy_J for one in early(runs, asked)] == [one.energy_J for one in early(spoilt, asked)]


def test_the_error_falls_with_what_is_seen(observed):
    scored = score(seen(early_stopping(observed)), Asked())
    told = {(item.method, item.epochs, item.window): item for item in scored.curve}
    assert told[STEP_ENERGY, TRUE, 100.0].rmse_J < 1e-9
    assert told[STEP_ENERGY, TRUE, 20.0].rmse_J < told[MEAN, TRUE, 20.0].rmse_J
    windows = [item.window for item in scored.curve if item.method == MEAN and item.epochs == TRUE]
    assert sorted(windows) == windows
    counted = score(seen(early_stopping(observed)), Asked(first=5))
    assert {2.0, 3.0, 4.0, 5.0} < {item.window for item in counted.curve}


@pytest.mark.parametrize("first", [1, 100])
def test_a_prefix_of_one_epoch_or_longer_than_the_runs_tells_nothing_by_step(observed, first):
    scored = score(seen(early_stopping(observed)), Asked(first=first))
    found = of(scored, STEP_ENERGY, TRUE)
    assert (0, None) == (found.n, found.rmse_J)
    assert ("fewer than 2 epochs" in found.why) == (first == 1)
    assert ("ended before" in found.why) == (first == 100)


def test_one_run_alone_has_no_length_foretold_and_nothing_to_learn_from(observed):
    scored = score(seen([observed([20, 4, 4, 4, 4, 4])]), Asked(share=0.5))
    assert 1 == of(scored, STEP_ENERGY, TRUE).n
    assert "--epochs" in of(scored, STEP_ENERGY, FORETOLD).why
    assert "nothing to learn from" in of(scored, PRE_ENERGY, TRUE).why


def test_one_configuration_is_held_out_by_block(observed):
    runs = [observed([20, 4, 4, 4, 4, 4], block=block) for block in (1, 2, 3)]
    scored = score(seen(runs), Asked(0.5))
    assert "block" == scored.held_out
    assert of(scored, PRE_ENERGY, FORETOLD).mean_absolute_pct < 1e-6, "runs that are all alike are their mean"


def test_all_methods_are_scored_on_the_same_runs(observed):
    runs = early_stopping(observed)
    runs[0] = dataclasses.replace(runs[0], planned=None)
    scored = score(seen(runs), Asked())
    assert {11, 0} == {item.n for item in scored.scores}
    assert 1 == scored.not_scored


def test_tables_and_the_figure_are_written(observed, tmp_path):
    scored = score(seen(early_stopping(observed), left_out={"no marked epochs": 2}, rehearsal=True), Asked())
    paths = write_estimates(scored, tmp_path)
    assert all(path.stat().st_size for path in paths)
    assert {"estimates.md", "estimates-by-window.csv", "estimates-of-runs.tex"} < {path.name for path in paths}
    assert {".svg", ".pdf", ".png"} == {path.suffix for path in paths if path.parent.name == "figures"}
    assert len(METHODS) == len(tables(scored)[0])
    page = (tmp_path / "tables" / "estimates.md").read_text()
    for part in ("2 runs: no marked epochs", "REHEARSAL", "RMSE (", "not told because"):
        assert part in page


def test_a_figure_needs_a_run():
    assert figure(score(seen([]), Asked())) is None


def test_a_figure_of_guesses_without_error_is_drawn_at_the_least_error_it_shows(observed):
    drawn = figure(score(seen([observed([4.0, 4.0], block=block) for block in (1, 2)]), Asked()))
    assert {0.01} == {value for line in drawn.axes[1].lines for value in line.get_ydata() if value > 0 and value < 1}


@pytest.mark.parametrize(
    ("share", "epochs", "expected"), [(0.2, 25, 5), (0.2, 26, 6), (0.05, 10, 1), (1.0, 7, 7), (0.3, 10, 3)]
)
def test_a_share_is_rounded_up(share, epochs, expected):
    assert expected == Asked(share).seen(epochs)
