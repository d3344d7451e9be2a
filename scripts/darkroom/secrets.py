"""Names of environment variables that hold secrets; nothing prints what they hold."""

from __future__ import annotations

#: Token for proprietary data of MAST.
TOKEN_VARIABLE = "MAST_API_TOKEN"  # noqa: S105
