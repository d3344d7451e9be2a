"""Reference files of the simulated NIRCam detectors, in the layout of CRDS.

They are as accurate as an earlier calibration would be: superbias and read noise have errors of
their own, the other references are exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.fits.write import save
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.simulate.detector import make_detector, stream
from darkroom.nircam.simulate.noise import correlated_variance
from darkroom.nircam.simulate.uncal import instrument_cards
from darkroom.nircam.simulate.values import complete
from darkroom.simulate.crds_cache import Kind, write_cache

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from darkroom.crds.cache import Cache
    from darkroom.nircam.simulate.detector import Detector

USEAFTER = "2022-01-01T00:00:00"
#: Error of the read noise of each pixel, fraction.
READNOISE_ERROR = 0.05
#: Saturation level, DN.
SATURATION = 60000.0
#: Fraction of the pixels that the mask marks DO_NOT_USE.
BAD_FRACTION = 5e-4

_DETECTOR, _PATTERN, _SUBARRAY, _TYPE = (
    "META.INSTRUMENT.DETECTOR",
    "META.EXPOSURE.READPATT",
    "META.SUBARRAY.NAME",
    "META.EXPOSURE.TYPE",
)
#: Exposure properties by which CRDS selects a reference of each type, as in the real rules.
PARKEYS = {
    "mask": (_DETECTOR, _SUBARRAY),
    "saturation": (_DETECTOR, _SUBARRAY),
    "superbias": (_DETECTOR, _PATTERN, _SUBARRAY),
    "linearity": (_DETECTOR, _SUBARRAY),
    "readnoise": (_DETECTOR, _PATTERN, _SUBARRAY),
    "gain": (_DETECTOR, _SUBARRAY),
    "ipc": (_DETECTOR, _SUBARRAY),
    "dark": (_TYPE, _DETECTOR, _SUBARRAY),
}
_MODELS = {
    "mask": "MaskModel",
    "saturation": "SaturationModel",
    "superbias": "SuperBiasModel",
    "linearity": "LinearityModel",
    "readnoise": "ReadnoiseModel",
    "gain": "GainModel",
    "ipc": "IPCModel",
    "dark": "DarkModel",
}
#: Types that do not apply to NIRCam or that no step of this pipeline uses.
NOT_APPLICABLE = ("area", "persat", "refpix", "reset", "rscd", "sirskernel", "emicorr")


def reference(full: dict[str, Any], detector: Detector, kind: str, name: str) -> fits.HDUList:
    """Return the HDUs of a reference file, DMS frame.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    detector : darkroom.nircam.simulate.detector.Detector
        Detector of these settings.
    kind : str
        Reference type, one of `PARKEYS`.
    name : str
        File name.

    Returns
    -------
    astropy.io.fits.HDUList
        PRIMARY and the extensions of the type.
    """
    primary = fits.PrimaryHDU()
    primary.header.extend(_cards(full, kind, name), update=True)
    primary.header.add_history("Made by darkroom's simulator of NIRCam's detectors.")
    return fits.HDUList([primary, *_CONTENT[kind](full, detector)])


def _cards(full, kind, name):
    cards = [
        ("DATE", USEAFTER, "date this file was created (UTC)"),
        ("FILENAME", name, "name of the file"),
        ("DATAMODL", _MODELS[kind], "type of data model"),
        ("REFTYPE", kind.upper(), "reference file type"),
        ("PEDIGREE", "DUMMY", "pedigree of the reference file"),
        ("DESCRIP", f"Simulated {kind}, not of a real detector", "description"),
        ("AUTHOR", "darkroom", "author of the reference file"),
        ("USEAFTER", USEAFTER, "use after date of the reference file"),
        *instrument_cards(full),
        # A dark of NRC_DARK would be found by darks only.
        ("EXP_TYPE", "N/A" if kind == "dark" else "NRC_DARK", "type of data in the exposure"),
    ]
    if "READPATT" in (key.rpartition(".")[2] for key in PARKEYS[kind]):
        cards.append(("READPATT", "ANY", "readout pattern"))
    if kind == "dark":
        nframes, gap = PATTERNS[full["readpatt"]]
        cards += [
            ("READPATT", full["readpatt"], "readout pattern"),
            ("NGROUPS", full["ngroups"], "number of groups in integration"),
            ("NFRAMES", nframes, "number of frames per group"),
            ("GROUPGAP", gap, "number of frames dropped between groups"),
        ]
    return cards


def _image(values, name="SCI", unit="DN"):
    hdu = fits.ImageHDU(np.ascontiguousarray(values, np.float32), name=name)
    if unit:
        hdu.header["BUNIT"] = unit
    return hdu


def _flags(values):
    """Return the HDUs DQ and DQ_DEF, the table of the bits in use."""
    used = [bit for bit in Pixel if (values & np.uint32(bit)).any()] or [Pixel.DO_NOT_USE]
    rows = [(int(np.log2(float(bit))), int(bit), bit.name, "") for bit in used]
    kinds = [("BIT", ">i4"), ("VALUE", ">u4"), ("NAME", "S40"), ("DESCRIPTION", "S80")]
    table = np.array(rows, kinds)
    columns = [
        fits.Column("BIT", "J", array=table["BIT"]),
        fits.Column("VALUE", "J", bzero=2**31, array=table["VALUE"].astype(np.uint32)),
        fits.Column("NAME", "40A", array=table["NAME"]),
        fits.Column("DESCRIPTION", "80A", array=table["DESCRIPTION"]),
    ]
    plane = fits.ImageHDU(np.ascontiguousarray(values, np.uint32), name="DQ")
    return [plane, fits.BinTableHDU.from_columns(columns, name="DQ_DEF")]


def _no_flags(detector):
    return _flags(np.zeros(detector.readout.shape, np.uint32))


def _mask(full, detector):
    flags = np.zeros(detector.readout.shape, np.uint32)
    flags[detector.reference] = Pixel.REFERENCE_PIXEL
    flags[detector.hot > 0] |= np.uint32(Pixel.HOT)
    bad = stream(full, "bad_pixels").random(flags.shape) < BAD_FRACTION
    flags[bad & ~detector.reference] |= np.uint32(Pixel.DO_NOT_USE)
    return _flags(detector.readout.flip(flags))


def _saturation(_, detector):
    level = np.full(detector.readout.shape, SATURATION, np.float32)
    return [_image(level), *_no_flags(detector)]


def _superbias(full, detector):
    shape = detector.readout.shape
    scale = full["reference_superbias_error"]
    error = scale * stream(full, "reference_superbias").standard_normal(shape)
    return [
        _image(detector.readout.flip(detector.bias + error)),
        _image(np.full(shape, scale), "ERR"),
        *_no_flags(detector),
    ]


def _linearity(_, detector):
    # The simulated detectors are linear: corrected = measured.
    coefficients = np.zeros((3, *detector.readout.shape), np.float32)
    coefficients[1] = 1
    return [_image(coefficients, "COEFFS", None), *_no_flags(detector)]


def _readnoise(full, detector):
    error = stream(full, "reference_readnoise").standard_normal(detector.readout.shape)
    nframes = PATTERNS[full["readpatt"]][0]
    correlated = correlated_variance(full, detector.readout)
    # Groups are rounded, not frames.
    single = np.sqrt(detector.white**2 + correlated + nframes / 12)
    # CDS noise, of the difference of two frames: the pipeline divides by the number of frames.
    return [_image(detector.readout.flip(np.sqrt(2) * single * (1 + READNOISE_ERROR * error)))]


def _gain(full, detector):
    return [_image(np.full(detector.readout.shape, full["gain"]), unit="ELECTRONS/DN")]


def _ipc(*_):
    # The simulated detectors have no coupling between pixels: the identity kernel.
    kernel = np.zeros((3, 3))
    kernel[1, 1] = 1
    return [_image(kernel, unit=None)]


def _dark(full, detector):
    nframes, gap = PATTERNS[full["readpatt"]]
    frames = np.arange(full["ngroups"]) * (nframes + gap) + (nframes + 1) / 2
    rate = detector.readout.flip(detector.dark + detector.hot) / full["gain"]
    signal = rate * (frames * detector.readout.frame_time)[:, None, None]
    return [_image(signal), _image(np.zeros_like(signal), "ERR"), *_no_flags(detector)]


_CONTENT = {
    "mask": _mask,
    "saturation": _saturation,
    "superbias": _superbias,
    "linearity": _linearity,
    "readnoise": _readnoise,
    "gain": _gain,
    "ipc": _ipc,
    "dark": _dark,
}


def write_references(
    cache: Cache, context: str, simulated: Sequence[dict[str, Any]], kinds: Iterable[str]
) -> None:
    """Write a small CRDS cache for simulated detectors.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        Cache to write.
    context : str
        Name of its context, ``*.pmap``.
    simulated : sequence of dict
        Settings of the simulator, one for each set of exposures.
    kinds : iterable of str
        Reference types, keys of `PARKEYS`.
    """
    folder = cache.path / "references" / cache.observatory
    for stale in folder.glob("*.fits"):
        stale.unlink()
    tables = [Kind(name, PARKEYS[name]) for name in sorted(kinds)]
    made = set()
    for settings in simulated:
        full = complete(settings)
        if (full["detector"], full["subarray"]) in made:
            continue
        made.add((full["detector"], full["subarray"]))
        _write_set(folder, full, tables)
    write_cache(
        cache,
        context,
        "nircam",
        tables,
        NOT_APPLICABLE,
        ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME"),
    )


def _write_set(folder, full, tables):
    """Write the references of one detector and subarray, and add them to the tables."""
    detector = make_detector(full)
    values = {
        _DETECTOR: full["detector"],
        _SUBARRAY: full["subarray"],
        _PATTERN: "ANY",
        _TYPE: "N/A",
    }
    for table in tables:
        name = f"jwst_nircam_{table.name}_{len(table.rows) + 1:04d}.fits"
        row = tuple(values[key] for key in table.parkey)
        table.rows[row] = {USEAFTER.replace("T", " "): name}
        with written_atomically(folder / name) as temporary:
            save(temporary, reference(full, detector, table.name, name))
