"""What is submitted of a night, by commands that answer as Slurm does: exactly the missing blocks; what goes wrong."""

from __future__ import annotations

import pytest

from harness import folder as folders
from harness import protocol as protocols
from harness.block_claims import CLAIMS, take
from harness.engines import slurm as slurms
from harness.engines import submission, waiting
from harness.engines.local import Order
from harness.engines.slurm import Printed, Slurm
from harness.engines.standing import standing_of
from harness.engines.submission import Wishes, resume_on_cluster
from harness.errors import LockHeld, NightFolderError, RefusedError, UsageError
from harness.host import snapshot
from harness.plan import make_plan
from harness.record import NightFolder, RunName, RunRecord, Status, Validity, read_json, slug, write_json
from harness.status import Watched

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["{python}", "{workloads}/fake.py", "--note", "arm={arm}"]
[factors]
arm = ["a", "b"]
[design]
blocks = 6
[sensors.simulated]
[engine]
slurm = {at_most = 2}
"""


class Cluster:
    """Answers as Slurm does."""

    def __init__(self) -> None:
        self.queue = ""
        self.max_array_size, self.max_jobs = 1001, 10_000
        self.submitted: list[list[str]] = []
        self.scripts: list[str] = []
        self.full_after = 100
        self.away = False

    def __call__(self, command, env, timeout_s) -> Printed:
        if self.away:
            return Printed(1, "", f"{command[0]}: error: Unable to contact slurm controller (connect failure)")
        match command[0]:
            case "scontrol":
                return Printed(0, f"MaxArraySize = {self.max_array_size}\nMaxJobCount = {self.max_jobs}\n")
            case "sinfo":
                return Printed(0, "energy*|up|2:00:00\n")
            case "squeue":
                return Printed(0, self.queue)
            case "sbatch":
                if len(self.submitted) >= self.full_after:
                    return Printed(1, "", "sbatch: error: Slurm temporarily unable to accept job")
                self.submitted.append(list(command))
                self.scripts.append(slurms.Path(command[-1]).read_text())
                return Printed(0, f"{len(self.submitted) + 16}\n")
        raise AssertionError(command)

    @property
    def arrays(self) -> list[str]:
        return [line.partition("=")[2] for text in self.scripts for line in text.splitlines() if "--array" in line]


@pytest.fixture
def cluster(monkeypatch) -> Cluster:
    monkeypatch.setattr(slurms, "refuse_without_slurm", lambda: None)
    monkeypatch.setattr(submission, "RESTART_S", 0.0)
    return Cluster()


@pytest.fixture
def night(tmp_path):
    file = tmp_path / "arms.toml"
    file.write_text(PROTOCOL)
    protocol = protocols.read(file)
    folder = folders.begin(file, protocol, make_plan(protocol), snapshot(), out=tmp_path / "results")
    folder.cluster.mkdir()
    return folder


def settle(folder, *blocks, positions=(1, 2)):
    head = folders.read_head(folder.root)
    for slot in head.plan.slots:
        if slot.block in blocks and slot.position in positions:
            path = folder.runs / str(RunName(slot.block, slot.position, 1, slug(slot.configuration)))
            path.mkdir()
            record = RunRecord(
                slot.key, slot.block, slot.position, slot.replicate, 1, slot.configuration, {}, slot.seed,
                Status.COMPLETED, Validity.VALID, 1, 10**9, 10**18, night=head.id, node="0a",
            )  # fmt: skip
            write_json(path / "run.json", record.to_json())


def resume(folder, cluster, **wishes):
    said: list[str] = []
    return resume_on_cluster(folder.root, Wishes(**wishes), said.append, Slurm(cluster)), said


def test_submitted_is_what_is_neither_settled_nor_executed_nor_waiting(night, cluster):
    settle(night, 1)
    settle(night, 2, positions=(1,))
    take(night.cluster / CLAIMS, 3, node="0b", job="7_3")
    take(night.cluster / CLAIMS, 6, node="0b", job="7_6")  # its task was killed: Slurm does not know it any more
    name = f"nightwatt-{night.root.name}@0"
    cluster.queue = f"{name}|7|3|COMPLETING|n1|None\n{name}|7|4|PENDING||Resources\n"
    submitted, said = resume(night, cluster)
    assert (["2,5-6%2"], (17,), 3, []) == (cluster.arrays, submitted.jobs, submitted.blocks, said)
    assert "--dependency=afterany:7" in cluster.submitted[0]  # no more than at_most, those of before included
    assert ((1,), (3,), (4,)) == (submitted.tracked.settled, submitted.tracked.executed, submitted.tracked.waiting)


def test_nothing_is_submitted_where_nothing_is_missing(night, cluster):
    settle(night, 1, 2, 3, 4, 5, 6)
    assert () == resume(night, cluster)[0].jobs


def test_arrays_of_one_level_wait_for_one_another_so_that_no_more_than_at_most_are_executed(night, cluster):
    cluster.max_array_size = 4
    submitted, _ = resume(night, cluster)
    assert ["1-3%2", "1-3%2"] == cluster.arrays
    assert ([], ["--dependency=afterany:17"]) == tuple(
        [word for word in command if word.startswith("--dependency")] for command in cluster.submitted
    )
    assert "TASK_ID + 3" in cluster.scripts[1]
    assert (6, (17, 18)) == (submitted.blocks, submitted.jobs)


@pytest.mark.parametrize("limits", [{"max_jobs": 5}, {"full_after": 1}])
def test_what_the_queue_has_no_room_for_is_told_and_left_to_resume(night, cluster, limits):
    cluster.max_array_size = 4
    vars(cluster).update(limits)
    submitted, said = resume(night, cluster)
    assert (3, 1) == (submitted.blocks, len(submitted.jobs))
    assert f"3 blocks are not submitted yet; when the queue is shorter: nightwatt resume {night.root}" == said[-1]


def test_a_dry_resume_gives_the_scripts_and_leaves_nothing(night, cluster):
    before = sorted(night.cluster.iterdir())
    submitted, _ = resume(night, cluster, dry=True)
    assert "#SBATCH --array=1-6%2" in submitted.scripts[0]
    assert ([], before) == (cluster.submitted, sorted(night.cluster.iterdir()))


def test_scripts_of_earlier_submissions_are_kept(night, cluster):
    resume(night, cluster)
    resume(night, cluster)
    assert {"blocks-1-1.sh", "blocks-1-2.sh"} == {path.name for path in night.cluster.glob("*.sh")}


def test_two_do_not_submit_at_once(night, cluster):
    with submission.submitting(night), pytest.raises(LockHeld, match="another nightwatt is submitting"):
        resume(night, cluster)
    assert 6 == resume(night, cluster)[0].blocks


@pytest.mark.parametrize("name", ['a "night"', "two\nlines", "back\\slash"])
def test_a_folder_that_no_batch_script_can_name_is_refused(night, cluster, tmp_path, name):
    protocol = folders.read_head(night.root).protocol
    order = Order(tmp_path / "arms.toml", protocol, make_plan(protocol), tmp_path / name)
    with pytest.raises(UsageError, match="cannot name this folder"):
        submission.begin_on_cluster(order, Wishes(), lambda words: None, Slurm(cluster))
    assert not (tmp_path / name).exists()


def test_an_edited_protocol_is_refused(night, cluster):
    night.protocol.write_text(PROTOCOL + "\n# another word\n")
    with pytest.raises(NightFolderError, match="was edited"):
        resume(night, cluster)


def test_without_an_answer_from_the_controller_nothing_is_submitted(night, cluster):
    cluster.away = True
    with pytest.raises(RefusedError, match="Slurm does not answer: Unable to contact"):
        resume(night, cluster)


def test_status_says_so_where_the_queue_is_not_known_and_reads_the_claims_all_the_same(night, cluster):
    settle(night, 1)
    take(night.cluster / CLAIMS, 3, node="0b", job="7_3")
    cluster.away = True
    status, blocks = standing_of(night.root, Watched(night.root), Slurm(cluster))
    assert (True, 2, "task 7_3 on node 0b") == (status.running, status.valid, blocks.executed[3])
    assert "Unable to contact" in blocks.silence


def test_waiting_ends_with_what_is_left_when_no_task_is(night, cluster, monkeypatch):
    monkeypatch.setattr(waiting, "LOOK_S", 0.01)
    settle(night, 1, 2, 3, 4, 5)
    found = waiting.wait_for(night.root, lambda words: None, Slurm(cluster))
    assert (4, "stopped: 10 of 12 runs are done, blocks missing: 1") == (found.exit_code, found.reason)
    settle(night, 6)
    assert 0 == waiting.wait_for(night.root, lambda words: None, Slurm(cluster)).exit_code


@pytest.fixture
def nodes(monkeypatch):
    """What the nodes say of themselves, when they are asked anew; an error is raised instead."""
    said = {"kind": {"python": "3.11.7"}, "error": None}

    def look(slurm, batch, patience_s):
        folder = NightFolder(batch.night)
        body = read_json(folder.host)
        write_json(folder.host, {**body, "id": "0e"})
        write_json(folder.cluster / "kinds.json", {"": said["kind"]})
        yield "1 of 1 nodes have answered"
        if said["error"]:
            raise said["error"]

    monkeypatch.setattr(submission, "look_at_nodes", look)
    return said


def contents(folder):
    return {path.relative_to(folder.root): path.read_bytes() for path in folder.root.rglob("*") if path.is_file()}


def edit(folder):
    folder.protocol.write_text(PROTOCOL.replace('"arm={arm}"]', '"arm={arm}"]\ntimeout_s = 21'))


def test_an_accepted_change_is_a_cohort_with_every_difference_and_only_what_is_missing_is_submitted(
    night, cluster, nodes
):
    settle(night, 1, 2)
    write_json(night.cluster / "kinds.json", {"": {"python": "3.11.6"}})
    host = night.host.read_bytes()
    edit(night)
    submitted, said = resume(night, cluster, accept_change=True)
    assert (["3-6%2"], 4) == (cluster.arrays, submitted.blocks)
    (first, second) = folders.read_head(night.root).cohorts
    assert (2, 21.0, "0e") == (second.number, second.protocol.workload.timeout_s, second.host.id)
    assert ["protocol workload.timeout_s", "python"] == [item.partition(":")[0] for item in second.changes]
    assert 3600.0 == first.protocol.workload.timeout_s
    assert host == night.host.read_bytes()
    assert "accepted: the runs from now on are cohort 2 of this night:" in said
    assert [] == resume(night, cluster)[1]  # and without the option the night goes on in it


@pytest.mark.parametrize(
    "line", ["4|RUNNING|n1|None", "4|PENDING||Resources", "4|PENDING||JobHeldUser", "[1-6]|PENDING||Resources"]
)
def test_no_change_is_accepted_while_blocks_are_at_work(night, cluster, nodes, line):
    edit(night)
    cluster.queue = f"nightwatt-{night.root.name}@0|7|{line}\n"
    before = contents(night)
    with pytest.raises(RefusedError, match="still at work") as refused:
        resume(night, cluster, accept_change=True)
    assert "scancel" in refused.value.remedy
    assert before == {path: body for path, body in contents(night).items() if "claims" not in path.parts}


def test_a_change_that_the_nodes_refuse_or_that_is_none_leaves_the_night_as_it_was(night, cluster, nodes):
    write_json(night.cluster / "kinds.json", {"": nodes["kind"]})
    before = contents(night)

    def now():
        return {
            path: body
            for path, body in contents(night).items()
            if "claims" not in path.parts and path.suffix != ".sh"
        }  # fmt: skip

    assert "nothing is different: the night goes on as it was" in resume(night, cluster, accept_change=True)[1]
    assert before == now()
    cluster.queue = ""
    nodes["kind"], nodes["error"] = {"python": "3.12"}, RefusedError("the nodes are not alike")
    with pytest.raises(RefusedError, match="not alike"):
        resume(night, cluster, accept_change=True)
    assert before == now()


def test_now_submits_at_once_what_would_wait_for_the_evening(night, cluster):
    plan = read_json(night.plan)
    plan["protocol"]["night"]["starts_at"] = "23:59+00:00"
    write_json(night.plan, plan)
    resume(night, cluster)
    resume(night, cluster, at_once=True)
    begins = [[word for word in command if word.startswith("--begin=")] for command in cluster.submitted]
    assert [1, 0] == [len(words) for words in begins]
