"""Harms: the smallest effects that matter, each declared once. Standard library only.

From a declaration come the size that a gate uses, the key that a campaign may set (its schema
refuses others), and the table of docs/judging.md (`darkroom.documents`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Harm:
    """The smallest effect of one kind that matters.

    Attributes
    ----------
    products : str
        Products whose gates have it, with commas between.
    key : str
        Of the gate; a campaign sets ``product.key``.
    about : str
        What the effect is.
    default : float
        Its size, in `unit`; a multiple of `scale` where there is one.
    unit : str
        Of the number that a campaign sets.
    reason : str
        Why it matters.
    by : str
        ``spec``, or ``choice`` of the makers of the gate.
    scale : str
        What the default is multiplied by, which each detector or exposure has of its own.
    """

    products: str
    key: str
    about: str
    default: float
    unit: str
    reason: str
    by: str = "choice"
    scale: str = ""

    def size(self, given: Mapping[str, float], scale: float = 1.0) -> float:
        """Return the size: that of a campaign, or the usual one.

        Parameters
        ----------
        given : dict
            Sizes that the campaign sets, by key.
        scale : float
            Value of `scale`.
        """
        return given.get(self.key, self.default * scale)

    @property
    def names(self) -> list[str]:
        """The keys that a campaign may set: ``product.key`` of each product."""
        return [f"{product}.{self.key}" for product in self.products.split(", ")]

    @property
    def usual(self) -> str:
        """The default in words."""
        if self.scale:
            return f"{self.default:g} of {self.scale}"
        return f"{self.default:.3g} {self.unit}".strip()


def of_product(declared: Sequence[Harm], product: str) -> dict[str, Harm]:
    """Return the harms of one product by key."""
    return {one.key: one for one in declared if product in one.products.split(", ")}
