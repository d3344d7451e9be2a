"""WFC3/IR data quality bits (WFC3 Data Handbook, table 3.3), as 16-bit signed flags."""

BAD_ZEROTH_READ = 8
BAD_DETECTOR = 4  # also written by CRCORR for spikes
HOT = 16
UNSTABLE = 32
SATURATED = 256
BLOB = 512  # dirt on a mirror, and other bad flats
MASKED = 1024  # spikes inside CRCORR; the notebooks' mark of a bad read
ZEROTH_SIGNAL = 2048
COSMIC_RAY = 8192
CURVED = 16384  # internal to CRCORR: given up after too many cosmic rays
# Pixels of a dark that do not count for MEANDARK.
UNFIT_FOR_MEAN_DARK = 4 + 8 + 16 + 32 + 128 + 256 + 512

# Causes CRCORR found in a read, in `Fit.events`.
EVENT_COSMIC_RAY, EVENT_SPIKE, EVENT_UNSTABLE = 1, 2, 4
