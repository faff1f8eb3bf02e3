"""The guide to clusters: its examples are protocols, and its words those of the program."""

import re
import tomllib
from pathlib import Path

import pytest

from harness.protocol_engine import Engine

GUIDE = (Path(__file__).parents[3] / "docs" / "cluster.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_is_an_engine_that_a_protocol_may_have(text):
    engine = tomllib.loads(text)["engine"]
    slurm = {key: tuple(item) if isinstance(item, list) else item for key, item in engine["slurm"].items()}
    assert Engine.model_validate({"slurm": slurm}).slurm is not None


def test_there_is_a_site_s_worth_of_them():
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(
    "refused",
    [{"extra": ("--array=3",)}, {"extra": ("-p", "x")}, {"extra": ("account",)}, {"time": "soon"}, {"time": "0:30"},
     {"nodes": {"a": "n1", "b": "n2"}}, {"nodes": {"a": "nodelist=n1"}}, {"partition": 'a"b'}, {"at_most": 0},
     {"setup": ("one\ntwo",)}],
)  # fmt: skip
def test_what_would_not_be_a_batch_script_is_refused(refused):
    with pytest.raises(ValueError, match=r"validation errors? for Engine"):
        Engine.model_validate({"slurm": refused})
