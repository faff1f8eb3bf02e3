"""Figures drawn beside the rest of a report, in processes of their own where there are cores to spare.

::

    report:  load, examine, tables, then draws too ---- drawings, in the order they were given
               |  pickled illustrations, pickled drawings     |
    worker:  imports what draws | draws | draws | draws ------+

A drawing is the same to the byte wherever it is made. A worker that cannot start, dies, or fails to draw is no loss:
what it was to draw is drawn here, and fails here, with its own error, if it must.
"""

from __future__ import annotations

import base64
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from types import TracebackType
from typing import Self

from markupsafe import Markup

from analysis.explore.chart import as_json
from analysis.figures.rendering import few_colours, render
from analysis.figures.style import DOUBLE_IN, SINGLE_IN
from analysis.illustration import Illustration

PROCESSES = "NIGHTWATT_PROCESSES"
"""Environment variable: the most processes that a report may take, itself included."""

_MOST = 4
"""Processes: each takes some 250 MB, and a report is not to take 1 GB."""
_PX_PER_IN = 96
_LARGEST_SVG_B = 200_000
"""A larger drawing stands on the page as PNG where that is smaller; its SVG lies beside the page."""
_COLOURS_FURTHER = 32
"""Of the PNG of a further page of a figure, which stands on the page at half its resolution."""
_COSTLY = ("distribution", "power", "ratios", "pairs", "energies", "decomposition", "epochs", "phase", "pareto")
"""Drawn first, so that none of them is begun when everything else is done."""
_NEEDED = ("pandas", *(f"analysis.figures.{name}" for name in ("accuracy", "energies", "pairs", "power", "ratios")))
"""Read by a worker while there is nothing to draw."""
_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Drawing:
    """An illustration that was drawn: its size, and its bytes by format."""

    of: Illustration
    width_in: float
    height_in: float
    rendered: Mapping[str, bytes]
    on_page: bytes
    """Its SVG; its PNG in few colours where that is smaller than a large SVG."""
    explorable: str = ""
    """The data block of what can be explored; empty where nothing can."""

    @property
    def is_single(self) -> bool:
        """Whether it is as wide as one column."""
        return self.width_in < (SINGLE_IN + DOUBLE_IN) / 2

    @property
    def source(self) -> str:
        """It as a data URI: no second file, no network."""
        kind = "png" if self.on_page.startswith(b"\x89PNG") else "svg+xml"
        return f"data:image/{kind};base64,{base64.b64encode(self.on_page).decode()}"

    @property
    def width_px(self) -> int:
        """Its width on the page."""
        return round(self.width_in * _PX_PER_IN)

    @property
    def height_px(self) -> int:
        """Its height on the page."""
        return round(self.height_in * _PX_PER_IN)


@dataclass(frozen=True)
class _Made:
    """A drawing on its way from a worker: what it is of is known here."""

    size_in: tuple[float, float]
    rendered: Mapping[str, bytes]
    on_page: bytes
    explorable: str


def _make(item: Illustration) -> _Made:
    figure = item.draw()
    width_in, height_in = figure.get_size_inches().tolist()
    rendered = render(figure)
    on_page = rendered["svg"]
    if item.further:
        on_page = min(on_page, few_colours(rendered["png"], _COLOURS_FURTHER, half=True), key=len)
    elif len(on_page) > _LARGEST_SVG_B:
        on_page = min(on_page, few_colours(rendered["png"]), key=len)
    return _Made((width_in, height_in), rendered, on_page, "" if item.explore is None else as_json(item.explore()))


class Workers:
    """Processes that draw; entered before there is anything to draw, so that they have begun when there is."""

    def __init__(self, count: int | None = None) -> None:
        """``count``: how many beside this process; left out: one for each further core, by what the user allows."""
        self._processes: list[subprocess.Popen[bytes]] = []
        self._count = (_allowed() - 1) if count is None else count

    def __enter__(self) -> Self:
        with suppress(OSError):
            for _ in range(self._count):
                self._processes.append(
                    subprocess.Popen(
                        [sys.executable, "-P", "-m", "analysis.drawing_worker"],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.DEVNULL,
                    )
                )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            with suppress(OSError):
                process.stdin.close()  # type: ignore[union-attr]
            if kind is not None:
                process.kill()
        for process in self._processes:
            try:
                process.wait(_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()  # type: ignore[union-attr]

    def begin(self, items: Sequence[Illustration]) -> Drawn:
        """Have the workers draw ``items`` from now on."""
        return Drawn(items, self._processes)


class Drawn:
    """Illustrations that are being drawn."""

    def __init__(self, items: Sequence[Illustration], processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._items = items
        self._made: dict[int, _Made] = {}
        self._open: queue.SimpleQueue[int] = queue.SimpleQueue()
        for place in sorted(range(len(items)), key=lambda place: _rank(items[place].stem)):
            self._open.put(place)
        self._threads = [threading.Thread(target=self._fed, args=(process,), daemon=True) for process in processes]
        for thread in self._threads:
            thread.start()

    def all(self) -> list[Drawing]:
        """Draw what is not begun, and wait for the rest: every drawing, in the order of the illustrations."""
        while (place := self._next()) is not None:
            self._made[place] = _make(self._items[place])
        self.wait()
        found = []
        for place, item in enumerate(self._items):
            made = self._made.get(place) or _make(item)
            # as_json leaves nothing to escape
            found.append(Drawing(item, *made.size_in, made.rendered, made.on_page, Markup(made.explorable)))
        return found

    def wait(self) -> None:
        """Wait until every worker has drawn what it could."""
        for thread in self._threads:
            thread.join()

    def _next(self) -> int | None:
        try:
            return self._open.get_nowait()
        except queue.Empty:
            return None

    def _fed(self, process: subprocess.Popen[bytes]) -> None:
        """Hand a worker one illustration after the other; it is left alone once it fails."""
        assert process.stdin is not None
        assert process.stdout is not None
        while (place := self._next()) is not None:
            try:
                item = self._items[place]
                process.stdin.write(pickle.dumps((item.draw, item.explore, item.further), pickle.HIGHEST_PROTOCOL))
                process.stdin.flush()
                made = pickle.load(process.stdout)
            except Exception:  # noqa: BLE001  (whatever it was: it is drawn, or told, by all())
                return
            if isinstance(made, _Made):
                self._made[place] = made


def _rank(stem: str) -> int:
    # The further pages of a figure ("ratios-2") cost what its first does.
    first = stem.rpartition("-")[0] if stem.rpartition("-")[2].isdecimal() else stem
    return _COSTLY.index(first) if first in _COSTLY else len(_COSTLY)


def _allowed() -> int:
    """Processes that a report may take: as many as this one may use cores, and as the user says."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    said = os.environ.get(PROCESSES, "")
    return max(1, min(_MOST, cores, int(said) if said.isdecimal() else _MOST))


def serve() -> None:
    """Be a worker: draw what is asked on the standard input until nothing more is."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the report ends it
    told = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed is no drawing
    for name in _NEEDED:
        import_module(name)
    while True:
        try:
            draw, explore, further = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        made: _Made | str
        try:
            made = _make(Illustration("", "", "", "", draw, explore, further=further))
        except Exception as error:  # noqa: BLE001  (the process that asked draws it again, and tells)
            made = repr(error)
        pickle.dump(made, told, pickle.HIGHEST_PROTOCOL)
        told.flush()
