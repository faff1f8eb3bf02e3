from __future__ import annotations

import filecmp
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.errors import ExitCode, UsageError
from harness.marks import read_marks
from harness.protocol import read
from harness.record import MARKS_VARIABLE
from nightwatt import new

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def here(tmp_path, monkeypatch):
    folder = tmp_path / "study"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def executed(*command: str, **environment: str):
    """The process, finished, and its marks as the harness reads them."""
    marks = Path("marks.jsonl")
    begin_ns = time.monotonic_ns()
    done = subprocess.run(
        command,
        env={**os.environ, MARKS_VARIABLE: str(marks), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, read_marks(marks, begin_ns, time.monotonic_ns())


def test_a_new_python_workload_runs_as_it_stands(here):
    new.command("workload", "darts")

    assert ["darts.py", "marks.py"] == names(here)
    assert filecmp.cmp(ROOT / "workloads" / "marks.py", "marks.py", shallow=False)
    Path("darts.py").write_text(Path("darts.py").read_text().replace("12_000_000", "200_000"))  # a test has less time
    done, marks = executed(sys.executable, "darts.py", "--seed", "3")
    assert (0, "") == (done.returncode, done.stderr)
    assert ["setup", "train", "epoch 1", "epoch 2", "epoch 3"] == [phase.name for phase in marks.phases]
    assert marks.results["accuracy"] > 0.99
    assert (0, ()) == (marks.unread, marks.open)


def test_a_new_shell_workload_runs_as_it_stands(here):
    new.command("workload", "loop", shell=True)

    assert ["loop.sh"] == names(here)
    assert os.access("loop.sh", os.X_OK)
    Path("loop.sh").write_text(Path("loop.sh").read_text().replace("6000000", "1000"))  # a test has less time
    done, marks = executed("./loop.sh", "2", "7", NIGHTWATT_PYTHON=sys.executable)
    assert (0, "", "size 2: 2000 loops\n") == (done.returncode, done.stderr, done.stdout)
    assert ["setup", "train"] == [phase.name for phase in marks.phases]
    assert {"loops": 2000, "seed": 7} == marks.results


def test_a_new_shell_workload_runs_by_itself(here):
    new.command("workload", "loop", shell=True)

    done = subprocess.run(["sh", "loop.sh", "0"], env={"PATH": os.defpath}, capture_output=True, text=True, check=False)

    assert (0, "size 0: 0 loops\n", "") == (done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("shell", "command", "window"),
    [
        (False, ("{python}", "mine.py", "--size", "{size}", "--seed", "{seed}"), "train"),
        (True, ("sh", "mine.sh", "{size}", "{seed}"), "train"),
        (None, ("{python}", "{workloads}/burn.py", "--device", "cpu", "--duration", "{size}0"), "burn"),
    ],
)
def test_a_new_protocol_is_valid_and_takes_the_workload_beside_it(here, shell, command, window):
    if shell is not None:
        new.command("workload", "mine", shell=shell)
    new.command("protocol", "mine")

    protocol = read(here / "mine.toml", {})

    assert (command, window) == (protocol.workload.command, protocol.workload.window)
    assert ({"NIGHTWATT_PYTHON": "{python}"} if shell else {}) == protocol.workload.env
    assert "@" not in (here / "mine.toml").read_text()


def test_it_is_said_that_a_protocol_has_no_workload_of_its_name(here, capsys):
    new.command("protocol", "mine")
    assert "there is no mine.py and no mine.sh here: the protocol keeps the processor busy" in capsys.readouterr().err

    new.command("workload", "other", shell=True)
    new.command("protocol", "other")
    assert "there is no" not in capsys.readouterr().err


@pytest.mark.parametrize("what", list(new.WHAT))
def test_nothing_is_ever_overwritten(here, what):
    for name in ("mine.py", "mine.toml"):
        Path(name).write_text("precious")

    with pytest.raises(UsageError, match="already") as refused:
        new.command(what, "mine")

    assert ExitCode.USAGE == refused.value.exit_code
    assert ["mine.py", "mine.toml"] == names(here)
    assert {"precious"} == {Path(name).read_text() for name in names(here)}


def test_a_link_is_not_written_through(here):
    Path("mine.toml").symlink_to(here.parent / "elsewhere")

    with pytest.raises(UsageError, match="already"):
        new.command("protocol", "mine")

    assert not (here.parent / "elsewhere").exists()


def test_a_marks_file_that_is_there_is_kept(here, capsys):
    Path("marks.py").write_text("# mine")

    new.command("workload", "darts")

    assert "# mine" == Path("marks.py").read_text()
    assert "marks.py was there already, and was left as it is" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["../out", "a/b", "/tmp/out", "..", "", ".hidden", "-x", "a b", "a.py", "é", "x\n", "x\0", "a" * 61, "7up"]
)
@pytest.mark.parametrize("what", list(new.WHAT))
def test_a_name_that_is_a_path_or_no_plain_word_is_refused(here, what, name):
    with pytest.raises(UsageError, match="will not do as a name"):
        new.command(what, name)

    assert ([], ["study"]) == (names(here), names(here.parent))


@pytest.mark.parametrize("name", ["random", "json", "marks", "data"])
def test_a_script_may_not_take_the_place_of_a_module_that_it_imports(here, name):
    with pytest.raises(UsageError, match=f"{name}.py would be imported where"):
        new.command("workload", name)

    assert [] == names(here)


def test_a_protocol_is_no_shell_script(here):
    with pytest.raises(UsageError, match="no shell script"):
        new.command("protocol", "mine", shell=True)


def test_a_file_that_cannot_be_written_is_named_with_its_folder(here):
    with pytest.raises(UsageError, match=r"mine\.toml cannot be written: No such file") as refused:
        new.write([new.File("mine.toml", "")], here / "gone")

    assert str(here / "gone") == refused.value.where


def test_what_cannot_be_started_is_one_clear_error(here):
    with pytest.raises(UsageError, match="widget") as refused:
        new.command("widget", "mine")
    assert "nightwatt new workload mine" in refused.value.remedy
    assert [] == names(here)
