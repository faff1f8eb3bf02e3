"""Whatever stands in a foreign file: a night, or one refusal with file and remedy; and old releases of EnergiBridge."""

from __future__ import annotations

import random

import numpy as np
import pytest

from analysis.energy import energy
from analysis.importers import codecarbon, energibridge, meter, nvidia_smi, table
from analysis.importers.night import Order, write_night
from analysis.importers.recording import ImportRefused, Naming
from analysis.load import load
from harness.record import Quality

T0_MS = 1_769_900_000_000
FORMATS = {
    "energibridge": (
        [
            "Delta,Time,CPU_TEMP_0,GPU0_POWER (mWatts),PACKAGE_ENERGY (J),TOTAL_MEMORY",
            *(f"200,{T0_MS + 200 * k},40.5,250000,{100 + 20 * k}.5,17179869184" for k in range(12)),
        ],
        lambda path: energibridge.read([path], Naming()),
    ),
    "nvidia-smi": (
        [
            "timestamp, index, uuid, power.draw [W], power.limit [W], temperature.gpu",
            *(f"2026/11/20 22:00:{k // 2:02d}.100, {k % 2}, GPU-{k % 2}, 250.10 W, 300.00 W, 41" for k in range(24)),
        ],
        lambda path: nvidia_smi.read([path], Naming()),
    ),
    "meter": (
        ["timestamp;power (W);energy (Wh)", *(f"2026-11-20T22:00:{k:02d};134,25;{17 + k / 10:.1f}" for k in range(12))],
        lambda path: meter.read([path], Naming()),
    ),
    "codecarbon": (
        [
            "timestamp,project_name,run_id,duration,emissions,cpu_energy,gpu_energy,ram_energy,energy_consumed",
            *(f"2023-05-04T1{k}:10:00,vgg,{k},600,0.01,0.002,0.01,0.001,0.013" for k in range(4)),
        ],
        lambda path: codecarbon.read([path], Naming()),
    ),
    "table": (
        [
            "arm,energy_J,duration_s,block,started",
            *(f"{k % 2},100,10,{k // 2},2026-01-31T2{k}:00:00" for k in range(4)),
        ],
        lambda path: table.read([path], table.Settings(("arm",), Quality.MEASURED, "RAPL")),
    ),
}
JUNK = (
    *("", "NaN", "inf", "-1", "1e400", "[N/A]", "\x00", '"', "é", "1,234", ";", "0", "9" * 25, "\r"),
    *("2026-13-99", "9999-01-01T00:00:00", "W"),
)


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_with_junk_in_it_is_a_night_or_one_clear_refusal(tmp_path, form):
    lines, read = FORMATS[form]
    draw = random.Random(5)
    path = tmp_path / "x.csv"
    taken, unclear = 0, []
    for number in range(150):
        body = [list(line) for line in lines]
        for _ in range(draw.randrange(1, 4)):
            row = draw.choice(body)
            at = draw.randrange(len(row) + 1)
            row[at : at + draw.choice((0, 1, 4, 30))] = draw.choice(JUNK)
        end = draw.choice(("\n", "\n", ""))
        path.write_bytes(("\n".join("".join(row) for row in body) + end).encode("utf-8", "replace"))
        try:
            found = read(path)
        except ImportRefused as error:
            unclear += [str(error)] * ("x.csv" not in str(error) or "remedy:" not in str(error))
            continue
        taken += 1
        if taken <= 3:
            made = load(write_night(found, Order("x", f"x{number}", tmp_path / "nights", (path,), {}, "0.1.0")))
            assert np.isfinite(energy(made).energy_J.dropna()).all()
    assert [] == unclear
    assert 0 < taken < 150


@pytest.mark.parametrize(
    ("form", "old", "new"),
    [
        ("energibridge", f"200,{T0_MS + 2200}", "200," + "9" * 25),
        ("nvidia-smi", "2026/11/20 22:00:11", "9999/11/20 22:00:11"),
        ("meter", "2026-11-20T22:00:11", "9" * 25),
        ("meter", "2026-11-20T22:00:00", "1e300 s"),
        ("codecarbon", ",600,", ",1e300,"),
        ("codecarbon", "2023-05-04", "9999-05-04"),
        ("table", ",10,", ",1e300,"),
        ("table", "2026-01-31T20", "0001-01-31T20"),
    ],
)
def test_times_that_no_run_has_are_refused(file, refused, form, old, new):
    lines, read = FORMATS[form]
    text = "\n".join(lines)
    assert old in text
    path = file("x.csv", text.replace(old, new))
    refused(lambda: read(path), "x.csv", "line")


@pytest.mark.parametrize(
    ("header", "row", "domain", "watts"),
    [
        ("Delta,Time,PACAKGE_ENERGY (J)", "{joules}", "package-0", 100.0),
        ("Delta,Time,DRAM_ENERGY (J),PACKAGE_ENERGY (J)", "5,{joules}", "package-0", 100.0),
        ("Delta,Time,CORE0_ENERGY (J),CORE1_ENERGY (J)", "{joules},{joules}", "core-0", 200.0),
        ("Delta,Time,CPU_ENERGY (J)", "{joules}", "package-0", 100.0),
        ("Delta,Time,GPU0_POWER", "250000", "gpu0", 250.0),
        ("Delta,Time,GPU0_POWER (mWatts)", "250000", "gpu0", 250.0),
        ("Delta,Time,GPU0_POWER (Watts)", "250", "gpu0", 250.0),
        ("Delta,Time,CPU_POWER (Watts),GPU_POWER (Watts),SYSTEM_POWER (Watts)", "20,30,90", "system", 90.0),
    ],
)
def test_the_headers_of_each_release_of_energibridge_are_read(file, night, header, row, domain, watts):
    rows = [f"200,{T0_MS + 200 * k}," + row.format(joules=f"{500 + 20 * k:.6f}") for k in range(51)]
    path = file("a.csv", header, *rows)
    old = "PACAKGE" in header
    found = energibridge.read([path], Naming(), accept_unit_error=old)
    frame = energy(night(found, path)).query("phase == ''").set_index("domain")
    assert watts == pytest.approx(frame.energy_J[domain] / frame.duration_s[domain])
    assert old is False or any("wrong unit" in sentence for sentence in found.unknown)
