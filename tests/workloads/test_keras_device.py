"""The device that a Keras script computes on: refused where it lacks what is asked."""

from __future__ import annotations

import importlib.util
from argparse import Namespace

import pytest

if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("tensorflow is not installed", allow_module_level=True)


@pytest.fixture
def device(module):
    return module("keras_device")


def test_a_backend_that_is_not_installed_is_named(device, monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda package: None if package == "jax" else package)

    with pytest.raises(SystemExit) as ended:
        device.prepare_environment("auto")

    assert 3 == ended.value.code
    assert "KERAS_BACKEND=jax needs the package jax" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("precision", "capability", "emulate", "words"),
    [
        (
            "mixed_bfloat16",
            (7, 5),
            False,
            "T4 lacks mixed_bfloat16 (from compute capability 8.0 on): use mixed_float16",
        ),
        ("tf32", (7, 5), True, "T4 lacks tf32"),
        ("tf32", None, True, "tf32 is a mode of NVIDIA tensor cores"),
        ("mixed_float16", None, False, "--emulate to do it all the same"),
        ("mixed_float16", None, True, None),
        ("mixed_float16", (7, 5), False, None),
        ("mixed_bfloat16", (8, 0), False, None),
    ],
)
def test_a_precision_that_the_device_lacks_is_refused(
    device, monkeypatch, capsys, precision, capability, emulate, words
):
    card = device.Device("tensorflow")
    card.name, card.capability = "T4", capability
    monkeypatch.setattr(device, "cpu_lacks", lambda precision: precision == "mixed_float16")
    chosen = Namespace(device="auto", precision=precision, emulate=emulate)

    if words is None:
        device.refuse_what_is_lacking(chosen, card)
        return
    with pytest.raises(SystemExit) as ended:
        device.refuse_what_is_lacking(chosen, card)
    assert 3 == ended.value.code
    assert words in capsys.readouterr().err
