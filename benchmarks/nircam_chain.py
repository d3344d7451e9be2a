"""What do the detector steps cost, here and in the JWST pipeline? CPU seconds and memory.

One full-frame exposure in a process of its own (imports included) and a further one in the same
process; then a campaign of darks of one detector: superbias, read noise, noise spectrum and
reference pixels, by the built-in engine from raw files, and from ramps of the pipeline. Of the
exposures that the pipeline calibrates, some are measured and scaled to all. Beside them stands
what others do for two of the products: superbias by jwst_reffiles from raw files, read noise by
jwst_reffiles from ramps of the pipeline, of the same exposures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from nircam_reffiles import PEER
from process import measure

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
JWST = ROOT / ".venvs" / "jwst" / "bin" / "python"
DETECTOR = ROOT / ".venvs" / "detector" / "bin" / "python"
PEERS = ROOT / ".venvs" / "peers-jwst" / "bin" / "python"
STEPS = ("dq_init", "saturation", "superbias", "refpix", "linearity")
SUPERBIAS = STEPS[:2]
#: What superbias and read noise take here, checks of the exposures included.
TWO = ("check for the superbias", "superbias", "check for the readnoise", "read noise")
KINDS = ("mask", "saturation", "superbias", "linearity", "readnoise")

# One exposure after another; the CPU seconds of each go to a file.
OURS = """
import json, sys, time
sys.path.insert(0, "scripts")
import numpy as np
from pathlib import Path
from darkroom.nircam.chain.bands import Chain
from darkroom.nircam.chain.groups import Inputs
from darkroom.nircam.chain.exposure import RawExposure, lost_parts
from darkroom.nircam.chain.parameters import chosen_steps
from darkroom.nircam.chain.references import References
references, steps, files, output = json.loads(sys.argv[1])
shared, chosen, spent = References(), chosen_steps(steps, {}), []
inputs = Inputs({kind: Path(path) for kind, path in references.items()})
for path in files:
    start = time.process_time()
    raw = RawExposure(path)
    chain = Chain(raw, chosen, inputs, shared, lost_parts(raw, "refpix" in steps))
    for i in range(chain.shape[0]):
        for first in range(0, chain.shape[2], 64):
            for g in range(chain.shape[1]):
                chain.block(i, g, first, min(64, chain.shape[2] - first))
    spent.append(time.process_time() - start)
Path(output).write_text(json.dumps(spent))
"""
THEIRS = """
import json, sys, time
sys.path.insert(0, "scripts")
from pathlib import Path
from darkroom.crds.environment import go_offline
references, steps, files, output, cache = json.loads(sys.argv[1])
go_offline(cache, "jwst", "jwst_0001.pmap")
from darkroom.nircam.steps import ramp_hdus, run_steps
from darkroom.fits.write import write
spent = []
for path in files:
    start = time.process_time()
    model = run_steps(path, steps, references, {})
    write(output + ".fits", ramp_hdus(model, "x.fits", {}))
    model.close()
    spent.append(time.process_time() - start)
Path(output).write_text(json.dumps(spent))
"""


def make_files(folder, number, ngroups, rows):
    """Simulate darks and their references."""
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import write_references
    from darkroom.nircam.simulate import exposures as nircam
    from darkroom.nircam.simulate.references import PARKEYS
    from darkroom.nircam.simulate.references import write_references as write_cache

    settings = {"detector": "NRCA1", "exposures": number, "ngroups": ngroups, "rows": rows}
    settings |= {"noise_sampling": "row", "truth": False}
    cache = Cache(folder / "crds", "jwst")
    write_cache(cache, "jwst_0001.pmap", [settings], PARKEYS)
    for exposure in nircam.plan(settings):
        nircam.deliver(settings, exposure.name, folder / "raw" / exposure.file)
        name = exposure.file.partition(".")[0]
        chosen = {kind: cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in KINDS}
        (folder / "references").mkdir(exist_ok=True)
        write_references(folder / "references" / f"{name}.json", chosen)


def steps_alone(folder, steps):
    """Measure a first and a further exposure, here and in the pipeline; print the ratios."""
    files = [str(path) for path in sorted((folder / "raw").glob("*.fits"))[:3]]
    place = folder / "crds" / "references" / "jwst"
    references = {kind: str(place / f"jwst_nircam_{kind}_0001.fits") for kind in KINDS[:4]}
    found = {}
    for name, python, code, more in (
        ("builtin", DETECTOR, OURS, []),
        ("jwst", JWST, THEIRS, [str(folder / "crds")]),
    ):
        output = str(folder / f"{name}.json")
        arguments = json.dumps([references, list(steps), files, output, *more])
        one = json.dumps([references, list(steps), files[:1], output, *more])
        cache = {"NUMBA_CACHE_DIR": str(ROOT / ".cache" / "numba")}
        if name == "builtin":  # compiled once on a machine
            measure([python, "-c", code, one], ROOT, **cache)
        first, _ = measure([python, "-c", code, one], ROOT, **cache)
        _, peak = measure([python, "-c", code, arguments], ROOT, **cache)
        further = min(json.loads(Path(output).read_text())[1:])
        found[name] = first, further
        print(f"{name:8} first {first:6.2f} CPU s, further {further:6.2f} CPU s, {peak:.2f} GB")
    ratios = [theirs / ours for ours, theirs in zip(*found.values(), strict=True)]
    print(f"{'':8} first 1/{ratios[0]:.1f}, further 1/{ratios[1]:.1f} of the pipeline's CPU")


def _run(rows, words, command):
    cpu, peak = measure(command, ROOT, NUMBA_CACHE_DIR=str(ROOT / ".cache" / "numba"))
    rows["found"].append((cpu, peak))
    rows["spent"][words] = rows["spent"].get(words, 0) + cpu
    print(f"{words:40} {cpu:7.2f} CPU s {peak:.2f} GB", flush=True)
    return cpu


def _products(rows, folder, ramps):
    """Run the programs that make products of two lists of ramps."""
    program = ROOT / "scripts" / "nircam"
    shared = ["--threads", "2"]
    command = [DETECTOR, program / "superbias.py", "--output", folder / "superbias.fits"]
    total = _run(rows, "superbias", [*command, *shared, f"@{ramps['superbias']}"])
    yield total
    command = [DETECTOR, program / "readnoise.py", "--output", folder / "readnoise.fits"]
    yield _run(rows, "read noise", [*command, *shared, f"@{ramps['readnoise']()}"])
    command = [DETECTOR, program / "noise_spectrum.py", "--output", folder / "spectrum.fits"]
    command.append("--reference-sums")
    yield _run(rows, "noise spectrum", [*command, *shared, f"@{ramps['superbias']}"])
    command = [DETECTOR, program / "reference_pixels.py", "--output", folder / "refpix.fits"]
    command += ["--spectrum", folder / "spectrum.fits", f"@{ramps['superbias']}"]
    yield _run(rows, "reference pixels", command)


def _list(path, files):
    path.write_text("".join(f"{file}\n" for file in files), encoding="utf-8")
    return path


def builtin(folder):
    """Measure the campaign by the built-in engine.

    Returns
    -------
    cpu, peak : float
    made : pathlib.Path
        Folder of the products.
    two : float
        CPU seconds of superbias and read noise.
    """
    made, raw = folder / "builtin", sorted((folder / "raw").glob("*.fits"))
    made.mkdir()
    rows = {"found": [], "spent": {}}
    names = [path.name.partition(".")[0] for path in raw]
    checks = []

    def check(purpose, steps, *more):
        command = [DETECTOR, ROOT / "scripts" / "nircam" / "check_ramps.py"]
        command += ["--references", folder / "references", "--cache", folder / "crds"]
        command += ["--output", made / purpose, *more, "--steps", *steps, "--", *raw]
        checks.append(_run(rows, f"check for the {purpose}", command))
        return _list(
            made / f"{purpose}.list", [made / purpose / f"{name}.chain.json" for name in names]
        )

    ramps = {
        "superbias": check("superbias", SUPERBIAS),
        "readnoise": lambda: check("readnoise", STEPS, "--superbias", made / "superbias.fits"),
    }
    total = sum(_products(rows, made, ramps)) + sum(checks)
    two = sum(rows["spent"][words] for words in TWO)
    return total, max(peak for _, peak in rows["found"]), made, two


def pipeline(folder, sampled):
    """Measure the campaign from ramps of the pipeline; return what `builtin` does.

    The last number is that of the pipeline with jwst_reffiles; None where that is not installed.
    """
    made, raw = folder / "pipeline", sorted((folder / "raw").glob("*.fits"))
    made.mkdir()
    rows = {"found": [], "spent": {}}
    spent = []

    def calibrate(purpose, steps, *more):
        ramps, measured = [], []
        for number, path in enumerate(raw):
            name = path.name.partition(".")[0]
            ramps.append(made / purpose / f"{name}.fits")
            command = [JWST, ROOT / "scripts" / "nircam" / "calibrate.py", path]
            command += ["--references", folder / "references" / f"{name}.json"]
            command += ["--cache", folder / "crds", "--context", "jwst_0001.pmap"]
            command += ["--output", ramps[-1], *more, "--steps", *steps]
            if number < sampled:
                measured.append(_run(rows, f"calibrate for the {purpose}", command))
        spent.append(sum(measured) * len(raw) / len(measured))
        return _list(made / f"{purpose}.list", ramps[:sampled])

    ramps = {
        "superbias": calibrate("superbias", SUPERBIAS),
        "readnoise": lambda: calibrate("readnoise", STEPS, "--superbias", made / "superbias.fits"),
    }
    products = sum(_products(rows, made, ramps)) * len(raw) / sampled
    peak = max(peak for _, peak in rows["found"])
    two = None
    if PEERS.is_file():
        calibrated = sorted((made / "readnoise").glob("*.fits"))[:sampled]
        two = spent[1]  # for the read noise; superbias is made from raw files
        for words, module, files in (
            ("superbias", "superbias", raw[:sampled]),
            ("read noise", "readnoise", calibrated),
        ):
            command = [PEERS, "-c", PEER, module, f"make_{module}", made / f"peer_{module}.fits"]
            cpu = _run(rows, f"{words} by jwst_reffiles", [*command, "{}", *files])
            two += cpu * len(raw) / sampled
    return sum(spent) + products, peak, made, two


def main():
    """Simulate, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10, help="darks (default: 10)")
    parser.add_argument("--groups", type=int, default=10, help="groups of each (default: 10)")
    parser.add_argument("--rows", type=int, default=2048, help="rows (default: a full frame)")
    parser.add_argument("--sampled", type=int, help="darks that the pipeline calibrates (all)")
    parser.add_argument("--only", choices=("steps", "builtin", "pipeline"), help="one part")
    parser.add_argument("--folder", type=Path, help="scratch folder (a temporary one)")
    arguments = parser.parse_args()
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="chain-"))
    if not (folder / "raw").is_dir():
        (folder / "raw").mkdir(parents=True)
        # In a process of its own: a child's peak memory begins with what its parent once held.
        with ProcessPoolExecutor(1) as pool:
            numbers = arguments.files, arguments.groups, arguments.rows
            pool.submit(make_files, folder, *numbers).result()
    if arguments.only in (None, "steps"):
        steps_alone(folder, STEPS)
    totals = {}
    for name, work in (
        ("builtin", lambda: builtin(folder)),
        ("pipeline", lambda: pipeline(folder, arguments.sampled or arguments.files)),
    ):
        if arguments.only in (None, name):
            shutil.rmtree(folder / name, ignore_errors=True)
            totals[name] = work()
            cpu, peak, made, two = totals[name]
            size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file()) / 1e9
            print(f"{name}: {cpu:.1f} CPU s, {peak:.2f} GB, {size:.2f} GB on disk")
            if two is not None:
                by = "here" if name == "builtin" else "by jwst and jwst_reffiles"
                print(f"superbias and read noise {by}: {two:.1f} CPU s")
    if len(totals) == 2:
        print(f"1/{totals['pipeline'][0] / totals['builtin'][0]:.1f} of the CPU")
    if arguments.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
