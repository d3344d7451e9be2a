"""Sets of dark ramps: judged, then read plane by plane from the bytes of the files."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import DarkroomError, InputError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED, Judgement, Subject, require_good
from darkroom.memory import give_back_large
from darkroom.nircam.chain.ramp import Job, open_calibrated
from darkroom.nircam.chain.recipe import is_recipe, read_recipe
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.judging import checks, values_of
from darkroom.nircam.ramps.files import RampFile, open_ramp
from darkroom.nircam.ramps.header import Segment
from darkroom.nircam.ramps.sample import sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Protocol

    from darkroom.hints import StrPath

    class SampleStack(Protocol):
        """Images of one kind, one per ramp, which are read by bands of rows."""

        nframes: int
        shape: tuple[int, int]

        def read(self, rows: slice) -> np.ndarray:
            """Return rows of every frame: (nframes, nrows, nx) float32, DN."""

        def read_frame(self, frame: int, first: int, values: np.ndarray) -> None:
            """Fill `values` (nrows, nx) float32 with the rows of one frame from `first` on."""


#: Rows of a group that enter `first_rows_digest`.
DIGEST_ROWS = 256
log = logging.getLogger(__name__)


class RampSet:
    """Exposures of one detector and one readout mode.

    The files are judged as the exposures of an item are (`darkroom.nircam.judging`).

    Parameters
    ----------
    paths : sequence of path-like
        Ramp files or recipes of ramps (`darkroom.nircam.chain.recipe`), one per exposure or
        segment.
    product : str
        Name of the product that will be made of them: it determines which steps the exposures may
        have had, and is named in messages.
    keep : bool
        Use exposures that are refused when they are judged: a refusal becomes a warning.
    whole : bool
        Use only integrations in which every group has data.
    job : darkroom.nircam.chain.ramp.Job, optional
        Shared with other sets, of the same exposures.

    Attributes
    ----------
    files : list of RampFile
    readout : Readout
    shape : tuple of int
        ``(ny, nx)``.
    ramps : list of (int, int)
        (file, integration) of every ramp that is used, in the order of the files. Integrations
        whose first group has no data (lost packets) are left out.
    warnings : list of str
        What is odd about the exposures, by name; logged as well.

    Raises
    ------
    InputError
        For a file that holds no ramp, is given twice, or is refused when it is judged. The message
        names the file.
    DarkroomError
        When there is no file, or several are refused: the message lists them all.
    """

    def __init__(
        self,
        paths: Iterable[StrPath],
        product: str,
        *,
        keep: bool = False,
        whole: bool = False,
        job: Job | None = None,
    ) -> None:
        paths = [Path(path) for path in paths]
        if not paths:
            raise DarkroomError(f"no exposures for a {product}: the list of files is empty")
        _check_twice(paths)
        self.product = product
        give_back_large()
        self._job = job or Job()
        self.files, damaged = _opened(paths, self._job)
        samples = [sample(file) for file in self.files]
        subjects = [
            Subject(str(file.path), file.path.name, values_of(file, found))
            for file, found in zip(self.files, samples, strict=True)
        ]
        names = [subject.name for subject in subjects] if keep else ()
        judgements = damaged + judge(subjects, checks(product=product), names)
        self.warnings = require_good(judgements, product)
        for warning in self.warnings:
            log.warning(warning)
        self.shape = self.files[0].sci.shape[2:]
        try:
            self.readout = Readout.from_header(self._full_header())
        except DarkroomError as error:
            raise InputError(paths[0], str(error)) from error
        for file in self.files:
            self._check_size(file)
        # Groups without data, counted from 0, of each ramp that has some.
        lost = {
            (k, i): gone
            for k, found in enumerate(samples)
            for i, gone in enumerate(found.lost)
            if gone
        }
        self.ramps = [
            (k, i)
            for k, file in enumerate(self.files)
            for i in range(file.sci.shape[0])
            if not (lost.get((k, i)) if whole else 0 in lost.get((k, i), ()))
        ]
        if not self.ramps:
            raise InputError(
                paths[0],
                f"no integration of the {len(paths)} files has data in "
                f"{'every' if whole else 'its first'} group, as a {product} needs",
            )

    def forget(self) -> None:
        """Give up memory that only helps to read the ramps, when they have been read."""
        self._job.forget()

    def _full_header(self):
        ny, nx = self.shape
        return {"SUBSIZE1": nx, "SUBSIZE2": ny, **self.files[0].header}

    def _check_size(self, file):
        """Refuse a file whose image is not of the size that the header says."""
        ny, nx = file.sci.shape[2:]
        if self.readout.shape != (ny, nx):
            raise InputError(
                file.path,
                f"SUBSIZE1 × SUBSIZE2 = {self.readout.nx} × {self.readout.ny}, but SCI has "
                f"{nx} × {ny} pixels",
            )

    @property
    def mjd(self) -> np.ndarray:
        """Middle of every ramp, (nramps,) float64, days; NaN where a file gives no time."""
        return np.array([self.files[k].mjd[i] for k, i in self.ramps])

    def leave_out_first(self, count: int) -> None:
        """Leave the first `count` integrations of each exposure out of the set.

        Raises
        ------
        DarkroomError
            When none is left.
        """
        kept = self.integrations >= count
        self.ramps = [which for which, good in zip(self.ramps, kept, strict=True) if good]
        if not self.ramps:
            raise DarkroomError(f"skip_integrations {count} leaves no integration")

    @property
    def integrations(self) -> np.ndarray:
        """Number of every ramp within its exposure, counted from 0: (nramps,) int64 array.

        Segments of an exposure are counted on.
        """
        return np.array([self.files[k].first_integration - 1 + i for k, i in self.ramps])

    @property
    def exposures(self) -> np.ndarray:
        """Number of the exposure of every ramp, from 0: (nramps,) int64 array.

        Segments of one exposure have the same number. They are known by their start and length.
        """
        numbers: dict[Any, int] = {}
        owner = [numbers.setdefault(_exposure(file), len(numbers)) for file in self.files]
        return np.array([owner[k] for k, _ in self.ramps])

    def label(self, ramp: int) -> str:
        """Return the name of a ramp for messages: its file and integration (from 1)."""
        file, integration = self.ramps[ramp]
        return f"{self.files[file].path.name} integration {integration + 1}"


def _exposure(file):
    """Return what is the same of all segments of an exposure, and of no other."""
    segment = Segment.from_header(file.header, file.sci.shape[0])
    if segment.count == segment.total:
        return file.path
    start = file.header.get("EXPSTART") or file.path.name.partition("-seg")[0]
    return segment.total, start, file.header.get("DETECTOR")


def _check_twice(paths):
    seen = set()
    for path in paths:
        if path.resolve() in seen:
            raise InputError(path, "is given twice", "give every exposure once")
        seen.add(path.resolve())


def _opened(paths, job):
    """Return the files that can be read, and a judgement of each that cannot."""
    files, damaged, errors = [], [], []
    for path in paths:
        try:
            kept = open_calibrated(path, job) if is_recipe(path) else job.uncorrected(path)
            files.append(kept or open_ramp(path))
        except InputError as error:
            if _is_of_a_reference(path, error):
                raise
            errors.append(error)
            sentence = f"{path.name}: {error.fault}"
            sentence += f"; {error.advice}" if error.advice else ""
            damaged.append(
                Judgement(str(path), path.name, "file", error.fault, "a ramp", REFUSED, sentence)
            )
    if not files and len(errors) == 1:
        raise errors[0]
    if not files:
        require_good(damaged, "product")
    return files, damaged


def _is_of_a_reference(path, error):
    """Tell whether a fault is one of a reference: no exposure is to be left out for it."""
    if not is_recipe(path) or error.path == str(path):
        return False
    return error.path in {used.path for used in read_recipe(path).references.values()}


class GroupStack:
    """One group of every ramp, as a stack of frames read by bands of rows.

    Parameters
    ----------
    ramps : RampSet
    group : int
        Number of the group, from 0.
    which : sequence of (int, int), optional
        (file, integration) of the ramps in the stack; by default all.
    flags : int
        Samples whose GROUPDQ has one of these bits are returned as NaN. 0: GROUPDQ is not read.

    Attributes
    ----------
    nframes : int
    shape : tuple of int
        ``(ny, nx)``.
    """

    def __init__(
        self,
        ramps: RampSet,
        group: int = 0,
        which: Sequence[tuple[int, int]] | None = None,
        flags: int = 0,
    ) -> None:
        self._ramps, self._group, self._flags = ramps, group, flags
        self._which = list(ramps.ramps if which is None else which)
        self.nframes, self.shape = len(self._which), ramps.shape

    def read(self, rows: slice) -> np.ndarray:
        """Return rows of every frame: (nframes, nrows, nx) float32, DN."""
        first, stop, _ = rows.indices(self.shape[0])
        band = np.empty((self.nframes, max(stop - first, 0), self.shape[1]), np.float32)
        for frame, values in enumerate(band):
            self.read_frame(frame, first, values)
        return band

    def read_frame(self, frame: int, first: int, values: np.ndarray) -> None:
        """Read rows of one frame.

        Parameters
        ----------
        frame : int
            Number of the frame in the stack.
        first : int
            First row.
        values : (nrows, nx) float32 array
            Written to: DN, NaN for flagged samples and where packets were lost.
        """
        number, integration = self._which[frame]
        file = self._ramps.files[number]
        file.read(integration, self._group, first, values, self._flags)


def read_pixeldq(file: RampFile) -> np.ndarray | None:
    """Return the PIXELDQ of a file, (ny, nx) uint32 in the bits of JWST, or None without one."""
    if file.pixeldq is None:
        return None
    stored = file.pixeldq.stored(0, file.pixeldq.shape[0])
    return (stored.astype(np.int64) + int(file.pixeldq.bzero)).astype(np.uint32)


def first_rows_digest(file: RampFile) -> str:
    """Return the SHA-256 of the first rows of group 0 of every integration, as stored.

    The noise of these rows is unique to an exposure, and reading them costs a fraction of reading
    the file.
    """
    digest = hashlib.sha256()
    for integration in range(file.sci.shape[0]):
        plane = file.sci.plane(integration, 0)
        digest.update(plane.stored(0, min(DIGEST_ROWS, plane.shape[0])).data)
    return digest.hexdigest()
