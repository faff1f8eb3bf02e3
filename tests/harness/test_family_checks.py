"""What a protocol says of its comparisons within cells, and of a ratio as what is compared."""

import pytest

from harness.errors import ProtocolError
from harness.judge import named_metrics
from harness.protocol import read

BODY = """
title = "t"
[workload]
command = ["true", "{model}", "{runtime}"]
[factors]
model = ["m", "n"]
runtime = ["a", "b"]
[sensors]
fallback = "load_model"
[analysis]
"""


def made(folder, text):
    path = folder / "p.toml"
    path.write_text(BODY + text)
    return read(path)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('within = ["batch"]', "'batch' is no factor"),
        ('within = ["model", "model"]', "more than once"),
        ('within = ["model", "runtime"]', "nothing is compared"),
        ('within = ["model"]\nbaseline = "model=m,runtime=a"', "in each cell"),
        ('metric = "J_per_image"', "not declared"),
        (
            'metric = "J_per_image"\n[[analysis.ratio]]\nready = "J_per_image"\naggregation = "ratio_of_means"',
            "one number",
        ),
        ('test = "sign"', "analysis.test"),
        ('effects = ["batch"]', "'batch' is no factor"),
        ('effects = ["model:model"]', "together with itself"),
        ('effects = ["model:runtime", "runtime : model"]', "more than once"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, text, what):
    with pytest.raises(ProtocolError) as told:
        made(tmp_path, text)
    assert what in str(told.value)


def test_a_baseline_within_cells_names_the_levels_of_the_other_factors(tmp_path):
    protocol = made(tmp_path, 'within = ["model"]\nbaseline = "a"')
    assert ("a", ("model",)) == (protocol.analysis.baseline, protocol.analysis.within)


def test_a_ratio_that_is_compared_asks_the_workload_for_its_parts(tmp_path):
    ratio = '[[analysis.ratio]]\nready = "J_per_image"\naggregation = "mean_of_ratios"'
    protocol = made(tmp_path, f'metric = "J_per_image"\n{ratio}')
    assert ("images",) == named_metrics(protocol.analysis)
    assert protocol.analysis.needs_energy


def test_effects_are_named_as_factors_and_as_factors_together(tmp_path):
    protocol = made(tmp_path, 'effects = ["model", "runtime:model"]')
    assert (("model",), ("runtime", "model")) == protocol.analysis.terms


def test_an_effect_of_one_level_and_of_four_factors_together_is_refused(tmp_path):
    factors = {"model": '["m"]', "runtime": '["a", "b"]'}
    factors |= dict.fromkeys(("c", "d", "e"), "[1, 2]")
    text = BODY.split("[factors]", maxsplit=1)[0] + '[workload.env]\nX = "{c}{d}{e}"\n[factors]\n'
    text += "\n".join(f"{name} = {levels}" for name, levels in factors.items())
    path = tmp_path / "p.toml"
    path.write_text(f'{text}\n[sensors]\nfallback = "load_model"\n[analysis]\neffects = ["model", "runtime:c:d:e"]\n')
    with pytest.raises(ProtocolError) as told:
        read(path)
    assert "one level" in str(told.value)
    assert "4 factors together" in str(told.value)
