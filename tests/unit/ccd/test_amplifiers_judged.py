"""Every amplifier of a frame is judged, and an overscan's level is no fault of the frame."""

import numpy as np
import pytest
from astropy.io import fits

import ccd_judged
from ccd_judged import refused, warned

SHAPE = (64, 64)
X = np.linspace(0, 1, SHAPE[1])


def unchanged(_name, image, _number):
    return image


def frames(folder, change=unchanged, count=6, amplifiers=2, drift=0.0):
    """Write biases and darks of a mosaic; `change` makes one amplifier of one frame bad."""
    rng = np.random.default_rng(5)
    pattern = 3 * rng.standard_normal(SHAPE)
    for role, time in (("bias", 0.0), ("dark", 60.0)):
        for k in range(count):
            name = f"{role[0]}{k}"
            primary = fits.PrimaryHDU()
            primary.header.update(
                {"INSTRUME": "Mosaic", "EXPTIME": time, "IMAGETYP": role, "CCD-TEMP": -100.0,
                 "DATE-OBS": f"2024-01-01T0{int(time) // 60}:00:{k:02d}"}
            )  # fmt: skip
            hdus = [primary]
            for number in range(amplifiers):
                offset = drift * k * (-1) ** k
                image = 1000 + 500 * number + pattern + 0.5 * time + 8 * rng.standard_normal(SHAPE)
                image = change(name, image, number)
                if image is None:
                    continue
                strip = 1000 + 500 * number + 8 * rng.standard_normal((SHAPE[0], 16))
                whole = np.hstack([image, strip]) + offset if drift else image
                hdu = fits.ImageHDU(
                    np.rint(whole).clip(0).astype("uint16"), name=f"AMP{number + 1}"
                )
                if drift:
                    hdu.header["BIASSEC"], hdu.header["TRIMSEC"] = "[65:80,1:64]", "[1:64,1:64]"
                hdus.append(hdu)
            fits.HDUList(hdus).writeto(folder / f"{name}.fits")


def only(bad, number, made):
    """Return a change of one amplifier of one frame."""
    return lambda name, image, n: made(image) if (name, n) == (bad, number) else image


@pytest.mark.parametrize("amplifier", [0, 1])
@pytest.mark.parametrize(
    ("made", "words"),
    [
        (lambda image: 0 * image, "all pixels that were read are 0 ADU"),
        (lambda image: image + 400 * X, "ADU, that of the 6 frames of its kind"),
        (lambda image: image + 200 * np.sign(X - 0.5), "parts of its image deviate by up to"),
        (
            lambda image: image + 20 * np.random.default_rng(1).standard_normal(SHAPE),
            "its noise from pixel to pixel is",
        ),
        (lambda _: None, "number of images (amplifiers) is 1, but 2 in"),
    ],
    ids=["zeros", "leak", "shape", "noise", "missing"],
)
def test_one_bad_amplifier_makes_the_frame_bad(tmp_path, made, words, amplifier):
    frames(tmp_path, only("d3", amplifier, made))
    rows = ccd_judged.table(tmp_path, tmp_path / "raw")
    reasons = refused(rows)
    assert list(reasons) == ["d3"]
    assert words in reasons["d3"]
    assert not warned(rows)
    if amplifier and "number of images" not in words:
        assert "d3.fits, amplifier AMP2: " in reasons["d3"]


def test_good_mosaics_give_no_warning(tmp_path):
    frames(tmp_path, amplifiers=4)
    rows = ccd_judged.table(tmp_path, tmp_path / "raw")
    assert refused(rows) == warned(rows) == {}


def test_a_level_that_drifts_with_its_overscan_is_no_fault(tmp_path):
    frames(tmp_path, drift=40.0)
    rows = ccd_judged.table(tmp_path, tmp_path / "raw")
    assert refused(rows) == warned(rows) == {}


def test_a_leak_is_found_beneath_a_drifting_level(tmp_path):
    frames(tmp_path, only("d3", 1, lambda image: image + 60 * X), drift=40.0)
    reasons = refused(ccd_judged.table(tmp_path, tmp_path / "raw"))
    assert list(reasons) == ["d3"]
    assert "amplifier AMP2" in reasons["d3"]
