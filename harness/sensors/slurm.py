"""The energy of this node as Slurm knows it: ConsumedEnergy of the task's own step, a counter in whole joules.

Only within a job that has its node to itself, on a cluster whose nodes gather energy. What is covered depends on the
site's plugin (``slurm_energy.PLUGINS``): the node, its processors and memory, or its cards; ``domain`` says otherwise
where a site has chosen its sensors itself. The joules count from the step's begin, so that over the runs of one task
they are one counter, which Slurm's accounting has the end of.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from harness.errors import SensorMissing
from harness.record import MARKS_JSONL, Channel, Kind, Quality, channel_name
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.sensor import Reading, Site
from harness.sensors.slurm_energy import (
    PLUGINS,
    Ask,
    Configured,
    NoAnswer,
    Plugin,
    ask,
    configured,
    consumed_J,
    printed,
    question,
    shared,
)
from harness.sensors.slurm_poll import SHORTEST_S, Poller

NAME = "slurm"
READ_S = 0.25
"""How often it is looked whether the workload has left a mark."""
TRIES, PAUSE_S = 3, 1.0
LONGEST_TAIL_S = 45.0
"""So long it is read on after the workload for a count that moves late; a block that is silent for a minute is lost."""
FINISH_S = 2.0
"""How long the last question may take."""
FIRST_SPECIAL_STEP = 2**32 - 16
"""From this number on steps are Slurm's own: the batch script, the prolog."""
WITHOUT = "leave [sensors.slurm] out: the runs are measured by the others"


def open_sensor(
    settings: Mapping[str, Any],
    site: Site,
    *,
    environment: Mapping[str, str] = os.environ,
    asking: Ask | None = None,
    clock: Clock = CLOCK,
) -> Energy:
    """The energy of this task's node; raises SensorMissing with what stands in the way, and what would help."""
    task = _task(environment)
    interval_s, timeout_s = settings.get("interval_ms", 10_000.0) / 1000, float(settings.get("timeout_s", 10.0))
    asking = asking or partial(_ask, environment)
    hint = site.hints.get(NAME, {})
    known = hint.get("job") == task.job  # an earlier run of this task has asked all that
    plugin = (
        Plugin(hint["plugin"], hint["domain"], hint["words"], hint["refresh_s"])
        if known
        else _plugin(task.job, settings, asking, timeout_s)
    )
    refresh_s = max(interval_s, plugin.refresh_s)

    def poller(step: str) -> Poller:
        return Poller(partial(_told, asking, step, timeout_s), interval_s, refresh_s, clock=clock)

    if known:
        return Energy(replace(task, steps=(hint["step"],)), plugin, poller(hint["step"]), refresh_s, site)
    faults: list[SensorMissing] = []
    for step in task.steps:
        polling = poller(step)
        try:
            _refuse_unanswered(polling, plugin, clock)
        except SensorMissing as fault:
            faults.append(fault)
        else:
            return Energy(replace(task, steps=(step,)), plugin, polling, refresh_s, site)
    raise faults[0]


@dataclass(frozen=True)
class Task:
    """The task that this process belongs to."""

    job: str
    """Its number, as Slurm's commands take it."""
    steps: tuple[str, ...]
    """Those that it may be, the likeliest first: a batch script's, which spans the task; else that of srun."""
    name: str
    """As Slurm's accounting names it: 4711_3."""


class Energy:
    """The sensor."""

    name = NAME
    start_ns = 0
    period_s = READ_S

    def __init__(self, task: Task, plugin: Plugin, poller: Poller, refresh_s: float, site: Site) -> None:
        self._task, self._plugin, self._poller = task, plugin, poller
        self._marks = site.run_folder / MARKS_JSONL
        self._marks_B = 0
        self._wished_ns = 0
        self._started = False
        self.tail_s = min(plugin.refresh_s + 2 * SHORTEST_S, LONGEST_TAIL_S) if plugin.refresh_s else 0.0
        self.channels = (
            Channel(
                channel_name(NAME, plugin.domain, "energy_J"), "J", Kind.COUNTER, plugin.domain, Quality.MEASURED,
                plugin.source, refresh_s, origin=NAME,
            ),
        )  # fmt: skip

    @property
    def trouble(self) -> str:
        """What is wrong just now."""
        return self._poller.trouble

    @property
    def lost(self) -> str:
        """Why nothing more is believed of it."""
        return self._poller.lost

    def read(self, now_ns: int) -> Sequence[Reading]:
        """What Slurm has told since the last call; asks for more where the workload has left a mark."""
        if not self._started:
            self._started = True
            self._poller.start()
        elif not self._plugin.refresh_s and self._marked() and now_ns - self._wished_ns >= SHORTEST_S * 1e9:
            self._wished_ns = now_ns
            self._marks_B = self._size_B()
            self._poller.wish()
        name = self.channels[0].name
        return [Reading(t_ns, name, float(joules)) for t_ns, joules in self._poller.taken(now_ns)]

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """One more question, since the last mark has just come; then it is asked no more."""
        if self._started:
            self._poller.served(self._poller.wish(), FINISH_S)
        self._poller.stop()
        return self.read(time.monotonic_ns()) if self._started else ()

    def summary(self) -> Mapping[str, Any]:
        """The plugin, the task, its first and last count, how it answered; what a next run need not ask again."""
        plugin = self._plugin
        hint = {
            "job": self._task.job, "step": self._task.steps[0], "plugin": plugin.name,
            "domain": plugin.domain, "words": plugin.words, "refresh_s": plugin.refresh_s,
        }  # fmt: skip
        return {"plugin": plugin.name, "task": self._task.name, **self._poller.summary(), "hint": hint}

    def close(self) -> None:
        """Ask no more."""
        self._poller.stop()

    def _marked(self) -> bool:
        return self._size_B() > self._marks_B

    def _size_B(self) -> int:
        try:
            return self._marks.stat().st_size
        except OSError:
            return 0


def _task(environment: Mapping[str, str]) -> Task:
    """The task of this process; raises SensorMissing outside of one.

    SLURM_STEP_ID alone tells nothing: who submits from within a step hands it on to the batch script.
    """
    job = environment.get("SLURM_JOB_ID", "")
    if not job.isdecimal():
        raise _missing(
            "this is no task of Slurm's (SLURM_JOB_ID is not set)",
            f"submit the night: nightwatt run PROTOCOL --engine slurm; or {WITHOUT}",
        )
    absent = [name for name in ("scontrol", "sstat") if shutil.which(name, path=environment.get("PATH")) is None]
    if absent:
        raise _missing(
            f"{' and '.join(absent)} cannot be found on this node",
            f"put Slurm's commands on PATH there (engine.slurm.setup); or {WITHOUT}",
        )
    number = environment.get("SLURM_STEP_ID", "")
    own = number.isdecimal() and int(number) < FIRST_SPECIAL_STEP
    array, index = environment.get("SLURM_ARRAY_JOB_ID"), environment.get("SLURM_ARRAY_TASK_ID")
    steps = (f"{job}.batch", *([f"{job}.{number}"] if own else []))
    return Task(job, steps, f"{array}_{index}" if array and index else job)


def _plugin(job: str, settings: Mapping[str, Any], asking: Ask, timeout_s: float) -> Plugin:
    """The site's plugin, with what it covers; raises SensorMissing where there is none, or the node is shared."""
    try:
        found = configured(printed(asking, ("scontrol", "show", "config"), timeout_s))
        sharing = shared(printed(asking, ("scontrol", "--oneliner", "show", "job", job), timeout_s))
    except NoAnswer as error:
        raise _missing(
            f"Slurm cannot be asked: {error}", "see whether `scontrol show config` answers on the node"
        ) from error
    refuse_without_energy(found)
    if sharing:
        raise _missing(
            f"this job does not have its node to itself ({sharing}), and the node's energy is everybody's on it",
            "submit it with --exclusive; nightwatt run --engine slurm does",
        )
    known, domain = PLUGINS.get(found.plugin), settings.get("domain")
    if known is None and domain is None:
        raise _missing(
            f"what the plugin acct_gather_energy/{found.plugin} of this site covers is not known",
            'say it: sensors.slurm.domain = "node" (or "cpu-ram", "gpu")',
        )
    known = known or Plugin(found.plugin, domain or "", "as the site says", found.ipmi_s or 30.0)
    refresh_s = found.ipmi_s if known.refresh_s and found.ipmi_s else known.refresh_s
    return Plugin(known.name, domain or known.domain, known.words, refresh_s)


def refuse_without_energy(found: Configured) -> None:
    """Raise SensorMissing where a cluster gathers no energy."""
    if found.plugin in ("", "none"):
        raise _missing(
            "this cluster gathers no energy (AcctGatherEnergyType is none)",
            "its administrators can turn it on: AcctGatherEnergyType=acct_gather_energy/ipmi (rapl, pm_counters, gpu)"
            f" in slurm.conf; or {WITHOUT}",
        )
    if not found.gathers:
        raise _missing(
            "this cluster's tasks gather nothing (JobAcctGatherType is none), so that sstat tells zeros",
            f"its administrators can turn it on: JobAcctGatherType=jobacct_gather/cgroup (or linux); or {WITHOUT}",
        )


def _refuse_unanswered(poller: Poller, plugin: Plugin, clock: Clock) -> None:
    """Ask until Slurm tells an energy, or none after some tries; one that is read at once must have grown from 0."""
    for place in range(TRIES):
        poller.ask()
        if poller.last_J or (poller.last_J is not None and plugin.refresh_s):
            return
        if place < TRIES - 1:
            clock.sleep(PAUSE_S)
    why = poller.trouble or f"its count stands at {poller.last_J} J"
    raise _missing(
        f"Slurm tells no energy of this node, though it has the plugin {plugin.name}: {why}",
        f"ask the site whether the plugin works there: `sstat -j JOB.batch --format=ConsumedEnergyRaw`; or {WITHOUT}",
    )


def _missing(what: str, remedy: str) -> SensorMissing:
    return SensorMissing(what, where="sensors.slurm", remedy=remedy)


def _ask(environment: Mapping[str, str], command: Sequence[str], timeout_s: float) -> Any:
    return ask(command, environment, timeout_s)


def _told(asking: Ask, step: str, timeout_s: float) -> int:
    return consumed_J(printed(asking, question(step), timeout_s), step)
