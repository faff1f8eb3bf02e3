"""The orchestrator killed at random instants, again and again: nothing is lost, nothing counts twice, nothing is left.

Each campaign rehearses nights of six runs whose workloads leave daemons behind, kills nightwatt (SIGKILL) at seeded
instants of its sessions, the begin and the first second of a resume included, and lets each night end at last. All
campaigns together kill it 200 times; a shorter one of four kills is among the fast tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import folder as folders
from harness.record import RUN_JSON, NightFolder, read_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["true", "{arm}"]
window = "train"
timeout_s = 800
[factors]
arm = ["a", "b"]
[design]
blocks = 3
[sensors.simulated]
[analysis]
baseline = "a"
"""
KILLS, FEW_KILLS = 10, 4
"""Of one campaign; of the one among the fast tests."""
STARTING_S = 1.0
"""Every other instant is drawn from the first second of a session, the others from so long as a whole night takes."""
LEFT_S = 5.0
"""No process of a killed session may be there any more after this."""
PATIENCE_S = 120.0
RELATIVE = 1e-12
"""Simulated power is a function of (plan seed, slot, time in the phase), and phases have nominal lengths to the
nanosecond: the same doubles are summed, in the same order, at other absolute times. Those are integers of nanoseconds
that are subtracted before they become doubles, so that nothing but the last digits of sums may differ."""


@dataclass
class Campaign:
    """Nights that are killed, and what was seen."""

    root: Path
    seed: int
    most: int = KILLS
    whole_s: float = 0.0
    """How long a session of a whole night takes, on the machine as busy as it is."""
    kills: int = 0
    nights: int = 0
    before_the_night: int = 0
    """Kills that came before there was a folder."""
    settled_at_kills: int = 0
    cut_short: int = 0
    """Kills in the middle of a run."""
    longest_left_s: float = 0.0

    def start(self, *words: str) -> subprocess.Popen[bytes]:
        """A session; every process of it has the campaign's folder in its environment."""
        with open(self.root / "told.log", "ab") as told:
            return subprocess.Popen(
                [sys.executable, "-m", "nightwatt", *words, "--no-report", "--quiet"],
                cwd=self.root, stdin=subprocess.DEVNULL, stdout=told, stderr=told, start_new_session=True,
                env=os.environ | {"NIGHTWATT_RUNTIME_DIR": str(self.root / "locks")},
            )  # fmt: skip

    def begin(self, out: Path) -> subprocess.Popen[bytes]:
        """A night's first session."""
        seed = f"design.seed={self.seed}"
        return self.start("rehearse", "arms.toml", "--set", seed, "--fault", "daemon@all", "--out", str(out))

    def night(self, instants: random.Random | None) -> NightFolder:
        """One night to its end, killed at instants of its sessions until enough were; None: undisturbed."""
        out = self.root / f"night-{self.nights}"
        self.nights += 1
        seen: dict[Path, bytes] = {}
        session = self.begin(out)
        while instants is not None and self.kills < self.most:
            with contextlib.suppress(subprocess.TimeoutExpired):
                session.wait(instants.uniform(0.02, instants.choice((STARTING_S, self.whole_s))))
                break
            self.kill(session)
            night = next(out.glob("[0-9]*"), None)
            if night is None:
                self.before_the_night += 1
                session = self.begin(out)
                continue
            folder = NightFolder(night)
            self.cut_short += any(folder.runs.glob("*.partial"))
            seen |= {path: (path / RUN_JSON).read_bytes() for path in folder.settled().values()}
            self.settled_at_kills += len(folder.settled())
            session = self.start("resume", str(night))
        told = (self.root / "told.log").read_text
        assert 0 == session.wait(PATIENCE_S), told()
        [night] = out.glob("[0-9]*")
        assert seen == {path: (path / RUN_JSON).read_bytes() for path in seen}
        return NightFolder(night)

    def kill(self, session: subprocess.Popen[bytes]) -> None:
        """Kill the orchestrator, and see how long anything of it is there."""
        session.kill()
        session.wait()
        self.kills += 1
        begin_s = time.monotonic()
        while left := processes_that_know(self.root):
            assert time.monotonic() - begin_s < LEFT_S, f"left after {LEFT_S:g} s: {[*left.values()]}"
            time.sleep(0.01)
        self.longest_left_s = max(self.longest_left_s, time.monotonic() - begin_s)


def processes_that_know(root: Path) -> dict[int, str]:
    """The living processes that have this path in their environment: pid and command line."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(root) + b"/" in (process / "environ").read_bytes():
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
    return found


def valid_slots(folder: NightFolder) -> list[str]:
    """The slots of the valid runs, each as often as it has one."""
    records = [read_json(path / RUN_JSON) for path in folder.settled().values()]
    return sorted(body["slot"] for body in records if (body["validity"], body["status"]) == ("valid", "completed"))


def headline(folder: NightFolder) -> list[float]:
    """The ratio of the two arms with its interval, and the p of every test that can be carried out."""
    from analysis.load import load
    from analysis.study import study

    [comparison] = study(load(folder.root)).comparisons
    ratio = comparison.ratio
    figures = ratio.value, ratio.low, ratio.high, *(test.p for test in comparison.tests)
    return [figure for figure in figures if figure is not None]


def assert_journalled_runs_are_there(folder: NightFolder) -> None:
    """Whatever a journal says was settled lies on disk; its last line may be torn."""
    for journal in folder.journal.glob("*.jsonl"):
        for line in journal.read_text().split("\n")[:-1]:
            body = json.loads(line)
            if body["event"] == "RunSettled":
                assert (folder.runs / body["path"] / RUN_JSON).is_file(), body


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """A folder for one campaign; whatever a failed one leaves running is ended."""
    (tmp_path / "arms.toml").write_text(PROTOCOL)
    yield tmp_path
    for pid in processes_that_know(tmp_path):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


CAMPAIGNS = [(20, FEW_KILLS), *(pytest.param(seed, KILLS, marks=pytest.mark.slow) for seed in range(20))]


@pytest.mark.parametrize(("seed", "kills"), CAMPAIGNS)
def test_a_night_killed_anywhere_ends_as_an_undisturbed_one(seed: int, kills: int, root: Path) -> None:
    campaign = Campaign(root, seed, kills)
    begin_s = time.monotonic()
    undisturbed = campaign.night(None)
    campaign.whole_s = time.monotonic() - begin_s
    slots = [slot.key for slot in folders.read_head(undisturbed.root).plan.slots]
    assert slots == valid_slots(undisturbed)
    expected = headline(undisturbed)
    assert len(expected) > 3

    instants = random.Random(f"instants of campaign {seed}")
    worst = 0.0
    while campaign.kills < kills:
        folder = campaign.night(instants)
        assert slots == valid_slots(folder)
        assert slots == sorted(path.name.partition("-a")[0] for path in folder.settled().values())
        assert not list(folder.runs.glob("*.partial"))
        assert_journalled_runs_are_there(folder)
        found = headline(folder)
        worst = max(worst, *(abs(a / b - 1) for a, b in zip(found, expected, strict=True)))
        assert worst <= RELATIVE
    assert {} == processes_that_know(root)
    print(
        f"campaign {seed}: {campaign.kills} kills of {campaign.nights - 1} nights, {campaign.cut_short} in mid-run,"
        f" {campaign.before_the_night} before there was a folder, {campaign.settled_at_kills} settled runs seen;"
        f" last process gone after {campaign.longest_left_s:.2f} s; headline off by {worst:.1e}"
    )
