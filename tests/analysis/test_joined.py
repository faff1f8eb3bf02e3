"""Several nights as one: pairs within each night's own blocks, an effect recovered, and what cannot be joined."""

import json
import math
import shutil

import pytest

from analysis.joined import join
from analysis.report import write_joined_report
from analysis.study import study
from harness.errors import NightFolderError

SMALL = {"epochs": 0, "train_s": 1.0, "context": False, "accuracy": {}, "blocks": 4, "drift": 0.04}


@pytest.fixture
def several(simulate_once):
    """Nights of one protocol on machines of different power; ``changed`` settings are those of the last one."""

    def make(count=3, *, common=None, **changed):
        settings = [{**SMALL, **(common or {}), "seed": 30 + n, "power_W": 150.0 + 60 * n} for n in range(count)]
        settings[-1] |= changed
        return [simulate_once(**item).path for item in settings]

    return make


def refused(paths, *words):
    with pytest.raises(NightFolderError) as error:
        join(paths)
    said = str(error.value)
    assert [] == [word for word in words if word not in said], said
    assert "remedy:" in said


def test_blocks_stay_those_of_their_night_and_the_effect_is_found_across_machines(several):
    night = join(several())
    found = study(night)
    [comparison] = found.comparisons
    assert (12, 0) == (comparison.pairs, comparison.pairs_lost)
    # Three standard errors of the twelve pairs: 3 x 0.006 x sqrt(2 / 12).
    assert 0.95 == pytest.approx(comparison.ratio.value, abs=0.0074)
    assert comparison.ratio.high - comparison.ratio.low < 0.02  # machines 40 % apart take themselves off
    assert list(range(1, 13)) == sorted(set(night.runs.block))
    assert 24 == night.runs.slot.nunique()
    assert night.runs.run.is_unique


def test_each_night_stands_by_itself_and_its_interaction_is_tested(several):
    found = study(join(several()))
    assert [4, 4, 4] == [item.ratio.n for item in found.nights]
    ratio = math.exp(sum(math.log(item.ratio.value) for item in found.nights) / 3)
    assert ratio == pytest.approx(found.comparisons[0].ratio.value)
    names = [test.name for test in found.omnibus]
    assert {"night × lean against base", "paired t over nights, lean against base"} <= set(names)
    codes = {caution.code for caution in found.cautions}
    assert "nights-fixed" in codes
    assert "nights-differ" not in codes
    assert "nested in 3 nights" in found.methods


def test_a_night_whose_effect_is_another_is_told(several):
    found = study(join(several(configurations={"base": 1.0, "lean": 0.85})))
    test = next(test for test in found.omnibus if test.name.startswith("night ×"))
    assert test.p < 0.001
    assert "nights-differ" in {caution.code for caution in found.cautions}


def test_six_nights_are_a_sample_of_nights(several):
    found = study(join(several(6)))
    codes = {caution.code for caution in found.cautions}
    assert ("nights-sampled" in codes, "nights-fixed" in codes) == (True, False)


def test_a_run_is_wild_among_those_of_its_own_night(simulate_once):
    settings = {**SMALL, "blocks": 12}
    paths = [
        simulate_once(**settings, seed=50, power_W=100.0, outliers={"b03-1": 1.3}).path,
        simulate_once(**settings, seed=51, power_W=400.0).path,
    ]
    found = study(join(paths))
    [wild] = [item for item in found.exclusions if item.rule == "outlier-z"]
    assert wild.run.startswith("n1-b03-1")


@pytest.mark.usefixtures("unrendered")
def test_the_report_of_several_nights_has_their_table_and_leaves_the_nights_alone(several, tmp_path):
    paths = several()
    before = [sorted(path.rglob("*")) for path in paths]
    made = write_joined_report(paths, tmp_path / "out")
    assert "Each night by itself" in made.index.read_text()
    assert (made.folder / "tables" / "nights.csv").is_file()
    assert 3 == len(json.loads((made.folder / "findings.json").read_text())["nights"])
    assert before == [sorted(path.rglob("*")) for path in paths]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"protocol": {"analysis": {"alpha": 0.01}}}, ["another protocol: analysis.alpha is 0.01 here, 0.05 there"]),
        ({"protocol": {"analysis": {"metric": "duration"}}}, ["analysis.metric", "'duration'"]),
        ({"protocol": {"workload": {"command": ["other"]}}}, ["another protocol: workload.command"]),
        ({"configurations": {"base": 1.0, "mean": 0.9}}, ["factors.arm"]),
        ({"domains": {"gpu1": 1.0}}, ["that of gpu1", "it is gpu0"]),
        ({"quality": "modelled"}, ["(modelled)", "gpu0"]),
        ({"origin": "nvml"}, ["by nvml", "by unsigned"]),
        ({"order": "shuffle"}, ["no blocks (order shuffle)"]),
        ({"rehearsal": True}, ["a rehearsal"]),
        ({"stop_after": 0}, ["no run"]),
    ],
)
def test_what_cannot_be_joined_is_refused_with_the_reason(several, changed, words):
    refused(several(2, **changed), *words)


def test_classic_nights_are_not_joined(several):
    refused(several(2, common={"protocol": {"analysis": {"recipe": "classic"}}}), "the classic recipe")


def test_a_night_is_not_joined_with_itself_nor_with_its_copy(several, tmp_path):
    path, _ = several(2)
    refused([path, path], "the same night")
    shutil.copytree(path, tmp_path / "copy")
    refused([path, tmp_path / "copy"], "the same night", "give it once")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_joined_nights_of_a_thing_against_itself_are_told_apart_as_often_as_alpha(simulate):
    amount, alarms = 100, 0
    settings = {**SMALL, "configurations": {"first": 1.0, "second": 1.0}}
    for seed in range(amount):
        paths = [simulate(**settings, seed=1000 * n + seed, power_W=150.0 + 60 * n).path for n in range(3)]
        alarms += study(join(paths)).comparisons[0].decision != "not told apart"
    assert abs(alarms / amount - 0.05) <= 3 * math.sqrt(0.05 * 0.95 / amount), alarms
