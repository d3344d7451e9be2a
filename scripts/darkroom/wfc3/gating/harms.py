"""The effects that matter to FLTs, the image of a visit, and darks. Standard library only."""

from __future__ import annotations

from darkroom.gates.harms import Harm

_SKY = "2 % of the sky: light of the limb or of a trail"
_DARK = "2 % of a faint sky of 0.5 e-/s, as for the light of the limb"
HARMS = (
    Harm("flt", "interval", "sky between two reads", 0.02, "e-/s", _SKY, scale="the sky"),
    Harm("flt, reprocessed", "background", "background of the left over the right side", 0.02, "",
         _SKY),
    Harm("flt", "noise", "noise of the sky over ERR", 0.45, "ln noise",
         "ERR or the gain are wrong by a half"),
    Harm("flt", "scale", "median of the file over the background", 0.29, "",
         "a factor of √2 (0.29 below 1, 0.41 above), a wrong gain"),
    Harm("flt", "written", "slope of the file on the one with every read", 0.3, "",
         "a mirrored image and a wrong half have slope 0, another flat or gain its factor"),
    Harm("reprocessed", "weight", "weight over exposure time", 0.02, "",
         "an EXPTIME card that is not the time of the reads weights the exposure wrongly"),
    Harm("reprocessed", "shift", "shift of the sources of an exposure", 0.1, "pixels",
         "a tenth of a pixel widens stars by 2 %"),
    Harm("reprocessed", "written", "slope of the image on the one with every read", 0.2, "",
         "a mirrored image and a wrong half have slope 0, another unit its factor"),
    Harm("superdark", "rate", "dark current", 0.01, "e-/s", _DARK),
    Harm("superdark", "noise", "noise of a dark", 0.3, "ln noise",
         "another gain or clock: errors are wrong by 30 %"),
    Harm("wfc3_dark, wfc3_flat", "flags", "share of the flags that change", 1e-3, "",
         "a thousandth of the samples is lost or gained", "spec"),
    Harm("wfc3_dark", "sky", "sky of an exposure, with a new dark", 0.01, "e-/s", _DARK),
    Harm("wfc3_flat", "sky", "sky of an exposure, with a new flat, as a share", 0.01, "",
         "photometry is wrong by 1 %"),
)  # fmt: skip
