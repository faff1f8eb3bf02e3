import contextlib
import os
import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.errors import ExitCode, ProtocolError, UsageError
from harness.protocol import find, from_json, parse_overrides, read, shipped
from harness.protocol_refusals import known_keys, shown

SOUND = """
title = "A sound protocol"

[workload]
command = ["{python}", "train.py", "--width", "{width}", "--seed", "{seed}"]
env = {PRECISION = "{precision}"}

[factors]
width = [1, 2]
precision = ["float32", "amp"]

[sensors.simulated]
"""


@pytest.fixture
def write(tmp_path):
    """Write a protocol, with a script beside it that its command may name; gives the file."""
    (tmp_path / "train.py").write_text("print(1)\n")

    def written(text):
        file = tmp_path / "study.toml"
        file.write_text(text)
        return file

    return written


@pytest.fixture
def problems(write):
    """The problems of a protocol, by key."""

    def found(text, overrides=None):
        with pytest.raises(ProtocolError) as caught:
            read(write(text), overrides)
        assert ExitCode.USAGE == caught.value.exit_code
        return {problem.key: problem for problem in caught.value.problems}

    return found


def test_a_sound_protocol_is_read_with_its_defaults(write):
    protocol = read(write(SOUND))
    assert "A sound protocol" == protocol.title
    assert (1, 2) == protocol.factors["width"]
    assert "blocks" == protocol.design.order
    assert protocol.cooldown is None


def test_what_is_read_survives_json(write):
    protocol = read(write(SOUND))
    assert protocol == from_json(protocol.to_json())


def test_a_plan_with_a_foreign_protocol_is_a_usage_error():
    with pytest.raises(UsageError, match="cannot be read"):
        from_json({"title": 3})


def test_all_problems_come_at_once(problems):
    found = problems(
        """
        titel = "x"
        [workload]
        command = ["{python}", "train.py", "{widht}"]
        timeout_s = "long"
        [factors]
        width = [1, 1]
        [design]
        blocs = 3
        order = "block"
        [night]
        ends_at = "7.30"
        [sensors.constant]
        [analysis]
        equivalence = {metric = "energy", margin = 1}
        [cooldown]
        minimum_s = 100
        maximum_s = 10
        """
    )
    assert {
        "titel",
        "title",
        "workload.timeout_s",
        "workload.command[2]",
        "factors.width",
        "design.blocs",
        "design.order",
        "night.ends_at",
        "sensors.constant.power_W",
        "analysis.equivalence.metric",
        "cooldown.maximum_s",
    } == set(found)


def test_the_refusal_names_file_key_value_and_remedy(write):
    file = write(SOUND + "[design]\nblocs = 3\n")
    with pytest.raises(ProtocolError) as caught:
        read(file)
    message = str(caught.value)
    for part in (str(file), "design.blocs", "3", "unknown key", 'did you mean "design.blocks"?'):
        assert part in message


@pytest.mark.parametrize(
    ("text", "key", "remedy"),
    [
        ("[desing]\nblocks = 2", "desing", 'did you mean "design"?'),
        ("[night]\nattemps = 2", "night.attemps", 'did you mean "night.attempts"?'),
        ("[night]\nband_C = 2", "night.band_C", 'did you mean "cooldown.band_C"?'),
        ("[sensors.nvidia]", "sensors.nvidia", "known here: constant, fallback"),
        ("[sensors.meter]\nkind = 'shelly'\nurls = 'x'", "sensors.meter.urls", 'did you mean "sensors.meter.url"?'),
        (
            "[[sensors.meter]]\nkind = 'shelly'\nurls = 'x'",
            "sensors.meter[0].urls",
            'did you mean "sensors.meter.url"?',
        ),
        ("[analysis.outliers]\nz = 3", "analysis.outliers.z", "known here: ddof, metric, rule, threshold"),
    ],
)
def test_an_unknown_key_is_met_with_the_nearest_known_one(problems, text, key, remedy):
    problem = problems(SOUND + text)[key]
    assert "unknown key" == problem.what
    assert problem.remedy.startswith(remedy)


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("[design]\nblocks = '3'", "design.blocks", "must be a whole number"),
        ("[design]\nblocks = 3.5", "design.blocks", "must be a whole number"),
        ("[design]\nblocks = true", "design.blocks", "must be a whole number"),
        ("[design]\nblocks = 0", "design.blocks", "must be at least 1"),
        ("[design]\nlabels = 'width'", "design.labels", "must be an array, as in [1, 2]"),
        ("[design]\norder = 'block'", "design.order", 'must be "blocks", "shuffle", "latin" or "listed"'),
        ("[cooldown]\nminimum_s = inf", "cooldown.minimum_s", "must be a finite number"),
        ("[cooldown]\nminimum_s = -1", "cooldown.minimum_s", "must be at least 0"),
        ("[cooldown]\nband_C = 0", "cooldown.band_C", "must be > 0"),
        ("[analysis]\nalpha = 0.5", "analysis.alpha", "must be < 0.5"),
        ("[[exclude]]\nwidth = [1]", "exclude[0].width", "must be a string, a number, or true or false"),
        ("[prepare]\ntimeout_s = 3", "prepare.command", "missing"),
        ("[analysis]\nequivalence = 0.02", "analysis.equivalence", "must be a table (a section of its own)"),
    ],
)
def test_a_wrong_value_is_refused_with_its_key(problems, text, key, what):
    assert what == problems(SOUND + text)[key].what


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("[sensors.constant]\npower_W = 'x'", "sensors.constant.power_W"),
        ("[sensors.meter]\nkind = 'x'\nurl = 'h'", "sensors.meter.kind"),
        ("[analysis]\nequivalence = {metric = 'accuracy', margin = -1}", "analysis.equivalence.margin"),
    ],
)
def test_a_required_key_of_a_bad_value_is_not_told_to_be_missing_too(problems, text, key):
    assert [key] == list(problems(SOUND + text))


METER = "kind = 'shelly'\nurl = 'http://192.0.2.7'\n"


def test_one_meter_is_a_table_and_two_are_an_array_of_tables(write):
    one = read(write(f"{SOUND}[sensors.meter]\n{METER}"))
    two = read(write(f"{SOUND}[[sensors.meter]]\n{METER}domain = 'wall-1'\n[[sensors.meter]]\n{METER}"))
    assert ["wall"] == [meter.domain for meter in one.sensors.meter]
    assert ["wall-1", "wall"] == [meter.domain for meter in two.sensors.meter]
    assert (one, two) == (from_json(one.to_json()), from_json(two.to_json()))


@pytest.mark.parametrize(
    ("text", "key", "what", "remedy"),
    [
        ("[sensors.meter]\nurl = 'x'", "sensors.meter.kind", "missing", "add kind = … to [sensors.meter]"),
        ("[[sensors.meter]]\nurl = 'x'", "sensors.meter[0].kind", "missing", "add kind = … to [sensors.meter]"),
        (
            f"[[sensors.meter]]\n{METER}timeout_s = 99",
            "sensors.meter[0].timeout_s",
            "must be at most 10",
            "leave it out for the default, 1.0",
        ),
        (
            f"[sensors.meter]\n{METER}timeout_s = 99",
            "sensors.meter.timeout_s",
            "must be at most 10",
            "leave it out for the default, 1.0",
        ),
        ("[sensors]\nmeter = []", "sensors.meter", "must not be empty", "name a meter, or leave the section out"),
        ("[sensors]\nmeter = 'x'", "sensors.meter", "must be an array, as in [1, 2]", 'write ["x"]'),
    ],
)
def test_a_meter_is_refused_by_its_key_in_a_table_and_in_an_array(problems, text, key, what, remedy):
    found = problems(SOUND.replace("[sensors.simulated]", "") + text)
    assert [key] == [name for name in found if name != "sensors"]
    assert (what, remedy) == (found[key].what, found[key].remedy)


def test_a_factor_must_be_an_array(problems):
    problem = problems(SOUND.replace("width = [1, 2]", "width = 1"))["factors.width"]
    assert ("must be an array, as in [1, 2]", "write [1]") == (problem.what, problem.remedy)


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        ("python crash.py --note 'two words' {width}", '["python", "crash.py", "--note", "two words", "{width}"]'),
        ("sh -c 'never closed", """["sh -c 'never closed"]"""),
        ("", '[""]'),
        ("a " * 100, "[" + ", ".join(['"a"'] * 100) + "]"),
    ],
)
def test_a_command_that_is_a_line_is_shown_as_its_words_whole(problems, command, remedy):
    found = problems(SOUND + f'[warmup]\ncommand = "{command}"\n')["warmup.command"]
    assert ("must be an array, as in [1, 2]", f"write {remedy}") == (found.what, found.remedy)


def test_a_missing_section_is_asked_for_as_one_with_what_it_needs(problems):
    found = problems("")
    assert "add the section [workload] with command = …" == found["workload"].remedy
    assert "add title = … above the first section" == found["title"].remedy


def test_a_long_value_is_shortened_and_shown_as_toml():
    assert '{a = [1, true, "x"]}' == shown({"a": [1, True, "x"]})
    assert 80 == len(shown("x" * 500))


def test_an_empty_factor_is_refused(problems):
    assert "must not be empty" == problems(SOUND.replace("[1, 2]", "[]"))["factors.width"].what


@pytest.mark.parametrize(
    ("text", "line", "remedy"),
    [
        ("title = x", "line 1", "quotation marks"),
        ('title = "x"\n\n[design\nblocks = 3', "line 3", "section"),
        ("title = 'x'\ntitle = 'y'", "line 2", "twice"),
        ("title 'x'", "line 1", "key = value"),
        ("a = 'x' b = 2", "line 1", "one key on each line"),
        ("a = [1, 2", "line 1", "]"),
        ('a = "\\d"', "line 1", "backslash"),
    ],
)
def test_a_syntax_error_names_its_line_and_a_remedy(problems, text, line, remedy):
    (problem,) = problems(text).values()
    assert line == problem.key
    assert "not TOML" in problem.what
    assert remedy in problem.remedy or "toml.io" in problem.remedy


def test_a_file_that_is_absent_is_refused(tmp_path):
    with pytest.raises(ProtocolError, match="1 problem") as caught:
        read(tmp_path / "absent.toml")
    assert "No such file" in str(caught.value)


def test_a_folder_is_no_protocol(tmp_path):
    with pytest.raises(ProtocolError, match="1 problem"):
        read(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_rights_is_refused(write):
    file = write(SOUND)
    file.chmod(0)
    with pytest.raises(ProtocolError) as caught:
        read(file)
    assert "Permission denied" in str(caught.value)


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(write):
    file = write(SOUND)
    file.write_bytes(b'title = "x"\n# caf\xe9\n')
    with pytest.raises(ProtocolError) as caught:
        read(file)
    assert ["line 2"] == [problem.key for problem in caught.value.problems]
    assert "UTF-8" in str(caught.value)


def test_a_byte_order_mark_is_passed_over(write):
    file = write(SOUND)
    file.write_bytes(b"\xef\xbb\xbf" + SOUND.encode())
    assert "A sound protocol" == read(file).title


def test_an_endless_file_is_refused(write):
    file = write("#" * 2_000_000)
    with pytest.raises(ProtocolError, match="1 problem"):
        read(file)


def test_overrides_are_laid_over_the_file(write):
    overrides = parse_overrides(
        ["design.blocks=2", "factors.width=[2, 3]", "design.order=latin", "cooldown.minimum_s=5"]
    )
    protocol = read(write(SOUND), overrides)
    assert (2, (2, 3), "latin", 5.0) == (
        protocol.design.blocks,
        protocol.factors["width"],
        protocol.design.order,
        protocol.cooldown.minimum_s,
    )
    assert ["width", "precision"] == list(protocol.factors)


def test_an_override_may_be_any_toml_value_or_a_bare_word():
    texts = ["a=1", "b = 1.5", "c=true", 'd="x=y"', "e=float32", "f={rule='z'}", "g=a b", "h=['a', 'b']"]
    expected = {"a": 1, "b": 1.5, "c": True, "d": "x=y", "e": "float32", "f": {"rule": "z"}, "g": "a b"}
    assert expected | {"h": ["a", "b"]} == parse_overrides(texts)


@pytest.mark.parametrize("text", ["", "a", "a=", "=1", "a..b=1", "a b=1", "a=[1", 'a="x', "a={", "a=1\nb=2", "a.=1"])
def test_an_override_that_cannot_be_read_is_a_usage_error(text):
    with pytest.raises(UsageError, match="--set") as caught:
        parse_overrides([text])
    assert caught.value.remedy


def test_an_override_that_begins_with_a_placeholder_is_a_string():
    assert {"workload.env.A": "{width}", "b": "{width}-x"} == parse_overrides(["workload.env.A={width}", "b={width}-x"])


def test_a_value_out_of_range_is_told_the_default(problems):
    problem = problems(SOUND, {"design.blocks": 0})["design.blocks"]
    assert ("must be at least 1 (from --set)", "leave it out for the default, 10") == (problem.what, problem.remedy)


def test_an_override_of_an_unknown_key_is_refused_and_signed(problems):
    problem = problems(SOUND, {"design.blocs": 2})["design.blocs"]
    assert "unknown key (from --set)" == problem.what
    assert 'did you mean "design.blocks"?' == problem.remedy


def test_an_override_inside_something_that_is_no_section_is_refused(problems):
    problem = problems(SOUND, {"title.x": 2})["title.x"]
    assert problem.what.startswith("title is no section")


def test_the_remedy_for_an_override_inside_a_value_names_its_whole_key(problems):
    problem = problems(SOUND, {"workload.env.PRECISION.x": 2})["workload.env.PRECISION.x"]
    assert "give PRECISION whole, as in --set 'workload.env.PRECISION=…'" == problem.remedy


def test_overrides_are_not_changed_by_reading(write):
    overrides = {"factors": {"width": [3], "precision": ["amp"]}, "factors.width": [4]}
    assert (4,) == read(write(SOUND), overrides).factors["width"]
    assert {"factors": {"width": [3], "precision": ["amp"]}, "factors.width": [4]} == overrides


KEYS = [*known_keys(), "factors.width", "factors.x-y", "workload.env.A", "sensors.nvml.x", "y", "exclude"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text("{}az/\n\0", max_size=4) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["width", "runs", "a", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(overrides=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6))
def test_whatever_stands_in_a_protocol_is_read_or_refused_in_words(write, overrides):
    with contextlib.suppress(ProtocolError):
        assert read(write(SOUND), overrides).title


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=60) | st.text("[]={}\"'\n#. ab1", max_size=60).map(str.encode))
def test_whatever_bytes_a_file_holds_are_refused_in_words(write, body):
    file = write(SOUND)
    file.write_bytes(body)
    with pytest.raises(ProtocolError):
        read(file)


def test_a_path_is_found_as_it_stands(write):
    file = write(SOUND)
    assert file == find(file)


def test_a_shipped_protocol_is_found_by_name():
    assert shipped("protocols") / "demo.toml" == find("demo") == find("demo.toml")


def test_a_folder_of_that_name_does_not_hide_a_shipped_protocol(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    assert shipped("protocols") / "demo.toml" == find("demo")


def test_an_unknown_name_is_met_with_the_nearest_one():
    with pytest.raises(UsageError) as caught:
        find("dmeo")
    assert "did you mean 'demo'?" == caught.value.remedy


def test_a_path_that_is_absent_is_not_searched_among_the_shipped_ones(tmp_path):
    with pytest.raises(UsageError, match="no protocol"):
        find(tmp_path / "demo.toml")


def test_reading_a_protocol_loads_nothing_heavy():
    import subprocess

    code = (
        "import sys, harness.protocol; print(sorted({'numpy', 'pandas', 'scipy', 'rich', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()
