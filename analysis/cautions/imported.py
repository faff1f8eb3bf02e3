"""Cautions about a night that others measured and that was imported: what its files do not say, and what was mended."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.cautions.evidence import Evidence, listed
from analysis.findings import Caution


def imported(seen: Evidence) -> Iterator[Caution]:
    """Where the runs come from, whether their order is known, and what nobody can tell of them."""
    about = seen.night.imported
    if not about:
        return
    files = about.get("files") or {}
    yield Caution(
        "imported",
        f"This night was not measured by nightwatt: its runs were imported ({about.get('format')}: {listed(files, 3)}"
        "). No gate looked at them, and the judge at nothing but gaps in their readings. Not known: "
        + " ".join(str(item) for item in about.get("unknown") or ()),
        "Measure anew where an answer hangs on it.",
    )
    if not seen.night.ordered:
        yield Caution(
            "order-unknown",
            "When each run was executed is not known: drift and heat carried over can neither be seen nor taken off, "
            "and if one configuration ran after the other they look like an effect.",
            "Import the times at which the runs began.",
        )
    notes = [str(note) for note in about.get("notes") or ()]
    if notes:
        yield Caution("import-notes", f"Seen at the import: {listed(notes, 3)}.")
