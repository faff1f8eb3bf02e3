"""What a protocol may say of gates and judge, and what it may not."""

import pytest

from harness.errors import ProtocolError
from harness.protocol import from_json, read
from harness.protocol_gates import DiskLimit, Gates, LoadLimit, VerdictRule
from harness.verdicts import KINDS, Cause

HEAD = 'title = "x"\n[workload]\ncommand = ["true"]\n[sensors.simulated]\n'


@pytest.fixture
def protocol(tmp_path):
    def make(text):
        file = tmp_path / "x.toml"
        file.write_text(HEAD + text)
        return read(file)

    return make


@pytest.fixture
def problems(protocol):
    def make(text):
        with pytest.raises(ProtocolError) as caught:
            protocol(text)
        return {problem.key: problem for problem in caught.value.problems}

    return make


def test_a_section_left_out_means_none_of_it(protocol):
    assert (None, {}) == (protocol("").gates, protocol("").judge)


def test_the_section_alone_asks_every_gate(protocol):
    gates = protocol("[gates]").gates
    assert Gates() == gates
    assert all(getattr(gates, name) is not None for name in Gates.model_fields)


def test_a_gate_is_turned_off_by_false_and_asked_as_it_is_by_true(protocol):
    gates = protocol("[gates]\nswap = false\ndisk = true\nload = {cores = 2}").gates
    assert (None, DiskLimit(), LoadLimit(cores=2.0)) == (gates.swap, gates.disk, gates.load)


def test_gates_and_rules_come_back_from_a_plan_as_they_were(protocol):
    asked = protocol("[gates]\nswap = false\n[judge]\ngap = 'warning'\nlate_ticks = 0.1")
    assert asked == from_json(asked.to_json())


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('gap = "warning"', VerdictRule(level="warning")),
        ("gap = 3", VerdictRule(limit=3.0)),
        ('gap = {limit = 2.5, level = "information"}', VerdictRule(level="information", limit=2.5)),
    ],
)
def test_a_verdict_is_moved_by_a_level_a_limit_or_both(protocol, text, rule):
    assert {"gap": rule} == protocol(f"[judge]\n{text}").judge


@pytest.mark.parametrize(
    ("text", "key", "what", "remedy"),
    [
        ('[judge]\ngpa = "warning"', "judge.gpa", "no verdict of this name", "did you mean 'gap'?"),
        ('[judge]\nqqqqqq = "warning"', "judge.qqqqqq", "no verdict of this name", "README"),
        ('[judge]\nrefused = "warning"', "judge.refused", "cannot be moved", "leave it out"),
        ('[judge]\nlost_instrument = "warning"', "judge.lost_instrument", "cannot be moved", "night.lost_instrument"),
        ("[judge]\ngap = {}", "judge.gap", "moves nothing", "level or a limit"),
        ("[judge]\ntorn_samples = 3", "judge.torn_samples", "has no limit", "level only"),
        ("[judge]\ngap = -1", "judge.gap", "at least 0", ""),
        ('[judge]\ngap = "grave"', "judge.gap", "must be", ""),
        ("[judge]\ngap = {levl = 'warning'}", "judge.gap.levl", "unknown key", 'did you mean "judge.gap.level"?'),
        ("[gates]\nload = {core = 1}", "gates.load.core", "unknown key", 'did you mean "gates.load.cores"?'),
        ("[gates]\nswap = 3", "gates.swap", "must be a table", ""),
        ("[gates]\ndisk = {budget_s = 0}", "gates.disk.budget_s", "must be > 0", ""),
        ("[cooldown.reheat]\ncommand = ['true']", "cooldown.reheat", "looks at the temperature", "until"),
        ("[cooldown]\nover_budget = 'start'", "cooldown.over_budget", "looks at the temperature", "until"),
        ("[cooldown]\nuntil = 'temperature'\nreheat = {command = ['/no/burn']}", "cooldown.reheat.command",
         "no such file", ""),
        ("[cooldown]\nuntil = 'temperature'\nreheat = {command = ['true', '{x}']}", "cooldown.reheat.command[1]",
         "unknown placeholder", ""),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_a_remedy(problems, text, key, what, remedy):
    problem = problems(text)[key]
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.cause is Cause.OUTCOME])
def test_no_outcome_ever_becomes_a_reason_to_repeat_a_run(problems, protocol, name):
    assert "survivorship bias" in problems(f'[judge]\n{name} = "invalid"')[f"judge.{name}"].what
    assert protocol(f'[judge]\n{name} = "information"').judge


def test_every_verdict_is_in_the_readme_with_its_level():
    from pathlib import Path

    readme = (Path(__file__).parents[2] / "protocols/README.md").read_text(encoding="utf-8")
    for name, kind in KINDS.items():
        if kind.fixed:
            assert f"`{name}`" in readme
        else:
            assert f"| {name} | {kind.cause} | {kind.level} | " in readme
            assert f"| {kind.meaning} |" in readme
