"""What is doubted of readings while they come in; pure but for a made-up /proc/stat, so the cases are made by hand."""

import pytest

from harness.channels import Channel, Kind, Quality
from harness.instruments.credibility import Credibility
from harness.sensors.sensor import Reading

MS = 1_000_000
S = 1000 * MS


def channel(name, kind=Kind.MEAN, refresh_s=0.02, quality=Quality.MEASURED, origin="nvml"):
    unit = name.rpartition("_")[2]
    domain = name.removeprefix(f"{origin}/").partition(".")[0]
    return Channel(name, unit, kind, domain, quality, "test", refresh_s, origin=origin)


POWER = channel("gpu0.power_W")
ENERGY = channel("gpu0.energy_J", Kind.COUNTER, 0.1)
LIMIT = channel("gpu0.power_limit_W", Kind.GAUGE, 1.0)
LOAD = channel("gpu0.utilisation_pct", Kind.GAUGE, 1.0)
HEAT = channel("gpu0.temperature_C", Kind.GAUGE, 1.0)
PACKAGE = channel("package-0.energy_J", Kind.COUNTER, 0.2, origin="rapl")
LOADED = "gpu0.utilisation_pct", 97.0
CARD = (POWER, ENERGY, LIMIT, LOAD, HEAT)


def doubts(*channels, **facts):
    return Credibility(channels or CARD, **facts)


def feed(credibility, name, values, *, begin_s=100, step_ms=20):
    credibility.take(Reading(begin_s * S + n * step_ms * MS, name, value) for n, value in enumerate(values))


def test_good_readings_raise_no_doubt():
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", [700.0] * 20, step_ms=1000)
    feed(credibility, "gpu0.utilisation_pct", [99.0] * 20, step_ms=1000)
    feed(credibility, "gpu0.power_W", [690.0 + n % 7 for n in range(1000)])
    feed(credibility, "gpu0.energy_J", [690.0 * n for n in range(20)], step_ms=1000)
    feed(credibility, "gpu0.temperature_C", [50.0] * 20, step_ms=1000)
    credibility.look(120 * S)
    assert ("", "", {}) == (credibility.lost, credibility.trouble, credibility.summary())


@pytest.mark.parametrize("name", ["gpu0.power_W", "gpu0.energy_J", "gpu0.temperature_C"])
def test_a_time_that_goes_back_is_nonsense(name):
    credibility = doubts()
    credibility.take([Reading(2 * S, name, 5.0), Reading(2 * S, name, 5.0)])
    assert "" == credibility.lost
    credibility.take([Reading(2 * S - 7 * MS, name, 6.0)])
    assert f"the time of {name} went back by 0.007 s" == credibility.lost


def test_each_channel_has_a_time_of_its_own():
    credibility = doubts()
    credibility.take([Reading(2 * S, "gpu0.power_W", 5.0), Reading(1 * S, "gpu0.energy_J", 5.0)])
    assert "" == credibility.lost


@pytest.mark.parametrize("quality", list(Quality))
def test_an_energy_that_falls_is_nonsense(quality):
    credibility = doubts(channel("constant/wall.energy_J", Kind.COUNTER, origin="constant", quality=quality))
    feed(credibility, "constant/wall.energy_J", [5.0, 5.0, 7.0])
    assert "" == credibility.lost
    feed(credibility, "constant/wall.energy_J", [6.5], begin_s=101)
    assert "constant/wall.energy_J went back by 0.5 J: an energy only grows" == credibility.lost


@pytest.mark.parametrize(("name", "unit"), [("gpu0.power_W", "W"), ("gpu0.energy_J", "J")])
def test_what_is_below_zero_is_nonsense(name, unit):
    credibility = doubts()
    feed(credibility, name, [0.0, -0.25])
    assert f"{name} is -0.25 {unit}: below zero" == credibility.lost


def test_a_power_that_falls_and_a_temperature_below_zero_are_none():
    credibility = doubts()
    feed(credibility, "gpu0.power_W", [500.0, 100.0])
    feed(credibility, "gpu0.temperature_C", [3.0, -5.0])
    assert "" == credibility.lost


def test_the_first_nonsense_stays():
    credibility = doubts()
    feed(credibility, "gpu0.power_W", [-1.0, -2.0])
    feed(credibility, "gpu0.energy_J", [5.0, 1.0])
    assert "gpu0.power_W is -1 W: below zero" == credibility.lost


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_readings_that_are_no_numbers_are_passed_over(value):
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", [700.0])
    feed(credibility, "gpu0.power_W", [100.0, value, 100.0] * 100)
    feed(credibility, "gpu0.energy_J", [5.0, value, 6.0])
    assert "" == credibility.lost


@pytest.mark.parametrize(("power_W", "lost"), [(839.0, False), (841.0, True)])
def test_a_second_above_one_and_a_fifth_of_the_enforced_limit_is_nonsense(power_W, lost):
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", [700.0])
    feed(credibility, "gpu0.power_W", [power_W] * 50)
    assert "" == credibility.lost  # less than a second is told yet
    feed(credibility, "gpu0.power_W", [power_W], begin_s=101)
    assert lost == ("gpu0.power_W tells 841 W over 1.0 s, where 700 W are enforced" in credibility.lost)


def test_a_counter_is_compared_with_the_limit_by_its_growth():
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", [700.0])
    feed(credibility, "gpu0.energy_J", [1e6, 1e6 + 80.0, 1e6 + 160.0], step_ms=100)
    assert "" == credibility.lost
    feed(credibility, "gpu0.energy_J", [1e6 + 4200.0, 1e6 + 5 * 700.0 * 1000.0], begin_s=105, step_ms=5000)
    assert "gpu0.energy_J tells" in credibility.lost


def test_a_peak_shorter_than_a_second_is_none():
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", [700.0])
    feed(credibility, "gpu0.power_W", ([1400.0] * 20 + [300.0] * 30) * 20)
    assert "" == credibility.lost


def test_a_limit_that_is_lowered_is_not_obeyed_in_the_same_second():
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", [700.0])
    feed(credibility, "gpu0.power_W", [690.0] * 51)
    feed(credibility, "gpu0.power_limit_W", [300.0], begin_s=101)
    feed(credibility, "gpu0.power_W", [690.0] * 10 + [290.0] * 100, begin_s=102)
    assert "" == credibility.lost
    feed(credibility, "gpu0.power_limit_W", [300.0, 300.0], begin_s=104)
    feed(credibility, "gpu0.power_W", [690.0] * 110, begin_s=105)
    assert "where 300 W are enforced" in credibility.lost


@pytest.mark.parametrize("limits_W", [[], [0.0]])
def test_without_a_known_limit_no_power_is_too_large(limits_W):
    credibility = doubts()
    feed(credibility, "gpu0.power_limit_W", limits_W)
    feed(credibility, "gpu0.power_W", [1e6] * 100)
    assert "" == credibility.lost


def test_the_limit_of_one_domain_does_not_bind_another_nor_a_model():
    other = channel("gpu1.power_W")
    model = channel("constant/gpu0.power_W", quality=Quality.MODELLED, origin="constant")
    credibility = doubts(LIMIT, other, model)
    feed(credibility, "gpu0.power_limit_W", [700.0])
    feed(credibility, "gpu1.power_W", [1e6] * 100)
    feed(credibility, "constant/gpu0.power_W", [1e6] * 100)
    assert "" == credibility.lost


def at_work(credibility, name, *, seconds, load_pct=97.0, value=412.0, step_ms=100, moving=False):
    """Seconds of a value that stands still, and of the load beside it; when the first trouble came, s."""
    came_s = None
    for n in range(seconds * 1000 // step_ms):
        t_ns = 100 * S + n * step_ms * MS
        credibility.take([Reading(t_ns, name, value + n * moving)])
        if n * step_ms % 1000 == 0:
            credibility.take([Reading(t_ns, "gpu0.utilisation_pct", load_pct)])
        if n * step_ms % 500 == 0:
            credibility.look(t_ns)
            came_s = n * step_ms / 1000 if credibility.trouble and came_s is None else came_s
    return came_s


@pytest.mark.parametrize("name", ["gpu0.power_W", "gpu0.energy_J"])
def test_a_value_that_stands_still_for_ten_seconds_of_load_is_told(name):
    credibility = doubts()
    assert 10.0 == at_work(credibility, name, seconds=15)
    unit = name[-1]
    assert (
        f"{name} has stood at 412 {unit} for more than 10 s although gpu0 is at work: is it still being read?"
        == credibility.trouble
    )
    longest = credibility.summary()[name]
    assert (14.0, 10.0, 412.0, unit) == (
        longest["loaded_ns"] / S, longest["limit_ns"] / S, longest["value"], longest["unit"],
    )  # fmt: skip
    assert "" == credibility.lost


def test_the_trouble_ends_with_the_next_change_and_the_report_keeps_it():
    credibility = doubts()
    at_work(credibility, "gpu0.power_W", seconds=15)
    credibility.take([Reading(116 * S, "gpu0.power_W", 413.0)])
    credibility.look(116 * S)
    assert "" == credibility.trouble
    for second in range(117, 122):
        credibility.take([Reading(second * S, name, value) for name, value in (("gpu0.power_W", 413.0), LOADED)])
        credibility.look(second * S)
    assert 14.0 == credibility.summary()["gpu0.power_W"]["loaded_ns"] / S


def test_a_value_that_moves_is_alive():
    credibility = doubts()
    assert at_work(credibility, "gpu0.power_W", seconds=30, moving=True) is None
    assert {} == credibility.summary()


def test_at_rest_a_value_may_stand_still():
    credibility = doubts()
    assert at_work(credibility, "gpu0.power_W", seconds=30, load_pct=3.0) is None
    assert {} == credibility.summary()


def test_only_the_time_at_work_counts():
    credibility = doubts()
    for second in range(60):
        t_ns = (100 + second) * S
        load_pct = 90.0 if second % 4 == 0 else 0.0
        credibility.take([Reading(t_ns, "gpu0.power_W", 412.0), Reading(t_ns, "gpu0.utilisation_pct", load_pct)])
        credibility.look(t_ns)
        assert ("" != credibility.trouble) == (second >= 40)


def test_a_value_that_is_not_read_does_not_stand_still():
    credibility = doubts()
    at_work(credibility, "gpu0.power_W", seconds=5)
    for second in range(60):
        credibility.take([Reading((106 + second) * S, "gpu0.utilisation_pct", 97.0)])
        credibility.look((106 + second) * S)
    assert "" == credibility.trouble


def test_where_no_load_is_known_there_is_no_verdict(tmp_path):
    credibility = doubts(POWER, channel("meter/wall.power_W", origin="meter"), root=tmp_path)
    feed(credibility, "gpu0.power_W", [412.0] * 2000)
    feed(credibility, "meter/wall.power_W", [412.0] * 2000)
    credibility.look(140 * S)
    assert ("", {}) == (credibility.trouble, credibility.summary())


def test_a_model_may_stand_still():
    model = channel("constant/gpu0.power_W", quality=Quality.MODELLED, origin="constant")
    credibility = doubts(LOAD, model)
    assert at_work(credibility, "constant/gpu0.power_W", seconds=30) is None


@pytest.mark.parametrize(
    ("documented_s", "seen_s", "limit_s"), [(0.02, None, 10), (0.02, 0.1, 10), (1.0, 0.1, 20), (0.02, 0.75, 15)]
)
def test_a_source_is_given_twenty_of_its_refreshes(documented_s, seen_s, limit_s):
    slow = channel("gpu0.power_W", refresh_s=documented_s)
    credibility = doubts(slow, LOAD, refresh_seen_s=lambda _name: seen_s)
    assert limit_s == at_work(credibility, "gpu0.power_W", seconds=30)


class ProcStat:
    """A /proc/stat of two processors, of which a share is busy."""

    def __init__(self, root):
        self.path = root / "proc/stat"
        self.path.parent.mkdir(parents=True)
        self.busy = self.idle = 1000.0
        self.pass_s(0, 0)

    def pass_s(self, seconds, share):
        self.busy += 2 * 100 * seconds * share
        self.idle += 2 * 100 * seconds * (1 - share)
        self.path.write_text(f"cpu  {self.busy:.0f} 0 0 {self.idle:.0f} 0 0 0 0 0 0\n")


@pytest.mark.parametrize(("share", "told"), [(0.2, False), (0.3, True)])
def test_a_package_that_stands_still_is_told_while_half_a_core_is_at_work(tmp_path, share, told):
    stat = ProcStat(tmp_path)
    credibility = doubts(PACKAGE, root=tmp_path, cpus=2)
    for n in range(150):
        t_ns = 100 * S + n * 100 * MS
        credibility.take([Reading(t_ns, "package-0.energy_J", 77.0)])
        stat.pass_s(0.1, share)
        if n % 5 == 0:
            credibility.look(t_ns)
    assert told == (
        "package-0.energy_J has stood at 77 J for more than 10 s although the machine" in credibility.trouble
    )
    assert told == ("package-0.energy_J" in credibility.summary())


def plugged(domain, origin, refresh_s=0.2, quantity="power_W", kind=Kind.GAUGE):
    return channel(f"{origin}/{domain}.{quantity}", kind, refresh_s, origin=origin)


def beside_busy_processors(tmp_path, item, *, seconds=15, share=1.0, value=134.0, seen_s=None, begin=(), card_pct=None):
    """What is told of a channel that stands still after the values ``begin``, read once a refresh."""
    stat = ProcStat(tmp_path)
    channels = (item,) if card_pct is None else (item, LOAD)
    credibility = doubts(*channels, root=tmp_path, cpus=2, refresh_seen_s=lambda _name: seen_s)
    values = [*begin, *[value] * round(seconds / item.refresh_s)]
    for n, one in enumerate(values):
        t_ns = 100 * S + round(n * item.refresh_s * S)
        credibility.take([Reading(t_ns, item.name, one)])
        if card_pct is not None and t_ns % S == 0:
            credibility.take([Reading(t_ns, LOAD.name, card_pct)])
        stat.pass_s(item.refresh_s, share)
        credibility.look(t_ns)
    assert (credibility.trouble != "") == (
        item.name in credibility.summary()
        and credibility.summary()[item.name]["loaded_ns"] >= credibility.summary()[item.name]["limit_ns"]
    )
    return credibility.trouble


@pytest.mark.parametrize(
    ("domain", "origin"),
    [
        ("wall", "meter"), ("wall-2", "meter"), ("node", "slurm"), ("system", "hwmon"), ("psys", "rapl"),
        ("dram-0", "rapl"), ("ina226-vdd", "hwmon"), ("module-0", "nvml"),
    ],
)  # fmt: skip
def test_every_measured_domain_that_stands_still_while_the_processors_work_is_told(tmp_path, domain, origin):
    item = plugged(domain, origin)
    told = beside_busy_processors(tmp_path, item)
    assert f"{item.name} has stood at 134 W for more than 10 s although the machine is at work" in told
    assert "" == beside_busy_processors(tmp_path / "idle", item, share=0.1)


def test_a_wall_meter_that_stands_still_while_a_card_works_is_told_and_names_the_card(tmp_path):
    item = plugged("wall", "meter")
    told = beside_busy_processors(tmp_path, item, share=0.0, card_pct=97.0)
    assert "meter/wall.power_W has stood at 134 W for more than 10 s although gpu0 is at work" in told
    assert "" == beside_busy_processors(tmp_path / "idle", item, share=0.0, card_pct=3.0)


def test_a_chip_on_a_card_whose_load_nobody_knows_may_stand_still(tmp_path):
    assert "" == beside_busy_processors(tmp_path, plugged("amdgpu-ppt", "hwmon"), seconds=30)


def test_a_meter_of_whole_watts_is_given_time_until_its_refreshes_were_seen(tmp_path):
    item = plugged("wall", "meter", refresh_s=1.0)
    whole, fine = (134.0, 135.0), (134.1, 133.9)
    assert "" == beside_busy_processors(tmp_path / "a", item, seconds=50, begin=whole)
    assert "more than 60 s" in beside_busy_processors(tmp_path / "b", item, seconds=70, begin=whole)
    assert "more than 20 s" in beside_busy_processors(tmp_path / "c", item, seconds=30, begin=fine)
    assert "more than 20 s" in beside_busy_processors(tmp_path / "d", item, seconds=30, begin=whole, seen_s=1.0)
    assert "" == beside_busy_processors(tmp_path / "e", item, seconds=150, begin=whole, seen_s=8.0)


def test_a_meter_s_total_is_judged_by_the_refreshes_that_were_seen_of_it(tmp_path):
    """One watt-hour at 134 W takes 27 s."""
    total = plugged("wall", "meter", quantity="energy_J", kind=Kind.COUNTER, refresh_s=1.0)
    assert "" == beside_busy_processors(tmp_path / "a", total, seconds=200)
    assert "" == beside_busy_processors(tmp_path / "b", total, seconds=200, seen_s=27.0)
    assert "more than 200 s" in beside_busy_processors(tmp_path / "c", total, seconds=220, seen_s=10.0)


def test_without_proc_the_load_is_not_known(tmp_path):
    credibility = doubts(PACKAGE, root=tmp_path)
    for n in range(60):
        credibility.take([Reading((100 + n) * S, "package-0.energy_J", 77.0)])
        credibility.look((100 + n) * S)
    assert "" == credibility.trouble


def test_the_processors_are_not_looked_at_while_all_packages_move(tmp_path):
    ProcStat(tmp_path)
    credibility = doubts(PACKAGE, root=tmp_path)
    for n in range(60):
        credibility.take([Reading((100 + n) * S, "package-0.energy_J", 77.0 + n)])
        credibility.look((100 + n) * S)
    assert credibility._workers._cpu_load is None
