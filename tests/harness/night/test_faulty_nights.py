"""Rehearsed nights in which everything goes wrong once: what the record says of it, and how the night gets over it."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from harness.record import RUN_JSON, SAMPLES_CSV, NightFolder, read_json

_spec = importlib.util.spec_from_file_location("defences", Path(__file__).with_name("defences.py"))
assert _spec is not None
assert _spec.loader is not None
_defences = sys.modules["defences"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_defences)
DEFENCES = _defences.DEFENCES

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["true", "{arm}"]
window = "train"
timeout_s = 1600
[factors]
arm = ["a", "b"]
[design]
blocks = 9
[cooldown]
until = "temperature"
[sensors.simulated]
load_W = 800
[analysis]
baseline = "a"
[night]
stop_after_failures = 99
"""


@dataclass(frozen=True)
class Expected:
    """What becomes of a struck run; the night's repetition of it is always valid."""

    status: str
    validity: str = "valid"
    verdicts: set[str] = field(default_factory=set)
    reason: str = ""
    repeated: bool = False


QUICK = {
    "disk-full-journal": Expected("completed"),
    "failure": Expected("failed", verdicts={"failed", "no_window"}, reason="exit code 3"),
    "signal": Expected("killed", verdicts={"killed", "no_window"}, reason="killed by signal 11"),
    "out-of-memory": Expected("out_of_memory", verdicts={"out_of_memory", "no_window"}, reason="MemoryError"),
    "daemon": Expected("completed", verdicts={"leftover_processes"}),
    "flood": Expected("completed"),
    "terminal": Expected("failed", verdicts={"failed", "no_window"}, reason="EOFError"),
    "half-mark": Expected("completed", verdicts={"unread_marks"}),
    "nan": Expected("completed", verdicts={"not_finite"}),
    "counter-wraps": Expected("completed"),
    "counter-back": Expected(
        "lost_instrument", "invalid", {"lost_instrument", "no_window"}, "its counter went back", repeated=True
    ),
    "clock-step": Expected("completed", verdicts={"clock_step"}),
    "suspend": Expected("completed", "invalid", {"suspended", "clock_step"}, repeated=True),
    "hot": Expected("refused", "invalid", {"refused"}, "gate temperature: gpu0 is at 60 °C", repeated=True),
    "sampler-killed": Expected(
        "lost_instrument", "invalid", {"lost_instrument"}, "sampler ended with exit code -9", repeated=True
    ),
    "keeper-killed": Expected("killed", "invalid", {"killed", "keeper_lost"}, "its keeper was killed", repeated=True),
    "disk-full-sealing": Expected("", repeated=True),
}
LENGTHY = {  # those that end alike stand last: a configuration with one fault in its first two blocks is retired
    "frozen": Expected("completed", verdicts={"frozen"}),
    "sampler-stopped": Expected(
        "lost_instrument", "invalid", {"lost_instrument"}, "sampler has said nothing for", repeated=True
    ),
    "sampler-slow": Expected("completed", verdicts={"late_ticks"}),
    "disk-full-samples": Expected(
        "lost_instrument", "invalid", {"lost_instrument"}, "sampler ended with exit code 74", repeated=True
    ),
    "hang": Expected("timed_out", verdicts={"timed_out"}, reason="it was ended at its time limit"),
    "stubborn": Expected("timed_out", verdicts={"timed_out"}, reason="it was ended at its time limit"),
}
IN_PASSING = {"no_window", "late_ticks"}
"""Verdicts that may come besides: a run cut short has no window, a busy machine holds readings up."""


@dataclass(frozen=True)
class Bad:
    """A night that is over."""

    folder: NightFolder
    code: int
    told: str
    faults: dict[str, str]
    """By name the slot that it struck."""

    def record(self, slot: str, attempt: int) -> dict[str, Any] | None:
        """The record of an attempt that was settled; None where there is none."""
        found = {(name.slot, name.attempt): path for name, path in self.folder.settled().items()}
        path = found.get((slot, attempt))
        return None if path is None else dict(read_json(path / RUN_JSON))


def rehearsed(out: Path, faults: list[str], *words: str) -> Bad:
    """A whole rehearsed night with these faults."""
    (out / "arms.toml").write_text(PROTOCOL)
    asked = [word for name in faults for word in ("--fault", name)]
    done = subprocess.run(
        [sys.executable, "-m", "nightwatt", "rehearse", "arms.toml", "--no-report", *asked, *words],
        cwd=out, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=280, check=False,
        env=os.environ | {"NIGHTWATT_RUNTIME_DIR": str(out / "locks")},
    )  # fmt: skip
    [root] = (out / "results").iterdir()
    struck = read_json(root / "plan.json")["protocol"]["sensors"]["simulated"]["faults"]
    return Bad(NightFolder(root), done.returncode, done.stderr, dict(word.split("@") for word in struck))


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Bad:
    """A night of every fault that takes no time; the first slot is left alone."""
    return rehearsed(tmp_path_factory.mktemp("quick"), [*QUICK])


@pytest.fixture(scope="module")
def lengthy(tmp_path_factory: pytest.TempPathFactory) -> Bad:
    """A night of the faults that are only noticed after a while."""
    return rehearsed(
        tmp_path_factory.mktemp("lengthy"), [*LENGTHY], "--set", "design.blocks=4", "--set", "workload.timeout_s=3600"
    )


def assert_as_expected(night: Bad, name: str, expected: Expected) -> None:
    assert 1 == night.code, night.told
    slot = night.faults[name]
    record, again = night.record(slot, 1), night.record(slot, 2)
    assert f"{slot}-a1-" in night.told.split(f"rehearsed fault {name}:")[0].splitlines()[-1]
    if expected.status:
        assert record is not None
        verdicts = {verdict["name"] for verdict in record["verdicts"]}
        assert (expected.status, expected.validity) == (record["status"], record["validity"])
        assert expected.verdicts - IN_PASSING == verdicts - IN_PASSING - {"instrument_unfinished"}
        assert expected.verdicts & {"late_ticks"} <= verdicts
        assert expected.reason in record["reason"]
    else:
        assert record is None
    if expected.repeated:
        assert again is not None
        assert ("completed", "valid") == (again["status"], again["validity"])
    else:
        assert again is None


@pytest.mark.parametrize("name", QUICK)
def test_what_goes_wrong_is_told_and_what_the_measurement_spoilt_is_repeated(quick: Bad, name: str) -> None:
    assert_as_expected(quick, name, QUICK[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", LENGTHY)
def test_what_is_noticed_after_a_while_is_told_too(lengthy: Bad, name: str) -> None:
    assert_as_expected(lengthy, name, LENGTHY[name])


@pytest.mark.slow
def test_a_value_that_stood_still_is_told_with_the_load_under_which_it_did(lengthy: Bad) -> None:
    record = lengthy.record(lengthy.faults["frozen"], 1)
    assert record is not None
    [frozen] = [verdict for verdict in record["verdicts"] if verdict["name"] == "frozen"]
    assert "while its device was at work (95 % load)" in frozen["evidence"]
    assert frozen["figure"] > 3.0


def test_every_fault_is_rehearsed() -> None:
    from harness.faults import KINDS

    assert set(KINDS) == {*QUICK, *LENGTHY}


def test_a_bad_night_ends_and_says_how_many_runs_are_bad(quick: Bad) -> None:
    assert 1 == quick.code, quick.told
    bad = sum(item.status not in ("completed", "") and not item.repeated for item in QUICK.values())
    assert f"{18 - bad} of 18 runs are valid, {bad} failed, invalid or retired" in quick.told
    assert "Traceback" not in quick.told


def test_every_slot_has_one_run_that_counts(quick: Bad) -> None:
    records = [read_json(path / RUN_JSON) for path in quick.folder.settled().values()]
    counted = sorted(body["slot"] for body in records if body["validity"] == "valid")
    assert counted == [f"b{block:02d}-{position}" for block in range(1, 10) for position in (1, 2)]


def test_a_full_disk_at_the_sealing_keeps_the_samples_as_they_were_recorded(quick: Bad) -> None:
    [kept] = quick.folder.runs.glob(f"{quick.faults['disk-full-sealing']}-a1-*.interrupted")
    assert (kept / SAMPLES_CSV).stat().st_size > 1000
    assert not list(kept.glob("*.aside"))
    assert "the samples could not be sealed" in quick.told
    assert "nothing is lost, the CSV is kept" in quick.told


def test_a_full_disk_behind_a_run_costs_no_line_of_the_journal_for_good(quick: Bad) -> None:
    assert "the journal cannot be written" in quick.told
    [journal] = quick.folder.journal.glob("*.jsonl")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    settled = [line["path"] for line in lines if line["event"] == "RunSettled"]
    assert sorted(path.name for path in quick.folder.settled().values()) == sorted(settled)


def test_a_counter_that_wraps_tells_what_the_trace_beside_it_tells(quick: Bad) -> None:
    import pyarrow.parquet

    record = quick.record(quick.faults["counter-wraps"], 1)
    assert record is not None
    [path] = [path for name, path in quick.folder.settled().items() if name.slot == record["slot"]]
    table = pyarrow.parquet.read_table(path / "samples.parquet").to_pandas()
    counter = table[table.channel == "gpu0.energy_J"].value.to_numpy()
    power = table[table.channel == "gpu0.power_W"]
    joules = (power.value.to_numpy()[1:] * power.t_ns.diff().to_numpy()[1:] / 1e9).sum()
    assert (counter[1:] >= counter[:-1]).all()
    assert pytest.approx(joules, abs=0.01) == counter[-1] - counter[0]
    assert joules > 4 * 80, "it went round several times: one turn is 80 J"


def test_no_process_of_a_bad_night_is_left(quick: Bad) -> None:
    left = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(quick.folder.root.parent.parent) + b"/locks" in words:
            left.append(process.name)
    assert [] == left


@pytest.mark.slow
def test_what_is_valid_in_a_bad_night_is_what_an_undisturbed_one_measures(
    quick: Bad, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from analysis.energy import measure
    from analysis.load import load

    calm = rehearsed(tmp_path_factory.mktemp("calm"), [])
    assert 0 == calm.code, calm.told
    joules = []
    for night in (quick, calm):
        loaded = load(night.folder.root)
        runs = loaded.runs[(loaded.runs.validity == "valid") & (loaded.runs.status == "completed")]
        frame = measure(loaded).frame
        window = frame[(frame.phase == "train") & frame.run.isin(runs.run)]
        slots = dict(zip(runs.run, runs.slot, strict=True))
        joules.append({slots[run]: energy for run, energy in zip(window.run, window.energy_J, strict=True)})
    bad, undisturbed = joules
    assert len(bad) > 10
    # The night with a counter tells energy by it, in whole millijoules: half of one off at either end.
    assert bad == pytest.approx({slot: undisturbed[slot] for slot in bad}, rel=0, abs=1e-3)


# --- docs/faults.md ---------------------------------------------------------------------------------------------------

TESTS = Path(__file__).parents[2]
PAGE = (TESTS.parent / "docs" / "faults.md").read_text("utf-8")


def rows() -> Iterator[list[str]]:
    """The rows of the page's tables, as lists of cells."""
    for line in PAGE.splitlines():
        if line.startswith("| ") and not line.startswith("| fault |"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def told() -> dict[str, list[str]]:
    """By fault: its name for ``--fault``, what is seen, what is kept."""
    return {fault: others for fault, *others in rows() if len(others) == 3}


def where_tested() -> dict[str, list[str]]:
    """By fault: where it is tested, as file::test."""
    return {fault: re.findall(r"`([^`]+)`", cells[0]) for fault, *cells in rows() if len(cells) == 2}


def seen_to_fail_without() -> dict[str, str]:
    """By fault: the defences that were taken out, in words."""
    return {fault: cells[1] for fault, *cells in rows() if len(cells) == 2}


def test_the_page_tells_of_every_fault_where_it_is_tested() -> None:
    assert list(told()) == list(where_tested())
    assert all(where_tested().values())


def test_every_test_that_the_page_names_is_there() -> None:
    named = [name.split("::") for names in where_tested().values() for name in names]
    there = {file: (TESTS / file).read_text("utf-8") for file, _ in named if (TESTS / file).is_file()}
    assert [] == [f"{file}::{test}" for file, test in named if f"\ndef {test}(" not in there.get(file, "")]


def test_each_fault_has_a_defence_that_can_be_taken_out() -> None:
    words: dict[str, list[str]] = {}
    for defence in DEFENCES:
        words.setdefault(defence.fault, []).append(defence.words)
        assert 1 == (TESTS.parent / defence.file).read_text("utf-8").count(defence.code), defence
        files = {test: TESTS / test.partition("::")[0] for test in defence.tests}
        names = {test: re.sub(r"\[.*", "", test.partition("::")[2]) for test in defence.tests}
        assert all(f"def {names[test]}(" in file.read_text("utf-8") for test, file in files.items()), defence
    assert {fault: "; ".join(told) for fault, told in words.items()} == seen_to_fail_without()


def test_the_page_tells_of_every_fault_that_can_be_rehearsed_what_its_test_expects() -> None:
    page = {cells[0].strip("`"): cells[1] for cells in told().values() if cells[0]}
    expectations = QUICK | LENGTHY
    assert set(expectations) == set(page)
    for name, expected in expectations.items():
        words = [f"`{expected.status}`"] if expected.status else []
        words += [expected.reason] if expected.reason else []
        words += [f"`{verdict}`" for verdict in expected.verdicts - IN_PASSING if verdict != expected.status]
        assert [] == [word for word in words if word not in page[name]], name


def test_the_page_says_of_every_repeated_run_that_it_is() -> None:
    for name, _, kept in told().values():
        expected = (QUICK | LENGTHY).get(name.strip("`"))
        if expected is not None:
            assert expected.repeated == ("repeated" in kept or "tried again" in kept), name
