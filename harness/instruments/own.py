"""Our own sampler as an instrument: its orders, and how it is started and watched."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.instruments.instrument import Instrument
from harness.record import SAMPLER_JSON, SAMPLER_SPEC_JSON, SAMPLES_CSV

COMMAND = (sys.executable, "-P", "-m", "harness.instruments.sampler")
"""The path of its orders is added. By module and -P: a user's own harness/ folder must not shadow ours."""


def own_sampler(run_folder: Path, silence_s: float, orders: Mapping[str, Any]) -> Instrument:
    """The sampler of one run; writes its orders into the run's folder.

    ``orders`` are the spec's other keys: sensors, fallback, plan_seed, slot, configuration.
    """
    spec = run_folder / SAMPLER_SPEC_JSON
    spec.write_text(json.dumps({"run_folder": str(run_folder), "root": "/", **orders}), encoding="utf-8")
    return Instrument(
        name="sampler",
        command=(*COMMAND, str(spec)),
        ready_file=run_folder / SAMPLER_JSON,
        samples_file=run_folder / SAMPLES_CSV,
        status_lines=True,
        silence_s=silence_s,
    )
