"""Programs of every instrument, of the archive and of CRDS, on inputs as small as they go."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import os
import sys

import programs
from durability.sweep import Case

CCD = {
    "shape": [12, 16],
    "bias": {"count": 3},
    "darks": [
        {"count": 3, "exptime": 10.0, "temperatures": [-5.0]},
        {"count": 3, "exptime": 60.0, "temperatures": [-5.0]},
    ],
    "targets": [{"exptime": 10.0}],
}
CGI = {"seed": 7, "geometry": "small", "frames": 2, "gains": [1.5, 500.0], "exptimes": [2.0, 30.0]}
NIRCAM = {"detector": "NRCA1", "subarray": "SUB64P", "exposures": 2, "nints": 2, "ngroups": 3}
WFC3 = {"subarray": "SQ64SUB", "exposures": [{}]}
_NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class _Stopped(datetime.datetime):
    """A clock that stands: the same bytes every time."""

    @classmethod
    def now(cls, tz=None):
        return _NOW.astimezone(tz) if tz else _NOW.replace(tzinfo=None)


def stop_clock():
    """Let every module that is loaded see the same time."""
    _exchange(datetime.datetime, _Stopped)


def start_clock():
    """Let every module that is loaded see the time again."""
    _exchange(_Stopped, datetime.datetime)


def _exchange(old, new):
    for name, module in list(sys.modules.items()):
        if name.startswith("darkroom") and getattr(module, "datetime", None) is old:
            module.datetime = new


@functools.cache
def _program(name):
    return programs.load(name)


def call(name, *arguments):
    """Run a program in this process."""
    sys.argv = [name, *map(str, arguments)]
    program = _program(name)
    stop_clock()
    return program.main()


def _quietly(name, *arguments):
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        call(name, *arguments)


# -------------------------------------------------------------------------------- CCD


def _ccd_raw(folder):
    from darkroom.ccd.simulate import exposures

    (folder / "out").mkdir()
    for one in exposures.plan(CCD):
        exposures.deliver(CCD, one.name, folder / "raw" / one.file)


def _ccd_arguments(folder, name):
    raw, out = folder / "raw", folder / "out"
    bias, dark = sorted(raw.glob("bias*")), sorted(raw.glob("dark*"))
    both = ["--bias", *bias, "--dark", *dark]
    products = [
        word
        for one in ("read_noise", "dark_rate", "hot_pixels")
        for word in (f"--{one.replace('_', '-')}", out / f"{one}.fits")
    ]
    inputs = {
        "master_bias": bias, "read_noise": bias, "master_dark": dark, "dark_rate": both,
        "hot_pixels": ["--rate", out / "dark_rate.fits", *both],
        "bad_pixels": [out / "hot_pixels.fits"],
    }  # fmt: skip
    if name == "subtract_dark":
        output = ["--output-dir", out, "--list", out / "science.list"]
        science = sorted(raw.glob("target*"))
        return [*output, "--master-dark", out / "master_dark.fits", *products, *science]
    if name == "quantities":
        master = ["--master-bias", out / "master_bias.fits"]
        return ["--output", out / "quantities.tsv", *master, *products, *both]
    return ["--output", out / f"{name}.fits", *inputs[name]]


def _ccd(name, *before, **more):
    def prepare(folder):
        _ccd_raw(folder)
        for one in before:
            _quietly(f"ccd/{one}", *_ccd_arguments(folder, one))

    def run(folder):
        return call(f"ccd/{name}", *_ccd_arguments(folder, name))

    return Case(f"ccd/{name}", prepare, run, **more)


# ------------------------------------------------------------------------ the other instruments


def _cgi_raw(folder):
    from darkroom.cgi.simulate import exposures

    (folder / "out").mkdir()
    for one in exposures.plan(CGI):
        exposures.deliver(CGI, one.name, folder / "raw" / one.file)


def _cgi(name, count=0, *options):
    def run(folder):
        output = folder / "out" / f"{name}.fits"
        frames = sorted((folder / "raw").iterdir())[-count:]
        return call(f"cgi/{name}", "--geometry", "small", *options, "--output", output, *frames)

    return Case(f"cgi/{name}", _cgi_raw, run)


def _nircam_raw(folder):
    from nircam_darks import make_darks, stripe, write_darks

    (folder / "out").mkdir()
    write_darks(folder / "raw", make_darks(stripe(ny=16), 3, 3))


def _nircam(name, *options):
    def run(folder):
        out = folder / "out"
        frames = sorted((folder / "raw").glob("*_uncal.fits"))
        words = ["--output", out / f"{name}.fits", "--details", out / f"{name}_details.fits"]
        words += ["--quantities", out / f"{name}.json", "--pedigree", "DUMMY", *options]
        return call(f"nircam/{name}", *words, *frames)

    notes = {f"out/{name}.json": (f"out/{name}.fits", f"out/{name}_details.fits")}
    return Case(f"nircam/{name}", _nircam_raw, run, notes)


def _wfc3_raw(folder):
    from darkroom.crds.cache import Cache, sha1
    from darkroom.crds.description import FileRecord
    from darkroom.crds.references import write_references
    from darkroom.wfc3.reference_kinds import KINDS
    from darkroom.wfc3.simulate import exposures
    from darkroom.wfc3.simulate import references as simulated

    name = exposures.plan(WFC3)[0].name
    exposures.deliver(WFC3, name, folder / "raw" / f"{name}_raw.fits")
    simulated.write_references(Cache(folder / "crds", "hst"), "hst_0001.pmap", [WFC3], KINDS)
    found = {}
    for kind in KINDS:
        found[kind] = None
        if kind not in simulated.NOT_APPLICABLE:
            files = (folder / "crds/references/hst").glob(f"*_{simulated._SUFFIXES[kind]}.fits")
            path = next(files)
            found[kind] = FileRecord(path.name, path.stat().st_size, sha1(path))
    write_references(folder / "references.json", found)


def _wfc3_original(folder):
    raw = next((folder / "raw").glob("*_raw.fits"))
    name = raw.name.removesuffix("_raw.fits")
    return call(
        "wfc3/calibrate_original", "--references", folder / "references.json", "--cache",
        folder / "crds", "--context", "hst_0001.pmap", "--status",
        folder / f"original/{name}.json", raw,
    )  # fmt: skip


def _wfc3_copy(folder):
    """Leave a working copy that names its references, as a person would calibrate it."""
    _wfc3_raw(folder)
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        _wfc3_original(folder)
    raw = next((folder / "original").glob("*_raw.fits"))
    raw.rename(folder / raw.name)
    for path in sorted((folder / "original").iterdir()):
        path.unlink()


def _wfc3_by_hand(folder):
    raw = next(folder.glob("*_raw.fits"))
    iref = folder / "crds/references/hst"
    return call("wfc3/calibrate", "--references", iref, "--output-dir", folder / "original", raw)


# ------------------------------------------------------------------------ campaigns and archives

CAMPAIGN = {
    "title": "Small",
    "archive": {"kind": "simulated", "seed": 1},
    "items": {"camera": {"instrument": "ccd", "simulate": CCD}},
}


def _campaign(folder):
    import yaml

    (folder / "small.yaml").write_text(yaml.safe_dump(CAMPAIGN, sort_keys=False))


def _lock(folder):
    return call("archive/lock", "--campaign", folder / "small.yaml")


def _locked(folder):
    _campaign(folder)
    _quietly("archive/lock", "--campaign", folder / "small.yaml")


def _fetch(folder, number=1):
    """Fetch a batch of exposures."""
    results = folder / "results/small"
    return call(
        "archive/fetch", "--campaign", folder / "small.yaml", "--item", "camera", "--names",
        *_exposures()[:number], "--folder-of-items", results / "raw", "--output",
        results / "camera/batches/raw/0001.list",
    )  # fmt: skip


def _exposures():
    from darkroom.ccd.simulate import exposures

    return [one.name for one in exposures.plan(CCD)]


def _fetched(folder):
    _locked(folder)
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        _fetch(folder, len(_exposures()))


def _statuses(folder):
    return sorted((folder / "results/small/raw/camera").glob("*.json"))


def _frames(folder):
    out = folder / "results/small/camera"
    words = ["--judgements", out / "judgements.tsv", "--output", out / "frames.tsv"]
    return call("archive/frames", "--item", "camera", "--instrument", "ccd", *words,
                *_statuses(folder))  # fmt: skip


def _pins(folder):
    output = folder / "results/small/pins.tsv"
    return call("archive/pins", "--pins", folder / "small.pins.tsv", "--output", output,
                *_statuses(folder))  # fmt: skip


def _framed(folder):
    _fetched(folder)
    with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
        _frames(folder)


def _role_list(folder):
    out = folder / "results/small/camera"
    return call("archive/role_list", "--role", "dark", "--output", out / "dark.list",
                out / "frames.tsv")  # fmt: skip


def _figures(folder):
    from matplotlib.figure import Figure

    from darkroom.atomic import remove_durably
    from darkroom.plot.book import FigureBook, Panel
    from darkroom.report.item import write_item

    item = folder / "item.json"
    remove_durably(item)
    with FigureBook(folder / "figures") as book:
        for key in ("bias", "noise"):
            drawn = Figure(figsize=(1, 1))
            drawn.add_subplot().plot([0, 1])
            book.add("Section", key, key, key, [Panel("", drawn, key)])
    write_item(item, "ccd", summary="x", key_numbers=[], products=[], figures="figures")


@contextlib.contextmanager
def archive_cases():
    """Give the cases of transfers: from MAST and from a CRDS server, both on this machine."""
    import requests  # noqa: F401 (imported before anything is forked)

    from darkroom.crds.cache import Cache
    from darkroom.nircam.simulate.references import PARKEYS, write_references
    from darkroom.transport import transfer
    from loopback.campaigns import locked
    from loopback.catalogue import Catalogue, association
    from loopback.crds import Crds
    from loopback.mast import Mast

    kept = dict(os.environ), transfer.sleep
    os.environ["no_proxy"] = "localhost,127.0.0.1"
    os.environ.pop("MAST_API_TOKEN", None)
    transfer.sleep = lambda _: None
    members = ["iaaa01aaq", "iaaa01abq", "iaaa01acq"]
    uris = [f"mast:HST/product/{name}_raw.fits" for name in members]

    def mast(folder):
        locked(folder, running, uris, retries=1, timeout_s=20, parallel=1)

    def fetch(folder, number=1):
        results = folder / "results/trial"
        return call(
            "archive/fetch", "--campaign", folder / "trial.yaml", "--item", "visit", "--names",
            *members[:number], "--folder-of-items", results / "raw", "--output",
            results / "visit/batches/raw/0001.list",
        )  # fmt: skip

    raw = "results/trial/raw/visit"
    notes = {f"{raw}/{members[0]}.json": (f"{raw}/{members[0]}_raw.fits",)}
    together = {f"{raw}/{name}.json": (f"{raw}/{name}_raw.fits",) for name in members}
    together |= {
        f"{raw}/.arrived/{name}.key": (f"{raw}/{name}_raw.fits", f"{raw}/.arrived/{name}.json")
        for name in members
    }
    together |= {f"{raw}/.arrived/{name}.json": (f"{raw}/{name}_raw.fits",) for name in members}

    def prepare_crds(folder):
        (folder / "out").mkdir()

    def crds(name, *inputs):
        def run(folder):
            words = ["--cache", folder / "crds", "--context", "jwst_0001.pmap", "--server"]
            words += [server.url, "--output", folder / "out" / name]
            if name == "context":
                words += ["--instruments", "nircam"]
            return call(f"references/{name}", *words, *(folder / one for one in inputs))

        return run

    def prepare_sync(folder):
        prepare_crds(folder)
        with open(os.devnull, "w") as null, contextlib.redirect_stdout(null):
            crds("context")(folder)
        cache, chosen = Cache(folder / "crds", "jwst"), {}
        from darkroom.crds.references import write_references as write_list

        for kind in ("mask", "superbias"):
            chosen[kind] = cache.record(f"jwst_nircam_{kind}_0001.fits")
        write_list(folder / "references.json", chosen)

    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as scratch, contextlib.ExitStack() as afterwards:
        afterwards.callback(_restore, transfer, *kept)
        complete = Cache(Path(scratch, "crds"), "jwst")
        small = {"detector": "NRCB1", "subarray": "SUB64P"}
        write_references(complete, "jwst_0001.pmap", [small], PARKEYS)
        catalogue = Catalogue([association("iaaa01010", "1", members, nsamp=1)])
        with Mast(catalogue) as running, Crds.of_cache(complete) as server:
            # Those who ask are forked from this process, whose other threads answer.
            yield [
                Case("archive/fetch (MAST)", mast, fetch, notes,
                     records={"results/trial/raw/manifest.tsv": _manifest_fault},
                     results="results/trial"),
                Case("archive/fetch, a batch (MAST)", mast,
                     functools.partial(fetch, number=len(members)), together,
                     records={"results/trial/raw/manifest.tsv": _manifest_fault},
                     results="results/trial"),
                # The cache lies outside of a campaign's results, and is not recorded there.
                Case("references/context (CRDS)", prepare_crds, crds("context"), results="out"),
                Case("references/sync (CRDS)", prepare_sync, crds("sync", "references.json"),
                     results="out"),
            ]  # fmt: skip


def _manifest_fault(content, files, count=3):
    """Return what is wrong with the list of arrivals: cut, or of files that are not there."""
    lines = content.decode().splitlines()
    if not content.endswith(b"\n") or any(line.count("\t") != 7 for line in lines):
        return "is not whole"
    rows = [line.split("\t") for line in lines[1:]]
    if len(rows) != count:
        return f"has {len(rows)} rows"
    sums = {hashlib.sha256(one).hexdigest() for one in files.values()}
    return ", ".join(f"speaks of {r[2]}" for r in rows if r[3] == "arrived" and r[5] not in sums)


def _restore(transfer, environment, sleep):
    os.environ.clear()
    os.environ.update(environment)
    transfer.sleep = sleep


def _begun(folder):
    (folder / "results").mkdir()


def _begin(folder):
    from darkroom.integrity.records import begin

    begin(folder / "results", "snakemake", [("a.*", False)])


_FRAME = f"results/small/raw/camera/{_exposures()[0]}"
CASES = [
    Case("archive/lock", _campaign, _lock, results="results/small"),
    Case("archive/fetch (simulated)", _locked, _fetch, {f"{_FRAME}.json": (f"{_FRAME}.FIT",)},
         records={"results/small/raw/manifest.tsv":
                  functools.partial(_manifest_fault, count=len(_exposures()))},
         results="results/small"),
    Case("archive/frames", _fetched, _frames, results="results/small"),
    Case("archive/pins", _fetched, _pins, results="results/small"),
    Case("archive/role_list", _framed, _role_list, results="results/small"),
    Case("integrity.records.begin", _begun, _begin),
    _ccd("master_bias"),
    _ccd("read_noise"),
    _ccd("master_dark"),
    _ccd("dark_rate"),
    _ccd("hot_pixels", "dark_rate"),
    _ccd("bad_pixels", "dark_rate", "hot_pixels"),
    _ccd("subtract_dark", "read_noise", "master_dark", "dark_rate", "hot_pixels"),
    _ccd("quantities", "master_bias", "read_noise", "dark_rate", "hot_pixels"),
    Case("figures", lambda folder: _figures(folder), _figures,
         may_vanish=("item.json", "figures/")),
    _nircam("superbias"),
    _nircam("readnoise"),
    _cgi("stack_statistics", 2),
    _cgi("noise_maps"),
    _cgi("master_dark", 2, "--undivided"),
    Case("wfc3/calibrate_original", _wfc3_raw, _wfc3_original),
    Case("wfc3/calibrate", _wfc3_copy, _wfc3_by_hand),
]  # fmt: skip
