"""Intermediate files are up to date only when nothing that made them has changed."""

import numpy as np
from astropy.io import fits

from darkroom.fits.write import write
from darkroom.nircam.up_to_date import is_up_to_date
from darkroom.provenance import stamp


def header(settings, inputs=()):
    stamped = fits.Header()
    stamp(stamped, made_by="calibrate", inputs=inputs, settings=settings)
    return stamped


def made(path, stamped):
    primary = fits.PrimaryHDU()
    primary.header.extend(stamped)
    write(path, [primary, fits.ImageHDU(np.zeros((50, 50), "f4"), name="SCI")])
    return path


def test_the_same_inputs_settings_and_program_keep_it(tmp_path):
    path = made(tmp_path / "ramps.fits", header({"program": "a", "steps": ["dq_init"]}))
    assert is_up_to_date(path, header({"program": "a", "steps": ["dq_init"]}))


def test_another_setting_or_program_does_not(tmp_path):
    path = made(tmp_path / "ramps.fits", header({"program": "a", "steps": ["dq_init"]}))
    assert not is_up_to_date(path, header({"program": "b", "steps": ["dq_init"]}))
    assert not is_up_to_date(path, header({"program": "a", "steps": ["saturation"]}))


def test_another_reference_of_the_same_name_does_not(tmp_path):
    reference = tmp_path / "mask.fits"
    reference.write_bytes(b"one")
    path = made(tmp_path / "ramps.fits", header({}, [reference]))
    assert is_up_to_date(path, header({}, [reference]))
    reference.write_bytes(b"two")
    assert not is_up_to_date(path, header({}, [reference]))


def test_a_missing_or_damaged_file_does_not(tmp_path):
    stamped = header({"program": "a"})
    assert not is_up_to_date(tmp_path / "ramps.fits", stamped)
    path = made(tmp_path / "ramps.fits", stamped)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)
    assert not is_up_to_date(path, stamped)
