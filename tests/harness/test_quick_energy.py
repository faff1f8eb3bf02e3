"""The energy that the display shows: what the analysis will sum, from the sealing's tallies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.quick_energy import quick_energy_J, untold
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


S = 1_000_000_000


def seen(n, first_s, last_s, *, falls=0, name="gpu0.power_W"):
    """The tally of one channel: n readings from ``first_s`` to ``last_s``; the window is 0 to 10 s."""
    tally = {"n": n, "not_finite": 0, "falls": falls, "first_ns": int(first_s * S), "last_ns": int(last_s * S)}
    return {"channels": {name: tally}}


@pytest.mark.parametrize(
    ("tally", "covers"),
    [
        (seen(100, 0.05, 9.95), True),
        (seen(1, 10.03, 10.03), False),  # one reading has no step by which to reach back
        (seen(2, -0.01, 10.03), True),
        (seen(11, 2.0, 6.0), False),  # four steps of its own are missing at the end
        (seen(0, 0, 0), False),
        ({"channels": {}}, False),
    ],
)
def test_a_trace_tells_the_window_that_it_reaches_over(tally, covers):
    why = untold(record(NVML), tally)
    assert ("" if covers else "the readings of gpu0 do not cover its window") == why


@pytest.mark.parametrize(
    ("tally", "covers"),
    [
        (seen(9, -0.1, 10.1, name="package-0.energy_J"), True),
        (seen(9, 0.1, 10.1, name="package-0.energy_J"), False),
        (seen(1, -0.1, -0.1, name="package-0.energy_J"), False),
        (seen(9, -0.1, 10.1, falls=1, name="package-0.energy_J"), False),
    ],
)
def test_a_counter_tells_the_window_that_it_brackets(tally, covers):
    assert covers == (untold(record(RAPL), tally) == "")


def test_what_is_not_summed_need_not_be_told():
    both = {"channels": {**seen(100, 0, 10)["channels"], **seen(1, 11, 11, name="package-0.energy_J")["channels"]}}
    assert "the readings of package-0 do not cover its window" == untold(record(NVML, RAPL), both)
    assert "" == untold(record(NVML, RAPL), both, ("gpu0",))
