"""The JWST pipeline's own steps on one exposure, each held to having done its work.

The pipeline reports success where nothing happened: a reference-pixel correction without usable
reference pixels, a superbias that is not a number, a reference that CRDS could not give. Here each
of these ends in one sentence.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from darkroom.campaign.schema import nearest
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.detector.dq import Group
from darkroom.nircam.planning import STEP_KINDS, reference_kinds

log = logging.getLogger(__name__)
# Share of pixels without a value in the first group, above which an exposure is of no use.
_MOST_LOST = 0.5
_SKIPPED_HDUS = ("ASDF", "ERR")
# Parameters every step has; none changes a number.
_HOUSEKEEPING = {
    *("pre_hooks", "post_hooks", "save_results", "skip", "suffix", "search_output_file"),
    *("input_dir", "output_dir", "output_file", "output_ext"),
    *("output_use_model", "output_use_index"),
}


@dataclass(frozen=True)
class Step:
    """A step of the pipeline.

    Parameters
    ----------
    module, name : str
        Where its class is.
    optional : tuple of str
        Reference types that it asks for and works without; given where `run_steps` gets them.
    status : str
        What it reports as, where that is not its name.
    may_skip : bool
        It has nothing to do on most exposures, and says so.
    """

    module: str
    name: str
    optional: tuple = ()
    status: str = ""
    may_skip: bool = False


#: The steps that can be chosen; what references they need stands in `darkroom.nircam.pipeline`.
STEPS = {
    # Groups that the telescope divided by another number than that of their frames.
    "group_scale": Step("jwst.group_scale", "GroupScaleStep", may_skip=True),
    "dq_init": Step("jwst.dq_init", "DQInitStep"),
    "saturation": Step("jwst.saturation", "SaturationStep"),
    "ipc": Step("jwst.ipc", "IPCStep"),
    "superbias": Step("jwst.superbias", "SuperBiasStep"),
    "refpix": Step("jwst.refpix", "RefPixStep", ("refpix", "sirskernel")),
    "linearity": Step("jwst.linearity", "LinearityStep"),
    "dark_current": Step("jwst.dark_current", "DarkCurrentStep", (), "dark_sub"),
}


def verified_references(steps, chosen, cache):
    """Return the paths of the references that steps need, each verified just now.

    Parameters
    ----------
    steps : sequence of str
        Of `STEPS`.
    chosen : dict
        ``{type: FileRecord or None}`` of the exposure.
    cache : darkroom.crds.cache.Cache
        Where they lie.

    Returns
    -------
    dict
        ``{type: path}``.

    Raises
    ------
    DarkroomError
        When a type was not chosen; `InputError` when a file is missing or not the stated one.
    """
    kinds = reference_kinds(steps)
    if lacking := [kind for kind in kinds if not chosen.get(kind)]:
        raise DarkroomError(
            f"no {' and no '.join(lacking)} reference was chosen, but the steps need it; choose "
            "again with: bestrefs.py --kinds"
        )
    return {kind: cache.verified(chosen[kind]) for kind in kinds}


def run_steps(path, steps, references, parameters, superbias=None):
    """Run steps on a raw exposure.

    `darkroom.crds.environment.go_offline` must have been called.

    Parameters
    ----------
    path : path-like
        Raw exposure, ``_uncal.fits``.
    steps : sequence of str
        Of `STEPS`, in this order.
    references : dict
        ``{type: path}`` of every type that the steps need, and of those they can use.
    parameters : dict
        ``{step: {parameter: value}}``, over the pipeline's defaults.
    superbias : path-like, optional
        Subtract this superbias and not that of `references`.

    Returns
    -------
    stdatamodels.jwst.datamodels.RampModel
        The ramps; close it when done.

    Raises
    ------
    InputError
        When a step did not do its work on this exposure, or no step could.
    """
    from jwst import datamodels

    try:
        model = datamodels.RampModel(str(path))
        if model.data is None or model.data.ndim != 4:
            raise ValueError("it has no SCI with integrations, groups, rows and columns")
    except Exception as error:
        raise InputError(
            path, f"jwst cannot open it as ramps ({_one_line(error)})", "give an _uncal.fits"
        ) from error
    _check_size(path, model)
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
        if name == "refpix":
            _check_refpix(path, before, model.data)
    _check_usable(path, model)
    return model


def _check_size(path, model):
    """Refuse an image of another size than its header says: no reference would fit it."""
    stated = (model.meta.subarray.ysize, model.meta.subarray.xsize)
    if model.data.shape[2:] != stated:
        ny, nx = model.data.shape[2:]
        raise InputError(
            path, f"SCI has {nx} × {ny} pixels, SUBSIZE1 × SUBSIZE2 are {stated[1]} × {stated[0]}"
        )


def _check_usable(path, model):
    """Refuse an exposure with an integration that has hardly a value to measure."""
    for number, (values, flags) in enumerate(zip(model.data, model.groupdq, strict=True), 1):
        lost = ~np.isfinite(values[0]) | (flags[0] & (Group.DO_NOT_USE | Group.SATURATED) != 0)
        if lost.mean() > _MOST_LOST:
            raise InputError(
                path,
                f"integration {number}: {lost.mean():.0%} of its pixels have no usable value in "
                "the first group (NaN or saturated)",
                "leave this exposure out",
            )


def _run(path, name, step, model):
    """Run one step; anything but its completion is an error."""
    try:
        result = step.run(model)
    # CRDS ends the process where it should raise.
    except SystemExit as error:
        raise InputError(
            path, f"CRDS ended the step {name} (status {error.code}); see the log above"
        ) from None
    except Exception as error:
        raise InputError(path, f"jwst's step {name} failed: {_one_line(error)}") from error
    status = getattr(result.meta.cal_step, STEPS[name].status or name)
    if status != "COMPLETE" and not (status == "SKIPPED" and STEPS[name].may_skip):
        raise InputError(
            path, f"jwst's step {name} ended as {status}, not COMPLETE; see the log above"
        )
    return result


def _make_step(name, parameters):
    """Return a step with parameters set; one that it does not know is refused."""
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


def check_superbias(path):
    """Refuse a superbias with pixels that are not finite and not flagged.

    The step takes them as 0, so those pixels keep their whole pedestal without a word.

    Raises
    ------
    InputError
        With the number of such pixels.
    """
    from jwst import datamodels

    from darkroom.nircam.detector.dq import Pixel

    with datamodels.SuperBiasModel(str(path)) as model:
        lost = ~np.isfinite(model.data) & ((model.dq & Pixel.DO_NOT_USE) == 0)
    if count := int(lost.sum()):
        raise InputError(
            path,
            f"{count} pixels of this superbias are not finite and not flagged DO_NOT_USE; the "
            "pipeline would subtract 0 there",
        )


def _check_refpix(path, before, after):
    """Refuse a reference-pixel correction that changed nothing, or left values that are none."""
    if lost := int((np.isfinite(before) & ~np.isfinite(after)).sum()):
        raise InputError(
            path,
            f"jwst's step refpix made {lost} values NaN or infinite: rows or columns without "
            "usable reference pixels",
            "leave this exposure out, or mend the mask",
        )
    if not np.any(before != after):
        raise InputError(
            path,
            "jwst's step refpix said COMPLETE but changed nothing: no usable reference pixels in "
            "this subarray, or all flagged DO_NOT_USE",
            "leave refpix out of the item's steps, or mend the mask and superbias",
        )


def ramp_hdus(model, name, references):
    """Return the ramps as FITS HDUs that are the same every time.

    Parameters
    ----------
    model : RampModel
        What `run_steps` gave.
    name : str
        File name to be.
    references : dict
        ``{type: name}`` to write into the header in place of paths.

    Returns
    -------
    list of astropy HDUs
        PRIMARY, SCI (DN), PIXELDQ, GROUPDQ, and the tables of the raw file. Without the pipeline's
        log and ASDF tree, which hold paths and times of this run, and without ERR, which is 0.
    """
    from stdatamodels import fits_support

    for kind, reference in references.items():
        if (used := getattr(model.meta.ref_file, kind, None)) is not None:
            used.name = reference
    hdus = fits_support.to_fits(model._instance, model._schema)
    hdus = [hdu for hdu in hdus if hdu.name not in _SKIPPED_HDUS]
    header = hdus[0].header
    header["FILENAME"] = name
    header["FILETYPE"] = ("RAMP", "type of data in the file")
    return hdus


def _one_line(error):
    return " ".join(str(error).split()) or type(error).__name__
