"""What a study found: frozen records, the only thing that report, tables and figures are given beside frames.

Every estimate carries its unit, its interval's level and its n; where a number cannot be had the field is None and a
caution says why. Nothing here is computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from analysis.cell_findings import OverCells
from analysis.estimates import Estimate as Estimate
from analysis.estimates import Test as Test
from analysis.grid_findings import Grid, Tradeoff
from analysis.node_findings import NodeFacts, NodeRatio, TaskAccount
from analysis.ratio_findings import RatioMetric
from analysis.roofline_findings import Roofline
from analysis.temporal import Temporal


@dataclass(frozen=True)
class Group:
    """One configuration's runs, described."""

    configuration: str
    n_valid: int
    n_headline: int
    """After outlier removal."""
    n_invalid: int
    n_failed: int
    mean: Estimate
    standard_deviation: float | None
    cv: float | None
    """Standard deviation over mean, as a fraction."""
    minimum: float | None
    median: float | None
    maximum: float | None
    duration: Estimate
    power: Estimate
    metrics: Mapping[str, Estimate] = field(default_factory=dict)
    """Mean of each numeric workload metric over the valid runs."""
    normality: Test | None = None
    bound: float | None = None
    """Of one run's value, the mean over the headline's runs: how far edges and gaps may have moved it. In its unit."""


@dataclass(frozen=True)
class Comparison:
    """``configuration`` against ``baseline`` on one response (energy unless named otherwise)."""

    configuration: str
    baseline: str
    response: str
    ratio: Estimate
    """configuration / baseline, from paired (or Welch) logs; the headline figure."""
    ratio_all: Estimate
    """The same with the outliers left in."""
    difference: Estimate
    tests: tuple[Test, ...]
    cohens_d: Estimate
    hedges_g: Estimate
    cliffs_delta: Estimate
    pairs: int
    pairs_lost: int
    """Pairs that fell out because one side was flagged, invalid or missing."""
    decision: str
    """lower | higher | not told apart | cannot be told"""
    decision_all: str
    """The same with the outliers left in."""
    power_ratio: Estimate | None = None
    duration_ratio: Estimate | None = None
    """energy ratio = power ratio x duration ratio."""
    a12: Estimate | None = None
    """Vargha and Delaney's: the chance that a run of the configuration is above one of the baseline."""
    point_biserial: Estimate | None = None
    cell: str = ""
    """Within which it was made and corrected: the levels that both sides share; empty where all are one family."""


@dataclass(frozen=True)
class Equivalence:
    """A paired two one-sided tests procedure on raw values of a metric."""

    metric: str
    configuration: str
    baseline: str
    margin: float
    difference: Estimate
    p: float | None
    n: int
    decision: str
    """equivalent within the margin | not shown | cannot be told"""
    scale: str = "difference"
    """difference | ratio: then the margin is a fraction, and ``difference`` holds the ratio."""


@dataclass(frozen=True)
class Source:
    """One domain as one sensor or instrument told it, over the night."""

    domain: str
    origin: str
    """The sensor or instrument; empty in nights of schema 1."""
    quality: str
    """measured | modelled"""
    standing: str
    """compared | stands beside it | not in the sum"""
    read_from: str
    refresh_s: float | None
    runs: int
    """Runs whose window's energy it tells."""
    sensor_class: str
    """The class of the source, in words: what is common to all runs on one device."""
    class_low: float | None
    class_high: float | None
    """(reading - truth) / truth mostly lies between them."""
    class_words: str
    stated_by: str


@dataclass(frozen=True)
class Recorded:
    """The window's energy of one domain by one source, over the headline's runs of one configuration; never summed."""

    configuration: str
    domain: str
    origin: str
    quality: str
    standing: str
    energy: Estimate
    """Mean, J."""
    bound_J: float | None
    """Of one run, the mean over runs: how far edges and gaps may have moved it."""
    sensor_class: str
    ratio: Estimate | None
    """To what is compared of the same domain, run by run; None where nothing of it is, or this is it."""


@dataclass(frozen=True)
class Agreement:
    """Two tellings of the same stretch of the same runs, against one another; one pair a run."""

    kind: str
    """one domain, two sources | one sensor: counter and trace | around the sum"""
    domain: str
    one: str
    """For people: "constant (modelled)"."""
    other: str
    """The reference: what is compared, or the better ranked of the two."""
    modelled: bool
    """Whether one of them is."""
    ratio: Estimate
    """Of means, one / other."""
    pearson: Estimate
    spearman: Estimate
    within: Estimate
    """Pearson's r of what is left within the configurations: without what they differ by."""
    bias: Estimate | None = None
    """Mean of (one - other) in per cent of the pair's mean; None where they are about different things."""
    lower: Estimate | None = None
    upper: Estimate | None = None
    """Limits of agreement."""


@dataclass(frozen=True)
class Place:
    """A place whose electricity is counted as CO2."""

    name: str
    country: str
    """ISO 3166; empty where the protocol names none."""
    intensity_g_per_kWh: float | None
    """CO2-equivalents; None: it is not known, ``source`` says why."""
    year: int | None
    """Of the table's intensity."""
    source: str
    pue: float


@dataclass(frozen=True)
class Footprint:
    """CO2-equivalents of one configuration's mean run in one place."""

    configuration: str
    place: str
    mean: Estimate
    """g, with the interval of the mean energy."""


@dataclass(frozen=True)
class Carbon:
    """Energy as CO2-equivalents, where the protocol asks for it."""

    energy: str
    """What is counted: "energy of train (gpu0 + package-0)"."""
    domains: tuple[str, ...]
    quality: str
    """measured | modelled"""
    places: tuple[Place, ...]
    footprints: tuple[Footprint, ...]


@dataclass(frozen=True)
class Exclusion:
    """One run that is not in the headline, and by which rule. The run itself stays where it is."""

    run: str
    configuration: str
    rule: str
    """invalid | failed | outlier-z | outlier-mad | outlier-residual | discarded | superseded | no-energy | unpaired"""
    reason: str
    energy_J: float | None = None
    """Its value, where energy is what is compared."""
    z: float | None = None
    z_residual: float | None = None
    """z of the block-adjusted residual."""
    mad: float | None = None
    in_headline: bool = False
    """True for a run that a rule beside the declared one would have flagged: marked only."""


@dataclass(frozen=True)
class Caution:
    """Something that a reader must know before believing a number; ``advice`` says what would help."""

    code: str
    message: str
    advice: str = ""


@dataclass(frozen=True)
class NightRatio:
    """One comparison in one of several nights that were joined."""

    night: str
    host: str
    """The machine's anonymous id; empty where it is not told."""
    configuration: str
    baseline: str
    ratio: Estimate


@dataclass(frozen=True)
class Reference:
    """A work that the methods paragraph cites."""

    number: int
    key: str
    """Its name in the BibTeX file."""
    text: str


@dataclass(frozen=True)
class Findings:
    """The answer of one night."""

    title: str
    first_line: str
    """REHEARSAL or "modelled, not measured" where that is so; else empty. Stands above everything."""
    headline: str
    """One sentence: ratio, interval, n, what was measured by what."""
    response: str
    """What was compared, for example "energy of train: gpu0 + package-0"."""
    unit: str
    domains: tuple[str, ...]
    quality: str
    """measured | modelled"""
    groups: tuple[Group, ...]
    comparisons: tuple[Comparison, ...]
    equivalences: tuple[Equivalence, ...] = ()
    exploratory: tuple[Comparison, ...] = ()
    """Comparisons of responses that the protocol's analysis plan does not name: to look at, not to conclude from."""
    omnibus: tuple[Test, ...] = ()
    drift: tuple[Test, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    cautions: tuple[Caution, ...] = ()
    sources: tuple[Source, ...] = ()
    """Who told which domain, summed or not."""
    recorded: tuple[Recorded, ...] = ()
    """The energies by domain and source; beside one another, never summed."""
    agreements: tuple[Agreement, ...] = ()
    carbon: Carbon | None = None
    """None: the protocol asks for no CO2."""
    grid: Grid | None = None
    """None: the protocol has no factors."""
    tradeoff: Tradeoff | None = None
    """None: no metric stands beside what is compared."""
    temporal: Temporal | None = None
    """The time inside the runs: epochs, the course of power, dips, loads."""
    over_cells: tuple[OverCells, ...] = ()
    """Of a night that is compared within cells: each pair over them, exploratory."""
    rooflines: tuple[Roofline, ...] = ()
    """One a device, where workloads report what it takes."""
    nights: tuple[NightRatio, ...] = ()
    """Of nights that were joined; the nights' interaction with each comparison stands in ``omnibus``."""
    nodes: tuple[NodeRatio, ...] = ()
    """Of a night on a cluster; the nodes' interaction with each comparison stands in ``omnibus``."""
    machines: tuple[NodeFacts, ...] = ()
    tasks: tuple[TaskAccount, ...] = ()
    ratios: tuple[RatioMetric, ...] = ()
    """The ratio metrics that the protocol declares."""
    outlier_rule: Mapping[str, Any] = field(default_factory=dict)
    """threshold, ddof, largest z possible at this n, how often clean data are flagged, whether it could fire."""
    headline_all: str = ""
    """The headline with the flagged runs left in, and whether the two disagree; empty where none was flagged."""
    headline_effects: str = ""
    """What became of the effects of factors that the plan declares; empty where it declares none."""
    methods: str = ""
    """The methods paragraph, with the numbers of the references."""
    references: tuple[Reference, ...] = ()
    """The works that it cites, in their order."""
    design: Mapping[str, Any] = field(default_factory=dict)
    """order, seed, blocks, alpha, level, recipe, family correction, primary test."""
    reproduce: Mapping[str, Any] = field(default_factory=dict)
    """versions, hashes, command line."""
