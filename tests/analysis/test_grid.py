"""A night as a grid: what its factors do, and every cell of it, whatever became of it."""

import math
from dataclasses import replace

import pytest

from analysis.by_factor import STEMS, by_factor
from analysis.findings_file import read_findings, write_findings
from analysis.illustrations import illustrations
from analysis.listings.sections import sections
from analysis.load import load
from analysis.observations import observations
from analysis.report import write_report
from analysis.study import examine, study

GONE, OUT = "width=2,precision=mixed_float16", "width=3,precision=mixed_float16"


@pytest.fixture(scope="module")
def whole(simulate_grid):
    return examine(load(simulate_grid(3, 2, blocks=6).path))


@pytest.fixture(scope="module")
def broken(simulate_grid):
    """One configuration excluded, one retired, and one run of another lost."""
    made = simulate_grid(3, 2, blocks=6, retired=[GONE], without=[OUT], lost=["b04-1"])
    night = load(made.path)
    return night, examine(night)


def contrast(found, factors, levels):
    return next(item for item in found.contrasts if (item.factors, item.levels) == (factors, levels))


def test_each_level_has_the_ratio_that_was_simulated(whole):
    found = whole.findings.grid
    assert found.is_complete
    expected = 1.04 * math.sqrt(1 * (1 - 0.004 * 2))
    item = contrast(found, ("width",), ("3",))
    assert item.ratio.low < expected < item.ratio.high
    assert (item.against, item.over, item.of, item.ratio.n) == (("1",), 2, 2, 6)
    both = contrast(found, ("width", "precision"), ("3", "mixed_float16"))
    assert both.ratio.low < 1 - 0.004 * 2 < both.ratio.high


def test_effects_and_contrasts_are_of_every_term_once(whole):
    found = whole.findings.grid
    assert [item.term for item in found.effects] == ["width", "precision", "width × precision"]
    assert len(found.contrasts) == 2 + 1 + 2
    assert all(item.sums == "III" for item in found.effects)
    assert "type III" in found.model


def test_the_ratios_of_cells_are_those_of_the_comparisons(whole):
    of = {item.configuration: item.ratio for item in whole.findings.comparisons}
    for cell in whole.findings.grid.cells[1:]:
        assert cell.ratio == of[cell.configuration]


def test_every_cell_of_an_incomplete_grid_says_what_became_of_it(broken):
    _, found = broken
    cells = {cell.configuration: cell for cell in found.findings.grid.cells}
    assert (len(cells), found.findings.grid.is_complete) == (6, False)
    assert (cells[GONE].outcome, cells[GONE].attempts, cells[GONE].planned) == ("retired", 2, 6)
    assert "failed in its first two runs" in cells[GONE].reason
    assert cells[OUT].outcome == "excluded"
    assert "width = 3, precision = mixed_float16" in cells[OUT].reason
    part = next(cell for cell in cells.values() if cell.outcome == "measured in part")
    assert (part.headline, part.reason) == (5, "1 invalid (foreign_load)")


def test_effects_of_an_incomplete_grid_are_of_type_two_and_contrasts_say_over_what(broken):
    found = broken[1].findings.grid
    assert {item.sums for item in found.effects} == {"II"}
    assert "width × precision" not in {item.term for item in found.effects}
    alone = contrast(found, ("width",), ("2",))
    assert (alone.over, alone.of) == (1, 2)
    both = contrast(found, ("width", "precision"), ("2", "mixed_float16"))
    assert both.ratio.value is None
    assert both.test.note


def test_the_tables_and_figures_keep_what_is_missing(broken):
    night, found = broken
    rows = observations(found.runs, accuracy="accuracy", domains=found.choice.domains)
    tables = {table.name: table for table in sections(night, found, rows).every()}
    assert {"factors", "levels", "cells", "tradeoff"} <= set(tables)
    assert {"retired", "excluded"} <= set(tables["cells"].frame.outcome)
    assert any("exploratory" in note or "does not name these" in note for note in tables["factors"].notes)
    assert [item.stem for item in by_factor(found)] == list(STEMS)
    assert set(STEMS) <= {item.stem for item in illustrations(night, found, rows)}


def test_findings_with_a_grid_can_be_read_back(broken, tmp_path):
    findings = broken[1].findings
    write_findings(tmp_path / "findings.json", findings)
    again = read_findings(tmp_path / "findings.json")
    assert again.grid.cells[3].outcome == findings.grid.cells[3].outcome
    assert again.tradeoff.points[0].configuration == findings.tradeoff.points[0].configuration


def test_a_night_without_blocks_is_reckoned_over_all_runs(simulate_grid):
    found = study(load(simulate_grid(3, 2, blocks=6, order="shuffle").path)).grid
    assert all("run order" in item.test.name for item in found.contrasts)
    item = contrast(found, ("precision",), ("mixed_float16",))
    assert item.ratio.low < 0.94 * (1 - 0.004) < item.ratio.high


def test_where_few_blocks_are_whole_the_contrasts_are_told_by_ols(simulate_grid):
    found = study(load(simulate_grid(3, 2, blocks=4, lost=["b01-1", "b02-2", "b03-4"]).path)).grid
    assert any("OLS" in item.test.name for item in found.contrasts)
    assert all(item.ratio.value is not None for item in found.contrasts)


def test_one_factor_of_two_levels_has_cells_and_no_effects(simulate_once):
    found = study(load(simulate_once().path)).grid
    assert (found.effects, found.contrasts) == ((), ())
    assert [cell.outcome for cell in found.cells] == ["measured", "measured"]


def test_one_block_gives_ratios_without_a_word_of_certainty(simulate_grid):
    found = study(load(simulate_grid(2, 2, blocks=1).path)).grid
    assert all(item.test.p is None for item in (*found.effects, *found.contrasts))
    assert all(item.ratio.low is None for item in found.contrasts)


def test_accuracy_is_weighed_as_exploratory_and_what_is_declared_as_declared(simulate_grid):
    night = load(simulate_grid(3, 2, blocks=6).path)
    found = study(night).tradeoff
    assert (found.metric, found.declared, found.better, found.resamples) == ("accuracy", False, "higher", 2000)
    assert all(0 <= point.share <= 1 for point in found.points)
    cheapest = min(found.points, key=lambda point: point.response.value)
    assert cheapest.on_front
    plan = night.protocol.analysis
    aim = {"metric": "duration", "better": "lower"}
    declared = replace(night, protocol=type(night.protocol).model_validate(
        {**night.protocol.to_json(), "analysis": {**plan.model_dump(mode="json"), "tradeoff": aim}}, strict=False
    ))  # fmt: skip
    told = study(declared).tradeoff
    assert (told.metric, told.declared, told.better) == ("duration", True, "lower")


def test_a_night_of_two_blocks_has_a_front_and_no_share(simulate_grid):
    found = study(load(simulate_grid(2, 2, blocks=2).path)).tradeoff
    assert found.resamples == 0
    assert "fewer than 3 blocks" in found.note
    assert any(point.on_front for point in found.points)
    assert all(point.share is None for point in found.points)


@pytest.mark.slow
def test_a_night_of_forty_five_configurations_has_a_whole_report(simulate_grid, tmp_path):
    made = simulate_grid(15, 3, retired=["width=9,precision=bfloat16"], without=["width=15,precision=float32"])
    paths = write_report(made.path, tmp_path / "report")
    assert len(paths.findings.grid.cells) == 45
    assert set(STEMS) <= {path.stem for path in (tmp_path / "report" / "figures").glob("*.svg")}
    page = paths.index.read_text("utf-8")
    assert "cannot be told" in page
    assert "retired" in page
