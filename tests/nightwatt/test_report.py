"""``nightwatt report``: the answer on standard output, the right exit code for what it cannot do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from analysis.findings import Caution
from harness.errors import ExitCode
from nightwatt.__main__ import main


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return ended.value.code or 0, said.out, said.err


def test_the_headline_and_the_path_go_to_standard_output(monkeypatch, capsys, tmp_path):
    import analysis.report

    asked = []

    def write_report(folder, out):
        asked.append((folder, out))
        findings = SimpleNamespace(first_line="REHEARSAL", headline="0.9 × less", headline_all="", cautions=())
        return SimpleNamespace(index=tmp_path / "report" / "index.html", findings=findings)

    monkeypatch.setattr(analysis.report, "write_report", write_report)
    code, out, err = run(capsys, "report", tmp_path, "--out", tmp_path / "there")
    assert ExitCode.DONE == code
    assert ["REHEARSAL", "0.9 × less", str(tmp_path / "report" / "index.html")] == out.splitlines()
    assert "" == err
    assert [(tmp_path, tmp_path / "there")] == asked


def test_a_damaged_run_is_told_on_standard_error_and_by_the_exit_code(monkeypatch, capsys, tmp_path):
    import analysis.report

    cautions = (
        Caution("damaged-run", "runs/b01-1-a1-a is left out: its run.json is damaged.", "Nothing was deleted."),
        Caution("few-runs", "Only 2 runs."),
    )
    findings = SimpleNamespace(first_line="", headline="0.9 × less", headline_all="", cautions=cautions)
    written = SimpleNamespace(index=tmp_path / "index.html", findings=findings)
    monkeypatch.setattr(analysis.report, "write_report", lambda folder, out: written)
    code, out, err = run(capsys, "report", tmp_path)
    assert ExitCode.UNFINISHED == code
    assert ["0.9 × less", str(tmp_path / "index.html")] == out.splitlines()
    assert "nightwatt: runs/b01-1-a1-a is left out: its run.json is damaged. Nothing was deleted.\n" == err


def test_the_report_of_several_nights_needs_a_folder_of_its_own(capsys, tmp_path):
    code, out, err = run(capsys, "report", tmp_path, tmp_path)
    assert (ExitCode.USAGE, "") == (code, out)
    assert "--out" in err


def test_several_nights_are_joined(monkeypatch, capsys, tmp_path):
    import analysis.report

    asked = []

    def write_joined_report(folders, out):
        asked.append((folders, out))
        findings = SimpleNamespace(first_line="", headline="0.9 × less", headline_all="", cautions=())
        return SimpleNamespace(index=out / "index.html", findings=findings)

    monkeypatch.setattr(analysis.report, "write_joined_report", write_joined_report)
    code, out, err = run(capsys, "report", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "c")
    assert (ExitCode.DONE, "") == (code, err)
    assert ["0.9 × less", str(tmp_path / "c" / "index.html")] == out.splitlines()
    assert [([tmp_path / "a", tmp_path / "b"], tmp_path / "c")] == asked


def test_a_folder_that_is_no_night_is_refused_in_words(capsys, tmp_path):
    code, out, err = run(capsys, "report", tmp_path)
    assert ExitCode.USAGE == code
    assert "" == out
    assert "not a night" in err
    assert "Traceback" not in err
