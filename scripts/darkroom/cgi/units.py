"""What BUNIT and DQ say of frames and products of the coronagraph's camera."""

#: Electrons behind the EM register.
EM_ELECTRON = "detected EM electron"
#: Electrons before it: divided by the EM gain.
ELECTRON = "detected electron"
#: DQ of a sample without a finite value, of telemetry and of what could not be fitted (corgidrp:
#: bad pixel, unspecified).
NONFINITE = 1
