"""The effects that matter to the products of the coronagraph. Standard library only."""

from __future__ import annotations

import math

from darkroom.gates.harms import Harm

_MADE = "noise_maps, traditional, photon_counted"
_FRAME = "the noise of one frame"
_LEVEL = "a tenth of the noise of one frame: a mean of 100 frames shows it"
_WRITTEN = "a mirrored image and a wrong half have slope 0, a wrong gain or unit its factor"
HARMS = (
    Harm("noise_maps", "noise", "noise of a stack over the model", math.log(1.3), "ln noise",
         "a wrong gain card, other electronics, or hits that were left: the model is within 30 %",
         "spec"),
    Harm("noise_maps", "level", "level of a stack beyond that of the others", 0.1, "EM electrons",
         _LEVEL, scale=_FRAME),
    Harm("noise_maps", "negative", "a negative median of CIC or dark current", 1.0, "e-, e-/s",
         "a rate below zero by more than the error of a pixel: levels of stacks do not agree",
         scale="the error of a pixel"),
    Harm(_MADE, "frame_level", "level of a frame", 0.1, "e-", _LEVEL, scale=_FRAME),
    Harm(_MADE, "frame_noise", "noise of a frame", math.log(1.3**2), "ln variance",
         "a wrong gain card or other electronics: 30 % of the noise"),
    Harm(_MADE, "masked", "share of the pixels of a frame that are flagged", 0.1, "",
         "a tenth of the frame lost"),
    Harm("traditional", "level", "mean of a frame minus the file", 0.1, "e-",
         "a tenth of the noise of one frame: a gain card, an offset", scale=_FRAME),
    Harm("noise_maps, traditional, synthesized", "subtracted", "level that a new file subtracts "
         "from a frame, minus that of the file in use", 0.1, "e-", _LEVEL, scale=_FRAME),
    Harm(_MADE, "written", "slope of frames on the file", 0.5, "", _WRITTEN),
    Harm("photon_counted", "counts", "slope of the dark on its own counts", 0.5, "", _WRITTEN),
    Harm("synthesized", "written", "difference from what the noise maps give, as a share", 1e-4, "",
         "another gain, time or image; single precision is better"),
)  # fmt: skip
