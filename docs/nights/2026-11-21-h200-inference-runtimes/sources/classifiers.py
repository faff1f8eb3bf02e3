"""Fifteen image classifiers of three families by one name each, from torchvision, timm or transformers.

::

    model = build("resnet50", source="auto", seed=0)   # eval mode; (n, 3, size, size) float32 -> logits (n, 1000)

The same network whatever library builds it: the numbers of parameters below are torchvision's, and a build that has
another is refused. Weights are random (seeded) unless a file of weights is given, and random ones are made usable:
the statistics of every batch normalisation are taken from random images, or the values would run away with depth.
Copy this file beside your own script; it needs nothing else of nightwatt.
"""

from __future__ import annotations

import importlib
import importlib.util
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

CLASSES = 1000
SOURCES = ("torchvision", "timm", "transformers")
"""Tried in this order."""


class ClassifierError(Exception):
    """A classifier cannot be built here; the message says which, why and what to do."""


@dataclass(frozen=True)
class Classifier:
    """What a name stands for."""

    family: str
    """depthwise: CNNs of depthwise-separable convolutions | standard: other CNNs | layernorm: normalised by layer."""
    parameters: int
    size: int
    """Height and width of its images, pixels."""
    timm: str
    """Its name there."""
    configuration: str
    """Its class of configurations in transformers, without the Config at the end."""
    settings: dict[str, Any]


def _resnet(parameters: int, depths: list[int], *, basic: bool = False) -> Classifier:
    widths = [64, 128, 256, 512] if basic else [256, 512, 1024, 2048]
    kind = {"depths": depths, "hidden_sizes": widths, "layer_type": "basic" if basic else "bottleneck"}
    return Classifier("standard", parameters, 224, f"resnet{2 + sum(depths) * (2 if basic else 3)}", "ResNet", kind)


def _efficientnet(name: str, parameters: int, size: int, scale: tuple[float, float], last: int) -> Classifier:
    width, depth = scale
    settings = {"width_coefficient": width, "depth_coefficient": depth, "image_size": size, "hidden_dim": last}
    return Classifier("depthwise", parameters, size, f"efficientnet_{name}", "EfficientNet", settings)


def _layernorm(parameters: int, timm: str, configuration: str, **settings: Any) -> Classifier:
    return Classifier("layernorm", parameters, 224, timm, configuration, settings)


CLASSIFIERS = {
    "mobilenet_v2": Classifier("depthwise", 3_504_872, 224, "mobilenetv2_100", "MobileNetV2", {}),
    "efficientnet_b0": _efficientnet("b0", 5_288_548, 224, (1.0, 1.0), 1280),
    "efficientnet_b1": _efficientnet("b1", 7_794_184, 240, (1.0, 1.1), 1280),
    "efficientnet_b2": _efficientnet("b2", 9_109_994, 288, (1.1, 1.2), 1408),
    "efficientnet_b3": _efficientnet("b3", 12_233_232, 300, (1.2, 1.4), 1536),
    "resnet18": _resnet(11_689_512, [2, 2, 2, 2], basic=True),
    "resnet34": _resnet(21_797_672, [3, 4, 6, 3], basic=True),
    "resnet50": _resnet(25_557_032, [3, 4, 6, 3]),
    "resnet101": _resnet(44_549_160, [3, 4, 23, 3]),
    "resnet152": _resnet(60_192_808, [3, 8, 36, 3]),
    "vit_b_16": _layernorm(86_567_656, "vit_base_patch16_224", "ViT"),
    "vit_b_32": _layernorm(88_224_232, "vit_base_patch32_224", "ViT", patch_size=32),
    "swin_t": _layernorm(28_288_354, "swin_tiny_patch4_window7_224", "Swin"),
    "swin_s": _layernorm(49_606_258, "swin_small_patch4_window7_224", "Swin", depths=[2, 2, 18, 2]),
    "convnext_tiny": _layernorm(28_589_128, "convnext_tiny", "ConvNext"),
}


def installed() -> list[str]:
    """The libraries that are here, in the order in which they are tried."""
    return [name for name in SOURCES if importlib.util.find_spec(name) is not None]


def build(name: str, *, source: str = "auto", seed: int = 0, weights: str = "random") -> tuple[Any, str]:
    """The classifier in evaluation mode on the CPU in float32, and the library it is from.

    ``weights``: random, or a file as torch.save wrote it of the model's state_dict. Raises ClassifierError.
    """
    what = CLASSIFIERS[name]
    chosen = _chosen(source)
    torch.manual_seed(seed)
    model = _MAKERS[chosen](name, what)
    parameters = sum(weight.numel() for weight in model.parameters())
    if parameters != what.parameters:
        raise ClassifierError(
            f"{name} of this {chosen} has {parameters:,} parameters, not {what.parameters:,}: use another --source"
        )
    if weights == "random":
        _settle_statistics(model, what.size)
    else:
        _load(model, weights, name)
    return model.eval(), chosen


def images(name: str, count: int, seed: int) -> Any:
    """Images of the right size as they are after normalisation, float32 (count, 3, size, size); noise."""
    size = CLASSIFIERS[name].size
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed))


class Logits(nn.Module):
    """A classifier of transformers as one that gives the logits themselves."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Any) -> Any:
        """(n, 3, size, size) -> (n, 1000)."""
        return self.model(pixels).logits


def _chosen(source: str) -> str:
    there = installed()
    if source != "auto" and source not in there:
        raise ClassifierError(f"{source} is not installed; here: {', '.join(there) or 'none'}: pip install {source}")
    if not there:
        raise ClassifierError(f"none of {', '.join(SOURCES)} is installed: pip install transformers")
    return there[0] if source == "auto" else source


def _from_torchvision(name: str, what: Classifier) -> Any:
    return importlib.import_module("torchvision.models").get_model(name, weights=None, num_classes=CLASSES)


def _from_timm(name: str, what: Classifier) -> Any:
    return importlib.import_module("timm").create_model(what.timm, pretrained=False, num_classes=CLASSES)


def _from_transformers(name: str, what: Classifier) -> Any:
    transformers = importlib.import_module("transformers")
    configuration = getattr(transformers, f"{what.configuration}Config")(num_labels=CLASSES, **what.settings)
    return Logits(transformers.AutoModelForImageClassification.from_config(configuration))


_MAKERS: dict[str, Callable[[str, Classifier], Any]] = {
    "torchvision": _from_torchvision,
    "timm": _from_timm,
    "transformers": _from_transformers,
}


def _settle_statistics(model: Any, size: int) -> None:
    """Mean and variance of every batch normalisation from random images: what training would have left there."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = None  # the plain mean over the batches that follow
        layer.reset_running_stats()
        layer.train()
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(8, 3, size, size))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum


def _load(model: Any, path: str, name: str) -> None:
    inner = model.model if isinstance(model, Logits) else model
    try:
        inner.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    except (OSError, RuntimeError, ValueError, KeyError, EOFError, TypeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ClassifierError(f"{path} holds no weights of {name}: {reason}; give a state_dict of it") from error
