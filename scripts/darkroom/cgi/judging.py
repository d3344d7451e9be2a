"""How dark frames of the coronagraph are judged: what must be so, what must be alike, what is odd.

The same checks are made of an item's exposures as they arrive (values from
`darkroom.cgi.received`), and of the frames that a person gives to a program.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import defaults
from darkroom.cgi.settings import JudgeSettings
from darkroom.cgi.stacks.preconditions import L1, unit_fault
from darkroom.cgi.units import EM_ELECTRON
from darkroom.judge.checks import Between, Check, NoFaults, OneOf
from darkroom.judge.common import Alike, Copies, Distinct
from darkroom.judge.judgement import PASSED, WARNED
from darkroom.judge.typical import Typical

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from darkroom.judge.judgement import Judgement, Subject

#: Array types that have a prescan.
ARRAY_TYPES = ("SCI", "ENG", "ENG_EM", "ENG_CONV")
# Visits in which light falls on the detector, or charge is pumped.
_NO_DARK_VISITS = tuple(
    f"CGIVST_CAL_{kind}"
    for kind in (
        "ABSFLUX_BRIGHT", "ABSFLUX_FAINT", "BORESIGHT", "CORETHRPT", "FLAT", "POL_SETUP",
        "PUPIL_IMAGING", "SPEC_LINESPREAD", "SPEC_TGTREF", "TGTREF_PHOT", "TPUMP",
    )
)  # fmt: skip
# The register's gain falls with age; beyond a third one of the two cards is another detector's.
_GAIN_RATIO = (0.75, 1.33)
# Of one stack. The range of all gains of a stack may be twice this (`Stack.check`).
_GAIN_SPREAD = 0.01
# Mean signal of a frame against its stack [e- before the register]. A frame of 100 s has 0.1 e- of
# dark signal, so the first is half of it in one frame; the second is ten times all of it.
_LEVEL_WARNED, _LEVEL_REFUSED = 0.05, 1.0
# Scatter of a frame's pixels against its stack. Three tenths more noise change a weight by a
# factor of 1.7; a frame of twice the noise is worth a quarter of one.
_SCATTER_WARNED, _SCATTER_REFUSED = 0.3, 1.0
# Part of a frame's pixels that may be flagged before it is worth a word.
_MASKED = 0.9
# Width of the upper half of the distribution of unflagged pixels over that of the lower half: 1 for
# noise, more with charge. A mask that cuts at the median leaves 0.64, and one at one sigma 0.83.
_UPPER_HALF = 0.85
# Temperatures at which a CCD is run [°C]; in kelvin, or unknown (-999), a number lies outside.
_COLDEST, _WARMEST = -150.0, 40.0
_LEAVE_OUT = "leave it out"
_NOT_ANALOG = (
    "it was taken for photon counting, and maps and darks here are analog: name its stack in "
    "photon_counted; if you know better: --waive photon-counting"
)
# Exposure times of one stack may differ by this fraction (`darkroom.cgi.stack_keys`).
_TIME = 1e-4


@dataclass(frozen=True, kw_only=True)
class Steps(Check):
    """The frame must have had some processing steps and not others, and be in the right unit.

    Parameters
    ----------
    unit : str
        Unit that calibrated frames need; raw ones are in DN.
    waived : tuple of str
        Names of conditions that are not asked.
    """

    unit: str
    waived: tuple[str, ...]

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield a judgement of each condition that is not met; one of a frame that meets all."""
        for subject in subjects:
            values = subject.values
            faults = dict(values.get(self.key) or {})
            raw, unit = values.get("level") == L1, str(values.get("unit") or "")
            if raw and unit.upper() not in ("", "DN"):
                faults["unit"] = f"BUNIT is {unit!r}, raw frames are in DN"
            elif not raw and (fault := unit_fault(unit, bool(values.get("divided")), self.unit)):
                faults["unit"] = fault
            asked = {name: fault for name, fault in faults.items() if name not in self.waived}
            for name, fault in asked.items():
                advice = f"{fault}; if you know better: --waive {name}"
                yield self.failed(subject, name, "met", advice)
            if not asked:
                yield self.passed(subject, "met", "met")


def checks(
    settings: Mapping[str, Any] | None = None, *, unit: str = EM_ELECTRON
) -> tuple[Check, ...]:
    """Return the checks of dark frames, in the order in which they are made.

    Parameters
    ----------
    settings : mapping, optional
        Of `darkroom.cgi.settings.JudgeSettings`, and the item's ``waive``; what is left out has its
        default.
    unit : str
        BUNIT that calibrated frames need.
    """
    chosen = defaults(JudgeSettings) | dict(settings or {})
    waived = tuple(chosen.get("waive", ()))
    tolerance = chosen["temperature_tolerance"]
    one = "a dark is made of exposures of one kind"
    return (
        NoFaults(key="left_out", what="use", verdict=WARNED),
        NoFaults(key="faults", what="header"),
        OneOf(key="INSTRUME", allowed=("CGI",), missing=PASSED, advice=_LEAVE_OUT),
        OneOf(key="arrtype", what="ARRTYPE", allowed=ARRAY_TYPES, missing=PASSED,
              advice=_LEAVE_OUT),
        OneOf(
            key="vistype", what="VISTYPE", allowed=("CGIVST_CAL_DRK",), refused=_NO_DARK_VISITS,
            unknown=WARNED, missing=PASSED, advice="make sure that it is a dark",
        ),
        OneOf(
            key="filter", what="CFAMNAME", allowed=("DARK",), unknown=WARNED, missing=PASSED,
            verdict=WARNED, advice="make sure that no light reached the detector",
        ),
        *_photon_counting(waived, chosen.get("photon_counted")),
        Alike(key="level", what="DATALVL", advice="raw frames and others cannot be mixed"),
        Steps(key="steps", what="processing", unit=unit, waived=waived),
        Alike(key="arrtype", what="ARRTYPE", advice=one, ignore_missing=True),
        Alike(key="kgain", what="KGAINPAR", unit="e-/DN", relative=1e-4, ignore_missing=True,
              advice="convert all frames with one conversion gain"),
        Between(key="gain_ratio", what="ratio of its measured to its commanded EM gain",
                low=_GAIN_RATIO[0], high=_GAIN_RATIO[1], verdict=WARNED),
        Alike(key="em_gain", what="EM gain", relative=_GAIN_SPREAD, within=("commanded_gain",),
              ignore_missing=True, advice="EM gains of one stack must agree"),
        Between(key="temperature", what="EXCAMT", unit="°C", low=_COLDEST, high=_WARMEST,
                verdict=WARNED, advice="is it in °C?"),
        Alike(key="temperature", what="EXCAMT", unit="°C", tolerance=tolerance,
              ignore_missing=True, advice="dark current changes by a fifth with each degree"),
        Alike(key="temperature", what="EXCAMT", unit="°C", tolerance=tolerance / 4,
              ignore_missing=True, verdict=WARNED),
        NoFaults(key="pixel_faults", what="pixels", advice=_LEAVE_OUT),
        Distinct(key="path", what="file", advice="give every exposure once"),
        Copies(key="pixels", what="content", advice="give every exposure once"),
        Distinct(key="start", what="start (SCTSRT)", verdict=WARNED),
        Between(key="masked", what="flagged part of its sampled pixels", high=_MASKED,
                verdict=WARNED),
        Between(
            key="upper_half",
            what="width of the upper half of its unflagged pixels over that of the lower half",
            low=_UPPER_HALF, verdict=WARNED,
            advice="its mask of cosmic rays cuts into noise and charge: means are too low",
        ),
        Typical(key="pixel_level", what="mean signal before the EM register", unit="e-",
                warn=_LEVEL_WARNED, refuse=_LEVEL_REFUSED, error="pixel_level_error",
                within=("commanded_gain", "time_group"),
                advice="light may have reached the detector"),
        Typical(key="scatter", what="scatter of pixels", unit="e-", relative=True,
                warn=_SCATTER_WARNED, refuse=_SCATTER_REFUSED,
                within=("commanded_gain", "time_group")),
        NoFaults(key="remarks", what="cards", verdict=WARNED),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PhotonCounting(Check):
    """Frames of some stacks must have been taken for photon counting, the others not.

    Parameters
    ----------
    stacks : tuple of (float, float) or None
        EM gain and exposure time of those in which photons are counted; None for all.
    """

    stacks: tuple[tuple[float, float], ...] | None

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield a judgement of each frame."""
        for subject in subjects:
            values = subject.values
            found = values.get(self.key)
            counted = self.stacks is None or any(
                values.get("commanded_gain") == gain
                and abs((values.get("exptime") or 0.0) - exptime) <= _TIME * exptime
                for gain, exptime in self.stacks
            )
            if found is None or bool(found) == counted:
                yield self.passed(subject, found, str(int(counted)))
            elif counted:
                yield self.failed(
                    subject, found, "1",
                    "photons are counted in its stack, and it was not taken for that",
                )  # fmt: skip
            else:
                yield self.failed(subject, found, "0", _NOT_ANALOG)


def _photon_counting(waived, counted):
    if "photon-counting" in waived:
        return ()
    if counted:
        stacks = (
            None if counted is True else tuple((one["gain"], one["exptime"]) for one in counted)
        )
        return (PhotonCounting(key="photon_counting", what="ISPC", stacks=stacks),)
    return (
        OneOf(
            key="photon_counting", what="ISPC", allowed=(0, False), missing=PASSED,
            advice=_NOT_ANALOG,
        ),
    )  # fmt: skip
