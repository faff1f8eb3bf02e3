"""Hardware monitors on a made-up /sys: what is read, what it is called, and what is left alone."""

import errno

import pytest

from harness.channels import DOMAIN_NAME
from harness.domains import choose
from harness.errors import SensorMissing
from harness.record import Kind, Quality
from harness.sensors.hwmon import open_sensor
from harness.sensors.sensor import Reading, Site

S = 1_000_000_000


class Clock:
    """Time that the test moves; ``costs_ns`` passes at each look."""

    def __init__(self):
        self.t_ns = 10 * S
        self.costs_ns = 0

    def now_ns(self):
        self.t_ns += self.costs_ns
        return self.t_ns

    def sleep(self, seconds):
        self.t_ns += round(seconds * 1e9)


class Board:
    """A /sys/class/hwmon."""

    def __init__(self, root):
        self.root = root
        self.clock = Clock()
        (root / "sys/class/hwmon").mkdir(parents=True)

    def chip(self, number, name, device="", old_kind=False, **files):
        """A chip; its files stand in its device's folder where its driver is of the old kind."""
        folder = self.root / f"sys/class/hwmon/hwmon{number}"
        folder.mkdir()
        if device:
            place = self.root / "sys/devices" / device
            place.mkdir(parents=True, exist_ok=True)
            (folder / "device").symlink_to(place)
        where = folder / "device" if old_kind else folder
        for file, text in {"name": name, **files}.items():
            (where / file).write_text(f"{text}\n")
        return where

    def open(self, **settings):
        return open_sensor(settings, Site(run_folder=self.root, root=self.root), clock=self.clock)


@pytest.fixture
def board(tmp_path):
    return Board(tmp_path)


def domains(sensor):
    return [channel.domain for channel in sensor.channels]


def test_power_is_read_in_watts_and_energy_in_joules_since_the_first_reading(board):
    card = board.chip(3, "xe", "0000:03:00.0", power1_input=45_500_000, power1_label="card", energy1_input=7_000_000)
    (card / "energy1_label").write_text("card\n")
    sensor = board.open()
    assert ["hwmon/xe-card.energy_J", "hwmon/xe-card.power_W"] == [channel.name for channel in sensor.channels]
    assert [Kind.COUNTER, Kind.GAUGE] == [channel.kind for channel in sensor.channels]
    assert {"J", "W"} == {channel.unit for channel in sensor.channels}
    now_ns = board.clock.t_ns
    assert [
        Reading(now_ns, "hwmon/xe-card.energy_J", 0.0),
        Reading(now_ns, "hwmon/xe-card.power_W", 45.5),
    ] == sensor.read(now_ns)
    (card / "energy1_input").write_text("7250000\n")
    assert 0.25 == sensor.read(now_ns)[0].value


def test_a_domain_bears_the_chip_s_and_the_input_s_own_names(board):
    board.chip(0, "amdgpu", "0000:03:00.0", power1_average=1, power1_label="PPT")
    board.chip(
        1, "corsairpsu", "hid", power1_input=1, power1_label="power total", power2_input=1, power2_label="power +12v"
    )
    board.chip(2, "nouveau", "0000:04:00.0", power1_input=1)
    board.chip(3, "ina3221", "i2c-1", power1_input=1, power2_input=1)
    expected = ["amdgpu-ppt", "corsairpsu-power-total", "corsairpsu-power-12v", "nouveau", "ina3221-1", "ina3221-2"]
    sensor = board.open()
    assert expected == domains(sensor)
    assert {Quality.MEASURED} == {channel.quality for channel in sensor.channels}


@pytest.mark.parametrize(
    ("name", "label", "domain"),
    [
        ("amd_hsmp_hwmon", "", "amd_hsmp_hwmon"),
        ("_odd__chip_", "VDD_CORE (1.1 V)", "odd-chip-vdd_core-1-1-v"),
        ("x", "a_, b", "x-a-b"),
        ("Ä", "+", "unnamed"),
    ],
)
def test_whatever_a_chip_calls_itself_its_domain_can_be_called_so(board, name, label, domain):
    board.chip(0, name, "place", power1_input=1, power1_label=label)
    assert [domain] == domains(board.open())
    assert DOMAIN_NAME.fullmatch(domain)


def test_chips_of_one_name_are_told_apart_by_their_place_on_the_bus(board):
    for number, place in ((0, "0000:83:00.0"), (7, "0000:03:00.0")):
        board.chip(number, "amdgpu", place, power1_average=1, power1_label="PPT", energy1_input=5)
    found = set(domains(board.open()))
    assert {
        "amdgpu-0000-83-00-0-ppt", "amdgpu-0000-03-00-0-ppt", "amdgpu-0000-83-00-0", "amdgpu-0000-03-00-0",
    } == found  # fmt: skip


def test_the_numbers_that_a_boot_gives_out_change_no_name(tmp_path):
    names = []
    for boot, numbers in enumerate(((0, 1), (5, 2))):
        board = Board(tmp_path / str(boot))
        for number, place in zip(numbers, ("0000:83:00.0", "0000:03:00.0"), strict=True):
            board.chip(number, "amdgpu", place, power1_average=1)
        names.append(set(domains(board.open())))
    assert names[0] == names[1]


def test_what_cannot_be_told_apart_is_read_once(board):
    board.chip(0, "jc42", power1_input=1)
    board.chip(1, "jc42", power1_input=2)
    board.chip(2, "ltc", "i2c-0", power1_input=1, power1_label="rail", power2_input=1, power2_label="rail")
    sensor = board.open()
    assert ["jc42", "ltc-rail"] == domains(sensor)
    left_out = sensor.summary()["left_out"]
    assert "cannot be told from that of hwmon0" == left_out["jc42 power1_input of hwmon1"]
    assert "ltc power2_input (rail) of hwmon2" in left_out


@pytest.mark.parametrize(
    ("files", "how", "refresh_s"),
    [
        ({"power1_input": 1}, "power1_input, an instant, polled", 0.2),
        ({"power1_average": 1}, "power1_average, a mean over a time that its driver does not tell, polled", 0.2),
        ({"power1_average": 1, "power1_average_interval": 1000}, "a mean of 1 s stamped at its middle, polled", 1.0),
        ({"power1_average": 1, "power1_average_interval": 300_000}, "a mean of 300 s, polled", 300.0),
        ({"energy1_input": 1}, "energy1_input, a counter", 0.2),
    ],
)
def test_the_source_says_whether_it_is_an_instant_a_mean_or_a_counter(board, files, how, refresh_s):
    board.chip(0, "chip", "place", **files)
    (channel,) = board.open().channels
    assert channel.source.startswith("hwmon chip ")
    assert channel.source.endswith(how)
    assert refresh_s == channel.refresh_s


def test_a_mean_is_read_rather_than_an_instant_of_the_same(board):
    board.chip(0, "amdgpu", "0000:03:00.0", power1_input=9_000_000, power1_average=5_000_000, power1_label="PPT")
    sensor = board.open()
    (reading,) = sensor.read(0)
    assert 5.0 == reading.value
    assert "power1_average is read" in sensor.summary()["left_out"]["amdgpu power1_input (PPT)"]


def test_a_mean_is_stamped_at_its_middle_and_followed_beyond_the_end(board):
    board.chip(0, "power_meter", "ACPI000D:00", power1_average=200_000_000, power1_average_interval=1000)
    sensor = board.open()
    now_ns = board.clock.t_ns
    (reading,) = sensor.read(now_ns)
    assert now_ns - S // 2 == reading.t_ns
    ended_ns = board.clock.t_ns
    last = sensor.finish(ended_ns)[-1]
    assert ended_ns <= last.t_ns <= ended_ns + S // 4


def test_an_instant_needs_no_waiting_at_the_end(board):
    board.chip(0, "nouveau", "place", power1_input=1)
    sensor = board.open()
    assert 1 == len(sensor.finish(board.clock.t_ns))
    assert 10 * S == board.clock.t_ns


def test_files_of_a_driver_of_the_old_kind_stand_with_the_device(board):
    board.chip(0, "power_meter", "ACPI000D:00", old_kind=True, power1_average=123_000_000, power1_accuracy="90.0%")
    sensor = board.open()
    assert 123.0 == sensor.read(0)[0].value
    assert {"hwmon/power_meter.power_W": "90.0%"} == sensor.summary()["accuracy"]


@pytest.mark.parametrize(
    ("measures", "domain"), [("LNXSYBUS:00", "system"), ("device:4a", "power_meter"), ("", "power_meter")]
)
@pytest.mark.parametrize("old_kind", [False, True])
def test_an_acpi_meter_is_the_system_only_where_it_says_so(board, measures, domain, old_kind):
    board.chip(0, "power_meter", "ACPI000D:00", old_kind, power1_average=1)
    if measures:
        (board.root / "sys/devices/ACPI000D:00/measures" / measures).mkdir(parents=True)
    assert [domain] == domains(board.open())


def amd_energy(board, nodes):
    """The chip of a machine with so many NUMA nodes, each of the package that ``nodes`` gives it."""
    files = {"energy1_input": 1_000_000, "energy1_label": "Ecore000", "energy2_input": 1, "energy2_label": "Ecore001"}
    for node, package in enumerate(nodes):
        files |= {f"energy{node + 3}_input": 5_000_000, f"energy{node + 3}_label": f"Esocket{node}"}
        cpu = 8 * node
        for path, text in (
            (f"sys/devices/system/node/node{node}/cpulist", f"{cpu}-{cpu + 7},{cpu + 64}-{cpu + 71}"),
            (f"sys/devices/system/cpu/cpu{cpu}/topology/physical_package_id", package),
        ):
            (board.root / path).parent.mkdir(parents=True)
            (board.root / path).write_text(f"{text}\n")
    board.chip(4, "amd_energy", "amd_energy.0", **files)


def test_amd_s_sockets_are_packages(board):
    amd_energy(board, nodes=(0, 1))
    sensor = board.open()
    assert ["hwmon/package-0.energy_J", "hwmon/package-1.energy_J"] == [channel.name for channel in sensor.channels]
    assert "single cores" in sensor.summary()["left_out"]["amd_energy Ecore…"]


def test_nodes_of_one_package_are_not_counted_as_packages(board):
    amd_energy(board, nodes=(0, 0, 1, 1))
    sensor = board.open()
    assert ["package-0", "package-1"] == domains(sensor)
    assert "the counter of Esocket0: both are package 0" in sensor.summary()["left_out"].values()


def test_a_socket_whose_package_is_not_told_keeps_the_chip_s_name(board):
    board.chip(0, "amd_energy", "amd_energy.0", energy1_input=1, energy1_label="Esocket0")
    assert ["amd_energy-esocket0"] == domains(board.open())


def test_domains_of_unknown_names_are_summed_only_when_declared(board):
    board.chip(0, "amdgpu", "0000:03:00.0", power1_average=1, power1_label="PPT")
    amd_energy(board, nodes=(0,))
    told = [(channel.domain, "hwmon", str(channel.quality)) for channel in board.open().channels]
    assert ("package-0",) == choose(told).domains
    assert ("package-0", "amdgpu-ppt") == choose(told, ("package-0", "amdgpu-ppt")).domains


@pytest.mark.parametrize("kind", ["Battery", "Mains", "USB"])
def test_what_flows_into_a_battery_or_through_a_charger_is_not_read(board, kind):
    board.chip(0, "BAT0", "BAT0", power1_input=12_000_000)
    (board.root / "sys/devices/BAT0/type").write_text(f"{kind}\n")
    board.chip(1, "power_meter", "ACPI000D:00", power1_average=1, power1_is_battery=1)
    board.chip(2, "nouveau", "place", power1_input=1)
    sensor = board.open()
    assert ["nouveau"] == domains(sensor)
    assert "a battery" in sensor.summary()["left_out"]["BAT0"]
    assert "a battery" in sensor.summary()["left_out"]["power_meter power1_average"]


def test_only_the_chips_that_are_named_are_read(board):
    board.chip(0, "amdgpu", "0000:03:00.0", power1_average=1)
    board.chip(1, "amdgpu", "0000:83:00.0", power1_average=1)
    board.chip(2, "nouveau", "place", power1_input=1)
    assert 3 == len(board.open().channels)
    assert ["amdgpu-0000-03-00-0", "amdgpu-0000-83-00-0"] == domains(board.open(chips=("amdgpu",)))
    assert ["amdgpu-0000-83-00-0"] == domains(board.open(chips=["amdgpu-0000-83-00-0"]))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("amdgpp", "no hardware monitor is called amdgpp; there are: coretemp, nouveau"),
        ("coretemp", r"no power or energy can be read of coretemp \(of those that tell any: nouveau\)"),
    ],
)
def test_a_named_chip_that_is_not_there_or_tells_no_power_is_missing(board, name, reason):
    board.chip(0, "coretemp", "coretemp.0", temp1_input=40_000)
    board.chip(1, "nouveau", "place", power1_input=1)
    with pytest.raises(SensorMissing, match=reason) as caught:
        board.open(chips=("nouveau", name))
    assert "sensors.hwmon.chips" in caught.value.remedy


def test_without_any_power_it_is_missing_and_says_what_was_looked_at(board):
    board.chip(0, "coretemp", "coretemp.0", temp1_input=40_000)
    board.chip(1, "nvme", "nvme0", temp1_input=30_000, power1_cap=5)
    with pytest.raises(SensorMissing, match=r"no hardware monitor tells power or energy \(looked at coretemp, nvme\)"):
        board.open()


def test_without_any_monitor_it_is_missing(board, tmp_path):
    with pytest.raises(SensorMissing, match="is empty"):
        board.open()
    with pytest.raises(SensorMissing, match="is not there"):
        open_sensor({}, Site(run_folder=tmp_path, root=tmp_path / "elsewhere"))


def test_what_may_not_be_read_is_left_out_with_the_remedy(board, deny):
    board.chip(0, "amd_energy", "amd_energy.0", energy1_input=1, energy1_label="Esocket0")
    board.chip(1, "nouveau", "place", power1_input=1)
    deny("energy1_input")
    sensor = board.open()
    assert ["nouveau"] == domains(sensor)
    assert "sudo chmod a+r" in sensor.summary()["left_out"]["amd_energy energy1_input (Esocket0)"]


def test_an_input_that_is_switched_off_is_left_out(board):
    (board.chip(0, "ina2xx", "i2c-1", power1_input=1, power2_input=1) / "power2_input").write_text("")
    sensor = board.open()
    assert ["ina2xx-1"] == domains(sensor)
    assert "it cannot be read" in sensor.summary()["left_out"]["ina2xx power2_input"]


def test_a_read_that_fails_is_missing_and_a_chip_that_has_gone_is_lost(board, monkeypatch):
    card = board.chip(0, "amdgpu", "0000:03:00.0", power1_average=7_000_000)
    sensor = board.open()
    (card / "power1_average").write_text("")
    assert [] == sensor.read(0)
    assert "amdgpu: " in sensor.trouble
    assert "" == sensor.lost
    (card / "power1_average").write_text("8000000\n")
    assert 8.0 == sensor.read(0)[0].value
    assert ("", 1) == (sensor.trouble, sensor.summary()["missed"])

    def gone(*_):
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr("os.pread", gone)
    for _ in range(26):
        board.clock.sleep(0.2)
        assert [] == sensor.read(0)
    assert "amdgpu: it could not be read for 5" in sensor.lost
    assert "No such device" in sensor.lost


def test_an_energy_that_goes_back_is_lost_not_unwrapped(board):
    card = board.chip(0, "xe", "0000:03:00.0", energy1_input=2**32 - 1)
    sensor = board.open()
    sensor.read(0)
    (card / "energy1_input").write_text("5\n")
    assert [] == sensor.read(0)
    assert "xe: its counter went back by 4295 J" == sensor.lost


def test_chips_that_answer_slowly_are_read_more_seldom(board):
    board.chip(0, "power_meter", "ACPI000D:00", power1_average=1)
    assert 0.2 == board.open().period_s
    board.clock.costs_ns = 90_000_000
    sensor = board.open()
    assert 0.9 == pytest.approx(sensor.period_s)
    assert 0.9 == pytest.approx(sensor.channels[0].refresh_s)


def test_what_is_opened_is_closed(board):
    board.chip(0, "xe", "0000:03:00.0", power1_input=1, energy1_input=1)
    (board.chip(1, "ina2xx", "i2c-1", power1_input=1) / "power1_input").write_text("")
    before = open_files(board)
    sensor = board.open()
    assert before + 2 == open_files(board)
    sensor.close()
    assert before == open_files(board)


def open_files(board):
    from pathlib import Path

    return sum(str(board.root) in str(path.resolve()) for path in Path("/proc/self/fd").iterdir() if path.exists())
