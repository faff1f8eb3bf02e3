"""The protocol that a command is asked for: countries are refused before the night, not in the report."""

import subprocess
import sys

import pytest

from harness.errors import ProtocolError
from nightwatt.asked import read

BASE = 'title = "t"\n[workload]\ncommand = ["true"]\n[sensors.simulated]\n[[analysis.carbon]]\ncountry = '


def test_a_country_without_an_intensity_is_refused_with_its_key_and_remedy(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(f'{BASE}"NLX"\n')
    with pytest.raises(ProtocolError) as refused:
        read(path)
    (problem,) = refused.value.problems
    assert ("analysis.carbon[0].country", "'NLX'") == (problem.key, problem.value)
    assert "NLD (Netherlands)" in problem.remedy


def test_a_country_of_the_table_is_not(tmp_path):
    path = tmp_path / "p.toml"
    path.write_text(f'{BASE}"NLD"\n')
    assert "NLD" == read(path).analysis.carbon[0].country


@pytest.mark.parametrize("command", ["run", "plan", "rehearse", "check"])
def test_every_command_that_takes_a_protocol_refuses_it(tmp_path, command):
    path = tmp_path / "p.toml"
    path.write_text(f'{BASE}"NLX"\n')
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nightwatt", command, str(path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 2 == done.returncode, done.stderr
    assert "no carbon intensity is known for it" in done.stderr
    assert [path] == list(tmp_path.iterdir())
