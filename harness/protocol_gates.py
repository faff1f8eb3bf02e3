"""The sections of a protocol that doubt a run: what must be so before it (``[gates]``), how it is judged (``[judge]``).

A gate is asked unless it is turned off by ``false``; ``true`` asks it as it is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field

from harness.protocol_section import Section

Budget = Annotated[float, Field(gt=0)]


class Waiting(Section):
    """A gate that has no limit of its own: how long it may hold a run up."""

    budget_s: Budget = 600.0


class LoadLimit(Waiting):
    """Others' load on the processors."""

    cores: Annotated[float, Field(gt=0)] = 0.5


class SwapLimit(Waiting):
    """Memory being swapped."""

    MB_per_s: Annotated[float, Field(ge=0)] = 1.0
    used_MB: Annotated[float, Field(ge=0)] | None = None
    budget_s: Budget = 300.0


class DiskLimit(Waiting):
    """Room beyond what the plan's forecast says."""

    free_GB: Annotated[float, Field(ge=0)] = 1.0
    budget_s: Budget = 60.0


class SettingsLimit(Waiting):
    """Clocks and power limits as at the configuration's first run."""

    budget_s: Budget = 60.0


def _on_or_off(value: Any) -> Any:
    return {} if value is True else None if value is False else value


_Gate = TypeVar("_Gate", bound=Section)
_Switched = Annotated[_Gate | None, BeforeValidator(_on_or_off)]


class Gates(Section):
    """What must be so before a run starts; None: that is not asked."""

    load: _Switched[LoadLimit] = LoadLimit()
    gpu: _Switched[Waiting] = Waiting()
    swap: _Switched[SwapLimit] = SwapLimit()
    disk: _Switched[DiskLimit] = DiskLimit()
    battery: _Switched[Waiting] = Waiting()
    settings: _Switched[SettingsLimit] = SettingsLimit()


class VerdictRule(Section):
    """What is moved of one verdict; None: as it is."""

    level: Literal["invalid", "warning", "information"] | None = None
    limit: float | None = None


def _rule(value: Any) -> Any:
    """``gap = "warning"`` and ``late_ticks = 0.1`` for what they stand for."""
    if isinstance(value, str):
        return {"level": value}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"limit": float(value)}
    return value


Judge = dict[str, Annotated[VerdictRule, BeforeValidator(_rule)]]
"""By the verdict's name (``harness.verdicts``)."""
