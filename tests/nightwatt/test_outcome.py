"""What becomes of a command: exit statuses and messages."""

import os
import sys
from pathlib import Path

import pytest
import typer

from harness.errors import ExitCode, GateRefused, NightFolderError, Problem, ProtocolError, RefusedError, RunFault
from nightwatt.outcome import exits, refuse_platform


def status_of(command, *arguments):
    with pytest.raises(SystemExit) as ended:
        exits(command)(*arguments)
    return ended.value.code


def raising(error):
    def command():
        raise error

    return command


def test_a_command_that_returns_nothing_is_done():
    assert 0 == status_of(lambda: None)


def test_a_command_that_returns_an_exit_code_ends_with_it():
    assert 4 == status_of(lambda: ExitCode.STOPPED)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ProtocolError("a.toml", [Problem("design.blocks", "is not a number")]), 2),
        (NightFolderError("no night"), 2),
        (GateRefused("the machine is busy"), 3),
        (RunFault("the run could not start"), 70),
    ],
)
def test_an_error_on_purpose_prints_what_it_says_and_ends_with_its_code(error, status, capsys):
    assert status == status_of(raising(error))
    assert f"nightwatt: {error}\n" == capsys.readouterr().err


def test_an_interrupt_ends_with_130_and_no_traceback(capsys):
    assert 130 == status_of(raising(KeyboardInterrupt()))
    assert "" == capsys.readouterr().err


def test_a_defect_ends_with_70_one_line_and_its_traceback_in_a_file(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert 70 == status_of(raising(ZeroDivisionError("by\nnought")))
    [line] = capsys.readouterr().err.splitlines()
    [file] = tmp_path.iterdir()
    assert f"nightwatt: internal error, ZeroDivisionError: by; the traceback is in {file}" == line
    assert "Traceback (most recent call last)" in file.read_text()


def test_a_defect_during_a_night_leaves_its_traceback_in_the_nights_journal(capsys, tmp_path):
    (tmp_path / "journal").mkdir()
    error = ZeroDivisionError("x")
    error.night = tmp_path
    assert 70 == status_of(raising(error))
    [file] = (tmp_path / "journal").iterdir()
    assert "ZeroDivisionError: x" in file.read_text()
    assert str(file) in capsys.readouterr().err


def test_typers_own_exit_and_usage_errors_pass():
    with pytest.raises(typer.Exit):
        exits(raising(typer.Exit(4)))()
    with pytest.raises(typer.BadParameter):
        exits(raising(typer.BadParameter("no")))()


def test_a_broken_pipe_that_is_not_standard_output_is_a_defect(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert 70 == status_of(raising(BrokenPipeError("an instrument's pipe")))
    assert "an instrument's pipe" in capfd.readouterr().err


def test_a_reader_that_has_gone_is_no_defect(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        assert 141 == status_of(lambda: print("x", flush=True))
    assert [] == list(Path(tmp_path).iterdir())


@pytest.mark.parametrize("platform", ["linux", "linux2"])
def test_linux_is_served_in_full(platform):
    refuse_platform(platform, "run")


@pytest.mark.parametrize("command", ["plan", "report", "status", "new", "check"])
def test_macos_may_do_what_executes_no_runs(command):
    refuse_platform("darwin", command)


@pytest.mark.parametrize("command", ["run", "resume", "rehearse"])
def test_macos_is_refused_for_what_executes_runs(command):
    with pytest.raises(RefusedError, match=f"on macOS yet, so `nightwatt {command}`"):
        refuse_platform("darwin", command)


@pytest.mark.parametrize(("platform", "name"), [("win32", "Windows"), ("freebsd15", "freebsd15")])
def test_another_system_is_refused_by_its_name(platform, name):
    with pytest.raises(RefusedError, match=f"does not run on {name}"):
        refuse_platform(platform, "report")
