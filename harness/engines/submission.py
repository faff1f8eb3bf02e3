"""Begins and resumes a night on a cluster: everything that can be refused is refused before the first run.

::

    begin_on_cluster    Slurm, partition, time limit | the folder | the nodes answer from within it | arrays submitted
    resume_on_cluster   the folder, the queue, the claims -> the blocks that are missing | arrays submitted

Nothing is executed on this machine. The queue is asked, never remembered: jobs are known by their names.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from shlex import quote

from harness import folder as folders
from harness.block_claims import CLAIMS, live, take
from harness.engines.accepting import accept_on_cluster
from harness.engines.arrays import Array, Batch, arrays, job_names, level_of, script
from harness.engines.block import refuse_unless_cluster
from harness.engines.changes import in_cohort
from harness.engines.limits import limit_min, need
from harness.engines.local import Order
from harness.engines.look import look_at_nodes
from harness.engines.node import node_id
from harness.engines.slurm import Configuration, Partition, Slurm, answering
from harness.engines.tracking import Tracked, believed, track
from harness.errors import LockHeld, NightFolderError, RefusedError, UsageError
from harness.folder import OpenNight
from harness.host import digest, snapshot
from harness.night import progress_of
from harness.progress import Progress
from harness.protocol_engine import Slurm as Settings
from harness.protocol_model import Protocol
from harness.record import NightFolder
from harness.sensors.slurm import refuse_without_energy
from harness.sensors.slurm_energy import Configured
from harness.shift import Clock, Shift, zoned

SUBMITTING = 0
"""The number under which submitting is claimed: no block has it."""
RESTART_S = 120.0
"""How long a controller may be away before it is told."""
Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What is known of the cluster before something is submitted."""

    slurm: Slurm
    configuration: Configuration
    partition: Partition


@dataclasses.dataclass(frozen=True)
class Submitted:
    """What was handed to Slurm."""

    folder: NightFolder
    jobs: tuple[int, ...]
    tracked: Tracked
    """How the night stood before."""
    scripts: tuple[str, ...] = ()
    """The batch scripts, as text."""
    blocks: int = 0
    """How many were submitted."""


@dataclasses.dataclass(frozen=True)
class Wishes:
    """How something is to be submitted."""

    dry: bool = False
    """Nothing is submitted and nothing left on disk; the scripts are given back."""
    patience_s: float = 300.0
    """How long the nodes may take to answer."""
    at_once: bool = False
    """Whatever night.starts_at says."""
    accept_change: bool = False
    """A change of protocol, nodes, software or scripts makes a new cohort."""


def begin_on_cluster(order: Order, wishes: Wishes, say: Say, slurm: Slurm | None = None) -> Submitted:
    """Begin a night and submit its blocks; a refusal leaves no folder behind.

    Raises RefusedError (no Slurm, no such partition, a time limit that no block can meet, nodes that do not share the
    folder or differ from one another) and UsageError (a partition or feature that there is not).
    """
    protocol = zoned(order.protocol, time.time())
    settings = _settings(protocol)
    _refuse_unwritable(order.out.absolute())
    cluster = look_at_cluster(settings, slurm or Slurm())
    _refuse_without_energy(protocol, cluster.configuration)
    minutes = limit_min(settings.time, cluster.partition.limit_s, need(protocol, order.plan), cluster.partition.name)
    blocks = sorted({slot.block for slot in order.plan.slots if slot.block})
    if wishes.dry:
        batch = _batch(order.out.absolute() / "NIGHT", protocol, cluster, minutes)
        made = arrays(blocks, cluster.configuration.max_array_size, tuple(settings.nodes))
        return Submitted(NightFolder(batch.night), (), track(blocks, blocks, (), ()), _scripts(batch, made))
    sources = folders.script_sources(protocol, order.plan, order.protocol_file)
    host = snapshot(sources={item.copied_as: item.path for item in sources})
    folder = folders.begin(
        order.protocol_file, protocol, order.plan, host,
        out=order.out.absolute(), sources=sources, overrides=order.overrides, rehearsal=order.rehearsal,
    )  # fmt: skip
    try:
        for made_folder in (folder.cluster / CLAIMS, folder.cluster / "logs", folder.nodes):
            made_folder.mkdir(parents=True)
        batch = _batch(folder.root, protocol, cluster, minutes)
        say("the nodes are asked what they are, from within the night's folder …")
        for word in look_at_nodes(cluster.slurm, batch, wishes.patience_s):
            say(word)
    except BaseException:
        shutil.rmtree(folder.root, ignore_errors=True)
        raise
    with submitting(folder):
        return _submit(batch, cluster, track(blocks, blocks, (), ()), _begin_option(protocol), say)


def resume_on_cluster(root: Path, wishes: Wishes, say: Say, slurm: Slurm | None = None) -> Submitted:
    """Submit exactly the blocks that are neither settled, nor executed, nor waiting in the queue."""
    folder = NightFolder(root.absolute())
    folders.refuse_unless_night(folder)
    with contextlib.nullcontext() if wishes.dry else submitting(folder):
        opened = folders.read(folder.root)
        opened = in_cohort(opened, opened.cohorts[-1])
        settings = refuse_unless_cluster(opened)
        if not wishes.accept_change:
            _refuse_edited(opened)
        cluster = look_at_cluster(settings, slurm or Slurm())
        tracked = tracked_now(opened, progress_of(opened), cluster)
        if wishes.accept_change and len(tracked.settled) < len(progress_of(opened).blocks):
            opened = _accepted(opened, tracked, cluster, wishes, say)
            settings = refuse_unless_cluster(opened)
            cluster = look_at_cluster(settings, cluster.slurm)
        needed = need(opened.protocol, opened.plan, _run_s(opened))
        minutes = limit_min(settings.time, cluster.partition.limit_s, needed, cluster.partition.name)
        night = (
            opened.protocol.night.model_copy(update={"starts_at": None}) if wishes.at_once else opened.protocol.night
        )
        protocol = opened.protocol.model_copy(update={"night": night})
        batch = _batch(folder.root, protocol, cluster, minutes)
        if wishes.dry:
            made = arrays(tracked.missing, cluster.configuration.max_array_size, tuple(settings.nodes))
            return Submitted(folder, (), tracked, _scripts(batch, made))
        return _submit(batch, cluster, tracked, _begin_option(protocol), say)


@contextlib.contextmanager
def submitting(folder: NightFolder) -> Iterator[None]:
    """Let one process at a time submit: by a claim, as of a block, since the folder's file system may know no locks.

    Raises NightFolderError for a folder that is no night of a cluster, LockHeld where another one submits.
    """
    refuse_unless_cluster(folders.read_head(folder.root))
    try:
        claim = take(folder.cluster / CLAIMS, SUBMITTING, node=node_id(), patience_s=0.0)
    except LockHeld as error:
        raise LockHeld("another nightwatt is submitting this night", where=error.where, remedy="wait for it") from error
    try:
        yield
    finally:
        claim.end(0, "submitted")


def look_at_cluster(settings: Settings, slurm: Slurm) -> Cluster:
    """The cluster and the partition of a night; raises RefusedError without Slurm, UsageError without the partition."""
    configuration = slurm.configuration()
    if configuration.max_array_size < 2:
        raise RefusedError("this cluster takes no job arrays (MaxArraySize)", remedy="ask its administrators")
    found = slurm.partitions()
    wanted = settings.partition
    partition = next((item for item in found if (item.name == wanted if wanted else item.default)), None)
    names = ", ".join(item.name for item in found) or "none"
    if partition is None:
        what = f"there is no partition {wanted!r}" if wanted else "this cluster has no default partition"
        remedy = f"name one in engine.slurm.partition: {names}"
        raise UsageError(what, where="engine.slurm.partition", remedy=remedy)
    if not partition.up:
        raise RefusedError(f"the partition {partition.name} is not up", remedy=f"name another one: {names}")
    return Cluster(slurm, configuration, partition)


def tracked_now(opened: OpenNight, progress: Progress, cluster: Cluster) -> Tracked:
    """How the blocks of a night stand: by its folder, by Slurm's queue, by the claims."""
    names = names_of(opened, cluster.configuration)
    tasks = answering(lambda: cluster.slurm.queue(names), RESTART_S)
    unsettled = [block for block in progress.blocks if progress.open(block)]
    at_work = believed(live(opened.folder.cluster / CLAIMS), tasks)
    return track(progress.blocks, unsettled, tasks, at_work.keys())


def names_of(opened: OpenNight, configuration: Configuration) -> tuple[str, ...]:
    """The names of all jobs that a night may have."""
    blocks = max((slot.block for slot in opened.plan.slots), default=0)
    return job_names(opened.folder.root.name, blocks, configuration.max_array_size)


def _submit(batch: Batch, cluster: Cluster, tracked: Tracked, begin: Sequence[str], say: Say) -> Submitted:
    """Write and submit the arrays of what is missing.

    With ``at_most`` those of one level wait for one another, and for those that were submitted earlier.
    """
    folder = NightFolder(batch.night)
    made = arrays(tracked.missing, cluster.configuration.max_array_size, tuple(batch.settings.nodes))
    fitting = _fitting(made, cluster.configuration.max_jobs)
    jobs: list[int] = []
    before: dict[str, list[int]] = {}
    for block, earlier in tracked.jobs:
        its = before.setdefault(level_of(block, tuple(batch.settings.nodes)), [])
        its += [] if earlier in its else [earlier]
    for array, text in zip(fitting, _scripts(batch, fitting), strict=True):
        file = _script_file(folder, array)
        file.write_text(text, encoding="utf-8")
        waits_for = ":".join(map(str, before.get(array.level, ()))) if batch.settings.at_most else ""
        chained = [f"--dependency=afterany:{waits_for}"] if waits_for else []
        try:
            job = cluster.slurm.submit(file, *begin, *chained)
        except RefusedError as error:
            if not jobs:
                raise
            say(error.what)
            break
        before[array.level] = [job]
        jobs.append(job)
    if len(jobs) < len(made):
        left = sum(len(array.blocks) for array in made[len(jobs) :])
        again = f"nightwatt resume {quote(str(folder.root))}"
        say(f"{left} blocks are not submitted yet; when the queue is shorter: {again}")
    count = sum(len(array.blocks) for array in made[: len(jobs)])
    return Submitted(folder, tuple(jobs), tracked, blocks=count)


def _fitting(made: Sequence[Array], most: int) -> Sequence[Array]:
    """As many arrays as the queue has room for at all (MaxJobCount counts every task); one at least."""
    room = itertools.accumulate(len(array.blocks) for array in made)
    return made[: max(1, sum(1 for tasks in room if tasks < most))]


def _scripts(batch: Batch, made: Sequence[Array]) -> tuple[str, ...]:
    return tuple(script(batch, array) for array in made)


def _script_file(folder: NightFolder, array: Array) -> Path:
    """A name that no earlier script has."""
    level = f"-{array.level}" if array.level else ""
    count = 1
    while (file := folder.cluster / f"blocks{level}-{array.offset + 1}-{count}.sh").exists():
        count += 1
    return file


def _settings(protocol: Protocol) -> Settings:
    slurm = protocol.engine.slurm if protocol.engine else None
    assert slurm is not None
    return slurm


def _batch(night: Path, protocol: Protocol, cluster: Cluster, minutes: int) -> Batch:
    """What the scripts hold; ends_at and stop_after_s count from the moment at which the blocks may begin."""
    shift = Shift(protocol.night, Clock())
    limits = [shift.end_s] if shift.end_s is not None else []
    if protocol.night.stop_after_s is not None:
        limits.append(max(shift.begin_s or 0.0, time.time()) + protocol.night.stop_after_s)
    command = (sys.executable, "-P", "-m", "nightwatt")
    return Batch(night, command, _settings(protocol), cluster.partition.name, minutes, min(limits, default=None))


def _begin_option(protocol: Protocol) -> list[str]:
    begin_s = Shift(protocol.night, Clock()).begin_s
    if begin_s is None or begin_s <= time.time():
        return []
    return [f"--begin={time.strftime('%Y-%m-%dT%H:%M:%S', time.localtime(begin_s))}"]


def _run_s(opened: OpenNight) -> float:
    """How long the night's runs are known to take, waits included."""
    lengths = [item.length_s for item in opened.outcomes if item.block and item.good]
    return statistics.median(lengths) if lengths else 0.0


def _accepted(opened: OpenNight, tracked: Tracked, cluster: Cluster, wishes: Wishes, say: Say) -> OpenNight:
    """The night in a new cohort, as its nodes are now."""

    def ask_nodes(now: OpenNight) -> Iterator[str]:
        settings = _settings(now.protocol)
        there = look_at_cluster(settings, cluster.slurm)
        _refuse_without_energy(now.protocol, there.configuration)
        needed = need(now.protocol, now.plan, _run_s(now))
        minutes = limit_min(settings.time, there.partition.limit_s, needed, there.partition.name)
        say("the nodes are asked what they are now …")
        return look_at_nodes(cluster.slurm, _batch(now.folder.root, now.protocol, there, minutes), wishes.patience_s)

    return accept_on_cluster(opened, tracked, ask_nodes, say)


def _refuse_without_energy(protocol: Protocol, configuration: Configuration) -> None:
    """Refuse a night that needs Slurm's energy on a cluster that gathers none: no node need be asked."""
    sensors = protocol.sensors
    needed = "slurm" in sensors.required if sensors.required is not None else sensors.fallback is None
    if sensors.slurm is not None and needed:
        refuse_without_energy(Configured(configuration.energy_plugin, configuration.gathers))


def _refuse_edited(opened: OpenNight) -> None:
    if digest(opened.folder.protocol) != opened.cohorts[-1].protocol_sha256:
        raise NightFolderError(
            "the protocol in this night was edited; a night on a cluster goes on as it was left",
            where=str(opened.folder.protocol),
            remedy="put it back as it was; or accept the change, the runs from then on are a cohort of their own:"
            f" nightwatt resume {quote(str(opened.folder.root))} --accept-change",
        )


def _refuse_unwritable(out: Path) -> None:
    """Refuse a path that no line of a batch script can hold."""
    if any(character in '"\\' or not character.isprintable() for character in str(out)):
        raise UsageError(
            "a batch script cannot name this folder: it has a quotation mark, a backslash or a control character",
            where=repr(str(out)),
            remedy="name another one with --out",
        )
