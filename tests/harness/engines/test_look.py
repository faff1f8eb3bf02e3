"""What nodes answer before a night, by commands that answer as Slurm does: or why it cannot be a night."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.engines import look
from harness.engines.arrays import Batch
from harness.engines.look import look_at_nodes
from harness.engines.node import KINDS
from harness.engines.slurm import Printed, Slurm
from harness.errors import RefusedError, SensorMissing, UsageError
from harness.protocol_engine import Slurm as Settings
from harness.record import read_json, write_json

ALIKE = {"processor": "Some CPU", "package numpy": "2.0"}


class Nodes:
    """Nodes that answer as soon as they are asked, each as ``say`` has it; a job that is done has left the queue."""

    def __init__(self, root: Path, listed: str = "n1|idle|a100\nn2|idle|a100\nn3|alloc|a100\n") -> None:
        self.root, self.listed = root, listed
        self.say: dict[str, object] = {}
        self.asked: list[str] = []
        self.waiting: list[str] = []
        self.cancelled: list[str] = []

    def __call__(self, command, env, timeout_s) -> Printed:
        match command[0]:
            case "sinfo":
                return Printed(0, self.listed)
            case "squeue":
                return Printed(0, "".join(f"nightwatt-look-n|{job}|N/A|PENDING||Priority\n" for job in self.waiting))
            case "scancel":
                self.cancelled.append(command[1])
                return Printed(0, "")
            case "sbatch":
                return self.begin(Path(command[-1]).read_text())
        raise AssertionError(command)

    def begin(self, script: str) -> Printed:
        found = re.search(r"--nodelist=(\S+)", script)
        node, token = found[1] if found else "", re.search(r"--look (\w+)", script)[1]
        self.asked.append(node)
        body = self.say.get(node, ALIKE)
        if isinstance(body, dict):
            answer = {"host": {"id": node or "any"}, "kind": body, "refused": ""}
            (self.root / "cluster" / "looks").mkdir(exist_ok=True)
            write_json(self.root / "cluster" / "looks" / f"{token}.json", answer)
        elif body == "no sensor":
            (self.root / "cluster" / "looks").mkdir(exist_ok=True)
            refused = {"host": None, "kind": {}, "refused": "sensor nvml: no card"}
            write_json(self.root / "cluster" / "looks" / f"{token}.json", refused)
        elif body == "waits":
            self.waiting.append(str(len(self.asked)))
        elif body is not None:
            (self.root / "cluster" / "logs" / f"look-{token}.log").write_text(str(body))
        return Printed(0, f"{len(self.asked)}\n")


@pytest.fixture
def night(tmp_path, monkeypatch):
    monkeypatch.setattr(look, "LATE_S", 0.1)
    monkeypatch.setattr(look, "_LOOK_S", 0.02)
    (tmp_path / "cluster" / "logs").mkdir(parents=True)
    return tmp_path


def looked(night, cluster, patience_s=5.0, **settings):
    batch = Batch(night, ("nightwatt",), Settings.model_validate(settings), "energy", 60)
    return list(look_at_nodes(Slurm(cluster), batch, patience_s))


def test_the_idle_nodes_are_asked_and_what_they_are_is_written_down(night):
    nodes = Nodes(night)
    assert ["2 of 2 nodes have answered"] == looked(night, nodes)
    assert ["n1", "n2"] == nodes.asked
    assert {"": ALIKE} == read_json(night / "cluster" / KINDS)
    assert {"id": "n1"} == read_json(night / "host.json")
    assert ["logs", KINDS] == sorted((path.name for path in (night / "cluster").iterdir()), reverse=True)


def test_where_no_node_is_idle_whichever_comes_first_is_asked(night):
    nodes = Nodes(night, "n1|alloc|x\nn2|mix|x\n")
    looked(night, nodes)
    assert [""] == nodes.asked


def test_nodes_that_differ_are_refused_item_by_item(night):
    nodes = Nodes(night)
    nodes.say["n2"] = {**ALIKE, "package numpy": "1.26", "gpus": "a card"}
    with pytest.raises(RefusedError) as refused:
        looked(night, nodes)
    assert "package numpy: 2.0 on node n1, 1.26 on node n2" in refused.value.what
    assert "gpus: none on node n1, a card on node n2" in refused.value.what
    assert ["2 of 2 nodes have answered"] == looked(night, nodes, mixed=True)


def test_a_node_that_left_nothing_does_not_share_the_folder(night):
    nodes = Nodes(night)
    nodes.say["n2"] = None
    with pytest.raises(RefusedError, match="node n2 does not share the results folder"):
        looked(night, nodes)
    assert ["1", "2"] == nodes.cancelled


@pytest.mark.parametrize(("log", "words"), [("bash: nightwatt: not found", "not found"), ("", "without a word")])
def test_a_node_that_could_write_but_not_answer_is_told_with_its_own_words(night, log, words):
    nodes = Nodes(night)
    nodes.say["n1"] = log
    with pytest.raises(RefusedError, match=f"node n1 could not say what it is: .*{words}"):
        looked(night, nodes)


def test_a_sensor_that_a_node_lacks_is_told_with_the_node(night):
    nodes = Nodes(night)
    nodes.say["n2"] = "no sensor"
    with pytest.raises(SensorMissing, match="node n2 cannot measure: sensor nvml: no card"):
        looked(night, nodes)


def test_who_does_not_answer_in_time_is_left_to_its_first_block_but_one_answer_there_must_be(night):
    nodes = Nodes(night)
    nodes.say["n2"] = "waits"
    assert ["1 of 2 nodes have answered"] == looked(night, nodes, patience_s=0.2)
    nodes = Nodes(night)
    nodes.say = {"n1": "waits", "n2": "waits"}
    with pytest.raises(RefusedError, match=r"no node has answered within 0\.2 s"):
        looked(night, nodes, patience_s=0.2)


def test_features_and_nodes_that_there_are_not_are_refused_by_name(night):
    with pytest.raises(UsageError, match="no node of the partition energy is 'h100'") as refused:
        looked(night, Nodes(night), constraint="h100")
    assert "a100" in refused.value.remedy
    with pytest.raises(RefusedError, match=r"no node can be used now: n1 down\*"):
        looked(night, Nodes(night, "n1|down*|a100\n"))
    looked(night, Nodes(night), constraint="a100|h100")  # more than names and &: Slurm's to judge


def test_each_level_is_asked_and_only_within_it_nodes_must_be_alike(night):
    nodes = Nodes(night, "n1|idle|old\nn2|idle|new\n")
    nodes.say["n2"] = {**ALIKE, "processor": "Another CPU"}
    looked(night, nodes, nodes={"old": "constraint=old", "new": "constraint=new"})
    assert {"old": "Some CPU", "new": "Another CPU"} == {
        level: kind["processor"] for level, kind in read_json(night / "cluster" / KINDS).items()
    }
