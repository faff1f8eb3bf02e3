"""The judge: pure, so the cases are made by hand."""

from dataclasses import replace

import pytest

from harness.judge import Evidence, judge, named_metrics, validity_of
from harness.marks import Marks
from harness.protocol_gates import VerdictRule
from harness.protocol_model import Analysis, Cooldown, EquivalenceAim
from harness.record import Cause, GateWait, Level, Phase, RunRecord, Status, Validity, Verdict
from harness.verdicts import KINDS, UNMOVED, Rules

S = 1_000_000_000
RECORD = RunRecord(
    slot="b01-1",
    block=1,
    position=1,
    replicate=1,
    attempt=1,
    configuration="a",
    levels={},
    seed=0,
    status=Status.COMPLETED,
    validity=Validity.VALID,
    started_ns=0,
    ended_ns=100 * S,
    started_realtime_ns=0,
    launched_ns=10 * S,
    exited_ns=90 * S,
    window=Phase("train", 20 * S, 80 * S),
)


def epochs(**metrics):
    return tuple(
        Phase(f"epoch {n}", n * S, (n + 1) * S, {name: values[n] for name, values in metrics.items()})
        for n in range(len(next(iter(metrics.values()))))
    )


def found(record=RECORD, **evidence):
    return {verdict.name: verdict for verdict in judge(record, Evidence(**evidence))}


def test_a_good_run_has_no_verdict():
    phases = epochs(loss=[0.5, 0.4, 0.3], val_accuracy=[0.5, 0.6, 0.7])
    assert {} == found(replace(RECORD, metrics={"accuracy": 0.7, "classes": 10}, phases=phases))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "NaN", "-Infinity"])
def test_a_result_that_is_not_finite_is_an_outcome(value):
    verdict = found(replace(RECORD, metrics={"loss": value, "name": "x"}))["not_finite"]
    assert (Cause.OUTCOME, Level.WARNING, 1) == (verdict.cause, verdict.level, verdict.figure)


def test_a_phase_whose_loss_is_nan_is_named():
    assert (
        "epoch 1: loss = nan" == found(replace(RECORD, phases=epochs(loss=[0.5, float("nan")])))["not_finite"].evidence
    )


@pytest.mark.parametrize(("accuracy", "names"), [(0.114, {"chance_level"}), (0.126, set()), ("NaN", {"not_finite"})])
def test_accuracy_no_better_than_guessing_is_told(accuracy, names):
    assert names == set(found(replace(RECORD, metrics={"accuracy": accuracy, "classes": 10})))


def test_what_chance_is_nobody_guesses():
    assert {} == found(replace(RECORD, metrics={"accuracy": 0.01}))


def test_the_metric_compared_with_chance_can_be_named():
    assert {"chance_level"} == set(found(replace(RECORD, metrics={"top1": 0.1, "classes": 10}), accuracy="top1"))


@pytest.mark.parametrize(
    ("series", "names"),
    [([0.1, 0.1, 0.1], {"constant_accuracy"}), ([0.1, 0.1], set()), ([1.0, 1.0, 1.0], set()), ([0.1, 0.1, 0.2], set())],
)
def test_an_accuracy_that_never_moves_is_told(series, names):
    assert names == set(found(replace(RECORD, phases=epochs(val_accuracy=series))))


@pytest.mark.parametrize(
    ("series", "names"),
    [
        ([0.5, 0.8, 0.47], {"late_decline"}),
        ([50.0, 80.0, 47.0], {"late_decline"}),  # per cent
        ([0.5, 0.8, 0.73], set()),
        ([0.5, 0.4], set()),  # of two epochs the second may be the worse by chance
        ([0.12, 0.11, 0.1], set()),  # guessing throughout: nothing was lost
        ([0.0, 0.0, 0.0], set()),
        ([0.8, float("nan"), 0.79, 0.4], {"late_decline"}),
    ],
)
def test_an_accuracy_that_ends_far_below_its_own_best_is_told(series, names):
    record = replace(RECORD, metrics={"classes": 10}, phases=epochs(val_accuracy=series))
    assert names == set(found(record)) - {"constant_accuracy", "not_finite"}


def test_a_late_decline_is_an_outcome_and_says_where_the_best_was():
    verdict = found(replace(RECORD, phases=epochs(val_accuracy=[0.5, 0.8, 0.47])))["late_decline"]
    assert (Cause.OUTCOME, Level.WARNING, 0.1) == (verdict.cause, verdict.level, verdict.limit)
    assert 1 - 0.47 / 0.8 == pytest.approx(verdict.figure)
    assert "val_accuracy: 0.8 at best (epoch 1), 0.47 at the end" == verdict.evidence
    assert Validity.VALID is validity_of(Status.COMPLETED, [verdict], discarded=False)


def test_a_decline_is_looked_for_in_the_validation_where_there_is_one():
    falling, level = [0.9, 0.9, 0.5], [0.7, 0.7, 0.71]
    assert {} == found(replace(RECORD, phases=epochs(accuracy=falling, val_accuracy=level)))
    assert {"late_decline"} == set(found(replace(RECORD, phases=epochs(accuracy=falling))))
    assert {"late_decline"} == set(found(replace(RECORD, phases=epochs(val_f1=falling)), accuracy="f1"))
    assert {} == found(replace(RECORD, phases=epochs(val_f1=falling)))


def test_a_last_evaluation_is_no_epoch():
    last = Phase("evaluate", 90 * S, 91 * S, {"accuracy": 0.5})
    assert {} == found(replace(RECORD, phases=(*epochs(accuracy=[0.8, 0.9, 0.95]), last)))


def test_how_much_may_be_lost_by_the_end_a_protocol_says():
    record = replace(RECORD, phases=epochs(val_accuracy=[0.5, 0.8, 0.47]))
    assert {} == found(record, rules=Rules({"late_decline": VerdictRule(limit=0.5)}))


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        (Marks(), "not among the marked phases (none)"),
        (Marks(open=("fit",)), "begun, never ended"),
        (Marks(phases=(Phase("fit", 0, 1), Phase("fit", 2, 3))), "marked 2 times"),
    ],
)
def test_a_missing_window_is_told_with_what_is_there(marks, words):
    assert words in found(replace(RECORD, window=None), window_name="fit", marks=marks)["no_window"].evidence


def test_a_window_whose_energy_is_not_told_is_said_unless_the_run_is_spoilt_by_it_already():
    why = "the readings of gpu0 do not cover its window"
    verdict = found(RECORD, untold=why)["no_energy"]
    assert (Level.WARNING, why) == (verdict.level, verdict.evidence)
    assert Validity.VALID is validity_of(Status.COMPLETED, [verdict], discarded=False)
    spoilt = UNMOVED.verdict("not_covered", 3.0, 0.25, "gpu0.power_W stops before the window's end")
    assert "no_energy" not in found(RECORD, untold=why, extra=(spoilt,))
    assert "no_energy" not in found(replace(RECORD, status=Status.FAILED), untold=why)


def test_a_run_that_was_never_launched_misses_no_window():
    assert {} == found(replace(RECORD, window=None, launched_ns=None), window_name="fit")


@pytest.mark.parametrize(
    ("evidence", "name", "level", "words"),
    [
        ({"stuck": ("77 python",)}, "stuck_processes", Level.WARNING, "not even SIGKILL ended these"),
        ({"leftovers": ("77 sleep",)}, "leftover_processes", Level.INFORMATION, "77 sleep"),
        ({"cleanup_fault": "cleanup hook: x"}, "cleanup", Level.WARNING, "cleanup hook: x"),
        ({"marks": Marks(unread=2, first_complaint="line 1: y")}, "unread_marks", Level.WARNING, "first: line 1: y"),
    ],
)
def test_what_was_left_or_went_wrong_beside_the_workload_is_told(evidence, name, level, words):
    verdict = found(**evidence)[name]
    assert level == verdict.level
    assert words in verdict.evidence


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY, Status.KILLED])
def test_how_a_workload_ended_is_an_outcome_with_its_reason(status):
    verdict = found(replace(RECORD, status=status, reason="why"))[status.value]
    assert (Cause.OUTCOME, Level.WARNING, "why") == (verdict.cause, verdict.level, verdict.evidence)


COOLDOWN = Cooldown(until="temperature", band_C=3.0, maximum_s=900.0)


@pytest.mark.parametrize(
    ("start_C", "outcome", "words"),
    [
        (
            {"gpu0": 50.0},
            "over_budget",
            "gpu0 started hotter than in block 1 (40 C); the cool-down's budget of 900 s was over",
        ),
        ({"gpu0": 50.0}, "open", "gpu0 started hotter than in block 1 (40 C)"),
        ({"gpu0": 30.0}, "open", "gpu0 started colder than in block 1 (40 C)"),
        ({}, "unknown", "no temperature of gpu0 was read"),
    ],
)
def test_a_start_outside_the_band_is_recorded_as_a_warning(start_C, outcome, words):
    verdict = found(
        replace(RECORD, start_temperature_C=start_C, gates=(GateWait("temperature", outcome),)),
        cooldown=COOLDOWN,
        temperature_target={"gpu0": 40.0},
    )["start_temperature"]
    assert (words, Level.WARNING, Cause.MEASUREMENT) == (verdict.evidence, verdict.level, verdict.cause)


def test_a_run_that_was_not_launched_did_not_start_too_hot():
    hot = replace(RECORD, start_temperature_C={"gpu0": 50.0}, launched_ns=None, window=None)
    assert {} == found(hot, cooldown=COOLDOWN, temperature_target={"gpu0": 40.0})


@pytest.mark.parametrize(
    ("series", "names"),
    [([2.0, 1.0, 21.0], {"exploding_loss"}), ([2.0, 900.0, 19.0], set()), ([2.0], set()), ([-2.0, 50.0], set())],
)
def test_a_loss_that_ends_far_above_its_beginning_is_told(series, names):
    assert names == set(found(replace(RECORD, phases=epochs(val_loss=series))))


def test_a_loss_that_is_no_number_any_more_is_told_by_that_alone():
    assert {"not_finite"} == set(found(replace(RECORD, phases=epochs(loss=[2.0, float("inf")]))))


def test_a_result_that_the_analysis_names_and_the_workload_does_not_report_is_told():
    reported = replace(RECORD, metrics={"top1": 0.9})
    verdict = found(reported, named_metrics=("f1", "top1"))["metric_missing"]
    assert (Cause.OUTCOME, Level.WARNING, 1) == (verdict.cause, verdict.level, verdict.figure)
    assert "the analysis asks for f1; the workload reported top1" == verdict.evidence
    assert {} == found(reported, named_metrics=("top1",))


def test_of_a_workload_that_did_not_complete_no_result_is_missed():
    assert {"failed"} == set(found(replace(RECORD, status=Status.FAILED), named_metrics=("f1",)))


@pytest.mark.parametrize(
    ("analysis", "named"),
    [
        (Analysis(), ()),
        (Analysis(metric="net_energy"), ()),
        (Analysis(metric="f1", equivalence=EquivalenceAim(metric="top1", margin=0.1)), ("f1", "top1")),
        (Analysis(metric="top1", equivalence=EquivalenceAim(metric="top1", margin=0.1)), ("top1",)),
    ],
)
def test_the_results_that_an_analysis_cannot_do_without(analysis, named):
    assert named == named_metrics(analysis)


def ruled(**moved):
    return Rules({name: VerdictRule(**rule) for name, rule in moved.items()})


def test_a_protocol_moves_a_verdict_s_level_and_its_limit():
    record = replace(RECORD, metrics={"accuracy": 0.2, "classes": 10})
    assert {} == found(record)
    moved = found(record, rules=ruled(chance_level={"limit": 3.0, "level": "information"}))["chance_level"]
    assert (Level.INFORMATION, pytest.approx(0.3)) == (moved.level, moved.limit)


def test_every_verdict_has_a_cause_a_level_and_a_meaning():
    assert all(kind.meaning for kind in KINDS.values())
    assert {Cause.MEASUREMENT, Cause.OUTCOME} == {kind.cause for kind in KINDS.values()}
    assert not any(kind.level is Level.INVALID for kind in KINDS.values() if kind.cause is Cause.OUTCOME)


def verdict(cause, level):
    return Verdict("x", cause, level)


@pytest.mark.parametrize(
    ("status", "verdicts", "discarded", "validity"),
    [
        (Status.COMPLETED, [], False, Validity.VALID),
        (Status.COMPLETED, [verdict(Cause.MEASUREMENT, Level.WARNING)], False, Validity.VALID),
        (Status.COMPLETED, [verdict(Cause.MEASUREMENT, Level.INVALID)], False, Validity.INVALID),
        (Status.COMPLETED, [verdict(Cause.MEASUREMENT, Level.INVALID)], True, Validity.DISCARDED),
        (Status.FAILED, [verdict(Cause.OUTCOME, Level.WARNING)], False, Validity.VALID),
        (Status.FAILED, [verdict(Cause.OUTCOME, Level.INVALID)], False, Validity.VALID),
        (Status.OUT_OF_MEMORY, [], False, Validity.VALID),
        (Status.TIMED_OUT, [], False, Validity.VALID),
        (Status.LOST_INSTRUMENT, [], False, Validity.INVALID),
        (Status.REFUSED, [], False, Validity.INVALID),
        (Status.INTERRUPTED, [], False, Validity.INVALID),
    ],
)
def test_only_faults_of_the_measurement_make_a_run_invalid(status, verdicts, discarded, validity):
    assert validity == validity_of(status, verdicts, discarded)
