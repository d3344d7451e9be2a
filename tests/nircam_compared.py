"""Simulated darks and files that are compared through the JWST pipeline, for tests."""

import json

import numpy as np
from astropy.io import fits

from darkroom.crds.references import write_references
from nircam_jwst import CONTEXT, deliver, own_program, program, small_cache

#: Quadratic term of the linearity, 1/DN.
C2 = 1e-6
KINDS = ("gain", "linearity", "mask", "readnoise", "saturation", "superbias")
#: A corner of a long-wave detector, with reference pixels on two sides; no cosmic rays.
SIMULATED = {
    "detector": "NRCALONG", "subarray": "SUB160P", "exposures": 4, "nints": 2, "ngroups": 8,
    "cosmic_rays": 0.0, "rtn_fraction": 0.0, "hot_fraction": 0.0,
}  # fmt: skip


class Compared:
    """A cache, raw darks and their references; files that are made of the current ones."""

    def __init__(self, folder, **simulated):
        settings = SIMULATED | simulated
        self.folder = folder
        self.cache = small_cache(folder / "crds", settings)
        names = {kind: f"jwst_nircam_{kind}_0001.fits" for kind in KINDS}
        self.current = {kind: self.cache.reference(name) for kind, name in names.items()}
        self._quadratic()
        count = settings["exposures"]
        self.raw = [deliver(settings, folder / "raw", n) for n in range(count)]
        records = {kind: self.cache.record(name) for kind, name in names.items()}
        for path in self.raw:
            listed = folder / "references" / f"{path.name.partition('.')[0]}.json"
            write_references(listed, records)

    def _quadratic(self):
        """Give the linearity a quadratic term, and state its new sum."""
        import hashlib

        path = self.current["linearity"]
        with fits.open(path, mode="update") as hdus:
            hdus["COEFFS"].data[2] = C2
        old = path.read_bytes()
        config = self.cache.server_config
        text = config.read_text()
        found = self.cache.record(path.name)
        assert found.sha1 in text
        config.write_text(text.replace(found.sha1, hashlib.sha1(old).hexdigest()))

    def candidate(self, kind, name, change):
        """Write a file made from the current one by a change of its values; return its path."""
        path = self.folder / f"{name}.fits"
        with fits.open(self.current[kind]) as hdus:
            hdus["SCI"].data = change(hdus["SCI"].data).astype(np.float32)
            hdus.writeto(path, overwrite=True)
        return path

    def spectrum(self):
        """Measure the noise spectrum of the darks; return its path."""
        steps, listed = self.folder / "superbias_ramps", self.folder / "superbias_ramps.list"
        path = self.folder / "spectrum.fits"
        for name, words in (
            ("check_ramps", ["--references", self.folder / "references", "--cache",
                             self.cache.path, "--output", steps, "--steps", "dq_init",
                             "saturation", "--", *self.raw]),
            ("noise_spectrum", ["--output", path, f"@{listed}"]),
        ):  # fmt: skip
            done = own_program(f"nircam/{name}", *words)
            assert done.returncode == 0, done.stderr[-3000:]
            names = (one.name.partition(".")[0] for one in self.raw)
            listed.write_text("".join(f"{steps / name}.chain.json\n" for name in names))
        return path

    def compare(self, product, candidate, count=None, **more):
        """Run the program; return what it wrote."""
        output = self.folder / f"{candidate.stem}_{product}.json"
        options = [word for name, value in more.items() for word in (f"--{name}", *value)]
        done = program(
            "nircam/counterfactual", *self.raw[:count], "--product", product,
            "--candidate", candidate, "--current", self.current[product],
            "--references", self.folder / "references", "--cache", self.cache.path,
            "--context", CONTEXT, "--output", output, *options,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(output.read_text())


def row(found, estimand, kind="all pixels"):
    """Return the row of an estimand and a class."""
    return next(r for r in found["rows"] if r["estimand"] == estimand and r["class"] == kind)


def active(compared):
    """Return which pixels are not reference pixels."""
    flags = fits.getdata(compared.current["mask"], "DQ")
    return (flags.astype(np.uint32) & np.uint32(1 << 31)) == 0
