import itertools
import json
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.commands import Source
from harness.plan import Plan, document, make_plan
from harness.protocol_model import Protocol
from harness.record import RunName


def protocol(levels=("a", "b", "c"), *, baseline=False, warmup=0, **design):
    """A protocol of one factor."""
    body = {
        "title": "t",
        "workload": {"command": ("true",)},
        "factors": {"arm": tuple(levels)},
        "design": design,
    }
    if baseline:
        body["baseline"] = {"duration_s": 1.0}
    if warmup:
        body["warmup"] = {"runs": warmup}
    return Protocol.model_validate(body)


protocols = st.builds(
    lambda k, **settings: protocol([f"c{index}" for index in range(k)], **settings),
    k=st.integers(1, 7),
    blocks=st.integers(1, 12),
    order=st.sampled_from(["blocks", "shuffle", "latin", "listed"]),
    seed=st.integers(0, 2**40),
    workload_seed=st.sampled_from(["per-block", "per-run", "fixed"]),
    warmup=st.integers(0, 2),
    baseline=st.booleans(),
)


def measured(plan):
    return [slot for slot in plan.slots if slot.block > 0]


@given(protocols)
def test_every_configuration_is_run_equally_often(asked):
    plan = make_plan(asked)
    counts = Counter(slot.configuration for slot in measured(plan))
    assert dict.fromkeys([item.name for item in plan.configurations], asked.design.blocks) == counts


@given(protocols.filter(lambda asked: asked.design.order in ("blocks", "latin")))
def test_each_block_holds_every_configuration_once(asked):
    plan = make_plan(asked)
    names = sorted(item.name for item in plan.configurations)
    blocks = [list(slots) for _, slots in itertools.groupby(measured(plan), key=lambda slot: slot.block)]
    assert asked.design.blocks == len(blocks)
    for number, slots in enumerate(blocks, start=1):
        assert names == sorted(slot.configuration for slot in slots)
        assert [(number, position) for position in range(1, len(names) + 1)] == [(s.block, s.position) for s in slots]
        assert {number} == {slot.replicate for slot in slots}


@given(protocols)
def test_equal_inputs_give_an_equal_plan(asked):
    assert make_plan(asked) == make_plan(asked.model_copy(deep=True))


@given(protocols)
def test_a_plan_survives_json(asked):
    plan = make_plan(asked)
    assert plan == Plan.from_json(json.loads(json.dumps(plan.to_json())))


@given(protocols)
def test_replicates_count_the_runs_of_a_configuration_in_their_order(asked):
    plan = make_plan(asked)
    for configuration in plan.configurations:
        own = [slot.replicate for slot in measured(plan) if slot.configuration == configuration.name]
        assert list(range(1, asked.design.blocks + 1)) == own


@given(protocols)
def test_slot_keys_are_unique_and_are_names_of_run_folders(asked):
    keys = [slot.key for slot in make_plan(asked).slots]
    assert len(set(keys)) == len(keys)
    for key in keys:
        name = RunName.parse(f"{key}-a1-x")
        assert name is not None
        assert key == name.slot


@given(protocols)
def test_workload_seeds_follow_their_rule(asked):
    slots = measured(make_plan(asked))
    match asked.design.workload_seed:
        case "fixed":
            assert {asked.design.seed} == {slot.seed for slot in slots}
        case "per-block":
            by_replicate = {(slot.replicate, slot.seed) for slot in slots}
            assert asked.design.blocks == len(by_replicate) == len({seed for _, seed in by_replicate})
        case "per-run":
            assert len(slots) == len({slot.seed for slot in slots})
    assert all(0 <= slot.seed < 2**31 for slot in slots if asked.design.workload_seed != "fixed")


@given(protocols)
def test_discarded_runs_are_block_0_in_the_listed_order_and_come_first(asked):
    plan = make_plan(asked)
    rounds = asked.warmup.runs if asked.warmup else 0
    names = [item.name for item in plan.configurations] * rounds
    first = plan.slots[: len(names)]
    assert names == [slot.configuration for slot in first]
    assert all(slot.block == 0 and not slot.baseline for slot in first)
    assert all(slot.block > 0 for slot in plan.slots[len(names) :])


@given(protocols)
def test_the_baseline_is_taken_once_for_each_round_of_configurations(asked):
    plan = make_plan(asked)
    flagged = [index for index, slot in enumerate(measured(plan)) if slot.baseline]
    step = len(plan.configurations)
    assert (list(range(0, step * asked.design.blocks, step)) if asked.baseline else []) == flagged


@given(st.integers(1, 8), st.integers(1, 20), st.integers(0, 99))
def test_latin_positions_differ_by_at_most_one(k, blocks, seed):
    plan = make_plan(protocol([f"c{index}" for index in range(k)], order="latin", blocks=blocks, seed=seed))
    counts = Counter((slot.configuration, slot.position) for slot in plan.slots)
    seen = [counts[item.name, position] for item in plan.configurations for position in range(1, k + 1)]
    assert max(seen) - min(seen) <= 1


@pytest.mark.parametrize("k", [2, 3, 4, 5, 6, 7])
def test_in_a_whole_latin_design_each_configuration_follows_each_other_equally_often(k):
    rows = k if k % 2 == 0 else 2 * k
    plan = make_plan(protocol([f"c{index}" for index in range(k)], order="latin", blocks=rows))
    follows = Counter(
        (before.configuration, after.configuration)
        for before, after in itertools.pairwise(plan.slots)
        if before.block == after.block
    )
    assert k * (k - 1) == len(follows)
    assert 1 == len(set(follows.values()))


@given(protocols.filter(lambda asked: asked.design.order == "blocks"), st.integers(1, 5))
def test_a_longer_night_begins_with_the_blocks_of_the_shorter_one(asked, more):
    design = asked.design.model_copy(update={"blocks": asked.design.blocks + more, "workload_seed": "per-block"})
    shorter = asked.model_copy(update={"design": asked.design.model_copy(update={"workload_seed": "per-block"})})
    plan = make_plan(shorter)
    assert plan.slots == make_plan(asked.model_copy(update={"design": design})).slots[: len(plan.slots)]


@pytest.mark.parametrize("rule", ["per-block", "per-run"])
def test_no_seed_is_drawn_twice_even_where_few_are_left(monkeypatch, rule):
    monkeypatch.setattr("harness.plan._SEEDS", 64)
    plan = make_plan(protocol(["a"], blocks=60, workload_seed=rule))
    assert 60 == len({slot.seed for slot in plan.slots})


def test_blocks_come_in_different_orders():
    plan = make_plan(protocol(blocks=30))
    rows = {tuple(s.configuration for s in slots) for _, slots in itertools.groupby(plan.slots, lambda s: s.block)}
    assert 6 == len(rows)


def test_a_published_shuffle_of_30_mixed_and_30_float32_runs_with_seed_42_is_had_again():
    published = ["mixed_float16"] * 30 + ["float32"] * 30
    random.Random(42).shuffle(published)
    plan = make_plan(protocol(["mixed_float16", "float32"], order="shuffle", blocks=30, seed=42))
    order = [slot.configuration for slot in plan.slots]
    assert published == order
    head = ["float32", "mixed_float16", "float32", "mixed_float16", "mixed_float16", "mixed_float16", "float32"]
    assert head == order[:7]
    assert [(1, position) for position in range(1, 61)] == [(slot.block, slot.position) for slot in plan.slots]


def test_listed_runs_all_of_a_configuration_before_the_next():
    plan = make_plan(protocol(["b", "a"], order="listed", blocks=2))
    assert ["b", "b", "a", "a"] == [slot.configuration for slot in plan.slots]


def test_another_seed_gives_another_order():
    assert make_plan(protocol(blocks=10, seed=1)).slots != make_plan(protocol(blocks=10, seed=2)).slots


def test_a_configuration_is_found_by_its_name():
    plan = make_plan(protocol(["a", "b"]))
    assert {"arm": "b"} == plan.configuration("b").levels
    with pytest.raises(KeyError):
        plan.configuration("c")


def test_the_document_holds_the_plan_and_where_it_came_from(tmp_path):
    asked = protocol(["a", "b"], blocks=2)
    plan = make_plan(asked)
    body = document(
        plan,
        asked,
        nightwatt="0.1.0",
        protocol_file="/p/demo.toml",
        protocol_sha256="00",
        created_realtime_ns=5,
        overrides={"design.blocks": 2},
        sources=[Source(tmp_path / "x.py", "ff", "x.py")],
    )
    again = json.loads(json.dumps(body))
    assert plan == Plan.from_json(again)
    assert asked == Protocol.model_validate_json(json.dumps(again["protocol"]))
    assert {"design.blocks": 2} == again["overrides"]
    assert [{"path": str(tmp_path / "x.py"), "sha256": "ff", "copied_as": "x.py"}] == again["sources"]


@pytest.mark.parametrize("order", ["blocks", "shuffle", "latin", "listed"])
def test_ten_thousand_slots_are_planned(order):
    plan = make_plan(protocol(["a", "b"], order=order, blocks=5000))
    assert 10_000 == len({slot.key for slot in plan.slots})
