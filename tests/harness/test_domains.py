"""Which domains may be summed."""

from __future__ import annotations

import pytest

from harness.domains import choose, contains, overlaps, ranked


def measured(*names: str, by: str = "nvml") -> list[tuple[str, str, str]]:
    return [(name, by, "measured") for name in names]


def modelled(*names: str, by: str = "constant") -> list[tuple[str, str, str]]:
    return [(name, by, "modelled") for name in names]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("wall", "system"),
        ("wall", "gpu0"),
        ("system", "package-0"),
        ("psys", "package-1"),
        ("psys", "dram-0"),
        ("package-0", "core-0"),
        ("package-0", "uncore-0"),
        ("package-0", "package-0-die-1"),
        ("package-0-die-1", "core-0-die-1"),
        ("cpu", "package-0"),
        ("module-0", "gpu0"),
        ("gpu0", "gpu0-memory"),
        ("wall", "something-new"),
        ("wall", "node"),
        ("node", "cpu-ram"),
        ("node", "gpu0"),
        ("cpu-ram", "cpu"),
        ("cpu-ram", "package-1"),
        ("cpu-ram", "dram-0"),
    ],
)
def test_a_whole_contains_its_part_and_never_the_other_way_round(outer, inner):
    assert contains(outer, inner)
    assert not contains(inner, outer)
    assert not contains(outer, outer)


@pytest.mark.parametrize(
    ("one", "other"),
    [("gpu0", "gpu1"), ("package-0", "package-1"), ("package-0", "core-1"), ("package-0", "dram-0"), ("psys", "gpu0")],
)
def test_neighbours_are_disjoint(one, other):
    assert not contains(one, other)
    assert not contains(other, one)


def test_all_measured_disjoint_domains_are_summed_when_none_are_declared():
    choice = choose(measured("dram-0", "core-0", "package-0", "gpu1", "gpu0"))
    assert ("gpu0", "gpu1", "package-0", "dram-0") == choice.domains
    assert ("core-0 lies within package-0 and is not added to it",) == choice.left_out
    assert "measured" == choice.quality


def test_what_lies_around_its_parts_is_never_added_to_them():
    choice = choose(measured("wall", "psys", "package-0", "gpu0"))
    assert ("gpu0", "package-0") == choice.domains
    assert 2 == len(choice.left_out)


def test_what_a_cluster_tells_of_processors_and_memory_stands_beside_the_cards_and_around_their_parts():
    both = choose([*measured("cpu-ram", by="slurm"), *measured("gpu0")])
    assert ("gpu0", "cpu-ram") == both.domains
    parts = choose([*measured("cpu-ram", by="slurm"), *measured("package-0", "dram-0", by="rapl")])
    assert ("package-0", "dram-0") == parts.domains
    assert ("cpu-ram lies around package-0 and is not added to it",) == parts.left_out
    assert overlaps("module-0", "cpu-ram")


def test_of_enclosing_domains_alone_the_outermost_is_taken():
    assert ("wall",) == choose(measured("psys", "wall", "system")).domains
    assert ("wall",) == choose([*measured("psys", by="rapl"), *measured("wall", by="meter")]).domains


def test_modelled_energy_is_taken_only_where_nothing_is_measured():
    both = choose([*modelled("cpu", by="load_model"), *measured("gpu0")])
    assert ("gpu0",) == both.domains
    assert ("cpu is modelled (by load_model) and never summed with measured energy",) == both.left_out
    alone = choose(modelled("cpu"))
    assert (("cpu",), "modelled") == (alone.domains, alone.quality)


def test_a_domain_that_is_measured_in_some_runs_and_modelled_in_others_counts_as_measured():
    assert "measured" == choose([*modelled("cpu", by=""), *measured("cpu", by="")]).quality


def test_declared_domains_are_taken_in_their_order():
    assert ("dram-0", "gpu0") == choose(measured("gpu0", "package-0", "dram-0"), ["dram-0", "gpu0"]).domains


@pytest.mark.parametrize(
    ("declared", "word"),
    [
        (["gpu0", "dram-0"], "dram-0 declared in analysis.energy, but the night has gpu0, package-0, cpu, core-0"),
        (["package-0", "core-0"], "core-0 lies within package-0"),
        (["gpu0", "cpu"], "never summed"),
    ],
)
def test_a_declaration_that_cannot_be_summed_is_refused_whole(declared, word):
    choice = choose([*measured("gpu0", "package-0", "core-0"), *modelled("cpu")], declared)
    assert () == choice.domains
    assert word in choice.refusal


def test_a_domain_of_unknown_name_is_summed_only_alone_or_by_declaration():
    assert ("desk",) == choose(measured("desk")).domains
    beside = choose(measured("desk", "gpu0"))
    assert ("gpu0",) == beside.domains
    assert "name it in analysis.energy" in beside.left_out[0]
    assert ("desk", "gpu0") == choose(measured("desk", "gpu0"), ["desk", "gpu0"]).domains
    assert ("desk",) == choose(measured("desk", "window")).domains


def test_without_any_domain_there_is_nothing_to_sum():
    assert () == choose([]).domains


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ("wall", "wall-1"),
        ("wall-1", "system"),
        ("wall-2", "gpu0"),
        ("module-0", "package-0"),
        ("module-1", "dram-1"),
        ("gpu", "gpu0"),
        ("ram", "dram-0"),
        ("psys", "ram"),
    ],
)
def test_what_some_sources_tell_as_one_contains_what_others_tell_apart(outer, inner):
    assert contains(outer, inner)
    assert not contains(inner, outer)


def test_a_module_and_all_processors_cross_and_neither_contains_the_other():
    assert overlaps("module-0", "cpu")
    assert overlaps("cpu", "module-0")
    assert not contains("module-0", "cpu")
    assert not overlaps("module-0", "module-1")
    assert "overlap" in choose(measured("module-0", "cpu"), ["module-0", "cpu"]).refusal


def test_one_source_a_domain_measured_before_modelled_and_our_own_sensors_first():
    told = [*modelled("gpu0"), *measured("gpu0", by="energibridge"), *measured("gpu0", by="nvml")]
    (source,) = choose(told).summed
    assert ("gpu0", "nvml", "measured") == source.key
    assert (("energibridge", "measured"), ("constant", "modelled")) == source.others
    assert source.key == choose(reversed(told)).summed[0].key


def test_the_first_preferred_origin_that_tells_a_domain_tells_it_and_others_stay_as_they_are():
    told = [*measured("gpu0", "package-0", by="energibridge"), *measured("gpu0"), *measured("package-0", by="rapl")]
    choice = choose(told, prefer=["meter", "energibridge"])
    assert ["energibridge", "energibridge"] == [source.origin for source in choice.summed]
    assert ("meter",) == choice.unheeded
    assert ["nvml", "rapl"] == [source.origin for source in choose(told, prefer=["rapl"]).summed]


def test_a_model_is_taken_before_a_sensor_only_when_it_is_preferred_by_name():
    told = [*modelled("gpu0"), *measured("gpu0")]
    choice = choose(told, ["gpu0"], ["constant"])
    assert ("modelled", "constant") == (choice.quality, choice.summed[0].origin)
    mixed = choose([*told, *measured("package-0", by="rapl")], prefer=["constant"])
    assert ("package-0",) == mixed.domains
    assert ("gpu0 is modelled (by constant) and never summed with measured energy",) == mixed.left_out


def test_a_source_of_its_own_sensors_parts_beats_another_source_of_the_whole():
    told = [*measured("package-0", "package-1", "dram-0", "core-0", by="rapl"), *measured("cpu", by="codecarbon")]
    choice = choose(told)
    assert ("package-0", "package-1", "dram-0") == choice.domains
    assert "cpu lies around package-0 and is not added to it" in choice.left_out
    preferred = choose(told, prefer=["codecarbon"])
    assert ("cpu", "dram-0") == preferred.domains


def test_a_source_of_an_unknown_name_comes_after_all_that_are_known():
    assert [("meter", "measured"), ("mine", "measured"), ("constant", "modelled")] == ranked(
        [("constant", "modelled"), ("mine", "measured"), ("meter", "measured")]
    )


def test_the_plugs_of_one_machine_are_disjoint_and_are_summed_together():
    assert not overlaps("wall-1", "wall-2")
    assert ("wall-1", "wall-2") == choose(measured("wall-1", "wall-2", "system", by="meter")).domains
    assert ("gpu0",) == choose([*measured("wall-1", "wall-2", by="meter"), *measured("gpu0")]).domains
