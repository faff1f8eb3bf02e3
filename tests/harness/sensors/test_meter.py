"""The wall meters' sensor against a real HTTP server that answers as meters do: slow, wrong and dying ones included."""

import json
import threading
import time

import pytest

from harness.errors import SensorMissing
from harness.record import Kind, Quality
from harness.sensors import meter as sensor_module
from harness.sensors.meter import open_sensor
from harness.sensors.meter_answer import form_of
from harness.sensors.meter_http import Answer, Line, NoAnswer
from harness.sensors.meter_login import Login
from harness.sensors.meter_poll import Poller
from harness.sensors.sensor import Site

POWER, TOTAL = "meter/wall.power_W", "meter/wall.energy_J"
FAST = {"interval_ms": 50, "timeout_s": 0.3}


@pytest.fixture
def site(tmp_path):
    return Site(run_folder=tmp_path)


@pytest.fixture
def opened(site):
    """Open the sensor with some settings; closed at the end."""
    sensors = []

    def make(*settings, environment=None):
        sensors.append(
            open_sensor(settings[0] if len(settings) == 1 else settings, site, environment=environment or {})
        )
        return sensors[-1]

    yield make
    for sensor in sensors:
        sensor.close()


def shelly(meter, **settings):
    return {"kind": "shelly", "url": meter.url, **FAST, **settings}


def until(sensor, condition, patience_s=20):
    """Read on until something holds; every reading so far."""
    readings, deadline = [], time.monotonic() + patience_s
    while not condition(readings):
        assert time.monotonic() < deadline, (readings[-3:], sensor.trouble, sensor.lost)
        readings += sensor.read(time.monotonic_ns())
        time.sleep(0.005)
    return readings


def missing(opened, *settings, **options):
    with pytest.raises(SensorMissing) as caught:
        opened(*settings, **options)
    return caught.value


# -- what it delivers --------------------------------------------------------------------------------------------------


def test_a_meter_has_a_channel_of_power_and_one_of_its_own_total(opened, meter):
    power, total = opened(shelly(meter)).channels
    assert (POWER, "W", Kind.GAUGE, "wall") == (power.name, power.unit, power.kind, power.domain)
    assert (TOTAL, "J", Kind.COUNTER, "wall") == (total.name, total.unit, total.kind, total.domain)
    assert ("power_W", "energy_J", 0.05) == (power.quantity, total.quantity, power.refresh_s)
    assert (Quality.MEASURED, Quality.MEASURED) == (power.quality, total.quality)


@pytest.mark.parametrize(
    ("settings", "say", "power_W", "energy_J", "asked"),
    [
        ({"kind": "shelly"}, "shelly", 123.4, 56.789 * 3600, "/rpc/Switch.GetStatus?id=0"),
        ({"kind": "tasmota"}, "tasmota", 123.0, 1.234 * 3.6e6, "/cm?cmnd=Status%208"),
        (
            {"kind": "json", "power_path": "state", "energy_path": "attributes.total", "energy_unit": "kWh"},
            "home_assistant", 123.4, 1.5 * 3.6e6, "/api/states/sensor.plug?x=1",
        ),
    ],
)  # fmt: skip
def test_each_kind_is_asked_and_understood(opened, meter, meters, settings, say, power_W, energy_J, asked):
    meter.say = getattr(meters, say)
    path = asked if settings["kind"] == "json" else ""
    readings = until(opened({**settings, "url": meter.url + path, **FAST}), lambda found: len(found) >= 4)
    assert {(POWER, power_W), (TOTAL, energy_J)} == {(item.channel, round(item.value, 6)) for item in readings}
    assert {asked} == set(meter.paths)


def test_a_reading_is_stamped_with_the_middle_of_its_question(meter):
    line = Line(sensor_module.parse_address(meter.url), "/", None, 1.0)
    before_ns = time.monotonic_ns()
    answer = line.ask()
    assert before_ns < answer.asked_ns < answer.answered_ns < time.monotonic_ns()
    line.close()


def test_the_stamp_is_the_middle(meters):
    class Asked:
        def ask(self):
            return Answer(json.dumps(meters.shelly()).encode(), 1_000, 4_000)

    poller = Poller("a meter", Asked(), form_of({"kind": "shelly"}), 1.0, 1.0)
    poller.ask()
    assert [2_500] == [polled.t_ns for polled in poller.taken(0)]
    assert 3e-6 == poller._trips_s[0]


def test_stamps_never_go_back_and_lie_in_the_question(opened, meter):
    begin_ns = time.monotonic_ns()
    readings = until(opened(shelly(meter)), lambda found: len(found) >= 8)
    stamps = [item.t_ns for item in readings if item.channel == POWER]
    assert sorted(set(stamps)) == stamps
    assert begin_ns < stamps[0]
    assert stamps[-1] < time.monotonic_ns()


def test_the_connection_is_kept(opened, meter):
    until(opened(shelly(meter)), lambda found: len(found) >= 10)
    assert 1 == meter.connections


def test_a_connection_that_was_dropped_meanwhile_is_made_anew_without_a_miss(opened, meter):
    meter.behave = "keep-then-drop"
    sensor = opened(shelly(meter))
    until(sensor, lambda found: len(found) >= 10)
    assert meter.connections >= 5
    assert 0 == sensor.summary()["missed"]


def test_an_answer_in_chunks_is_read(opened, meter):
    meter.behave = "chunked"
    until(opened(shelly(meter)), lambda found: len(found) >= 6)
    assert 1 == meter.connections


def test_two_meters_have_a_thread_and_channels_each(opened, meter, meters):
    other = meters.FakeMeter()
    other.say = lambda: meters.shelly(7.0, 1.0)
    sensor = opened(shelly(meter, domain="wall-1"), shelly(other, domain="wall-2"))
    told = until(sensor, lambda found: {"meter/wall-1.power_W", "meter/wall-2.power_W"} <= {i.channel for i in found})
    assert {7.0} == {item.value for item in told if item.channel == "meter/wall-2.power_W"}
    assert ["wall-1", "wall-2"] == [item["domain"] for item in sensor.summary()["meters"]]
    other.close()


def test_a_slow_meter_delays_neither_the_reader_nor_the_other_meter(opened, meter, meters):
    slow = meters.FakeMeter()
    sensor = opened(shelly(meter, domain="wall-1"), shelly(slow, domain="wall-2", timeout_s=5))
    slow.behave = "slow"
    read_s = []

    def enough(found):
        begin_s = time.monotonic()
        found += sensor.read(time.monotonic_ns())
        read_s.append(time.monotonic() - begin_s)
        return sum(item.channel == "meter/wall-1.power_W" for item in found) >= 10

    until(sensor, enough)
    assert 0 < len(slow.paths) <= 3
    assert max(read_s) < 4
    slow.close()


def test_summary_tells_round_trips_and_counts(opened, meter):
    sensor = opened(shelly(meter))
    until(sensor, lambda found: len(found) >= 6)
    (facts,) = sensor.summary()["meters"]
    assert ("shelly", "wall", 0, {}, 1) == tuple(
        facts[key] for key in ("kind", "domain", "missed", "reasons", "connections")
    )
    assert facts["answered"] >= 3
    assert 0 < facts["round_trip_p50_s"] <= facts["round_trip_max_s"] < 0.3


def test_at_the_end_what_was_told_is_handed_over_and_nobody_is_asked_any_more(opened, meter):
    sensor = opened(shelly(meter))
    sensor.read(time.monotonic_ns())
    begun = len(meter.paths)
    give_up_s = time.monotonic() + 10
    while len(meter.paths) < begun + 3:
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
    assert len(sensor.finish(time.monotonic_ns())) >= 4
    asked = len(meter.paths)
    time.sleep(0.15)
    assert asked == len(meter.paths)
    assert not [thread for thread in threading.enumerate() if "meter of wall" in thread.name]


# -- missing is missing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        ("status", "HTTP 500"),
        ("redirect", "HTTP 302: it sends elsewhere, which is not followed"),
        ("slow", "no whole answer within 0.3 s"),
        ("drip", "no whole answer within 0.3 s"),
        ("huge", "an answer of more than 64 KiB"),
        ("endless", "an answer of more than 64 KiB"),
        ("continue", "an answer of more than 64 KiB"),
        ("garbage", "its answer is no HTTP"),
        ("half", "its answer is no JSON"),
        ("close", "it closed the connection"),
        ("silent", "its answer is empty"),
    ],
)
def test_a_meter_that_answers_badly_is_missing_with_the_reason_and_then_there_again(opened, meter, behave, why):
    sensor = opened(shelly(meter))
    until(sensor, lambda found: len(found) >= 2)
    meter.behave = behave
    until(sensor, lambda _: sensor.trouble)
    assert f"the shelly meter of wall gives no reading: {why}" == sensor.trouble
    missed = sensor.summary()["missed"]
    assert missed >= 1
    assert why in sensor.summary()["meters"][0]["reasons"]
    meter.behave = "well"
    until(sensor, lambda _: not sensor.trouble)
    assert {123.4} == {item.value for item in until(sensor, lambda found: len(found) >= 4) if item.channel == POWER}
    assert "" == sensor.lost


@pytest.mark.parametrize("said", [None, "12", -3.0, True])
def test_a_wrong_value_is_no_reading(opened, meter, meters, said):
    sensor = opened(shelly(meter))
    until(sensor, lambda found: len(found) >= 2)
    meter.say = lambda: meters.shelly(said)
    until(sensor, lambda _: sensor.trouble)
    assert [] == [item for item in sensor.read(time.monotonic_ns()) if item.value != 123.4 and item.channel == POWER]


def test_a_total_that_is_missing_now_and_then_is_counted_and_no_power_is_lost(opened, meter, meters):
    sensor = opened(shelly(meter))
    meter.say = lambda: meters.shelly(50.0, None)
    until(sensor, lambda found: sum(item.value == 50.0 for item in found) >= 3)
    assert {"aenergy.total is null"} == set(sensor.summary()["meters"][0]["without_total"])
    assert ("", "") == (sensor.trouble, sensor.lost)


# -- lost --------------------------------------------------------------------------------------------------------------


def test_a_meter_is_lost_after_two_seconds_or_five_intervals_or_three_time_limits():
    def limit_s(interval_s, timeout_s):
        return Poller("m", None, None, interval_s, timeout_s).limit_s

    assert (2.0, 5.0, 9.0) == (limit_s(0.05, 0.3), limit_s(1.0, 1.0), limit_s(1.0, 3.0))


def test_a_meter_that_dies_is_lost_and_says_for_how_long(opened, meter):
    sensor = opened(shelly(meter))
    until(sensor, lambda found: len(found) >= 2)
    sensor._meters[0].poller.limit_s = 0.2
    meter.behave = "close"
    until(sensor, lambda _: sensor.lost)
    assert "the shelly meter of wall gives no reading: it closed the connection" in sensor.lost
    assert "none for 0." in sensor.lost
    meter.behave = "well"
    until(sensor, lambda found: len(found) >= 2)
    assert sensor.lost


def test_a_total_that_goes_back_is_a_loss_at_once(opened, meter, meters):
    sensor = opened(shelly(meter))
    until(sensor, lambda found: len(found) >= 2)
    meter.say = lambda: meters.shelly(123.4, 1.0)
    until(sensor, lambda _: sensor.lost)
    assert "the total of the shelly meter of wall went back by 2.008e+05 J" in sensor.lost


# -- opening -----------------------------------------------------------------------------------------------------------


def test_a_meter_that_is_not_there_is_missing_with_what_was_asked_and_a_remedy(opened, meter):
    meter.close()
    fault = missing(opened, shelly(meter))
    what = "the shelly meter of wall gives no reading (GET /rpc/Switch.GetStatus?id=0): connection refused"
    assert what == fault.what
    assert "see that the meter is on" in fault.remedy


def test_the_record_of_a_missing_meter_holds_no_address(opened, meter):
    url = f"{meter.url}/private/path?key=secret"
    for behave in ("status", "garbage", "redirect", "half", "slow"):
        meter.behave = behave
        fault = missing(opened, {"kind": "json", "power_path": "a", "url": url, **FAST})
        text = f"{fault.what} {fault.where} {fault.remedy}"
        assert [] == [word for word in ("127.0.0.1", str(meter.port), "private", "secret") if word in text]


def test_neither_channels_nor_summary_hold_an_address(opened, meter):
    sensor = opened(shelly(meter))
    text = f"{sensor.channels} {json.dumps(sensor.summary())}"
    assert [] == [word for word in ("127.0.0.1", str(meter.port)) if word in text]


def test_every_meter_that_is_missing_is_named(opened, meter, meters):
    other = meters.FakeMeter()
    meter.behave = other.behave = "status"
    fault = missing(opened, shelly(meter, domain="wall-1"), shelly(other, domain="wall-2"))
    assert ("wall-1" in fault.what, "wall-2" in fault.what) == (True, True)
    other.close()


def test_a_total_that_is_named_but_not_there_is_refused(opened, meter, meters):
    settings = {"kind": "json", "url": meter.url, "power_path": "apower", "energy_path": "total", "energy_unit": "Wh"}
    fault = missing(opened, {**settings, **FAST})
    assert "tells no total: there is no total in its answer" in fault.what


def test_a_shelly_without_a_total_tells_its_power(opened, meter):
    meter.say = lambda: {"apower": 5.0}
    assert [POWER] == [channel.name for channel in opened(shelly(meter)).channels]


def test_an_address_may_come_from_the_environment(opened, meter):
    sensor = opened({"kind": "shelly", "url_env": "PLUG", **FAST}, environment={"PLUG": f"127.0.0.1:{meter.port}"})
    until(sensor, lambda found: found)


@pytest.mark.parametrize(
    ("environment", "words"), [({}, "PLUG, which is not set"), ({"PLUG": "http://me:pw@x"}, "no user and no password")]
)
def test_an_environment_that_does_not_hold_an_address_is_told_without_what_it_holds(opened, environment, words):
    fault = missing(opened, {"kind": "shelly", "url_env": "PLUG", **FAST}, environment=environment)
    assert words in fault.what
    assert "PLUG" in fault.remedy
    assert "pw" not in f"{fault.what} {fault.remedy}"


# -- who asks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "expected", "secrets"),
    [
        ("Digest", "swordfish", {"password_env": "SECRET"}),
        ("Basic", "YWRtaW46c3dvcmRmaXNo", {"password_env": "SECRET"}),
        ("Bearer", "swordfish", {"token_env": "SECRET"}),
    ],
)
def test_a_meter_that_asks_for_a_password_gets_it(opened, meter, scheme, expected, secrets):
    meter.scheme, meter.password = scheme, expected
    sensor = opened(shelly(meter, **secrets), environment={"SECRET": "swordfish"})
    until(sensor, lambda found: len(found) >= 6)
    assert 0 == sensor.summary()["missed"]
    assert "swordfish" not in f"{sensor.summary()} {sensor.channels}"


def test_tasmota_gets_its_password_in_the_question(opened, meter, meters):
    meter.say, meter.scheme, meter.password = meters.tasmota, "Query", "sword%20fish"
    settings = {"kind": "tasmota", "url": meter.url, "password_env": "SECRET", **FAST}
    until(opened(settings, environment={"SECRET": "sword fish"}), lambda found: found)


def test_a_wrong_password_is_told_and_never_shown(opened, meter):
    meter.password = "swordfish"
    fault = missing(opened, shelly(meter, password_env="SECRET"), environment={"SECRET": "trout"})
    assert "HTTP 401: it does not take the password" in fault.what
    assert "trout" not in f"{fault.what} {fault.remedy}"


def test_a_meter_that_asks_for_a_password_nobody_gave_is_told_with_the_key(opened, meter):
    meter.password = "swordfish"
    fault = missing(opened, shelly(meter))
    assert "HTTP 401: it asks for a password" in fault.what
    assert "password_env" in fault.remedy


def test_a_secret_that_is_not_set_is_told_by_its_name(opened, meter):
    fault = missing(opened, shelly(meter, token_env="SECRET"))
    assert "the token of the shelly meter of wall" in fault.what
    assert "export SECRET=" in fault.remedy


def test_a_digest_counts_its_questions():
    login = Login(user="Mufasa", password="Circle of Life")
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, nonce="7ypf", opaque="FQ"'
    )
    assert login.challenged([challenge])
    first, second = (login.headers("/dir/index.html")["Authorization"] for _ in range(2))
    assert ("nc=00000001" in first, "nc=00000002" in second, 'opaque="FQ"' in first) == (True, True, True)


def test_the_digest_is_that_of_the_standard(monkeypatch):
    """RFC 7616, 3.9.1."""
    login = Login(user="Mufasa", password="Circle of Life")
    own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr("harness.sensors.meter_login.os.urandom", lambda _: type("", (), {"hex": lambda _: own})())
    nonce = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    assert login.challenged([f'Digest realm="http-auth@example.org", qop="auth", algorithm=SHA-256, nonce="{nonce}"'])
    expected = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
    assert f'response="{expected}"' in login.headers("/dir/index.html")["Authorization"]


@pytest.mark.parametrize(
    "header", ["", "Negotiate", 'Digest algorithm=SHA-512-256, nonce="x"', 'Digest qop="auth-int"']
)
def test_a_way_of_asking_that_is_not_known_is_no_login(header):
    assert not Login(user="admin", password="x").challenged([header])


def test_tls_with_a_meter_that_speaks_plain_http_is_told(opened, meter):
    fault = missing(opened, shelly(meter, url=meter.url.replace("http:", "https:")))
    assert "no TLS with it" in fault.what or "no whole answer" in fault.what


def test_a_name_that_is_not_known_is_told_without_the_name(opened):
    fault = missing(opened, {"kind": "shelly", "url": "http://no-such-meter.invalid", "timeout_s": 2})
    assert "no-such-meter" not in fault.what


def test_a_question_that_cannot_be_sent_is_no_answer(meter):
    line = Line(sensor_module.parse_address(meter.url), "/a b", None, 1.0)
    with pytest.raises(NoAnswer):
        line.ask()
