"""The effects that matter to the products of a CCD. Standard library only.

Most are multiples of the noise of one frame, which every camera has measured of itself.
"""

from __future__ import annotations

import math

from darkroom.gates.harms import Harm

_FRAME = "the noise of one frame"
_GRADIENT = "a mean of 100 frames shows a tenth of the noise of one frame"
_WRITTEN = "a mirrored image and a wrong half have slope 0, a wrong unit its factor"
_NOISE = "ln variance"
HARMS = (
    Harm("master_bias, dark_rate", "level", "level of a frame", 0.2, "adu",
         "a mean of 25 frames shows a fifth of the noise of one frame", scale=_FRAME),
    Harm("master_bias, dark_rate", "slow", "gradient along the rows' direction of readout", 0.1,
         "adu", _GRADIENT, scale=_FRAME),
    Harm("master_bias, dark_rate", "fast", "gradient along columns", 0.1, "adu", _GRADIENT,
         scale=_FRAME),
    Harm("master_bias, dark_rate, read_noise", "noise", "noise of a frame", math.log(1.05**2),
         _NOISE, "5 % of the noise raises the error of every pixel"),
    Harm("master_bias, dark_rate", "slope", "slope of a frame on the product", 0.05, "",
         "its pixels are not those of the product"),
    Harm("master_bias", "written", "slope of frames on the file", 0.05, "", _WRITTEN),
    Harm("read_noise", "written", "slope of squared deviations on the file", 0.5, "", _WRITTEN),
    Harm("read_noise", "scale", "variance of frames over the file", 0.2, _NOISE,
         "a factor of √2 is 0.69, a wrong gain its square"),
    Harm("dark_rate", "written", "slope of darks on the file", 0.1, "", _WRITTEN),
    Harm("dark_rate", "line", "median of one exposure time about the line through all", 0.05,
         "adu", "light, another temperature or black level, or an exposure time that is not that "
         "of the card", scale="the dark signal of the longest exposure time"),
    Harm("hot_pixels", "warmed", "rates of the hottest pixels", 0.1, "ln rate",
         "the detector was warmer"),
)  # fmt: skip
