"""Who is told of a night on a cluster, and when: once, by the block that ends last; of failures now and then."""

from __future__ import annotations

import json

import pytest

from harness import folder as folders
from harness import protocol as protocols
from harness.block_claims import CLAIMS, take
from harness.engines import slurm as slurms
from harness.engines import telling
from harness.engines.slurm import Printed, Slurm
from harness.engines.telling import tell_after, tell_start
from harness.errors import ExitCode
from harness.host import snapshot
from harness.plan import make_plan
from harness.record import RunName, RunRecord, Status, Validity, slug, write_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--note", "arm={arm}"]
[factors]
arm = ["a", "b"]
[design]
blocks = 3
[sensors.simulated]
[night]
notify = ["cat >> told.jsonl; echo --- >> told.jsonl"]
[engine]
slurm = {}
"""


class Queue:
    """Answers as Slurm does."""

    def __init__(self):
        self.lines = ""
        self.away = False

    def __call__(self, command, env, timeout_s):
        if self.away:
            return Printed(1, "", "error: Unable to contact slurm controller")
        return Printed(0, self.lines if command[0] == "squeue" else "MaxArraySize = 1001\n")


@pytest.fixture
def queue(monkeypatch):
    monkeypatch.setattr(slurms, "refuse_without_slurm", lambda: None)
    monkeypatch.setattr(telling, "server_now_s", lambda folder: 1_000_000.0)  # ten minutes do not end in the middle
    return Queue()


@pytest.fixture
def night(tmp_path):
    file = tmp_path / "arms.toml"
    file.write_text(PROTOCOL)
    protocol = protocols.read(file)
    folder = folders.begin(file, protocol, make_plan(protocol), snapshot(), out=tmp_path / "results")
    (folder.cluster / CLAIMS).mkdir(parents=True)
    return folder


def execute(folder, *blocks, settled=True):
    """As their tasks do: claimed, executed, ended."""
    head = folders.read_head(folder.root)
    for block in blocks:
        claim = take(folder.cluster / CLAIMS, block, node="0a", job=f"7_{block}")
        for slot in head.plan.slots if settled else ():
            if slot.block == block:
                path = folder.runs / str(RunName(slot.block, slot.position, 1, slug(slot.configuration)))
                path.mkdir()
                record = RunRecord(
                    slot.key, slot.block, slot.position, slot.replicate, 1, slot.configuration, {}, slot.seed,
                    Status.COMPLETED, Validity.VALID, 1, 10**9, 10**18, night=head.id, node="0a",
                )  # fmt: skip
                write_json(path / "run.json", record.to_json())
        claim.end(0, "over")


def tasks(folder, *lines):
    return "".join(f"nightwatt-{folder.root.name}@0|7|{line}\n" for line in lines)


def told(folder):
    file = folder.root.parent.parent / "told.jsonl"
    return [json.loads(item) for item in file.read_text().split("---\n") if item.strip()] if file.exists() else []


def tell(folder, block, queue, code=ExitCode.DONE, reason="over"):
    assert [] == tell_after(folder.root, block, code, reason, Slurm(queue))


def test_the_block_that_ends_last_tells_the_end_of_the_night_and_a_second_that_sees_it_does_not(night, queue):
    execute(night, 1, 2, 3)
    queue.lines = tasks(night, "3|RUNNING|n1|None", "2|COMPLETING|n2|None")  # on their way out
    tell(night, 3, queue)
    tell(night, 2, queue)
    (end,) = told(night)
    assert ("end", 0, 6, 6) == (end["event"], end["exit_code"], end["valid"], end["planned"])
    assert "the night is over: 6 of 6 runs are done" in end["text"]
    assert f"nightwatt report {night.root}" in end["text"]


@pytest.mark.parametrize("line", ["3|PENDING||Resources", "3|RUNNING|n1|None", "2|PENDING|n1|BeginTime"])
def test_nothing_is_told_while_another_block_waits_or_begins(night, queue, line):
    execute(night, 1, 2)
    queue.lines = tasks(night, line)
    tell(night, 1, queue)
    assert [] == told(night)


def test_nothing_is_told_while_another_block_is_executed(night, queue):
    execute(night, 1)
    take(night.cluster / CLAIMS, 2, node="0b", job="7_2")
    tell(night, 1, queue)
    assert [] == told(night)


def test_a_night_that_ends_with_blocks_missing_is_told_and_so_is_its_later_end(night, queue):
    execute(night, 1)
    execute(night, 2, settled=False)
    tell(night, 2, queue)
    execute(night, 2, 3)
    tell(night, 3, queue)
    stopped, over = told(night)
    assert (4, "blocks missing: 2") == (stopped["exit_code"], stopped["reason"].partition(", ")[2])
    assert f"nightwatt resume {night.root}" == stopped["next_step"]
    assert 0 == over["exit_code"]


def test_while_the_queue_is_not_known_only_an_end_of_all_blocks_is_one(night, queue):
    queue.away = True
    execute(night, 1, 2)
    tell(night, 2, queue)
    assert [] == told(night)
    execute(night, 3)
    tell(night, 3, queue)
    assert ["end"] == [item["event"] for item in told(night)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (ExitCode.REFUSED, "block 1 could not be executed: this node is not like"),
        (ExitCode.INTERNAL, "block 1 could not be executed"),
        (ExitCode.TERMINATED, "ended from outside (pre-empted, cancelled, its node drained); unless Slurm requeues it"),
    ],
)
def test_a_block_that_fails_is_told_once_in_ten_minutes_and_is_not_the_end(night, queue, code, words):
    execute(night, 1, 2, settled=False)
    tell(night, 1, queue, code, "this node is not like those with which the night began")
    tell(night, 2, queue, code, "the same")
    (trouble,) = told(night)
    assert "trouble" == trouble["event"]
    assert words in trouble["text"]


def test_the_begin_is_told_by_who_submits_and_nobody_is_asked_where_nobody_wants_to_know(night, queue, tmp_path):
    assert [] == tell_start(night.root, 3)
    assert [] == tell_start(night.root, 0)
    assert [("start", 3)] == [(item["event"], item["submitted"]) for item in told(night)]
    file = tmp_path / "quiet.toml"
    file.write_text(PROTOCOL.replace("notify", "# notify"))
    protocol = protocols.read(file)
    quiet = folders.begin(file, protocol, make_plan(protocol), snapshot(), out=tmp_path / "results")
    assert [] == tell_after(quiet.root, 1, ExitCode.DONE, "", None)
    assert 1 == len(told(night))


def test_a_command_that_fails_is_said_and_stops_nothing(tmp_path, night, queue):
    plan = json.loads(night.plan.read_text())
    plan["protocol"]["night"]["notify"] = ["exit 7"]
    night.plan.write_text(json.dumps(plan))
    execute(night, 1, 2, 3)
    (fault,) = tell_after(night.root, 3, ExitCode.DONE, "", Slurm(queue))
    assert "ended with exit code 7" in fault.what
