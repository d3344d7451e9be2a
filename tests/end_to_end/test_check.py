"""`snakemake check`, and programs that read what was damaged after it was made."""

import os
import random
from pathlib import Path

import pytest

from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.lock import require_lock
from darkroom.report.checking.campaign import check_campaign
from darkroom.report.checking.files import files_below
from end_to_end.conftest import SMALL, Checkout

pytestmark = pytest.mark.end_to_end
CHOICE = "campaign=small.yaml"
RESULTS = "results/small"


@pytest.fixture
def copy(finished, tmp_path):
    """Give a copy of the finished checkout, at another place."""
    return copied(finished, tmp_path)


def copied(done, folder):
    return done.moved(folder / "moved")


def flip(path, draws=None):
    """Flip one bit of a file, and leave its date as it is."""
    draws, found, content = draws or random.Random(1), path.stat(), bytearray(path.read_bytes())
    content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))


def check(name="small", planned=()):
    """Check a campaign of the present folder."""
    campaign = open_campaign(f"{name}.yaml", Path.cwd(), None)
    return check_campaign(campaign, "results", planned)[0]


def not_found(name, tries):
    """Flip a bit of one file after the other; return those after which nothing was found."""
    root = Path("results", name)
    campaign = open_campaign(f"{name}.yaml", Path.cwd(), None)
    files = [*files_below(root), *(root / ".records").rglob("*.json")]
    files += [campaign.lock_path, campaign.pins_path]
    files = [path for path in files if path.stat().st_size]
    draws, missed = random.Random(5), []
    draws.shuffle(files)
    for number in range(tries):
        path = files[number % len(files)]
        whole = path.read_bytes()
        flip(path, draws)
        found = check(name)
        named = {Path(finding.path) for finding in found.found if finding.kind == "damaged"}
        record = path.relative_to(root) if root in path.parents else path
        if found.status() != 3 or not any(
            path in (one, one.with_name(one.name)) or one.name in path.name for one in named
        ):
            missed.append((str(record), found.status(), sorted(map(str, named))))
        path.write_bytes(whole)
    return missed


def test_a_whole_campaign_is_found_whole(copy, monkeypatch):
    text = copy.snakemake("check", "--config", CHOICE)
    assert "Every file is as it was recorded." in text
    monkeypatch.chdir(copy.folder)
    assert check().found == []
    missed = not_found("small", 60)
    assert missed == []
    assert check().found == []


def test_what_is_damaged_missing_stale_or_foreign_is_told_with_the_command(copy, monkeypatch):
    monkeypatch.chdir(copy.folder)
    camera = Path(RESULTS, "camera")
    flip(camera / "master_dark.fits")
    flip(Path(RESULTS, "raw/camera/bias_001.FIT"))
    (camera / "read_noise.fits").unlink()
    (camera / "notes.txt").write_text("mine")
    found = {finding.path: finding for finding in check().found}
    kinds = {path.removeprefix(f"{RESULTS}/"): one.kind for path, one in found.items()}
    assert kinds.pop("camera/read_noise.fits") == "missing"
    assert kinds.pop("camera/master_dark.fits") == "damaged"
    assert kinds.pop("raw/camera/bias_001.FIT") == "damaged"
    assert kinds.pop("camera/notes.txt") == "foreign"
    # What was made from the file that is gone.
    assert set(kinds.values()) <= {"stale"}
    text = copy.snakemake("check", "--config", CHOICE, status=1)
    assert f"--forcerun {RESULTS}/camera/batches/raw/0001.list\n" in text
    command = text.partition("To make all of them again:\n")[2].split("\n")[0].split()
    assert command[:3] == [".venv/bin/python", "-m", "snakemake"]
    copy.snakemake(*command[3:])
    (camera / "notes.txt").unlink()
    assert check().found == []


def test_a_product_made_from_other_bytes_is_stale(copy, monkeypatch):
    monkeypatch.chdir(copy.folder)
    item = {"instrument": "ccd", "simulate": SMALL, "ccd": {"nsigma": 4}}
    copy.campaign(items={"camera": item})
    copy.snakemake(f"{RESULTS}/camera/master_dark.fits", "--config", CHOICE)
    stale = [finding for finding in check().found if finding.kind == "stale"]
    assert f"{RESULTS}/camera/figures/bias_asinh.webp" in {finding.path for finding in stale}
    assert "was made from camera/" in stale[0].why
    assert check().status() == 4


@pytest.mark.parametrize(
    ("damaged", "made"),
    [
        ("raw/camera/bias_002.FIT", "camera/master_bias.fits"),
        ("camera/master_dark.fits", "camera/subtracted.list"),
        ("camera/bias.list", "camera/master_bias.fits"),
    ],
)
def test_what_was_damaged_after_it_was_made_makes_no_product(copy, damaged, made):
    path = copy.folder / RESULTS / damaged
    flip(path)
    text = copy.snakemake("--force", f"{RESULTS}/{made}", "--config", CHOICE, status=1)
    assert f"{RESULTS}/{damaged}: its SHA-256 is " in text or "bias.list" in text
    assert "--forcerun" in text
    assert not (copy.folder / RESULTS / made).exists()


STACKS = [(1.5, 2), (500, 2), (30, 100), (5000, 100)]
ALL = {
    "camera": {"instrument": "ccd", "simulate": SMALL},
    "nrcalong": {
        "instrument": "nircam",
        "nircam": {"superbias": {"pedigree": "DUMMY"}, "readnoise": {"pedigree": "DUMMY"}},
        "simulate": {
            "detector": "NRCALONG", "subarray": "SUB160P", "exposures": 3, "nints": 2, "ngroups": 6,
        },
    },
    "visit": {
        "instrument": "wfc3",
        "simulate": {
            "seed": 7, "subarray": "SQ64SUB", "nsamp": 8, "stars": 3000, "galaxies": 0, "blobs": 0,
            "exposures": [{"dither": [0.4 * (n % 3), 0.4 * (n // 3 % 3)]} for n in range(4)],
        },
    },
    "excam": {
        "instrument": "cgi",
        "cgi": {"geometry": "small", "frames_per_part": 2},
        "simulate": {
            "geometry": "small",
            "stacks": [{"gain": gain, "exptime": time, "frames": 4} for gain, time in STACKS],
        },
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """Give a checkout with a finished campaign of every instrument."""
    done = Checkout(tmp_path_factory.mktemp("every") / "checkout")
    choice = done.campaign("all", items=ALL)
    done.snakemake("lock", "--config", choice)
    done.snakemake("--config", choice)
    return done


@pytest.mark.heavy
def test_flipped_bits_are_found_in_files_of_every_instrument(every, monkeypatch):
    monkeypatch.chdir(every.folder)
    assert check("all").found == []
    assert not_found("all", 200) == []
    assert check("all").found == []


# A rule of each instrument that reads an exposure.
READERS = {
    "camera": "camera/read_noise.fits",
    "nrcalong": "nrcalong/superbias.fits",
    "visit": "visit/batches/original/0001.list",
    "excam": "excam/stacks/g5000_t100/001.fits",
}


@pytest.mark.heavy
@pytest.mark.parametrize("item", ALL)
def test_an_exposure_damaged_after_its_fetch_makes_no_product(every, monkeypatch, item):
    monkeypatch.chdir(every.folder)
    rows = require_lock(open_campaign("all.yaml", Path.cwd(), None)).of(item)
    row = next(row for row in rows if item != "camera" or row.role == "bias")
    if item == "excam":
        row = next(row for row in rows if row.facts.get("em_gain", "").startswith("5000"))
    frame = Path("results/all/raw", item, row.file)
    made = f"results/all/{READERS[item]}"
    # A batch keeps what its exposures have: only without it is the damaged one read.
    products = [Path(made)]
    if item == "visit":
        products.append(Path("results/all/visit/original", f"{row.exposure}.json"))
    whole, kept = frame.read_bytes(), [product.read_bytes() for product in products]
    flip(frame)
    for product in products:
        product.unlink()
    try:
        text = every.snakemake("--force", made, "--config", "campaign=all.yaml", status=1)
        assert not any(product.exists() for product in products)
    finally:
        frame.write_bytes(whole)
        for product, content in zip(products, kept, strict=True):
            product.parent.mkdir(parents=True, exist_ok=True)
            product.write_bytes(content)
    assert f"{frame}: its SHA-256 is " in text
    assert f"--forcerun results/all/{item}/batches/raw/" in text


@pytest.mark.heavy
@pytest.mark.parametrize("end", ["flt", "ima", "raw"])
@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_what_a_calibration_leaves_beside_its_status_is_made_again(every, monkeypatch, end, damage):
    """Later steps read all three; a batch makes again what is not as its status states."""
    monkeypatch.chdir(every.folder)
    path = sorted(Path("results/all/visit/original").glob(f"*_{end}.fits"))[1]
    damage(path)
    found = {finding.path: finding for finding in check("all").found}[str(path)]
    assert found.target == "results/all/visit/batches/original/0001.list"
    choice = ("--config", "campaign=all.yaml")
    every.snakemake("--forcerun", found.target, *choice, "--", found.target)
    assert path.is_file()
    assert not [one for one in check("all").found if one.kind != "stale"]
