"""The energy of nodes as Slurm knows it, on real daemons: by a plugin that counts, and where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.record import NightFolder, read_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "setup:0.5,train:6", "--seed", "{seed}", "--note", "{arm}"]
window = "train"
timeout_s = 60
[factors]
arm = ["a", "b"]
[design]
blocks = 2
[sensors.slurm]
interval_ms = 1000
[night]
share_machine = true  # the nodes are one machine here, and others test on it
[analysis]
baseline = "a"
"""


@pytest.fixture
def protocol(tmp_path: Path) -> Path:
    file = tmp_path / "arms.toml"
    file.write_text(PROTOCOL)
    return file


def test_a_cluster_that_gathers_no_energy_is_refused_before_a_node_is_asked(cluster, protocol, tmp_path):
    out = tmp_path / "out"
    refused = cluster.nightwatt("run", str(protocol), "--engine", "slurm", "--out", str(out), code=3)
    assert "this cluster gathers no energy (AcctGatherEnergyType is none)" in refused.stderr
    assert "remedy" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not out.exists()
    assert "no task of Slurm's" in cluster.nightwatt("run", str(protocol), "--out", str(out), code=3).stderr


@pytest.mark.slow
def test_a_night_is_measured_by_slurm_s_own_plugin_and_its_account_ends_where_the_sensor_did(
    energetic, protocol, tmp_path
):
    begin = ["run", str(protocol), "--engine", "slurm", "--wait", "--out", str(tmp_path / "out")]
    done = energetic.nightwatt(*begin)
    folder = NightFolder(Path(done.stdout.splitlines()[0]))
    records = [read_json(path / "run.json") for path in folder.settled().values()]
    assert [("valid", "slurm/node.energy_J", "node", "measured")] * 4 == [
        (item["validity"], *(item["channels"][0][key] for key in ("name", "domain", "quality"))) for item in records
    ]
    tasks = {item["task"]: item for item in read_json(folder.cluster / "states.json")["tasks"]}
    last_J: dict[str, float] = {}
    for item in records:
        facts = item["sensors"]["slurm"]
        assert ("pm_counters", 0) == (facts["plugin"], facts["missed"])
        last_J[facts["task"]] = max(last_J.get(facts["task"], 0), facts["last_J"])
    assert tasks.keys() == last_J.keys()
    for name, joules in last_J.items():
        assert joules <= tasks[name]["consumed_J"] <= 300 * (tasks[name]["elapsed_s"] + 2)
    findings = read_json(folder.report / "findings.json")
    assert 2 == len(findings["recorded"])
    for item in findings["recorded"]:  # 300 W for 6 s, at two edges of which a second is not known
        assert item["energy"]["value"] == pytest.approx(300 * 6, rel=0.1)
        assert 300 <= item["bound_J"] <= 900
    page = (folder.report / "index.html").read_text()
    assert [] == [
        words for words in ("acct_gather_energy/pm_counters", "last count of the sensor slurm") if words not in page
    ]
