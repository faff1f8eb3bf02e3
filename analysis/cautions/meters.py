"""Cautions about wall meters: a lag that nothing tells, a total that does not go with the power."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.cautions.evidence import Evidence, runs_text
from analysis.findings import Caution
from analysis.numbers import significant


def meters(seen: Evidence) -> Iterator[Caution]:
    """What the meters of the compared runs leave in doubt, whether or not their domain is what is compared."""
    compared = set(seen.assessment.eligible.run)
    alignments = [item for item in seen.night.meters.alignments if item.run in compared]
    for domain in dict.fromkeys(item.domain for item in alignments):
        of_domain = [item for item in alignments if item.domain == domain]
        unknown = [item for item in of_domain if item.how == "none"]
        if unknown:
            first = unknown[0]
            yield Caution(
                "meter-lag",
                f"How late the meter of {domain} is, is not known in {runs_text(len(unknown))}, for example "
                f"{first.run}: {first.own.why}. Its power stands where it was read.",
                "Let a run begin with a clear step of load; sensors.nvml or sensors.rapl beside the meter show when.",
            )
        apart = [item for item in of_domain if item.total is not None and not item.total.agrees]
        if apart:
            worst = max(apart, key=lambda item: abs(item.total.total_J - item.total.integral_J) if item.total else 0.0)
            assert worst.total is not None
            total_J, integral_J, most_J = worst.total.total_J, worst.total.integral_J, worst.total.tolerance_J
            yield Caution(
                "meter-total",
                f"The meter of {domain} does not agree with itself in {runs_text(len(apart))}: in {worst.run} its "
                f"total grew by {significant(total_J, 4)} J, the integral of its power is {significant(integral_J, 4)} "
                f"J; the total's steps and the polling explain {significant(most_J, 3)} J.",
                "Energy is the integral. Is the total that of this outlet alone, in the unit that the protocol says?",
            )
