"""The effects that matter to the products of NIRCam. Standard library only."""

from __future__ import annotations

import math

from darkroom.gates.harms import Harm

_LEVELS = "levels matter to images of one group, to saturation and to linearity near full well"
_WRITTEN = (
    "a mirrored image, exchanged amplifiers and a wrong half have slope 0, a wrong unit its factor"
)
_SCALE = "a factor of √2 (one read for two) is 0.69, one of √NFRAMES as much or more"
_JUMPS = "at 5 % of the noise false jumps fall or rise by a factor of 3"
_NOISE = "ln variance"
HARMS = (
    Harm("superbias", "level", "active minus reference pixels", 10.0, "DN", _LEVELS, "spec"),
    Harm("superbias", "slow", "gradient along the slow axis", 10.0, "DN", _LEVELS, "spec"),
    Harm("superbias", "curvature", "curvature along the slow axis", 10.0, "DN", _LEVELS, "spec"),
    Harm("superbias", "parity", "odd minus even columns", 1.0, "DN",
         "a column pattern stays in every image", "spec"),
    Harm("superbias", "fast", "gradient along the fast axis", 10.0, "DN", _LEVELS, "spec"),
    Harm("superbias", "noise", "noise of the ramps", math.log(1.05**2), _NOISE,
         "5 % of the noise raises the error of every pixel", "spec"),
    Harm("superbias", "slope", "slope of a ramp on the product", 0.01, "",
         "its pixels are not those of the product"),
    Harm("superbias, readnoise", "source_rate", "rate of a source, relative", 0.01, "",
         "photometry is wrong by 1 %"),
    Harm("superbias, readnoise, dark, mask", "flags", "share of the flags that change", 1e-3, "",
         "a thousandth of the samples is lost or gained", "spec"),
    Harm("superbias", "written", "slope of the ramps on the file", 0.05, "", _WRITTEN),
    Harm("readnoise", "noise", "noise of the ramps", math.log(1.05**2), _NOISE, _JUMPS, "spec"),
    Harm("readnoise", "written", "slope of squared differences on the file", 0.8, "", _WRITTEN),
    Harm("readnoise", "scale", "differences of groups over the file", 0.4, _NOISE, _SCALE),
    Harm("noise_spectrum", "white", "noise above 10 kHz", math.log(1.05**2), _NOISE, _JUMPS,
         "spec"),
    Harm("noise_spectrum", "slow", "noise in three bands below 10 kHz", math.log(1.2**2), _NOISE,
         "20 % of the slow noise: corrections by reference pixels are weighted by it"),
    Harm("noise_spectrum", "coherence", "coherence of amplifiers", 0.1, "", "a tenth of the power "
         "taken for common that is the amplifier's own, or the reverse"),
    Harm("noise_spectrum", "written", "white noise of the ramps over the file", 0.05, _NOISE,
         "another amplifier, a wrong unit or a factor of √2 (0.69) changes the power"),
    Harm("noise_spectrum", "scale", "other bands over the file, and the read noise", 0.45, _NOISE,
         _SCALE),
    Harm("noise_spectrum", "line", "a spectral line (warns)", 1.0, "DN",
         "stripes of 1 DN remain in a mean of 100 ramps"),
    Harm("reference_pixels", "level", "active minus reference pixels", 10.0, "DN", _LEVELS, "spec"),
    Harm("reference_pixels", "instability", "scatter beyond that of the spectrum", 1.0, "DN",
         "reference pixels that scatter as much as the levels they correct",
         scale="the scatter of an amplifier's own level"),
    Harm("dark, mask", "rate", "median rate of an amplifier", 0.01, "e-/s",
         "a tenth of the faintest zodiacal light"),
    Harm("dark", "written", "slope of hot pixels on the file", 0.5, "", "a mirrored image, "
         "exchanged amplifiers and a wrong half have slope 0, a wrong gain or time its factor"),
    Harm("mask", "injected", "share of the injected pixels that must be found", 0.5, "",
         "half of the bad pixels remain"),
    Harm("mask", "false", "share of good pixels that are called bad", 1e-3, "",
         "a thousandth of the field is lost"),
)  # fmt: skip
