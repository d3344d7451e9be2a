"""Names of epochs. Standard library only, since the workflow plans with them."""

from __future__ import annotations


def is_of(epoch: str, campaign: str) -> bool:
    """Whether an epoch has the name of a campaign, or of a part of it."""
    rest = epoch.removeprefix(campaign)
    return epoch.startswith(campaign) and (not rest or (rest[0] == "." and rest[1:].isdecimal()))
