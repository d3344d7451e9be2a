"""What BUNIT says of frames and products of the coronagraph's camera."""

#: Electrons behind the EM register.
EM_ELECTRON = "detected EM electron"
#: Electrons before it: divided by the EM gain.
ELECTRON = "detected electron"
