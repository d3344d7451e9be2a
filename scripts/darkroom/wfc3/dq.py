"""WFC3/IR data quality bits (WFC3 Data Handbook, table 3.3), as 16-bit signed flags."""

BAD_ZEROTH_READ = 8
BAD_DETECTOR = 4  # also written by CRCORR for spikes
HOT = 16
UNSTABLE = 32
WARM = 64  # no reference file in use has it
SATURATED = 256
BLOB = 512  # dust on the channel select mechanism, and other bad flat values
MASKED = 1024  # reads to leave out of the fit; inside CRCORR also spikes
ZEROTH_SIGNAL = 2048
COSMIC_RAY = 8192
CURVED = 16384  # internal to CRCORR: too many cosmic rays, the pixel is not fitted further
# Pixels of a dark with any of these flags are left out of MEANDARK.
UNFIT_FOR_MEAN_DARK = 4 + 8 + 16 + 32 + 128 + 256 + 512

# What CRCORR found in a read: bits of `darkroom.wfc3.engine.ramp.Reduced.events`.
EVENT_COSMIC_RAY, EVENT_SPIKE, EVENT_UNSTABLE = 1, 2, 4
