"""What happens to a whole night from outside: its disk is full, its folder goes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.process_tree import processes
from harness.record import RUN_JSON, NightFolder, read_json

PROTOCOL = """
title = "Which arm?"
[workload]
command = ["true", "{arm}"]
window = "train"
timeout_s = 800
[factors]
arm = ["a", "b"]
[sensors.simulated]
[analysis]
baseline = "a"
"""
PATIENCE_S = 120.0
DISK_KB = 224


@dataclass(frozen=True)
class Place:
    """Where a test's nights are rehearsed."""

    root: Path
    out: Path

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A session; every process of it has this place in its environment."""
        return subprocess.Popen(
            [sys.executable, "-m", "nightwatt", *words, "--no-report"],
            cwd=self.root, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=os.environ | {"NIGHTWATT_RUNTIME_DIR": str(self.root / "locks")}, start_new_session=True,
        )  # fmt: skip

    def rehearse(self, blocks: int, *words: str) -> subprocess.Popen[str]:
        """Begin a night of so many blocks."""
        return self.start("rehearse", "arms.toml", "--set", f"design.blocks={blocks}", "--out", str(self.out), *words)

    @property
    def night(self) -> NightFolder:
        """The only night, once it is there."""
        return NightFolder(wait_for(lambda: next(self.out.glob("[0-9]*"), None)))

    def living(self) -> list[int]:
        """The processes that were started here."""
        found = []
        for pid, _, _ in processes():
            with contextlib.suppress(OSError):
                if os.fsencode(self.root) + b"/locks" in Path(f"/proc/{pid}/environ").read_bytes():
                    found.append(pid)
        return found


def wait_for(look: Callable[[], Any]) -> Any:
    """What ``look`` finds, as soon as it finds something."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < give_up_s, "it never came"
        time.sleep(0.01)
    return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "arms.toml").write_text(PROTOCOL)
    return Place(tmp_path, tmp_path / "results")


@pytest.fixture
def small_disk(place: Place) -> Iterator[Callable[[int], None]]:
    """A file system of its own for the results, and a way to make it larger; only root may mount one."""
    place.out.mkdir()

    def mount(options: str) -> bool:
        words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place.out)]
        try:
            return subprocess.run(words, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False

    if not mount(f"size={DISK_KB}k"):
        pytest.skip("no file system may be mounted here")
    try:
        yield lambda size_kB: mount(f"remount,size={size_kB}k") or pytest.fail("it cannot be made larger")
    finally:
        subprocess.run(["umount", str(place.out)], check=True)


def counted(folder: NightFolder) -> list[str]:
    """The slots of the runs that are completed and valid."""
    records = [read_json(path / RUN_JSON) for path in folder.settled().values()]
    return sorted(body["slot"] for body in records if (body["validity"], body["status"]) == ("valid", "completed"))


@pytest.mark.slow
def test_a_disk_that_is_full_stops_the_night_and_room_lets_it_go_on(
    place: Place, small_disk: Callable[[int], None]
) -> None:
    session = place.rehearse(8)
    _, told = session.communicate(timeout=PATIENCE_S)
    assert 4 == session.returncode, told
    assert "No space left on device" in told
    assert "stopped after 3 failures in a row" in told
    assert told.splitlines()[-1].strip().startswith("nightwatt resume")
    assert "Traceback" not in told
    folder = place.night
    finished = {path: (path / RUN_JSON).read_bytes() for path in folder.settled().values()}
    assert 2 < len(finished) < 16
    cut_short = re.findall(r"(b\d\d-\d-a\d-[ab]): this attempt could not be carried out", told)
    assert 3 == len(cut_short)
    kept = [folder.runs / f"{run}.interrupted" for run in cut_short]
    assert [] == [path for path in kept if not path.is_dir()]

    small_disk(4 * DISK_KB)
    session = place.start("resume", str(folder.root))
    _, told = session.communicate(timeout=PATIENCE_S)
    assert 0 == session.returncode, told
    assert finished == {path: (path / RUN_JSON).read_bytes() for path in finished}
    assert [] == [path for path in kept if not path.is_dir()]
    assert counted(folder) == [f"b{block:02d}-{position}" for block in range(1, 9) for position in (1, 2)]


def test_a_night_whose_folder_was_removed_ends_with_one_error_and_makes_nothing_in_its_place(place: Place) -> None:
    session = place.rehearse(20, "--fault", "daemon@all")
    folder = place.night
    wait_for(lambda: len(folder.settled()) > 1)
    shutil.rmtree(folder.root, ignore_errors=True)
    shutil.rmtree(folder.root, ignore_errors=True)  # a run in progress may have written in between
    _, told = session.communicate(timeout=PATIENCE_S)
    assert 2 == session.returncode, told
    assert "the night's folder has gone" in told
    assert "Traceback" not in told
    assert not folder.root.exists()
    assert wait_for(lambda: not place.living())
