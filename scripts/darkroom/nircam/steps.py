"""Steps of the JWST pipeline on one exposure, each checked to have done its work.

The pipeline reports success in cases in which nothing was corrected: a reference-pixel correction
without usable reference pixels, a superbias of NaN, a reference file that CRDS could not provide.
Here each of these is an error with a message of one sentence.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.detector.readout import OUTPUTS, SIZE
from darkroom.nircam.planning import STEP_KINDS, reference_kinds
from darkroom.nircam.ramps.files import open_ramp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from darkroom.crds.cache import Cache
    from darkroom.crds.description import FileRecord
    from darkroom.hints import StrPath

log = logging.getLogger(__name__)
# Fraction of pixels without a value in the first group above which an exposure is refused.
_MAX_UNUSABLE = 0.5
#: Tables of the raw file that the steps do not use: they stay as they are.
TABLES = ("INT_TIMES", "GROUP")
_SKIPPED_HDUS = ("ASDF", "ERR")
# Parameters that every step has and that affect no result.
_HOUSEKEEPING = {
    *("pre_hooks", "post_hooks", "save_results", "skip", "suffix", "search_output_file"),
    *("input_dir", "output_dir", "output_file", "output_ext"),
    *("output_use_model", "output_use_index"),
}


@dataclass(frozen=True)
class Step:
    """A step of the JWST pipeline.

    Parameters
    ----------
    module, name : str
        Module and name of its class.
    optional : tuple of str
        Types of references that it uses when they are given to `run_steps`, and can do without.
    status : str
        Name under which it records its status, when that is not the name of the step.
    may_skip : bool
        Whether it may report SKIPPED: it has nothing to do on most exposures.
    """

    module: str
    name: str
    optional: tuple[str, ...] = ()
    status: str = ""
    may_skip: bool = False


#: The available steps. The references that they need are listed in `darkroom.nircam.pipeline`.
STEPS = {
    # Rescales groups whose frame sum was divided on board by a number other than that of frames.
    "group_scale": Step("jwst.group_scale", "GroupScaleStep", may_skip=True),
    "dq_init": Step("jwst.dq_init", "DQInitStep"),
    "saturation": Step("jwst.saturation", "SaturationStep"),
    "ipc": Step("jwst.ipc", "IPCStep"),
    "superbias": Step("jwst.superbias", "SuperBiasStep"),
    "refpix": Step("jwst.refpix", "RefPixStep", ("refpix", "sirskernel")),
    "linearity": Step("jwst.linearity", "LinearityStep"),
    "dark_current": Step("jwst.dark_current", "DarkCurrentStep", (), "dark_sub"),
}


def verified_references(
    steps: Sequence[str], chosen: Mapping[str, FileRecord | None], cache: Cache
) -> dict[str, Path]:
    """Return the paths of the references that steps need, after verifying each file.

    Parameters
    ----------
    steps : sequence of str
        Names in `STEPS`.
    chosen : dict
        References selected for the exposure, ``{type: FileRecord or None}``.
    cache : darkroom.crds.cache.Cache
        Cache that holds them.

    Returns
    -------
    dict
        ``{type: path}``.

    Raises
    ------
    DarkroomError
        When no reference of a type was selected; `InputError` when a file is missing or does not
        match its record.
    """
    kinds = reference_kinds(steps)
    if lacking := [kind for kind in kinds if not chosen.get(kind)]:
        raise DarkroomError(
            f"no {' and no '.join(lacking)} reference was selected, but the steps need it; select "
            "references again with bestrefs.py --kinds"
        )
    return {kind: cache.verified(chosen[kind]) for kind in kinds}


def run_steps(
    path: StrPath,
    steps: Sequence[str],
    references: Mapping[str, StrPath],
    parameters: Mapping[str, Mapping[str, Any]],
    superbias: StrPath | None = None,
    plain: StrPath | None = None,
    keep: bool = False,
) -> Any:
    """Run steps on a raw exposure.

    `darkroom.crds.environment.go_offline` must be called first.

    Parameters
    ----------
    path : path-like
        Raw exposure, ``_uncal.fits``.
    steps : sequence of str
        Names in `STEPS`, in the order in which they are run.
    references : dict
        ``{type: path}`` of every type that the steps need, and of optional types.
    parameters : dict
        ``{step: {parameter: value}}`` that replace the defaults of the pipeline.
    superbias : path-like, optional
        Superbias to subtract in place of that of `references`.
    plain : path-like, optional
        Unpacked copy of `path`, when that is compressed; it must stay until the model is closed.
    keep : bool
        The exposure was judged before: run the steps although its structure is faulty.

    Returns
    -------
    stdatamodels.jwst.datamodels.RampModel
        The ramps; the caller closes it.

    Raises
    ------
    InputError
        When the exposure is unusable, or a step fails or does not correct anything.
    """
    file = open_ramp(path)
    if file.faults and not keep:
        raise InputError(path, file.faults[0])
    model = _open_model(path, plain or path)
    # The pipeline would look for what is not there.
    if model.meta.exposure.zero_frame and not model.hasattr("zeroframe"):
        model.meta.exposure.zero_frame = False
    lost = _lost_parts(model.data, "refpix" in steps)
    if count := int(lost.any(axis=(2, 3, 4)).sum()):
        log.warning(
            "%s: %d of %d groups have no data, or rows without: marked DO_NOT_USE",
            path, count, lost.shape[0] * lost.shape[1],
        )  # fmt: skip
    _mark(model, lost)
    for name in steps:
        step = _make_step(name, parameters.get(name, {}))
        given = {kind: references[kind] for kind in STEP_KINDS[name]}
        if name == "superbias":
            given["superbias"] = superbias or given["superbias"]
            check_superbias(given["superbias"])
        for kind in STEPS[name].optional:
            given[kind] = references.get(kind, "N/A")
        for kind, reference in given.items():
            setattr(step, f"override_{kind}", str(reference))
        before = np.array(model.data) if name == "refpix" else None
        model = _run(path, name, step, model)
        _mark(model, lost)
        if name == "refpix":
            _check_refpix(path, before, model.data)
    _check_usable(path, model, lost)
    return model


def _open_model(path, plain):
    """Return an exposure as the pipeline's ramp model, without a table that it does not know."""
    from jwst import datamodels

    try:
        try:
            return datamodels.RampModel(str(plain))
        except ValueError as error:
            log.warning("%s: read without its tables of times: %s", path, _one_line(error))
            with fits.open(plain, memmap=False) as hdus:
                kept = [hdu for hdu in hdus if hdu.name not in TABLES]
                return datamodels.RampModel(fits.HDUList(kept))
    except Exception as error:
        log.error("%s: %s: %s", path, type(error).__name__, _one_line(error))
        raise InputError(
            path, "jwst cannot open it as ramps; its own words are in the log",
            "give an _uncal.fits file",
        ) from error  # fmt: skip


def _lost_parts(data, whole):
    """Return where packets were lost: (nints, ngroups, ny or 1, outputs or 1, 1) bool array.

    They are filled with 0. The reference-pixel correction of a group needs all of it: when `whole`,
    a group of which a part is lost is lost.
    """
    parts = data.reshape(*data.shape[:3], OUTPUTS if data.shape[3] == SIZE else 1, -1)
    lost = ~parts.any(axis=4, keepdims=True)
    return lost.any(axis=(2, 3), keepdims=True) if whole else lost


def _mark(model, lost):
    """Mark lost samples DO_NOT_USE; a step may have made the flags anew."""
    if lost.any():
        flags = np.array(model.groupdq)
        parts = flags.reshape(*flags.shape[:3], OUTPUTS if flags.shape[3] == SIZE else 1, -1)
        parts |= np.where(lost, np.uint8(Group.DO_NOT_USE), np.uint8(0))
        model.groupdq = flags


def _check_usable(path, model, lost):
    """Refuse an exposure with an integration in which most pixels have no usable value.

    An integration whose first group is lost is left out of the products; one at least must have it.
    """
    gone = lost[:, 0].all(axis=(1, 2, 3))
    if gone.all():
        raise InputError(
            path, "the first group of every integration has no data (only zeros): lost packets",
            "leave this exposure out",
        )  # fmt: skip
    for number, (values, flags) in enumerate(zip(model.data, model.groupdq, strict=True), 1):
        bad = ~np.isfinite(values[0]) | (flags[0] & (Group.DO_NOT_USE | Group.SATURATED) != 0)
        if bad.mean() > _MAX_UNUSABLE and not gone[number - 1]:
            raise InputError(
                path,
                f"integration {number}: {bad.mean():.0%} of its pixels have no usable value in "
                "the first group (NaN or saturated)",
                "leave this exposure out",
            )


def _run(path, name, step, model):
    """Run one step; any status but COMPLETE (or a permitted SKIPPED) is an error."""
    try:
        result = step.run(model)
    # CRDS calls sys.exit on some errors.
    except SystemExit as error:
        raise InputError(
            path, f"CRDS ended the step {name} (status {error.code}); see the log above"
        ) from None
    except Exception as error:
        # Its own words are for the log: a library's message about an array tells a person nothing.
        log.error("jwst's step %s: %s: %s", name, type(error).__name__, _one_line(error))
        raise InputError(
            path, f"jwst's step {name} cannot work on this exposure; its own words are in the log"
        ) from error
    status = getattr(result.meta.cal_step, STEPS[name].status or name)
    if status != "COMPLETE" and not (status == "SKIPPED" and STEPS[name].may_skip):
        raise InputError(
            path, f"jwst's step {name} ended with {status}, not COMPLETE; see the log above"
        )
    return result


def _make_step(name, parameters):
    """Return a step with its parameters set; a parameter that it does not have is refused."""
    step = getattr(import_module(STEPS[name].module), STEPS[name].name)()
    known = set(step.get_pars()) - _HOUSEKEEPING
    for parameter, value in parameters.items():
        if parameter not in known:
            raise DarkroomError(
                f"jwst's step {name} has no parameter {parameter!r}{nearest(parameter, known)}; "
                f"it has {', '.join(sorted(known)) or 'none'}"
            )
        setattr(step, parameter, value)
    return step


def check_superbias(path: StrPath) -> None:
    """Refuse a superbias with pixels that are neither finite nor flagged DO_NOT_USE.

    The step would subtract 0 there without a warning, which leaves the full bias in these pixels.

    Raises
    ------
    InputError
        The message gives the number of such pixels.
    """
    from jwst import datamodels

    from darkroom.nircam.detector.dq import Pixel

    with datamodels.SuperBiasModel(str(path)) as model:
        lost = ~np.isfinite(model.data) & ((model.dq & Pixel.DO_NOT_USE) == 0)
    if count := int(lost.sum()):
        raise InputError(
            path,
            f"{count} pixels of this superbias are not finite and not flagged DO_NOT_USE; the "
            "pipeline would subtract 0 from them",
        )


def _check_refpix(path, before, after):
    """Refuse a reference-pixel correction that changed nothing, or made values NaN or infinite."""
    if lost := int((np.isfinite(before) & ~np.isfinite(after)).sum()):
        raise InputError(
            path,
            f"jwst's step refpix made {lost} values NaN or infinite: rows or columns without "
            "usable reference pixels",
            "leave this exposure out, or correct the mask",
        )
    if not np.any(before != after):
        raise InputError(
            path,
            "jwst's step refpix reported COMPLETE but changed nothing: no usable reference pixels "
            "in this subarray, or all are flagged DO_NOT_USE",
            "leave refpix out of the item's steps, or correct the mask and superbias",
        )


def ramp_hdus(
    model: Any, name: str, references: Mapping[str, str], raw: StrPath | None = None
) -> list:
    """Return the ramps as FITS HDUs that do not depend on the time and place of the run.

    Parameters
    ----------
    model : stdatamodels.jwst.datamodels.RampModel
        Result of `run_steps`.
    name : str
        Name of the file that will be written.
    references : dict
        ``{type: name}`` to write into the header in place of paths.
    raw : path-like, optional
        The raw exposure, unpacked: its tables are added when the model was made without them.

    Returns
    -------
    list of HDUs
        PRIMARY, SCI (DN), PIXELDQ, GROUPDQ, and the tables of the raw file. Left out are the ASDF
        tree with the log of the pipeline, which contains paths and times of the run, and ERR,
        which is 0.
    """
    from stdatamodels import fits_support

    for kind, reference in references.items():
        if (used := getattr(model.meta.ref_file, kind, None)) is not None:
            used.name = reference
    hdus = fits_support.to_fits(model._instance, model._schema)
    hdus = [hdu for hdu in hdus if hdu.name not in _SKIPPED_HDUS]
    names = [hdu.name for hdu in hdus]
    if raw is not None:
        with fits.open(raw, memmap=False) as before:
            hdus += [hdu.copy() for hdu in before if hdu.name in TABLES and hdu.name not in names]
    header = hdus[0].header
    header["FILENAME"] = name
    header["FILETYPE"] = ("RAMP", "type of data in the file")
    return hdus


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__
