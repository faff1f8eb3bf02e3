"""Rooflines: points and roofs of what workloads report, what is left out and why, the figure."""

from typing import ClassVar

import pandas as pd
import pytest

from analysis.figures.roofline import draw_roofline
from analysis.roofline import rooflines

approx = pytest.approx


class Night:
    """As much of a night as is looked at."""

    configurations = ("a", "b", "int8-one", "silent")
    levels: ClassVar = {
        "a": {"runtime": "torch-float32"},
        "b": {"runtime": "onnx-float16"},
        "int8-one": {"runtime": "onnx-int8"},
    }


def row(name, images_per_s, *, flop=2e9, moved_B=1e8, ceiling=1e12, memory=1e11, **more):
    told = {
        "flop_per_image": flop, "bytes_per_image": moved_B, "images_per_s": images_per_s, "ceiling_FLOP_per_s": ceiling,
        "ceiling_B_per_s": memory, "device": "CPU", "family": "standard", **more,
    }  # fmt: skip
    return {"configuration": name, "state": "headline", **{f"metric.{key}": value for key, value in told.items()}}


def test_points_are_medians_and_roofs_the_highest_of_their_precision():
    rows = [row("a", rate) for rate in (90.0, 100.0, 400.0)] + [row("a", 100.0, ceiling=2e12)]
    rows += [row("b", 50.0, ceiling=8e12, moved_B=1e9), row("int8-one", 10.0, ceiling=float("nan"), memory=2e11)]
    (found,) = rooflines(Night, pd.DataFrame(rows))
    points = {point.configuration: point for point in found.points}
    assert (100.0, 20.0, 2e11) == (points["a"].images_per_s, points["a"].intensity, points["a"].rate_FLOP_per_s)
    roofs = {roof.precision: roof for roof in found.roofs}
    assert (2e12, 8e12, None) == tuple(roofs[name].FLOP_per_s for name in ("float32", "float16", "int8"))
    assert {2e11} == {roof.B_per_s for roof in found.roofs}
    assert 2e12 == points["a"].roof_FLOP_per_s  # 20 FLOP/B x 2e11 B/s would be 4e12: arithmetic is the roof
    assert 4e11 == points["b"].roof_FLOP_per_s  # 2 FLOP/B: memory is
    assert 0.25 == approx(points["b"].share)
    assert points["int8-one"].share is None
    assert draw_roofline(found).axes


def test_a_configuration_that_does_not_report_what_is_needed_is_named_with_its_reason():
    rows = [row("a", 100.0), row("b", 50.0, moved_B=float("nan"))]
    (found,) = rooflines(Night, pd.DataFrame(rows))
    assert [("b", "its runs tell no bytes_per_image")] == list(found.left_out)


def test_two_devices_are_two_rooflines_and_nothing_reported_is_none():
    rows = [row("a", 100.0), row("b", 50.0, device="GPU")]
    assert ["CPU", "GPU"] == [item.device for item in rooflines(Night, pd.DataFrame(rows))]
    bare = pd.DataFrame([{"configuration": "a", "state": "headline", "metric.accuracy": 0.5}])
    assert () == rooflines(Night, bare)


def test_a_reported_precision_goes_before_the_name_of_a_level():
    (found,) = rooflines(Night, pd.DataFrame([row("a", 1.0, precision="bfloat16")]))
    assert "bfloat16" == found.points[0].precision
