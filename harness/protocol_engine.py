"""Where the blocks of a night are executed, as a protocol says it: on this machine, or by the tasks of a cluster."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from harness.protocol_section import Section

_OURS = (
    "array", "job-name", "dependency", "exclusive", "nodes", "ntasks", "wrap", "open-mode", "output", "error",
    "requeue", "no-requeue", "parsable", "test-only", "wait", "hold", "partition", "constraint", "time",
    "nodelist", "begin",
)  # fmt: skip
_SHORT = {
    "a": "array", "J": "job-name", "d": "dependency", "N": "nodes", "n": "ntasks", "o": "output", "e": "error",
    "W": "wait", "H": "hold", "p": "partition", "C": "constraint", "t": "time", "w": "nodelist", "b": "begin",
}  # fmt: skip
_TIME = re.compile(r"(?:(\d{1,4})-)?(\d{1,6})(?::(\d{1,2}))?(?::(\d{1,2}))?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def seconds(text: str) -> float:
    """A time as sbatch takes it (minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S) in seconds; raises ValueError."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a time of Slurm's")
    days, first, second, third = (0 if part is None else int(part) for part in found.groups())
    if found[1] is not None:
        return days * 86400.0 + first * 3600.0 + second * 60.0 + third
    if found[4] is not None:
        return first * 3600.0 + second * 60.0 + third
    return first * 60.0 + second


def _time(value: str) -> str:
    try:
        if seconds(value) >= 60:
            return value
        what = "must be a minute at least: Slurm counts in minutes"
    except ValueError:
        what = 'must be a time as sbatch takes it, as in "90" (minutes), "4:00:00" or "1-12"'
    raise PydanticCustomError("slurm_time", what)


def _option(value: str) -> str:
    name = value.removeprefix("--") if value.startswith("--") else _SHORT.get(value[1:2], value[1:2])
    name = re.split(r"[=\s]", name, maxsplit=1)[0]
    if not value.startswith("-") or not value.isprintable() or not name:
        raise PydanticCustomError("slurm_option", 'must be an option of sbatch, as in "--account=energy"')
    if name in _OURS:
        what = f"--{name} is set by nightwatt; partition, constraint, time, at_most and nodes have keys of their own"
        raise PydanticCustomError("slurm_option", what)
    return value


def _word(value: str) -> str:
    if not value.strip() or not value.isprintable() or '"' in value or "\\" in value:
        raise PydanticCustomError("slurm_word", "must be a word that Slurm knows, without quotation marks")
    return value


def _line(value: str) -> str:
    if not value.strip() or not value.isprintable():
        raise PydanticCustomError("slurm_line", "must be one line of shell")
    return value


def _levels(value: dict[str, str]) -> dict[str, str]:
    for name, where in value.items():
        kind, equals, what = where.partition("=")
        if not _NAME.fullmatch(name) or kind not in ("nodelist", "constraint") or not equals or not what.strip():
            words = (
                'must be names of levels with their nodes, as in {small = "nodelist=n[1-4]", new = "constraint=a100"}'
            )
            raise PydanticCustomError("slurm_levels", words)
        _word(what)
    if len(value) == 1:
        raise PydanticCustomError("slurm_levels", "one level is none: use constraint, or name a second")
    return value


Word = Annotated[str, AfterValidator(_word)]


class Slurm(Section):
    """One array task a block, each on a node of its own."""

    partition: Word | None = None
    """Left out: the cluster's default."""
    constraint: Word | None = None
    """Features that the nodes must have, in Slurm's own words."""
    time: Annotated[str, AfterValidator(_time)] | None = None
    """The time limit of a task; left out: from the plan."""
    at_most: Annotated[int, Field(ge=1)] | None = None
    """How many blocks are executed at once; left out: as many as there are nodes."""
    extra: tuple[Annotated[str, AfterValidator(_option)], ...] = ()
    """Further options of sbatch."""
    setup: tuple[Annotated[str, AfterValidator(_line)], ...] = ()
    """Lines of shell before nightwatt is started on the node, such as module load."""
    nodes: Annotated[dict[str, str], AfterValidator(_levels)] = Field(default_factory=dict)
    """The node as a factor: level -> "nodelist=…" or "constraint=…"; blocks are dealt out in turn."""
    mixed: bool = False
    """Whether nodes may be of different kinds."""


class Engine(Section):
    """What executes the blocks; without it this machine does, one after the other."""

    slurm: Slurm | None = None


def with_slurm(settings: Any) -> Engine:
    """The engine Slurm with these settings, or with none of its own."""
    return Engine(slurm=settings or Slurm())
