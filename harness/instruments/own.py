"""Our own program as an instrument: its orders, and how it is started and watched.

One program hosts every source: the sampler has all the sensors of a protocol; a foreign instrument (EnergiBridge,
CodeCarbon) is hosted by a process of its own, so that its ways to fail are its own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.instruments.instrument import Instrument
from harness.record import InstrumentFiles

COMMAND: tuple[str, ...] = (sys.executable, "-P", "-m", "harness.instruments.sampler")
"""The path of its orders is added. By module and -P: a user's own harness/ folder must not shadow ours."""


def hosted(name: str, run_folder: Path, silence_s: float, orders: Mapping[str, Any]) -> Instrument:
    """The instrument ``name`` of one run; writes its orders into the run's folder.

    ``orders`` are the spec's other keys: sensors, fallback, clocks, plan_seed, slot, configuration.
    """
    files = InstrumentFiles(name)
    spec = run_folder / files.spec
    body = {"instrument": name, "run_folder": str(run_folder), "root": "/", **orders}
    spec.write_text(json.dumps(body), encoding="utf-8")
    return Instrument(
        name=name,
        command=(*COMMAND, str(spec)),
        ready_file=run_folder / files.report,
        samples_file=run_folder / files.samples,
        status_lines=True,
        silence_s=silence_s,
    )
