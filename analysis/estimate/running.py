"""A run that goes on: its whole energy from its epochs so far. Reads what is there, and changes nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.energy import Meter, read_meters
from analysis.estimate.observed import Observed, energies, epochs_of, spans_of
from analysis.estimate.step import LEAST, WINDOW, Step, expected_epochs, step
from analysis.load import Series
from harness.domains import Choice, choose
from harness.record import Channel, Phase

LARGEST_B = 1 << 30
"""Of the readings of one run that goes on: more are not read into memory."""


@dataclass(frozen=True)
class Running:
    """What is foretold of a run that goes on."""

    run: str
    seen: int
    """Epochs that are over and whose energy is known."""
    so_far_J: float | None
    """Of these epochs and what came before them in the window."""
    expected: float | None
    """Epochs it will have."""
    by_finished: int
    """Finished runs of its configuration that tell the expected number; 0: it is the maximum."""
    told: Step | None
    at_most: Step | None
    """With the maximum of epochs, where that is known and greater."""
    domains: tuple[str, ...]
    quality: str
    why: str = ""
    """Why nothing is told."""


def running(
    run: str,
    phases: Sequence[Phase],
    begin_ns: int | None,
    series: Mapping[str, Series],
    *,
    finished: Sequence[Observed] = (),
    planned: float | None = None,
    window: int = WINDOW,
    declared: Sequence[str] = (),
    prefer: Sequence[str] = (),
) -> Running:
    """What the ``phases`` that are over tell, with the readings so far.

    ``begin_ns``: the begin of the window that goes on; left out, that of its first epoch. ``finished``: runs of the
    same configuration. ``declared`` and ``prefer`` as in the protocol's analysis.
    """
    epochs = epochs_of(phases, Phase("", 0, np.iinfo(np.int64).max))
    meters = read_meters(series)
    choice = choose({meter.key for meter in meters}, declared, prefer)
    first_ns = epochs[0].begin_ns if epochs else 0
    spans = spans_of(epochs, min(first_ns, begin_ns) if begin_ns is not None else first_ns)
    joules = _summed(meters, spans, choice)
    # The last readings may lag behind the last mark.
    seen = int(np.flatnonzero(~np.isfinite(joules))[0]) if not np.isfinite(joules).all() else joules.size
    expected = expected_epochs([one.epochs for one in finished], seen, planned)
    by_finished = sum(one.epochs >= seen for one in finished)
    why = ""
    if not choice.summed:
        why = choice.refusal or "no power or energy is recorded yet"
    elif seen < LEAST:
        why = f"{seen} of its epochs can be told yet, and {LEAST} are needed"
    elif expected is None:
        why = "how many epochs it will have is not known: give --epochs"
    lengths = [span.duration_s for span in spans[:seen]]
    told = None if why or expected is None else step(joules[:seen], lengths, expected, window)
    longer = told is not None and planned is not None and expected is not None and planned > expected
    return Running(
        run=run,
        seen=seen,
        so_far_J=float(joules[:seen].sum()) if seen else None,
        expected=expected,
        by_finished=by_finished,
        told=told,
        at_most=step(joules[:seen], lengths, planned, window) if longer and planned is not None else None,
        domains=choice.domains,
        quality=choice.quality,
        why=why or ("" if told is not None else "its epochs so far cannot be read"),
    )


def readings(path: Path, channels: Sequence[Channel]) -> dict[str, Series]:
    """The whole lines of a samples file that is being written (t_ns, channel, value, no header), by channel."""
    described = {channel.name: channel for channel in channels}
    try:
        with open(path, "rb") as file:
            body = file.read(LARGEST_B)
    except OSError:
        return {}
    body = body[: body.rfind(b"\n") + 1]  # a torn number parses silently
    frame = pd.read_csv(
        io.BytesIO(body),
        names=["t_ns", "channel", "value"],
        header=None,
        index_col=False,
        dtype={"channel": "category"},
        on_bad_lines="skip",
        encoding_errors="replace",
        quoting=csv.QUOTE_NONE,
    )
    for name in ("t_ns", "value"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    frame = frame[np.isfinite(frame["t_ns"].to_numpy(float)) & np.isfinite(frame["value"].to_numpy(float))]
    frame = frame.drop_duplicates(["channel", "t_ns"], keep="last").sort_values("t_ns", kind="stable")
    return {
        str(name): Series(
            described[str(name)], part["t_ns"].to_numpy(dtype=np.int64), part["value"].to_numpy(dtype=np.float64)
        )
        for name, part in frame.groupby("channel", sort=False, observed=True)
        if str(name) in described
    }


def _summed(
    meters: Sequence[Meter], spans: Sequence[Phase], choice: Choice
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    of = {meter.key: meter for meter in meters}
    if not choice.summed or not spans:
        return np.full(len(spans), np.nan)
    return np.asarray(np.sum([energies(of[source.key], spans) for source in choice.summed], axis=0), dtype=np.float64)
