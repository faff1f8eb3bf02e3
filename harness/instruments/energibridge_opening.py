"""EnergiBridge opened: started, its header understood, its pace known; or refused with the reason and the remedy."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import SensorMissing
from harness.instruments.energibridge_columns import LEADING, Layout, layout_of
from harness.instruments.energibridge_program import (
    LOG,
    POLL_S,
    WHERE,
    Program,
    find_program,
    remedy_for,
    version_of,
)
from harness.instruments.energibridge_rows import SEPARATOR, Tail
from harness.sensors.clock import Clock
from harness.sensors.sensor import Site

FILE = "energibridge.csv"
"""Its own file; it stays in the run's folder as evidence."""
FIRST_RIGHT = (0, 0, 7)
"""The first release whose joules of Intel processors are joules: those before took the wrong bits for the unit."""
OPEN_S = 12.0
"""How long header and first rows may take, beyond two intervals: with the longest interval less than the 20 s that an
instrument has to become ready."""
GROWTHS = 3
"""How often the file must have grown by rows before its pace is known."""


@dataclass(frozen=True)
class Source:
    """A running EnergiBridge whose header is understood."""

    program: Program
    tail: Tail
    layout: Layout
    lines: tuple[str, ...]
    """The rows that came meanwhile."""
    interval_s: float
    growth_s: float
    """The longest time between two growths of its file that was seen, at least its interval."""
    facts: Mapping[str, Any]
    """Which program, which release."""
    wrong_unit: bool
    """Whether its joules are known to be none, which the protocol accepts."""


def open_source(settings: Mapping[str, Any], site: Site, clock: Clock) -> Source:
    """Start it on this machine; raises SensorMissing where it cannot be used, with nothing left running."""
    interval_s = float(settings.get("interval_ms", 200.0)) / 1000
    gpu = bool(settings.get("gpu"))
    binary = find_program(str(settings.get("program", "energibridge")))
    release = version_of(binary)
    path = site.run_folder / FILE
    options = ["-o", str(path), "-i", f"{interval_s * 1000:.0f}", *(["-g"] if gpu else [])]
    program = Program(binary, options, site.run_folder / LOG)
    opening = _Opening(program, path, clock, interval_s)
    try:
        if problem := opening.wait():
            how = program.end(0.0) if program.gone() else program.said()
            raise SensorMissing(
                f"EnergiBridge {problem}" + (f" ({how})" if how else ""),
                where=str(binary),
                remedy=remedy_for(how, binary, site.root, interval_s),
            )
        assert opening.tail is not None
        wrong_unit = bool(settings.get("accept_unit_error")) and release < FIRST_RIGHT
        note = "; its unit is wrong in this release, which the protocol accepts" if wrong_unit else ""
        layout = layout_of(opening.names, _package_of(site.root), interval_s, note)
        _refuse_no_energy(layout, binary, gpu=gpu)
        if layout.intel and release < FIRST_RIGHT and not wrong_unit:
            raise _unit_error(release, binary)
    except BaseException:
        program.end(0.0, grace_s=0.0)
        if opening.tail is not None:
            opening.tail.close()
        raise
    facts = {"program": str(binary), "version": ".".join(map(str, release)) or "not told"}
    return Source(
        program, opening.tail, layout, tuple(opening.lines), interval_s, opening.growth_s, facts, wrong_unit
    )  # fmt: skip


class _Opening:
    """Waits until the file has a header and rows, and its pace is known."""

    def __init__(self, program: Program, path: Path, clock: Clock, interval_s: float) -> None:
        self._program, self._path, self._clock, self._interval_s = program, path, clock, interval_s
        self.tail: Tail | None = None
        self.names: tuple[str, ...] = ()
        self.lines: list[str] = []
        self.growth_s = 0.0

    def wait(self) -> str:
        """Wait; "" when all is there, else what is wrong."""
        begin_ns = self._clock.now_ns()
        patience_s = OPEN_S + (GROWTHS - 1) * self._interval_s
        grown_ns: list[int] = []
        while len(grown_ns) < GROWTHS:
            gone = self._program.gone()
            grown = self._look()
            if self.names and self.names[: len(LEADING)] != LEADING:
                return f"writes a file that does not begin with {','.join(LEADING)}: {','.join(self.names)[:80]!r}"
            if grown:
                grown_ns.append(self._clock.now_ns())
            elif gone:
                return "ended before it had written its first rows"
            elif self._clock.now_ns() - begin_ns > patience_s * 1e9:
                return f"wrote {'too few rows' if self.names else 'no header'} in {patience_s:g} s"
            self._clock.sleep(POLL_S)
        steps_ns = [later - earlier for earlier, later in itertools.pairwise(grown_ns)]
        self.growth_s = max(*steps_ns, round(self._interval_s * 1e9)) / 1e9
        return ""

    def _look(self) -> bool:
        """Whether rows have come."""
        if self.tail is None:
            try:
                self.tail = Tail(self._path)
            except FileNotFoundError:
                return False
        lines = self.tail.lines()
        if lines and not self.names:
            self.names = tuple(lines.pop(0).rstrip("\r").split(SEPARATOR))
        self.lines += lines
        return bool(lines)


def _refuse_no_energy(layout: Layout, binary: Path, *, gpu: bool) -> None:
    if not layout.tells_energy:
        more = "" if gpu else "; for NVIDIA cards add gpu = true to [instruments.energibridge]"
        raise SensorMissing(
            "EnergiBridge tells neither energy nor power of this machine",
            where=str(binary),
            remedy=f"it knows processors of Intel, AMD and Apple; virtual machines have no registers{more}",
        )


def _unit_error(release: tuple[int, ...], binary: Path) -> SensorMissing:
    which = f"is release {'.'.join(map(str, release))}" if release else "does not say which release it is"
    return SensorMissing(
        f"this EnergiBridge {which}; before 0.0.7 the joules of Intel processors are wrong by a unit error",
        where=str(binary),
        remedy=f"{WHERE}; or accept_unit_error = true in [instruments.energibridge], where wrong numbers will do",
    )


def _package_of(root: Path) -> Callable[[int], int]:
    """A function that tells the package of a logical processor; 0 where the kernel does not say."""

    def package(cpu: int) -> int:
        path = root / f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id"
        with contextlib.suppress(OSError, ValueError):
            return max(0, int(path.read_bytes()))
        return 0

    return package
