"""How CodeCarbon's tracker is set, what it hands over, and what it warns of. Standard library only."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

NAME = "codecarbon"
NEVER_S = 1e8
"""Three years: the period of its own scheduler."""
_MOST_SAID = 20
_USUAL = ("Multiple instances of codecarbon are allowed",)


class Totals:
    """CodeCarbon's place for one's own output: keeps the totals that it hands over."""

    def __init__(self) -> None:
        self.latest: Any = None

    def take(self) -> Any:
        """The totals that came since the last call; None where none came."""
        latest, self.latest = self.latest, None
        return latest

    def out(self, total: Any, delta: Any) -> None:
        """Called by a flush."""
        self.latest = total

    def live_out(self, total: Any, delta: Any) -> None:
        """Called by its scheduler, which is never due."""

    def task_out(self, data: Any, experiment_name: str) -> None:
        """Called for its tasks; there are none."""

    def exit(self) -> None:
        """Called at its stop."""


class Heard(logging.Handler):
    """What CodeCarbon warned of, each sentence once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def alone(self) -> None:
        """Be the only one that CodeCarbon speaks to: what it says goes into the summary."""
        logger = logging.getLogger(NAME)
        logger.handlers = [self]

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a warning, with the error that it is about."""
        text = " ".join(record.getMessage().split())
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text} {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        is_news = text not in self.said and not text.startswith(_USUAL)
        if is_news and len(self.said) < _MOST_SAID:
            self.said.append(text)


def arguments(folder: Path, country: str, totals: Totals) -> dict[str, Any]:
    """Every setting of the tracker, so that neither the environment nor a file of the user's has a word in it."""
    return {
        "country_iso_code": country,
        "region": None,
        "cloud_provider": None,
        "cloud_region": None,
        "country_2letter_iso_code": None,
        "project_name": "nightwatt",
        "experiment_name": "",
        "experiment_id": "",
        "measure_power_secs": NEVER_S,
        "tracking_mode": "machine",
        "gpu_ids": None,
        "output_dir": str(folder),
        "output_file": "emissions.csv",
        "output_methods": [],
        "output_handlers": [totals],
        "logging_logger": None,
        "metadata": None,
        "on_csv_write": "append",
        "api_call_interval": -1,
        "api_endpoint": "",
        "api_key": "",
        "emissions_endpoint": "",
        "prometheus_url": "",
        "electricitymaps_api_token": "",  # not None: then it would look for one of the user's
        "allow_multiple_runs": True,
        "log_level": "warning",
        "logger_preamble": "",
        "force_cpu_power": None,
        "force_ram_power": None,
        "force_mode_cpu_load": False,
        "force_carbon_intensity_g_co2e_kwh": None,
        "rapl_include_dram": False,
        "rapl_prefer_psys": False,
        "pue": 1.0,
        "wue": 0.0,
    }
