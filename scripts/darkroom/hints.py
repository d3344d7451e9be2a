"""Types that hints in many modules name; imported by type checkers only."""

from __future__ import annotations

import os

StrPath = str | os.PathLike[str]
