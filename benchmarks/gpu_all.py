"""Every benchmark of one GPU as one set, decided beforehand: the same loads, windows, seeds and limits, in parts.

    python benchmarks/gpu_all.py --plan                              what would be run, in calls of at most ten minutes
    python benchmarks/gpu_all.py --out build/gpu --for 560           as many parts as fit; again, until it exits with 0
    python benchmarks/gpu_all.py --out build/gpu --summary           the figures of all parts, limits missed included

A part that has its JSON is not run again, so a set goes on in another call or another session. All parts are of one
source: its fingerprint stands in ``set.json``, and a folder that was begun with another is refused. No part is chosen,
dropped or repeated for its figures. Exit code 3: parts are left; 1: a part could not be run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CALL_S = 600.0
START_S = 12.0
"""Until a part measures: Python, PyTorch, the card's first work."""
WINDOW_S = 5.0
"""Of each start of a load: fifty ticks of the counter, and short enough that the whole set takes about half an hour."""
LONGER_S = {"10/10 ms": 12.0, "25/75 ms": 20.0, "50/50 ms": 12.0}
"""Where the load's rhythm is near the sensor's 20 ms, of which it sees a part only: there the phase between the two
wanders so slowly that in 5 s single starts were up to 10 % off, and of 25/75 ms in 12 s up to 7 % (NVIDIA H200,
2026-11-21): the median of ten would be uncertain by about the limit."""
AROUND_WINDOW_S = 0.6
"""Before each window: the random wait, 0.1 s in the mean, and 0.5 s for the clocks."""
STARTS = 10
LOADS = ("steady", "idle", "9/9 ms", "10/10 ms", "11/11 ms", "25/75 ms", "50/50 ms", "200/200 ms", "1/1 s")
BURSTS, PAIRS, COST_S = 60, 24, 105.0
DONE, FAILED, LEFT = 0, 1, 3


@dataclass(frozen=True)
class Part:
    """One call of one benchmark."""

    name: str
    arguments: tuple[str, ...]
    """The script below ``benchmarks/``, and its options."""
    expected_s: float

    def command(self, out: Path) -> list[str]:
        """As it is run; its figures go to ``<out>/<name>.json``."""
        script, *options = self.arguments
        return [sys.executable, str(HERE / script), *options, "--out", str(out / f"{self.name}.json")]


def parts() -> tuple[Part, ...]:
    """The set; each has a seed of its own, by its place."""
    found: list[Part] = []
    for load in LOADS:
        window_s = LONGER_S.get(load, WINDOW_S)
        name = "loads-" + load.replace("/", "-").replace(" ", "-")
        options = {"--loads": load, "--phases": STARTS, "--seconds": window_s, "--seed": 101 + len(found)}
        found.append(_part(name, "gpu_loads.py", options, STARTS * (window_s + AROUND_WINDOW_S)))
    bursts = {"--bursts": BURSTS, "--seed": 101 + len(found)}
    found.append(_part("bursts", "gpu_bursts.py", bursts, BURSTS * (2.0 + 0.5 + 2 * 1.15) + 2 * 14))
    pairs = {"--pairs": PAIRS, "--seconds": 4.0, "--seed": 101 + len(found)}
    found.append(_part("overhead", "gpu_overhead.py", pairs, 12 + PAIRS * 2 * (4.0 + 0.8 + 0.2) + PAIRS * 1.5))
    found.append(_part("cost", "sampler_cost.py", {"--nvml": None, "--seconds": COST_S}, COST_S + 8))
    return tuple(found)


def _part(name: str, script: str, options: dict[str, Any], measured_s: float) -> Part:
    words = [word for key, value in options.items() for word in ([key] if value is None else [key, f"{value}"])]
    return Part(name, (script, *words), START_S + measured_s)


def calls(planned: Sequence[Part], call_s: float = CALL_S) -> list[list[Part]]:
    """The parts in their order, in as few calls as that allows; a part longer than a call has one of its own."""
    found: list[list[Part]] = []
    for part in planned:
        if found and sum(item.expected_s for item in found[-1]) + part.expected_s <= call_s:
            found[-1].append(part)
        else:
            found.append([part])
    return found


def left(planned: Sequence[Part], out: Path) -> list[Part]:
    """The parts that have no figures yet; a JSON that was cut short is none."""
    return [part for part in planned if _figures(out / f"{part.name}.json") is None]


def fingerprint(root: Path = HERE.parent) -> str:
    """sha256 over the names and contents of what is measured and of what measures."""
    digest = hashlib.sha256()
    for path in sorted([*(root / "harness").rglob("*.py"), *(root / "benchmarks").glob("*.py")]):
        digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def claim(out: Path, source: str, planned: Sequence[Part]) -> None:
    """Note down what the set is made of; ends the program where the folder is of another set."""
    out.mkdir(parents=True, exist_ok=True)
    note = {"source": source, "parts": [shlex.join(part.arguments) for part in planned]}
    file = out / "set.json"
    if not file.exists():
        file.write_text(json.dumps({**note, "begun": time.strftime("%Y-%m-%d %H:%M:%S")}, indent=1) + "\n")
    begun = json.loads(file.read_text("utf-8"))
    if {key: begun.get(key) for key in note} != note:
        sys.exit(f"gpu_all: {out} was begun with another source or plan: finish it with that, or name a new --out")


def carry_out(planned: Sequence[Part], out: Path, for_s: float) -> int:
    """Run the parts that are left while they are expected to fit into the time."""
    begin_s = time.monotonic()
    for part in left(planned, out):
        if time.monotonic() - begin_s + part.expected_s > for_s:
            continue
        print(f"gpu_all: {part.name}, about {part.expected_s:.0f} s", flush=True)
        if subprocess.run(part.command(out), check=False).returncode:
            print(f"gpu_all: {part.name} could not be run", file=sys.stderr)
            return FAILED
    waiting = left(planned, out)
    print(f"gpu_all: {len(planned) - len(waiting)} of {len(planned)} parts are done")
    return LEFT if waiting else DONE


def summary(planned: Sequence[Part], out: Path) -> list[str]:
    """Every figure that has a limit, and which parts are missing."""
    found = []
    for part in planned:
        figures = _figures(out / f"{part.name}.json")
        if figures is None:
            found.append(f"{part.name}: not run yet")
            continue
        for item in figures:
            if item["limit"] is not None:
                kept = "kept" if item["value"] < item["limit"] else "NOT KEPT"
                told = f"{item['value']:.4g} {item['unit']} (limit {item['limit']:g}: {kept})"
                found.append(f"{part.name}: {item['name']}: {told}")
    return found


def _figures(file: Path) -> list[dict[str, Any]] | None:
    try:
        figures: list[dict[str, Any]] = json.loads(file.read_bytes())["figures"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return figures


def main(words: Sequence[str] | None = None) -> int:
    """Plan, run or sum up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", action="store_true", help="say what would be run")
    parser.add_argument("--summary", action="store_true", help="say what was found")
    parser.add_argument("--out", type=Path, default=Path("build/gpu"), help="the set's folder (default build/gpu)")
    parser.add_argument("--for", type=float, default=CALL_S - 40, dest="for_s", help="seconds (default 560)")
    options = parser.parse_args(words)
    planned = parts()
    if options.summary:
        print("\n".join(summary(planned, options.out)))
        return LEFT if left(planned, options.out) else DONE
    if options.plan:
        for number, call in enumerate(calls(planned, options.for_s), 1):
            print(f"call {number}, about {sum(part.expected_s for part in call):.0f} s")
            print(
                "".join(f"  {part.name:<18} python benchmarks/{shlex.join(part.arguments)}\n" for part in call), end=""
            )
        print(f"in all about {sum(part.expected_s for part in planned) / 60:.0f} min; source {fingerprint()}")
        return DONE
    claim(options.out, fingerprint(), planned)
    return carry_out(planned, options.out, options.for_s)


if __name__ == "__main__":
    sys.exit(main())
