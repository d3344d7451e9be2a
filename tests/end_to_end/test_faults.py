"""What a person gets wrong ends in one readable message, and damaged frames are named."""

import gzip

import pytest
import yaml

from darkroom.ccd.simulate import exposures as ccd
from end_to_end.conftest import SMALL
from end_to_end.warm import CCD, warmed

pytestmark = pytest.mark.end_to_end
CHOICE = "campaign=small.yaml"


def told(text):
    """Return the lines that darkroom itself wrote."""
    return [line for line in text.splitlines() if line.startswith(("darkroom: ", "ERROR "))]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"titel": "x"}, "unknown key 'titel' (did you mean 'title'?)"),
        ({"title": 3}, "key 'title' is 3, it must be of type string"),
        ({"items": {"camera": {"instrument": "cdd"}}}, "'cdd' (did you mean 'ccd'?)"),
        ({"archive": {"kind": "local"}}, "key 'archive' lacks 'folder'"),
    ],
)
def test_a_wrong_campaign_is_one_message(checkout, change, message):
    choice = checkout.campaign(**change)
    lines = told(checkout.snakemake("-n", "--config", choice, status=1))
    assert len(lines) == 1
    assert message in lines[0]


def test_no_lock_is_one_message(checkout):
    lines = told(checkout.snakemake("--config", checkout.campaign(), status=1))
    assert len(lines) == 1
    assert (
        "campaign small has no lock (small.lock.tsv) yet; make it with: snakemake lock" in lines[0]
    )


def test_an_unknown_campaign_is_one_message(checkout):
    lines = told(checkout.snakemake("-n", "--config", "campaign=asi187", status=1))
    assert len(lines) == 1
    assert "there is no campaign 'asi187' (did you mean 'asi178'?)" in lines[0]


def test_a_missing_folder_and_an_empty_query_are_one_message(checkout):
    item = {"instrument": "ccd", "frames": {"bias": "bias_*.FIT"}}
    choice = checkout.campaign(archive={"kind": "local", "folder": "none"}, items={"camera": item})
    text = checkout.snakemake("lock", "--config", choice, status=1)
    assert "there is no folder 'none'; put the exposures there, or give another one with" in text
    assert "Traceback" not in text
    (checkout.folder / "none").mkdir()
    text = checkout.snakemake("lock", "--config", choice, status=1)
    assert "item camera: no file in none matches the bias pattern 'bias_*.FIT'" in text


def test_a_part_is_made_though_the_whole_cannot_be_planned(checkout):
    """An item of science frames alone has no products, but its exposures are fetched and listed."""
    (checkout.folder / "frames").mkdir()
    bias = ccd.plan(SMALL)[0]
    ccd.deliver(SMALL, bias.name, checkout.folder / "frames" / bias.file)
    choice = checkout.campaign(
        archive={"kind": "local", "folder": "frames"},
        items={"camera": {"instrument": "ccd", "frames": {"science": "*.FIT"}}},
    )
    checkout.snakemake("lock", "--config", choice)
    text = checkout.snakemake("results/small/camera/science.list", "--config", choice)
    assert "4 steps done in" in text
    assert "darkroom: item camera: the CCD pipeline needs bias frames or darks" in text


def test_an_edited_selection_asks_for_a_new_lock_and_never_replaces_it_silently(checkout):
    choice = checkout.campaign()
    checkout.snakemake("lock", "--config", choice)
    before = (checkout.folder / "small.lock.tsv").read_text()
    checkout.campaign(simulate=SMALL | {"bias": {"count": 4}})
    assert "was edited since this lock was made" in checkout.snakemake(
        "-n", "--config", choice, status=1
    )
    text = checkout.snakemake("lock", "--config", choice, status=1)
    assert "- camera/bias_005: no longer in the archive's answer" in text
    assert (checkout.folder / "small.lock.tsv").read_text() == before
    checkout.snakemake("lock", "--config", choice, "replace_lock=true")
    assert "bias_005" not in (checkout.folder / "small.lock.tsv").read_text()


@pytest.fixture
def local(checkout):
    """Give a local campaign of which two frames are damaged, each in its own way."""
    folder = checkout.folder / "frames"
    folder.mkdir()
    for exposure in ccd.plan(SMALL):
        ccd.deliver(SMALL, exposure.name, folder / exposure.file)
    cut = folder / "dark_5s_002.FIT"
    cut.write_bytes(cut.read_bytes()[:-2880])
    comma = folder / "dark_20s_001.FIT"
    comma.write_bytes(
        comma.read_bytes().replace(b"                20.0 /", b"                20,0 /")
    )
    packed = folder / "bias_001.FIT"
    (folder / "bias_001.FIT.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    frames = {"bias": "bias_*.FIT*", "dark": "dark_*.FIT", "science": "target*.FIT"}
    checkout.campaign(
        archive={"kind": "local", "folder": "frames"},
        items={"camera": {"instrument": "ccd", "frames": frames}},
    )
    checkout.snakemake("lock", "--config", CHOICE)
    return checkout


REASONS = (
    "dark_5s_002.FIT: truncated: HDU 0 should end at byte",
    "dark_20s_001.FIT: card EXPTIME = 20,0 is not a number",
)


def test_damaged_frames_stop_the_campaign_by_name(local):
    text = local.snakemake("--config", CHOICE, status=1)
    assert "item camera: 2 of 16 exposures are refused" in text
    for reason in REASONS:
        assert text.count(reason) == 2  # in the log of the job, and in the summary
    assert not (local.folder / "results/small/camera/master_bias.fits").exists()
    assert not (local.folder / "results/small/raw/camera/dark_5s_002.FIT").exists()


def test_damaged_frames_are_excluded_when_the_campaign_says_so(local):
    path = local.folder / "small.yaml"
    settings = yaml.safe_load(path.read_text()) | {"on_bad_exposure": "exclude"}
    path.write_text(yaml.safe_dump(settings))
    with warmed(local, "detector", CCD):
        local.snakemake("--config", CHOICE)
    page = (local.folder / "results/small/report/items/camera.html").read_text()
    for reason in REASONS:
        assert reason.split(": ", 1)[1] in page
    # Going back to `stop` names both, without fetching anything again.
    path.write_text(yaml.safe_dump(settings | {"on_bad_exposure": "stop"}))
    text = local.snakemake("--config", CHOICE, status=1)
    assert "item camera: 2 of 16 exposures are refused" in text
