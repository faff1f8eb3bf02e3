"""Bins within a phase are as asked, or as fine as a short phase and its sensors need."""

from __future__ import annotations

import pytest

from analysis.load import load
from analysis.phase_bins import fine_enough, refresh_of


@pytest.mark.parametrize(
    ("asked_s", "longest_s", "refresh_s", "bin_s"),
    [
        pytest.param(0.5, 30.0, 0.02, 0.5, id="long phase"),
        pytest.param(0.5, 5.0, 0.02, 0.5, id="ten bins"),
        pytest.param(0.5, 0.6, 0.02, 0.02, id="a twentieth"),
        pytest.param(0.5, 0.9, 0.020014, 0.02, id="round, and a measured period is not finer by a hair"),
        pytest.param(0.5, 0.6, 0.1, 0.1, id="never below the sensor"),
        pytest.param(0.5, 0.6, 1.0, 0.5, id="never wider than asked"),
        pytest.param(0.5, 0.004, 0.0, 0.001, id="a millisecond at least"),
        pytest.param(0.5, 4.0, 0.0, 0.2, id="a fifth"),
    ],
)
def test_bins_of_a_phase_are_as_asked_or_a_round_part_of_it_that_the_sensor_can_tell(
    asked_s, longest_s, refresh_s, bin_s
):
    lengths = {"slow": [3 * longest_s] * 4, "fast": [longest_s, longest_s, 7 * longest_s], "none": []}
    assert bin_s == fine_enough(asked_s, lengths, lambda: refresh_s)


def test_without_the_phase_bins_are_as_asked():
    assert 0.5 == fine_enough(0.5, {}, lambda: 0.0)


def test_the_period_is_that_of_the_slowest_compared_source(simulate_once):
    night = load(simulate_once(blocks=2, domains={"gpu0": 0.7, "dram-0": 0.3}, train_s=6.4).path)
    seen = {
        channel.domain: channel.refresh_seen_s or channel.refresh_s
        for record in night.records.values()
        for channel in record.channels
        if channel.tells_power
    }
    assert max(seen["gpu0"], seen["dram-0"]) == refresh_of(night, night.protocol.analysis)
    one = night.protocol.analysis.model_copy(update={"energy": ("dram-0",)})
    assert seen["dram-0"] == refresh_of(night, one)
