"""Types that many functions are hinted with."""

from __future__ import annotations

import os

StrPath = str | os.PathLike[str]
