"""Maximum-likelihood fit of the noise model to all bins and amplifiers together.

A bin worth n independent complex values with mean D has ln L = -n [ln det C + tr(C⁻¹ D)]. Errors
are those of the Fisher matrix.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from darkroom.errors import DarkroomError
from darkroom.nircam.spectrum.model import PIVOT, Layout, covariance

_INDEX_RANGE = (0.3, 2.5)
# Mean and width for what the data say nothing about: indices of noise that is not there, and
# logarithms of gains without common noise.
_INDEX_PRIOR, _GAIN_PRIOR = (1.0, 0.5), (0.0, 0.3)
# What the low-frequency excess must improve -2 ln L by: what its two parameters do by chance. With
# more (10 in Bayesian information is 33 here) a weak excess would be taken for common 1/f noise.
_EXCESS_NEEDED = 4.0
_ROUNDS = 200
# In -2 ln L, where a standard error is 1. A step held short gains little anywhere: one that the
# damping leaves at least half its length can tell, or so many rounds, steps that failed included
# (where there is no excess its knee wanders for ever).
_CONVERGED, _FREE, _PATIENCE = 1e-4, 1.0, 10
_LOW, _LOW_P = 20.0, 1e-6


@dataclass(frozen=True)
class Fit:
    """What a fit found.

    Attributes
    ----------
    layout : Layout
    values, errors : (nparameters,) float64 array
        As `Layout.names`: natural logarithms of gains, amplitudes and the knee; indices. An error
        of a logarithm is relative.
    covariance : (nparameters, nparameters) float64 array
        Inverse of the Fisher matrix.
    taken : (nbins,) bool array
        Bins that went in.
    chi2, dof : float
        Squared deviations of the auto spectra of these bins over their variances.
    above : float
        Hz, lowest frequency fitted.
    """

    layout: Layout
    values: np.ndarray
    errors: np.ndarray
    covariance: np.ndarray
    taken: np.ndarray
    chi2: float
    dof: int
    above: float

    def get(self, name):
        """Return (value, error) of a parameter; logarithms are undone."""
        k = self.layout.names.index(name)
        value, error = float(self.values[k]), float(self.errors[k])
        if "_index" in name:
            return value, error
        return float(np.exp(value)), float(np.exp(value) * error)

    def expected(self, frequency, grid):
        """Return the matrix of the model at frequencies in Hz: (n, namplifiers, namplifiers)."""
        return covariance(frequency, grid.half_rate, self.layout, self.values, grid.frame_time)[0]

    def gains(self):
        """Return (gains, errors), (namplifiers,) each."""
        gains = self.layout.gains(self.values)
        n = self.layout.namplifiers
        errors = np.zeros(n)
        if n > 2:
            errors[:-1] = self.errors[: n - 1]
            errors[-1] = errors[:-1].mean()
        return gains, gains * errors

    def without_white(self, power, error):
        """Return the fit with so much less white noise.

        Parameters
        ----------
        power, error : (namplifiers,) arrays
            DN²/Hz; an error that does not depend on those of the fit.

        Raises
        ------
        DarkroomError
            When nothing would be left.
        """
        values, variance = self.values.copy(), self.covariance.copy()
        for a in range(self.layout.namplifiers):
            k = self.layout.names.index(f"white_{a}")
            white = np.exp(values[k])
            left = white - power[a]
            if not left > 0:
                raise DarkroomError(
                    f"amplifier place {a}: weak telegraph pixels and cosmic rays seem to make all "
                    "of its white noise; its pixels differ too much to be measured together"
                )
            values[k] = np.log(left)
            variance[k] *= white / left
            variance[:, k] *= white / left
            variance[k, k] += (error[a] / left) ** 2
        errors = np.sqrt(np.diagonal(variance))
        return replace(self, values=values, errors=errors, covariance=variance)


def fit(frequency, matrix, worth, grid):
    """Fit the model.

    Parameters
    ----------
    frequency : (nbins,) array
        Hz, effective frequency of each bin.
    matrix : (nbins, n, n) complex array
        Mean cross spectra of each bin, DN²/Hz.
    worth : (nbins,) array
        Independent complex values of each bin; 0 leaves it out.
    grid : darkroom.nircam.spectrum.bins.Grid

    Returns
    -------
    Fit
        With the low-frequency excess where that improves -2 ln L by more than 4; above 20 Hz only
        where no model fits below.

    Raises
    ------
    DarkroomError
        When the fit does not converge.
    """
    problem = _Problem(frequency, matrix.real, worth, grid)
    found = problem.best(0.0)
    if problem.misses_below(found) and (frequency[problem.taken] > _LOW).sum() > 2 * len(
        found.layout.names
    ):
        found = problem.best(_LOW)
    return found


class _Problem:
    """Bins to fit."""

    def __init__(self, frequency, matrix, worth, grid):
        self.frequency, self.matrix, self.worth, self.grid = frequency, matrix, worth, grid
        self.taken = worth > 0

    def best(self, above):
        taken = self.taken & (self.frequency >= above)
        n = self.matrix.shape[-1]
        plain, cost = self._maximise(Layout(n, False), taken, None)
        if n > 1 and above == 0:
            excess, lower = self._maximise(Layout(n, True), taken, plain)
            if cost - lower > _EXCESS_NEEDED:
                plain = excess
        return self._finish(plain, taken)

    def _cost(self, matrix, layout, values, taken):
        """Return -2 ln L plus the weak priors."""
        sign, log = np.linalg.slogdet(matrix)
        if (sign <= 0).any():
            return np.inf
        trace = np.linalg.solve(matrix, self.matrix[taken]).trace(axis1=1, axis2=2)
        prior = sum(((values[k] - mean) / width) ** 2 for k, mean, width in _priors(layout))
        return float(2 * (self.worth[taken] * (log + trace)).sum() + prior)

    def _model(self, layout, values, taken):
        return covariance(
            self.frequency[taken], self.grid.half_rate, layout, values, self.grid.frame_time
        )

    def _maximise(self, layout, taken, start):
        """Fisher scoring with Levenberg's damping; return (layout, values) and the cost."""
        values = self._start(layout, taken, start)
        low, high = self._bounds(layout, values)
        matrix, derivatives = self._model(layout, values, taken)
        cost, damping = self._cost(matrix, layout, values, taken), 1e-3
        history = []
        for _ in range(_ROUNDS):
            history.append(cost)
            if len(history) > _PATIENCE and history[-_PATIENCE - 1] - cost < _CONVERGED:
                return (layout, values), cost
            gradient, fisher = self._scores(matrix, derivatives, layout, values, taken)
            step = _damped(gradient, fisher, damping, values, low, high)
            trial = np.clip(values + step, low, high)
            model = self._model(layout, trial, taken)
            lower = self._cost(model[0], layout, trial, taken)
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

    def _scores(self, matrix, derivatives, layout, values, taken):
        """Return the gradient of ln L and the Fisher matrix."""
        inverse = np.linalg.inv(matrix)
        whitened = np.matmul(derivatives, inverse)
        deviation = np.matmul(self.matrix[taken] - matrix, inverse)
        worth = self.worth[taken]
        gradient = np.einsum("n,pnij,nji->p", worth, whitened, deviation, optimize=True)
        count = len(values)
        left = (whitened * worth[None, :, None, None]).reshape(count, -1)
        fisher = left @ whitened.swapaxes(-1, -2).reshape(count, -1).T
        for k, mean, width in _priors(layout):
            gradient[k] -= (values[k] - mean) / width**2
            fisher[k, k] += 1 / width**2
        return gradient, fisher

    def _start(self, layout, taken, start):
        """Return first guesses from the levels of the spectrum itself."""
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
        frequency, matrix = self.frequency[taken], self.matrix[taken]
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

    def _finish(self, best, taken):
        layout, values = best
        matrix, derivatives = self._model(layout, values, taken)
        _, fisher = self._scores(matrix, derivatives, layout, values, taken)
        scale = 1 / np.sqrt(np.maximum(np.diagonal(fisher), 1e-300))
        scale = np.outer(scale, scale)
        inverse = scale * np.linalg.pinv(fisher * scale, 1e-12, hermitian=True)
        errors = np.sqrt(np.diagonal(inverse))
        everywhere = self._model(layout, values, np.ones_like(taken))[0]
        deviation = self._deviations(everywhere) ** 2
        chi2 = float(deviation[taken].sum())
        dof = int(taken.sum() * layout.namplifiers - values.size)
        lowest = float(self.frequency[taken].min())
        return Fit(layout, values, errors, inverse, taken, chi2, dof, lowest)

    def _deviations(self, model):
        own = np.diagonal(model, 0, 1, 2)
        measured = np.diagonal(self.matrix, 0, 1, 2)
        return (measured / own - 1) * np.sqrt(self.worth)[:, None]

    def misses_below(self, found):
        """Tell whether the bins below 20 Hz lie farther from the model than chance has it."""
        low = found.taken & (self.frequency < _LOW)
        if not low.any():
            return False
        model = self._model(found.layout, found.values, np.ones_like(low))[0]
        # The amplifiers see the same common noise there, so they count as one.
        deviation = (self._deviations(model)[low] ** 2).mean(axis=1)
        return stats.chi2.sf(deviation.sum(), low.sum()) < _LOW_P


def _priors(layout):
    """Return (place, mean, width) of the parameters with a weak prior."""
    return [
        (k, *(_INDEX_PRIOR if "_index" in name else _GAIN_PRIOR))
        for k, name in enumerate(layout.names)
        if "_index" in name or name.startswith("gain")
    ]


def _damped(gradient, fisher, damping, values, low, high):
    """Return the step of parameters that are not held by a bound."""
    held = ((values <= low) & (gradient < 0)) | ((values >= high) & (gradient > 0))
    free = ~held
    step = np.zeros_like(values)
    part = fisher[np.ix_(free, free)]
    diagonal = np.maximum(np.diagonal(part), 1e-12)
    step[free] = np.linalg.solve(part + damping * np.diag(diagonal), gradient[free])
    return np.clip(step, -2, 2)
