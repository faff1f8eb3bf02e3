"""Kernel ridge regression with a Gaussian kernel, in closed form: what do runs cost that nobody has measured yet?

::

    model = fit(x, y, groups)          strength and width by cross-validation over whole groups of the rows given
    model.predict(x_new)

y - mean = K a with a = (K + strength I)^-1 (y - mean), K = exp(-|x - x'|^2 / (2 width^2 p)), on columns of mean 0 and
standard deviation 1, p of them (C. Saunders, A. Gammerman and V. Vovk, "Ridge regression learning algorithm in dual
variables", ICML 1998).
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg
from scipy.spatial import distance

Floats = NDArray[np.float64]

STRENGTHS = (10.0, 1.0, 0.1, 0.01, 0.001)
"""Of the ridge; the strongest first, which wins where two do equally well."""
WIDTHS = (8.0, 4.0, 2.0, 1.0, 0.5)
"""Of the kernel, in standard deviations of a column; the smoothest first."""
PLAIN = (0.1, 2.0)
"""Strength and width where there are too few groups to choose by."""
FOLDS = 5
"""At most so many parts of the groups."""
_CONSTANT = 1e-12


@dataclass(frozen=True)
class KernelRidge:
    """A fitted regression."""

    strength: float
    width: float
    error: float | None
    """Root of the mean squared error in cross-validation; None where nothing could be chosen by it."""
    centre: Floats
    scale: Floats
    """(p,), of the columns; those that are constant have been dropped by a scale of infinity."""
    rows: Floats
    weights: Floats
    mean: float

    def predict(self, x: ArrayLike) -> Floats:
        """The regression at the rows of ``x`` (m, p); (m,)."""
        standard = (np.atleast_2d(np.asarray(x, dtype=np.float64)) - self.centre) / self.scale
        predicted: Floats = _kernel(standard, self.rows, self.width, _used(self.scale)) @ self.weights + self.mean
        return predicted


def fit(x: ArrayLike, y: ArrayLike, groups: Sequence[Hashable]) -> KernelRidge:
    """The regression of ``y`` (n,) on ``x`` (n, p); rows of one of the ``groups`` (n,) are left out together.

    With fewer than two groups strength and width are PLAIN.
    """
    rows, told = np.atleast_2d(np.asarray(x, dtype=np.float64)), np.asarray(y, dtype=np.float64)
    folds = _folds(groups)
    if len(set(folds)) < 2:
        return _fitted(rows, told, *PLAIN, None)
    marks = np.asarray(folds)
    found = [
        (_error(rows, told, marks, strength, width), strength, width)
        for strength, width in itertools.product(STRENGTHS, WIDTHS)
    ]
    best = min(error for error, _, _ in found)
    error, strength, width = next(item for item in found if item[0] <= best * (1 + 1e-9) + 1e-15)
    return _fitted(rows, told, strength, width, error)


def _folds(groups: Sequence[Hashable]) -> list[int]:
    """The fold of each row: whole groups, dealt out in the order in which they come."""
    place = {group: number % FOLDS for number, group in enumerate(dict.fromkeys(groups))}
    return [place[group] for group in groups]


def _error(x: Floats, y: Floats, folds: NDArray[np.int_], strength: float, width: float) -> float:
    misses = []
    for fold in np.unique(folds):
        out = folds == fold
        model = _fitted(x[~out], y[~out], strength, width, None)
        misses.append(model.predict(x[out]) - y[out])
    return float(np.sqrt(np.mean(np.concatenate(misses) ** 2)))


def _fitted(x: Floats, y: Floats, strength: float, width: float, error: float | None) -> KernelRidge:
    centre, scale = x.mean(axis=0), x.std(axis=0)
    # A column that never varied says nothing, and must not say anything of a row in which it does.
    scale = np.where(scale > _CONSTANT * (1 + np.abs(centre)), scale, np.inf)
    standard, mean = (x - centre) / scale, float(y.mean())
    kernel = _kernel(standard, standard, width, _used(scale))
    factor = linalg.cho_factor(kernel + strength * np.eye(len(y)), lower=True)
    weights: Floats = linalg.cho_solve(factor, y - mean)
    return KernelRidge(strength, width, error, centre, scale, standard, weights, mean)


def _used(scale: Floats) -> int:
    return max(1, int(np.isfinite(scale).sum()))


def _kernel(one: Floats, other: Floats, width: float, columns: int) -> Floats:
    if not one.shape[1]:
        return np.ones((len(one), len(other)))
    kernel: Floats = np.exp(-distance.cdist(one, other, "sqeuclidean") / (2 * width**2 * columns))
    return kernel
