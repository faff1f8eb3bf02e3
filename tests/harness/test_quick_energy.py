"""The energy that the display shows: what the analysis will sum, from the sealing's tallies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.quick_energy import quick_energy_J
from harness.record import Channel, Kind, Phase, Quality, RunRecord, Status, Validity, channel_name
from harness.verdicts import UNMOVED, Level


def channel(origin, domain, quantity="power_W", quality=Quality.MEASURED):
    kind = Kind.COUNTER if quantity == "energy_J" else Kind.MEAN
    name = channel_name(origin, domain, quantity)
    return Channel(name, quantity[-1], kind, domain, quality, "a source", 0.02, origin=origin)


def record(*channels):
    return RunRecord(
        slot="b01-1", block=1, position=1, replicate=1, attempt=1, configuration="a", levels={}, seed=0,
        status=Status.COMPLETED, validity=Validity.VALID, started_ns=0, ended_ns=0, started_realtime_ns=0,
        window=Phase("train", 0, 10_000_000_000), channels=channels,
    )  # fmt: skip


def tallies(**figures):
    """Channel -> its mean, or its first and last reading in the window, and the seconds between them."""
    mean = {name: figure if isinstance(figure, float) else None for name, figure in figures.items()}
    ends = {name: figure if isinstance(figure, tuple) else (None, None, 0.0) for name, figure in figures.items()}
    return {
        "channels": {
            name: {
                "window_mean": mean[name], "window_first": ends[name][0], "window_last": ends[name][1],
                "window_between_s": ends[name][2],
            }
            for name in figures
        }
    }  # fmt: skip


NVML, RAPL = channel("nvml", "gpu0"), channel("rapl", "package-0", "energy_J")
OTHER, RATED = channel("energibridge", "gpu0"), channel("constant", "gpu0", quality=Quality.MODELLED)
SEEN = {
    **{"gpu0.power_W": 100.0, "package-0.energy_J": (5.0, 205.0, 10.0)},
    **{"energibridge/gpu0.power_W": 97.0, "constant/gpu0.power_W": 70.0},
}


def test_each_domain_counts_once_by_the_source_that_the_analysis_would_take():
    run, seen = record(RATED, OTHER, NVML, RAPL), tallies(**SEEN)
    assert 1000.0 + 200.0 == quick_energy_J(run, seen)
    assert 970.0 + 200.0 == quick_energy_J(run, seen, prefer=("energibridge",))
    assert 1000.0 == quick_energy_J(run, seen, ("gpu0",))
    assert 700.0 == quick_energy_J(run, seen, ("gpu0",), ("constant",))


@pytest.mark.parametrize("seen", [{"gpu0.power_W": 100.0, "package-0.energy_J": None}, {"gpu0.power_W": 100.0}])
def test_without_one_of_the_domains_there_is_no_smaller_sum(seen):
    assert quick_energy_J(record(NVML, RAPL), tallies(**seen), ("gpu0", "package-0")) is None
    assert quick_energy_J(record(NVML, RAPL), tallies(**seen)) is None


def test_a_counter_read_within_the_edges_of_the_window_tells_its_mean_power_over_all_of_it():
    assert 200.0 == quick_energy_J(record(RAPL), tallies(**{"package-0.energy_J": (5.0, 165.0, 8.0)}))


def test_a_counter_that_was_read_once_tells_no_energy_and_not_nought():
    assert quick_energy_J(record(RAPL), tallies(**{"package-0.energy_J": (5.0, 5.0, 0.0)})) is None


@pytest.mark.parametrize("name", ["not_covered", "gap", "lost_instrument"])
def test_a_window_that_was_measured_in_part_has_no_energy_guessed_from_the_rest(name):
    seen = tallies(**{"gpu0.power_W": 100.0})
    assert quick_energy_J(replace(record(NVML), verdicts=(UNMOVED.verdict(name),)), seen) is None
    milder = UNMOVED.verdict(name, level=Level.WARNING)  # of a channel that carries no energy
    assert 1000.0 == quick_energy_J(replace(record(NVML), verdicts=(milder,)), seen)


def test_what_cannot_be_summed_is_no_number():
    assert quick_energy_J(record(NVML, RATED), None) is None
    assert quick_energy_J(record(), tallies()) is None
    cpu = channel("load_model", "cpu", quality=Quality.MODELLED)
    seen = tallies(**{"gpu0.power_W": 100.0, "cpu.power_W": 50.0})
    assert quick_energy_J(record(NVML, cpu), seen, ("gpu0", "cpu")) is None
    assert 1000.0 == quick_energy_J(record(NVML, cpu), seen)
