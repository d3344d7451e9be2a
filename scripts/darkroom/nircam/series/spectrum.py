"""A noise spectrum over epochs: the spectra of every ramp, summed, and its numbers.

Each ramp is measured by itself and corrected for its own gaps. The state holds the sum of these
spectra, weighted with their degrees of freedom, at every frequency, so that spectral lines can be
searched for and the fit be made of any set of ramps; and of each ramp its binned spectra, from
which errors come, and the noise power in four bands, which is followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom import provenance
from darkroom.epochs.series import LN
from darkroom.epochs.table import STEPS, TableState, TableTemplate, empty, merge, of_unit
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.write import write
from darkroom.gates.units import Units
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.series.units import single_ramps
from darkroom.nircam.spectrum import products as files
from darkroom.nircam.spectrum.bins import Grid
from darkroom.nircam.spectrum.cross import mirrored
from darkroom.nircam.spectrum.gather import SpectrumSums, gather
from darkroom.nircam.spectrum.measure import Spectrum, effective_frequency, spectrum_of
from darkroom.nircam.spectrum.numbers import numbers
from darkroom.nircam.spectrum.source import RampSource, check_uncorrected
from darkroom.nircam.spectrum.split import to_matrix
from darkroom.nircam.spectrum.transform import pairs_of
from darkroom.nircam.spectrum.units import band_values, table_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

#: Numbers of a ramp that are followed: words and unit.
_NUMBERS = {
    "ln_slow": ("ln of the noise power below 100 Hz", LN),
    "ln_knee": ("ln of the noise power from 100 to 1000 Hz", LN),
    "ln_above": ("ln of the noise power from 1 to 10 kHz", LN),
    "ln_white": ("ln of the noise power above 10 kHz", LN),
    "coherence": ("coherence below 100 Hz with other amplifiers", ""),
}


def template_of(ramps: RampSet) -> TableTemplate:
    """Return the template of a series that starts with the first of these ramps.

    Parameters
    ----------
    ramps : RampSet

    Returns
    -------
    TableTemplate
        The amplifiers that can be measured in that ramp, the number of groups and of frames in
        each, and the times of frame and group are fixed for the series.

    Raises
    ------
    DarkroomError
        When no amplifier can be measured.
    """
    one = next(single_ramps(ramps))[0]
    sums = gather(RampSource(one))
    values = _values(sums)
    known = [
        (name, kind)
        for (words, kind) in _NUMBERS.values()
        for name in (f"{words}, amplifier {a}" for a in sums.amplifiers)
        if np.isfinite(values[name])
    ]
    n, pairs, bins = len(sums.amplifiers), len(sums.pairs), sums.grid.edges.size - 1
    return TableTemplate(
        tuple(name for name, _ in known),
        tuple(kind for _, kind in known),
        rows={
            "PARTS": 2 * pairs * bins,
            "WEIGHTS": n,
            "WEAK": n,
            "WEAK_ERROR": n,
            "DOF": 1,
            "KEPT": n,
            "VARIANCE": n,
            "LEVELS": sums.pedestals[0].size,
        },
        sums={
            "SPECTRA": (n * n, sums.frequency.size),
            "VALID": (sums.ticks // 2 + 1,),
        },
        constants={
            "AMPLIFIERS": np.array(sums.amplifiers, np.float64),
            "CLOCK": np.array([sums.ticks, sums.grid.frame_time, sums.nframes]),
            "GROUPS": np.array([len(sums.pedestals[0]), files.group_time(one)]),
        },
    )


def state_of(ramps: RampSet, template: TableTemplate) -> TableState:
    """Return the state of every ramp of a set: one unit each.

    Parameters
    ----------
    ramps : RampSet
        As they were read: not corrected by reference pixels.
    template : TableTemplate

    Raises
    ------
    InputError
        When a ramp does not fit the template, or cannot be measured; the message names its file.
    """
    check_uncorrected(ramps)
    whole = empty(template)
    amplifiers = [int(a) for a in template.constants["AMPLIFIERS"]]
    for one, name, mjd, facts in single_ramps(ramps):
        path = one.files[0].path
        source = RampSource(one)
        _check(path, template, one, source)
        try:
            sums = gather(source, amplifiers=amplifiers)
            values = _values(sums)
            row = np.array([values.get(number, np.nan) for number in template.names])
            row[~np.isfinite(row)] = np.nan
            part = of_unit(template, name, row, mjd, facts, _rows(sums), _sums(sums))
            whole = merge(whole, part)
        except ValueError as error:
            raise InputError(path, str(error)) from error
    return whole


def _check(path, template, ramps, source):
    """Refuse a ramp that was read in another way than those of the series."""
    ticks, frame_time, nframes = template.constants["CLOCK"]
    groups, group_time = template.constants["GROUPS"]
    readout = source.readout
    for what, here, there in (
        ("groups", source.ngroups(0), int(groups)),
        ("frames in a group", source.nframes, int(nframes)),
        ("clock ticks in a frame", readout.ticks, int(ticks)),
        ("s from frame to frame", readout.frame_time, float(frame_time)),
        ("s from group to group", files.group_time(ramps), float(group_time)),
    ):
        if here != there:
            raise InputError(
                path,
                f"has {here:.6g} {what}, the series has {there:.6g}",
                "epochs of a noise spectrum need one readout",
            )


def _values(sums):
    """Return the numbers of one ramp by their words."""
    everything = np.ones(sums.frequency.size, bool)
    centre = effective_frequency(sums.frequency, everything, sums.grid)
    means, _ = sums.grid.means(sums.frequency, sums.spectra)
    matrix = to_matrix(means, sums.pairs, len(sums.amplifiers))
    found = band_values(matrix[None], centre, np.diff(sums.grid.edges))
    return {
        f"{words}, amplifier {a}": float(found[column][0, k])
        for column, (words, _) in _NUMBERS.items()
        for k, a in enumerate(sums.amplifiers)
    }


def _rows(sums):
    part = sums.parts[0]
    return {
        "PARTS": np.concatenate([part.real.ravel(), part.imag.ravel()]),
        "WEIGHTS": sums.weights[0],
        "WEAK": sums.weak[0],
        "WEAK_ERROR": sums.weak_error[0],
        "DOF": sums.dofs,
        "KEPT": sums.kept,
        "VARIANCE": sums.variance,
        "LEVELS": sums.pedestals[0],
    }


def _sums(sums):
    crossed = [k for k, (a, b) in enumerate(sums.pairs) if a != b]
    spectra = np.concatenate([sums.spectra.real, sums.spectra.imag[crossed]])
    half = sums.ticks // 2 + 1
    return {"SPECTRA": sums.dof * spectra, "VALID": sums.dof * sums.valid[:half]}


def sums_of(state: TableState) -> SpectrumSums:
    """Return what the noise spectrum of all ramps of a state is made of.

    Parameters
    ----------
    state : TableState
        Of at least one unit.
    """
    form, rows = state.template, state.rows
    amplifiers = [int(a) for a in form.constants["AMPLIFIERS"]]
    ticks, frame_time, nframes = form.constants["CLOCK"]
    n, ticks = len(amplifiers), int(ticks)
    pairs = pairs_of(n)
    dofs = rows["DOF"][:, 0]
    total = float(sum(dofs))
    spectra = (state.sums["SPECTRA"][: len(pairs)] / (STEPS * total)).astype(np.complex64)
    crossed = [k for k, (a, b) in enumerate(pairs) if a != b]
    spectra.imag[crossed] = state.sums["SPECTRA"][len(pairs) :] / (STEPS * total)
    valid = np.zeros(ticks)
    valid[: ticks // 2 + 1] = state.sums["VALID"] / (STEPS * total)
    parts = rows["PARTS"].reshape(len(dofs), 2, len(pairs), -1)
    weights = rows["WEIGHTS"]
    return SpectrumSums(
        amplifiers=amplifiers,
        grid=Grid.from_times(float(frame_time), PIXEL_TIME),
        nframes=int(nframes),
        ticks=ticks,
        pairs=pairs,
        frequency=np.fft.rfftfreq(ticks, PIXEL_TIME),
        spectra=spectra,
        valid=mirrored(valid),
        kept=dofs @ rows["KEPT"] / total,
        variance=(weights * rows["VARIANCE"]).sum(axis=0) / weights.sum(axis=0),
        parts=list(parts[:, 0] + 1j * parts[:, 1]),
        weights=weights,
        weak=rows["WEAK"],
        weak_error=rows["WEAK_ERROR"],
        dofs=dofs,
        pedestals=list(rows["LEVELS"].reshape(len(dofs), -1, n)),
    )


def write_product(
    state: TableState,
    cards: Mapping[str, str | float],
    inputs: Sequence[StrPath],
    output: StrPath,
    settings: Mapping[str, Any] | None = None,
) -> Spectrum:
    """Write the noise spectrum of all ramps of a state: tables, fit and covariance.

    Parameters
    ----------
    state : TableState
    cards : dict
        What the series is of.
    inputs : sequence of path-like
        Files it was read from.
    output : path-like
    settings : dict, optional
        Which ramps of the series these are, and why: for the provenance.

    Returns
    -------
    Spectrum

    Raises
    ------
    InputError
        When the files hold no unit, or no states of a noise spectrum, or it cannot be fitted.
    """
    if cards.get("PRODUCT") != "spectrum" or not isinstance(state, TableState):
        raise InputError(inputs[0], "is no state of a noise spectrum", "give such states")
    if not state.units:
        raise InputError(inputs[0], "holds no unit: there is nothing to make a product of")
    try:
        spectrum = spectrum_of(sums_of(state))
    except DarkroomError as error:
        raise InputError(inputs[0], str(error)) from error
    names = [unit.rpartition(" ") for unit in state.units]
    units = Units(
        exposure=[name for name, _, _ in names],
        integration=np.array([int(number) for _, _, number in names]),
        mjd=state.mjd,
        temperature=np.full(len(names), np.nan),
        amplifiers=[],
        values={},
    )
    measured = files.MeasuredFrom(
        str(cards["DETECTOR"]),
        str(cards["SUBARRAY"]),
        len({name for name, _, _ in names}),
        len(names),
        float(state.template.constants["GROUPS"][1]),
        table_of(spectrum, units),
    )
    hdus: list[Any] = files.hdus(spectrum, numbers(spectrum.fit, spectrum.grid), measured)
    header = hdus[0].header
    header["NUNITS"] = (len(state.units), "number of units")
    provenance.stamp(
        header,
        made_by="series_spectrum",
        inputs=inputs,
        settings=settings or {},
        packages=("numpy", "astropy"),
    )
    write(output, hdus)
    return spectrum
