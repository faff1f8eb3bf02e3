"""Several sources in one night: who stands beside whom, what they differ by, and that nothing of it is ever summed."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.agreement import AROUND, ONE_SENSOR, TWO_SOURCES
from analysis.findings_file import findings_bytes, read_findings
from analysis.load import load
from analysis.sensor_class import class_of
from analysis.sources import BESIDE, COMPARED, NOT_SUMMED
from analysis.study import examine

RATED = {"origin": "constant", "constant_W": 70.0, "quality": "modelled"}
OTHER = {"origin": "energibridge", "scale": 0.97, "error": 0.01}
WALL = {"origin": "meter", "domain": "wall", "scale": 1.8, "rate_hz": 10}
SEVERAL = {"origin": "nvml", "blocks": 12, "beside": (OTHER, RATED, WALL), "duration_noise": 0.01}


@pytest.fixture(scope="module")
def several(simulate_once):
    made = simulate_once(**SEVERAL)
    return made, examine(load(made.path))


def of_kind(study, kind):
    return {(item.domain, item.one, item.other): item for item in study.findings.agreements if item.kind == kind}


def test_a_known_bias_between_two_sources_is_recovered(several):
    _, study = several
    item = of_kind(study, TWO_SOURCES)["gpu0", "energibridge", "nvml"]
    assert 24 == item.ratio.n
    assert item.ratio.low < 0.97 < item.ratio.high
    bias = 200 * (0.97 - 1) / (0.97 + 1)
    assert item.bias.low < bias < item.bias.high
    # An error of 1 % from run to run, of the one: 1.96 of it to either side.
    assert item.lower.low < bias - 1.96 < item.lower.high
    assert item.upper.low < bias + 1.96 < item.upper.high
    assert not item.modelled


def test_each_two_sources_of_a_domain_are_a_pair_and_models_are_called_so(several):
    _, study = several
    pairs = of_kind(study, TWO_SOURCES)
    rated = "constant (modelled)"
    assert {("gpu0", "energibridge", "nvml"), ("gpu0", rated, "nvml"), ("gpu0", rated, "energibridge")} == set(pairs)
    assert pairs["gpu0", rated, "nvml"].modelled
    # A constant follows the duration alone, and the duration is part of what is measured.
    assert 0.3 < pairs["gpu0", rated, "nvml"].within.value < 1


def test_counter_and_trace_are_consistency_of_one_sensor(simulate_once):
    study = examine(load(simulate_once(origin="nvml", blocks=4, counter_scale=1.02).path))
    ((key, item),) = of_kind(study, ONE_SENSOR).items()
    assert ("gpu0", "trace of nvml", "its counter") == key
    assert 1 / 1.02 == pytest.approx(item.ratio.value, rel=1e-6)


def test_what_encloses_the_sum_is_correlated_with_it_and_has_no_bias(several):
    _, study = several
    ((key, item),) = of_kind(study, AROUND).items()
    assert ("wall", "meter", "gpu0, as compared") == key
    assert 1.8 == pytest.approx(item.ratio.value, rel=1e-2)
    assert item.pearson.value > 0.99
    assert item.bias is None


def test_the_points_are_one_a_run_and_pair_never_a_sample(several):
    made, study = several
    points = study.agreement
    assert 3 * len(made.usable()) == len(points)
    assert 3 == points.groupby("run").size().max()
    mine = points[points.one == "energibridge"].set_index("run")
    truth = {run.run: run.train_J["gpu0"] for run in made.runs}
    np.testing.assert_allclose(
        mine.mean_J * (1 - mine.difference_pct / 200), [truth[run] for run in mine.index], rtol=1e-9
    )


def test_invalid_and_failed_runs_are_in_no_pair(simulate_once):
    made = simulate_once(origin="nvml", blocks=4, beside=(OTHER,), invalid=("b02-1",), failed=("b03-1",), discarded=1)
    study = examine(load(made.path))
    assert {run.run for run in made.usable()} == set(study.agreement.run)


def test_a_source_that_is_missing_in_some_runs_is_compared_in_the_others(simulate_once):
    gone = {**OTHER, "without": ("b01-1", "b02-2")}
    study = examine(load(simulate_once(origin="nvml", blocks=4, beside=(gone,)).path))
    (item,) = of_kind(study, TWO_SOURCES).values()
    assert 6 == item.ratio.n
    assert 4 == study.findings.groups[0].n_headline


def test_the_sources_say_what_is_compared_what_stands_beside_it_and_of_which_class(several):
    _, study = several
    told = {(item.domain, item.origin): item for item in study.findings.sources}
    assert {COMPARED} == {told["gpu0", "nvml"].standing}
    assert {BESIDE} == {told["gpu0", origin].standing for origin in ("energibridge", "constant")}
    assert NOT_SUMMED == told["wall", "meter"].standing
    assert ("-6 to -2 %", -0.06, -0.02) == (
        told["gpu0", "nvml"].sensor_class, told["gpu0", "nvml"].class_low, told["gpu0", "nvml"].class_high,
    )  # fmt: skip
    assert "none: modelled" == told["gpu0", "constant"].sensor_class


def test_a_rated_power_stands_beside_the_measured_one_in_one_table_and_is_never_added(several):
    made, study = several
    rows = {(item.configuration, item.domain, item.origin): item for item in study.findings.recorded}
    for name in ("base", "lean"):
        mine = [run for run in made.usable() if run.configuration == name]
        measured, rated = rows[name, "gpu0", "nvml"], rows[name, "gpu0", "constant"]
        assert np.mean([run.train_J["gpu0"] for run in mine]) == pytest.approx(measured.energy.value)
        assert np.mean([70.0 * run.train_s for run in mine]) == pytest.approx(rated.energy.value)
        ratios = [70.0 * run.train_s / run.train_J["gpu0"] for run in mine]
        assert np.exp(np.mean(np.log(ratios))) == pytest.approx(rated.ratio.value)
        assert (None, "modelled") == (measured.ratio, rated.quality)
        assert 0 < measured.bound_J < 0.05 * measured.energy.value
    assert ("gpu0",) == study.findings.domains
    assert "measured" == study.findings.quality


def test_the_preferred_source_is_compared_and_a_preference_for_nothing_is_said(simulate_once):
    made = simulate_once(**SEVERAL, protocol={"analysis": {"prefer": ["rapl", "energibridge"]}})
    found = examine(load(made.path)).findings
    assert "energibridge" == next(item.origin for item in found.sources if item.standing == COMPARED)
    told = next(item for item in found.cautions if item.code == "source-not-there")
    assert "names rapl, which tells no energy in this night; gpu0 is told by energibridge instead" in told.message


def test_two_sensors_that_are_far_apart_are_a_caution_and_a_model_is_not(simulate_once):
    half = {"origin": "energibridge", "scale": 0.5, "error": 0.01}
    for beside, expected in (((half, RATED), 1), ((OTHER, RATED), 0)):
        found = examine(load(simulate_once(origin="nvml", blocks=4, beside=beside).path)).findings
        told = [item.message for item in found.cautions if item.code == "sources-disagree"]
        assert expected == len(told)
        assert all("energibridge tells 0.50" in message for message in told)


def test_one_source_alone_agrees_with_nobody(simulate_once):
    study = examine(load(simulate_once(origin="nvml", blocks=3, counter=False).path))
    assert () == study.findings.agreements
    assert study.agreement.empty


def test_absolute_joules_say_their_bound_and_class_and_a_ratio_does_not(simulate_once):
    alone = examine(load(simulate_once(origin="nvml", blocks=4, configurations={"only": 1.0}).path)).findings
    assert "J each (edges, gaps), sensor class gpu0 by nvml -6 to -2 %" in alone.headline
    two = examine(load(simulate_once(origin="nvml", blocks=4).path)).findings
    assert "class" not in two.headline
    assert two.groups[0].bound > 0


def test_the_findings_of_several_sources_are_read_back_as_they_were(several, tmp_path):
    _, study = several
    (tmp_path / "findings.json").write_bytes(findings_bytes(study.findings))
    back = read_findings(tmp_path / "findings.json")
    assert [item.kind for item in study.findings.agreements] == [item.kind for item in back.agreements]
    assert findings_bytes(study.findings) == findings_bytes(back)


@pytest.mark.parametrize(
    ("origin", "quality", "source", "expected"),
    [
        ("nvml", "measured", "NVML ring buffer", "-6 to -2 %"),
        ("energibridge", "measured", "EnergiBridge: NVML power usage", "-6 to -2 %"),
        ("codecarbon", "measured", "CodeCarbon: RAPL, package", "not stated"),
        ("meter", "measured", "shelly meter over HTTP", "-2 to +2 %"),
        ("hwmon", "measured", "ina3221", "not stated"),
        ("codecarbon", "modelled", "CodeCarbon: TDP x load", "none: modelled"),
    ],
)
def test_the_class_is_that_of_the_sensor_that_is_read(origin, quality, source, expected):
    assert expected == str(class_of(origin, quality, source))
