"""The peers' own way through the exposures of `benchmarks/campaign.py`: CPU seconds, peak memory.

Each peer reads the raw files that the campaign has brought, and its references. What it does once
an exposure may be measured on a few of them (`sampled`) and scaled; the table says so.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from cgi_corgidrp import PEER as CORGIDRP
from process import measure

from nircam_chain import KINDS, THEIRS
from nircam_chain import PEER as REFFILES
from nircam_chain import STEPS as NIRCAM_STEPS

ROOT = Path(__file__).resolve().parent.parent


def python_of(toolset: str) -> Path:
    """Return the Python of an environment."""
    return ROOT / ".venvs" / toolset / "bin" / "python"


@dataclass(frozen=True)
class Row:
    """What one step of a peer costs.

    Parameters
    ----------
    name : str
        The step.
    cpu : float
        CPU seconds for all exposures.
    peak : float
        GB.
    note : str
        How many exposures were measured, if not all.
    again : bool
        Done for a second version of the products, without bad reads.
    """

    name: str
    cpu: float
    peak: float
    note: str = ""
    again: bool = False


# What astropy's CCD guide does with ccdproc: bias, darks by exposure time, read noise from pairs of
# bias frames, dark rate, a mask by `ccdmask`, and science frames. The frames have no overscan, and
# there are no flats. It notes after each step how many CPU seconds were used so far.
CCDPROC = """
import json, sys, time
import ccdproc
import numpy as np
from astropy import units
from astropy.nddata import CCDData
groups, science = json.loads(sys.argv[2]), json.loads(sys.argv[3])
spent = {}
clip = dict(method="average", mem_limit=4e9, sigma_clip=True, sigma_clip_low_thresh=5,
            sigma_clip_high_thresh=5, sigma_clip_func="median", sigma_clip_dev_func="mad_std")
biases = groups.pop("bias")
bias = ccdproc.combine(biases, unit="adu", **clip)
bias.write("peer_bias.fits", overwrite=True)
darks = {}
for name, files in groups.items():
    made = []
    for file in files:
        dark = ccdproc.subtract_bias(CCDData.read(file, unit="adu"), bias)
        made.append(f"peer_{len(made)}_{name}.fits")
        dark.write(made[-1], overwrite=True)
    darks[name] = ccdproc.combine(made, unit="adu", **clip)
    darks[name].write(f"peer_dark_{name}.fits", overwrite=True)
spent["bias and darks"] = time.process_time()
noise = []
for one, two in zip(biases[::2], biases[1::2]):
    difference = CCDData.read(one, unit="adu").subtract(CCDData.read(two, unit="adu"))
    noise.append(difference.data.std() / np.sqrt(2))
spent["read noise of pairs"] = time.process_time()
longest = max(darks, key=float)
rate = darks[longest].divide(float(longest) * units.s)
rate.write("peer_rate.fits", overwrite=True)
spent["dark rate"] = time.process_time()
mask = ccdproc.ccdmask(rate)
CCDData(mask.astype("uint8"), unit="").write("peer_mask.fits", overwrite=True)
spent["ccdmask of the dark rate"] = time.process_time()
for k, (file, name, seconds) in enumerate(science):
    frame = ccdproc.subtract_bias(CCDData.read(file, unit="adu"), bias)
    frame = ccdproc.subtract_dark(
        frame, darks[name], dark_exposure=seconds[0] * units.s, data_exposure=seconds[1] * units.s,
        scale=True)
    frame.mask = mask
    frame.write(f"peer_science_{k}.fits", overwrite=True)
spent["science frames"] = time.process_time()
with open(sys.argv[1], "w") as file:
    json.dump(spent, file)
"""

# Exposure times from the headers, roles from the names (the frames tell none).
GROUPS = """
import json, sys
from astropy.io import fits
groups, science = {}, []
for file in sys.argv[1:]:
    seconds = float(fits.getheader(file)["EXPTIME"])
    kind = file.rpartition("/")[2]
    if kind.startswith("bias"):
        groups.setdefault("bias", []).append(file)
    elif kind.startswith("dark"):
        groups.setdefault(f"{seconds:g}", []).append(file)
    else:
        science.append((file, seconds))
times = [float(name) for name in groups if name != "bias"]
pairs = []
for file, seconds in science:
    nearest = min(times, key=lambda t: abs(t - seconds))
    pairs.append((file, f"{nearest:g}", (nearest, seconds)))
print(json.dumps([groups, pairs]))
"""

DRIZZLE = """
import json, sys
settings, *files = sys.argv[1:]
from stwcs import updatewcs
from drizzlepac import astrodrizzle
for file in files:
    updatewcs.updatewcs(file, use_db=False)
astrodrizzle.AstroDrizzle(
    files, output="peer", preserve=False, build=False, context=False, clean=True, num_cores=1,
    **json.loads(settings))
"""


# What calwf3 reads: exposures whose headers name the references that the campaign has chosen.
NAMED = """
import sys
from pathlib import Path
from darkroom.crds.cache import Cache
from darkroom.crds.references import read_references
from darkroom.wfc3.engine.working import verified_references, working_copy
cache, references, target, *files = map(Path, sys.argv[1:])
for path in files:
    name = path.name.removesuffix("_raw.fits")
    chosen = read_references(references / f"{name}.json")
    working_copy(path, target / path.name, verified_references(chosen, Cache(cache, "hst")), "none")
"""


# The bad reads of RAWs are flagged as in the WFC3 team's notebook on scattered light: DQ 1024 in
# every pixel of a read.
FLAG = """
import json, sys
import numpy as np
from astropy.io import fits
for name, reads in json.loads(sys.argv[1]).items():
    with fits.open(name, mode="update") as hdus:
        shape = hdus["SCI", 1].data.shape
        for read in reads:
            hdus["DQ", read].data = np.full(shape, 1024, np.int16)
"""


def nircam(results: Path, item: str, scratch: Path, sampled: int) -> list[Row]:
    """Measure jwst's steps, then superbias and read noise by jwst_reffiles."""
    raw = sorted((results / "raw" / item).glob("*_uncal.fits"))
    place = results / "crds" / "references" / "jwst"
    references = {kind: f"{place}/jwst_nircam_{kind}_0001.fits" for kind in KINDS[:4]}
    some = [str(path) for path in raw[: max(2, min(sampled, len(raw)))]]
    output = scratch / "ramp"
    words = [references, list(NIRCAM_STEPS), some, str(output), str(results / "crds")]
    cpu, peak = measure([python_of("jwst"), "-c", THEIRS, json.dumps(words)], ROOT)
    spent = json.loads(output.read_text())
    # The first one pays for imports of its steps.
    cpu += (len(raw) - len(some)) * sum(spent[1:]) / (len(spent) - 1)
    note = "" if len(some) == len(raw) else f"{len(some)} of {len(raw)} exposures, scaled"
    rows = [Row("jwst, detector steps", cpu, peak, note)]
    ramps = []
    for path in raw:
        ramps.append(scratch / path.name.replace("uncal", "ramp"))
        ramps[-1].symlink_to(f"{output}.fits")
    for name, module, files in (
        ("superbias", "superbias", raw),
        ("read noise", "readnoise", ramps),
    ):
        command = [python_of("peers-jwst"), "-c", REFFILES, module, f"make_{module}"]
        command += [scratch / f"peer_{module}.fits", "{}", *files]
        rows.append(Row(f"jwst_reffiles, {name}", *measure(command, scratch)))
    return rows


def wfc3(results: Path, item: str, scratch: Path, _: int) -> list[Row]:
    """Measure the WFC3 team's notebooks: calibrate and combine, then again without bad reads.

    Exposures with bad reads are calibrated twice, and the visit is combined from every read and
    from the good ones, as the notebooks do to compare the two. Which reads are bad is taken from
    the campaign; there an observer looks at pictures of the ramps.
    """
    if not shutil.which("calwf3.e"):
        print("calwf3.e is not on PATH: the peer of wfc3 is not measured")
        return []
    raw = sorted((results / "raw" / item).glob("*_raw.fits"))
    iref = f"{results / 'crds' / 'references' / 'hst'}/"
    report = json.loads((results / item / "original_drz.json").read_text(encoding="utf-8"))
    left = ("astrometry", "final_fillval")
    settings = {k: v for k, v in report["parameters"].items() if k not in left and v is not None}
    bad = {}
    for path in raw:
        chosen = results / item / "chosen" / path.name.replace("_raw.fits", ".json")
        bad[path.name] = json.loads(chosen.read_text(encoding="utf-8"))["reads"]
    bad = {name: reads for name, reads in bad.items() if reads}
    # Not counted: an observer gets such files from the archive.
    command = [python_of("hst"), "-c", NAMED, results / "crds", results / item / "references"]
    measure([*command, scratch, *raw], ROOT)
    rows = [_calwf3("calwf3, once an exposure", scratch, [path.name for path in raw], iref)]
    again = scratch / "again"
    again.mkdir()
    # AstroDrizzle writes into its inputs.
    for path in scratch.glob("*_flt.fits"):
        if path.name.replace("_flt", "_raw") not in bad:
            shutil.copy(path, again)
    rows.append(_drizzled("updatewcs and AstroDrizzle", scratch, settings, iref))
    if not bad:
        return rows
    for name in bad:
        shutil.copy(scratch / name, again)
    flagged = measure([python_of("hst"), "-c", FLAG, json.dumps(bad)], again)
    rows.append(Row(f"flags of bad reads in {len(bad)} RAWs", *flagged, again=True))
    name = f"calwf3 on {len(bad)} exposures without their bad reads"
    rows.append(replace(_calwf3(name, again, list(bad), iref), again=True))
    name = "updatewcs and AstroDrizzle without bad reads"
    rows.append(replace(_drizzled(name, again, settings, iref), again=True))
    return rows


def _calwf3(name: str, folder: Path, raw: list[str], iref: str) -> Row:
    """Measure calwf3 on the RAWs of a folder, one after another."""
    spent = [measure(["calwf3.e", one], folder, iref=iref) for one in raw]
    return Row(name, sum(cpu for cpu, _ in spent), max(peak for _, peak in spent))


def _drizzled(name: str, folder: Path, settings: dict[str, object], iref: str) -> Row:
    """Measure updatewcs and AstroDrizzle on the FLTs of a folder."""
    flts = sorted(path.name for path in folder.glob("*_flt.fits"))
    command = [python_of("hst"), "-c", DRIZZLE, json.dumps(settings), *flts]
    quiet = {"iref": iref, "ASTROMETRY_STEP_CONTROL": "Off"}
    return Row(name, *measure(command, folder, **quiet))


def cgi(results: Path, item: str, scratch: Path, _: int) -> list[Row]:
    """Measure the fit of the noise maps by corgidrp."""
    files = sorted((results / "raw" / item).glob("*.fits"))
    python, home = python_of("peers-cgi"), {"HOME": str(scratch)}
    measure([python, "-c", CORGIDRP, ""], scratch, **home)  # makes its folder of settings
    cpu, peak = measure([python, "-c", CORGIDRP, "peer.fits", *files], scratch, **home)
    return [Row("corgidrp, calibrate_darks_lsq", cpu, peak)]


def ccd(results: Path, item: str, scratch: Path, _: int) -> list[Row]:
    """Measure what ccdproc makes, step by step."""
    import subprocess

    files = sorted(p for p in (results / "raw" / item).iterdir() if p.suffix in (".FIT", ".fits"))
    command = [python_of("peers"), "-c", GROUPS, *files]
    found = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True)
    words = [json.dumps(some) for some in json.loads(found.stdout)]
    noted = scratch / "spent.json"
    cpu, peak = measure([python_of("peers"), "-c", CCDPROC, noted, *words], scratch)
    spent = list(json.loads(noted.read_text(encoding="utf-8")).items())
    # What Python takes to end belongs to the last step.
    ends = [*(end for _, end in spent[:-1]), cpu]
    begins = [0.0, *ends[:-1]]
    return [
        Row(f"ccdproc, {name}", end - begin, peak)
        for (name, _), begin, end in zip(spent, begins, ends, strict=True)
    ]


PEERS: dict[str, Callable[[Path, str, Path, int], list[Row]]] = {
    "nircam": nircam,
    "wfc3": wfc3,
    "cgi": cgi,
    "ccd": ccd,
}


def measure_peer(name: str, results: Path, scratch: Path, sampled: int) -> list[Row]:
    """Measure the peer's own way through a campaign of one item.

    Parameters
    ----------
    name : str
        Instrument, and name of the item.
    results : Path
        Folder of the campaign.
    scratch : Path
        Where the peer writes; made, and emptied after.
    sampled : int
        Exposures on which steps are measured that are linear in them.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = PEERS[name](results.resolve(), name, scratch.resolve(), sampled)
    shutil.rmtree(scratch)
    return rows
