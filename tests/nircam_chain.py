"""Raw ramps and reference files with every fault that the steps treat, and the steps on them."""

from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.nircam.chain import flags as bits
from darkroom.nircam.chain.bands import Chain
from darkroom.nircam.chain.exposure import RawExposure, lost_parts
from darkroom.nircam.chain.groups import Inputs
from darkroom.nircam.chain.parameters import chosen_steps
from darkroom.nircam.chain.references import References
from darkroom.nircam.chain.sirs import read_kernels
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.detector import make_detector
from darkroom.nircam.simulate.references import reference
from darkroom.nircam.simulate.uncal import uncal
from darkroom.nircam.simulate.values import complete

CHAIN = ("dq_init", "saturation", "superbias", "refpix", "linearity")
# Bits of the dirty mask: not the standard ones, and one that has no row in DQ_DEF.
_MASK_BITS = [(1, "DO_NOT_USE"), (16, "DEAD"), (4, "REFERENCE_PIXEL"), (64, "NOBODY_KNOWS")]


class Case:
    """An exposure and its references in a folder.

    Parameters
    ----------
    folder : path-like
    settings : dict
        Of the simulator: detector, subarray, readpatt, nints, ngroups, rows, segments.
    dirty : bool
        References with faults, and ramps that saturate.
    change : dict
        ``{type: function of its HDUs}``, also for ``raw``.
    """

    def __init__(self, folder, settings, dirty=True, seed=1, change=None):
        self.folder, self.dirty = Path(folder), dirty
        self.folder.mkdir(parents=True, exist_ok=True)
        self.rng = np.random.default_rng(seed)
        self.settings = {"exposures": 1, **settings}
        self.full = complete(self.settings)
        detector = make_detector(self.full)
        self.change = change or {}
        self.bias = None
        self.references = {
            kind: self._write(kind, detector)
            for kind in ("superbias", "mask", "saturation", "linearity")
        }
        self.detector = detector
        self.made = self._other_superbias()
        self.raw = self._write_raw()

    def _save(self, hdus, name, kind):
        if kind in self.change:
            hdus = self.change[kind](hdus) or hdus
        path = self.folder / name
        hdus.writeto(path, overwrite=True)
        return str(path)

    def add(self, kind):
        """Write a further reference: ipc or dark."""
        self.references[kind] = self._write(kind, self.detector)

    def _write(self, kind, detector):
        name = f"jwst_nircam_{kind}_0001.fits"
        hdus = reference(self.full, detector, kind, name)
        if self.dirty:
            getattr(self, f"_dirty_{kind}")(hdus)
        if kind == "superbias":
            self.bias = np.nan_to_num(hdus["SCI"].data.astype(np.float32), nan=9000)
        return self._save(hdus, name, kind)

    def _some(self, shape, fraction):
        return self.rng.random(shape) < fraction

    def _flagged(self, shape, names, fraction=0.002):
        flags = np.zeros(shape, np.uint32)
        for name in names:
            flags[self._some(shape, fraction)] |= bits.BITS[name]
        return flags

    def _set_flags(self, hdus, flags):
        table = [(name, bits.BITS[name]) for name in bits.NAMES if (flags & bits.BITS[name]).any()]
        _put_flags(hdus, flags, [(int(bit), name) for name, bit in table])

    def _dirty_mask(self, hdus):
        shape = hdus["DQ"].shape
        before = bits.translated(hdus["DQ"].data, hdus["DQ_DEF"].data)
        stored = np.zeros(shape, np.uint32)
        stored[(before & bits.REFERENCE_PIXEL) != 0] |= 4
        for bit in (16, 64, 256):
            stored[self._some(shape, 0.01)] |= np.uint32(bit)
        stored[self._some(shape, 0.003)] |= np.uint32(1)
        border = (stored & 4) != 0
        stored[border & self._some(shape, 0.05)] |= np.uint32(1)
        _put_flags(hdus, stored, _MASK_BITS)

    def _dirty_saturation(self, hdus):
        shape = hdus["SCI"].shape
        limit = self.rng.uniform(22000, 58000, shape).astype(np.float32)
        limit[self._some(shape, 0.002)] = np.nan
        hdus["SCI"].data = limit
        self._set_flags(hdus, self._flagged(shape, ("NO_SAT_CHECK", "HOT")))

    def _dirty_superbias(self, hdus):
        shape = hdus["SCI"].shape
        level = hdus["SCI"].data.astype(np.float32)
        unknown = self._some(shape, 0.002)
        level[unknown] = np.nan
        hdus["SCI"].data = level
        flags = self._flagged(shape, ("UNRELIABLE_BIAS", "DO_NOT_USE"))
        flags[unknown] |= bits.DO_NOT_USE
        self._set_flags(hdus, flags)

    def _dirty_linearity(self, hdus):
        shape = hdus["COEFFS"].shape[1:]
        c = np.zeros((6, *shape), np.float32)
        c[0] = self.rng.normal(0, 3, shape)
        c[1] = self.rng.normal(1, 0.02, shape)
        for j, size in ((2, 1e-7), (3, 1e-12), (4, 1e-17), (5, 1e-22)):
            c[j] = self.rng.normal(size, size, shape)
        c[self.rng.integers(0, 6), self._some(shape, 0.002)] = np.nan
        c[1, self._some(shape, 0.002)] = 0
        hdus["COEFFS"].data = c
        self._set_flags(hdus, self._flagged(shape, ("NO_LIN_CORR", "NONLINEAR")))

    def _dirty_ipc(self, hdus):
        kernel = self.rng.normal(0, 0.004, (5, 5)).astype(np.float32)
        kernel[2, 2] = 1.02
        hdus["SCI"].data = kernel

    def _dirty_dark(self, hdus):
        shape = hdus["SCI"].shape
        signal = hdus["SCI"].data.astype(np.float32) + self.rng.normal(0, 1, shape)
        signal[:, self._some(shape[1:], 0.001)] = np.nan
        signal = signal.astype(np.float32)
        signal[-1][self._some(shape[1:], 0.001)] = np.nan
        hdus["SCI"].data = signal
        self._set_flags(hdus, self._flagged(shape[1:], ("UNRELIABLE_DARK", "HOT")))

    def _other_superbias(self):
        """Write the superbias that is subtracted: not that of CRDS."""
        with fits.open(self.references["superbias"], memmap=False) as hdus:
            shape = hdus["SCI"].shape
            hdus["SCI"].data += self.rng.normal(0, 2, shape).astype(np.float32)
            return self._save(hdus, "superbias.fits", "made")

    def _write_raw(self):
        full, rng = self.full, self.rng
        # Of an exposure in segments, the last one.
        exposure = nircam.plan(self.settings)[-1]
        nints, ngroups = exposure.nints, full["ngroups"]
        ny, nx = self.bias.shape
        data = np.empty((nints, ngroups, ny, nx), np.uint16)
        for i in range(nints):
            rate = rng.normal(3, 1, (ny, nx))
            if self.dirty:
                steep = self._some((ny, nx), 0.05)
                rate[steep] = rng.uniform(1000, 30000, int(steep.sum()))
                rate[:2, :2], rate[-1, -1] = 20000, 12000
            for g in range(ngroups):
                value = self.bias + rate * (g + 1) + rng.normal(0, 8, (ny, nx))
                value += (
                    rng.normal(0, 5, (ny, 1))
                    + rng.normal(0, 10, (1, nx // 32)).repeat(32, 1)[:, :nx]
                )
                if self.dirty:
                    value[self._some((ny, nx), 0.001)] = 0
                data[i, g] = np.clip(np.round(value), 0, 65535)
        hdus = uncal(full, exposure, data)
        return self._save(hdus, "jw0_uncal.fits", "raw")

    def call(self, steps=CHAIN, parameters=None, save="chain", whole=False, made=True):
        """Return the call of tests/jwst_cases.py that runs the pipeline's steps."""
        return [
            "run_chain",
            {
                "path": self.raw,
                "steps": list(steps),
                "references": self.references,
                "parameters": parameters or {},
                "superbias": self.made if made else None,
                "save": str(self.folder / f"{save}.npz"),
                "whole": whole,
            },
        ]

    def engine(self, steps=CHAIN, parameters=None, made=True, references=None, lost=False):
        """Return the engine on the exposure."""
        raw = RawExposure(self.raw)
        chosen = chosen_steps(steps, parameters or {})
        files = {kind: Path(path) for kind, path in self.references.items()}
        kernels = None
        if chosen.sirs and "sirskernel" in files:
            kernels = read_kernels(files["sirskernel"], raw.header["DETECTOR"])
        inputs = Inputs(files, Path(self.made) if made else None, kernels)
        gone = lost_parts(raw, "refpix" in chosen) if lost else {}
        return Chain(raw, chosen, inputs, references or References(), gone)

    def saved(self, save="chain"):
        """Return what the pipeline made."""
        return np.load(self.folder / f"{save}.npz")


def _put_flags(hdus, flags, rows):
    """Replace DQ and DQ_DEF of a reference."""
    for name in ("DQ", "DQ_DEF"):
        if name in [hdu.name for hdu in hdus]:
            del hdus[name]
    columns = [
        fits.Column("BIT", "J", array=np.arange(len(rows))),
        fits.Column("VALUE", "J", bzero=2**31, array=np.array([v for v, _ in rows], np.uint32)),
        fits.Column("NAME", "40A", array=np.array([n for _, n in rows], "S40")),
        fits.Column("DESCRIPTION", "80A", array=np.array(["" for _ in rows], "S80")),
    ]
    hdus.append(fits.ImageHDU(np.ascontiguousarray(flags, np.uint32), name="DQ"))
    hdus.append(fits.BinTableHDU.from_columns(columns, name="DQ_DEF"))


def everything(engine, rows=37):
    """Return SCI and GROUPDQ of the engine, computed by bands of rows."""
    nints, ngroups, ny, _ = engine.shape
    values = np.empty(engine.shape, np.float32)
    flags = np.empty(engine.shape, np.uint8)
    for i in range(nints):
        for first in range(0, ny, rows):
            n = min(rows, ny - first)
            for g in range(ngroups):
                values[i, g, first : first + n], flags[i, g, first : first + n] = engine.block(
                    i, g, first, n
                )
    return values, flags


def differing(engine, saved, rows=37):
    """Return how many samples differ from those of the pipeline: SCI bits, PIXELDQ, GROUPDQ."""
    values, flags = everything(engine, rows)
    one, other = values.view(np.uint32), saved["sci"].view(np.uint32)
    both_nan = np.isnan(values) & np.isnan(saved["sci"])
    return (
        int(((one != other) & ~both_nan).sum()),
        int((engine.pixeldq != saved["pixeldq"]).sum()),
        int((flags != saved["groupdq"]).sum()),
    )
