"""What the calibration steps need: switches, tables and reference images of an exposure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.engine import tables
from darkroom.wfc3.engine.bad_values import BadValues
from darkroom.wfc3.engine.photometry import photmode, photometry
from darkroom.wfc3.engine.planes import Darks, corner, linearity, open_reference
from darkroom.wfc3.engine.ramp import Ramp

if TYPE_CHECKING:
    from contextlib import ExitStack

    from astropy.io import fits

    from darkroom.hints import StrPath
    from darkroom.wfc3.engine.exposure import Exposure
    from darkroom.wfc3.engine.planes import Linearity
    from darkroom.wfc3.engine.references import Reference
    from darkroom.wfc3.files.imsets import Imsets

_FLATS = ("PFLTFILE", "DFLTFILE", "LFLTFILE")


class Setup:
    """References of an exposure, opened, checked and cut to its size.

    Parameters
    ----------
    exposure : Exposure
        The RAW.
    folder : path-like
        Folder of the references.
    stack : contextlib.ExitStack
        Closes the open files.

    Attributes
    ----------
    steps : dict
        State of each calibration switch; a step whose reference is a dummy is "SKIPPED".
    references : dict
        `Reference` by keyword.
    amplifiers, border, rejection
        Rows of CCDTAB, OSCNTAB and CRREJTAB (None without CRCORR).
    window : tuple of int
        (y0, y1, x0, x1) inside the border.
    bad_pixels : (ny, nx) int16 array or None
        Flags of BPIXTAB; None when DQICORR is not run.
    linearity, darks : Linearity or None, Darks or None
        None when the steps that need them are not run.
    flats : dict
        Reference and open file of each flat by keyword.
    bad : BadValues
        Counts of values of the references that are no numbers.
    photmode, photometry
        PHOTMODE and the photometric keywords.

    Raises
    ------
    InputError
        When a reference that a step needs is missing or not of the right kind.
    """

    def __init__(self, exposure: Exposure, folder: StrPath, stack: ExitStack) -> None:
        self.exposure, self._folder, self._stack = exposure, folder, stack
        self.steps = dict(exposure.switches)
        self.references: dict[str, Reference] = {}
        science, primary = exposure.science, exposure.primary
        gain, chip = float(primary["CCDGAIN"]), int(science.get("CCDCHIP", 1))
        binning = int(science.get("BINAXIS1", 1)), int(science.get("BINAXIS2", 1))
        self.amplifiers = tables.amplifiers(*self._table("CCDTAB"), gain, chip, binning)
        self.border = tables.border(*self._table("OSCNTAB"), exposure.shape, chip)
        self.window = self.border.window(exposure.shape)
        self.bad = BadValues(self.window)
        self.offset = float(science.get("LTV1", 0.0)), float(science.get("LTV2", 0.0))
        self.bad_pixels = None
        if self._wanted("DQICORR"):
            rows = self._table("BPIXTAB", "DQICORR")
            if self._wanted("DQICORR"):
                self.bad_pixels = tables.bad_pixels(*rows, exposure.shape, gain, chip, self.offset)
        self.rejection = None
        if self._wanted("CRCORR"):
            rows = self._table("CRREJTAB")
            exptime = exposure.exptimes[-1]
            if self._wanted("ZOFFCORR"):
                exptime = exptime - exposure.exptimes[0]
            self.rejection = tables.rejection(*rows, exposure.nsamp, exptime)
        self._open_images()
        self.photmode = photmode(primary)
        self.photometry: dict[str, float] = {}
        self._bad_photometry: list[str] = []
        if self._wanted("PHOTCORR"):
            self._look_up_photometry()

    def _open_images(self):
        """Open linearity, dark and flats; read the linearity, which is needed for every read."""
        exposure = self.exposure
        self.linearity: Linearity | None = None
        self.darks: Darks | None = None
        if self._wanted("ZSIGCORR") or self._wanted("NLINCORR"):
            reference, imsets = self._image("NLINFILE", "NLINCORR")
            place = corner(exposure.science)
            self.linearity = linearity(
                reference, imsets, exposure.shape, self.window, place, self.bad
            )
        if self._wanted("DARKCORR"):
            opened = self._image("DARKFILE", "DARKCORR")
            if self._wanted("DARKCORR"):
                self.darks = Darks(*opened, exposure.primary, exposure.shape, self.bad)
        self.flats: dict[str, tuple[Reference, Imsets]] = {}
        if self._wanted("FLATCORR"):
            flats = {keyword: self._image(keyword, None, needed=False) for keyword in _FLATS}
            named = {keyword: found for keyword, found in flats.items() if found is not None}
            if not named:
                raise self._not_named("PFLTFILE, DFLTFILE and LFLTFILE", "FLATCORR")
            self.flats = {k: v for k, v in named.items() if not self.references[k].dummy}
            if not self.flats:
                self.steps["FLATCORR"] = "SKIPPED"

    def _wanted(self, step):
        return self.steps[step] == "PERFORM"

    def _not_named(self, keyword, step):
        return InputError(
            self.exposure.imsets.path, f"names no {keyword}, which {step} needs", "set it or OMIT"
        )

    def _note(self, reference, step):
        """Record a reference; a dummy one switches its step off."""
        self.references[reference.keyword] = reference
        if reference.dummy and step is not None:
            self.steps[step] = "SKIPPED" if self._wanted(step) else self.steps[step]

    def _table(self, keyword: str, step: str | None = None) -> tuple[Reference, fits.FITS_rec]:
        """Return reference and rows of a table that must exist."""
        found = tables.read_table(self.exposure.primary, keyword, self._folder)
        if found is None:
            raise self._not_named(keyword, step or "this exposure")
        self._note(found[0], step)
        if found[0].dummy and step is None:
            raise InputError(found[0].path, f"is a dummy, a real {keyword} is needed")
        return found

    def _image(self, keyword, step, needed=True):
        """Return a reference image and its open file, closed together with the exposure's."""
        found = open_reference(self.exposure.primary, keyword, self._folder)
        if found is None:
            if needed:
                raise self._not_named(keyword, step)
            return None
        reference, imsets = found
        self._stack.enter_context(imsets)
        self._note(reference, step)
        return found

    def _look_up_photometry(self):
        found = photometry(self.exposure.primary, self.photmode, self._folder)
        if found is None:
            raise self._not_named("IMPHTTAB", "PHOTCORR")
        reference, self.photometry, self._bad_photometry = found
        self._note(reference, "PHOTCORR")

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the references, as far as they have been read."""
        found = self.bad.warnings
        if self._bad_photometry:
            names = ", ".join(self._bad_photometry)
            label = self.references["IMPHTTAB"].label
            found.append(f"IMPHTTAB {label} has values that are NaN or infinite: {names} is -9999")
        return found

    def empty_ramp(self) -> Ramp:
        """Return a `Ramp` whose planes are to be filled by the calibration of the reads."""
        exposure = self.exposure
        shape = (exposure.nsamp, *exposure.shape)
        times, exptimes = exposure.times, exposure.exptimes
        if self._wanted("ZOFFCORR"):
            times, exptimes = times - times[0], exptimes - exptimes[0]
        return Ramp(
            sci=np.empty(shape, np.float32),
            err=np.empty(shape, np.float32),
            dq=np.empty(shape, np.int16),
            times=times,
            exptimes=exptimes,
            zeroth_time=exposure.zeroth_time,
            samples=exposure.samples,
            border=self.border,
            amplifiers=self.amplifiers,
            rejection=self.rejection,
            flat=None,
            steps=self.steps,
            references=self.references,
            primary=exposure.primary,
            headers=exposure.headers,
            photmode=self.photmode,
            photometry=self.photometry,
            masked_in_file=exposure.masked,
        )

    @property
    def split(self) -> tuple[int, int]:
        """First column of the right, first row of the upper amplifiers, inside the window."""
        y0, y1, x0, x1 = self.window
        x, y = self.amplifiers.corner(self.exposure.science, self.border)
        return min(max(x, x0), x1), min(max(y, y0), y1)
