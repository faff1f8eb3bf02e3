"""How far each method's guesses are from what the runs used, on the same runs, and how that falls with the prefix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.estimate.guesses import EARLY, METHODS, Asked, Guess, Method, apart, early
from analysis.estimate.observed import Observed, Seen

SHARES = (0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_EXACT = 1e-11
FIRSTS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100)


@dataclass(frozen=True)
class Score:
    """One method on the runs that are scored; None with ``why`` where it told none of them."""

    method: str
    epochs: str
    n: int
    rmse_J: float | None
    mean_absolute_pct: float | None
    median_absolute_pct: float | None
    """One run that was missed widely moves the mean, not this."""
    bias_pct: float | None
    """Mean of the relative errors: above 0, too much was foretold."""
    why: str = ""


@dataclass(frozen=True)
class Point:
    """One method at one length of the prefix."""

    method: str
    epochs: str
    window: float
    """The share of the epochs in per cent, or their number."""
    n: int
    rmse_J: float
    mean_absolute_pct: float
    bias_pct: float


@dataclass(frozen=True)
class Scored:
    """What a night tells about foretelling."""

    asked: Asked
    seen: Seen
    scores: tuple[Score, ...]
    curve: tuple[Point, ...]
    guesses: tuple[Guess, ...]
    held_out: str
    """configuration | block: by what PRE's runs were held out."""
    n: int
    """Runs scored: those of which every method tells that tells any."""
    not_scored: int


def score(seen: Seen, asked: Asked) -> Scored:
    """Every method on the same runs of ``seen``."""
    constant, by = apart(seen.runs)
    guesses = [*early(seen.runs, asked), *constant]
    shared = common(guesses)
    scores = [_score(method, guesses, shared) for method in METHODS]
    return Scored(
        asked=asked,
        seen=seen,
        scores=tuple(scores),
        curve=tuple(curve(seen.runs, asked)),
        guesses=tuple(guesses),
        held_out=by,
        n=len(shared),
        not_scored=len(seen.runs) - len(shared),
    )


def common(guesses: Sequence[Guess]) -> set[tuple[str, str]]:
    """The runs, as (night, run), of which every method tells that tells any run."""
    told: dict[Method, set[tuple[str, str]]] = {}
    for guess in guesses:
        if guess.energy_J is not None:
            told.setdefault(guess.key, set()).add((guess.run.night, guess.run.run))
    return set.intersection(*told.values()) if told else set()


def curve(runs: Sequence[Observed], asked: Asked) -> list[Point]:
    """The errors of the methods that see a prefix, against its length; each on the runs that all of them tell."""
    longest = max((run.epochs for run in runs), default=0)
    lengths: list[tuple[float, Asked]] = (
        [(100 * share, Asked(share, window=asked.window)) for share in SHARES]
        if asked.first is None
        else [(count, Asked(first=count, window=asked.window)) for count in FIRSTS if count <= longest]
    )
    found: list[Point] = []
    for length, at in lengths:
        guesses = early(runs, at)
        shared = common(guesses)
        for method in (key for key in METHODS if key[0] in EARLY):
            item = _score(method, guesses, shared)
            if item.rmse_J is not None and item.mean_absolute_pct is not None and item.bias_pct is not None:
                errors = (item.rmse_J, item.mean_absolute_pct, item.bias_pct)
                found.append(Point(*method, float(length), item.n, *errors))
    return found


def _score(method: Method, guesses: Sequence[Guess], shared: set[tuple[str, str]]) -> Score:
    mine = [guess for guess in guesses if guess.key == method]
    told = [
        (guess.energy_J, guess.run.energy_J)
        for guess in mine
        if guess.energy_J is not None and (guess.run.night, guess.run.run) in shared
    ]
    if not told:
        reasons = list(dict.fromkeys(guess.why for guess in mine if guess.why))
        return Score(*method, 0, None, None, None, None, "; ".join(reasons) or "no run is told by all methods")
    guessed, true = np.array(told, dtype=np.float64).T
    # What differs in the last bits only is exact.
    guessed = np.where(np.abs(guessed - true) < _EXACT * true, true, guessed)
    relative = 100 * (guessed - true) / true
    return Score(
        *method,
        len(told),
        float(np.sqrt(np.mean((guessed - true) ** 2))),
        float(np.mean(np.abs(relative))),
        float(np.median(np.abs(relative))),
        float(np.mean(relative)),
    )
