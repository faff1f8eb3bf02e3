import pytest

from harness.meter_checks import check_meters
from harness.protocol_model import Protocol

SHELLY = {"kind": "shelly", "url": "http://192.0.2.7"}
JSON = {"kind": "json", "url": "http://192.0.2.7/status?all=1", "power_path": "meters.0.power"}


@pytest.fixture
def found():
    """The problems of a protocol's meters, by key."""

    def problems(*meters):
        body = {"title": "t", "workload": {"command": ("true",)}, "sensors": {"meter": meters}}
        return {problem.key: problem for problem in check_meters(Protocol.model_validate(body))}

    return problems


@pytest.mark.parametrize(
    "meter",
    [
        SHELLY,
        JSON,
        {**SHELLY, "url": "plug.example:8080"},
        {"kind": "tasmota", "url_env": "PLUG", "password_env": "PLUG_PASSWORD", "outlet": 1},
        {**JSON, "energy_path": "meters.0.total", "energy_unit": "kWh", "token_env": "TOKEN"},
    ],
)
def test_nothing_is_wrong_with_a_sound_meter(found, meter):
    assert {} == found(meter)


@pytest.mark.parametrize(
    ("change", "key", "what", "remedy"),
    [
        ({"url": None}, "url", "its address is missing", "url_env"),
        ({"url_env": "PLUG"}, "url", "its address is given twice", "url_env"),
        ({"url": "ftp://192.0.2.7"}, "url", "an address begins with http:// or https://", "http://"),
        ({"url": "http://me:secret@192.0.2.7"}, "url", "an address holds no user and no password", "password_env"),
        ({"url": "http://192.0.2.7:port"}, "url", "its host or its port is none", "http://"),
        ({"url": "http://"}, "url", "it names no host", "http://"),
        ({"url": "http://a b"}, "url", "no blanks", "http://"),
        ({"url": "http://192.0.2.7/status"}, "url", "asked at a path of its own", 'kind = "json"'),
        ({"domain": "the wall"}, "domain", "no domain can be called so", "letters"),
        ({"domain": "meter/wall"}, "domain", "no domain can be called so", "letters"),
        ({"password_env": "it's secret"}, "password_env", "no environment variable", "never written here"),
        ({"password_env": "A", "token_env": "B"}, "token_env", "a password and a token", "keep one"),
        ({"user": 'a"b'}, "user", "no user can be called so", ""),
        ({"power_path": "apower"}, "power_path", "have their known places", 'kind = "json"'),
        ({"energy_unit": "Wh"}, "energy_unit", "unit is known", "leave it out"),
    ],
)
def test_what_is_wrong_with_a_meter_is_said_with_its_remedy(found, change, key, what, remedy):
    (problem,) = found({**SHELLY, **change}).values()
    assert f"sensors.meter.{key}" == problem.key
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"power_path": None}, "power_path"),
        ({"power_path": "a..b"}, "power_path"),
        ({"energy_path": "total"}, "energy_unit"),
        ({"energy_unit": "Wh"}, "energy_unit"),
    ],
)
def test_a_meter_of_kind_json_says_where_its_numbers_stand(found, change, key):
    assert [f"sensors.meter.{key}"] == list(found({**JSON, **change}))


def test_each_of_two_meters_has_a_domain_of_its_own(found):
    assert "two meters of one domain, 'wall'" in found(SHELLY, SHELLY)["sensors.meter"].what
    assert {} == found({**SHELLY, "domain": "wall-1"}, {**SHELLY, "domain": "wall-2"})


def test_the_fault_of_one_of_two_meters_is_told_with_its_place(found):
    assert ["sensors.meter[1].url"] == list(found(SHELLY, {**SHELLY, "url": "", "domain": "wall-2"}))


def test_a_refused_address_is_not_shown(found):
    (problem,) = found({**SHELLY, "url": "http://me:secret@192.0.2.7"}).values()
    assert "secret" not in f"{problem}"
