"""Fifteen classifiers by name: the networks of the literature, whichever library builds them."""

from __future__ import annotations

import pytest
import torch
from torch import nn


@pytest.fixture(scope="module")
def classifiers(module):
    return module("classifiers")


@pytest.fixture(scope="module")
def mobilenet(classifiers):
    """As built for seed 5."""
    return classifiers.build("mobilenet_v2", seed=5)[0]


def test_three_families_of_five(classifiers):
    families = [what.family for what in classifiers.CLASSIFIERS.values()]
    assert {"depthwise": 5, "standard": 5, "layernorm": 5} == {name: families.count(name) for name in set(families)}


def test_a_build_is_the_network_of_that_name_and_the_same_for_a_seed(classifiers, mobilenet):
    again, source = classifiers.build("mobilenet_v2", seed=5)
    pixels = classifiers.images("mobilenet_v2", 4, seed=1)
    assert (4, 3, 224, 224) == tuple(pixels.shape)
    assert source in classifiers.installed()
    assert not mobilenet.training
    with torch.inference_mode():
        logits = mobilenet(pixels)
        assert torch.equal(logits, again(pixels))
    assert (4, 1000) == tuple(logits.shape)
    # Fifty layers without the statistics of training: the logits would be 1e-28, and float16 would be all zeros.
    assert 1e-3 < logits.std().item() < 1e3
    assert len(set(logits.argmax(1).tolist())) > 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_classifier_has_the_parameters_of_its_name(classifiers):
    for name, what in classifiers.CLASSIFIERS.items():
        model, _ = classifiers.build(name)  # refuses another number itself
        with torch.inference_mode():
            logits = model(classifiers.images(name, 2, seed=1))
        assert (2, 1000) == tuple(logits.shape), name
        assert bool(torch.isfinite(logits.half()).all()), name
        normalised = any(isinstance(layer, nn.LayerNorm) for layer in model.modules())
        assert normalised == (what.family == "layernorm"), name


def test_a_library_that_builds_another_network_is_refused(classifiers, monkeypatch):
    monkeypatch.setitem(classifiers._MAKERS, classifiers.installed()[0], lambda name, what: nn.Linear(2, 2))
    with pytest.raises(classifiers.ClassifierError, match="has 6 parameters, not 3,504,872"):
        classifiers.build("mobilenet_v2")


def test_a_library_that_is_not_there_is_named_with_the_remedy(classifiers, monkeypatch):
    monkeypatch.setattr(classifiers, "installed", lambda: ["transformers"])
    with pytest.raises(
        classifiers.ClassifierError, match="timm is not installed; here: transformers: pip install timm"
    ):
        classifiers.build("mobilenet_v2", source="timm")


def test_weights_come_from_a_file_of_the_same_network_only(classifiers, mobilenet, tmp_path):
    inner = getattr(mobilenet, "model", mobilenet)
    torch.save(inner.state_dict(), tmp_path / "good.pt")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    (tmp_path / "torn.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:1000])
    (tmp_path / "text.pt").write_text("no weights")
    loaded, _ = classifiers.build("mobilenet_v2", seed=6, weights=str(tmp_path / "good.pt"))
    pixels = classifiers.images("mobilenet_v2", 1, seed=0)
    with torch.inference_mode():
        assert torch.equal(mobilenet(pixels), loaded(pixels))
    for name in ("other", "torn", "text", "absent"):
        with pytest.raises(classifiers.ClassifierError, match=rf"{name}.pt holds no weights of mobilenet_v2: ."):
            classifiers.build("mobilenet_v2", weights=str(tmp_path / f"{name}.pt"))
