"""Types for the hints of many modules; imported only by type checkers."""

from __future__ import annotations

import os

StrPath = str | os.PathLike[str]
