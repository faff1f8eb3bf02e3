"""CodeCarbon as an instrument: its offline tracker, asked at our deadlines, its totals as counters of joules.

::

    open    import | country known? | offline tracker, nothing written or sent | what it found -> channels
            start, warm up, a first reading: its counters begin before the workload does
    read    flush: it measures, and hands its totals over | could that be true? -> readings
    finish  a last reading, after the workload; stop: its own CO2 goes into the summary

Hosted by a sampler process of its own: it brings pandas (130 MB) and a thread. Its scheduler is set to a period that
no run reaches, so that it measures when we ask and never at the same time; its thread that looks at loads and powers
once a second runs as it always does. CodeCarbon's settings in the environment and in ``.codecarbon.config`` are
overridden, every one: they could send readings away, or change them.
"""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import SensorMissing
from harness.instruments.codecarbon_parts import Part, Watch, parts_of
from harness.instruments.codecarbon_tracker import NAME, Heard, Totals, arguments
from harness.record import Channel, Kind, channel_name
from harness.sensors.clock import CLOCK, Clock
from harness.sensors.sensor import Reading, Site

REMEDY = 'pip install "nightwatt[codecarbon]"'
ANEW_S = 0.06
"""Asked again within 50 ms CodeCarbon does not measure anew."""
MOST_FAILURES = 3
"""So many failed measurements in a row, and it counts as lost."""


@dataclass(frozen=True)
class Package:
    """What of CodeCarbon is used."""

    version: str
    tracker: Callable[..., Any]
    """OfflineEmissionsTracker."""
    mixes: Callable[[], Mapping[str, Any]]
    """Its table of countries."""


def load_package() -> Package:
    """The installed CodeCarbon; raises SensorMissing. This is the only place that imports it."""
    os.environ |= {"CODECARBON_TELEMETRY_LEVEL": "disabled", "CODECARBON_LOG_LEVEL": "warning"}
    try:
        import codecarbon
        from codecarbon.input import DataSource
    except ImportError as error:
        is_absent = error.name == NAME
        what = "CodeCarbon is not installed" if is_absent else f"CodeCarbon cannot be imported: {error}"
        raise SensorMissing(what, where=f"instruments.{NAME}", remedy=REMEDY) from error
    return Package(
        codecarbon.__version__, codecarbon.OfflineEmissionsTracker, lambda: DataSource().get_global_energy_mix_data()
    )


def open_sensor(
    settings: Mapping[str, Any], site: Site, *, clock: Clock = CLOCK, package: Package | None = None
) -> CodeCarbon:
    """``settings``: country, interval_ms (1000). Raises SensorMissing with the reason and the remedy."""
    package = package or load_package()
    country = str(settings["country"])
    heard = Heard()
    totals = Totals()
    heard.alone()
    try:
        known = package.mixes()
        _check_country(country, known, package.version)
        tracker = package.tracker(**arguments(site.run_folder, country, totals))
        heard.alone()  # it has just added one that writes to standard error
        tracker.get_detected_hardware()
        parts, left_out = parts_of(tracker._hardware, heard.said)
    except SensorMissing:
        raise
    except Exception as error:
        # Whatever a foreign package raises: of another version, of a driver, of a file that it expects.
        said = "; ".join(heard.said) or f"{type(error).__name__}: {error}"
        raise SensorMissing(
            f"CodeCarbon {package.version} cannot be used here: {said}",
            where=f"instruments.{NAME}",
            remedy=f"{REMEDY} brings the version that nightwatt was tested with, or remove [instruments.{NAME}]",
        ) from error
    if not parts:
        raise SensorMissing(
            f"CodeCarbon {package.version} finds nothing to tell: {_listed(left_out)}",
            where=f"instruments.{NAME}",
            remedy="`nightwatt check` says how RAPL becomes readable",
        )
    period_s = float(settings.get("interval_ms", 1000.0)) / 1000
    sensor = CodeCarbon(
        version=package.version,
        country=country,
        tracker=tracker,
        totals=totals,
        heard=heard,
        parts=parts,
        left_out=left_out,
        period_s=period_s,
        clock=clock,
    )
    sensor.begin()
    return sensor


class CodeCarbon:
    """The sensor."""

    name = NAME
    start_ns = 0

    def __init__(
        self,
        *,
        version: str,
        country: str,
        tracker: Any,
        totals: Totals,
        heard: Heard,
        parts: Sequence[Part],
        left_out: Mapping[str, str],
        period_s: float,
        clock: Clock,
    ) -> None:
        self._version = version
        self._country = country
        self._tracker = tracker
        self._totals = totals
        self._heard = heard
        self._watches = [Watch(part) for part in parts]
        self._left_out = left_out
        self._clock = clock
        self.period_s = period_s
        self.channels = tuple(_channel(part, period_s) for part in parts)
        self._is_over = False
        self._first: Sequence[Reading] = ()
        self._told_kWh = (-1.0, -1.0, -1.0)
        self._failures = self._missed = self._reads = self._slow = 0
        self._longest_s = self._last_s = 0.0
        self._own: dict[str, Any] = {}

    @property
    def trouble(self) -> str:
        """What must be known of it now."""
        if self._last_s > self.period_s:
            return f"{NAME} took {self._last_s:.1f} s to measure, longer than its interval of {self.period_s:g} s"
        return f"{NAME} could not measure {self._failures} times in a row" if self._failures else ""

    @property
    def lost(self) -> str:
        """Why some part of it will not tell the truth any more; its other parts go on."""
        if self._failures >= MOST_FAILURES:
            last = self._heard.said[-1:] or ["it does not say why"]
            return f"CodeCarbon failed to measure {self._failures} times in a row: {last[0]}"
        return "; ".join(watch.lost for watch in self._watches if watch.lost)

    def begin(self) -> None:
        """Start it and take a first reading; what it loads when it is first asked for totals is then loaded."""
        self._ask(self._tracker.start)
        self._ask(self._tracker.flush)
        self._clock.sleep(ANEW_S)
        self._first = self._read()

    def read(self, now_ns: int) -> Sequence[Reading]:
        """Have it measure; one total for each part that is still to be believed."""
        first, self._first = self._first, ()
        return (*first, *self._read())

    def _read(self) -> Sequence[Reading]:
        if self._is_over or self._failures >= MOST_FAILURES:
            return ()
        before_ns = self._clock.now_ns()
        data = self._ask(self._tracker.flush)
        after_ns = self._clock.now_ns()
        self._last_s = (after_ns - before_ns) / 1e9
        self._longest_s = max(self._longest_s, self._last_s)
        self._slow += self._last_s > self.period_s
        if data is None:
            self._failures += 1
            self._missed += 1
            return ()
        self._failures = 0
        told_kWh = (data.cpu_energy, data.gpu_energy, data.ram_energy)
        if told_kWh == self._told_kWh:
            return ()  # it has not measured anew
        self._told_kWh = told_kWh
        self._reads += 1
        t_ns = (before_ns + after_ns) // 2
        readings: list[Reading] = []
        for watch, channel in zip(self._watches, self.channels, strict=True):
            value_J = watch.part.total_J(data)
            if watch.take(t_ns, value_J):
                readings.append(Reading(t_ns, channel.name, value_J))
        return readings

    def finish(self, now_ns: int) -> Sequence[Reading]:
        """The last reading; then it is stopped."""
        self._clock.sleep(ANEW_S)
        readings = self.read(now_ns)
        self._stop()
        return readings

    def summary(self) -> Mapping[str, Any]:
        """Its version, what each part is, what it warned of, how often it failed, its own idea of CO2."""
        return {
            "version": self._version,
            "country": self._country,
            "parts": {watch.part.domain: watch.part.source for watch in self._watches},
            "left_out": dict(self._left_out),
            "said": list(self._heard.said),
            "reads": self._reads,
            "missed": self._missed,
            "slow": self._slow,
            "longest_read_s": self._longest_s,
            "lost": self.lost,
            "own_CO2": self._own,
        }

    def close(self) -> None:
        """Stop it, and hear it no more."""
        self._stop()
        logging.getLogger(NAME).removeHandler(self._heard)

    def _ask(self, call: Callable[[], Any]) -> Any:
        """The totals that a call brought; None where it failed."""
        try:
            call()
        except Exception as error:  # noqa: BLE001 - it suppresses its own; whatever comes through all the same
            self._heard.said.append(f"{type(error).__name__}: {error}")
        return self._totals.take()

    def _stop(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        try:
            self._tracker.stop()
            data = self._tracker.final_emissions_data
        except Exception as error:  # noqa: BLE001 - the run has ended: it can but be said
            self._heard.said.append(f"at its end: {type(error).__name__}: {error}")
            return
        energy_kWh, emitted_g = float(data.energy_consumed), float(data.emissions) * 1000
        self._own = {
            "emitted_g": emitted_g,
            "energy_kWh": energy_kWh,
            "intensity_g_per_kWh": emitted_g / energy_kWh if energy_kWh else None,
        }


def _channel(part: Part, period_s: float) -> Channel:
    name = channel_name(NAME, part.domain, "energy_J")
    return Channel(name, "J", Kind.COUNTER, part.domain, part.quality, part.source, period_s, device=part.device)


def _listed(left_out: Mapping[str, str]) -> str:
    return "; ".join(f"{what}: {why}" for what, why in left_out.items()) or "no hardware"


def _check_country(country: str, known: Mapping[str, Any], version: str) -> None:
    if country in known:
        return
    near = difflib.get_close_matches(country, list(known), 3, cutoff=0.5)
    raise SensorMissing(
        f"CodeCarbon {version} has no country {country!r}",
        where=f"instruments.{NAME}.country",
        remedy="give its ISO 3166 code of three letters" + (f", such as {', '.join(near)}" if near else ""),
    )
