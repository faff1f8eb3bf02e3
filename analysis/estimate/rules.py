"""Rules of thumb: power x time from what stands on the card, as calculators on the web do it.

TDP x time: A. Lacoste et al., "Quantifying the Carbon Emissions of Machine Learning", arXiv:1910.09700. TDP x
utilisation and 0.3725 W for each GB of the machine's memory: L. Lannelongue, J. Grealey and M. Inouye, "Green
Algorithms", Advanced Science 8 (2021) 2100707. The power limit that the driver enforced stands for the TDP. Both are
told the true duration, and the second the true utilisation: what only a run that is over has.
"""

from __future__ import annotations

from analysis.estimate.observed import Observed

MEMORY_W_PER_GB = 0.3725


def tdp_times_time(run: Observed) -> float | str:
    """Joules, or why they are not told."""
    return run.power.why_limit if run.power.limit_W is None else run.power.limit_W * run.duration_s


def green_algorithms(run: Observed) -> float | str:
    """Joules, or why they are not told."""
    if run.power.limit_W is None:
        return run.power.why_limit
    if run.power.utilisation is None:
        return run.power.why_utilisation
    if run.memory_GB is None:
        return "how much memory the machine has was not recorded"
    return (run.power.limit_W * run.power.utilisation + MEMORY_W_PER_GB * run.memory_GB) * run.duration_s
