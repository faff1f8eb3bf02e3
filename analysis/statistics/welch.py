"""How sure is a coefficient when its two sides scatter differently? Welch's test, with more terms in the model.

The variance is HC2 (J. MacKinnon and H. White, Journal of Econometrics 29, 1985): without bias where the spreads are
equal, and with no other term than a constant exactly Welch's. The degrees of freedom are Satterthwaite's (F. E.
Satterthwaite, Biometrics Bulletin 2, 1946; R. Bell and D. McCaffrey, Survey Methodology 28, 2002) with each side's own
spread; with a constant alone they are Welch's, too.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def welch_error(design: Floats, left: Floats) -> tuple[float, float]:
    """Standard error of the first coefficient, and its degrees of freedom.

    ``design`` (n, terms), of full rank, its first column 1 on one side and 0 on the other; ``left`` (n,) the residuals
    of least squares. Needs leverages below one.
    """
    basis, triangle = np.linalg.qr(design)
    weights = basis @ np.linalg.inv(triangle).T[:, 0]
    spare = 1 - np.einsum("ni,ni->n", basis, basis)
    squares = weights**2 / spare
    variance = float(np.sum(squares * left**2))
    side = design[:, 0] > 0.5
    spread = np.empty(left.size)
    for rows in (side, ~side):
        spread[rows] = np.mean(left[rows] ** 2 / spare[rows])
    # The variance is a quadratic form y'Qy with Q = M diag(squares) M, where M = 1 - basis basis' takes the model off.
    # Q is diagonal but for six columns or so: its traces under the spreads need no n x n matrix.
    terms = design.shape[1]
    thin = np.hstack([basis, squares[:, None] * basis])
    core = np.zeros((2 * terms, 2 * terms))
    core[:terms, :terms] = basis.T @ (squares[:, None] * basis)
    core[:terms, terms:] = core[terms:, :terms] = -np.eye(terms)
    inner = core @ (thin.T @ (spread[:, None] * thin))
    beside = np.einsum("ni,ij,nj->n", thin, core, thin)
    mean = float(np.sum(spread * squares) + np.trace(inner))
    square = float(np.sum((spread * squares) ** 2) + 2 * np.sum(spread**2 * squares * beside) + np.trace(inner @ inner))
    return math.sqrt(variance), mean**2 / square
