"""Run by the Python of the jwst environment: calls that tests look at, answers as JSON.

    python tests/jwst_cases.py CACHE CONTEXT  < calls

Each call is [name, arguments]; each answer is [class of the exception or null, text or value].
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from darkroom.crds.environment import go_offline


def open_model(path):
    """Open a file as the data model it names; tell class, shape, validity."""
    import warnings

    from stdatamodels.jwst import datamodels

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with datamodels.open(path) as model:
            model.validate()
            first = {"MaskModel": "dq", "LinearityModel": "coeffs"}.get(
                type(model).__name__, "data"
            )
            data = getattr(model, first)
            return [type(model).__name__, list(data.shape), str(data.dtype)]


def count_flags(path, names):
    """Count the pixels of a reference file that its data model flags."""
    from stdatamodels.jwst import datamodels

    with datamodels.open(path) as model:
        bits = datamodels.dqflags.pixel
        return {name: int((model.dq & bits[name] > 0).sum()) for name in names}


def best_references(path, kinds, context):
    """Choose references."""
    from darkroom.crds import bestrefs

    return bestrefs.best_references(path, kinds, context, "jwst")


def run_steps(path, steps, references, parameters, superbias=None, save=None):
    """Run steps; tell the rms of all differences of consecutive groups."""
    import numpy as np

    from darkroom.nircam import steps as own

    model = own.run_steps(path, steps, references, parameters, superbias)
    if save:
        np.save(save, model.data)
    return float(np.sqrt(np.mean(np.diff(model.data, axis=1) ** 2)))


def run_chain(path, steps, references, parameters, superbias, save, whole):
    """Run steps and save SCI, PIXELDQ and GROUPDQ; tell the status of each step.

    With `whole` they are run as calibrate.py does, with its refusals.
    """
    import numpy as np
    from stdatamodels.jwst import datamodels

    from darkroom.nircam import steps as own

    if whole:
        model = own.run_steps(path, steps, references, parameters, superbias)
    else:
        model = datamodels.RampModel(path)
        for name in steps:
            step = own._make_step(name, parameters.get(name, {}))
            given = {kind: references[kind] for kind in own.STEP_KINDS[name]}
            if name == "superbias" and superbias:
                given["superbias"] = superbias
            for kind in own.STEPS[name].optional:
                given[kind] = references.get(kind, "N/A")
            for kind, reference in given.items():
                setattr(step, f"override_{kind}", str(reference))
            model = step.run(model)
    np.savez(save, sci=model.data, pixeldq=model.pixeldq, groupdq=model.groupdq)
    return {
        name: getattr(model.meta.cal_step, own.STEPS[name].status or name, None) for name in steps
    }


def rates_and_jumps(path, readnoise, gain, threshold=4.0):
    """Find jumps and fit rates, one integration at a time; tell what they say of pure noise.

    Returns the number of samples and how many are flagged as jumps; the mean square of the rates of
    active pixels about their median, the mean VAR_RNOISE, and the standard deviation of rate over
    ERR (all of pixels without a jump).
    """
    import numpy as np
    from jwst.jump import JumpStep
    from jwst.ramp_fitting import RampFitStep
    from stdatamodels.jwst import datamodels

    shared = {"override_gain": str(gain), "override_readnoise": str(readnoise)}
    samples = flagged = 0
    rates, variances, pulls = [], [], []
    with datamodels.RampModel(path) as model:
        nints, _, ny, nx = model.data.shape
        for k in range(nints):
            one = model.copy()
            one.data = np.float32(model.data[k : k + 1])
            one.groupdq = np.zeros(one.data.shape, np.uint8)
            one.pixeldq = np.zeros((ny, nx), np.uint32)
            one.meta.exposure.nints = one.meta.exposure.integration_end = 1
            found = JumpStep.call(
                one, rejection_threshold=threshold, maximum_cores="none",
                expand_large_events=False, **shared,
            )  # fmt: skip
            jumps = found.groupdq & 4 > 0
            active = np.s_[4:-4, 4:-4]
            samples += jumps[0, 1:][:, *active].size
            flagged += int(jumps[0, 1:][:, *active].sum())
            _, fitted = RampFitStep.call(found, maximum_cores="none", **shared)
            quiet = ~jumps[0].any(axis=0)[active]
            rate, variance = fitted.data[0][active], fitted.var_rnoise[0][active]
            quiet &= np.isfinite(rate) & (variance > 0)
            rates.append((rate - np.median(rate[quiet]))[quiet])
            variances.append(variance[quiet])
            pulls.append(rates[-1] / fitted.err[0][active][quiet])
    rates, variances, pulls = (np.concatenate(part) for part in (rates, variances, pulls))
    square, variance = (float(part.mean(dtype=float)) for part in (rates**2, variances))
    return [samples, flagged, square, variance, float(pulls.std(dtype=float))]


def calibrate_to(path, saved, steps, references, parameters):
    """Run steps and save the ramp."""
    from darkroom.nircam import steps as own

    own.run_steps(path, steps, references, parameters).save(saved)


def choose_kernel(path, candidates):
    """Choose the SIRS kernels of an exposure."""
    from darkroom.nircam.refpix import sirs_choice as sirs

    return str(sirs.choose_kernel(path, candidates))


def write_sirs_kernel(path, detector):
    """Write kernels of 41 rows, of other amplitudes for each amplifier and side."""
    import numpy as np

    from darkroom.nircam.refpix.sirs_file import write_kernel

    sizes = np.random.default_rng(4).uniform(0.01, 0.03, (4, 2, 1))
    write_kernel(path, detector, np.exp(-(np.arange(-20, 21) ** 2) / 50) * sizes, {})


def sirs_kernels(path, detector):
    """Return the kernels that the pipeline makes of a file, by side and amplifier; None for none.

    With the defaults of its step.
    """
    from jwst.refpix import RefPixStep
    from jwst.refpix.optimized_convolution import make_kernels
    from stdatamodels.jwst import datamodels

    step = RefPixStep()
    with datamodels.SIRSKernelModel(path) as model:
        kernels = make_kernels(model, detector, step.gaussmooth, step.halfwidth)
    return kernels and [[kernel.tolist() for kernel in side] for side in kernels]


def flags():
    """Return the pipeline's data-quality bits."""
    from stdatamodels.jwst.datamodels import dqflags

    return {name: int(value) for name, value in dqflags.pixel.items()}


def stacked_and_alone(paths, references, folder):
    """Run exposures as one and each alone, with the pipeline's own steps to the end.

    Returns what differs in a bit: ``[exposure and plane, ...]``.
    """
    import numpy as np

    from darkroom.nircam.counterfactual import consumer, stack

    members = [stack.DeckExposure(Path(path).stem, path, references) for path in paths]
    raw = Path(folder, "stack_uncal.fits")
    groups = stack.read_groups(members)
    stack.write_stack(raw, members[0], groups)
    together = consumer.correct(
        raw, consumer.prepare(raw, references, raw), references, references["superbias"]
    )
    counts, paths = [len(each) for each in groups], [one.path for one in members]
    fits = consumer.fit(paths, together, counts, references, references["readnoise"])
    ramps_of, first_of = (
        stack.parts(values, counts) for values in (together.model.data, together.first)
    )
    differ = []
    for one, fitted, mine, first in zip(members, fits, ramps_of, first_of, strict=True):
        ramps = consumer.prepare(one.path, references, one.path)
        alone = consumer.correct(one.path, ramps, references, references["superbias"])
        jumps, slopes = consumer.step_of("jump"), consumer.step_of("ramp_fit")
        for step in (jumps, slopes):
            step.override_gain, step.override_readnoise = (
                references["gain"],
                references["readnoise"],
            )
        flagged = jumps.run(alone.model)
        _, theirs = slopes.run(flagged)
        bad = (np.array(flagged.pixeldq) & 1) != 0
        rate, error = (np.where(bad, np.nan, plane) for plane in (theirs.data, theirs.err))
        planes = {
            "ramps": (mine, alone.model.data),
            "group 0": (first, alone.first),
            "GROUPDQ": (fitted.flags, flagged.groupdq),
            "PIXELDQ": (fitted.pixel_flags, flagged.pixeldq),
            "rate": (fitted.rate, rate.astype(np.float32)),
            "error": (fitted.error, error.astype(np.float32)),
        }
        differ += [
            f"{one.name} {name}"
            for name, pair in planes.items()
            if not np.array_equal(*pair, equal_nan=pair[0].dtype.kind == "f")
        ]
    return differ


def main():
    """Answer every call."""
    cache, context = sys.argv[1:]
    go_offline(cache, "jwst", context)
    answers = []
    for name, arguments in json.load(sys.stdin):
        try:
            answers.append([None, globals()[name](**arguments)])
        except Exception as error:
            answers.append([type(error).__name__, str(error)])
    print("ANSWERS " + json.dumps(answers))


if __name__ == "__main__":
    main()
