"""The command line as a user meets it: real processes, exit codes, messages."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nightwatt.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"


def nightwatt(*arguments, cwd=ROOT, **environment):
    """The command, as a finished process."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "nightwatt", *map(str, arguments)],
        cwd=cwd, env={**os.environ, "COLUMNS": "80", **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def protocol(tmp_path):
    """Writes a protocol of two fake runs a block, with sections of one's own behind it."""

    def write(rest="", workload='command = ["{python}", "{workloads}/fake.py", "--note", "{arm}"]'):
        file = tmp_path / "small.toml"
        file.write_text(
            f'title = "small"\n[workload]\n{workload}\n[factors]\narm = ["a", "b"]\n'
            f"[design]\nblocks = 2\n[sensors.simulated]\n{rest}"
        )
        return file

    return write


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """A whole rehearsed night of two runs, as the command line left it: the finished process and the folder."""
    folder = tmp_path_factory.mktemp("night")
    done = nightwatt("rehearse", "demo", "--set", "design.blocks=1", "--set", "warmup.runs=0", "--out", folder / "out")
    [root] = (folder / "out").iterdir()
    return done, root


def refused(done, status, *words):
    """One clear error: the exit code, each of the words, no traceback."""
    assert status == done.returncode, done.stdout + done.stderr
    assert [] == [word for word in words if word not in done.stderr], done.stderr
    assert "Traceback" not in done.stderr


def test_the_version_is_printed():
    done = nightwatt("--version")
    assert (0, "") == (done.returncode, done.stderr)
    assert re.fullmatch(r"nightwatt \d+\.\d+\.\d+\n", done.stdout)


def test_help_lists_every_command_with_its_sentence():
    done = nightwatt("--help")
    assert 0 == done.returncode
    words = " ".join(done.stdout.split())
    assert [] == [name for name, sentence in COMMANDS.items() if f"{name} {sentence}" not in words]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_of_its_own(command):
    done = nightwatt(command, "--help")
    assert (0, "") == (done.returncode, done.stderr)
    assert f"nightwatt {command}" in done.stdout


def test_no_command_is_wrong_usage_and_shows_the_help():
    done = nightwatt()
    assert 2 == done.returncode
    assert "Commands:" in done.stdout + done.stderr


def test_an_unknown_command_is_wrong_usage_and_the_nearest_is_named():
    refused(nightwatt("reprot"), 2, "No such command 'reprot'", "report")


def test_an_unknown_option_is_wrong_usage():
    refused(nightwatt("run", "demo", "--blokcs"), 2, "--blokcs")


def test_a_missing_argument_is_wrong_usage():
    refused(nightwatt("run"), 2, "protocol")


@pytest.mark.parametrize("command", ["plan", "run", "rehearse"])
def test_a_protocol_that_is_nowhere_is_refused(command, tmp_path):
    refused(nightwatt(command, "nowhere", cwd=tmp_path), 2, "nowhere", "demo")
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["plan", "run", "rehearse", "check"])
def test_a_misspelt_key_is_refused_with_the_nearest_known_one(command, protocol, tmp_path):
    refused(nightwatt(command, protocol("[cooldwn]\nminimum_s = 1\n"), cwd=tmp_path), 2, "cooldwn", "cooldown")


def test_a_broken_toml_is_refused_with_its_line(tmp_path):
    (tmp_path / "broken.toml").write_text('title = "x"\n[workload\n')
    refused(nightwatt("run", "broken.toml", cwd=tmp_path), 2, "broken.toml", "line 2")


def test_an_absent_workload_is_refused_before_anything_is_written(protocol, tmp_path):
    file = protocol(workload='command = ["./absent.sh", "{arm}"]')
    refused(nightwatt("run", file, cwd=tmp_path), 2, "absent.sh")
    assert [file] == list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_results_folder_that_is_not_writable_is_refused(protocol, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    refused(nightwatt("run", protocol(), "--out", tmp_path / "locked" / "out", cwd=tmp_path), 2, "locked")


def test_a_results_folder_that_is_a_file_is_refused(protocol, tmp_path):
    (tmp_path / "taken").write_text("")
    refused(nightwatt("run", protocol(), "--out", tmp_path / "taken", cwd=tmp_path), 2, "taken")


@pytest.mark.parametrize("command", ["resume", "status", "report"])
def test_a_folder_that_is_no_night_is_refused(command, tmp_path):
    refused(nightwatt(command, tmp_path), 2, str(tmp_path))
    refused(nightwatt(command, tmp_path / "absent"), 2, "absent")


def test_a_mark_outside_a_night_does_nothing_and_says_so_by_its_exit_code(tmp_path):
    done = nightwatt("mark", "begin", "train", cwd=tmp_path, NIGHTWATT_MARKS="")
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)


def test_a_mark_in_a_run_is_stamped_when_it_was_called(tmp_path):
    marks = tmp_path / "marks.jsonl"
    assert 0 == nightwatt("mark", "end", "train", "loss=0.5", NIGHTWATT_MARKS=str(marks)).returncode
    [mark] = map(json.loads, marks.read_text().splitlines())
    assert {"mark": "end", "phase": "train", "loss": 0.5} == {key: mark[key] for key in ("mark", "phase", "loss")}
    assert isinstance(mark["t_ns"], int)


def test_a_reader_that_leaves_early_is_no_error(tmp_path):
    command = f"{sys.executable} -P -m nightwatt plan demo --set design.blocks=4000 --all | head -n 1"
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (1, "") == (len(done.stdout.splitlines()), done.stderr)


def test_a_plan_goes_to_standard_output(tmp_path):
    done = nightwatt("plan", "demo", cwd=tmp_path)
    assert 0 == done.returncode, done.stderr
    assert done.stdout
    assert [] == list(tmp_path.iterdir())


def test_a_rehearsed_night_ends_with_its_headline_and_the_report_on_standard_output(night):
    done, root = night
    assert 0 == done.returncode, done.stderr
    assert done.stdout.splitlines()[0].startswith("REHEARSAL")
    assert str(root / "report" / "index.html") in done.stdout
    assert (root / "report" / "index.html").is_file()


def test_a_finished_night_has_a_status_and_nothing_to_resume(night):
    _, root = night
    status = nightwatt("status", root, "--json")
    assert 0 == status.returncode, status.stderr
    body = json.loads(status.stdout)
    assert body["slots"] == body["done"]
    assert 0 == nightwatt("resume", root, "--quiet").returncode


def test_a_report_can_be_made_again_from_the_folder_alone(night):
    _, root = night
    page = (root / "report" / "index.html").read_bytes()
    (root / "report" / "index.html").unlink()
    done = nightwatt("report", root)
    assert 0 == done.returncode, done.stderr
    assert page == (root / "report" / "index.html").read_bytes()


def help_text(command):
    """A command's help as the README shows it."""
    return nightwatt(*command.split()[1:]).stdout.rstrip() + "\n"


def documented():
    """The commands that the README shows with their output."""
    return re.findall(r"```console\n\$ (nightwatt(?: \w+)? --help)\n(.*?)```", README.read_text("utf-8"), re.DOTALL)


def test_a_table_of_runs_is_imported_and_reported(tmp_path):
    rows = [
        f"{arm},{energy},10"
        for arm, energies in (("a", (900, 910, 905)), ("b", (810, 806, 815)))
        for energy in energies
    ]
    (tmp_path / "runs.csv").write_text("\n".join(["arm,energy_J,duration_s", *rows]) + "\n")
    done = nightwatt(
        "import", "table", "runs.csv", "--configuration", "arm", "--source", "RAPL by perf", "--set",
        "analysis.recipe=classic", cwd=tmp_path,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert "What these files do not say stays unknown:" in done.stderr
    reported = nightwatt("report", done.stdout.strip(), cwd=tmp_path)
    assert (0, "") == (reported.returncode, reported.stderr)
    assert "0.895 ×" in reported.stdout


def test_a_folder_of_nvidia_smi_s_logs_and_their_results_are_imported(tmp_path):
    (tmp_path / "logs").mkdir()
    for place, arm in enumerate("abab"):
        lines = [f"2026/11/20 22:0{place}:{second:02d}.000, 0, {200 + place:.2f}" for second in range(30)]
        text = "\n".join(["timestamp, index, power.draw [W]", *lines]) + "\n"
        (tmp_path / "logs" / f"{arm}_{place}.log").write_text(text)
    (tmp_path / "logs" / "results.csv").write_text("file,accuracy\na_0.log,0.9\nb_1.log,0.8\n")
    done = nightwatt(
        "import", "nvidia-smi", "logs", "--pattern", r"(?P<arm>\w)_(?P<run>\d)", "--results", "logs/results.csv",
        cwd=tmp_path,
    )  # fmt: skip
    assert 0 == done.returncode, done.stderr
    assert "imported 4 runs" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("csv", "runs.csv"), ("'csv'", "energibridge:")),
        (("table", "nothing.csv", "--source", "x"), ("nothing.csv", "cannot be read")),
        (
            ("table", "runs.csv", "--source", "x", "--set", "design.blocks=2"),
            ("design.blocks", "only keys of analysis"),
        ),
        (("table", "runs.csv", "--source", "x", "--set", "analysis.recipe=odd"), ("recipe", "classic")),
        (("table", "runs.csv", "--source", "x", "--columns", "time"), ("--columns", "nvidia-smi, meter")),
        (("nvidia-smi", "runs.csv"), ("runs.csv", "line 1", "no header of nvidia-smi")),
        (("meter", "runs.csv", "--runs", "a.csv", "--results", "b.csv"), ("--results and --runs both tell",)),
        (("table", "runs.csv", "--source", "x", "--runs", "a.csv"), ("--runs says nothing of table",)),
        (("meter", "runs.csv"), ("runs.csv", "line 1", "no column tells the time")),
    ],
)
def test_what_cannot_be_imported_is_refused(tmp_path, arguments, words):
    (tmp_path / "runs.csv").write_text("configuration,energy_J,duration_s\na,1,1\n")
    refused(nightwatt("import", *arguments, cwd=tmp_path), 2, "remedy", *words)


def test_the_readme_shows_the_help_of_every_command():
    assert {"nightwatt --help", *(f"nightwatt {name} --help" for name in COMMANDS)} == {
        name for name, _ in documented()
    }


@pytest.mark.parametrize("command", ["nightwatt --help", *(f"nightwatt {name} --help" for name in COMMANDS)])
def test_the_help_in_the_readme_is_true(command):
    """To renew it: NIGHTWATT_RENEW_README=1 make test PYTEST_ARGS="-k readme -n 0"."""
    shown = dict(documented())[command]
    true = help_text(command)
    if os.environ.get("NIGHTWATT_RENEW_README"):
        page = README.read_text("utf-8")
        README.write_text(page.replace(f"$ {command}\n{shown}```", f"$ {command}\n{true}```"), "utf-8")
        shown = true
    assert true == shown
