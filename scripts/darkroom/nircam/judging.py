"""How NIRCam darks are judged: what must be so, what must be alike, what is odd.

The same checks are made of an item's exposures as they arrive, and of the files that a person gives
to a program.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import defaults
from darkroom.judge.checks import Between, Check, NoFaults, OneOf
from darkroom.judge.common import Alike, Copies, Distinct
from darkroom.judge.judgement import REFUSED, WARNED
from darkroom.judge.typical import Typical
from darkroom.nircam.ramps import header as cards
from darkroom.nircam.ramps.sample import sample, sample_faults
from darkroom.nircam.settings import JudgeSettings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from darkroom.judge.judgement import Judgement, Subject
    from darkroom.nircam.ramps.files import RampFile
    from darkroom.nircam.ramps.sample import Sample

#: Names of the products, as `checks` and messages have them.
SUPERBIAS, READNOISE = "superbias", "read noise"
SPECTRUM, REFERENCE_PIXELS = "noise spectrum", "reference-pixel product"
DARK = "dark"
# The pixels of the bias of every detector are at thousands of DN; without bias they are near 0.
_MIN_LEVEL = 100.0
# Standard deviation of the common level of a group against that of the first one of its integration
# [DN]: drift after a reset, and 1/f noise of all amplifiers, as simulated exposures have them.
_GROUP_LEVEL = 35.0
# All types of JWST begin so; that which is allowed is asked first.
_OTHER_TYPES = ("NRC_*", "MIR_*", "NIS_*", "NRS_*", "FGS_*")
# Steps before which the pixels of a superbias, and of raw exposures, must have been read.
_NOT_BEFORE = {
    "": tuple(cards.STEP_CARDS.values()),
    SUPERBIAS: ("superbias", "linearity", "dark_current", "persistence", "gain_scale"),
}


@dataclass(frozen=True, kw_only=True)
class Without(Check):
    """The pipeline must not have changed the pixels by one of some steps.

    Parameters
    ----------
    steps : tuple of str
    """

    steps: tuple[str, ...]

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        card = {step: name for name, step in cards.STEP_CARDS.items()}
        for subject in subjects:
            made = [step for step in subject.values.get(self.key) or () if step in self.steps]
            if made:
                stated = " and ".join(card[step] for step in made)
                verb = "are" if len(made) > 1 else "is"
                fault = f"it was changed by {' and '.join(made)} already ({stated} {verb} COMPLETE)"
                yield self.failed(subject, ", ".join(made), "none of them", fault)
            else:
                yield self.passed(subject, "none", "none")


def checks(settings: Mapping[str, Any] | None = None, product: str = "") -> tuple[Check, ...]:
    """Return the checks of NIRCam darks, in the order in which they are made.

    Parameters
    ----------
    settings : mapping, optional
        Of `darkroom.nircam.settings.JudgeSettings`; what is left out has its default.
    product : str
        What is made of them, one of the names above; empty for the raw exposures of an item.
    """
    chosen = defaults(JudgeSettings) | dict(settings or {})
    kind = f"one {product or 'reference file'} is made of exposures of one kind"
    return (
        NoFaults(key="faults", what="structure"),
        OneOf(key="INSTRUME", allowed=("NIRCAM",), advice="leave it out"),
        OneOf(
            key="EXP_TYPE",
            allowed=tuple(chosen["exp_types"]),
            refused=_OTHER_TYPES,
            unknown=WARNED,
            advice="leave it out, or allow this type (judge.exp_types)",
        ),
        *_state_checks(product),
        Alike(key="DETECTOR", advice=kind),
        Alike(key="SUBARRAY", advice=kind),
        Alike(key="READPATT", advice=kind),
        *(
            Alike(key=key, advice=kind, ignore_missing=True)
            for key in ("image size", "NOUTPUTS", "FASTAXIS", "SLOWAXIS", "SUBSTRT1", "SUBSTRT2")
        ),
        Between(key="NFRAMES", low=1, advice="a group is the mean of one frame or more"),
        Between(key="GROUPGAP", low=0),
        *(Alike(key=key, advice=kind, ignore_missing=True) for key in ("NFRAMES", "GROUPGAP")),
        *(Between(key=key, low=1e-6, unit="s", verdict=WARNED) for key in ("TFRAME", "TGROUP")),
        *(
            Alike(key=key, advice=kind, ignore_missing=True, relative=1e-3, unit="s")
            for key in ("TFRAME", "TGROUP")
        ),
        *([Alike(key="NGROUPS", advice=kind)] if product in ("", READNOISE) else []),
        NoFaults(
            key="clock",
            verdict=REFUSED if product in (SPECTRUM, REFERENCE_PIXELS) else WARNED,
        ),
        # Frames dropped before the first group, and samples averaged in a pixel, change what a
        # group is; resets change the bias a little.
        *(
            Alike(key=key, advice=kind, ignore_missing=True)
            for key in ("DRPFRMS1", "DRPFRMS3", "NSAMPLES")
        ),
        *(
            Alike(key=key, ignore_missing=True, verdict=WARNED, advice="is their bias the same?")
            for key in ("NRSTSTRT", "NRESETS")
        ),
        NoFaults(key="pixels", advice="leave this exposure out"),
        Copies(key="integrations", what="integration", advice="give every exposure once"),
        Distinct(
            key="start",
            what="start of the first integration",
            verdict=WARNED,
            advice="trends with time are those of wrong times",
        ),
        Alike(
            key="stored type",
            ignore_missing=True,
            verdict=WARNED,
            advice="are some of them raw, others after steps that left no card?",
        ),
        *_typical(),
        NoFaults(key="remarks", verdict=WARNED),
    )


def _state_checks(product):
    """Return the checks of the steps made before; a product of the noise may have had any."""
    if product == DARK:
        return _dark_state_checks()
    advice = "select raw exposures (_uncal.fits)" if not product else (
        f"make the {product} of exposures before these steps"
    )  # fmt: skip
    alike = Alike(
        key="state", what="state", advice=f"one {product or 'reference file'} is made of exposures "
        "after the same steps",
    )  # fmt: skip
    if product not in _NOT_BEFORE:
        return (alike,)
    refused = _NOT_BEFORE[product]
    others = tuple(step for step in cards.STEP_CARDS.values() if step not in refused)
    return (
        Without(key="steps", what="steps made", steps=refused, advice=advice),
        Between(
            key="level", low=_MIN_LEVEL, unit="DN",
            advice="has its bias been subtracted? A superbias of it would be 0",
        ),
        alike,
        Without(key="steps", what="steps made before", steps=others, verdict=WARNED, advice=advice),
    )  # fmt: skip


def _dark_state_checks():
    """Return the checks of the steps made before a dark: its own subtraction leaves nothing."""
    return (
        Without(
            key="steps", what="steps made", steps=("dark_current", "persistence", "gain_scale"),
            advice="make the dark of exposures before these steps",
        ),
        Alike(
            key="state", what="state",
            advice="one dark is made of exposures after the same steps",
        ),
    )  # fmt: skip


def _typical():
    """Return the comparisons of pixels with those of the other exposures.

    Offsets between ramps are fitted and removed, so a level is odd only when the detector was in
    another state: 500 DN is ten times the offsets of good ramps, 2,500 DN a quarter of the bias.
    Twice the noise quadruples the variance that an exposure adds. A slope of 3 DN a group is more
    than any dark current, and that of 20 DN a group would show in a superbias, whose error is a few
    DN. Fewer than six exposures do not show their scatter: then only the larger limit counts.
    """
    return (
        Alike(key="level", tolerance=2500.0, ignore_missing=True, unit="DN"),
        Typical(key="level", warn=500.0, unit="DN"),
        Typical(key="noise", warn=0.3, refuse=1.0, relative=True, unit="DN"),
        Typical(key="slope", warn=3.0, refuse=20.0, error="slope error", unit="DN per group"),
    )


def values_of(file: RampFile, found: Sample | None = None) -> dict[str, Any]:
    """Return what the checks use of a ramp file: header values, digests, numbers and faults.

    Parameters
    ----------
    file : darkroom.nircam.ramps.files.RampFile
    found : darkroom.nircam.ramps.sample.Sample, optional
        Its sample, when it was read already.

    Returns
    -------
    dict
        Text, numbers and lists of these, for JSON. Cards that are absent are replaced by what
        follows from detector and read pattern, else None.
    """
    header = file.header
    found = sample(file) if found is None else found
    nints, ngroups, ny, nx = file.sci.shape
    faults, remarks = sample_faults(found)
    state = cards.state_of(header)
    values = {card: header.get(card) for card in ("INSTRUME", "EXP_TYPE", "DETECTOR", "SUBARRAY")}
    values |= {card: header.get(card) for card in ("READPATT", "SUBSTRT1", "SUBSTRT2")}
    values |= {card: cards.as_number(header.get(card)) for card in ("TFRAME", "TGROUP")}
    values |= {card: cards.as_number(header.get(card)) or 0 for card in ("DRPFRMS1", "DRPFRMS3")}
    values |= {
        card: cards.as_number(header.get(card)) for card in ("NSAMPLES", "NRSTSTRT", "NRESETS")
    }
    return values | {
        "image size": [nx, ny],
        "NOUTPUTS": cards.noutputs_of(header, nx),
        "NFRAMES": cards.nframes_of(header),
        "GROUPGAP": cards.groupgap_of(header),
        "NGROUPS": file.sci.shape[1],
        "FASTAXIS": cards.axis_of(header, 0),
        "SLOWAXIS": cards.axis_of(header, 1),
        "state": state,
        "stored type": "float" if file.sci.first.dtype.kind == "f" else "integer",
        "steps": [] if state == "raw" else state.split(", "),
        "faults": list(file.faults),
        "pixels": faults,
        "clock": list(cards.clock_faults(header, (ny, nx))[1]),
        "remarks": [
            *cards.pattern_doubts(header),
            *cards.state_doubts(header),
            *file.remarks,
            *remarks,
        ],
        "slope error": _GROUP_LEVEL / (max(ngroups - 1, 1) * math.sqrt(nints)),
        "integrations": found.digests,
        "start": float(file.mjd[0]) if math.isfinite(file.mjd[0]) else None,
        **{
            name: value if math.isfinite(value) else None
            for name, value in (
                ("level", found.level),
                ("noise", found.noise),
                ("slope", found.slope),
            )
        },
    }
