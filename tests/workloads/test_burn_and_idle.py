from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest


def test_idle_waits_for_as_long_as_it_is_told(execute):
    outcome = execute("idle.py", "--duration", "0.2")

    assert 0 == outcome.code
    assert ["idle"] == [phase.name for phase in outcome.marks.phases]
    assert outcome.marks.phases[0].duration_s >= 0.2
    assert {"contexts": 0} == outcome.marks.results


def test_burn_keeps_the_cpu_busy_until_its_time_is_over(execute):
    outcome = execute("burn.py", "--duration", "0.3")

    assert 0 == outcome.code, outcome.stderr
    phases = {phase.name: phase for phase in outcome.marks.phases}
    assert ["setup", "burn"] == list(phases)
    assert phases["burn"].duration_s >= 0.3
    assert outcome.marks.results["products"] > 0


def test_a_round_is_begun_as_long_as_there_is_time(module, monkeypatch):
    burn, clock_s = module("burn"), [100.0]

    def work() -> int:
        clock_s[0] += 0.4
        return 10

    monkeypatch.setattr(burn.time, "monotonic", lambda: clock_s[0])

    assert (30, 10) == (burn.burn(work, 101.0), burn.burn(work, 0.0))


@pytest.mark.skipif(sys.platform != "linux", reason="children are told by /proc")
def test_no_core_goes_on_burning_when_the_script_was_killed(module):
    burning = subprocess.Popen([sys.executable, module("burn").__file__, "--duration", "200"])
    listed = Path(f"/proc/{burning.pid}/task/{burning.pid}/children")
    while not (cores := listed.read_text().split()):
        time.sleep(0.01)

    burning.kill()
    burning.wait()

    deadline_s = time.monotonic() + 60
    while any(Path(f"/proc/{core}").exists() for core in cores) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert [] == [core for core in cores if Path(f"/proc/{core}").exists()]


def test_burn_needs_no_numpy(module, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)

    assert module("burn").cpu_round()() > 0


@pytest.mark.parametrize("script", ["idle.py", "burn.py"])
@pytest.mark.parametrize("duration", ["-1", "nan", "inf", "soon"])
def test_a_duration_that_is_none_is_refused(execute, script, duration):
    outcome = execute(script, f"--duration={duration}")

    assert 2 == outcome.code
    assert "--duration" in outcome.stderr


def test_burn_without_a_gpu_says_what_it_looked_for(module, monkeypatch, capsys):
    burn = module("burn")
    blind = SimpleNamespace(cuda=SimpleNamespace(device_count=lambda: 0))
    for package, found in (("torch", blind), ("cupy", None), ("jax", None)):
        monkeypatch.setitem(sys.modules, package, found)

    with pytest.raises(SystemExit) as ended:
        burn.gpu_round()

    assert 3 == ended.value.code
    assert "torch sees no GPU, cupy is not installed, jax is not installed" in capsys.readouterr().err


def test_burn_queues_on_every_card_and_waits_for_all_of_them(module):
    burn = module("burn")
    log: list[str] = []
    torch = SimpleNamespace(
        float16="half",
        device=lambda kind, number: f"{kind}:{number}",
        randn=lambda *shape, dtype, device: device,
        empty_like=lambda matrix: matrix,
        mm=lambda a, b, out: log.append(f"mm {out}"),
        cuda=SimpleNamespace(device_count=lambda: 2, synchronize=lambda card: log.append(f"wait {card}")),
    )

    cards, work = burn.by_torch(torch)

    assert (2, 2 * burn.GPU_ROUND) == (cards, work())
    assert ["mm cuda:0"] * burn.GPU_ROUND + ["mm cuda:1"] * burn.GPU_ROUND + ["wait cuda:0", "wait cuda:1"] == log


class Driver:
    """Stands for libcuda: two cards, or the status of a failure."""

    def __init__(self, cards: int = 2, status: int = 0) -> None:
        self.cards, self.status, self.opened = cards, status, []

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetCount(self, count: object) -> int:
        count._obj.value = self.cards
        return 0

    def cuDeviceGet(self, card: object, number: int) -> int:
        card._obj.value = 10 + number
        return 0

    def cuDevicePrimaryCtxRetain(self, context: object, card: ctypes.c_int) -> int:
        self.opened.append(card.value)
        return 0

    def cuGetErrorString(self, status: int, words: object) -> int:
        words._obj.value = b"initialization error"
        return 0


def test_idle_opens_a_context_on_every_card(module, monkeypatch):
    idle, driver = module("idle"), Driver()
    monkeypatch.setattr(idle.ctypes, "CDLL", lambda name: driver)

    assert 2 == idle.open_contexts()
    assert [10, 11] == driver.opened


@pytest.mark.parametrize(
    ("driver", "words"),
    [
        (Driver(status=3), "could not start the driver: initialization error (3)"),
        (Driver(cards=0), "the NVIDIA driver sees no card"),
        (None, "there is no NVIDIA driver here"),
    ],
)
def test_a_context_that_cannot_be_opened_is_refused(module, monkeypatch, capsys, driver, words):
    def load(name: str) -> Driver:
        if driver is None:
            raise OSError("libcuda.so.1: cannot open shared object file")
        return driver

    idle = module("idle")
    monkeypatch.setattr(idle.ctypes, "CDLL", load)

    with pytest.raises(SystemExit) as ended:
        idle.open_contexts()

    assert 3 == ended.value.code
    assert words in capsys.readouterr().err
