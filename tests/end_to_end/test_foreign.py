"""Names that others chose run nothing, and folders of any name work."""

import re

import pytest

from darkroom.campaign.lock import Lock
from darkroom.campaign.lock_rows import Exposure
from darkroom.ccd.simulate import exposures as ccd
from end_to_end.conftest import Checkout

pytestmark = pytest.mark.end_to_end

# Anything that a shell would take for more than a letter; each would make a file if it ran.
HOSTILE = "a $(touch RAN) `touch RAN`; 'q\" é中 %s &#x"
FRAMES = {"shape": [48, 64], "bias": {"count": 3}, "darks": [], "targets": []}
ITEM = {"instrument": "ccd", "frames": {"bias": "*.FIT"}}


def unquoted(command):
    """Return what of a command the shell reads as its own language."""
    return re.sub(r"'[^']*'|\"'\"", "", command)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Give a checkout with frames, all in folders with hostile names."""
    checkout = Checkout(tmp_path_factory.mktemp("foreign") / HOSTILE)
    frames = checkout.folder / f"frames {HOSTILE}"
    frames.mkdir()
    for exposure in ccd.plan(FRAMES):
        ccd.deliver(FRAMES, exposure.name, frames / exposure.file)
    (checkout.folder / HOSTILE).mkdir()
    archive = {"kind": "local", "folder": str(frames)}
    checkout.campaign(name=f"{HOSTILE}/small", archive=archive, items={"camera": ITEM})
    return checkout


def ran(checkout):
    """Return the files that hostile names make when they run."""
    return [path for path in checkout.folder.parent.rglob("RAN*") if path.is_file()]


def test_a_campaign_runs_in_folders_of_any_name(hostile):
    options = ["--config", f"campaign={HOSTILE}/small.yaml", f"results=made {HOSTILE}"]
    hostile.snakemake("lock", *options)
    text = hostile.snakemake(*options)
    made = hostile.folder / f"made {HOSTILE}" / "small"
    assert "products are made." in text
    assert (made / "report/index.html").stat().st_size > 10_000
    assert (made / "camera" / "read_noise.fits").is_file()
    assert "master_bias.fits" in hostile.snakemake("status", *options)
    assert "Nothing to be done" in hostile.snakemake(*options)
    assert ran(hostile) == []


def test_a_folder_of_results_may_be_written_in_more_than_one_way(checkout):
    """And awk takes a relative x=1/small.lock.tsv for a variable."""
    (checkout.folder / "x=1").mkdir()
    checkout.campaign(name="x=1/small", simulate=FRAMES)
    options = ["--config", "campaign=x=1/small.yaml", "results=./made/"]
    checkout.snakemake("lock", *options)
    checkout.snakemake("exposures", *options)
    made = checkout.folder / "made" / "small"
    assert len((made / "camera" / "frames.tsv").read_text().splitlines()) == 4
    (made / "raw" / "camera" / "bias_002.json").unlink()
    assert checkout.jobs("exposures", *options)["fetch"] == 1
    checkout.snakemake("exposures", *options)
    assert checkout.jobs("exposures", *options).get("fetch") is None


def test_every_command_of_every_instrument_quotes_the_folder_of_results(checkout):
    options = ["--config", "campaign=demo", f"results={HOSTILE}"]
    text = checkout.snakemake("-n", "-p", "--forceall", *options)
    commands = re.findall(r"^Shell command: (.*)$", text, re.MULTILINE)
    assert len(commands) > 140
    assert {"superbias.py", "noise_maps.py", "combine_visit.py", "sync.py", "master_bias.py"} <= {
        name for command in commands for name in re.findall(r"\w+\.py", command)
    }
    assert [one for one in commands if "touch RAN" in unquoted(one)] == []
    assert sum("touch RAN" in one for one in commands) > 140


@pytest.mark.parametrize(
    ("results", "fault"),
    [
        ("{item}", "it holds '{', by which Snakemake names wildcards"),
        ("-r", "it begins with '-', which programs take for an option or a list"),
        ("@r", "it begins with '@'"),
    ],
)
def test_a_folder_that_cannot_be_named_is_refused_in_a_sentence(checkout, results, fault):
    text = checkout.snakemake("-n", "--config", "campaign=demo", f"results={results}", status=1)
    (line,) = [line for line in text.splitlines() if line.startswith("darkroom: ")]
    assert fault in line
    assert "Traceback" not in text


@pytest.mark.parametrize("name", ["a$(touch RAN)", "my camp", "{item}", "x;touch RAN", "é"])
def test_a_campaign_file_that_cannot_name_its_results_is_refused_in_a_sentence(checkout, name):
    choice = checkout.campaign(name=name)
    text = checkout.snakemake("-n", "--config", choice, status=1)
    (line,) = [line for line in text.splitlines() if line.startswith("darkroom: ")]
    assert "it names the folder of results; rename the file" in line
    assert ran(checkout) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"exposure": "b$(touch RAN)"}, "exposure 'b$(touch RAN)' holds '$'"),
        ({"file": "b;touch RAN.fits"}, "file 'b;touch RAN.fits' holds ';'"),
        ({"uri": "local:/etc/passwd"}, "leads out of the archive's folder"),
        ({"uri": "local:a/../../x"}, "leads out of the archive's folder"),
        ({"item": "camera/../x"}, "item 'camera/../x' leads to another folder"),
    ],
)
def test_a_hostile_lock_is_refused_and_nothing_of_it_runs(checkout, change, fault):
    choice = checkout.campaign()
    checkout.snakemake("lock", "--config", choice)
    row = {
        "item": "camera", "role": "bias", "exposure": "b", "file": "b.fits",
        "uri": "local:b.fits", "size": 2880, "facts": {},
    }  # fmt: skip
    path = checkout.folder / "small.lock.tsv"
    query = re.search("# query: (.*)", path.read_text())[1]
    Lock(path, {"query": query}, [Exposure(**row | change)]).write()
    text = checkout.snakemake("--config", choice, status=1)
    (line,) = [line for line in text.splitlines() if line.startswith("darkroom: ")]
    assert fault in line
    assert ran(checkout) == []


def test_a_path_that_is_asked_for_by_name_runs_nothing(checkout):
    """The name of an exposure is a wildcard: what matches none is no file of any rule."""
    choice = checkout.campaign()
    checkout.snakemake("lock", "--config", choice)
    asked = "results/small/raw/camera/b$(touch RAN).json"
    assert "MissingRuleException" in checkout.snakemake(asked, "--config", choice, status=1)
    assert ran(checkout) == []
