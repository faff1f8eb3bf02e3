import copy

import pytest

from harness.protocol_checks import check
from harness.protocol_model import Protocol

SOUND = {
    "title": "t",
    "workload": {"command": ("{python}", "train.py", "{width}"), "env": {"PRECISION": "{precision}"}},
    "factors": {"width": (1, 2), "precision": ("float32", "amp")},
    "sensors": {"simulated": {}},
}


@pytest.fixture
def found(tmp_path):
    """The problems of SOUND with some keys changed (dotted key -> value), by key."""
    (tmp_path / "train.py").write_text("print(1)\n")

    def problems(changes):
        body = copy.deepcopy(SOUND)
        for key, value in changes.items():
            *parents, last = key.split(".")
            inner = body
            for parent in parents:
                inner = inner.setdefault(parent, {})
            inner[last] = value
        return {problem.key: problem for problem in check(Protocol.model_validate(body), tmp_path)}

    return problems


def test_nothing_is_wrong_with_a_sound_protocol(found):
    assert {} == found({})


@pytest.mark.parametrize(
    ("changes", "key", "what", "remedy"),
    [
        ({"workload.env": {"P": "{precison}"}}, "workload.env.P", "unknown placeholder {precison}", "{precision}"),
        ({"prepare": {"command": ("true", "{x")}}, "prepare.command[1]", "a lone '{'", "{{"),
        ({"cleanup": {"command": ("true", "{}")}}, "cleanup.command[1]", "unknown placeholder {}", "known here"),
        (
            {"warmup": {"command": ("{python}", "train.py", "{seed}"), "duration_s": 1.0}},
            "warmup.command[2]",
            "the warm-up cannot know {seed}",
            "warmup.runs",
        ),
        (
            {"warmup": {"command": ("{python}", "train.py", "{width}"), "duration_s": 1.0}},
            "warmup.command[2]",
            "the warm-up cannot know {width}",
            "warmup.runs",
        ),
        ({"workload.env": {}}, "factors.precision", "this factor is used nowhere", "design.labels"),
        ({"design": {"labels": ("arm",)}}, "design.labels", "'arm' is no factor", "known here: 'width'"),
        ({"design": {"labels": ("width",)}}, "design.labels", "the label 'width' changes the command", "take it out"),
        ({"factors.width": (1, 1)}, "factors.width", "the level '1' stands there more than once", "design.blocks"),
        ({"factors.width": (1, "1")}, "factors.width", "the level '1' stands there more than once", "design.blocks"),
        ({"factors.width": ("a\nb",)}, "factors.width", "the level 'a\\nb' has a character", ""),
        ({"factors.batch-size": (1,)}, "factors.batch-size", "a factor's name holds", "batch_size"),
        ({"factors.seed": (1,)}, "factors.seed", "this name is reserved", "another name"),
        ({"exclude": ({"widht": 1},)}, "exclude[0].widht", "no such factor", "'width'"),
        ({"exclude": ({"width": 3},)}, "exclude[0].width", "the factor has no such level", "'1'"),
        ({"exclude": ({},)}, "exclude[0]", "it names no factor", "name the levels"),
        ({"exclude": ({"width": 1}, {"width": 2})}, "exclude", "it leaves no configuration", "fewer"),
        ({"analysis": {"baseline": "float32"}}, "analysis.baseline", "no configuration has this name", "known here"),
        (
            {"analysis": {"baseline": "width=1,precision=float23"}},
            "analysis.baseline",
            "no configuration has this name",
            "did you mean 'width=1,precision=float32'?",
        ),
        (
            {"analysis": {"equivalence": {"metric": "energy", "margin": 1.0}}},
            "analysis.equivalence.metric",
            "equivalence is shown for a metric that the workload reports",
            "accuracy",
        ),
        ({"analysis": {"energy": ("gpu0", "gpu0")}}, "analysis.energy", "'gpu0' stands there twice", "once"),
        ({"analysis": {"energy": ("gpu0", "wall")}}, "analysis.energy", "gpu0 lies within wall", "leave out"),
        ({"analysis": {"energy": ("module-0", "cpu")}}, "analysis.energy", "module-0 and cpu overlap", "leave out"),
        (
            {"sensors": {"nvml": {}}, "analysis": {"prefer": ("nvml", "nvml")}},
            *("analysis.prefer", "'nvml' stands there twice", "once"),
        ),
        (
            {"sensors": {"nvml": {}}, "analysis": {"prefer": ("nvlm",)}},
            *("analysis.prefer", "'nvlm' is no sensor or instrument", "'nvml'"),
        ),
        (
            {"sensors": {"nvml": {}, "machine": {}}, "analysis": {"prefer": ("machine",)}},
            *("analysis.prefer", "'machine' reads no energy", "nvml"),
        ),
        ({"analysis": {"metric": " "}}, "analysis.metric", "must not be empty", ""),
        ({"title": " "}, "title", "must not be empty", ""),
        ({"cooldown": {"minimum_s": 9, "maximum_s": 5}}, "cooldown.maximum_s", "shorter than the minimum", "at least"),
        (
            {"cooldown": {"minimum_s": 1000, "until": "temperature"}},
            "cooldown.maximum_s",
            "shorter than the minimum",
            "at least",
        ),
        ({"warmup": {"command": ("true",)}}, "warmup.duration_s", "warmup.command is given, but no time", "duration_s"),
        ({"warmup": {"duration_s": 5.0}}, "warmup.command", "5 s of warm-up, but no command", "burn.py"),
        ({"warmup": {}}, "warmup", "it asks for nothing", "leave it out"),
        ({"sensors": {"machine": {}}}, "sensors", "nothing in this protocol measures energy", "fallback"),
        (
            {"sensors": {"rapl": {}}, "cooldown": {"until": "temperature"}},
            "cooldown.until",
            "no sensor of this protocol reads a temperature",
            "sensors.machine",
        ),
        (
            {"sensors": {"constant": {"power_W": 70.0, "domain": "wall, 230 V"}}},
            *("sensors.constant.domain", "no domain can be called so", "letters, digits"),
        ),
        (
            {"sensors": {"simulated": {"domains": ("gpu0", "gpu0.power")}}},
            *("sensors.simulated.domains", "no domain can be called so", "gpu0"),
        ),
        (
            {"sensors": {"load_model": {"idle_W": 50.0, "full_W": 20.0}}},
            *("sensors.load_model.full_W", "below idle_W of 50 W", "full load"),
        ),
        (
            {"sensors": {"rapl": {}, "required": ("nvml",)}},
            "sensors.required",
            "'nvml' is no sensor of this protocol",
            "'rapl'",
        ),
        (
            {"workload.env": {"NIGHTWATT_MARKS": "{precision}"}},
            "workload.env.NIGHTWATT_MARKS",
            "nightwatt sets this variable",
            "leave it out",
        ),
        ({"workload.env": {"A=B": "{precision}"}}, "workload.env.A=B", "no environment variable", ""),
        ({"workload.command": ("", "{width}")}, "workload.command[0]", "the program's name is empty", ""),
        ({"workload.command": ("{python}", "trian.py", "{width}")}, "workload.command", "no such file", "train.py"),
        ({"prepare": {"command": ("no-such-program",)}}, "prepare.command", "no such program on PATH", "install"),
        ({"factors.width": tuple(range(9000))}, "factors", "18000 configurations are too many", ""),
        ({"design": {"blocks": 100_000}, "factors.width": tuple(range(9))}, "design.blocks", "1800000 runs", ""),
    ],
)
def test_what_makes_no_sense_is_named_with_key_and_remedy(found, changes, key, what, remedy):
    problem = found(changes)[key]
    assert problem.what.startswith(what)
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"workload.env": {}, "design": {"labels": ("precision",)}},
        {"workload.env": {}, "prepare": {"command": ("true", "{precision}")}},
        {"workload.env": {}, "cleanup": {"command": ("true", "{precision}")}},
        {"analysis": {"baseline": "width=1,precision=amp"}},
        {"factors": {"width": (1, 2)}, "workload.env": {}, "analysis": {"baseline": 2}},
        {"cooldown": {"minimum_s": 1000}},
        {"warmup": {"runs": 1}},
        {"warmup": {"runs": 0}},
        {"warmup": {"command": ("true",), "duration_s": 1.0, "runs": 1}},
        {"exclude": ({"width": "1", "precision": "amp"},)},
        {"sensors": {"machine": {}}, "analysis": {"metric": "duration"}},
        {"sensors": {"machine": {}, "fallback": "load_model"}},
        {"workload.env": {"P": "{{literal}} {precision}"}},
    ],
)
def test_what_makes_sense_is_accepted(found, changes):
    assert {} == found(changes)


def test_what_is_missing_is_named_once_however_many_configurations_need_it(tmp_path):
    for script, count in (("absent.py", 1), ("absent_{width}.py", 2)):
        command = ("{python}", script, "{width}", "{precision}")
        protocol = Protocol.model_validate(SOUND | {"workload": {"command": command}})
        assert count == len(check(protocol, tmp_path))


def test_huge_crossings_are_refused_without_being_made(found):
    factors = {f"f{index}": tuple(range(10)) for index in range(30)}
    assert "configurations are too many" in found({"factors": factors})["factors"].what
