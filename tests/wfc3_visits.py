"""Simulated WFC3/IR exposures as the pipeline gets them: RAWs with references, calibrated reads."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.wfc3.engine import engine
from darkroom.wfc3.files.reads import Cube
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate.references import write_folder

SMALL = {"subarray": "SQ64SUB", "seed": 7, "stars": 3000, "blobs": 900, "blob_radius": [2.5, 4.0]}
REGIONS = (50, 250, 100, 900), (700, 900, 100, 900)


class Visit:
    """Exposures of one setting of the simulator in a folder, with their references.

    Parameters
    ----------
    folder : path-like
    **settings
        Changes to `SMALL`.
    """

    def __init__(self, folder, **settings):
        self.folder, self.settings = Path(folder), SMALL | settings
        self.references = self.folder / "iref"
        self.names = write_folder(self.references, self.settings)
        self.exposures = wfc3.plan(self.settings)

    def raw(self, number=0):
        """Make an exposure (once), its header naming the references; return its path."""
        exposure = self.exposures[number]
        path = self.folder / exposure.file
        if not path.exists():
            wfc3.deliver(self.settings, exposure.name, path)
            with fits.open(path, mode="update") as hdus:
                for keyword, name in self.names.items():
                    hdus[0].header[keyword] = f"iref${name}"
        return path

    def truth(self, number=0):
        """Return what is hidden in an exposure."""
        with np.load(self.folder / "truth" / f"{self.exposures[number].name}.npz") as found:
            return dict(found)

    def ramp(self, number=0):
        """Return an exposure calibrated up to UNITCORR."""
        return engine.load(self.raw(number), self.references)


def cube_of(ramp):
    """Return the reads of a ramp as an IMA holds them."""
    reads = [engine.calibrated_read(ramp, k) for k in range(ramp.nsamp)]
    flagged = (reads[0][2] & ~np.int16(2048)) != 0
    for read in reads:
        flagged |= (read[2] & np.int16(256)) != 0
    inside = np.zeros(flagged.shape, bool)
    inside[5:-5, 5:-5] = True
    rates = np.stack([read[0] for read in reads])
    return Cube(rates, ramp.times.astype(float), flagged | ~inside, "ELECTRONS/S", "isim01aaq")
