"""What happened inside the runs in tables: epochs, rates, the course of power, dips, loads, and the power curve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.cautions.idleness import IDLE_LIMIT_PCT, WAIT_LIMIT_PCT
from analysis.dip_search import REFRESHES, SHARE
from analysis.listings.rows import Row, level_of, spread, table_of
from analysis.numbers import scale
from analysis.statistics.bands import FEWEST_FLIPPED
from analysis.tables import Column, Table
from analysis.temporal import Temporal
from analysis.within import ALL, WAITING

if TYPE_CHECKING:
    import pandas as pd

_MOST_ROWS = 6000
"""Of the table of the power curve; each of its files would have megabytes."""


def within(found: Temporal | None, epochs: pd.DataFrame, curve: pd.DataFrame) -> list[Table]:
    """The tables that there is something to show in; ``epochs`` one row a (run, epoch), ``curve`` the power's band."""
    tables: list[Table] = []
    if found is not None:
        tables += [_rates(found)] if found.rates else []
        tables += [_epochs(found)] if found.epochs else []
        tables += [_courses(found)] if found.courses else []
        tables += [_dips(found)] if found.dips else []
        tables += [_loads(found)] if found.loads else []
    tables += [_epoch_runs(epochs)] if len(epochs) else []
    return [*tables, *([_curve(curve)] if len(curve) else [])]


def _rates(found: Temporal) -> Table:
    rows: list[Row] = [
        {
            "configuration": item.configuration,
            "n": item.slope.n,
            "fewest_epochs": item.fewest_epochs,
            "most_epochs": item.most_epochs,
            **spread("slope_Wh_per_epoch", item.slope),
            **spread("total_Wh", item.total),
            **spread("accuracy_pct", item.accuracy),
            **spread("efficiency_pct_per_Wh", item.efficiency),
        }
        for item in found.rates
    ]
    columns = [
        Column("configuration", "configuration"),
        Column("n", "n", "count"),
        Column("epochs, fewest", "fewest_epochs", "count"),
        Column("epochs, most", "most_epochs", "count"),
        Column("growth [interval], Wh/epoch", "slope_Wh_per_epoch", "interval", missing="needs two epochs"),
        Column("all epochs [interval], Wh", "total_Wh", "interval", missing="the energy of an epoch is not known"),
    ]
    notes = [
        "Growth: least-squares slope of cumulative energy over epochs in each run, then mean and t interval over runs.",
    ]
    if found.accuracy:
        columns += [
            Column("best accuracy [interval], %", "accuracy_pct", "interval", missing="not reported"),
            Column("efficiency [interval], %/Wh", "efficiency_pct_per_Wh", "interval", missing="not reported"),
        ]
        notes.append(
            f"Accuracy: {found.accuracy}, the best of a run's epochs; efficiency: of it and all epochs' energy."
        )
    level = level_of(item.slope for item in found.rates)
    return table_of(
        "epoch-rates",
        "Energy from epoch to epoch, by configuration",
        rows,
        columns,
        [*notes, f"Intervals: {level} %, of the mean." if level else ""],
    )


def _epochs(found: Temporal) -> Table:
    factors = {
        key: scale((getattr(item, key).high or getattr(item, key).value for item in found.epochs), "J")
        for key in ("energy", "cumulative")
    }
    rows: list[Row] = [
        {
            "configuration": item.configuration,
            "epoch": item.epoch,
            "n": item.n,
            **spread("duration_s", item.duration),
            **spread("energy_J", item.energy),
            **spread("cumulative_J", item.cumulative),
            **spread("efficiency_pct_per_Wh", item.efficiency),
        }
        for item in found.epochs
    ]
    unknown = "not known in any run"
    columns = [
        Column("configuration", "configuration"),
        Column("epoch", "epoch", "count"),
        Column("n", "n", "count"),
        Column("duration [interval], s", "duration_s", "interval"),
        *(
            Column(f"{head} [interval], {factors[key][1]}", f"{key}_J", "interval", factors[key][0], missing=unknown)
            for key, head in (("energy", "energy"), ("cumulative", "until then"))
        ),
    ]
    notes = ["n: runs that came so far. Until then: this epoch and all before it; what lies between them is not in it."]
    if found.accuracy:
        columns.append(Column("efficiency [interval], %/Wh", "efficiency_pct_per_Wh", "interval", missing=unknown))
        notes.append(f"Efficiency: {found.accuracy} at this epoch over the energy until then.")
    return table_of("epochs", "Energy by epoch, means over runs", rows, columns, notes)


def _epoch_runs(epochs: pd.DataFrame) -> Table:
    numbers = [name for name in epochs.columns if name not in ("run", "configuration")]
    plain = epochs.astype(dict.fromkeys(numbers, object)).where(epochs.notna(), None)
    columns = [
        Column("run", "run"),
        Column("configuration", "configuration"),
        Column("epoch", "epoch", "count"),
        Column("duration, s", "duration_s", "number"),
        Column("energy, J", "energy_J", "number", digits=5, missing="its readings do not tell it"),
        Column("until then, J", "cumulative_J", "number", digits=5, missing="an epoch before it is missing"),
        Column("mean power, W", "mean_power_W", "number", missing="its readings do not tell it"),
    ]
    if epochs["accuracy_pct"].notna().any():
        columns += [
            Column("accuracy, %", "accuracy_pct", "number", missing="not reported"),
            Column("efficiency, %/Wh", "efficiency_pct_per_Wh", "number", missing="not reported"),
        ]
    rows = [{str(key): cell for key, cell in row.items()} for row in plain.to_dict("records")]
    return table_of("epoch-runs", "Energy by epoch, every run", rows, columns)


def _courses(found: Temporal) -> Table:
    rows: list[Row] = [
        {
            "configuration": item.configuration,
            "n": item.whole.n,
            **spread("slope_W_per_min", item.whole),
            **spread("settled_W_per_min", item.settled),
            **spread("early_ratio", item.early),
            "early_s": item.early_s,
        }
        for item in found.courses
    ]
    short = "the windows are too short to tell their begin apart"
    columns = [
        Column("configuration", "configuration"),
        Column("n", "n", "count"),
        Column("slope [interval], W/min", "slope_W_per_min", "interval"),
        Column("slope after the begin [interval], W/min", "settled_W_per_min", "interval", missing=short),
        Column("power of the begin / of the rest [interval]", "early_ratio", "interval", missing=short),
        Column("the begin, s", "early_s", "number", missing=short),
    ]
    notes = [
        "Slope of power within the run: Theil-Sen over 120 equal pieces of each window, then mean and t interval over "
        "runs. The begin: the first quarter of the window, five minutes at most, in which a device warms up."
    ]
    return table_of("course", "How power goes within the runs", rows, columns, notes)


def _dips(found: Temporal) -> Table:
    rows: list[Row] = [
        {
            "configuration": item.configuration,
            "domain": item.domain,
            "place": "the whole window" if item.place == ALL else item.place,
            "runs": item.runs,
            "runs_with": item.runs_with,
            **spread("count", item.count),
            **spread("share_pct", item.share),
        }
        for item in found.dips
    ]
    columns = [
        Column("configuration", "configuration"),
        Column("domain", "domain"),
        Column("where", "place"),
        Column("runs", "runs", "count"),
        Column("with dips", "runs_with", "count"),
        Column("dips a run [interval]", "count", "interval"),
        Column("of the window [interval], %", "share_pct", "interval"),
    ]
    notes = [
        f"A dip: power below {100 * SHARE:g} % of the window's median for at least {REFRESHES:g} refreshes of the "
        "sensor (or steps of its readings); a gap in the readings is none. It counts where its middle lies, in the "
        "shortest marked phase around it. Work that is idle for more than half of its window has no level to dip from."
    ]
    return table_of("dips", "Dips of power", rows, columns, notes)


def _loads(found: Temporal) -> Table:
    rows: list[Row] = [
        {
            "configuration": item.configuration,
            "what": item.what,
            "n": item.share.n,
            **spread("share_pct", item.share),
            "smallest_pct": item.smallest,
            "largest_pct": item.largest,
        }
        for item in found.loads
    ]
    columns = [
        Column("configuration", "configuration"),
        Column("what", "what"),
        Column("n", "n", "count"),
        Column("mean [interval], %", "share_pct", "interval"),
        Column("lowest run, %", "smallest_pct", "number", digits=3),
        Column("highest run, %", "largest_pct", "number", digits=3),
    ]
    waits = any(item.what == WAITING for item in found.loads)
    notes = [
        "Means over each run's window, then over runs. Utilisation of a GPU: the part of time in which any kernel ran.",
        f"Waiting for input: input_wait_s over the window, as the workload reports it; above {WAIT_LIMIT_PCT:g} % it "
        "is called bound by its input."
        if waits
        else "No workload reported how long it waited for input (a result or a metric of its epochs, input_wait_s).",
        f"A GPU below {IDLE_LIMIT_PCT:g} % is called mostly idle.",
    ]
    return table_of("loads", "How busy the devices were in the window", rows, columns, notes)


def _curve(curve: pd.DataFrame) -> Table:
    step = -(-len(curve) // _MOST_ROWS)
    curve = curve[curve["bin"] % step == 0]
    numbers = [name for name in curve.columns if name != "configuration"]
    plain = curve.astype(dict.fromkeys(numbers, object)).where(curve.notna(), None)
    renamed = plain.rename(columns={"low_W": "power_W_low", "high_W": "power_W_high"})
    rows = [{str(key): cell for key, cell in row.items()} for row in renamed.to_dict("records")]
    columns = [
        Column("configuration", "configuration"),
        Column("from, s", "begin_s", "number", digits=6),
        Column("until, s", "end_s", "number", digits=6),
        Column("time in it, s", "width_s", "number", digits=6, missing="no run has readings there"),
        Column("mean power [pointwise], W", "power_W", "interval", missing="no run has readings there"),
        Column("simultaneous from, W", "all_low_W", "number", missing="needs five runs, and half of them there"),
        Column("to, W", "all_high_W", "number", missing="needs five runs, and half of them there"),
        Column("n", "n", "count"),
    ]
    notes = [
        "n: runs that were in the bin, with readings; time in it: theirs, on average. Mean power x that time x n, over "
        "all bins, is the energy of these runs, but for bins in a gap of the readings. As in the figure of power.",
        f"Simultaneous: for all bins at once, by the largest |t| over sign flips of whole runs (multiplier-t, "
        f"Telschow and Schwartzman 2022); below {FEWEST_FLIPPED} runs by Bonferroni's correction.",
        f"One bin in {step} is listed: of so many curves the table would have {_MOST_ROWS} rows and more, "
        "and these do not sum to the energy."
        if step > 1
        else "",
    ]
    return table_of("power-curve", "Power over time", rows, columns, notes)
