"""The answer of a night: what is compared, what is primary, what is said first."""

from __future__ import annotations

import dataclasses
import json
import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.findings import Findings
from analysis.findings_file import read_findings, to_json, write_findings
from analysis.load import load
from analysis.study import examine, study
from harness.errors import NightFolderError

approx = pytest.approx


def answer(path) -> Findings:
    return study(load(path))


def codes(findings):
    return {caution.code for caution in findings.cautions}


def edit_records(made, change):
    for run in made.runs:
        path = made.path / "runs" / run.run / "run.json"
        body = json.loads(path.read_text())
        change(body)
        path.write_text(json.dumps(body))


# ---- the headline


def test_the_headline_opens_with_the_true_ratio_and_its_interval(simulate_once):
    made = simulate_once(blocks=20, drift=0.04)
    found = answer(made.path)
    (compared,) = found.comparisons
    true = math.exp(
        sum(math.log(a / b) for a, b in zip(made.energies("lean"), made.energies("base"), strict=True)) / 20
    )
    assert true == approx(compared.ratio.value, rel=1e-9)
    assert compared.ratio.low < 0.95 < compared.ratio.high
    assert found.headline.startswith("0.95")
    for part in (
        "× [",
        "(95 %)",
        "energy of train (gpu0)",
        "lean against base",
        "lower",
        "20 pairs",
        "measured by sim",
    ):
        assert part in found.headline
    assert ("", "measured", ("gpu0",), "J") == (found.first_line, found.quality, found.domains, found.unit)
    assert "energy of train: gpu0" == found.response


def test_flagged_runs_leave_the_headline_and_the_whole_stands_on_the_next_line(simulate_once):
    made = simulate_once(blocks=20, outliers={"b05-1": 1.3})
    found = answer(made.path)
    (compared,) = found.comparisons
    assert (19, 1) == (compared.pairs, compared.pairs_lost)
    assert found.headline_all.startswith("With the 1 flagged run left in: ")
    assert "the two" in found.headline_all
    assert compared.ratio_all.n == 20
    assert {"outliers-flagged", "pairs-lost"} <= codes(found)
    assert [made.folder("b05-1").name] == found.outlier_rule["flagged"]


def test_it_is_said_when_no_run_was_flagged_and_when_none_could_be(simulate_once):
    lines = [answer(simulate_once(blocks=blocks).path).headline_all for blocks in (20, 5)]
    assert "flagged no run" in lines[0]
    assert "cannot flag any run at this n" in lines[1]
    assert all("the answer is the same" in line for line in lines)


def test_it_is_said_when_the_answer_depends_on_the_flagged_runs(simulate_once):
    made = simulate_once(
        blocks=14, configurations={"base": 1.0, "lean": 0.995}, noise=0.002, outliers={"b05-1": 3.0}, seed=2
    )
    found = answer(made.path)
    assert "disagree" in found.headline_all
    assert "outliers-decide" in codes(found)


def test_a_rehearsal_and_a_model_are_named_above_everything(simulate_once):
    found = answer(simulate_once(blocks=3, rehearsal=True, quality="modelled", counter=False).path)
    assert found.first_line.startswith("REHEARSAL")
    assert "modelled, not measured" in found.first_line
    assert "modelled" == found.quality
    alone = answer(simulate_once(blocks=3, quality="modelled", counter=False).path)
    assert alone.first_line == (
        "Modelled, not measured: the power of gpu0 was computed (load model), not read from a sensor."
    )
    assert "" == answer(simulate_once(blocks=3).path).first_line
    assert {"rehearsal", "modelled"} <= codes(found)
    assert "modelled by load model" in found.headline


def test_many_configurations_open_with_the_ratio_furthest_from_1(simulate_once):
    names = {"base": 1.0, "b": 0.97, "c": 0.9, "d": 1.05}
    found = answer(simulate_once(configurations=names, accuracy={}, blocks=8).path)
    assert [("b", "base"), ("c", "base"), ("d", "base")] == [(c.configuration, c.baseline) for c in found.comparisons]
    assert "c against base" in found.headline
    assert "the ratio furthest from 1 of 3 comparisons, of which 3 are told apart" in found.headline
    assert ["lower", "lower", "higher"] == [item.decision for item in found.comparisons]
    assert {"Friedman", "Levene (median)"} <= {test.name for test in found.omnibus}
    assert "Holm" == found.design["correction"]


def test_of_all_pairs_the_furthest_is_named_whichever_side_stands_above(simulate_once):
    names = {"a": 1.0, "b": 0.95, "c": 1.25}
    found = answer(
        simulate_once(
            configurations=names, accuracy={}, blocks=8, protocol={"analysis": {"baseline": None, "family": "pairs"}}
        ).path
    )
    assert "c against b" in found.headline
    assert "% higher" in found.headline


def test_a_level_that_is_a_number_is_named_with_its_factor(simulate_once):
    levels = {"1": {"size": 1}, "9": {"size": 9}}
    found = answer(simulate_once(configurations={"1": 1.0, "9": 0.9}, levels=levels, accuracy={}, blocks=12).path)
    assert "size 9 against size 1" in found.headline
    alone = answer(simulate_once(configurations={"9": 1.0}, levels={"9": {"size": 9}}, accuracy={}).path)
    assert "of size 9" in alone.headline


def test_one_configuration_has_no_blocks_and_no_comparison_in_its_methods(simulate_once):
    found = answer(simulate_once(configurations={"only": 1.0}, accuracy={}).path)
    assert "Each run was a fresh process of the one configuration" in found.methods
    assert not any(word in found.methods for word in ("Each of 1", "blocks", "were compared", "Cohen"))


def test_a_slot_whose_record_is_damaged_was_run(simulate):
    made = simulate(blocks=6)
    (made.folder("b03-1") / "run.json").write_text("{")
    found = answer(made.path)
    (told,) = [item for item in found.cautions if item.code == "slots-damaged"]
    assert "1 of 12 planned slots was run, but the record cannot be read" in told.message
    assert "night-unfinished" not in codes(found)


def test_the_headline_tells_how_many_runs_have_no_energy_and_why(simulate_once):
    made = simulate_once(blocks=3, domains={"gpu0": 0.7, "dram-0": 0.3}, without_domain={"b02-1": ("dram-0",)})
    found = answer(made.path)
    assert "; 1 of 6 runs has no energy (no energy of dram-0); measured by" in found.headline
    (told,) = [item for item in found.cautions if item.code == "runs-without-value"]
    assert "nightwatt check" in told.advice


def test_one_slot_that_was_not_run_is_one(simulate_once):
    found = answer(simulate_once(blocks=6, missing=("b03-1",)).path)
    (told,) = [item for item in found.cautions if item.code == "night-unfinished"]
    assert "1 of 12 planned slots was not run." == told.message


def test_without_a_declared_baseline_all_pairs_are_the_family(simulate_once):
    made = simulate_once(
        configurations={"a": 1.0, "b": 0.9, "c": 0.8}, accuracy={}, blocks=4, protocol={"analysis": {"baseline": None}}
    )
    assert 3 == len(answer(made.path).comparisons)


def test_two_factors_have_their_main_effects_and_interaction(simulate_once):
    names = {"1f": 1.0, "1m": 0.9, "2f": 1.5, "2m": 1.35}
    levels = {name: {"width": int(name[0]), "precision": name[1]} for name in names}
    found = answer(simulate_once(configurations=names, levels=levels, accuracy={}, blocks=8).path)
    by_name = {test.name.split(",")[0]: test.p for test in found.omnibus}
    assert by_name["width"] < 1e-6
    assert by_name["precision"] < 1e-6
    assert by_name["width × precision"] > 0.001


# ---- what is compared


def test_a_night_without_any_energy_compares_durations_and_says_so(simulate_once):
    made = simulate_once(blocks=6, energy=False, duration={"lean": 0.9}, duration_noise=0.01)
    found = answer(made.path)
    assert ("duration of train", "s") == (found.response, found.unit)
    assert "no-energy" in codes(found)
    assert "lower" == found.comparisons[0].decision
    assert all(group.power.value is None for group in found.groups)


def test_where_no_run_has_its_window_the_caution_points_at_the_marks(simulate):
    made = simulate(blocks=2)
    edit_records(made, lambda body: body.update(window=None))
    advice = {caution.code: caution.advice for caution in answer(made.path).cautions}
    assert "spelling" in advice["no-energy"]


def test_a_metric_of_the_workload_can_be_the_response(simulate_once):
    made = simulate_once(blocks=10, protocol={"analysis": {"metric": "accuracy"}}, accuracy={"base": 0.9, "lean": 0.5})
    found = answer(made.path)
    assert "accuracy" == found.response
    assert "lower" == found.comparisons[0].decision
    assert "energy of train: gpu0" in {item.response for item in found.exploratory}


def test_a_metric_that_no_run_reports_is_said_to_be_missing(simulate_once):
    found = answer(simulate_once(blocks=3, protocol={"analysis": {"metric": "latency_ms"}}).path)
    assert "metric-missing" in codes(found)
    assert all(group.mean.value is None for group in found.groups)
    assert "no-energy" == found.exclusions[0].rule


def test_only_declared_domains_are_summed_and_others_are_named(simulate_once):
    domains = {"gpu0": 0.5, "package-0": 0.3, "core-0": 0.2}
    found = answer(simulate_once(blocks=3, domains=domains).path)
    assert ("gpu0", "package-0") == found.domains
    assert "domains-left-out" in codes(found)
    declared = answer(simulate_once(blocks=3, domains=domains, protocol={"analysis": {"energy": ["package-0"]}}).path)
    assert ("package-0",) == declared.domains


def test_a_declared_domain_that_the_night_lacks_is_refused_not_replaced(simulate_once):
    found = answer(simulate_once(blocks=3, protocol={"analysis": {"energy": ["gpu0", "dram-0"]}}).path)
    assert {"domains-refused", "no-energy"} <= codes(found)
    assert "duration of train" == found.response


def test_the_plan_s_own_response_is_primary_and_the_others_are_exploratory(simulate_once):
    found = answer(simulate_once(blocks=6).path)
    assert {"energy"} == {item.response for item in found.comparisons}
    named = [item.response for item in found.exploratory]
    assert ["net energy of train: gpu0", "duration of train", "mean power of train: gpu0", "accuracy"] == named
    assert not found.design["exploratory"]


def test_another_plan_than_the_protocol_s_makes_the_findings_exploratory(simulate_once):
    night = load(simulate_once(blocks=6).path)
    other = night.protocol.analysis.model_copy(update={"metric": "duration"})
    found = study(night, other)
    assert found.design["exploratory"]
    assert "exploratory-plan" in codes(found)


def test_energy_is_decomposed_into_power_and_duration(simulate_once):
    (found,) = answer(simulate_once(blocks=8, duration={"lean": 1.2}, duration_noise=0.01).path).comparisons
    assert found.ratio.value == approx(found.power_ratio.value * found.duration_ratio.value, rel=1e-9)
    assert 1.2 == approx(found.duration_ratio.value, rel=0.02)


def test_declared_equivalence_is_tested_on_raw_values_of_all_usable_runs(simulate_once):
    made = simulate_once(
        blocks=30,
        outliers={"b05-1": 1.5},
        accuracy={"base": 0.8, "lean": 0.801},
        protocol={"analysis": {"equivalence": {"metric": "accuracy", "margin": 0.02}}},
    )
    (found,) = answer(made.path).equivalences
    assert (30, "equivalent within the margin") == (found.n, found.decision)
    assert () == answer(simulate_once(blocks=6).path).equivalences


# ---- recipes and orders


def test_the_classic_recipe_decides_by_the_pooled_t_and_says_what_is_weak(simulate_once):
    found = answer(simulate_once(blocks=10, protocol={"analysis": {"recipe": "classic"}}).path)
    assert "pooled t" == found.comparisons[0].tests[0].name
    assert "classic-recipe" in codes(found)
    assert "pooled variance" in found.methods
    assert found.groups[0].normality.p is not None


@pytest.mark.parametrize(("order", "code"), [("shuffle", "no-blocks"), ("listed", "order-listed")])
def test_an_order_without_blocks_has_an_order_term_and_a_caution(simulate_once, order, code):
    found = answer(simulate_once(blocks=10, order=order, drift=0.04).path)
    assert "Welch on logs with run order" == found.comparisons[0].tests[0].name
    assert code in codes(found)
    assert "10 and 10 runs" in found.headline


def test_drift_is_a_caution_with_its_size(simulate_once):
    found = answer(simulate_once(blocks=15, drift=0.05, noise=0.003).path)
    (caution,) = [item for item in found.cautions if item.code == "drift"]
    assert "over the night" in caution.message


def test_heat_carried_over_is_a_caution(simulate_once):
    settings = {"configurations": dict.fromkeys("abc", 1.0), "accuracy": {}, "blocks": 18, "noise": 0.003, "seed": 3}
    assert "carry-over" in codes(answer(simulate_once(carry_over={"a": 1.03}, **settings).path))
    assert "carry-over" not in codes(answer(simulate_once(**settings).path))


# ---- traps


def test_one_run_a_configuration_allows_no_inference(simulate_once):
    found = answer(simulate_once(blocks=1).path)
    assert "one-run" in codes(found)
    assert "cannot be told" == found.comparisons[0].decision
    assert "(no interval)" in found.headline


def test_few_runs_and_ranks_that_cannot_reach_alpha_are_said(simulate_once):
    assert {"few-runs", "rank-cannot-reach", "outlier-rule-cannot-fire"} <= codes(answer(simulate_once(blocks=3).path))


def test_incomplete_blocks_and_an_unfinished_night_are_said(simulate_once):
    found = answer(simulate_once(blocks=6, stop_after=9).path)
    assert {"incomplete-blocks", "night-unfinished"} <= codes(found)
    assert 4 == found.comparisons[0].pairs


def test_losses_that_differ_between_configurations_are_said(simulate_once):
    made = simulate_once(blocks=6)
    lean = [run.slot for run in made.runs if run.configuration == "lean"]
    assert "unequal-invalid" in codes(answer(simulate_once(blocks=6, lost=tuple(lean[:3])).path))
    failing = answer(simulate_once(blocks=6, failed=tuple(lean[:3])).path)
    assert "unequal-failures" in codes(failing)
    assert [0, 3] == [group.n_failed for group in failing.groups]


def test_accuracy_that_is_constant_or_missing_is_said(simulate_once):
    assert "constant-accuracy" in codes(answer(simulate_once(blocks=3, accuracy_noise=0.0).path))
    assert "accuracy-missing" in codes(answer(simulate_once(blocks=3, accuracy={"base": 0.8}).path))


def test_warnings_of_the_judge_are_counted(simulate):
    made = simulate(blocks=2)
    verdict = {"name": "chance_level", "cause": "outcome", "level": "warning", "evidence": "accuracy of 10 classes"}
    edit_records(made, lambda body: body.update(verdicts=[verdict]))
    (caution,) = [item for item in answer(made.path).cautions if item.code == "verdict-chance_level"]
    assert "4 runs" in caution.message


def test_what_the_sensors_say_of_themselves_is_counted(simulate):
    made = simulate(blocks=2)
    facts = {
        "nvml": {"missed": 3, "devices": [{"missed": {"power": 3}, "ring": {"clock_steps": 1}}]},
        "rapl": {"missed": 0},
    }
    edit_records(made, lambda body: body.update(sensors=facts))
    said = {caution.code: caution.message for caution in answer(made.path).cautions}
    assert "In 4 runs readings could not be taken; they are missing, never zero: 12 of nvml." == said["missed-readings"]
    assert said["clock-steps"].endswith(": 4 of nvml.")


def test_a_short_window_a_gap_and_a_counter_that_differs_are_said(simulate_once):
    assert "short-window" in codes(answer(simulate_once(blocks=2, rate_hz=2.0, counter=False).path))
    assert "counter-and-trace" in codes(answer(simulate_once(blocks=2, counter_scale=1.03).path))


def test_what_the_sensor_s_period_leaves_uncertain_is_said(simulate_once):
    assert "uncertain-energy" in codes(answer(simulate_once(blocks=6).path))
    long = simulate_once(blocks=2, train_s=60.0, rate_hz=50.0, counter=False)
    assert "uncertain-energy" not in codes(answer(long.path))


def test_gaps_inside_the_window_are_said(simulate):
    made = simulate(blocks=2, counter=False)
    path = made.folder("b01-1") / "samples.parquet"
    table = pq.read_table(path)
    first_ns = table.column("t_ns")[0].as_py()
    seconds = (table.column("t_ns").to_numpy() - first_ns) / 1e9
    pq.write_table(table.filter((seconds < 6.0) | (seconds > 7.5)), path)
    assert "gaps" in codes(answer(made.path))


@pytest.mark.filterwarnings("error")
def test_a_metric_that_ran_away_is_no_number_to_compare(simulate):
    made = simulate(blocks=3, protocol={"analysis": {"metric": "accuracy"}})
    edit_records(made, lambda body: body["metrics"].update(accuracy=1e308, loss="Infinity"))
    found = answer(made.path)
    assert {"metric-missing", "no-runs"} <= codes(found)
    assert "accuracy" not in found.groups[0].metrics


@pytest.mark.filterwarnings("error")
def test_a_metric_that_ran_away_is_in_no_mean(simulate):
    made = simulate(blocks=3)
    edit_records(made, lambda body: body["metrics"].update(accuracy=1e308))
    assert "accuracy" not in answer(made.path).groups[0].metrics


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_readings_beyond_all_reason_give_no_energy_and_no_traceback(simulate):
    made = simulate(blocks=3, counter=False)
    path = made.folder("b01-1") / "samples.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(2, "value", pa.array([1e150] * len(table))), path)
    found = answer(made.path)
    assert {made.folder("b01-1").name: "no-energy"} == {
        item.run: item.rule for item in found.exclusions if item.rule == "no-energy"
    }
    assert 2 == found.comparisons[0].pairs


def test_a_flagged_run_keeps_its_accuracy_in_the_comparison(simulate_once):
    found = answer(simulate_once(blocks=20, outliers={"b05-1": 1.3}).path)
    pairs = {item.response: item.pairs for item in found.exploratory}
    assert (20, 19) == (pairs["accuracy"], pairs["duration of train"])


def test_spreads_that_differ_are_said(simulate_once):
    found = answer(simulate_once(blocks=15, noise_of={"base": 0.002, "lean": 0.03}).path)
    assert "unequal-spread" in codes(found)


def test_damaged_runs_are_named_and_the_rest_is_compared(simulate):
    made = simulate(blocks=4)
    (made.folder("b01-1") / "run.json").write_text("{")
    (made.folder("b02-1") / "samples.parquet").write_bytes(b"nothing")
    found = answer(made.path)
    assert {"damaged-run", "damaged-samples", "runs-without-value"} <= codes(found)
    assert 2 == found.comparisons[0].pairs


def test_a_source_that_changed_during_the_night_is_said(simulate):
    made = simulate(blocks=2)
    path = made.folder("b02-1") / "run.json"
    path.write_text(path.read_text().replace("simulated trace", "another trace"))
    assert "source-changed" in codes(answer(made.path))


# ---- degenerate nights


DEGENERATE = {
    "no run": {"blocks": 2, "stop_after": 0},
    "one configuration": {"blocks": 5, "configurations": {"base": 1.0}},
    "one run of one configuration": {"blocks": 1, "configurations": {"base": 1.0}},
    "one block": {"blocks": 1},
    "two blocks": {"blocks": 2},
    "all equal": {"blocks": 4, "noise": 0.0, "configurations": {"base": 1.0, "lean": 1.0}, "accuracy_noise": 0.0},
    "complete separation": {"blocks": 5, "configurations": {"base": 1.0, "lean": 0.2}},
    "one missing run": {"blocks": 4, "missing": ("b02-1",)},
    "one block never run": {"blocks": 4, "missing": ("b02-1", "b02-2")},
    "no valid run": {"blocks": 2, "lost": ("b01-1", "b01-2", "b02-1", "b02-2")},
    "every run failed": {"blocks": 2, "failed": ("b01-1", "b01-2", "b02-1", "b02-2")},
    "no energy": {"blocks": 3, "energy": False},
    "no energy, no context": {"blocks": 3, "energy": False, "context": False, "marks": False},
    "shuffled, one run": {"blocks": 1, "order": "shuffle"},
    "shuffled, all equal": {
        "blocks": 4,
        "order": "shuffle",
        "noise": 0.0,
        "configurations": {"base": 1.0, "lean": 1.0},
    },
    "classic, two blocks": {"blocks": 2, "protocol": {"analysis": {"recipe": "classic"}}},
    "wild run": {"blocks": 3, "outliers": {"b01-1": 1000.0}},
    "latin": {"blocks": 3, "order": "latin"},
}


def floats(value):
    if dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from floats(getattr(value, field.name))
    elif isinstance(value, dict):
        for item in value.values():
            yield from floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from floats(item)
    elif isinstance(value, float):
        yield value


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", DEGENERATE)
def test_a_degenerate_night_has_an_answer_that_says_what_can_be_said(simulate_once, tmp_path, case):
    found = answer(simulate_once(**DEGENERATE[case]).path)
    assert found.headline
    assert found.methods
    assert all(math.isfinite(value) for value in floats(found))
    for compared in found.comparisons:
        if compared.decision == "cannot be told":
            assert compared.tests[0].note
            assert "nan" not in found.headline
    path = tmp_path / "findings.json"
    write_findings(path, found)
    assert to_json(found) == to_json(read_findings(path))


# ---- findings.json


def test_the_same_night_gives_the_same_bytes_wherever_it_lies(simulate, tmp_path):
    made = simulate(blocks=5)
    write_findings(tmp_path / "one.json", answer(made.path))
    (tmp_path / "elsewhere").mkdir()
    moved = made.path.rename(tmp_path / "elsewhere" / made.path.name)
    write_findings(tmp_path / "two.json", answer(moved))
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert str(tmp_path) not in (tmp_path / "two.json").read_text()


def test_findings_come_back_as_they_were_to_twelve_digits(simulate_once, tmp_path):
    found = answer(simulate_once(blocks=5).path)
    write_findings(tmp_path / "findings.json", found)
    back = read_findings(tmp_path / "findings.json")
    assert found.groups[0].mean.value == approx(back.groups[0].mean.value, rel=1e-11)
    assert type(found.comparisons[0].tests[0]) is type(back.comparisons[0].tests[0])
    assert (found.headline, found.design["seed"]) == (back.headline, back.design["seed"])


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "groups": 3}'])
def test_a_file_that_holds_no_findings_is_refused(tmp_path, content):
    path = tmp_path / "findings.json"
    path.write_text(content)
    with pytest.raises(NightFolderError, match=r"findings\.json cannot be read"):
        read_findings(path)


def test_the_frames_of_a_study_carry_value_and_standing(simulate_once):
    made = simulate_once(blocks=20, outliers={"b05-1": 1.3})
    shown = examine(load(made.path))
    assert {"headline", "outlier"} == set(shown.runs.state)
    assert shown.runs.value.tolist() == approx([run.train_J["gpu0"] for run in made.runs], rel=1e-9)
    assert {"energy_J", "net_J", "uncertainty_J", "mean_power_W", "z", "mad"} <= set(shown.runs.columns)
    assert "train" in set(shown.energy.phase)


def test_the_folders_of_the_machine_that_measured_are_not_in_the_findings(simulate_once):
    findings = answer(simulate_once(blocks=2).path)
    assert "simulated.toml" == findings.reproduce["protocol_file"]
    assert {"train.py": "ab" * 32} == findings.reproduce["sources"]
    assert "/home/somebody" not in json.dumps(to_json(findings))


def test_a_duration_in_the_place_of_energy_is_named_above_everything(simulate_once):
    line = answer(simulate_once(blocks=3, energy=False).path).first_line
    assert "Not what was asked for: energy was asked for and no run has it" in line
    assert "duration of train" in line


def test_a_machine_that_was_set_otherwise_at_the_end_is_a_caution(simulate):
    made = simulate()
    before = {"CPU governor": "performance", "swap": "none", "gpu0 power limit": "700 W of 700 W"}
    after = {"CPU governor": "powersave", "swap": "1 area, 5 MB used", "gpu0 power limit": "700 W of 700 W"}
    (made.path / "host.json").write_text(json.dumps({"conditions": before, "conditions_after": after}))
    (caution,) = [item for item in answer(made.path).cautions if item.code == "machine-changed"]
    assert caution.message.endswith("when the night ended: CPU governor was performance, then powersave.")
    (made.path / "host.json").write_text(json.dumps({"conditions": before, "conditions_after": before}))
    assert "machine-changed" not in {item.code for item in answer(made.path).cautions}
