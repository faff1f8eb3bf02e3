"""A sampler that misbehaves on request; the contract of harness/instruments/instrument.py in a few lines."""

import json
import os
import select
import sys
import time
from pathlib import Path

spec = json.loads(Path(sys.argv[1]).read_text())
folder = Path(spec["run_folder"])
wish = spec["sensors"].get("fake", {})
period_s = wish.get("period_s", 0.02)
channels = [
    {
        "name": name,
        "unit": unit,
        "kind": "mean" if unit == "W" else "gauge",
        "domain": "gpu0",
        "quality": "measured",
        "source": "fake",
        "refresh_s": period_s,
    }
    for name, unit in (("gpu0.power_W", "W"), ("gpu0.temperature_C", "C"))
]
report = {
    "state": "ready",
    "pid": os.getpid(),
    "started_ns": time.monotonic_ns(),
    "channels": channels,
    "missing": [{"sensor": "rapl", "reason": "no powercap here", "remedy": "none"}],
}


def write_report():
    aside = folder / "sampler.json.aside"
    aside.write_text(json.dumps(report))
    aside.rename(folder / "sampler.json")


def say(temperature_C):
    line = {
        "trouble": wish.get("trouble", ""),
        "t_ns": time.monotonic_ns(),
        "power_W": {"gpu0": 100.0},
        "temperature_C": {"gpu0": temperature_C},
        "context": wish.get("context", {}),
    }
    os.write(1, json.dumps(line).encode() + b"\n")


if wish.get("refuse"):
    print("no card answers", file=sys.stderr)
    sys.exit(3)
if wish.get("never_ready"):
    time.sleep(60)
temperatures_C = wish.get("temperatures_C", [40.0])
rows, begin_s, next_status_s, marked_s = 0, time.monotonic(), 0.0, None


def temperature_C(now_s):
    if "heater" in wish and Path(wish["heater"]).exists():
        return 41.0
    return temperatures_C[min(int((now_s - begin_s) / 0.1), len(temperatures_C) - 1)]


if "late_words_s" not in wish:
    say(temperatures_C[0])
write_report()
time.sleep(wish.get("late_words_s", 0))
with open(folder / "samples.csv", "w", buffering=1) as samples, open(folder / "clocks.csv", "w", buffering=1) as clocks:
    while not select.select([0], [], [], period_s)[0]:
        now_s = time.monotonic()
        marked_s = marked_s or (now_s if (folder / "marks.jsonl").stat().st_size else None)
        silent = marked_s and wish.get("silent_after_marks")
        if not silent and not (marked_s and now_s - marked_s < wish.get("gap_s", 0)):
            t_ns, degrees = time.monotonic_ns(), temperature_C(now_s)
            samples.write(f"{t_ns},gpu0.power_W,100.0\n{t_ns},gpu0.temperature_C,{degrees}\n")
            rows += 2
        clocks.write(f"{time.monotonic_ns()},{time.time_ns()},{time.clock_gettime_ns(time.CLOCK_BOOTTIME)}\n")
        if now_s > next_status_s and not silent:
            say(temperature_C(now_s))
            next_status_s = now_s + 0.05
    time.sleep(0.03)  # the last readings
    samples.write(f"{time.monotonic_ns()},gpu0.power_W,100.0\n" + wish.get("torn", ""))
report |= {
    "state": "ended",
    "ended_ns": time.monotonic_ns(),
    "rows": rows + 1,
    "cost": {"cpu_s": 0.1, "wall_s": 1.0, "ticks": 10, "late_ticks": 0, "longest_gap_s": 0.02, "max_rss_B": 1 << 23},
    "sensors": {"fake": {"note": "well"}},
    "refresh_seen": {"gpu0.power_W": period_s, "gpu0.temperature_C": None},
}
write_report()
