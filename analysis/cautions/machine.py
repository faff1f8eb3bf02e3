"""The machine itself: what of it changed between the begin and the end of the night."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analysis.cautions.evidence import Evidence
from analysis.findings import Caution

PASSING = ("battery", "swap", "timers")
"""Conditions whose values move by themselves."""


def machine(seen: Evidence) -> Iterator[Caution]:
    """One caution for all conditions of ``host.json`` that are no longer what they were."""
    before, after = (_conditions(seen.night.host, key) for key in ("conditions", "conditions_after"))
    changes = [
        f"{name} was {before[name]}, then {after[name]}"
        for name in before
        if name in after and name not in PASSING and before[name] != after[name]
    ]
    if changes:
        yield Caution(
            "machine-changed",
            f"The machine was set otherwise when the night ended: {'; '.join(changes)}.",
            "Runs on both sides of the change may differ for that alone; look at energy over the night.",
        )


def _conditions(host: Mapping[str, object], key: str) -> dict[str, str]:
    found = host.get(key)
    return {str(name): str(value) for name, value in found.items()} if isinstance(found, Mapping) else {}
