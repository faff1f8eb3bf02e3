import hashlib
import sys

import pytest

from harness.commands import (
    TemplateError,
    command_line,
    environment,
    missing_programs,
    placeholders,
    render,
    shipped,
    sources,
    values,
)
from harness.errors import UsageError


@pytest.fixture
def folder(tmp_path):
    """A protocol's folder with a scripts folder beside it."""
    protocols = tmp_path / "protocols"
    scripts = tmp_path / "scripts"
    protocols.mkdir()
    scripts.mkdir()
    (scripts / "train.py").write_text("import marks\nfrom layers import conv\nimport os\n")
    (scripts / "marks.py").write_text("")
    (scripts / "layers.py").write_text("import marks\nimport train\n")
    (protocols / "near.py").write_text("print(1)\n")
    (protocols / "run.sh").write_text("#!/bin/sh\n")
    (protocols / "run.sh").chmod(0o755)
    return protocols


def test_placeholders_are_filled_and_doubled_braces_stand_for_braces():
    assert 'w=2 {"a": {2}}' == render('w={width} {{"a": {{{width}}}}}', {"width": "2"})


@pytest.mark.parametrize("template", ["{", "}", "a{b", "{{}", "{a{b}"])
def test_a_lone_brace_is_refused(template):
    with pytest.raises(TemplateError, match="lone"):
        render(template, {"b": "x"})
    with pytest.raises(TemplateError, match="lone"):
        placeholders(template)


def test_an_unknown_placeholder_is_named():
    with pytest.raises(TemplateError) as caught:
        render("{widht}", {"width": "1"})
    assert "widht" == caught.value.name


def test_a_filled_in_value_is_not_filled_again():
    assert "{seed}" == render("{arm}", {"arm": "{seed}", "seed": "7"})


def test_the_warm_up_knows_neither_seed_nor_factors():
    assert {"python": sys.executable, "workloads": str(shipped("workloads"))} == values()


def test_values_hold_seed_and_levels_as_text():
    given = values({"amp": True, "rate": 0.1}, seed=7)
    assert ("true", "0.1", "7") == (given["amp"], given["rate"], given["seed"])


def test_the_environment_is_rendered():
    assert {"PRECISION": "fp16"} == environment({"PRECISION": "{precision}"}, {"precision": "fp16"})


def test_relative_paths_are_looked_for_in_the_protocols_folder_and_then_in_its_parent(folder):
    line = command_line(["./run.sh", "near.py", "scripts/train.py", "absent/x.py", "near"], {}, folder)
    expected = (
        str(folder / "./run.sh"),
        str(folder / "near.py"),
        str(folder.parent / "scripts/train.py"),
        "absent/x.py",
        "near",
    )
    assert expected == line


def test_a_plain_word_is_not_taken_for_a_folder_of_the_same_name(folder):
    (folder / "digits").mkdir()
    assert "digits" == command_line(["true", "--dataset", "digits"], {}, folder)[2]


def test_a_program_without_a_slash_is_found_on_path(folder):
    assert command_line(["true"], {}, folder)[0].endswith("/true")


def test_nothing_is_missing_of_a_command_that_is_whole(folder):
    for command in (
        ["{python}", "near.py"],
        ["{python}", "-m", "json.tool"],
        ["sh", "-x", "run.sh", "a"],
        ["./run.sh"],
    ):
        assert [] == list(missing_programs(command, values(), folder))


@pytest.mark.parametrize(
    ("command", "element", "what"),
    [
        (["no-such-program-here"], "no-such-program-here", "no such program on PATH"),
        (["./absent"], "./absent", "no such file"),
        (["./near.py"], "near.py", "this file is not executable"),
        (["{python}", "-u", "scripts/trian.py"], "scripts/trian.py", "no such file"),
        (["{python}", "-W", "ignore", "absent.py"], "absent.py", "no such file"),
        (["{python}", "./"], "./", "this is a folder"),
        (["env", "{workloads}/absent.py"], "absent.py", "no such file"),
    ],
)
def test_what_is_missing_of_a_command_is_named(folder, command, element, what):
    (missing,) = missing_programs(command, values(), folder)
    assert what == missing.what
    assert missing.element.rstrip("/").endswith(element.strip("./"))
    assert missing.remedy


def test_the_remedy_for_a_misspelt_script_names_the_nearest_file(folder):
    (missing,) = missing_programs(["{python}", "scripts/trian.py"], {"python": sys.executable}, folder)
    assert "did you mean 'train.py'?" == missing.remedy


def test_sources_are_the_scripts_and_the_modules_beside_them_that_they_import(folder):
    found = sources([["{python}", "scripts/train.py", "--data", "near.py"]], [values()], folder)
    assert ["near.py", "layers.py", "marks.py", "train.py"] == [source.copied_as for source in found]
    assert hashlib.sha256(b"print(1)\n").hexdigest() == found[0].sha256


def test_sources_leave_out_programs_on_path_and_the_interpreter(folder):
    assert () == sources([["true", "a"], ["{python}", "-c", "1"]], [values()], folder)


def test_a_script_that_is_the_program_itself_is_a_source(folder):
    assert ["run.sh"] == [source.copied_as for source in sources([["./run.sh"]], [values()], folder)]


def test_sources_of_the_same_name_are_copied_under_different_names(folder):
    (folder / "train.py").write_text("print(2)\n")
    found = sources([["{python}", "train.py"], ["{python}", "scripts/train.py"]], [values()], folder)
    names = [source.copied_as for source in found]
    assert len(set(names)) == len(names)
    assert 2 == sum(name.endswith("train.py") for name in names)


def test_a_script_for_each_level_is_a_source(folder):
    (folder / "a.py").write_text("")
    (folder / "b.py").write_text("")
    fillings = [values({"model": "a"}, 0), values({"model": "b"}, 0)]
    assert ["a.py", "b.py"] == [s.copied_as for s in sources([["{python}", "./{model}.py"]], fillings, folder)]


def test_a_script_that_vanished_is_a_usage_error(folder, monkeypatch):
    monkeypatch.setattr("pathlib.Path.read_bytes", lambda path: (_ for _ in ()).throw(PermissionError(13, "denied")))
    with pytest.raises(UsageError, match="cannot read"):
        sources([["{python}", "near.py"]], [values()], folder)


def test_the_shipped_workloads_are_found():
    assert (shipped("workloads") / "marks.py").is_file()
