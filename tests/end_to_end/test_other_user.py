"""A checkout of somebody else: readable, not writable; campaign and results are one's own."""

import os
import re
import shutil
import subprocess

import pytest

from end_to_end.conftest import Checkout

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user"),
    pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv (util-linux) here"),
]
NOBODY = 65534
# May read everything, as the folders above a checkout may be root's; may write what is its own.
AS_NOBODY = (
    f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "
    "--inh-caps +dac_read_search --ambient-caps +dac_read_search"
).split()


@pytest.fixture
def own(checkout, tmp_path):
    """Give a folder of another user with a campaign, and one for the results elsewhere."""
    checkout.campaign()
    own = tmp_path / "own"
    own.mkdir()
    (checkout.folder / "small.yaml").rename(own / "small.yaml")
    for folder in (own, own / "results"):
        folder.mkdir(exist_ok=True)
    for path in (own, *own.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    for path in (checkout.folder, *checkout.folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode & ~0o022)
    return own


def run(checkout, folder, *words, status=0):
    """Run snakemake as another user; return what it printed."""
    words = ["--cores", "1", *words, "--config", f"campaign={folder}/small.yaml"]
    done = subprocess.run(
        [*AS_NOBODY, *checkout.command(*words, f"results={folder}/results")],
        cwd=folder if "--snakefile" in words else checkout.folder,
        env=checkout.environment() | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    text = done.stdout + done.stderr
    assert done.returncode == status, text
    return text


def state(folder):
    """Return what is in a folder, and when each was changed."""
    return {
        path: path.lstat().st_ctime_ns for path in (folder, *folder.rglob("*"))
    }  # fmt: skip


def test_in_a_folder_of_somebody_else_one_sentence_tells_what_to_do(checkout: Checkout, own):
    before = state(checkout.folder)
    text = run(checkout, own, "lock", status=1)
    sentence = text.splitlines()[-1]
    assert sentence == (
        f"darkroom: {checkout.folder} may not be written to, and Snakemake keeps its notes there; "
        f"run in a folder of your own, with: --snakefile {checkout.folder}/Snakefile"
    )
    assert "Traceback" not in text
    assert state(checkout.folder) == before


def test_in_a_folder_of_ones_own_nothing_is_written_elsewhere(checkout: Checkout, own):
    before = state(checkout.folder)
    snakefile = ("--snakefile", str(checkout.folder / "Snakefile"))
    assert "16 exposures locked" in run(checkout, own, *snakefile, "lock")
    table = own / "results/small/camera/frames.tsv"
    run(checkout, own, *snakefile, str(table))
    assert len(re.findall("\tyes\t", table.read_text())) == 16
    assert {path.stat().st_uid for path in own.rglob("*")} == {NOBODY}
    assert state(checkout.folder) == before
