"""What the shipped workloads cannot do, in one night: each is told with its reason, and the night goes on."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ExitCode

for package in ("torch", "sklearn", "onnx"):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed", allow_module_level=True)

PROTOCOL = """
title = "What can go wrong?"
[workload]
command = ["/bin/sh", "{folder}/case.sh", "{{case}}", "{{python}}", "{{workloads}}"]
window = "train"
[factors]
case = ["good", "missing", "damaged", "class", "precision", "memory", "onnx"]
[design]
blocks = 1
[sensors.simulated]
[analysis]
baseline = "good"
energy = []
"""
# Memory that runs out at a batch size: the same training, under the same limit, at another batch. A package that is
# not there: it is kept from being found.
SCRIPT = """
ulimit -v 3000000
small="--dataset digits --device cpu --threads 1 --input device --augment none --epochs 1 --steps 1 --lr 0.01"
case "$1" in
good)      exec "$2" "$3/torch_width_cnn.py" $small --batch 8 --test-images 16 ;;
missing)   exec "$2" "$3/torch_width_cnn.py" --data /nowhere --device cpu ;;
damaged)   exec "$2" "$3/torch_width_cnn.py" --data "$(dirname "$0")/cifar-10-python.tar.gz" --device cpu ;;
class)     exec "$2" "$3/torch_width_cnn.py" $small --train-images 9 ;;
precision) exec "$2" "$3/torch_width_cnn.py" $small --precision tf32 ;;
memory)    exec "$2" "$3/torch_width_cnn.py" $small --batch 1400 --width 10 ;;
onnx)      exec "$2" -c "import runpy, sys; sys.modules['onnxruntime'] = None; sys.argv = sys.argv[1:]
sys.path.insert(0, '$3'); runpy.run_path(sys.argv[0], run_name='__main__')" "$3/inference.py" \\
             --model mobilenet_v2 --runtime onnx-float32 --device cpu --ceilings 0 ;;
esac
"""
TOLD = {
    "missing": ("failed", "exit code 2: torch_width_cnn.py: there is no /nowhere; cifar10 is to be had at "),
    "damaged": ("failed", "is damaged or another file: get it anew from https://www.cs.toronto.edu"),
    "class": (
        "failed",
        "exit code 2: torch_width_cnn.py: none of the 9 train images of digits is of class 9: take more",
    ),
    "precision": ("failed", "exit code 3: torch_width_cnn.py: tf32 is a mode of NVIDIA tensor cores; on a CPU use "),
    "memory": ("out_of_memory", "out of memory (exit code 1): can't allocate memory: you tried"),
    "onnx": ("failed", "exit code 3: onnxruntime not installed: pip install onnxruntime"),
}


def nightwatt(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "nightwatt", *words], capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_each_is_told_with_its_reason_and_the_night_goes_on(tmp_path: Path) -> None:
    (tmp_path / "case.sh").write_text(SCRIPT)
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"not what the authors published")
    protocol = tmp_path / "bad.toml"
    protocol.write_text(PROTOCOL.format(folder=tmp_path))
    done = nightwatt("run", str(protocol), "--out", str(tmp_path / "nights"), "-q", "--no-report")
    assert ExitCode.UNFINISHED == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    [folder] = (tmp_path / "nights").iterdir()

    records = {}
    for path in folder.glob("runs/*/run.json"):
        record = json.loads(path.read_text())
        records[record["configuration"]] = record
    assert {"good", *TOLD} == set(records)
    assert ("completed", "") == (records["good"]["status"], records["good"]["reason"])
    for case, (status, reason) in TOLD.items():
        assert status == records[case]["status"], records[case]["reason"]
        assert reason in records[case]["reason"]

    assert 0 == nightwatt("report", str(folder)).returncode
    tables = "\n".join(path.read_text() for path in (folder / "report" / "tables").glob("*.csv"))
    for _, reason in TOLD.values():
        assert reason in tables
