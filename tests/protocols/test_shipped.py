"""Every shipped protocol is accepted, does what its head says, and every key is explained in the README."""

import itertools
import random
import re
import shlex
import tomllib

import pytest
from pydantic_core import PydanticUndefined

from harness.plan import make_plan
from harness.protocol import find, parse_overrides, read, shipped
from harness.protocol_refusals import known_keys

FOLDER = shipped("protocols")
NAMES = sorted(path.stem for path in FOLDER.glob("*.toml"))
README = (FOLDER / "README.md").read_text(encoding="utf-8")


def runs_in_head(name):
    """The ``nightwatt run`` lines of a protocol's head, each as a list of words."""
    head = [line for line in (FOLDER / f"{name}.toml").read_text().splitlines() if line.startswith("#")]
    lines = [line.removeprefix("#").strip() if line.startswith("#   ") else "" for line in head]
    text = "\n".join(lines).replace("\\\n", " ")
    starts = [match.start() for match in re.finditer(r"^nightwatt run", text, re.MULTILINE)]
    return [shlex.split(text[start:].split("\n\n")[0].split("\nnightwatt")[0]) for start in starts]


def overrides_of(words):
    return parse_overrides([value for option, value in itertools.pairwise(words) if option == "--set"])


def test_the_shipped_protocols_are_the_promised_ones():
    twins = ["architectures", "environments", "mixed-precision", "width-precision"]
    studies = [*twins, *(f"{name}-as-published" for name in twins), "inference-runtimes"]
    assert sorted(["aa", "demo", "pilot", *studies]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_protocol_is_accepted_as_it_stands(name):
    protocol = read(find(name))
    assert protocol.title
    assert make_plan(protocol).slots


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_in_a_protocols_head_are_accepted(name):
    commands = runs_in_head(name)
    assert commands, "no `nightwatt run` in its head"
    for words in commands:
        assert ["nightwatt", "run", name] == words[:3]
        assert {"--set"} == set(words[3::2]) or not words[3:]
        assert read(find(name), overrides_of(words))


@pytest.mark.parametrize("name", NAMES)
def test_the_small_form_needs_neither_card_nor_data(name):
    protocol = read(find(name), overrides_of(runs_in_head(name)[-1]))
    words = " ".join([*protocol.workload.command, *((protocol.warmup and protocol.warmup.command) or ())])
    levels = [level for levels in protocol.factors.values() for level in levels]
    assert "digits" in words or "digits" in levels or "inference.py" in words  # which makes its images itself
    assert "gpu" not in words
    assert len(make_plan(protocol).slots) <= 16
    assert protocol.sensors.fallback == "load_model" or protocol.sensors.constant
    assert not protocol.sensors.required
    assert not protocol.analysis.energy


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_protocol_names_a_baseline_of_its_own(name):
    protocol = read(find(name))
    analysis = protocol.analysis
    assert analysis.baseline in [analysis.rest(item.levels) for item in make_plan(protocol).configurations]


def test_the_demo_is_a_study_of_six_blocks_with_a_named_fallback():
    demo = read(find("demo"))
    assert {"width": (1, 2)} == demo.factors
    assert 6 == demo.design.blocks
    assert 1 >= demo.warmup.runs
    assert None not in (demo.sensors.nvml, demo.sensors.rapl, demo.sensors.machine)
    assert "load_model" == demo.sensors.fallback


def test_the_a_a_study_declares_its_label():
    aa = read(find("aa"))
    assert ("arm",) == aa.design.labels
    assert "{arm}" not in " ".join(aa.workload.command)


def test_the_published_order_of_study_2_is_planned_again():
    order = ["mixed_float16"] * 30 + ["float32"] * 30
    random.Random(42).shuffle(order)
    plan = make_plan(read(find("mixed-precision-as-published")))
    assert order == [slot.configuration for slot in plan.slots]
    assert {42} == {slot.seed for slot in plan.slots}


def test_study_2_is_compared_by_the_accuracy_that_was_published_and_by_the_best_one_where_it_is_done_right():
    published, right = (read(find(f"mixed-precision{end}")).analysis for end in ("-as-published", ""))
    assert ("accuracy_final", "accuracy") == (published.accuracy, right.accuracy)
    for analysis in (published, right):
        assert ["energy_per_accuracy_point"] == [item.ready for item in analysis.ratio]


def test_the_published_way_of_study_4_asks_for_power_once_a_second():
    cards = {name: read(find(name)).sensors.nvml for name in NAMES}
    published = cards["environments-as-published"]
    assert ("power_usage", 1000) == (published.via, published.interval_ms)
    assert ["environments-as-published"] == [name for name, nvml in cards.items() if nvml and nvml.via != "auto"]


def test_the_published_order_of_study_1_is_planned_again():
    plan = make_plan(read(find("width-precision-as-published")))
    expected = [f"width={width},precision={precision}" for width in (3, 2, 1) for precision in ("float32", "float16")]
    assert expected == [slot.configuration for slot in plan.slots]


# --- README -----------------------------------------------------------------------------------------------------------


def documented():
    """Key -> the cells of its row."""
    rows = re.findall(r"^\| `([a-z_A-Z.]+)` \| (.*?) \| (.*?) \| (.*) \|$", README, re.MULTILINE)
    assert len({row[0] for row in rows}) == len(rows), "a key is documented twice"
    return {key: cells for key, *cells in rows}


def leaves():
    """Every key that holds a value, with its field; sections are left out."""
    keys = known_keys()
    return {key: field for key, field in keys.items() if not any(other.startswith(f"{key}.") for other in keys)}


def sections():
    keys = known_keys()
    return {key for key in keys if any(other.startswith(f"{key}.") for other in keys)}


def plain(value):
    return list(value) if isinstance(value, tuple) else value


def test_every_key_is_documented_and_no_documented_key_is_unknown():
    assert set(leaves()) == set(documented())


@pytest.mark.parametrize("key", sorted(leaves()))
def test_the_documented_default_is_the_true_one(key):
    kind, default, meaning = documented()[key]
    field = leaves()[key]
    assert kind.strip()
    assert meaning.strip()
    if field.is_required():
        assert "required" == default
    else:
        value = field.get_default(call_default_factory=True)
        assert value is not PydanticUndefined
        if value is None:
            assert "–" == default
        else:
            assert plain(value) == tomllib.loads(f"value = {default.strip('`')}")["value"]


def test_every_section_is_named_in_the_readme():
    for section in sections():
        assert re.search(rf"\[{re.escape(section)}\]|`{re.escape(section)}\.", README), section


def test_every_shipped_protocol_is_in_the_readme():
    for name in NAMES:
        assert f"| `{name}` |" in README
