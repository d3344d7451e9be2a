"""Which steps and parameters the engine honours. Standard library only: planning imports it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from darkroom.errors import DarkroomError
from darkroom.nircam.chain.follows import ADVICE

#: The steps, in the pipeline's order.
ORDER = (
    *("group_scale", "dq_init", "saturation", "ipc"),
    *("superbias", "refpix", "linearity", "dark_current"),
)
# Parameters that change no number of a NIRCam ramp, whatever their value.
_WITHOUT_EFFECT = {
    "refpix": {
        *("odd_even_rows", "ovr_corr_mitigation_ftr"),
        *("preserve_irs2_refpix", "irs2_mean_subtraction"),
    },
}
# Values of parameters that the engine does not do unless they are these, the pipeline's defaults.
_ONLY = {
    "dq_init": {"user_supplied_dq": ""},
    "dark_current": {"dark_output": None, "average_dark_current": None},
}
# Rows of the detector: a side window must not reach beyond a reflected frame.
_MOST_ROWS = 2048


@dataclass(frozen=True)
class Saturation:
    """Parameters of the step saturation, with the pipeline's names and defaults.

    Attributes
    ----------
    n_pix_grow_sat : int
        Pixels by which the flags of saturated samples grow on every side.
    use_readpatt : bool
        Look for samples that saturate within the frames of a group.
    """

    n_pix_grow_sat: int = 1
    use_readpatt: bool = True


@dataclass(frozen=True)
class Refpix:
    """Parameters of the step refpix, with the pipeline's names and defaults.

    Attributes
    ----------
    odd_even_columns : bool
        Levels of odd and even columns apart.
    use_side_ref_pixels : bool
        Correct rows by the pixels at the sides.
    side_smoothing_length : int
        Rows of a running median.
    side_gain : float
        Factor of the side correction.
    siglimit : float
        Standard deviations beyond which values are clipped.
    refpix_algorithm : str
        ``median`` or ``sirs``.
    sigreject, gaussmooth, halfwidth : float, float, int
        Of ``sirs``: rejection limit, smoothing and half width of the kernels, rows.
    """

    odd_even_columns: bool = True
    use_side_ref_pixels: bool = True
    side_smoothing_length: int = 11
    side_gain: float = 1.0
    siglimit: float = 3.0
    refpix_algorithm: str = "median"
    sigreject: float = 4.0
    gaussmooth: float = 1.0
    halfwidth: int = 30


@dataclass(frozen=True)
class Steps:
    """Steps and their parameters.

    Attributes
    ----------
    names : tuple of str
        Steps that are run, in the pipeline's order.
    saturation : Saturation
    refpix : Refpix
    """

    names: tuple[str, ...]
    saturation: Saturation = Saturation()
    refpix: Refpix = Refpix()

    def __contains__(self, name: str) -> bool:
        return name in self.names

    @property
    def sirs(self) -> bool:
        """Whether SIRS kernels are asked for."""
        return "refpix" in self and self.refpix.refpix_algorithm == "sirs"


def chosen_steps(names: Sequence[str], parameters: Mapping[str, Mapping[str, Any]]) -> Steps:
    """Return the steps with their parameters.

    Parameters
    ----------
    names : sequence of str
        Steps, in order.
    parameters : dict
        ``{step: {parameter: value}}`` that replace the pipeline's defaults.

    Raises
    ------
    DarkroomError
        For steps in another order than the pipeline's, and for parameters and values that only the
        pipeline itself can honour.
    """
    names = tuple(names)
    if unknown := [name for name in names if name not in ORDER]:
        raise DarkroomError(f"there is no step {unknown[0]!r}; known steps: {', '.join(ORDER)}")
    if list(names) != sorted(set(names), key=ORDER.index):
        raise DarkroomError(
            f"the built-in engine runs steps in the pipeline's order, each once, not as "
            f"{', '.join(names)}; {ADVICE}"
        )
    steps = Steps(names)
    for name in names:
        given = dict(parameters.get(name, {}))
        for ignored in _WITHOUT_EFFECT.get(name, ()):
            given.pop(ignored, None)
        for fixed, value in _ONLY.get(name, {}).items():
            if fixed in given and given[fixed] in (value, None):
                del given[fixed]
        if name == "saturation":
            steps = replace(steps, saturation=_honoured(name, Saturation(), given))
        elif name == "refpix":
            steps = replace(steps, refpix=_honoured(name, Refpix(), given))
        elif given:
            raise _not_honoured(name, next(iter(given)))
    if "refpix" in steps:
        _check_refpix(steps.refpix)
    return steps


def _honoured(step, defaults, given):
    """Return parameters with values replaced, each of the type that the pipeline expects."""
    types = {field.name: type(getattr(defaults, field.name)) for field in fields(defaults)}
    for name, value in given.items():
        if name not in types:
            raise _not_honoured(step, name)
        wanted = types[name]
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = {
            bool: isinstance(value, bool),
            int: number and isinstance(value, int),
            float: number and math.isfinite(value),
            str: isinstance(value, str),
        }[wanted]
        if not fits:
            words = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}
            raise DarkroomError(
                f"steps.parameters: {name} of {step} is {value!r}, and must be {words[wanted]}"
            )
    if given.get("n_pix_grow_sat", 0) < 0:
        raise DarkroomError(
            f"steps.parameters: n_pix_grow_sat of saturation is {given['n_pix_grow_sat']}, and "
            "must be at least 0"
        )
    return replace(defaults, **given)


def _not_honoured(step, name):
    return DarkroomError(
        f"steps.parameters: the built-in engine does not know the parameter {name} of {step}; "
        f"{ADVICE}"
    )


def _check_refpix(chosen):
    length = chosen.side_smoothing_length
    if chosen.use_side_ref_pixels and not 2 <= length < 2 * _MOST_ROWS:
        raise DarkroomError(
            f"steps.parameters: side_smoothing_length of refpix is {length}, and must be at least "
            f"2 and less than {2 * _MOST_ROWS} rows"
        )
    if chosen.refpix_algorithm not in ("median", "sirs"):
        raise DarkroomError(
            f"steps.parameters: refpix_algorithm is {chosen.refpix_algorithm!r}, and must be "
            "median or sirs"
        )
    if chosen.siglimit <= 0:
        raise DarkroomError(
            f"steps.parameters: siglimit of refpix is {chosen.siglimit:g}, and must be above 0"
        )
