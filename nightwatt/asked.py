"""The protocol that a command is asked for: read by the harness, and checked against what only the analysis knows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.protocol import Protocol


def read(file: Path, overrides: Mapping[str, Any] | None = None) -> Protocol:
    """The protocol in ``file`` with ``overrides``; raises ProtocolError, for a country without an intensity too."""
    from harness.errors import Problem, ProtocolError
    from harness.protocol import read as read_protocol

    protocol = read_protocol(file, overrides)
    if protocol.analysis.carbon:
        from analysis.intensities import unknown_countries

        problems = [
            Problem(f"analysis.carbon[{place}].country", "no carbon intensity is known for it", repr(country), remedy)
            for place, country, remedy in unknown_countries(protocol.analysis.carbon)
        ]
        if problems:
            raise ProtocolError(str(file), problems)
    return protocol
