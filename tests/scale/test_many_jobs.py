"""A campaign of more than 2,000 real jobs meets a full disk, a kill and 5 % damaged exposures.

Most of its items are one small frame each, brought, verified, sorted and listed; two go through all
products. What is tested is the workflow around the jobs: that the rest completes, that each failure
is named with its cause, and that a repeated command does only what is missing.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

from darkroom.ccd.simulate import exposures as ccd
from end_to_end.conftest import ROOT, SMALL, Checkout

pytestmark = pytest.mark.scale
# Fewer for a quick look; 600 make more than 2,000 jobs.
ITEMS = int(os.environ.get("DARKROOM_SCALE_ITEMS", "600"))
DAMAGED = ITEMS // 20
CHOICE = "campaign=many.yaml"
WHOLE = ("camera_a", "camera_b")


def jobs_of(checkout, targets):
    return checkout.jobs("--config", CHOICE, "--", *targets)


def summary(text):
    """Return ``{product: cause}`` of the failures that a run names at its end."""
    told = text[text.rindex("jobs failed:") :]
    return dict(re.findall(r"^  \w+  (\S+)\n      (.*)$", told, re.MULTILINE))


def left_over(folder):
    """Return what programs that ended in whatever way have left under temporary names."""
    return [*folder.rglob("*.part*"), *folder.rglob("*.work")]


class Stages:
    """What each stage cost, told at its end."""

    def __init__(self, capsys):
        self._capsys = capsys
        self._begun = time.monotonic(), self._used()[0]

    @staticmethod
    def _used():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3

    def done(self, what):
        (cpu, most), (wall_then, cpu_then) = self._used(), self._begun
        wall = time.monotonic()
        with self._capsys.disabled():
            print(f"\n{what}: {wall - wall_then:.0f} s, {cpu - cpu_then:.0f} CPU s", end="")
            print(f"; the biggest process so far had {most:.0f} MB", end="", flush=True)
        self._begun = wall, cpu


@pytest.fixture
def disk(tmp_path):
    """Give a function that makes a small disk, or gives it another size."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def size(kilobytes, *options):
        choice = ",".join([*options, f"size={kilobytes}k"])
        command = ["mount", "-t", "tmpfs", "-o", choice, "tmpfs", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small disk cannot be made here: {done.stderr.strip()}")
        return folder

    yield size
    subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)


def nights(checkout, count):
    """Put small frames into a checkout's archive; return items of one frame each."""
    frames = checkout.folder / "frames"
    frames.mkdir()
    ccd.deliver(SMALL, ccd.plan(SMALL)[0].name, frames / "first.FIT")
    content = (frames / "first.FIT").read_bytes()
    (frames / "first.FIT").unlink()
    items = {}
    for k in range(count):
        (frames / f"night{k:04d}.FIT").write_bytes(content)
        items[f"night{k:04d}"] = {"instrument": "ccd", "frames": {"bias": f"night{k:04d}.FIT"}}
    return items


@pytest.fixture
def many(tmp_path, disk):
    """Give a checkout with the campaign locked, its results on a disk that is far too small."""
    checkout = Checkout(tmp_path / "checkout")
    frames = checkout.folder / "frames"
    items = nights(checkout, ITEMS)
    for name in WHOLE:
        for exposure in ccd.plan(SMALL):
            ccd.deliver(SMALL, exposure.name, frames / f"{name}_{exposure.file}")
        roles = {"bias": "bias_*", "dark": "dark_*", "science": "target*"}
        items[name] = {
            "instrument": "ccd",
            "frames": {role: f"{name}_{pattern}" for role, pattern in roles.items()},
        }
    checkout.campaign("many", archive={"kind": "local", "folder": "frames"}, items=items)
    checkout.snakemake("lock", "--config", CHOICE)
    shutil.rmtree(checkout.folder / "results")
    (checkout.folder / "results").symlink_to(disk(2 * ITEMS))
    return checkout


def test_two_thousand_jobs_with_failures_a_kill_and_a_full_disk(many, disk, capsys):
    stages = Stages(capsys)
    frames = many.folder / "frames"
    damaged = [f"night{k:04d}" for k in range(0, ITEMS, ITEMS // DAMAGED)]
    whole = (frames / f"{damaged[0]}.FIT").read_bytes()
    for name in damaged:
        (frames / f"{name}.FIT").write_bytes(whole[:-2880])
    results = "results/many"
    targets = [f"{results}/night{k:04d}/bias.list" for k in range(ITEMS)]
    targets += [f"{results}/{name}/item.json" for name in WHOLE]
    planned = jobs_of(many, targets)
    assert sum(planned.values()) > 4 * ITEMS
    stages.done(f"plan of {sum(planned.values())} jobs")
    run = ("--cores", 2, "--config", CHOICE, "--")

    # 1. The disk is full: the jobs that met it say so, and nothing is half written.
    text = many.snakemake(*run, *targets[: ITEMS // 8], status=1)
    met = {
        product: cause
        for product, cause in summary(text).items()
        if product.split("/")[-2] not in damaged
    }
    assert met
    assert {p: cause for p, cause in met.items() if "No space left on device" not in cause} == {}
    assert left_over(many.folder / results) == []
    before = jobs_of(many, targets)
    assert 0 < before["fetch"] < planned["fetch"]
    stages.done("full disk")

    # 2. There is room again; the run is killed.
    disk(500_000, "remount")
    process = subprocess.Popen(
        many.command(*run, *targets),
        cwd=many.folder,
        env=many.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    statuses = many.folder / results / "raw"
    there = len(list(statuses.glob("*/*.json")))
    while len(list(statuses.glob("*/*.json"))) < there + ITEMS // 6:
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.5)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stages.done("kill")

    # 3. The same command goes on, but for the two that were at work with what was done. Damaged
    # exposures fail, by name and cause; the rest completes.
    left = jobs_of(many, targets)
    assert left["fetch"] <= before["fetch"] - ITEMS // 6 + 2
    text = many.snakemake(*run, *targets, status=1)
    failures = summary(text)
    assert sorted(failures) == [f"{results}/{name}/batches/raw/0001.list" for name in damaged]
    assert all("bytes" in cause and "expected" in cause for cause in failures.values())
    missing = jobs_of(many, targets)
    chain = ("fetch", "status_list", "frames", "role_list")
    assert missing == dict.fromkeys(chain, DAMAGED)
    assert left_over(many.folder / results) == []
    stages.done(f"the rest, {DAMAGED} fail")

    # 4. They are mended: only what was missing is made, and then there is nothing to do.
    for name in damaged:
        (frames / f"{name}.FIT").write_bytes(whole)
    text = many.snakemake(*run, *targets)
    assert f"{4 * DAMAGED} of {4 * DAMAGED} steps (100%) done" in text
    assert jobs_of(many, targets) == {}
    stages.done("mended")


def test_a_disk_that_is_full_for_snakemake_too_costs_a_repeat_and_no_more(disk):
    """The whole working folder is on it, with all that Snakemake notes of its jobs."""
    checkout = Checkout(disk(200_000) / "checkout")
    checkout.campaign(
        "many", archive={"kind": "local", "folder": "frames"}, items=nights(checkout, 30)
    )
    checkout.snakemake("lock", "--config", CHOICE)
    targets = [f"results/many/night{k:04d}/bias.list" for k in range(30)]
    used = shutil.disk_usage(checkout.folder).used // 1024
    disk(used + 700, "remount")
    text = checkout.snakemake("--cores", 2, "--config", CHOICE, "--", *targets, status=1)
    assert "No space left on device" in text
    made = {p: p.stat().st_mtime_ns for p in checkout.folder.glob("results/many/*/bias.list")}
    assert 0 < len(made) < len(targets)
    disk(200_000, "remount")
    checkout.snakemake("--cores", 2, "--config", CHOICE, "--", *targets)
    assert jobs_of(checkout, targets) == {}
    kept = [path for path, when in made.items() if path.stat().st_mtime_ns == when]
    assert len(kept) >= len(made) - 2
    for path in map(checkout.folder.joinpath, targets):
        frame = checkout.folder / path.read_text().splitlines()[-1]
        assert frame.stat().st_size == (checkout.folder / "frames/night0000.FIT").stat().st_size
    assert left_over(checkout.folder / "results") == []


def test_a_product_that_outgrows_the_disk_says_so_and_leaves_nothing(disk, tmp_path):
    frames = []
    for exposure in ccd.plan(SMALL)[:5]:
        frames.append(tmp_path / exposure.file)
        ccd.deliver(SMALL, exposure.name, frames[-1])
    folder = disk(40)
    program = [ROOT / ".venvs/detector/bin/python", ROOT / "scripts/ccd/master_bias.py"]
    done = subprocess.run(
        [*program, *frames, "--output", folder / "master_bias.fits"],
        env={"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("ERROR the disk is full, make room and repeat")
    assert list(folder.iterdir()) == []
