"""Nights on a real Slurm cluster of three nodes on this host: begun, refused, resumed, ended."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.record import NightFolder, read_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "setup:0.02,train:{length}", "--seed", "{seed}",
           "--accuracy", "0.8", "--note", "arm={arm}"]
window = "train"
timeout_s = 20
grace_s = 1
[factors]
arm = ["a", "b"]
length = [0.2]
[design]
blocks = 3
seed = 3
[warmup]
runs = 1
[sensors.simulated]
"""


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    file = tmp_path / "arms.toml"
    file.write_text(PROTOCOL)
    return file


def night_of(out: str) -> NightFolder:
    return NightFolder(Path(out.splitlines()[0]))


def valid_slots(folder: NightFolder) -> list[str]:
    records = [read_json(path / "run.json") for path in folder.settled().values()]
    return sorted(item["slot"] for item in records if item["validity"] == "valid")


def nodes_by_block(folder: NightFolder) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for path in folder.settled().values():
        body = read_json(path / "run.json")
        if body["validity"] == "valid":
            found.setdefault(body["block"], set()).add(body["node"])
    return found


def mentions(environ: Path, root: Path) -> bool:
    """Whether a process was started by a task of this night."""
    try:
        return b"NIGHTWATT_NIGHT=" in (body := environ.read_bytes()) and str(root).encode() in body
    except OSError:
        return False


def test_a_night_spreads_over_the_nodes_block_by_block_and_nothing_is_left_missing(cluster, protocol, tmp_path):
    done = cluster.nightwatt("run", str(protocol), "--engine", "slurm", "--wait", "--no-report", "--out", str(tmp_path))
    folder = night_of(done.stdout)
    assert ["b01-1", "b01-2", "b02-1", "b02-2", "b03-1", "b03-2"] == valid_slots(folder)
    nodes = nodes_by_block(folder)
    assert {1: 1, 2: 1, 3: 1} == {block: len(its) for block, its in nodes.items()}
    assert 3 == len(set.union(*nodes.values()))
    assert set.union(*nodes.values()) == {path.parent.name for path in folder.nodes.glob("*/host.json")}
    assert {"b00001", "b00002", "b00003"} == {path.name for path in folder.journal.iterdir()}
    warm = Counter(name.attempt for name in folder.settled() if name.block == 0)
    assert {1: 2, 2: 2, 3: 2} == warm
    assert "no block is missing: 3 settled" in cluster.nightwatt("resume", str(folder.root)).stderr
    status = json.loads(cluster.nightwatt("status", str(folder.root), "--json").stdout)
    assert (6, False, [1, 2, 3]) == (status["valid"], status["running"], status["cluster"]["tracked"]["settled"])


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--set", "engine.slurm.partition=night"], 2, ["no partition 'night'", "energy, short"]),
        (["--set", "engine.slurm.constraint=a100"], 2, ["no node", "a100", "small"]),
        (["--set", "engine.slurm.partition=short"], 3, ["too short", "partition short"]),
        (["--set", 'engine.slurm.time="1"'], 3, ["too short", "engine.slurm.time"]),
        (["--set", 'engine.slurm.time="4:00:00"'], 3, ["longer than the partition"]),
        (["--set", "design.order=shuffle"], 2, ["shuffle", "design.order"]),
    ],
)
def test_what_cannot_be_a_night_here_is_refused_before_it_begins(cluster, protocol, tmp_path, options, code, words):
    refused = cluster.nightwatt(
        "run", str(protocol), "--engine", "slurm", "--out", str(tmp_path / "out"), *options, code=code
    )
    assert [] == [word for word in words if word not in refused.stderr]
    assert "Traceback" not in refused.stderr
    assert not list(tmp_path.glob("out/*"))
    assert "" == cluster.told("squeue", "-h")


def test_a_dry_run_prints_the_script_and_leaves_nothing(cluster, protocol, tmp_path):
    done = cluster.nightwatt("run", str(protocol), "--engine", "slurm", "--dry-run", "--out", str(tmp_path / "out"))
    assert "#SBATCH --array=1-3\n" in done.stdout
    assert "nightwatt block" in done.stdout
    assert not (tmp_path / "out").exists()
    assert "" == cluster.told("squeue", "-h")


def test_a_folder_that_a_node_does_not_share_is_refused_by_what_its_job_did_not_leave(cluster, protocol):
    if "node4" not in cluster.idle():
        pytest.skip("no mount namespace can be made here")
    out = cluster.root / "apart" / "results"
    refused = cluster.nightwatt(
        "run", str(protocol), "--engine", "slurm", "--set", "engine.slurm.partition=apart", "--out", str(out), code=3
    )
    assert "node node4 does not share the results folder" in refused.stderr
    assert not list(out.glob("*"))


@pytest.mark.slow
def test_nodes_that_differ_are_refused_with_the_difference_unless_they_are_levels_or_declared(
    cluster, protocol, tmp_path
):
    if "node5" not in cluster.idle():
        pytest.skip("no mount namespace can be made here")
    begin = ["run", str(protocol), "--engine", "slurm", "--set", "engine.slurm.partition=unlike", "--no-report"]
    refused = cluster.nightwatt(*begin, "--out", str(tmp_path / "out"), code=3)
    assert "Another processor" in refused.stderr
    assert "node5" in refused.stderr
    assert not list(tmp_path.glob("out/*"))
    levels = 'engine.slurm.nodes={old = "nodelist=node1", new = "constraint=large"}'
    done = cluster.nightwatt(*begin, "--set", levels, "--wait", "--out", str(tmp_path / "levels"))
    nodes = nodes_by_block(night_of(done.stdout))
    assert nodes[1] == nodes[3] != nodes[2]
    done = cluster.nightwatt(*begin, "--set", "engine.slurm.mixed=true", "--wait", "--out", str(tmp_path / "mixed"))
    assert 6 == len(valid_slots(night_of(done.stdout)))


@pytest.mark.slow
def test_a_cancelled_array_ends_in_order_and_resume_submits_exactly_what_is_missing(cluster, protocol, tmp_path):
    done = cluster.nightwatt(
        "run", str(protocol), "--engine", "slurm", "--out", str(tmp_path),
        "--set", "factors.length=[3.0]", "--set", "engine.slurm.at_most=2", "--set", "warmup.runs=0",
    )  # fmt: skip
    folder = night_of(done.stdout)
    started = time.monotonic()
    while not list(folder.runs.glob("b0*-1-a1-*.partial/exit.json")) and not folder.settled():
        assert time.monotonic() - started < 60
        time.sleep(0.1)
    cluster.told("scancel", "--user=root")
    while cluster.told("squeue", "-h"):
        assert time.monotonic() - started < 90
        time.sleep(0.1)
    assert [] == list(folder.runs.glob("*.partial"))
    assert [] == [path for path in Path("/proc").glob("[0-9]*/environ") if mentions(path, folder.root)]
    ended = [read_json(path) for path in folder.cluster.glob("claims/*.ended") if "b00000" not in path.name]
    assert {143} == {item["exit_code"] for item in ended}
    cluster.nightwatt("resume", str(folder.root), "--wait", "--no-report")
    assert 6 == len(valid_slots(folder))


@pytest.mark.slow
def test_slurm_s_own_states_stand_beside_ours_where_the_site_keeps_an_account(accounted, protocol, tmp_path):
    begin = ["run", str(protocol), "--engine", "slurm", "--wait", "--no-report", "--out", str(tmp_path)]
    folder = night_of(accounted.nightwatt(*begin).stdout)
    states = read_json(folder.cluster / "states.json")
    tasks = {item["block"]: (item["state"], item["exit_code"], item["consumed_J"]) for item in states["tasks"]}
    assert dict.fromkeys((1, 2, 3), ("COMPLETED", "0:0", None)) == tasks
    assert "AcctGatherEnergyType" in states["energy"]
    accounted.nightwatt("report", str(folder.root))
    assert "The tasks, by Slurm" in (folder.report / "index.html").read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_accepted_change_of_the_protocol_is_a_cohort_of_what_was_left(cluster, protocol, tmp_path):
    done = cluster.nightwatt(
        "run", str(protocol), "--engine", "slurm", "--out", str(tmp_path / "out"),
        "--set", "factors.length=[8.0]", "--set", "warmup.runs=0",
        "--set", "engine.slurm.at_most=1",
        "--set", 'night.notify=["cat >> told.jsonl; echo --- >> told.jsonl"]',
    )  # fmt: skip
    folder = night_of(done.stdout)
    started = time.monotonic()
    while len(valid_slots(folder)) < 2:
        assert time.monotonic() - started < 200
        time.sleep(0.1)
    folder.protocol.write_text(PROTOCOL.replace("timeout_s = 20", "timeout_s = 30"))
    assert "--accept-change" in cluster.nightwatt("resume", str(folder.root), code=2).stderr
    refused = cluster.nightwatt("resume", str(folder.root), "--accept-change", code=3).stderr
    assert "still at work" in refused
    cluster.told("scancel", "--user=root")
    while cluster.told("squeue", "-h"):
        assert time.monotonic() - started < 300
        time.sleep(0.1)
    before = dict.fromkeys(valid_slots(folder), 1)
    done = cluster.nightwatt("resume", str(folder.root), "--accept-change", "--wait")
    assert "protocol workload.timeout_s: was 20.0, is now 30.0" in done.stderr
    assert 6 == len(valid_slots(folder))
    records = [read_json(path / "run.json") for path in folder.settled().values()]
    cohorts = {item["slot"]: item["cohort"] for item in records if item["validity"] == "valid"}
    whole = {slot: 1 for slot in before if f"{slot[:3]}-1" in before and f"{slot[:3]}-2" in before}
    assert whole == {slot: number for slot, number in cohorts.items() if number == 1}
    assert {1, 2} == set(cohorts.values())
    assert "cohort" in (folder.report / "index.html").read_text()
    told = [json.loads(item) for item in (tmp_path / "told.jsonl").read_text().split("---\n") if item.strip()]
    assert ["start", "trouble", "start", "end"] == [item["event"] for item in told]
    assert (6, 0) == (told[-1]["valid"], told[-1]["exit_code"])
