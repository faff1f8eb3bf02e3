"""Which blocks are settled, executed, waiting, held or missing."""

from harness.engines.slurm import Task
from harness.engines.tracking import track


def test_each_block_is_in_exactly_one_state_and_what_nobody_will_execute_is_missing():
    tasks = [
        Task("nightwatt-n@0", 1, (3,), "RUNNING"),
        Task("nightwatt-n@0", 1, (4, 5), "PENDING", "Resources"),
        Task("nightwatt-n@0", 1, (6,), "PENDING", "JobHeldUser"),
        Task("nightwatt-n@0", 1, (7,), "COMPLETING"),
        Task("nightwatt-n@1000", 2, (2,), "PENDING", "Dependency"),
    ]
    found = track([*range(1, 10), 1002], [3, 4, 5, 6, 7, 8, 9, 1002], tasks, live=[9])
    assert ((1, 2), (3, 9), (4, 5, 1002), ((6, "JobHeldUser"),), (7, 8)) == (
        found.settled, found.executed, found.waiting, found.held, found.missing
    )  # fmt: skip
    assert "2 settled, 2 executed now, 3 waiting, 1 held by Slurm, 2 missing" == str(found)


def test_a_task_of_a_block_that_is_settled_meanwhile_counts_for_nothing():
    tasks = [Task("nightwatt-n@0", 1, (1,), "PENDING"), Task("nightwatt-n@0", 1, (2,), "RUNNING")]
    found = track([1, 2, 3], [], tasks, live=[3])
    assert ((1, 2, 3), (), (), ()) == (found.settled, found.executed, found.waiting, found.missing)
