"""A campaign of coronagraph darks: parts spread over jobs, new frames, faulty ones, a kill."""

import os
import signal
import subprocess
import time

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.lock import Lock, read_lock
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.simulate import exposures as cgi

pytestmark = pytest.mark.end_to_end
STACKS = [(1.5, 2), (500, 2), (30, 100), (5000, 100)]
SETTINGS = {
    "seed": 5,
    "geometry": "small",
    "stacks": [{"gain": gain, "exptime": exptime, "frames": 4} for gain, exptime in STACKS],
}
PIPELINE = {"geometry": "small", "frames_per_part": 2}
CHOICE = "campaign=cgi.yaml"
MAPS = "results/cgi/excam/noise_maps.fits"


@pytest.fixture(scope="module")
def exposures(tmp_path_factory):
    """Make the first and the last two frames of every stack."""
    folder, early, late = tmp_path_factory.mktemp("frames"), [], []
    for number, exposure in enumerate(cgi.plan(SETTINGS)):
        cgi.deliver(SETTINGS, exposure.name, folder / exposure.file)
        (early if number % 4 < 2 else late).append(folder / exposure.file)
    return early, late


@pytest.fixture
def campaign(checkout, exposures):
    """Give a checkout with a campaign of the early frames of a local folder, locked."""
    (checkout.folder / "frames").mkdir()
    add(checkout, exposures[0])
    item = {"instrument": "cgi", "frames": {"dark": "*.fits"}, "cgi": PIPELINE}
    archive = {"kind": "local", "folder": str(checkout.folder / "frames")}
    checkout.campaign("cgi", archive=archive, items={"excam": item}, on_bad_exposure="exclude")
    checkout.snakemake("lock", "--config", CHOICE)
    return checkout


def add(checkout, paths):
    for path in paths:
        (checkout.folder / "frames" / path.name).write_bytes(path.read_bytes())


def test_new_frames_make_a_new_part_and_old_ones_are_not_read_again(campaign, exposures):
    """One stack alone: what its part needs, and what two frames more need."""
    parts = [f"results/cgi/excam/stacks/g5000_t100/{number}.fits" for number in ("001", "002")]
    campaign.snakemake(parts[0], "--config", CHOICE)
    add(campaign, [path for path in exposures[1] if fits.getval(path, "EMGAIN_C", 1) == 5000])
    campaign.snakemake("lock", "--config", CHOICE, "replace_lock=true")
    jobs = campaign.jobs(*parts, "--config", CHOICE)
    assert (jobs["fetch"], jobs["stack_statistics"]) == (1, 1)


def test_another_order_of_the_lock_fetches_nothing_and_lists_the_exposures_anew(campaign):
    """Parts of stacks are batches, which hold the same frames as before."""
    campaign.snakemake("exposures", "--config", CHOICE)
    lock = read_lock(campaign.folder / "cgi.lock.tsv")
    names = [row.exposure for row in lock.exposures]
    rows = sorted(lock.exposures, key=lambda row: -float(row.facts["em_gain"]))
    assert [row.exposure for row in rows] != names
    Lock(lock.path, lock.head, rows).write()
    jobs = campaign.jobs("exposures", "--config", CHOICE)
    assert jobs["status_list"] == 1
    assert "fetch" not in jobs
    campaign.snakemake("exposures", "--config", CHOICE)
    table = (campaign.folder / "results/cgi/excam/frames.tsv").read_text().splitlines()[1:]
    assert [line.partition("\t")[0] for line in table] == [row.exposure for row in rows]


@pytest.mark.heavy
def test_maps_are_made_again_of_new_and_old_parts(campaign, exposures):
    """Frames are added to one stack: one new part, and what is made of all parts."""
    jobs = campaign.jobs(MAPS, "--config", CHOICE)
    assert (jobs["fetch"], jobs["stack_statistics"]) == (4, 4)
    campaign.snakemake(MAPS, "--config", CHOICE)
    parts = [*campaign.folder.glob("results/cgi/excam/stacks/*/*.fits")]
    made = [path.stat().st_mtime_ns for path in parts]
    late = [path for path in exposures[1] if fits.getval(path, "EMGAIN_C", 1) == 5000]
    add(campaign, late)
    campaign.snakemake("lock", "--config", CHOICE, "replace_lock=true")
    jobs = campaign.jobs(MAPS, "--config", CHOICE)
    assert (jobs["fetch"], jobs["stack_statistics"], jobs["noise_maps"]) == (1, 1, 1)
    campaign.snakemake(MAPS, "--config", CHOICE)
    assert made == [path.stat().st_mtime_ns for path in parts]
    with fits.open(campaign.folder / MAPS) as hdus:
        assert list(read_table(hdus["STACKS"])["NFRAMES"]) == [2, 2, 2, 4]
        assert len(read_table(hdus["FRAMES"])["FILE"]) == 10


@pytest.mark.heavy
def test_faulty_frames_are_told_by_name_and_a_kill_loses_nothing(campaign, exposures):
    """A truncated frame and one of another shape are excluded; the latter is repaired."""
    add(campaign, exposures[1])
    narrow, cut_off = (campaign.folder / "frames" / path.name for path in exposures[0][:4:2])
    text = narrow.read_bytes()
    with fits.open(narrow) as hdus:
        for hdu in hdus[1:]:
            hdu.data = np.ascontiguousarray(hdu.data[..., :200])
        hdus.writeto(narrow, overwrite=True)
    cut_off.write_bytes(cut_off.read_bytes()[:100_000])
    campaign.snakemake("lock", "--config", CHOICE, "replace_lock=true")
    table = "results/cgi/excam/frames.tsv"
    campaign.snakemake(table, "--config", CHOICE)
    told = (campaign.folder / table).read_text()
    assert f"{narrow.name}: image of 120 rows x 200 columns, geometry 'EXCAM small'" in told
    narrow.write_bytes(text)
    campaign.snakemake("lock", "--config", CHOICE, "replace_lock=true")
    process = subprocess.Popen(
        campaign.command(MAPS, "--config", CHOICE),
        cwd=campaign.folder,
        env=campaign.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    time.sleep(8)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    campaign.snakemake(MAPS, "--config", CHOICE)
    with fits.open(campaign.folder / MAPS) as hdus:
        names = set(read_table(hdus["FRAMES"])["FILE"])
        assert len(names) == 15
        assert cut_off.name not in names
    assert not list((campaign.folder / "results").rglob("*.part*"))
