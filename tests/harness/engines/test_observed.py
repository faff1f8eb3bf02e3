"""A night records what the machine was like at both ends, and says what changed."""

import json

import pytest

from harness.conditions import Condition, Worth


@pytest.fixture
def governors(monkeypatch):
    """A function that lets the machine have these governors, one after the other each time it is looked at."""

    def set_to(*values):
        left = iter(values)
        monkeypatch.setattr(
            "harness.engines.changes.look", lambda _cards: (Condition("CPU governor", next(left), Worth.NOTE),)
        )

    return set_to


PROTOCOL = """
title = "A night of one run"
[workload]
command = ["true"]
[design]
blocks = 1
[sensors.simulated]
"""


def executed(tmp_path, capsys):
    from nightwatt.__main__ import main

    file = tmp_path / "one.toml"
    file.write_text(PROTOCOL)
    with pytest.raises(SystemExit):
        main(["run", str(file), "--out", str(tmp_path / "out"), "--no-report"])
    (night,) = (tmp_path / "out").iterdir()
    return json.loads((night / "host.json").read_text()), capsys.readouterr().err


def test_the_conditions_of_both_ends_are_recorded_and_a_change_is_told(governors, tmp_path, capsys):
    governors("performance", "powersave")
    host, said = executed(tmp_path, capsys)
    assert ({"CPU governor": "performance"}, {"CPU governor": "powersave"}) == (
        host["conditions"],
        host["conditions_after"],
    )
    assert "CPU governor: was performance, is now powersave: changed while the night went on" in " ".join(said.split())


def test_a_machine_that_stayed_as_it_was_is_not_spoken_of(governors, tmp_path, capsys):
    governors("performance", "performance")
    _, said = executed(tmp_path, capsys)
    assert "governor" not in said
