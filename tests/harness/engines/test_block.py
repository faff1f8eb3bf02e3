"""One block by itself, as a task executes it, without a cluster: `nightwatt block` on a night of one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from harness import folder as folders
from harness import protocol as protocols
from harness.block_claims import CLAIMS, end_of, standings
from harness.engines.block import BlockProgress, execute_block, of_this_block
from harness.errors import NightFolderError, UsageError
from harness.host import snapshot
from harness.plan import make_plan
from harness.record import NightFolder, RunName, RunRecord, Status, Validity, read_json, write_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--phases", "setup:0.01,train:{length}", "--seed", "{seed}",
           "--note", "arm={arm}"]
window = "train"
timeout_s = 20
grace_s = 1
[factors]
arm = ["a", "b"]
length = [0.1]
[design]
blocks = 3
seed = 3
[sensors.simulated]
[engine]
slurm = {}
"""


@pytest.fixture
def begin(tmp_path):
    def begun(**overrides) -> NightFolder:
        file = tmp_path / "arms.toml"
        file.write_text(PROTOCOL)
        protocol = protocols.read(file, overrides)
        return folders.begin(file, protocol, make_plan(protocol), snapshot(), out=tmp_path / "results")

    return begun


def block(folder: NightFolder, number: int, *options: str, node: str = "n1") -> subprocess.Popen[str]:
    env = {**os.environ, "SLURMD_NODENAME": node}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "nightwatt", "block", str(folder.root), str(number), *options],
        env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def executed(folder: NightFolder, number: int, *options: str, node: str = "n1", code: int = 0) -> str:
    process = block(folder, number, *options, node=node)
    _, told = process.communicate(timeout=120)
    assert code == process.returncode, told
    return told


def records(folder: NightFolder) -> dict[str, dict]:
    return {str(name): read_json(path / "run.json") for name, path in folder.settled().items()}


def wait_for(asked, patience_s=60.0):
    until_s = time.monotonic() + patience_s
    while not (found := asked()):
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return found


def test_two_blocks_at_once_on_two_nodes_never_meet_and_one_that_is_settled_does_nothing(begin):
    folder = begin(**{"warmup.runs": 1})
    both = [block(folder, number, node=f"n{number}") for number in (2, 3)]
    assert [0, 0] == [process.communicate(timeout=120) and process.returncode for process in both]
    found = records(folder)
    assert {"b00-1-a2-arm=a,length=0.1", "b00-1-a3-arm=a,length=0.1"} <= {
        f"{item['slot']}-a{item['attempt']}-{item['configuration']}" for item in found.values()
    }
    assert {2: 1, 3: 1} == {
        number: len({item["node"] for item in found.values() if item["block"] == number}) for number in (2, 3)
    }
    assert 2 == len({item["node"] for item in found.values()})
    before = sorted(folder.runs.iterdir())
    assert "block 3 was settled already" in executed(folder, 3, node="n3")
    assert before == sorted(folder.runs.iterdir())


def test_sigterm_ends_a_block_in_order_and_another_node_begins_it_anew(begin):
    folder = begin(**{"factors.length": [0.1, 1.5]})
    process = block(folder, 1)
    wait_for(lambda: len(folder.settled()) >= 1 and list(folder.runs.glob("*.partial/stdout.log")))
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert 143 == process.returncode
    assert [] == list(folder.runs.glob("*.partial"))
    assert 143 == end_of(standings(folder.cluster / CLAIMS)[1]).exit_code
    first = records(folder)
    told = executed(folder, 1, node="n2")
    assert "was begun on another node" in told
    again = records(folder)
    assert {"superseded"} == {again[name]["validity"] for name in first}
    valid = [item for item in again.values() if item["validity"] == "valid"]
    assert (4, 1) == (len(valid), len({item["node"] for item in valid}))


def test_a_task_near_its_limit_begins_no_run_that_would_not_end(begin):
    folder = begin(**{"factors.length": [0.1, 4.0]})
    told = executed(folder, 1, "--limit", "26", code=4)
    assert "stopped in time" in told
    assert "the task ends in" in told
    assert [] == list(folder.runs.glob("*.partial")) + list(folder.runs.glob("*.interrupted"))


def test_no_block_is_begun_behind_the_end_of_the_night(begin):
    folder = begin()
    assert "the night's time is over" in executed(folder, 1, "--until", str(int(time.time()) - 1), code=4)
    assert not folder.settled()


def test_a_block_that_there_is_not_and_a_night_of_one_machine_are_refused(begin):
    folder = begin()
    with pytest.raises(UsageError, match="has no block 9"):
        execute_block(folder.root, 9, lambda event: None)
    local = begin(**{"engine": {}})
    with pytest.raises(NightFolderError, match="executed by one machine"):
        execute_block(local.root, 1, lambda event: None)


def test_a_node_of_another_kind_is_refused_by_its_first_block_with_the_difference(begin):
    folder = begin()
    folder.cluster.mkdir(exist_ok=True)
    write_json(folder.cluster / "kinds.json", {"": {"processor": "A card punch, 1 threads"}})
    told = executed(folder, 1, code=3)
    assert "processor: A card punch, 1 threads on the others" in told
    assert (3, False) == (end_of(standings(folder.cluster / CLAIMS)[1]).exit_code, bool(folder.settled()))


def settle(folder: NightFolder, slot: str, *, node: str, attempt: int = 1, temperature_C: float = 40.0) -> None:
    block_number, position = (int(part) for part in slot[1:].split("-"))
    opened = folders.read_head(folder.root)
    planned = next(item for item in opened.plan.slots if item.key == slot)
    path = folder.runs / str(RunName(block_number, position, attempt, folders.slug(planned.configuration)))
    path.mkdir(parents=True)
    record = RunRecord(
        slot, block_number, position, planned.replicate, attempt, planned.configuration, {}, planned.seed,
        Status.COMPLETED, Validity.DISCARDED if not block_number else Validity.VALID, 1, 10**9, 10**18 + block_number,
        start_temperature_C={"gpu0": temperature_C}, night=opened.id, node=node,
    )  # fmt: skip
    write_json(path / "run.json", record.to_json())


def test_what_a_block_is_compared_with_is_what_its_own_node_had_first(begin):
    folder = begin(**{"design.blocks": 5})
    for number, node, temperature_C in ((1, "hot", 70.0), (2, "cool", 30.0), (3, "hot", 60.0)):
        for position in (1, 2):
            settle(folder, f"b{number:02d}-{position}", node=node, temperature_C=temperature_C)
    head = folders.read_head(folder.root)
    opened = of_this_block(head, 4, "cool", first=2)
    slot = next(item for item in opened.plan.slots if item.block == 4)
    assert {"gpu0": 30.0} == BlockProgress(opened, 4).temperature_target_C(slot)
    opened = of_this_block(head, 5, "new", first=5)
    slot = next(item for item in opened.plan.slots if item.block == 5)
    assert BlockProgress(opened, 5).temperature_target_C(slot) is None
    assert [5] == list(BlockProgress(opened, 5).blocks)


def test_warm_up_runs_are_numbered_by_their_block_however_often_it_is_executed(begin):
    folder = begin(**{"warmup.runs": 1, "design.blocks": 12})
    settle(folder, "b00-1", node="x", attempt=5)
    settle(folder, "b00-1", node="x", attempt=11)
    head = folders.read_head(folder.root)
    warm = next(item for item in head.plan.slots if item.block == 0)

    def attempt(number):
        return BlockProgress(of_this_block(head, number, "x", number), number).next_attempt(warm)

    assert [1, 17, 23, 12] == [attempt(number) for number in (1, 5, 11, 12)]


def test_only_the_runs_that_matter_to_a_block_are_read(begin):
    folder = begin(**{"design.blocks": 9})
    for number in range(1, 9):
        settle(folder, f"b{number:02d}-1", node="x")
    broken = next(folder.runs.glob("b07-1-*"))
    (broken / "run.json").write_text("not JSON")
    opened = of_this_block(folders.read_head(folder.root), 8, "x", first=3)
    assert {1, 2, 3, 8} == {outcome.block for outcome in opened.outcomes}


def test_a_block_s_facts_and_journal_are_its_own(begin):
    folder = begin()
    executed(folder, 2, node="n7")
    (node,) = folder.nodes.iterdir()
    assert {"host.json", "first-block"} == {path.name for path in node.iterdir()}
    assert "2" == (node / "first-block").read_text().strip()
    assert node.name == read_json(node / "host.json")["id"]
    assert ["b00002"] == [path.name for path in folder.journal.iterdir()]
    assert "conditions_after" in read_json(node / "host.json")
    assert not folder.status_page.exists()
