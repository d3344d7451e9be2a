"""Tables of products."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.fits import write

COLUMNS = [
    fits.Column("FILE", "8A", array=["a.fits", "b.fits"]),
    fits.Column("GAIN", "D", unit="s", array=[1.5, np.nan]),
    fits.Column("USED", "L", array=[True, False]),
]


def test_a_table_is_that_of_astropy_to_the_byte(tmp_path):
    for name, hdu in (
        ("ours", write.binary_table(COLUMNS, "STACKS")),
        ("astropy", fits.BinTableHDU.from_columns(COLUMNS, name="STACKS")),
    ):
        hdu.writeto(tmp_path / name)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "astropy").read_bytes()


def test_making_a_table_does_not_import_astropy_table():
    code = (
        "import sys; from astropy.io import fits; from darkroom.fits.write import binary_table; "
        "binary_table([fits.Column('A', 'D', array=[1.0])], 'T'); "
        "assert 'astropy.table' not in sys.modules"
    )
    scripts = Path(write.__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=scripts, check=True)
