"""A block that is pre-empted in mid-run, by a partition's policy, on real daemons: requeued, or cancelled for good."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from harness.record import NightFolder, read_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "train:4", "--seed", "{seed}", "--note", "{arm}"]
window = "train"
timeout_s = 60
grace_s = 1
[factors]
arm = ["a", "b"]
[design]
blocks = 2
[sensors.simulated]
"""


def wait(asked, patience_s=200.0):
    until_s = time.monotonic() + patience_s
    while not (found := asked()):
        assert time.monotonic() < until_s
        time.sleep(0.1)
    return found


def valid_slots(folder: NightFolder) -> Counter[str]:
    records = [read_json(path / "run.json") for path in folder.settled().values()]
    return Counter(item["slot"] for item in records if item["validity"] == "valid")


def started_by(root: Path) -> list[str]:
    """The processes that tasks of this night have left."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            body = path.read_bytes()
        except OSError:
            continue
        if b"NIGHTWATT_NIGHT=" in body and str(root).encode() in body:
            found.append(path.parent.name)
    return found


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("partition", "comes_back"), [("scavenge", True), ("spare", False)])
def test_a_pre_empted_block_ends_in_order_and_what_is_missing_is_executed_once(
    cluster, tmp_path, partition, comes_back
):
    file = tmp_path / "arms.toml"
    file.write_text(PROTOCOL)
    done = cluster.nightwatt(
        "run", str(file), "--engine", "slurm", "--set", f"engine.slurm.partition={partition}",
        "--set", "engine.slurm.at_most=1", "--out", str(tmp_path / "out"),
    )  # fmt: skip
    folder = NightFolder(Path(done.stdout.splitlines()[0]))
    wait(lambda: list(folder.runs.glob("b01-1-a1-*.partial/marks.jsonl")) or folder.settled())
    node = wait(lambda: cluster.told("squeue", "-h", "-t", "R", "-p", partition, "-o", "%N"))
    everywhere = ["sbatch", "--parsable", "--partition=urgent", "--exclusive", "--nodes=1", "--wrap=sleep 5"]
    urgent = cluster.told(*everywhere, f"--nodelist={node}", "--output=/dev/null")
    wait(lambda: "R" == cluster.ask("squeue", "-h", "-j", urgent, "-o", "%t").stdout.strip())

    # The task has gone in order: the run in progress is kept as interrupted, nothing of it is left.
    assert [] == list(folder.runs.glob("b01-*.partial"))
    assert 1 <= len(list(folder.runs.glob("b01-*.interrupted")))
    ends = [read_json(path) for path in (folder.cluster / "claims").glob("b00001.*.ended")]
    assert [143] == [item["exit_code"] for item in ends]
    if not comes_back:  # the other block's task goes on; the pre-empted one is Slurm's no more
        assert "1 block submitted" in cluster.nightwatt("resume", str(folder.root)).stderr
    else:
        assert "no block is missing" in cluster.nightwatt("resume", str(folder.root)).stderr
    wait(lambda: not cluster.told("squeue", "-h"), 400.0)
    assert "no block is missing: 2 settled" in cluster.nightwatt("resume", str(folder.root)).stderr
    assert dict.fromkeys(["b01-1", "b01-2", "b02-1", "b02-2"], 1) == valid_slots(folder)
    records = [read_json(path / "run.json") for path in folder.settled().values()]
    assert {"completed"} == {item["status"] for item in records}
    assert [] == started_by(folder.root)
