"""FLTs given by hand, judged by their headers as a campaign judges its RAWs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.errors import InputError
from darkroom.judge.common import Distinct
from darkroom.judge.engine import judge
from darkroom.judge.judgement import Subject
from darkroom.wfc3.judging import checks
from darkroom.wfc3.received import header_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from darkroom.judge.judgement import Judgement


def judge_flts(
    exposures: Iterable[Mapping[str, Any]], keep: Collection[str] = ()
) -> list[Judgement]:
    """Judge the FLTs of a visit.

    Parameters
    ----------
    exposures : iterable of mapping
        As from `darkroom.campaign.exposure.read_exposure`: ``path`` and ``exposure``.
    keep : collection of str
        Names of exposures that are used in any case.

    Returns
    -------
    list of darkroom.judge.judgement.Judgement
        The exposures are named by their paths.

    Raises
    ------
    InputError
        When a file is no FLT of WFC3/IR.
    """
    subjects, kept = [], []
    for one in exposures:
        path = Path(one["path"])
        primary, science = _headers(path)
        values = header_values(primary, science, path.name)
        digest = science.get("DATASUM")
        values |= {"datasum": None if digest in (None, "0") else str(digest)}
        subjects.append(Subject(str(path), path.name, values))
        if {one["exposure"], path.name.removesuffix("_flt.fits")} & set(keep):
            kept.append(str(path))
    same = Distinct(key="datasum", what="image", advice="give every exposure once")
    return judge(subjects, (*checks({}), same), kept)


def _headers(path):
    try:
        with fits.open(path, memmap=False) as hdus:
            return hdus[0].header.copy(), hdus["SCI", 1].header.copy()
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, KeyError) as error:
        raise InputError(path, f"is no FLT ({error})") from None
