"""Names of environment variables that hold secrets; their values are never printed."""

from __future__ import annotations

#: Token for proprietary data in MAST.
TOKEN_VARIABLE = "MAST_API_TOKEN"  # noqa: S105
