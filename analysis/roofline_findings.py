"""Where configurations stand under the roofs of their device: frozen records, below everything that makes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RooflinePoint:
    """One configuration: medians over its runs."""

    configuration: str
    family: str
    """What the workload calls its kind; empty where it tells none."""
    precision: str
    n: int
    flop_per_image: float
    bytes_per_image: float
    images_per_s: float
    roof_FLOP_per_s: float | None
    """The lower of both ceilings at its intensity, of its own precision; None where one of them was not measured."""

    @property
    def intensity(self) -> float:
        """FLOP for each byte."""
        return self.flop_per_image / self.bytes_per_image

    @property
    def rate_FLOP_per_s(self) -> float:
        """Arithmetic done in a second."""
        return self.flop_per_image * self.images_per_s

    @property
    def share(self) -> float | None:
        """Of the roof that was reached."""
        return None if not self.roof_FLOP_per_s else self.rate_FLOP_per_s / self.roof_FLOP_per_s


@dataclass(frozen=True)
class Roof:
    """What the device can do at most in a precision, as measured: the highest of any run."""

    precision: str
    FLOP_per_s: float | None
    B_per_s: float | None


@dataclass(frozen=True)
class Roofline:
    """Points and roofs of one device, and the configurations of which nothing can be said."""

    device: str
    points: tuple[RooflinePoint, ...]
    roofs: tuple[Roof, ...]
    left_out: tuple[tuple[str, str], ...]
    """(configuration, why)."""
