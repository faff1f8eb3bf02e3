"""What handing 10,000 blocks to Slurm costs the machine that submits them, and knowing how they stand.

Needs a Slurm cluster that this machine can submit to (SLURM_CONF); its blocks are submitted to begin a day later, so
that none is executed, and cancelled at the end. "Work" is processor time of this process and of the commands that it
started, in a window of its own; the time until the nodes have said what they are is waiting, and told apart.

Then nine blocks of ten are made to look settled on disk, as a night would have left them, and `resume` has to find
exactly the rest.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ledger import Figure, report, settings

from harness import folder as folders
from harness import protocol as protocols
from harness.engines import submission
from harness.engines.arrays import blocks_of
from harness.engines.local import Order
from harness.engines.slurm import Slurm
from harness.engines.submission import Wishes, begin_on_cluster, look_at_cluster, names_of, resume_on_cluster
from harness.night import progress_of
from harness.plan import Plan, make_plan
from harness.protocol_engine import Slurm as Settings
from harness.record import RUN_JSON, NightFolder, RunName, RunRecord, Status, Validity, encode, slug

LIMIT_S = 1.0
"""Of work, for each 1,000 blocks."""
PROTOCOL = """\
title = "Many blocks"
[workload]
command = ["{{python}}", "{{workloads}}/fake.py", "--note", "{{arm}}"]
[factors]
arm = ["a", "b"]
[design]
blocks = {blocks}
[night]
starts_at = "{begin}"
[sensors.simulated]
[engine]
slurm = {{}}
"""
T = TypeVar("T")


def worked(act: Callable[[], T]) -> tuple[T, float, float]:
    """What ``act`` gives; processor and wall seconds that it took, its children included."""
    before, began_s = os.times(), time.monotonic()
    found = act()
    after = os.times()
    return found, sum(after[:4]) - sum(before[:4]), time.monotonic() - began_s


def settle(folder: NightFolder, plan: Plan, night: str) -> int:
    """Make nine blocks of ten look settled; returns how many are not."""
    for slot in plan.slots:
        if slot.block % 10 == 0:
            continue
        path = folder.runs / str(RunName(slot.block, slot.position, 1, slug(slot.configuration)))
        path.mkdir(parents=True)
        record = RunRecord(
            slot.key, slot.block, slot.position, slot.replicate, 1, slot.configuration, {}, slot.seed,
            Status.COMPLETED, Validity.VALID, 1, 10**9, 10**18, night=night, node="0000000a",
        )  # fmt: skip
        (path / RUN_JSON).write_text(json.dumps(encode(record.to_json())))
    return sum(1 for block in {slot.block for slot in plan.slots} if block % 10 == 0)


def main() -> None:
    """Measure and report."""
    parser = settings(__doc__)
    parser.add_argument("--blocks", type=int, default=10_000)
    options = parser.parse_args()
    thousands = options.blocks / 1000
    slurm = Slurm()
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "many.toml"
        begin = time.strftime("%H:%M", time.localtime(time.time() - 600))
        file.write_text(PROTOCOL.format(blocks=options.blocks, begin=begin), encoding="utf-8")
        protocol = protocols.read(file)
        plan, plan_s, _ = worked(lambda: make_plan(protocol))
        looks: list[tuple[float, float]] = []
        look = vars(submission)["look_at_nodes"]

        def looked(*given: object) -> list[str]:
            words, cpu_s, wall_s = worked(lambda: list(look(*given)))
            looks.append((cpu_s, wall_s))
            return words

        vars(submission)["look_at_nodes"] = looked  # the nodes are waited for: that is told apart
        order = Order(file, protocol, plan, Path(name) / "out")
        submitted, begin_s, begin_wall_s = worked(lambda: begin_on_cluster(order, Wishes(), print, slurm))
        try:
            opened = folders.read(submitted.folder.root)
            cluster = look_at_cluster(Settings(), slurm)
            queued = {
                block for task in slurm.queue(names_of(opened, cluster.configuration)) for block in blocks_of(task)
            }
            assert queued == {slot.block for slot in plan.slots}, "not every block is in the queue"
            found, track_s, track_wall_s = worked(lambda: submission.tracked_now(opened, progress_of(opened), cluster))
            assert len(found.waiting) == options.blocks
        finally:
            for job in submitted.jobs:
                slurm.cancel(job)
        while slurm.queue(names_of(opened, cluster.configuration)):
            time.sleep(0.5)
        missing = settle(submitted.folder, plan, opened.id)
        again, resume_s, resume_wall_s = worked(
            lambda: resume_on_cluster(submitted.folder.root, Wishes(dry=True), print, slurm)
        )
        assert len(again.tracked.missing) == missing, "resume did not find exactly the missing blocks"
        shutil.rmtree(submitted.folder.root)
    look_s, look_wall_s = looks[0]
    count = f"{options.blocks:,} blocks"
    own_s, own_wall_s = begin_s - look_s, begin_wall_s - look_wall_s
    report(
        "slurm_submit",
        [
            Figure(f"plan of {count}, work per 1,000", plan_s / thousands, "s"),
            Figure(f"submitting {count}, work per 1,000", (plan_s + own_s) / thousands, "s", LIMIT_S),
            Figure(f"the same, wall per 1,000 ({len(submitted.jobs)} arrays)", own_wall_s / thousands, "s"),
            Figure("the nodes saying what they are, wall (waiting)", look_wall_s, "s"),
            Figure(f"tracking {count} in the queue, work per 1,000", track_s / thousands, "s", LIMIT_S),
            Figure("the same, wall", track_wall_s, "s"),
            Figure("resume's look at them, nine of ten settled, work per 1,000", resume_s / thousands, "s", LIMIT_S),
            Figure("the same, wall", resume_wall_s, "s"),
        ],
        options.out,
    )


if __name__ == "__main__":
    main()
