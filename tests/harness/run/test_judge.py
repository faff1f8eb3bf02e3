"""The judge: pure, so the cases are made by hand."""

from dataclasses import replace

import pytest

from harness.gates import Decision
from harness.judge import Evidence, judge, status_of, validity_of
from harness.keeping import Ending
from harness.marks import Marks
from harness.protocol_model import Cooldown
from harness.record import Cause, Level, Phase, RunRecord, Status, Validity, Verdict

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


@pytest.mark.parametrize(
    "words",
    [
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB",
        "RuntimeError: CUDA error: out of memory",
        "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "RuntimeError: [enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory",
        "tensorflow.python.framework.errors_impl.ResourceExhaustedError: OOM when allocating tensor",
        "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to allocate",
        "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7.45 GiB",
        "MemoryError",
        "terminate called after throwing an instance of 'std::bad_alloc'",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_out_of_memory_is_said_by_every_framework_in_its_own_words(words):
    status, reason = status_of(Ending("exited", exit_code=1), f"Traceback\n{words}\n")
    assert Status.OUT_OF_MEMORY == status
    assert reason.startswith("out of memory (exit code 1)")


@pytest.mark.parametrize(
    ("ending", "stderr", "status", "reason"),
    [
        (Ending("exited", exit_code=0), "CUDA out of memory, retried smaller", "completed", ""),
        (
            Ending("exited", exit_code=1),
            "you may run out of memory",
            "failed",
            "exit code 1: you may run out of memory",
        ),
        (Ending("exited", exit_code=1), "", "failed", "exit code 1: it left no message"),
        (Ending("exited", signal=9), "", "killed", "killed (signal 9), out of memory not excluded"),
        (Ending("exited", exit_code=137), "", "killed", "killed (exit code 137), out of memory not excluded"),
        (Ending("exited", signal=6), "", "killed", "killed by signal 6"),
        (
            Ending("exited", signal=9, oom_kills={"machine": 0, "group": 1}),
            "",
            "out_of_memory",
            "out of memory (signal 9): the kernel's oom_kill counter, group +1",
        ),
        (Ending("timed_out", signal=15), "", "timed_out", "it was ended at its time limit"),
        (Ending("not_launched", launch_error="OSError: x"), "", "failed", "it could not be started: OSError: x"),
    ],
)
def test_how_a_run_ended_is_told_apart(ending, stderr, status, reason):
    assert (status, reason) == status_of(ending, stderr)


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
    ("marks", "words"),
    [
        (Marks(), "not among the marked phases (none)"),
        (Marks(open=("fit",)), "begun, never ended"),
        (Marks(phases=(Phase("fit", 0, 1), Phase("fit", 2, 3))), "marked 2 times"),
    ],
)
def test_a_missing_window_is_told_with_what_is_there(marks, words):
    assert words in found(replace(RECORD, window=None), window_name="fit", marks=marks)["no_window"].evidence


def test_a_run_that_was_never_launched_misses_no_window():
    assert {} == found(replace(RECORD, window=None, launched_ns=None), window_name="fit")


COOLDOWN = Cooldown(until="temperature", band_C=3.0, maximum_s=900.0)


@pytest.mark.parametrize(
    ("start_C", "why", "words"),
    [
        (
            {"gpu0": 50.0},
            "budget",
            "gpu0 started hotter than in block 1 (40 C); the cool-down's budget of 900 s was over",
        ),
        ({"gpu0": 30.0}, "cool", "gpu0 started colder than in block 1 (40 C)"),
        ({}, "no reading", "no temperature of gpu0 was read"),
    ],
)
def test_a_start_outside_the_band_is_recorded_as_a_warning(start_C, why, words):
    verdict = found(
        replace(RECORD, start_temperature_C=start_C),
        cooldown=COOLDOWN,
        decision=Decision(start=True, why=why),
        temperature_target={"gpu0": 40.0},
    )["start_temperature"]
    assert (words, Level.WARNING, Cause.MEASUREMENT) == (verdict.evidence, verdict.level, verdict.cause)


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
