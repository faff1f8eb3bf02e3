"""The simulated sensor: the same phases give the same joules, whenever the process got the processor."""

import json
import random

import numpy as np
import pytest

from harness.joules import Series, window_energy
from harness.record import Kind, Quality
from harness.sensors.sensor import Site
from harness.sensors.simulated import AMBIENT_C, HOLD_NS, open_sensor

MS = 1_000_000
S = 1000 * MS
PHASES = (("setup", 100 * MS), ("train", 505 * MS), ("evaluate", 33 * MS))


class Run:
    """One run: marks that come late by a jitter, a sensor read whenever it suits it."""

    def __init__(self, folder, begin_ns, jitter, *, slot="b01-1", configuration="a", phases=PHASES, **settings):
        folder.mkdir()
        self.marks = folder / "marks.jsonl"
        self.sensor = open_sensor(
            settings, Site(run_folder=folder, plan_seed=7, slot=slot, configuration=configuration)
        )
        self.readings = []
        draw = random.Random(jitter)
        lines, t_ns = [], begin_ns
        self.windows = {}
        for name, length_ns in phases:
            lines += [(t_ns, "begin", name), (t_ns + length_ns, "end", name)]
            self.windows[name] = (t_ns, t_ns + length_ns)
            t_ns += length_ns
        due = sorted((at_ns + draw.randrange(1, 900) * MS * (jitter > 0), k) for k, (at_ns, _, _) in enumerate(lines))
        now_ns = begin_ns - 5 * S
        while now_ns < t_ns + S:
            while due and due[0][0] <= now_ns:
                self.write(*lines[min(k for _, k in due)])
                due.remove(min(due, key=lambda item: item[1]))
            self.readings += self.sensor.read(now_ns)
            now_ns += 250 * MS + draw.randrange(200) * MS * (jitter > 0)
        for _, k in sorted(due, key=lambda item: item[1]):
            self.write(*lines[k])
        self.readings += self.sensor.finish(now_ns)

    def write(self, t_ns, mark, phase):
        with open(self.marks, "a", encoding="utf-8") as file:
            file.write(json.dumps({"t_ns": t_ns, "mark": mark, "phase": phase}) + "\n")

    def trace(self, domain="gpu0"):
        rows = [(r.t_ns, r.value) for r in self.readings if r.channel == f"{domain}.power_W"]
        return Series(np.array([t for t, _ in rows]), np.array([v for _, v in rows]), Kind.MEAN)

    def energy_J(self, phase, domain="gpu0"):
        return window_energy(self.trace(domain), None, *self.windows[phase]).energy_J


def test_the_same_phases_give_the_same_joules_to_the_last_bit_however_time_went_by(tmp_path):
    runs = [Run(tmp_path / str(k), 1000 * S + k * 7_777_777, jitter=k) for k in range(12)]
    for phase, _ in PHASES:
        assert 1 == len({run.energy_J(phase) for run in runs}), phase


def test_the_trace_has_no_hole_from_before_the_first_phase_until_after_the_last(tmp_path):
    run = Run(tmp_path / "run", 1000 * S, jitter=3)
    steps = np.diff(run.trace().t_ns)
    assert steps.max() <= 20 * MS
    assert run.trace().t_ns[-1] >= run.windows["evaluate"][1]
    assert {"train", "setup", "evaluate"} == set(run.windows)
    for begin_ns, end_ns in run.windows.values():
        assert {begin_ns, end_ns} <= set(run.trace().t_ns.tolist())


def test_the_load_draws_more_than_rest_and_setup_less_than_training(tmp_path):
    run = Run(tmp_path / "run", 1000 * S, jitter=0, phases=(("setup", S), ("train", S)))
    assert 50 < np.median(run.trace().value[:100]) < 70
    assert 60 < run.energy_J("setup") < 0.6 * run.energy_J("train")


def test_slots_and_seeds_differ_and_configurations_by_their_declared_effect(tmp_path):
    facts = {"noise": 0.006, "drift": 0.0, "effect": {"b": 0.8}, "idle_W": 0.0, "load_W": 200.0}
    one, again, other = (
        Run(tmp_path / name, 1000 * S, 0, slot=slot, configuration=configuration, **facts).energy_J("train")
        for name, slot, configuration in (("1", "b01-1", "a"), ("2", "b02-1", "a"), ("3", "b01-1", "b"))
    )
    assert one != again
    assert one == pytest.approx(again, rel=0.05)
    assert 0.8 == pytest.approx(other / one)


def test_configurations_without_a_declared_effect_lie_steps_of_two_percent_apart(tmp_path):
    sensors = [open_sensor({}, Site(run_folder=tmp_path, configuration=f"c{k}")) for k in range(40)]
    factors = {round(sensor.summary()["factor"], 6) for sensor in sensors}
    assert {round(1 + 0.02 * k, 6) for k in range(8)} == factors


def test_power_drifts_upwards_with_the_slots_of_the_night(tmp_path):
    def factor(slot, drift=0.04):
        settings = {"noise": 0.0, "drift": drift}
        return open_sensor(settings, Site(run_folder=tmp_path, slot=slot)).summary()["slot_factor"]

    factors = [factor(slot) for slot in ("b01-1", "b01-2", "b02-1", "b10-2", "b30-1")]
    assert factors == sorted(factors)
    assert 1.0 == factors[0] < factors[-1] < 1.04
    assert 1.0 == factor("b30-1", drift=0.0)
    assert factor("b01-60") > factor("b01-2")


def test_several_domains_each_have_their_own_trace(tmp_path):
    run = Run(tmp_path / "run", 1000 * S, 1, domains=("gpu0", "package-0"))
    assert run.energy_J("train", "gpu0") != run.energy_J("train", "package-0")
    assert {"gpu0", "package-0"} == {channel.domain for channel in run.sensor.channels}
    assert {Quality.MODELLED} == {channel.quality for channel in run.sensor.channels}


def test_the_first_reading_tells_an_idle_temperature_at_once(tmp_path):
    first = open_sensor({}, Site(run_folder=tmp_path)).read(1000 * S)
    assert AMBIENT_C in [reading.value for reading in first if reading.channel == "gpu0.temperature_C"]


def test_the_temperature_rises_with_the_load(tmp_path):
    run = Run(tmp_path / "run", 1000 * S, 0, phases=(("train", 8 * S),))
    temperatures = [r.value for r in run.readings if r.channel == "gpu0.temperature_C"]
    assert max(temperatures) > AMBIENT_C + 20
    assert AMBIENT_C == temperatures[0]


def test_a_phase_that_never_ends_is_recorded_until_the_end(tmp_path):
    run = Run(tmp_path / "run", 1000 * S, 0, phases=())
    run.write(int(run.trace().t_ns[-1]) + S, "begin", "train")
    end_ns = int(run.trace().t_ns[-1]) + 10 * S
    run.readings += run.sensor.finish(end_ns)
    assert end_ns == run.trace().t_ns[-1]
    assert run.trace().value[-1] > 150


def test_a_mark_that_comes_later_than_all_patience_is_counted(tmp_path):
    run = Run(tmp_path / "run", 1000 * S, 0, phases=())
    run.write(int(run.trace().t_ns[-1]) - 2 * HOLD_NS, "begin", "train")
    run.readings += run.sensor.finish(int(run.trace().t_ns[-1]) + S)
    assert 1 == run.sensor.summary()["late_marks"]
    assert np.diff(run.trace().t_ns).min() > 0


def test_marks_that_are_none_and_nested_phases_change_nothing(tmp_path):
    plain = Run(tmp_path / "plain", 1000 * S, 0)
    odd_folder = tmp_path / "odd"
    odd_folder.mkdir()
    sensor = open_sensor({}, Site(run_folder=odd_folder, plan_seed=7, slot="b01-1", configuration="a"))
    lines = plain.marks.read_text().splitlines()
    begin_ns, end_ns = plain.windows["train"]
    nested = [
        {"t_ns": begin_ns, "mark": "begin", "phase": "epoch 1"},
        {"t_ns": end_ns, "mark": "end", "phase": "epoch 1"},
    ]
    odd = [
        "not json",
        '{"mark": "begin"}',
        '{"mark": "result", "accuracy": 1}',
        '{"t_ns": 5, "mark": "end", "phase": "x"}',
    ]
    text = "\n".join([*odd, *lines[:3], *(json.dumps(item) for item in nested), *lines[3:], '{"torn": '])
    readings = list(sensor.read(1000 * S - 5 * S))
    (odd_folder / "marks.jsonl").write_text(text)
    readings += sensor.finish(1010 * S)
    trace = [(r.t_ns, r.value) for r in readings if r.channel == "gpu0.power_W" and begin_ns < r.t_ns <= end_ns]
    expected = [
        (r.t_ns, r.value) for r in plain.readings if r.channel == "gpu0.power_W" and begin_ns < r.t_ns <= end_ns
    ]
    assert expected == trace
