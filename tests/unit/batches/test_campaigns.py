"""Whatever the batch: a kill, a rerun and an exclusion give the products of single jobs."""

import os
import shutil
import signal
import subprocess
import time

import pytest
from astropy.io import fits

from darkroom.ccd.simulate import exposures as ccd
from darkroom.cgi.simulate import exposures as cgi
from darkroom.crds.cache import Cache
from darkroom.wfc3.reference_kinds import KINDS
from darkroom.wfc3.simulate import exposures as wfc3
from darkroom.wfc3.simulate import references
from end_to_end.conftest import SMALL, Checkout

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]
VISIT = {
    "seed": 7, "subarray": "SQ64SUB", "nsamp": 6, "stars": 3000, "galaxies": 0, "blobs": 0,
    "exposures": [{"dither": [0.4 * (n % 3), 0.4 * (n // 3)]} for n in range(9)],
}  # fmt: skip
DARKS = {
    "seed": 5, "geometry": "small",
    "stacks": [
        {"gain": g, "exptime": t, "frames": 3}
        for g, t in [(1.5, 2), (500, 2), (30, 100), (500, 100)]
    ],
}  # fmt: skip
#: For each instrument: simulator and its settings, item, files that tell when to kill the run (with
#: batches; without, they are not in .made), and where programs take other products along.
CASES = {
    "wfc3": (
        wfc3, VISIT, {"frames": {"science": "*_raw.fits"}}, "item/original/*.json",
        ["item/.made"],
    ),
    "cgi": (
        cgi, DARKS,
        {"frames": {"dark": "*.fits"}, "cgi": {"geometry": "small", "frames_per_part": 2}},
        "item/stacks/*/.made/*.fits", ["item/stacks/*/.made"],
    ),
    "ccd": (
        ccd, SMALL, {"frames": {"bias": "bias_*", "dark": "dark_*", "science": "target_*"}},
        "item/.made/*.fits", ["item/.made"],
    ),
}  # fmt: skip


class Campaign:
    """A campaign of a local folder of exposures, in a checkout of its own."""

    def __init__(self, folder, instrument, frames):
        _, settings, item, self._moment, self._steps = CASES[instrument]
        self.checkout = Checkout(folder / "checkout")
        self.frames = folder / "frames"
        shutil.copytree(frames, self.frames)
        self.results = self.checkout.folder / "results" / "batched"
        more = {}
        if instrument == "wfc3":
            references.write_references(
                Cache(folder / "crds", "hst"), "hst_0001.pmap", [settings], KINDS
            )
            cache = {"context": "hst_0001.pmap", "server": None, "path": str(folder / "crds")}
            more = {"crds": {"hst": cache}}
        self.choice = self.checkout.campaign(
            "batched",
            archive={"kind": "local", "folder": str(self.frames)},
            items={"item": {"instrument": instrument, **item}},
            on_bad_exposure="exclude",
            **more,
        )

    def lock(self):
        """Lock the exposures as they are."""
        self.checkout.snakemake("lock", "--config", self.choice, "replace_lock=true")

    def run(self, size):
        """Make everything; products that are asked for by name would not take others along."""
        self.checkout.snakemake("--config", self.choice, f"batch={size}")

    def run_and_kill(self, size):
        """Run until the first exposures are made, and end all of it at once."""
        process = subprocess.Popen(
            self.checkout.command("--config", self.choice, f"batch={size}"),
            cwd=self.checkout.folder,
            env=self.checkout.environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        single = self._moment.replace("/.made", "")
        while process.poll() is None:
            if any(self.results.glob(self._moment)) or any(self.results.glob(single)):
                break
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def batches(self):
        """Return of which steps products were taken along."""
        return [step for step in self._steps if any(self.results.glob(f"{step}/.claims"))]

    def products(self):
        """Return the pixels of every FITS file of the item, and who was refused."""
        folder = self.results / "item"
        found = {"frames": (folder / "frames.tsv").read_text()}
        for path in sorted(folder.rglob("*.fits")):
            with fits.open(path) as hdus:
                planes = [None if hdu.data is None else hdu.data.tobytes() for hdu in hdus]
            found[path.relative_to(folder).as_posix()] = planes
        return found


def spoil(path):
    """Cut an exposure short within its last HDU, as a full disk does."""
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.fixture(scope="module", params=CASES)
def truth(request, tmp_path_factory):
    """Give the exposures, and the products of single jobs with all of them and without one."""
    instrument = request.param
    simulator, settings, *_ = CASES[instrument]
    frames = tmp_path_factory.mktemp("frames") / "frames"
    frames.mkdir()
    for exposure in simulator.plan(settings):
        simulator.deliver(settings, exposure.name, frames / exposure.file)
    single = Campaign(tmp_path_factory.mktemp("single"), instrument, frames)
    single.lock()
    single.run(1)
    whole = single.products()
    other = Campaign(tmp_path_factory.mktemp("spoilt"), instrument, frames)
    spoil(sorted(other.frames.iterdir())[1])
    other.lock()
    other.run(1)
    return instrument, frames, whole, other.products()


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_kill_a_rerun_and_an_exclusion_give_what_single_jobs_give(tmp_path, truth, size):
    instrument, frames, whole, without = truth
    assert whole != without
    campaign = Campaign(tmp_path, instrument, frames)
    campaign.lock()
    campaign.run_and_kill(size)
    campaign.run(size)
    assert campaign.products() == whole
    assert campaign.batches() == (CASES[instrument][-1] if size > 1 else [])
    exposures = sum(path.is_file() for path in frames.iterdir())
    lists = len(list(campaign.results.glob("item/batches/raw/*.list")))
    # The two parts of each of the coronagraph's four stacks have batches of their own.
    few = {1: exposures, 7: -(-exposures // 7), 1000: 1}[size]
    assert lists == (max(few, 8) if instrument == "cgi" else few)
    assert not list(campaign.checkout.folder.glob("results/**/*.part*"))
    again = campaign.checkout.jobs("--config", campaign.choice, f"batch={size}")
    assert again == {}
    spoilt = sorted(campaign.frames.iterdir())[1]
    good = spoilt.read_bytes()
    spoil(spoilt)
    campaign.lock()
    campaign.run(size)
    made = campaign.products()
    assert {name: made[name] for name in without} == without
    # Calibrated files of the one that is left out now stay, and nothing is made of them.
    left = spoilt.stem.removesuffix("_raw")
    assert all(left in name for name in made.keys() - without.keys())
    spoilt.write_bytes(good)
    campaign.lock()
    campaign.run(size)
    assert campaign.products() == whole
