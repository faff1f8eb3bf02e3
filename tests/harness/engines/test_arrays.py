"""Blocks as arrays, their batch scripts, and how long a task may take: pure."""

from pathlib import Path

import pytest

from harness.engines.arrays import Batch, arrays, blocks_of, job_name, job_names, look_script, script, specification
from harness.engines.limits import limit_min, need
from harness.engines.slurm import Task
from harness.errors import RefusedError
from harness.plan import make_plan
from harness.protocol_engine import Slurm, seconds
from harness.protocol_model import Protocol


def protocol(**sections):
    body = {
        "title": "Which arm?",
        "workload": {"command": ("true", "{arm}"), "timeout_s": 100.0, "grace_s": 0.0},
        "factors": {"arm": ("a", "b")},
        "design": {"blocks": 3, "seed": 1},
    }
    return Protocol.model_validate({**body, **sections})


def batch(**changes):
    settings = Slurm.model_validate(changes.pop("settings", {}))
    given = {"night": Path("/shared/nights/2026-11-20-arms"), "command": ("nightwatt",), "settings": settings,
             "partition": "energy", "minutes": 90}  # fmt: skip
    return Batch(**{**given, **changes})


def test_every_block_is_in_one_array_whose_indices_are_below_the_site_s_limit():
    made = arrays(range(1, 10_001), 1001)
    assert [1000] * 10 == [len(array.blocks) for array in made]
    assert list(range(1, 10_001)) == [block for array in made for block in array.blocks]
    assert {(1, 1000)} == {(min(array.indices), max(array.indices)) for array in made}


def test_missing_blocks_keep_their_number_and_levels_have_arrays_of_their_own():
    found = arrays([2, 3, 5, 1002], 1001, ("old", "new"))
    assert [("new", 0, (2,)), ("old", 0, (3, 5)), ("new", 1000, (1002,))] == [
        (array.level, array.offset, array.blocks) for array in found
    ]


@pytest.mark.parametrize(
    ("indices", "at_most", "text"),
    [((1, 2, 3, 4), None, "1-4"), ((1, 3, 4, 9), 3, "1,3-4,9%3"), ((7,), 1, "7%1")],
)
def test_indices_are_written_as_sbatch_takes_them(indices, at_most, text):
    assert text == specification(indices, at_most)


def test_a_task_is_known_again_by_the_name_of_its_job():
    (array,) = arrays([1003, 1004], 1001)
    task = Task(job_name("night", array.offset), 17, array.indices, "PENDING")
    assert (1003, 1004) == blocks_of(task)
    assert job_name("night", array.offset) in job_names("night", 2000, 1001)
    assert () == blocks_of(Task("somebody-else", 18, (3,), "PENDING"))


def test_the_script_of_an_array_holds_everything_in_words_that_sbatch_reads():
    (array,) = arrays([1001, 1003], 1001)
    text = script(
        batch(
            settings={
                "constraint": "a100&nvme",
                "at_most": 2,
                "extra": ("--account=x",),
                "setup": ("module load cuda",),
            },
            night=Path("/shared/my nights/50%/2026-11-20-arms"),
            until_realtime_s=1.8e9,
        ),
        array,
    )
    lines = text.splitlines()
    assert "#!/bin/bash" == lines[0]
    assert "#SBATCH --array=1,3%2" in lines
    assert '#SBATCH --constraint="a100&nvme"' in lines
    assert '#SBATCH --output="/shared/my nights/50%%/2026-11-20-arms/cluster/logs/%A_%a.log"' in lines
    assert lines.index("#SBATCH --account=x") < lines.index("module load cuda") < len(lines) - 1
    assert (
        "exec nightwatt block '/shared/my nights/50%/2026-11-20-arms' \"$((SLURM_ARRAY_TASK_ID + 1000))\""
        " --limit 5400 --until 1800000000"
    ) == lines[-1]


def test_a_level_s_nodes_stand_in_its_script_and_in_that_of_the_look_at_them():
    made = batch(settings={"nodes": {"old": "nodelist=n[1-2]", "new": "constraint=a100"}})
    old, new = arrays([1, 2], 1001, ("old", "new"))
    assert "#SBATCH --nodelist=n[1-2]\n" in script(made, old)
    assert "#SBATCH --constraint=a100\n" in script(made, new)
    assert "--constraint=a100\n" in look_script(made, "1", "new", "n7")
    assert "--nodelist=n7\n" in look_script(made, "1", "new", "n7")
    assert "--look 1\n" in look_script(made, "1", "new", "n7")


@pytest.mark.parametrize(
    ("text", "value"), [("90", 5400), ("1:30", 90), ("4:00:00", 14_400), ("1-12", 129_600), ("0-1:30", 5400)]
)
def test_a_time_is_read_as_sbatch_reads_it(text, value):
    assert value == seconds(text)


def test_a_task_may_take_what_its_block_takes_at_most_repeats_and_warm_up_included():
    asked = protocol(warmup={"duration_s": 300.0, "runs": 1}, cooldown={"minimum_s": 60.0})
    found = need(asked, make_plan(asked))
    assert found.least_s == pytest.approx(120 + 300 + 4 * 60)
    assert found.most_s == pytest.approx(120 + 300 + 2 * 4 * (60 + 100 + 0.5))
    assert 29 == limit_min(None, None, found, "energy") == -(-found.most_s // 60)


def test_a_limit_is_cut_to_the_partition_s_where_a_block_still_fits():
    asked = protocol()
    found = need(asked, make_plan(asked))
    assert 5 == limit_min(None, 300.0, found, "energy")
    assert 4 == limit_min("4", 300.0, found, "energy")


@pytest.mark.parametrize(("asked", "longest_s", "words"), [("1", None, "too short"), (None, 60.0, "partition energy"),
                                                          ("10", 300.0, "longer than")])  # fmt: skip
def test_a_limit_that_no_block_can_meet_is_refused(asked, longest_s, words):
    made = protocol()
    with pytest.raises(RefusedError, match=words):
        limit_min(asked, longest_s, need(made, make_plan(made)), "energy")
