"""Training reaches what its architecture should: the demo to its end, in float32 and bfloat16, on three seeds."""

import importlib.util

import pytest

if importlib.util.find_spec("torch") is None or importlib.util.find_spec("sklearn") is None:
    pytest.skip("PyTorch or scikit-learn is not installed", allow_module_level=True)

DEMO = ("--width", "1", "--dataset", "digits", "--batch", "32", "--augment", "none", "--input", "device")
DEMO += ("--optimizer", "adam", "--lr", "1e-3", "--weight-decay", "0", "--device", "cpu", "--epochs", "15")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_width_1_learns_the_digits_in_15_epochs(execute, precision, seed):
    outcome = execute("torch_width_cnn.py", *DEMO, "--precision", precision, "--emulate", "--seed", str(seed))
    assert 0 == outcome.code, outcome.stderr
    assert outcome.marks.results["accuracy"] > 0.95
    assert outcome.marks.results["accuracy_final"] > 0.9
