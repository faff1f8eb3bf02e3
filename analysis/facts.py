"""How the night was designed and analysed, and what it takes to have the same answer again."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from analysis.comparisons import Method
from analysis.energy import Measured, of_choice
from analysis.load import Night
from analysis.node_strata import strata
from analysis.response import DURATION, ENERGY, NET, POWER, Response
from analysis.statistics.families import SHORT
from harness.domains import Choice

if TYPE_CHECKING:
    from harness.protocol_model import Analysis

PACKAGES = ("nightwatt", "numpy", "pandas", "pyarrow", "scipy", "statsmodels")
"""Whose versions can move the last digits of a finding."""


def read_by(measured: Measured, choice: Choice, response: Response) -> list[str]:
    """Where the energy of the compared domains was read."""
    if not response.domains and response.name not in (ENERGY, NET, POWER):
        return ["the marks' clock"] if response.name == DURATION else ["the workload"]
    return list(dict.fromkeys(str(source) for source in of_choice(measured.frame, choice).source))


def design(
    night: Night, analysis: Analysis, method: Method, family: Sequence[tuple[str, str]], *, changed: bool
) -> dict[str, Any]:
    """The design and the analysis plan, as they were carried out."""
    unpaired = "Welch on logs with run order" if night.ordered else "Welch t on logs"
    primary = {
        "classic": "pooled t",
        "blocks": "paired t on logs within blocks" if night.blocked else unpaired,
    }[method.recipe]
    if method.test == "rank":
        paired = method.recipe == "blocks" and night.blocked
        primary = "Wilcoxon signed-rank within blocks" if paired else "Mann-Whitney U"
    imported = {key: night.imported.get(key) for key in ("format", "order")} if night.imported else {}
    return {
        "order": night.plan["order"],
        "seed": night.plan["seed"],
        "blocks": night.protocol.design.blocks,
        "configurations": list(night.configurations),
        "labels": list(night.protocol.design.labels),
        "slots": sum(1 for slot in night.plan["slots"] if slot["block"] > 0),
        "runs": len(night.records),
        **({"cohorts": method.cohorts} if method.cohorts > 1 else {}),
        **({"imported": imported} if imported else {}),
        **({"nights": [dict(member) for member in night.joined]} if night.joined else {}),
        **({"nodes": sorted(set(of_node.values()))} if (of_node := strata(night)) else {}),
        "metric": analysis.metric,
        "window": night.protocol.workload.window or "",
        "baseline": analysis.baseline or "",
        **({"within": list(analysis.within), "cells": len(method.families(family))} if analysis.within else {}),
        **({"effects": [" × ".join(term) for term in analysis.terms]} if analysis.effects else {}),
        "family": [list(names) for names in family],
        "largest_family": method.size(family),
        "correction": SHORT[method.correction] if method.size(family) > 1 else "none",
        "primary": primary,
        "recipe": method.recipe,
        "alpha": method.alpha,
        "level": method.level,
        "exploratory": changed,
        "overrides": night.plan.get("overrides") or {},
    }


def reproduce(night: Night) -> dict[str, Any]:
    """What it takes to have the same answer again: the versions, one command.

    Files appear by name and hash: the folders of the machine that measured are nobody's business, and a night's own
    folder may be renamed without changing its report.
    """
    sources = [item for item in night.plan.get("sources") or [] if isinstance(item, dict)]
    return {
        **_imported(night),
        "command": "nightwatt report NIGHT… --out FOLDER" if night.joined else "nightwatt report NIGHT",
        "protocol_file": PurePath(str(night.plan.get("protocol_file", ""))).name,
        "protocol_sha256": night.plan.get("protocol_sha256", ""),
        "sources": {str(item.get("copied_as", "")): str(item.get("sha256", "")) for item in sources},
        "made_by": night.plan.get("nightwatt", ""),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _imported(night: Night) -> dict[str, Any]:
    """The command that made a night of recordings, and the hashes of the files that it read."""
    if not night.imported:
        return {}
    known = str(night.imported.get("command") or "")
    files = night.imported.get("files") or {}
    told = (
        known or f"nightwatt import {night.imported.get('format')} {shlex.join(map(str, files))}, options not recorded"
    )
    return {"import": told, "imported_files": {str(name): str(digest) for name, digest in files.items()}}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"
