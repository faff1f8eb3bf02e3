"""The statistics that the published studies print stand in the report of a night by their protocols' plans."""

import math
from pathlib import Path

import pytest

from analysis.load import load
from analysis.report import write_report
from analysis.study import examine
from harness.protocol import find, read

ARCHITECTURES = ("mobilenet_v2", "nasnet_mobile", "xception", "resnet50", "vgg16")


def plan_of(name, **changes):
    """The analysis section of a shipped protocol, as a simulated night takes it."""
    analysis = read(find(name)).analysis.model_dump(mode="json", exclude_defaults=True)
    return {"analysis": {key: value for key, value in {**analysis, **changes}.items() if value is not None}}


@pytest.fixture(scope="module")
def environments(simulate_once):
    power = {name: 1 + 0.05 * place for place, name in enumerate(ARCHITECTURES)}
    made = simulate_once(
        configurations=power,
        levels={name: {"architecture": name} for name in ARCHITECTURES},
        accuracy={name: 0.9 + 0.01 * place for place, name in enumerate(ARCHITECTURES)},
        blocks=8,
        order="shuffle",
        noise=0.02,
        rate_hz=5.0,
        protocol=plan_of("environments-as-published", accuracy="accuracy", tradeoff={"metric": "accuracy"}),
    )
    return load(made.path)


@pytest.mark.slow
def test_study_4s_statistics_are_all_in_its_tables(environments, tmp_path):
    found = examine(environments).findings
    overall = {test.name for test in found.omnibus}
    for name in ("Kruskal-Wallis", "Welch ANOVA on logs"):
        assert name in overall
    assert [name for name in overall if name.startswith("Levene")]
    eta = next(test for test in found.omnibus if test.name == "Kruskal-Wallis")
    assert "η²" == eta.estimate.unit
    assert all(group.normality is not None for group in found.groups)
    assert 10 == len(found.comparisons)
    for item in found.comparisons:
        names = " ".join(test.name for test in item.tests)
        assert "Games-Howell" in names
        assert "Dunn" in names
        assert item.cliffs_delta.value is not None
        dunn = next(test for test in item.tests if test.name.startswith("Dunn"))
        assert dunn.p_adjusted is not None
    assert found.tradeoff is not None
    report = tmp_path / "report"
    write_report(environments.path, report)
    stems = {path.stem for path in Path(report, "figures").iterdir()}
    assert {"pareto", "distribution"} <= stems


@pytest.fixture(scope="module")
def architectures(simulate_grid):
    plan = plan_of("architectures-as-published", baseline="width=1,precision=float32")
    return load(simulate_grid(3, 2, blocks=3, order="listed", protocol=plan).path)


def test_study_3s_statistics_are_all_in_its_tables(architectures):
    study = examine(architectures)
    overall = {test.name: test for test in study.findings.omnibus}
    assert "Kruskal-Wallis, by width" in overall  # its architectures
    assert "Kruskal-Wallis, by precision" in overall  # its data sets
    (r,) = (test for name, test in overall.items() if name.startswith("point-biserial r with precision"))
    assert -1 <= r.statistic <= 1
    for group in study.findings.groups:
        assert math.isfinite(group.median)
    assert "accuracy per kWh" in [item.name for item in study.findings.ratios]
    assert ["Japan", "France"] == [place.name for place in study.findings.carbon.places]
