"""The analysis plan of a protocol, as frozen, validated records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from harness.configurations import Level, configuration_name
from harness.protocol_section import CountryCode, LevelText, Section, as_array


class Outliers(Section):
    """Which runs leave the headline (marked, never deleted)."""

    rule: Literal["z", "mad", "none"] = "z"
    threshold: Annotated[float, Field(gt=0)] = 3.0
    ddof: Literal[0, 1] = 1
    """Left out with the classic recipe: 0."""
    metric: str = ""
    """What the rule is applied to; left out: what is compared."""


class EquivalenceAim(Section):
    """A margin declared beforehand."""

    metric: str
    margin: Annotated[float, Field(gt=0)]
    scale: Literal["difference", "ratio"] = "difference"
    """ratio: the margin is a fraction, the ratio is to lie between 1 / (1 + margin) and 1 + margin."""


class Carbon(Section):
    """A place whose electricity the report counts as CO2: a country of its table, or an intensity of the user's own."""

    country: CountryCode | None = None
    place: str = ""
    """What it is called in the report; left out: the country's name."""
    intensity_g_per_kWh: Annotated[float, Field(ge=0)] | None = None
    """Instead of the table's."""
    source: str = ""
    """Whence that intensity comes, its year included."""
    pue: Annotated[float, Field(ge=1)] = 1.0
    """Power usage effectiveness: energy of the whole data centre over that of its machines."""


Ready = Literal[
    "energy_per_accuracy_point",
    "accuracy_per_kWh",
    "percent_per_Wh",
    "J_per_image",
    "J_per_inference",
    "energy_delay_product",
]
PARTS: Mapping[str, tuple[str, str]] = {
    "energy_per_accuracy_point": ("energy", ""),
    "accuracy_per_kWh": ("", "energy"),
    "percent_per_Wh": ("", "energy"),
    "J_per_image": ("energy", "images"),
    "J_per_inference": ("energy", "inferences"),
    "energy_delay_product": ("energy", "duration"),
}
"""What each ready one is made of; empty: the accuracy that the analysis names. The last is their product."""


class Ratio(Section):
    """A metric made of two: one over the other, with its aggregation over the runs declared."""

    ready: Ready | None = None
    """One of the usual ones, in place of name, of, per and unit."""
    name: str = ""
    of: str = ""
    per: str = ""
    unit: str = ""
    """Left out: made of the units of the two."""
    aggregation: Literal["ratio_of_means", "mean_of_ratios"] | None = None

    def parts(self, accuracy: str) -> tuple[str, str]:
        """The two responses that it is made of; ``accuracy`` is what the analysis calls so."""
        of, per = PARTS[self.ready] if self.ready else (self.of, self.per)
        return (of or accuracy, per or accuracy) if self.ready else (of, per)

    @property
    def key(self) -> str:
        """What ``analysis.metric`` calls it."""
        return self.ready or self.name

    @property
    def called(self) -> str:
        """Its name in the report."""
        return self.ready.replace("_", " ") if self.ready else self.name


class TradeoffAim(Section):
    """A metric that is weighed against what is compared."""

    metric: str
    better: Literal["higher", "lower"] = "higher"


class Analysis(Section):
    """The analysis plan, frozen with the protocol; what it does not name is exploratory."""

    metric: str = "energy"
    energy: tuple[str, ...] = ()
    prefer: tuple[str, ...] = ()
    """Where several sources tell one domain: the first of these that does. Left out: ``harness.domains.ORIGINS``."""
    baseline: LevelText | None = None
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    outliers: Outliers = Outliers()
    equivalence: EquivalenceAim | None = None
    bin_ms: Annotated[float, Field(gt=0)] = 500.0
    align: Annotated[str, Field(min_length=1)] = "window"
    """A phase within which power is drawn too; window: within each epoch, where there are any."""
    recipe: Literal["blocks", "classic"] = "blocks"
    accuracy: str = "accuracy"
    """The workload metric that stands beside energy."""
    correction: Literal["holm", "bonferroni", "fdr"] = "holm"
    """Over the family of comparisons."""
    family: Literal["baseline", "pairs"] | None = None
    """Against the baseline, or all pairs; left out: the former where a baseline is named."""
    within: tuple[str, ...] = ()
    """Factors: only configurations that agree in them are compared; each such cell is a family of its own."""
    effects: tuple[str, ...] = ()
    """Terms: factors, and interactions as ``"width:precision"``; a family of their own, the others exploratory."""
    test: Literal["t", "rank"] = "t"
    """What decides: the recipe's t test, or the rank test in its place."""
    ratio: Annotated[tuple[Ratio, ...], BeforeValidator(as_array)] = ()
    """Ratio metrics beside the headline."""
    tradeoff: TradeoffAim | None = None
    """The Pareto front of this metric against what is compared; left out: of accuracy, as exploratory."""
    carbon: Annotated[tuple[Carbon, ...], BeforeValidator(as_array)] = ()
    """Places beside one another; one table, or an array of tables. Without it no CO2 appears."""

    @property
    def primary_ratio(self) -> Ratio | None:
        """The declared ratio that ``metric`` names; None where it names something else."""
        return next((item for item in self.ratio if item.key == self.metric), None)

    @property
    def results(self) -> tuple[str, ...]:
        """The responses that the plan names: for a ratio its two parts."""
        named = [
            *([] if self.primary_ratio else [self.metric]),
            *([self.equivalence.metric] if self.equivalence else []),
        ]
        named += [self.tradeoff.metric] if self.tradeoff else []
        named += [self.outliers.metric] if self.outliers.metric else []
        named = [name for name in named if self.primary_ratio is None or name != self.metric]
        named += [part for item in self.ratio for part in item.parts(self.accuracy)]
        return tuple(dict.fromkeys(named))

    @property
    def needs_energy(self) -> bool:
        """Whether nothing can be compared without energy."""
        return "energy" in (self.primary_ratio.parts(self.accuracy) if self.primary_ratio else (self.metric,))

    @property
    def terms(self) -> tuple[tuple[str, ...], ...]:
        """The factors of each declared effect."""
        return tuple(tuple(part.strip() for part in name.split(":")) for name in self.effects)

    def cell(self, levels: Mapping[str, Level]) -> str:
        """What a configuration's cell is called: its levels of ``within``; empty where all are one family."""
        chosen = {factor: levels[factor] for factor in self.within if factor in levels}
        return configuration_name(chosen) if chosen else ""

    def rest(self, levels: Mapping[str, Level]) -> str:
        """What a configuration is called within its cell: its levels of the other factors."""
        return configuration_name({factor: level for factor, level in levels.items() if factor not in self.within})

    @model_validator(mode="after")
    def _classic_ddof(self) -> Analysis:
        """The classic recipe takes the z-score with n in its standard deviation, where nothing else is declared."""
        if self.recipe == "classic" and "ddof" not in self.outliers.model_fields_set:
            # Frozen for everybody but its own making: what is recorded with the plan is what holds.
            self.__dict__["outliers"] = self.outliers.model_copy(update={"ddof": 0})
        return self
