"""What meters say, and what they should not say."""

import json

import pytest

from harness.sensors.meter_answer import form_of
from harness.sensors.meter_http import NoAnswer

JSON = {"kind": "json", "power_path": "state"}
TOTAL = {**JSON, "energy_path": "attributes.total", "energy_unit": "kWh"}


def told(settings, said):
    return form_of(settings).told(said if isinstance(said, bytes) else json.dumps(said).encode())


def test_a_shelly_tells_watts_and_watt_hours(meters):
    assert "/rpc/Switch.GetStatus?id=2" == form_of({"kind": "shelly", "outlet": 2}).question
    assert (123.4, pytest.approx(56.789 * 3600), "") == told({"kind": "shelly"}, meters.shelly())


def test_tasmota_tells_watts_and_kilowatt_hours(meters):
    assert "/cm?cmnd=Status%208" == form_of({"kind": "tasmota"}).question
    assert (123.0, pytest.approx(1.234 * 3.6e6), "") == told({"kind": "tasmota"}, meters.tasmota())


def test_of_a_strip_one_outlet_is_taken_and_never_the_total_of_all(meters):
    strip = {"kind": "tasmota", "outlet": 1}
    assert (20.0, None) == told(strip, meters.tasmota([10, 20], 1.234))[:2]
    assert "all outlets" in told(strip, meters.tasmota([10, 20], 1.234)).energy_why
    assert (20.0, pytest.approx(3.6e6)) == told(strip, meters.tasmota([10, 20], [0.5, 1.0]))[:2]
    with pytest.raises(NoAnswer, match="null"):
        told(strip, meters.tasmota([10], 1.234))


def test_home_assistants_texts_are_numbers_where_they_are_decimal(meters):
    assert (123.4, pytest.approx(1.5 * 3.6e6), "") == told(TOTAL, meters.home_assistant())
    assert 120.0 == told(JSON, meters.home_assistant(" 1.2e2 ")).power_W


@pytest.mark.parametrize("state", ["unavailable", "unknown", "", "12,5", "0x10", "inf", "nan", "1_000", "١٢"])
def test_a_text_that_is_no_decimal_number_is_missing(meters, state):
    with pytest.raises(NoAnswer, match="state is a text, no number"):
        told(JSON, meters.home_assistant(state))


def test_a_text_is_no_number_where_a_number_is_documented(meters):
    with pytest.raises(NoAnswer, match="apower is a text"):
        told({"kind": "shelly"}, meters.shelly("123.4"))


def test_a_path_leads_through_objects_and_lists():
    settings = {"kind": "json", "power_path": "meters.1.watts"}
    assert 5.0 == told(settings, {"meters": [{"watts": 4}, {"watts": 5}]}).power_W


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"", "its answer is empty"),
        (b"<html>", "its answer is no JSON"),
        (b"\xff\xfe\x00", "its answer is no JSON"),
        (b"[" * 60_000, "its answer is no JSON"),
        (b"1" * 10_000, "its answer is no JSON"),
        ({}, "there is no apower"),
        ([1], "there is no apower"),
        (None, "there is no apower"),
        ({"apower": None}, "apower is null"),
        ({"apower": True}, "apower is no number"),
        ({"apower": {"value": 1}}, "apower is no number"),
        ({"apower": [1]}, "apower is no number"),
        (b'{"apower": NaN}', "apower is no number"),
        (b'{"apower": 1e999}', "apower is no number"),
        (b'{"apower": ' + b"9" * 400 + b"}", "apower is no number"),
        ({"apower": -0.5}, "its power is negative"),
        ({"apower": 123456789}, "beyond any socket"),
    ],
)
def test_a_power_that_is_none_is_missing_with_its_reason(said, why):
    with pytest.raises(NoAnswer, match=why):
        told({"kind": "shelly"}, said)


def test_no_power_at_all_is_a_power():
    assert 0.0 == told({"kind": "shelly"}, {"apower": 0}).power_W


@pytest.mark.parametrize("total", [None, "1.5", -1.0, True, [1.5], float("inf")])
def test_a_total_that_is_none_takes_no_power_with_it(meters, total):
    found = told({"kind": "shelly"}, meters.shelly(total_Wh=total))
    assert (123.4, None) == (found.power_W, found.energy_J)
    assert found.energy_why
