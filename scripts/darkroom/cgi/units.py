"""Units (BUNIT) and data-quality flags (DQ) of the coronagraph camera's frames and products."""

#: Electrons after the EM register.
EM_ELECTRON = "detected EM electron"
#: Electrons before the EM register: divided by the EM gain.
ELECTRON = "detected electron"
#: Units of frames: counts of raw ones, and the two above.
UNITS = ("DN", EM_ELECTRON, ELECTRON)
#: DQ of a sample without a finite value, of telemetry rows, and of pixels that could not be fitted
#: (corgidrp: bad pixel, unspecified).
NONFINITE = 1
#: DQ of a saturated sample, and of one hit by a cosmic ray.
SATURATED, COSMIC = 32, 128


def invalid_value(value: bool | int | float | str) -> bool | int | float | str:
    """Return corgidrp's mark for "no value" in the type of a header card: -999, or False."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return -999
    return -999.0 if isinstance(value, float) else "-999"
