"""The engine gives the pipeline's numbers: no bit of SCI, PIXELDQ and GROUPDQ differs.

The exposures have every fault that the steps treat: pixels that saturate (edges and corners too),
zeros, limits and levels of NaN, flags in bits of their own, polynomials that cannot be used.
"""

import numpy as np
import pytest
from astropy.io import fits

from nircam_chain import CHAIN, Case, differing
from nircam_jwst import WITH_BORDER, jwst, need_jwst, small_cache

GRISM = {"detector": "NRCALONG", "subarray": "SUBGRISM64", "nints": 2, "ngroups": 4}
GRISM8 = {**GRISM, "detector": "NRCBLONG", "readpatt": "MEDIUM8", "ngroups": 5}
POINT = {"detector": "NRCALONG", "subarray": "SUB64P", "nints": 2, "ngroups": 4}
POINT_B = {"detector": "NRCBLONG", "subarray": "SUB160P", "nints": 1, "ngroups": 4}
INSIDE = {"detector": "NRCALONG", "subarray": "SUB160", "nints": 1, "ngroups": 4}
ALL = (*CHAIN[:2], "ipc", *CHAIN[2:], "dark_current")
REFPIX = {"refpix": {"odd_even_columns": False, "side_gain": 0.7, "side_smoothing_length": 10}}


def constant_reference_pixels(hdus):
    data = hdus["SCI"].data
    data[:, :, :4] = 9000
    data[..., :4] = 8500
    data[..., -4:] = 8500


def no_reference_pixels_of(part):
    """Return a change of the mask: none in an amplifier, or in one parity of its columns."""

    def change(hdus):
        hdus["DQ"].data[:, part] |= np.uint32(1)

    return change


def change_of_type(extension, kind):
    def change(hdus):
        hdus[extension].data = hdus[extension].data.astype(kind)

    return change


def infinite(hdus):
    hdus["SCI"].data[10, 20:24] = np.inf
    hdus["SCI"].data[30, 40] = -np.inf


def cards(**values):
    def change(hdus):
        for card, value in values.items():
            hdus[0].header[card] = value

    return change


def inverse(hdus):
    """Add inverse polynomials, some of them unusable."""
    c = hdus["COEFFS"].data
    rng = np.random.default_rng(3)
    d = np.zeros_like(c)
    d[0], d[1] = rng.normal(0, 2, c.shape[1:]), rng.normal(1, 0.02, c.shape[1:])
    d[2] = rng.normal(0, 1e-7, c.shape[1:])
    d[1, rng.random(c.shape[1:]) < 0.002] = 0
    d[3, rng.random(c.shape[1:]) < 0.002] = np.nan
    hdus.append(fits.ImageHDU(d, name="INV_COEFFS"))


def full_frame(hdus):
    """Embed the planes of a reference in a full frame: the exposure cuts them out."""
    header = hdus[0].header
    row, column = header["SUBSTRT2"] - 1, header["SUBSTRT1"] - 1
    for hdu in hdus[1:]:
        if hdu.is_image:
            ny, nx = hdu.data.shape[-2:]
            whole = np.zeros((*hdu.data.shape[:-2], 2048, 2048), hdu.data.dtype)
            whole[..., row : row + ny, column : column + nx] = hdu.data
            hdu.data = whole
    header["SUBSTRT1"] = header["SUBSTRT2"] = 1
    header["SUBSIZE1"] = header["SUBSIZE2"] = 2048
    header["SUBARRAY"] = "GENERIC"


def zeroframe(hdus):
    hdus[0].header["ZEROFRAM"] = True
    hdus.append(fits.ImageHDU(hdus["SCI"].data[:, 0] // 2, name="ZEROFRAME"))


def dark_of(nframes, groupgap, ngroups):
    def change(hdus):
        hdus[0].header["NFRAMES"], hdus[0].header["GROUPGAP"] = nframes, groupgap
        rng = np.random.default_rng(9)
        shape = hdus["SCI"].data.shape[1:]
        signal = rng.normal(2, 1, (ngroups, *shape)).astype(np.float32).cumsum(axis=0)
        signal[0][rng.random(shape) < 0.01] = np.nan
        signal[-1][rng.random(shape) < 0.01] = np.nan
        hdus["SCI"].data = signal
        hdus[0].header["NGROUPS"] = ngroups
        del hdus["ERR"]

    return change


def image_of_kernels(hdus):
    rng = np.random.default_rng(5)
    kernel = rng.normal(0, 0.01, (3, 3, 64, 1045 + 64)).astype(np.float32)
    kernel[1, 1] = 1.03
    hdus["SCI"].data = kernel


LINE = ("dq_init", "superbias", "refpix")
SATURATION = ("dq_init", "saturation")
# name: (settings, steps, parameters, changes)
CASES = {
    "four outputs": (GRISM, CHAIN, {}, {}),
    "four outputs, averaged groups": (GRISM8, CHAIN, {}, {}),
    "four outputs, saturation alone": (GRISM8, SATURATION, {}, {}),
    "one output": (POINT, CHAIN, {}, {}),
    "one output, other orientation": (POINT_B, CHAIN, {}, {}),
    "no reference pixels (T18)": (INSIDE, CHAIN, {}, {}),
    "saturation alone": (POINT, SATURATION, {}, {}),
    "no dq_init": (POINT, ("saturation", "superbias", "linearity"), {}, {}),
    "no saturation": (POINT, LINE, {}, {}),
    "refpix alone": (GRISM, ("refpix",), {}, {}),
    "linearity alone": (POINT, ("linearity",), {}, {}),
    "sides off": (GRISM, LINE, {"refpix": {"use_side_ref_pixels": False}}, {}),
    "one mean per amplifier, gain, even length (T17)": (GRISM, LINE, REFPIX, {}),
    "long window": (GRISM, LINE, {"refpix": {"side_smoothing_length": 25}}, {}),
    "clip 1.5": (GRISM, LINE, {"refpix": {"siglimit": 1.5}}, {}),
    "clip 2 of one output": (POINT, LINE, {"refpix": {"siglimit": 2.0}}, {}),
    "one mean of one output": (POINT, LINE, {"refpix": {"odd_even_columns": False}}, {}),
    "no effect on NIRCam": (GRISM, LINE, {"refpix": {"odd_even_rows": False}}, {}),
    "grow 0": (POINT, SATURATION, {"saturation": {"n_pix_grow_sat": 0}}, {}),
    "grow 2": (POINT, SATURATION, {"saturation": {"n_pix_grow_sat": 2}}, {}),
    "grow 3, averaged": (GRISM8, SATURATION, {"saturation": {"n_pix_grow_sat": 3}}, {}),
    "no read pattern": (GRISM8, SATURATION, {"saturation": {"use_readpatt": False}}, {}),
    "constant reference pixels (T6)": (GRISM, LINE, {}, {"raw": constant_reference_pixels}),
    "constant pixels of one output (T6)": (POINT, LINE, {}, {"raw": constant_reference_pixels}),
    "an amplifier without": (GRISM, LINE, {}, {"mask": no_reference_pixels_of(slice(512, 1024))}),
    "a parity without": (GRISM, LINE, {}, {"mask": no_reference_pixels_of(slice(4, 512, 2))}),
    "planes of float64": (
        POINT, CHAIN, {},
        {"linearity": change_of_type("COEFFS", np.float64),
         "superbias": change_of_type("SCI", np.float64)},
    ),
    "flags of 8 and 16 bits": (
        POINT, CHAIN, {},
        {"mask": change_of_type("DQ", np.uint8), "saturation": change_of_type("DQ", np.int16)},
    ),
    "infinite superbias": (GRISM, CHAIN, {}, {"made": infinite}),
    "full-frame references": (
        POINT, CHAIN, {},
        dict.fromkeys(("mask", "saturation", "superbias", "linearity", "made"), full_frame),
    ),
    "ZEROFRAME": (GRISM, CHAIN, {}, {"raw": zeroframe}),
    "group_scale 8/5 (T19, T20)": (
        GRISM8, ("group_scale", *CHAIN), {}, {"raw": cards(NFRAMES=5, FRMDIVSR=8)},
    ),
    "group_scale with nothing to do": (GRISM8, ("group_scale", *CHAIN), {}, {}),
    "inverse polynomials (T20)": (GRISM8, CHAIN, {}, {"linearity": inverse}),
    "inverse polynomials, one output": (
        {**POINT, "readpatt": "SHALLOW4", "ngroups": 6}, CHAIN, {}, {"linearity": inverse},
    ),
    "inverse polynomials, single frames": (POINT, CHAIN, {}, {"linearity": inverse}),
    "inverse polynomials, two groups": (
        {**POINT, "readpatt": "SHALLOW4", "ngroups": 2}, CHAIN, {}, {"linearity": inverse},
    ),
    "last segment (T3)": ({**GRISM, "nints": 4, "segments": 2}, CHAIN, {}, {}),
    "last segment of one output (T3)": ({**POINT, "nints": 5, "segments": 3}, CHAIN, {}, {}),
    "one group": ({**POINT, "ngroups": 1}, CHAIN, {}, {}),
    "two groups, averaged": ({**GRISM8, "ngroups": 2}, CHAIN, {}, {}),
    "ipc": (POINT, ALL[:4], {}, {}),
    "ipc of four outputs": (GRISM, ALL[:5], {}, {}),
    "ipc, a kernel for every pixel": (POINT, ("ipc",), {}, {"ipc": image_of_kernels}),
    "dark equal": (POINT, ALL, {}, {}),
    "dark extrapolated (T22)": (POINT, ALL, {}, {"dark": dark_of(1, 0, 3)}),
    "dark averaged (T22)": (GRISM8, ("dark_current",), {}, {"dark": dark_of(1, 0, 60)}),
    "dark averaged, extrapolated (T22)": (GRISM8, ALL, {}, {"dark": dark_of(1, 1, 11)}),
    "dark of fewer frames (T22)": (
        {**POINT, "readpatt": "SHALLOW4"}, ALL, {}, {"dark": dark_of(2, 0, 8)},
    ),
    "dark skipped (T22)": (POINT, ALL, {}, {"dark": dark_of(2, 0, 8)}),
    "everything": (GRISM, ALL, {}, {}),
}  # fmt: skip


# Those that the quick suite runs; the others are heavy.
QUICK = (
    *("four outputs, averaged groups", "one output", "saturation alone", "no saturation"),
    *("one mean per amplifier, gain, even length (T17)", "constant reference pixels (T6)"),
    *("a parity without", "inverse polynomials, one output", "dark extrapolated (T22)"),
    "last segment (T3)",
)


def run(names, folder):
    """Return every case, and what the pipeline said of it."""
    need_jwst()
    cache = small_cache(folder / "crds", WITH_BORDER)
    cases, calls = {}, []
    for number, name in enumerate(names):
        settings, steps, parameters, change = CASES[name]
        case = Case(folder / str(number), settings, change=change)
        for kind, step in (("ipc", "ipc"), ("dark", "dark_current")):
            if step in steps:
                case.add(kind)
        cases[name] = case
        calls.append(case.call(steps, parameters))
    return cases, dict(zip(names, jwst(cache.path, calls), strict=True))


def compare(matrix, name):
    """Compare the engine with the pipeline on a case."""
    cases, answers = matrix
    _, steps, parameters, _ = CASES[name]
    problem, statuses = answers[name]
    assert problem is None, statuses
    engine = cases[name].engine(steps, parameters)
    assert differing(engine, cases[name].saved(), rows=23) == (0, 0, 0)
    assert {step: engine.statuses[step] for step in statuses} == statuses


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return run(QUICK, tmp_path_factory.mktemp("few"))


@pytest.fixture(scope="module")
def rest(tmp_path_factory):
    return run([name for name in CASES if name not in QUICK], tmp_path_factory.mktemp("rest"))


@pytest.mark.parametrize("name", QUICK)
def test_no_bit_differs_from_the_pipeline(few, name):
    compare(few, name)


@pytest.mark.heavy
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_no_bit_differs_in_the_whole_matrix(rest, name):
    compare(rest, name)
