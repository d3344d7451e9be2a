"""The builtin engine: calwf3's WFC3/IR calibration, reproduced bit for bit.

`load` calibrates the reads of a RAW (all steps before CRCORR) and returns a `Ramp`; `reduce` runs
CRCORR and FLATCORR on it with a mask of reads, as often as wanted; `calibrated_read` returns one
read as in the IMA. `darkroom.wfc3.engine.products` writes the files. Results equal those of calwf3
3.7.3 on x86-64 bit for bit with `scope="calwf3"` or without a mask. With `scope="all"` they differ
where calwf3 uses masked reads: in every pixel that has any other flag.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError
from darkroom.threads import row_workers
from darkroom.wfc3 import dq as dqbits
from darkroom.wfc3.engine.bias import bias_level
from darkroom.wfc3.engine.crrej import dark_counts, sample_weights
from darkroom.wfc3.engine.exposure import open_exposure
from darkroom.wfc3.engine.flats import flat_for
from darkroom.wfc3.engine.planes import Planes
from darkroom.wfc3.engine.ramp import STEPS, Reduced
from darkroom.wfc3.engine.setup import Setup
from darkroom.wfc3.files.imsets import Imsets, extver_of, read_of
from darkroom.wfc3.files.mask import SCOPES, check_reads
from darkroom.wfc3.settings import Wfc3Settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.hints import StrPath
    from darkroom.wfc3.engine.ramp import Ramp

_SIGNAL_SIGMAS = np.float32(4.0)
# Arguments of kernels in the place of steps that are switched off.
_NO_PLANE = np.zeros((1, 1), np.float32)
_NO_CUBE = np.zeros((1, 1, 1), np.float32)
_NO_FLAGS = np.zeros((1, 1), np.int16)
_NO_BYTES = np.zeros((1, 1), np.uint8)
_NO_EVENTS = np.zeros((1, 1, 1), np.uint8)
# DQ flags of each combination of event bits.
_EVENT_FLAGS = np.array(
    [
        dqbits.COSMIC_RAY * bool(events & dqbits.EVENT_COSMIC_RAY)
        | dqbits.BAD_DETECTOR * bool(events & dqbits.EVENT_SPIKE)
        | dqbits.UNSTABLE * bool(events & dqbits.EVENT_UNSTABLE)
        for events in range(8)
    ],
    np.int16,
)


def load(
    raw: StrPath,
    references: StrPath,
    *,
    threads: int = 1,
    cards: Mapping[str, str] | None = None,
) -> Ramp:
    """Calibrate the reads of a RAW up to UNITCORR.

    Parameters
    ----------
    raw : path-like
        RAW file (``.gz`` too). Each step runs as its calibration switch says.
    references : path-like
        Folder of the reference files that the RAW names.
    threads : int
        Number of bands of rows calibrated in parallel.
    cards : mapping, optional
        Calibration switches (PERFORM, OMIT) and names of references (``iref$…``), in the place of
        those of the header.

    Returns
    -------
    Ramp

    Raises
    ------
    InputError
        When the RAW or a reference is missing, damaged or not of the right kind.
    """
    with ExitStack() as stack:
        exposure = open_exposure(stack.enter_context(Imsets(raw)))
        exposure.primary.update(cards or {})
        exposure.switches |= {step: cards[step] for step in STEPS if step in (cards or ())}
        setup = Setup(exposure, references, stack)
        ramp = setup.empty_ramp()
        run = stack.enter_context(row_workers(threads))
        _calibrate_reads(exposure, setup, ramp, run)
        if ramp.steps["FLATCORR"] == "PERFORM":
            ramp.flat = flat_for(
                setup.flats, exposure.science, exposure.shape, ramp.window, setup.bad
            )
        ramp.warnings = setup.warnings
    return ramp


def reference_warnings(raw: StrPath, references: StrPath) -> list[str]:
    """Return what is wrong with the references of a RAW, without calibrating it.

    Parameters
    ----------
    raw, references : path-like
        As for `load`.

    Raises
    ------
    InputError
        As `load` does.
    """
    with ExitStack() as stack:
        exposure = open_exposure(stack.enter_context(Imsets(raw)))
        setup = Setup(exposure, references, stack)
        times = setup.empty_ramp().exptimes
        for time in times if setup.darks is not None else ():
            setup.darks.at(time)
        if setup.flats and setup.steps["FLATCORR"] == "PERFORM":
            flat_for(setup.flats, exposure.science, exposure.shape, setup.window, setup.bad)
        return setup.warnings


def _calibrate_reads(exposure, setup, ramp, run):
    """Fill the ramp read by read in time order, since a saturated pixel stays saturated."""
    code = load_kernel("darkroom.wfc3.engine.kernel")
    output = load_kernel("darkroom.wfc3.engine.output_kernel")
    window, split = setup.window, setup.split
    ny = exposure.shape[0]
    gains = setup.amplifiers.gains
    variances = setup.amplifiers.readnoise * setup.amplifiers.readnoise
    steps = tuple(
        setup.steps[step] == "PERFORM"
        for step in ("ZSIGCORR", "ZOFFCORR", "NLINCORR", "DARKCORR", "UNITCORR")
    )
    zeroth = exposure.read(0)
    zeroth_dq = np.zeros(exposure.shape, np.int16) | np.int16(exposure.dq(0))
    if setup.bad_pixels is not None:
        zeroth_dq |= setup.bad_pixels
    every_read = setup.bad_pixels
    if setup.steps["ZOFFCORR"] == "PERFORM":
        every_read = zeroth_dq  # the zeroth read is subtracted: all reads get its flags
    elif every_read is None:
        every_read = np.zeros(exposure.shape, np.int16)
    zero = zeroth
    if setup.steps["BLEVCORR"] == "PERFORM":
        zero = zeroth - bias_level(zeroth, setup.border)
    signal, found = _zeroth_signal(exposure, setup, zeroth, run, (gains, variances))
    saturated = np.zeros(exposure.shape, np.uint8)
    lin = setup.linearity
    fitted = (lin.coefficients, lin.node, lin.dq) if lin else (_NO_CUBE, _NO_PLANE, _NO_FLAGS)

    def calibrate(k):
        raw = zeroth if k == 0 else exposure.read(k)
        bias = np.float32(0)
        if setup.steps["BLEVCORR"] == "PERFORM":
            bias = bias_level(raw, setup.border)
            ramp.bias_levels.append(bias)
        np.bitwise_or(every_read, np.int16(exposure.dq(k)), out=ramp.dq[k])
        dark = Planes(_NO_PLANE, _NO_PLANE, _NO_FLAGS)
        if setup.darks is not None:
            dark = setup.darks.at(ramp.exptimes[k])
            ramp.mean_darks.append(
                output.mean_unflagged(window, dark.sci, dark.dq, dqbits.UNFIT_FOR_MEAN_DARK)
            )
        time = ramp.zeroth_time if k == 0 else float(ramp.times[k])

        def work(first, last):
            code.calibrate_rows(
                k, first, last, window, *split, gains, variances, raw, bias, zero, signal, found,
                zeroth_dq, saturated, *fitted, dark.sci, dark.err, dark.dq, time, steps,
                ramp.sci[k], ramp.err[k], ramp.dq[k],
            )  # fmt: skip

        run(work, 0, ny)

    for k in range(exposure.nsamp):
        calibrate(k)  # a function, so that the planes of a read are freed before the next one


def _zeroth_signal(exposure, setup, zeroth, run, amplifiers):
    """Run ZSIGCORR: return the signal before the zeroth read (DN), and a code for each pixel."""
    if setup.steps["ZSIGCORR"] != "PERFORM":
        return _NO_PLANE, _NO_BYTES
    lin, first = setup.linearity, exposure.read(1)
    signal = np.zeros(exposure.shape, np.float32)
    found = np.zeros(exposure.shape, np.uint8)
    y0, y1, x0, x1 = setup.window

    def work(top, bottom):
        load_kernel("darkroom.wfc3.engine.kernel").zeroth_signal(
            (top, bottom, x0, x1), *setup.split, *amplifiers, zeroth, first, lin.super_zero,
            lin.super_error, lin.node, signal, found, _SIGNAL_SIGMAS,
        )  # fmt: skip

    run(work, y0, y1)
    lin.super_zero = lin.super_error = None  # not needed again: frees 8 MB of a full frame
    return signal, found


def reduce(
    ramp: Ramp,
    masked: Iterable[int] = (),
    *,
    scope: str = Wfc3Settings.mask_scope,
    events: bool = False,
    threads: int = 1,
) -> Reduced:
    """Run CRCORR and FLATCORR on a ramp.

    Parameters
    ----------
    ramp : Ramp
        Not changed.
    masked : iterable of int
        EXTVERs to leave out, besides those masked in the RAW.
    scope : {"all", "calwf3"}
        "all": masked reads are left out in every pixel. "calwf3": as calwf3 does, which uses them
        where a pixel has any other flag, and sets 1024 in nearly all of the FLT.
    events : bool
        Return what CRCORR found in each read, 1 byte per pixel and read; needed for an IMA.
    threads : int
        Number of bands of rows fitted in parallel.

    Returns
    -------
    Reduced

    Raises
    ------
    DarkroomError
        For an unknown scope, or a mask of the zeroth read, of all reads or of one that does not
        exist.
    """
    if scope not in SCOPES:
        raise DarkroomError(f"mask scope {scope!r} is not one of {', '.join(SCOPES)}")
    masked = check_reads({*masked, *ramp.masked_in_file}, ramp.nsamp, ramp.primary["ROOTNAME"])
    if ramp.steps["CRCORR"] != "PERFORM":
        if masked:
            raise DarkroomError(
                f"{ramp.primary['ROOTNAME']}: reads are left out by CRCORR, which is OMIT"
            )
        image = _last_read(ramp, scope)
    else:
        with row_workers(threads) as run:
            image = _fit(ramp, masked, scope, events, run)
    if ramp.flat is not None:
        y0, y1, x0, x1 = ramp.window
        flat = (np.ascontiguousarray(plane[y0:y1, x0:x1]) for plane in vars(ramp.flat).values())
        rows, columns = image.sci.shape
        load_kernel("darkroom.wfc3.engine.output_kernel").flat_field(
            0, rows, (0, rows, 0, columns), image.sci, image.err, image.dq, *flat,
            ramp.amplifiers.mean_gain,
        )  # fmt: skip
    return image


def own_mask(ramp: Ramp) -> np.ndarray:
    """Return which pixels have the flag 1024 in the RAW, or from BPIXTAB, apart from masked reads.

    Returns
    -------
    (rows, columns) bool array
        Inside the border, as in the FLT.
    """
    y0, y1, x0, x1 = ramp.window
    flags = np.bitwise_or.reduce(ramp.dq[:, y0:y1, x0:x1], axis=0)
    return (flags & dqbits.MASKED) != 0


def _last_read(ramp, scope):
    """Return the last read, which is the result without CRCORR."""
    y0, y1, x0, x1 = ramp.window
    sci, err, dq = (cube[-1, y0:y1, x0:x1].copy() for cube in (ramp.sci, ramp.err, ramp.dq))
    samp = np.full(sci.shape, ramp.samples[-1], np.int16)
    return Reduced(sci, err, dq, samp, np.full(sci.shape, ramp.times[-1]), (), scope)


def _fit(ramp, masked, scope, events, run):
    """Run CRCORR."""
    y0, y1, x0, x1 = ramp.window
    shape, nsamp = (y1 - y0, x1 - x0), ramp.nsamp
    image = Reduced(
        sci=np.empty(shape, np.float32),
        err=np.empty(shape, np.float32),
        dq=np.empty(shape, np.int16),
        samp=np.empty(shape, np.int16),
        time=np.empty(shape, np.float32),
        masked=masked,
        scope=scope,
        events=np.empty((nsamp, *shape), np.uint8) if events else None,
    )
    marked = np.zeros(nsamp, bool)
    marked[[read_of(extver, nsamp) for extver in masked]] = True
    gain = ramp.amplifiers.mean_gain
    weights, dark = sample_weights(nsamp, gain), dark_counts(ramp.times, gain)

    reads = (ramp.times, dark, marked, marked & (scope == "all"))
    rule = (
        ramp.rejection.ignore, ramp.rejection.threshold, gain, ramp.steps["ZSIGCORR"] == "PERFORM",
        np.float32(ramp.zeroth_time), ramp.as_rate,
    )  # fmt: skip
    out = (image.sci, image.err, image.dq, image.samp, image.time)

    def work(first, last):
        load_kernel("darkroom.wfc3.engine.ramp_kernel").fit_rows(
            first, last, ramp.window, (ramp.sci, ramp.err, ramp.dq), reads, weights, rule, out,
            events, image.events if events else _NO_EVENTS,
        )  # fmt: skip

    run(work, y0, y1)
    return image


def calibrated_read(
    ramp: Ramp, k: int, image: Reduced | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return read k as in the IMA.

    Parameters
    ----------
    ramp : Ramp
        Calibrated up to UNITCORR.
    k : int
        Read in time order, 0 the zeroth.
    image : Reduced, optional
        Result of `reduce`: its mask and events are added to the flags.

    Returns
    -------
    sci, err : (ny, nx) float32 arrays
        e-/s after FLATCORR, border included.
    dq : (ny, nx) int16 array
        Flags.
    """
    sci, err, dq = ramp.sci[k].copy(), ramp.err[k].copy(), ramp.dq[k].copy()
    y0, y1, x0, x1 = ramp.window
    if image is not None:
        if extver_of(k, ramp.nsamp) in image.masked:
            dq |= np.int16(dqbits.MASKED)
        if image.events is not None:
            dq[y0:y1, x0:x1] |= _EVENT_FLAGS[image.events[k]]
    if ramp.flat is not None:
        load_kernel("darkroom.wfc3.engine.output_kernel").flat_field(
            0, ramp.shape[0], ramp.window, sci, err, dq, *vars(ramp.flat).values(),
            ramp.amplifiers.mean_gain,
        )  # fmt: skip
    return sci, err, dq
