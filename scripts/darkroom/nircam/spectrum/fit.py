"""Maximum-likelihood fit of the noise model to all bins and amplifiers together.

The mean D of n independent complex values in a bin has ln L = -n [ln det C + tr(C⁻¹ D)]. Errors are
from the Fisher matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.errors import DarkroomError
from darkroom.nircam.spectrum.model import PIVOT, FittedModel, Layout, covariance

if TYPE_CHECKING:
    from darkroom.nircam.spectrum.bins import Grid

_INDEX_RANGE = (0.3, 2.5)
# Mean and width of weak priors for parameters that the data may not constrain: indices of noise of
# no amplitude, and logarithms of gains without common noise.
_INDEX_PRIOR, _GAIN_PRIOR = (1.0, 0.5), (0.0, 0.3)
# Improvement of -2 ln L required to include the low-frequency excess: about what its two parameters
# gain by chance. With a larger value (a difference of 10 in the Bayesian information criterion is
# 33 here) a weak excess would be attributed to common 1/f noise.
_EXCESS_NEEDED = 4.0
_ROUNDS = 200
# The fit has converged when -2 ln L (1 for a standard error) improves by less than _CONVERGED, in a
# step that the damping leaves at least half its length (damping up to _FREE), or over _PATIENCE
# rounds, failed steps included (without an excess, its knee is undetermined).
_CONVERGED, _FREE, _PATIENCE = 1e-4, 1.0, 10
# The fit is poor at low frequency when bins below _LOW (Hz) deviate with a probability < _LOW_P.
_LOW, _LOW_P = 20.0, 1e-6


@dataclass(frozen=True)
class Fit(FittedModel):
    """Result of a fit.

    Attributes
    ----------
    errors : (nparameters,) float64 array
        Standard errors of the parameters. An error of a logarithm is relative.
    used : (nbins,) bool array
        Bins used in the fit.
    chi2 : float
        Sum of squared deviations of the auto spectra of these bins, over their variances.
    dof : int
        Degrees of freedom of `chi2`.
    """

    errors: np.ndarray
    used: np.ndarray
    chi2: float
    dof: int

    def get(self, name: str) -> tuple[float, float]:
        """Return value and error of a parameter, of logarithms those of the quantity itself."""
        k = self.layout.names.index(name)
        value, error = float(self.values[k]), float(self.errors[k])
        if "_index" in name:
            return value, error
        return float(np.exp(value)), float(np.exp(value) * error)

    def expected(self, frequency: np.ndarray, grid: Grid) -> np.ndarray:
        """Return the model at frequencies in Hz: (n, namplifiers, namplifiers), DN²/Hz."""
        return covariance(frequency, grid.half_rate, self.layout, self.values, grid.frame_time)[0]

    def gains(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the gains for the common noise and their errors, (namplifiers,) each."""
        gains = self.layout.gains(self.values)
        n = self.layout.namplifiers
        errors = np.zeros(n)
        if n > 2:
            errors[:-1] = self.errors[: n - 1]
            errors[-1] = errors[:-1].mean()
        return gains, gains * errors

    def without_white(self, power: np.ndarray, error: np.ndarray) -> Fit:
        """Return the fit with part of the white noise subtracted.

        Parameters
        ----------
        power : (namplifiers,) array
            White noise to subtract, DN²/Hz.
        error : (namplifiers,) array
            Its error, independent of those of the fit, DN²/Hz.

        Raises
        ------
        DarkroomError
            When no white noise would remain.
        """
        values, variance = self.values.copy(), self.covariance.copy()
        for a in range(self.layout.namplifiers):
            k = self.layout.names.index(f"white_{a}")
            white = np.exp(values[k])
            remaining = white - power[a]
            if not remaining > 0:
                raise DarkroomError(
                    f"amplifier place {a}: weak telegraph pixels and cosmic rays seem to cause all "
                    "of its white noise; the noise of its pixels differs too much for one "
                    "measurement"
                )
            values[k] = np.log(remaining)
            variance[k] *= white / remaining
            variance[:, k] *= white / remaining
            variance[k, k] += (error[a] / remaining) ** 2
        errors = np.sqrt(np.diagonal(variance))
        return replace(self, values=values, errors=errors, covariance=variance)


def fit(frequency: np.ndarray, matrix: np.ndarray, n_independent: np.ndarray, grid: Grid) -> Fit:
    """Fit the noise model to the binned spectra.

    Parameters
    ----------
    frequency : (nbins,) array
        Effective frequency of each bin, Hz.
    matrix : (nbins, n, n) complex array
        Mean cross spectra of each bin, DN²/Hz.
    n_independent : (nbins,) array
        Number of independent complex values in each bin; a bin of 0 is left out.
    grid : darkroom.nircam.spectrum.bins.Grid
        Bins of the spectra.

    Returns
    -------
    Fit
        With the low-frequency excess if it improves -2 ln L by more than 4. Only bins above 20 Hz
        are used if no model fits below.

    Raises
    ------
    DarkroomError
        When the fit does not converge.
    """
    problem = _Problem(frequency, matrix.real, n_independent, grid)
    found = problem.best(0.0)
    higher = (frequency[problem.used] > _LOW).sum()
    if problem.fits_poorly_at_low_frequency(found) and higher > 2 * len(found.layout.names):
        found = problem.best(_LOW)
    return found


class _Problem:
    """The bins to fit."""

    def __init__(self, frequency, matrix, n_independent, grid):
        self.frequency, self.matrix, self.grid = frequency, matrix, grid
        self.n_independent = n_independent
        self.used = n_independent > 0

    def best(self, lowest):
        """Return the best `Fit` to bins from a frequency (Hz) up."""
        used = self.used & (self.frequency >= lowest)
        n = self.matrix.shape[-1]
        plain, cost = self._maximise(Layout(n, False), used, None)
        if n > 1 and lowest == 0:
            excess, lower = self._maximise(Layout(n, True), used, plain)
            if cost - lower > _EXCESS_NEEDED:
                plain = excess
        return self._finish(plain, used)

    def _cost(self, matrix, layout, values, used):
        """Return -2 ln L plus the terms of the weak priors."""
        sign, log = np.linalg.slogdet(matrix)
        if (sign <= 0).any():
            return np.inf
        trace = np.linalg.solve(matrix, self.matrix[used]).trace(axis1=1, axis2=2)
        prior = sum(((values[k] - mean) / width) ** 2 for k, mean, width in _priors(layout))
        return float(2 * (self.n_independent[used] * (log + trace)).sum() + prior)

    def _model(self, layout, values, used):
        return covariance(
            self.frequency[used], self.grid.half_rate, layout, values, self.grid.frame_time
        )

    def _maximise(self, layout, used, start):
        """Fit by Fisher scoring with Levenberg damping; return (layout, values) and the cost."""
        values = self._start(layout, used, start)
        low, high = self._bounds(layout, values)
        matrix, derivatives = self._model(layout, values, used)
        cost, damping = self._cost(matrix, layout, values, used), 1e-3
        history = []
        for _ in range(_ROUNDS):
            history.append(cost)
            if len(history) > _PATIENCE and history[-_PATIENCE - 1] - cost < _CONVERGED:
                return (layout, values), cost
            gradient, fisher = self._scores(matrix, derivatives, layout, values, used)
            step = _damped(gradient, fisher, damping, values, low, high)
            trial = np.clip(values + step, low, high)
            model = self._model(layout, trial, used)
            lower = self._cost(model[0], layout, trial, used)
            if not lower <= cost:
                damping *= 8
                continue
            found = cost - lower < _CONVERGED and damping <= _FREE
            values, cost, (matrix, derivatives) = trial, lower, model
            if found:
                return (layout, values), cost
            damping = max(damping / 8, 1e-9)
        raise DarkroomError(
            f"the fit of the noise spectrum did not converge in {_ROUNDS} rounds; look at the "
            "spectrum: the model may not describe this detector"
        )

    def _scores(self, matrix, derivatives, layout, values, used):
        """Return the gradient of ln L and the Fisher matrix."""
        inverse = np.linalg.inv(matrix)
        whitened = np.matmul(derivatives, inverse)
        deviation = np.matmul(self.matrix[used] - matrix, inverse)
        n_independent = self.n_independent[used]
        gradient = np.einsum("n,pnij,nji->p", n_independent, whitened, deviation, optimize=True)
        count = len(values)
        left = (whitened * n_independent[None, :, None, None]).reshape(count, -1)
        fisher = left @ whitened.swapaxes(-1, -2).reshape(count, -1).T
        for k, mean, width in _priors(layout):
            gradient[k] -= (values[k] - mean) / width**2
            fisher[k, k] += 1 / width**2
        return gradient, fisher

    def _start(self, layout, used, start):
        """Return initial parameters, from the levels of the spectrum or from an earlier fit."""
        names = layout.names
        values = np.zeros(len(names))
        if start is not None:
            known = dict(zip(start[0].names, start[1], strict=True))
            for k, name in enumerate(names):
                values[k] = known.get(name, 0.0)
            level = np.exp(known["common"]) * PIVOT["common"]
            values[names.index("excess")] = np.log(5 * level)
            values[names.index("excess_knee")] = np.log(8 / self.grid.frame_time + 1.0)
            return values
        frequency, matrix = self.frequency[used], self.matrix[used]
        n, half = layout.namplifiers, self.grid.half_rate
        white = np.median(
            np.diagonal(matrix[(frequency > 0.3 * half) & (frequency < 0.8 * half)], 0, 1, 2),
            axis=0,
        )
        if layout.has_common:
            upper = np.triu_indices(n, 1)
            low = frequency < max(45.0, 30 / self.grid.frame_time)
            crossed = np.median(frequency[low, None] * matrix[low][:, *upper])
            floor = 1e-3 * white.min() * PIVOT["common"]
            values[names.index("common")] = np.log(max(crossed, floor) / PIVOT["common"])
            values[names.index("common_index")] = 1
        for a in range(n):
            k = names.index(f"white_{a}")
            values[k : k + 5] = (*np.log([white[a], 0.5 * white[a]]), 1, np.log(0.3 * white[a]), 1)
        return values

    def _bounds(self, layout, values):
        low, high = np.full(values.size, -np.inf), np.full(values.size, np.inf)
        for k, name in enumerate(layout.names):
            if "_index" in name:
                low[k], high[k] = _INDEX_RANGE
            elif name == "excess_knee":
                low[k], high[k] = np.log([1 / self.grid.frame_time, _LOW])
            elif name.startswith("gain"):
                low[k], high[k] = np.log([0.1, 10])
            else:
                low[k], high[k] = values[k] - 14, values[k] + 14
        return low, high

    def _finish(self, best, used):
        layout, values = best
        matrix, derivatives = self._model(layout, values, used)
        _, fisher = self._scores(matrix, derivatives, layout, values, used)
        scale = 1 / np.sqrt(np.maximum(np.diagonal(fisher), 1e-300))
        scale = np.outer(scale, scale)
        inverse = scale * np.linalg.pinv(fisher * scale, 1e-12, hermitian=True)
        errors = np.sqrt(np.diagonal(inverse))
        everywhere = self._model(layout, values, np.ones_like(used))[0]
        deviation = self._deviations(everywhere) ** 2
        chi2 = float(deviation[used].sum())
        dof = int(used.sum() * layout.namplifiers - values.size)
        lowest = float(self.frequency[used].min())
        return Fit(layout, values, inverse, lowest, errors, used, chi2, dof)

    def _deviations(self, model):
        own = np.diagonal(model, 0, 1, 2)
        measured = np.diagonal(self.matrix, 0, 1, 2)
        return (measured / own - 1) * np.sqrt(self.n_independent)[:, None]

    def fits_poorly_at_low_frequency(self, found):
        """Tell whether bins below 20 Hz deviate from the model more than by chance."""
        low = found.used & (self.frequency < _LOW)
        if not low.any():
            return False
        model = self._model(found.layout, found.values, np.ones_like(low))[0]
        # The amplifiers share the common noise there, so they count as one.
        deviation = (self._deviations(model)[low] ** 2).mean(axis=1)
        return special.chdtrc(low.sum(), deviation.sum()) < _LOW_P


def _priors(layout):
    """Return (place, mean, width) of the parameters with a weak prior."""
    return [
        (k, *(_INDEX_PRIOR if "_index" in name else _GAIN_PRIOR))
        for k, name in enumerate(layout.names)
        if "_index" in name or name.startswith("gain")
    ]


def _damped(gradient, fisher, damping, values, low, high):
    """Return the step of the parameters; those at a bound that they would cross stay."""
    held = ((values <= low) & (gradient < 0)) | ((values >= high) & (gradient > 0))
    free = ~held
    step = np.zeros_like(values)
    part = fisher[np.ix_(free, free)]
    diagonal = np.maximum(np.diagonal(part), 1e-12)
    step[free] = np.linalg.solve(part + damping * np.diag(diagonal), gradient[free])
    return np.clip(step, -2, 2)
