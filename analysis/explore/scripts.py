"""The scripts of a page, as they are inlined, and the hashes by which its policy allows them and nothing else."""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass
from importlib.resources import files

PLOTLY = "plotly/plotly-cartesian.min.js"
OURS = "explore.js"


@dataclass(frozen=True)
class Script:
    """One script of a page."""

    text: str

    @property
    def source(self) -> str:
        """Its hash as a source of a Content-Security-Policy, by which a browser runs this text and no other."""
        return f"'sha256-{base64.b64encode(hashlib.sha256(self.text.encode('utf-8')).digest()).decode('ascii')}'"


@functools.cache
def scripts() -> tuple[Script, ...]:
    """plotly.js, and what shows its charts; the same bytes on every page."""
    folder = files("analysis.explore")
    return tuple(Script(folder.joinpath(name).read_text("utf-8")) for name in (PLOTLY, OURS))
