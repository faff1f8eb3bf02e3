"""A rehearsed night of 60 runs on three nodes: a node fails, the array is cancelled, the controller restarts."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from harness.block_claims import standings
from harness.record import NightFolder, read_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "train:1", "--seed", "{seed}", "--note", "arm={arm}"]
window = "train"
timeout_s = 4000
[factors]
arm = ["a", "b"]
[design]
blocks = 30
seed = 3
[sensors.simulated]
[analysis]
baseline = "a"
[engine]
slurm = {partition = "energy", at_most = 3}
"""


def valid(folder: NightFolder) -> list[str]:
    records = [read_json(path / "run.json") for path in folder.settled().values()]
    return sorted(item["slot"] for item in records if item["validity"] == "valid")


def wait(asked, patience_s=120.0):
    until_s = time.monotonic() + patience_s
    while not (found := asked()):
        assert time.monotonic() < until_s
        time.sleep(0.1)
    return found


def answer(cluster, root: Path) -> dict:
    cluster.nightwatt("report", str(root))
    return json.loads((root / "report" / "findings.json").read_text())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_sixty_runs_survive_a_node_the_array_and_the_controller_and_answer_as_a_local_night_does(cluster, tmp_path):
    protocol = tmp_path / "arms.toml"
    protocol.write_text(PROTOCOL)
    local = cluster.nightwatt(
        "rehearse", str(protocol), "--engine", "local", "--no-report", "--quiet", "--out", str(tmp_path / "local")
    )
    done = cluster.nightwatt("rehearse", str(protocol), "--out", str(tmp_path / "cluster"))
    folder = NightFolder(Path(done.stdout.splitlines()[0]))

    # A node is taken down in the middle of its block: Slurm executes the block elsewhere.
    wait(lambda: len(valid(folder)) >= 6)
    struck = wait(lambda: cluster.told("squeue", "-h", "-t", "R", "-w", "node2", "-o", "%K"))
    cluster.told("scontrol", "update", "NodeName=node2", "State=DOWN", "Reason=struck by a test")
    try:
        wait(lambda: len(valid(folder)) >= 12)

        # The controller restarts: tasks go on, and what asks meanwhile says that it is not known.
        claims = folder.cluster / "claims"
        at_work = wait(lambda: [item.path for item in standings(claims).values() if not item.ended])
        cluster.stop("slurmctld")
        assert "queue is not known" in cluster.nightwatt("status", str(folder.root)).stdout
        wait(lambda: all(path.with_name(f"{path.name}.ended").exists() for path in at_work))
        assert {0} == {read_json(path.with_name(f"{path.name}.ended"))["exit_code"] for path in at_work}
        cluster.start_controller()
        wait(lambda: len(valid(folder)) >= 24)

        # The array is cancelled, and what is missing submitted again.
        assert "no block is missing" in cluster.nightwatt("resume", str(folder.root)).stderr
        cluster.told("scancel", "--user=root")
        wait(lambda: not cluster.told("squeue", "-h"))
        assert [] == list(folder.runs.glob("*.partial"))
    finally:
        cluster.ask("scontrol", "update", "NodeName=node2", "State=RESUME")
    left = 60 - len(valid(folder))
    assert left > 0
    cluster.nightwatt("resume", str(folder.root), "--wait", "--no-report")

    one, other = NightFolder(next((tmp_path / "local").glob("2*"))), folder
    assert valid(one) == valid(other)
    assert 60 == len(valid(other))
    blocks: dict[int, set[str]] = {}
    for path in folder.settled().values():
        body = read_json(path / "run.json")
        if body["validity"] == "valid":
            blocks.setdefault(body["block"], set()).add(body["node"])
    assert {1} == {len(nodes) for nodes in blocks.values()}
    assert 3 == len(set.union(*blocks.values()))
    assert struck.isdecimal()
    here, there = answer(cluster, one.root), answer(cluster, other.root)
    assert here["headline"] == there["headline"]
    assert here["comparisons"][0]["ratio"] == pytest.approx(there["comparisons"][0]["ratio"])
    assert local.returncode == 0
