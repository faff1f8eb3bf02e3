"""The energy of a node by Slurm, against commands that answer as Slurm's do: slow, wrong, reset and dying ones too."""

import time

import pytest

from harness.errors import SensorMissing
from harness.record import Kind, Quality
from harness.sensors import slurm as sensor_module
from harness.sensors.sensor import Site
from harness.sensors.slurm import open_sensor
from harness.sensors.slurm_energy import NoAnswer, configured, consumed_J, printed, shared
from harness.sensors.slurm_energy import Printed as Output
from harness.sensors.slurm_poll import Poller

FAST = {"interval_ms": 50}


@pytest.fixture
def opened(cluster, tmp_path, monkeypatch):
    """Open the sensor with some settings; closed at the end."""
    monkeypatch.setattr(sensor_module, "PAUSE_S", 0.01)
    sensors = []

    def make(environment=None, hints=None, **settings):
        site = Site(run_folder=tmp_path, hints=hints or {})
        sensors.append(open_sensor({**FAST, **settings}, site, environment=environment or cluster.environment))
        return sensors[-1]

    yield make
    for sensor in sensors:
        sensor.close()


def until(sensor, condition, patience_s=20):
    readings, deadline = [], time.monotonic() + patience_s
    while not condition(readings):
        assert time.monotonic() < deadline, (readings[-3:], sensor.trouble, sensor.lost)
        readings += sensor.read(time.monotonic_ns())
        time.sleep(0.005)
    return readings


def missing(opened, **options):
    with pytest.raises(SensorMissing) as caught:
        opened(**options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("plugin", "domain", "refresh_s", "words"),
    [
        ("pm_counters", "node", 0.05, "energy counter"),
        ("rapl", "cpu-ram", 0.05, "RAPL"),
        ("ipmi", "node", 30, "IPMI"),
        ("gpu", "gpu", 30, "cards"),
    ],
)
def test_what_is_covered_and_how_often_it_moves_depends_on_the_site_s_plugin(
    cluster, opened, plugin, domain, refresh_s, words
):
    cluster.cluster(plugin)
    (channel,) = opened().channels
    assert (f"slurm/{domain}.energy_J", domain, refresh_s) == (channel.name, channel.domain, channel.refresh_s)
    assert (Kind.COUNTER, Quality.MEASURED, "slurm") == (channel.kind, channel.quality, channel.origin)
    assert f"acct_gather_energy/{plugin}" in channel.source
    assert words in channel.source


def test_a_site_s_own_frequency_of_its_boards_counts_and_so_does_a_domain_that_it_names(cluster, opened):
    cluster.cluster("ipmi", more="EnergyIPMIFrequency     = 5\n")
    sensor = opened(domain="chassis")
    assert ("chassis", 5) == (sensor.channels[0].domain, sensor.channels[0].refresh_s)
    assert 5 < sensor.tail_s < 10


def test_joules_are_told_when_they_have_changed_and_once_more_at_the_end(cluster, opened):
    cluster.says(energy="elapsed", since=time.time() - 10)
    sensor = opened(interval_ms=60)
    readings = until(sensor, lambda found: len(found) >= 2)
    last = readings[-1].value + 1000
    cluster.says(energy=int(last))
    readings += sensor.finish(time.monotonic_ns())
    values = [reading.value for reading in readings]
    assert sorted(set(values)) == values
    assert last == values[-1]
    facts = sensor.summary()
    assert ("pm_counters", "4711_3", last) == (facts["plugin"], facts["task"], facts["last_J"])
    assert values[0] == facts["first_J"]
    assert ("", "") == (sensor.trouble, sensor.lost)


def test_a_mark_of_the_workload_brings_a_question_long_before_the_interval_is_over(cluster, opened, tmp_path):
    sensor = opened(interval_ms=60_000)
    until(sensor, lambda _: sensor.summary()["answered"] >= 2)  # at the opening, and the first of the interval
    asked = cluster.asked
    cluster.says(energy=2000)
    (tmp_path / "marks.jsonl").write_text('{"t_ns": 1, "mark": "begin", "phase": "train"}\n')
    assert 2000 == until(sensor, len)[0].value
    assert asked < cluster.asked <= asked + 2


@pytest.mark.parametrize(
    ("facts", "environment", "words"),
    [
        ({}, {"SLURM_JOB_ID": ""}, ["no task of Slurm's", "--engine slurm"]),
        ({}, {"PATH": "/nowhere"}, ["scontrol and sstat", "PATH"]),
        ({"plugin": "none"}, {}, ["AcctGatherEnergyType is none", "acct_gather_energy/ipmi"]),
        ({"gather": "none"}, {}, ["JobAcctGatherType is none"]),
        ({"share": "OK"}, {}, ["does not have its node to itself", "--exclusive"]),
        ({"share": "USER"}, {}, ["does not have its node to itself"]),
        ({"plugin": "abacus"}, {}, ["acct_gather_energy/abacus", "sensors.slurm.domain"]),
    ],
)
def test_a_place_without_an_energy_of_its_own_is_refused_with_what_would_help(
    cluster, opened, facts, environment, words
):
    cluster.cluster(**facts)
    told = missing(opened, environment={**cluster.environment, **environment})
    assert [] == [word for word in words if word not in told]
    assert "remedy" in told


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"energy": ""}, "its plugin cannot read it"),
        ({"energy": "4294967294"}, "its plugin cannot read it"),
        ({"energy": "18446744073709551614"}, "its plugin cannot read it"),
        ({"energy": "0"}, "its count stands at 0 J"),
        ({"energy": "1.86K"}, "no number of joules: '1.86K'"),
        ({"energy": "-5"}, "no number of joules"),
        ({"line": "no"}, "tells nothing of the step 4712.batch"),
        (
            {"line": "no", "stderr": "sstat: error: couldn't get steps for job 4712\n"},
            "couldn't get steps for job 4712",
        ),
        ({"exit": "1", "stderr": "sstat: error: Unable to contact slurm controller\n"}, "Unable to contact slurm"),
    ],
)
def test_what_sstat_says_without_an_energy_is_missing_and_never_a_zero(cluster, opened, facts, words):
    cluster.says(**facts)
    told = missing(opened)
    assert words in told
    assert "though it has the plugin pm_counters" in told


def test_a_board_that_moves_late_may_begin_at_nought(cluster, opened):
    cluster.cluster("ipmi")
    cluster.says(energy="0")
    assert "node" == opened().channels[0].domain


@pytest.mark.parametrize(("its", "step"), [(".batch", "4712.batch"), (".0", "4712.0")])
def test_the_batch_script_s_step_is_asked_and_that_of_srun_where_there_is_none(cluster, opened, its, step):
    cluster.says(step=its)
    sensor = opened(environment={**cluster.environment, "SLURM_STEP_ID": "0"})
    assert step == sensor.summary()["hint"]["step"]
    assert 1000 == until(sensor, len)[0].value


def test_a_later_run_of_the_same_task_asks_nothing_again_before_it_begins(cluster, opened):
    hint = opened().summary()["hint"]
    asked = cluster.asked
    cluster.says(config="", job="")
    again = opened(hints={"slurm": hint})
    assert asked == cluster.asked
    assert 1000 == until(again, len)[0].value
    assert "Slurm cannot be asked" in missing(opened, hints={"slurm": {**hint, "job": "9"}})


class Clock:
    """Told by hand."""

    t_ns = 10**12

    def now_ns(self):
        return self.t_ns


class Source:
    """Answers one after the other; an Exception is raised."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def __call__(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def poll(source, seconds_apart, count, refresh_s=10.0):
    clock = Clock()
    poller = Poller(source, 10.0, refresh_s, clock=clock)
    readings = []
    for _ in range(count):
        poller.ask()
        readings += poller.taken(clock.t_ns)
        clock.t_ns += round(seconds_apart * 1e9)
    return poller, [joules for _, joules in readings]


@pytest.mark.parametrize(
    ("answers", "words"),
    [((5000, 8000, 300), "went back by 7700 J"), ((5000, 8000, 2**63), "leapt by")],
)
def test_a_count_that_is_set_anew_is_lost_and_nothing_of_it_is_told(answers, words):
    poller, told = poll(Source(*answers), 10, 4)
    assert words in poller.lost
    assert [5000, 8000] == told


def test_a_node_that_stands_still_is_a_trouble_after_three_refreshes_and_lost_after_ten():
    poller, told = poll(Source(5000), 10, 5)
    assert "has stood at 5000 J" in poller.trouble
    assert ("", [5000]) == (poller.lost, told)
    assert "has stood at 5000 J" in poll(Source(5000), 10, 12)[0].lost


def test_a_controller_that_is_away_for_a_minute_is_a_trouble_and_loses_nothing():
    away = NoAnswer("sstat: Unable to contact slurm controller")
    poller, told = poll(Source(5000, *[away] * 6, 14_000, 16_000), 10, 9)
    assert ("", "", [5000, 14_000, 16_000]) == (poller.lost, poller.trouble, told)
    assert {str(away): 6} == poller.summary()["reasons"]
    poller, told = poll(Source(5000, away), 10, 13)
    assert "Unable to contact slurm controller; no answer for" in poller.lost


def test_one_that_hangs_is_ended_at_its_limit_and_holds_nobody_up(cluster, opened):
    sensor = opened(timeout_s=0.2)
    until(sensor, len)
    cluster.says(delay_s=30)
    began_s = time.monotonic()
    until(sensor, lambda _: "has not answered within 0.2 s" in sensor.trouble)
    sensor.finish(time.monotonic_ns())
    assert time.monotonic() - began_s < 10
    assert sensor.summary()["missed"] >= 1


def test_answers_are_read_as_slurm_prints_them():
    assert 47 == consumed_J("4712.0|3\n4712.batch|47\n", "4712.batch")
    assert "" == shared("JobId=1 OverSubscribe=NO Contiguous=0")
    with pytest.raises(NoAnswer, match="OverSubscribe"):
        shared("JobId=1")
    found = configured("AcctGatherEnergyType = acct_gather_energy/ipmi\nJobAcctGatherType = jobacct_gather/cgroup\n")
    assert ("ipmi", True, None) == (found.plugin, found.gathers, found.ipmi_s)
    with pytest.raises(NoAnswer, match="exit code 3"):
        printed(lambda command, limit_s: Output(3, ""), ("sstat",), 1.0)
