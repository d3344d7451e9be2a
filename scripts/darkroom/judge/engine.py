"""Checks made in order: an exposure that one refuses has no part in those that follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.judge.judgement import REFUSED, kept

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from darkroom.judge.checks import Check
    from darkroom.judge.judgement import Judgement, Subject


def judge(
    subjects: Sequence[Subject], checks: Iterable[Check], keep: Collection[str] = ()
) -> list[Judgement]:
    """Judge exposures.

    Parameters
    ----------
    subjects : sequence of Subject
        The exposures of an item or a product.
    checks : iterable of Check
        In the order in which they are made.
    keep : collection of str
        Names of exposures that are used in any case: a refusal becomes a warning. They still do not
        decide what is usual in the checks that follow.

    Returns
    -------
    list of Judgement
        Of each check and exposure, in the order of the checks.
    """
    left, found = list(subjects), []
    for check in checks:
        if not left:
            break
        made = list(check.judge(left))
        refused = {each.exposure for each in made if each.verdict == REFUSED}
        left = [subject for subject in left if subject.name not in refused]
        found += made
    return kept(found, keep)
