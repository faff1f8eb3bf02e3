"""Which runs are in the headline, and which rule left the others out."""

from __future__ import annotations

import dataclasses
import json
import math

import pytest

from analysis.energy import choice_of, measure
from analysis.load import load
from analysis.quality import assess
from analysis.response import ENERGY, responses
from analysis.study import study
from harness.protocol_model import Outliers

FAMILY = (("lean", "base"),)


def assessed(path, outliers=None, family=FAMILY, response=ENERGY, domains=()):
    night = load(path)
    measured = measure(night)
    choice = choice_of(measured.frame, domains)
    return assess(night, responses(night, measured, choice)[response], outliers or Outliers(), family)


def rules(assessment):
    return {item.run: item.rule for item in assessment.exclusions}


def test_each_run_outside_the_headline_is_there_once_with_its_rule(simulate_once):
    made = simulate_once(
        blocks=6, invalid=("b02-1",), lost=("b03-1",), failed=("b04-1",), missing=("b05-1",), discarded=1
    )
    found = assessed(made.path)
    by_slot = {item.run[:8]: item.rule for item in found.exclusions if not item.in_headline}
    assert {
        "b00-1-a1": "discarded",
        "b00-2-a1": "discarded",
        "b02-1-a1": "invalid",
        "b03-1-a1": "invalid",
        "b03-2-a1": "unpaired",
        "b04-1-a1": "failed",
        "b04-2-a1": "unpaired",
        "b05-2-a1": "unpaired",
    } == by_slot
    reasons = {item.run[:8]: item.reason for item in found.exclusions}
    assert "foreign_load" == reasons["b02-1-a1"]
    assert "failed: the workload exited with 1" == reasons["b04-1-a1"]
    assert len(made.runs) == len(found.runs)


def test_no_run_is_ever_deleted_from_the_frame(simulate_once):
    made = simulate_once(blocks=12, outliers={"b06-1": 1.2}, noise=0.01)
    found = assessed(made.path)
    assert [run.run for run in made.runs] == found.runs.run.tolist()
    assert [made.folder("b06-1").name] == found.runs[found.runs.state == "outlier"].run.tolist()
    assert 23 == len(found.headline)
    assert 24 == len(found.eligible)


def test_a_wild_run_is_flagged_by_the_declared_rule_and_keeps_its_evidence(simulate_once):
    made = simulate_once(blocks=12, outliers={"b06-1": 1.2}, noise=0.01)
    (wild,) = [item for item in assessed(made.path).exclusions if item.rule == "outlier-z"]
    assert made.folder("b06-1").name == wild.run
    assert wild.z > 3
    assert abs(wild.z_residual) > 2.5
    assert wild.mad > 3.5
    assert not wild.in_headline
    assert "gpu0 at" in wild.reason
    assert "leaves the headline" in wild.reason


def test_the_partner_of_a_flagged_run_stands_once_and_not_in_the_headline(simulate_once):
    made = simulate_once(blocks=14, outliers={"b06-1": 1.2}, noise=0.006)
    found = [item for item in assessed(made.path).exclusions if "b06-" in item.run]
    partner = made.folder("b06-2").name
    assert {made.folder("b06-1").name: "outlier-z", partner: "unpaired"} == {item.run: item.rule for item in found}
    assert 2 == len(found)
    (reason,) = [item.reason for item in found if item.run == partner]
    assert reason.startswith("block 6 has no other run to pair it with; flagged by residual")
    assert "the residual cannot tell which is wild" in reason
    assert "stays in the headline" not in reason


def test_of_three_runs_in_a_block_the_residual_can_tell_which_is_wild(simulate_once):
    names = {"a": 1.0, "b": 0.95, "c": 0.9}
    made = simulate_once(configurations=names, blocks=14, outliers={"b06-1": 1.2}, noise=0.006)
    found = assessed(made.path, Outliers(rule="none"), (("b", "a"), ("c", "a")))
    assert [made.folder("b06-1").name] == [item.run for item in found.exclusions if "residual" in item.reason]
    assert not any("cannot tell which" in item.reason for item in found.exclusions)


def test_the_z_score_is_that_of_the_configuration_by_the_stated_ddof(simulate_once):
    made = simulate_once(blocks=12, outliers={"b06-1": 1.2}, noise=0.01)
    name = made.folder("b06-1").name
    energies = made.energies(next(run.configuration for run in made.runs if run.run == name))
    mean = sum(energies) / len(energies)
    for ddof in (0, 1):
        deviation = math.sqrt(sum((value - mean) ** 2 for value in energies) / (len(energies) - ddof))
        found = assessed(made.path, Outliers(ddof=ddof)).runs.set_index("run")
        assert (max(energies) - mean) / deviation == pytest.approx(found.z[name], rel=1e-6)


def test_rules_beside_the_declared_one_only_mark(simulate_once):
    made = simulate_once(blocks=8, outliers={"b06-1": 1.2}, noise=0.003)
    found = assessed(made.path)
    assert 16 == len(found.headline)
    marked = [item for item in found.exclusions if item.in_headline]
    assert made.folder("b06-1").name in {item.run for item in marked}
    assert all("stays in the headline" in item.reason for item in marked)


def test_the_mad_rule_and_no_rule_can_be_declared(simulate_once):
    made = simulate_once(blocks=8, outliers={"b06-1": 1.2}, noise=0.003)
    by_mad = assessed(made.path, Outliers(rule="mad", threshold=6.0))
    assert "outlier-mad" == rules(by_mad)[made.folder("b06-1").name]
    assert 15 == len(by_mad.headline)
    assert 16 == len(assessed(made.path, Outliers(rule="none")).headline)


def test_the_residual_sees_a_wild_run_that_drift_hides_from_the_plain_z(simulate_once):
    made = simulate_once(blocks=30, drift=0.08, noise=0.004, outliers={"b15-1": 1.03}, seed=4)
    found = assessed(made.path).runs.set_index("run").loc[made.folder("b15-1").name]
    assert abs(found.z) < 3
    assert abs(found.z_residual) > 3


def test_a_run_that_only_the_residual_flags_is_marked_and_stays(simulate_once):
    made = simulate_once(blocks=30, drift=0.08, noise=0.004, outliers={"b15-1": 1.03}, seed=4)
    found = [item for item in assessed(made.path).exclusions if item.run == made.folder("b15-1").name]
    assert [("outlier-residual", True)] == [(item.rule, item.in_headline) for item in found]


def test_a_rule_on_a_metric_that_no_run_has_says_that_and_not_that_runs_are_few(simulate_once):
    made = simulate_once(blocks=30, protocol={"analysis": {"outliers": {"metric": "accuracyy"}}})
    found = study(load(made.path))
    assert "The outlier rule (|z| > 3) was not applied: no run has accuracyy." == found.headline_all
    (told,) = [item for item in found.cautions if item.code == "outlier-metric-missing"]
    assert "No run has accuracyy" in told.message
    assert "accuracy" in told.advice.split(": ")[1].split(", ")[3]
    assert "outlier-rule-cannot-fire" not in {item.code for item in found.cautions}


def test_the_rule_says_what_it_can_do_at_this_n(simulate_once):
    few = assessed(simulate_once(blocks=8).path).rule
    assert (False, ["base", "lean"], 0.0) == (few["could_fire"], sorted(few["cannot_fire_for"]), few["clean_flag_rate"])
    assert 7 / math.sqrt(8) == pytest.approx(few["largest_z"])
    many = assessed(simulate_once(blocks=30).path).rule
    assert many["could_fire"]
    assert 0.05 < many["clean_flag_rate"] < 0.08
    assert 0.15 < many["clean_flag_rate_mad"] < 0.19


def test_of_two_good_attempts_at_a_slot_the_later_counts(simulate):
    made = simulate(blocks=2, invalid=("b01-1",))
    first = made.path / "runs" / made.runs[0].run
    text = (first / "run.json").read_text().replace('"validity": "invalid"', '"validity": "valid"')
    (first / "run.json").write_text(text)
    assert "superseded" == rules(assessed(made.path))[first.name]


def test_runs_without_energy_say_why(simulate_once):
    made = simulate_once(blocks=3, domains={"gpu0": 0.7, "dram-0": 0.3}, without_domain={"b02-1": ("dram-0",)})
    (item,) = [item for item in assessed(made.path).exclusions if item.rule == "no-energy"]
    assert "no energy of dram-0" == item.reason


def test_without_blocks_no_run_is_unpaired(simulate_once):
    found = assessed(simulate_once(blocks=4, order="shuffle", lost=("b01-2",)).path)
    assert ["invalid"] == [item.rule for item in found.exclusions]


def test_a_run_alone_in_its_block_has_no_residual(simulate_once):
    made = simulate_once(blocks=6, lost=("b03-1",))
    found = assessed(made.path).runs.set_index("run")
    assert math.isnan(found.z_residual[made.folder("b03-2").name])


def test_the_rule_may_be_applied_to_another_metric_than_the_one_compared(simulate):
    made = simulate(blocks=12, noise=0.004)
    wild = made.folder("b06-1")
    body = json.loads((wild / "run.json").read_text())
    body["metrics"]["accuracy"] = 0.1
    (wild / "run.json").write_text(json.dumps(body))
    (out,) = [
        item
        for item in study(with_rule(load(made.path), Outliers(metric="accuracy"))).exclusions
        if item.rule == "outlier-z"
    ]
    assert wild.name == out.run
    assert "accuracy 0.1000 against a mean of" in out.reason
    assert [] == [item for item in study(load(made.path)).exclusions if item.rule == "outlier-z"]


def with_rule(night, outliers):
    analysis = night.protocol.analysis.model_copy(update={"outliers": outliers})
    return dataclasses.replace(night, protocol=night.protocol.model_copy(update={"analysis": analysis}))


def test_a_metric_that_runs_lack_flags_nothing_and_leaves_them_in(simulate_once):
    found = study(with_rule(load(simulate_once(blocks=6).path), Outliers(metric="loss")))
    assert [6, 6] == [group.n_headline for group in found.groups]
    assert ({}, "loss", False) == tuple(found.outlier_rule[key] for key in ("n", "response", "could_fire"))


def test_a_flagged_run_keeps_its_verdicts_heat_and_neighbours(simulate_once):
    made = simulate_once(blocks=12, outliers={"b06-1": 1.2}, noise=0.01)
    (wild,) = [item for item in assessed(made.path).exclusions if item.rule == "outlier-z"]
    assert "verdicts: none" in wild.reason
    assert "gpu0 at" in wild.reason
    assert "in order: before it b05-2 " in wild.reason
    assert "after it b06-2 " in wild.reason
    first = simulate_once(blocks=12, outliers={"b01-1": 1.2}, noise=0.01)
    (wild,) = [item for item in assessed(first.path).exclusions if item.rule == "outlier-z"]
    assert "no run before it" in wild.reason


def test_equal_values_have_no_mad_and_equal_wild_runs_hide_one_another(simulate_once):
    rule = assessed(simulate_once(blocks=30).path).rule
    assert ({"base": 3, "lean": 3}, []) == (rule["hidden_from"], rule["without_mad"])
    equal = assessed(simulate_once(blocks=4, noise=0.0).path).rule
    assert {"base", "lean"} == set(equal["without_mad"])


def test_the_classic_recipe_flags_by_n_and_says_what_it_is_worth(simulate_once):
    made = simulate_once(blocks=12, outliers={"b06-1": 1.2}, noise=0.01, protocol={"analysis": {"recipe": "classic"}})
    found = study(load(made.path))
    assert (0, [made.folder("b06-1").name]) == (found.outlier_rule["ddof"], found.outlier_rule["flagged"])
    (compared,) = found.comparisons
    assert ("pooled t", 1) == (compared.tests[0].name, compared.pairs_lost)
    assert compared.cohens_d.value is not None
    assert all(group.normality.p is not None for group in found.groups)
    message = next(item.message for item in found.cautions if item.code == "classic-recipe")
    assert "power of Shapiro-Wilk" in message
    assert found.headline_all.startswith("With the 1 flagged run left in")


def test_a_night_without_runs_is_assessed_all_the_same(simulate_once):
    found = assessed(simulate_once(blocks=2, stop_after=0).path)
    assert () == found.exclusions
    assert not found.rule["could_fire"]
