"""Figures of grids and trade-offs: nothing cut off or written over, and nothing silently missing."""

import itertools
from dataclasses import replace

import pytest

from analysis.estimates import Estimate
from analysis.figures.grids import MOST_PANELS, laid_out
from analysis.figures.heatmap import draw_heatmap
from analysis.figures.interaction import draw_interaction
from analysis.figures.pareto import draw_pareto
from analysis.figures.ratios import draw_ratios
from analysis.grid_findings import Cell, Grid, Tradeoff, TradeoffPoint

STAMP = "REHEARSAL: sensors are simulated and workloads are fake."
GAPS = ("retired", "failed", "refused", "not run", "excluded", "no value")
PRECISIONS = ("float32", "mixed_float16", "bfloat16")


def words_of(figure):
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    return " ".join(text.get_text().replace("\n", " ") for text in texts)


def grid_of(sizes, *, gaps=0, long=False):
    """A grid of these sizes; ``gaps`` of its cells have no run, each for another reason."""
    tail = "-with-a-long-name-that-somebody-gave-it" if long else ""
    factors = tuple(f"{name}{tail}" for name in ("width", "precision", "input")[: len(sizes)])
    all_levels = (tuple(str(n) + tail for n in range(1, 60)), tuple(p + tail for p in PRECISIONS), ("loader", "device"))
    levels = tuple(of[:size] for of, size in zip(all_levels, sizes, strict=False))
    cells = []
    for number, key in enumerate(itertools.product(*levels)):
        name = ",".join(f"{factor}={level}" for factor, level in zip(factors, key, strict=True))
        value = (
            1
            + 0.02 * levels[0].index(key[0])
            - 0.05 * sum(of.index(one) for of, one in zip(levels[1:], key[1:], strict=True))
        )
        if number and number <= gaps:
            cells.append(Cell(name, key, 6, 2, 0, 0, GAPS[number % len(GAPS)], "why"))
        else:
            ratio = Estimate(value, "×", value - 0.01, value + 0.01, 0.95, 6) if number else Estimate(1.0, "×", n=6)
            cells.append(Cell(name, key, 6, 6, 6, 5 if number == gaps + 1 else 6, "measured", ratio=ratio))
    return Grid(factors, levels, cells[0].configuration, cells[0].levels, tuple(cells))


def tradeoff_of(count, *, better="higher", resamples=2000, unplaced=0, long=False):
    points = []
    for number in range(count):
        energy, gain = (
            1000.0 + 60 * number,
            0.5 + 0.4 * (number / max(1, count)) ** 0.5 - (0.1 if number % 3 == 2 else 0),
        )
        gain = gain if better == "higher" else -gain + 2
        name = f"width={number},precision=float32" + (",optimizer=sgd-with-momentum-and-much-else" if long else "")
        gone = number < unplaced
        points.append(
            TradeoffPoint(
                name,
                Estimate(None, "J", note="too few runs")
                if gone
                else Estimate(energy, "J", energy - 20, energy + 20, 0.95, 6),
                Estimate(gain, "", gain - 0.01, gain + 0.01, 0.95, 6),
                on_front=number % 3 != 2 and not gone,
                share=None if not resamples or gone else 1.0 if number % 3 == 0 else 0.4,
                note="no run of the headline" if gone else "",
            )
        )
    note = "" if resamples else "fewer than 3 blocks: how firm the front is cannot be told"
    return Tradeoff(
        "accuracy", "", better, False, "energy of train: gpu0", "J", tuple(points), resamples, 1, "block", note
    )


@pytest.mark.parametrize("draw", [draw_heatmap, draw_interaction])
@pytest.mark.parametrize(
    ("sizes", "gaps", "long"),
    [((3, 2), 0, False), ((3, 2), 4, False), ((15, 3), 6, False), ((3, 3, 2), 5, False), ((6, 3, 2), 0, False),
     ((4, 3), 3, True), ((2, 2, 2), 0, True), ((15, 3, 2), 0, True)],
)  # fmt: skip
def test_a_grid_is_readable_whatever_its_size(draw, sizes, gaps, long, flaws):
    assert [] == flaws(draw(grid_of(sizes, gaps=gaps, long=long), quantity="energy of train: gpu0", stamp=STAMP))


def test_a_cell_without_a_run_is_hatched_and_says_why():
    figure = draw_heatmap(grid_of((4, 3), gaps=6))
    assert all(word in words_of(figure) for word in ("retired", "failed", "refused", "not run", "excluded", "no value"))
    hatched = [patch for patch in figure.axes[0].patches if patch.get_hatch()]
    assert len(hatched) == 6
    assert "n = 5" in words_of(figure)


def test_a_missing_cell_leaves_a_gap_in_its_line_and_a_cross():
    figure = draw_interaction(grid_of((4, 2), gaps=2))
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert len(crosses) == 2
    assert "no run in the headline" in words_of(figure)
    assert "cross" not in words_of(draw_interaction(grid_of((4, 2))))


def test_a_third_factor_gives_panels_and_more_than_a_page_holds_are_cut_and_that_is_said():
    layout = laid_out(grid_of((4, 3, 2)))
    assert [panel.title for panel in layout.panels] == ["input = loader", "input = device"]
    assert (layout.across, layout.along) == ("width", "precision")
    levels = tuple(str(n) for n in range(8))
    cells = [
        Cell(",".join(key), key, 1, 1, 1, 1, "measured", ratio=Estimate(1.0, "×"))
        for key in itertools.product(levels, repeat=3)
    ]
    many = Grid(("a", "b", "c"), (levels,) * 3, cells[0].configuration, cells[0].levels, tuple(cells))
    assert len(laid_out(many).panels) == MOST_PANELS
    assert f"The first {MOST_PANELS} of 8 parts" in words_of(draw_heatmap(many))
    assert f"The first {MOST_PANELS} of 8 parts" in words_of(draw_interaction(many))


def test_one_factor_has_neither_heat_map_nor_interaction():
    one = grid_of((3,))
    assert laid_out(one) is None
    with pytest.raises(ValueError, match="two factors"):
        draw_heatmap(one)
    with pytest.raises(ValueError, match="two factors"):
        draw_interaction(one)


@pytest.mark.parametrize(("count", "long"), [(2, False), (6, True), (45, False)])
@pytest.mark.parametrize("resamples", [0, 2000])
def test_a_front_is_readable_whatever_its_size(count, long, resamples, flaws):
    figure = draw_pareto(tradeoff_of(count, resamples=resamples, long=long), stamp=STAMP)
    crowded = [flaw for flaw in flaws(figure) if "cut off" in flaw]
    assert [] == crowded
    assert ("cannot be told" in words_of(figure)) == (resamples == 0)


def test_configurations_at_the_same_place_have_their_numbers_side_by_side(flaws):
    front = tradeoff_of(6)
    first, *others = front.points
    twin = replace(others[0], response=first.response, metric=first.metric)
    figure = draw_pareto(replace(front, points=(first, twin, *others[1:])))
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert ["1, 2", "3", "4", "5", "6"] == numbers
    assert [] == flaws(figure)


def test_what_is_named_is_told_apart_from_what_is_not():
    front = tradeoff_of(3, resamples=0)
    names = [
        f"width={width},precision=bfloat16,input={kind}" for width, kind in ((1, "loader"), (1, "device"), (2, "-"))
    ]
    points = [replace(point, configuration=name) for point, name in zip(front.points, names, strict=True)]
    words = words_of(draw_pareto(replace(front, points=tuple(points))))
    assert "width=1,input=loader" in words
    assert "width=1,input=device" in words
    assert ". Fewer than 3 blocks: how firm" in words


def test_what_cannot_be_placed_and_what_is_exploratory_is_said():
    figure = draw_pareto(tradeoff_of(6, unplaced=1))
    assert "Not placed: width=0,precision=float32 (no run of the headline)" in words_of(figure)
    assert "Exploratory" in words_of(figure)


def test_a_lower_metric_that_is_better_is_up_all_the_same():
    low, high = draw_pareto(tradeoff_of(6, better="lower")).axes[0].get_ylim()
    assert low > high


def test_many_ratios_stand_in_their_order_with_the_baseline_between_and_what_is_missing_last(made_up, compared, flaws):
    names, runs = made_up(20, 4)
    found = compared(names, runs)
    found[2] = replace(found[2], ratio=Estimate(None, "×", note="too few runs"), ratio_all=Estimate(None, "×"))
    figure = draw_ratios(found, why={found[2].configuration: "retired"})
    told = [float(text.get_text().split()[0]) for text in figure.axes[1].texts[:-1]]
    assert told == sorted(told)
    assert figure.axes[1].texts[-1].get_text() == "cannot be told: retired"
    assert "where the baseline would stand" in words_of(figure)
    assert [] == flaws(figure)
