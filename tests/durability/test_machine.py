"""A tiny campaign in whose way stand kills, power cuts, damage and edits, in any order."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import tempfile
from contextlib import redirect_stdout, suppress
from pathlib import Path

import pytest
import yaml
from astropy.io import fits
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.lock import read_lock
from darkroom.campaign.pins import read_pins
from darkroom.ccd.simulate import exposures as ccd
from darkroom.integrity import digests, records
from darkroom.integrity.seen import forget
from darkroom.provenance import sha256
from darkroom.report.checking.campaign import check_campaign
from durability import kernel
from durability.cases import CCD, call, start_clock
from durability.disk import Disk, after_power_cut, is_temporary, write_tree
from durability.sweep import Case, Sweep, apply

pytestmark = pytest.mark.skipif(kernel.available() != "", reason=kernel.available() or "-")

ROOT = Path(__file__).resolve().parents[2]
FRAMES = ("bias_001", "bias_002", "bias_003", "dark_10s_001")
STEPS = ("lock", *(f"fetch {name}" for name in FRAMES), "frames", "role_list", "product", "pins")
RAW, OUT = "results/trial/raw/camera", "results/trial/camera"
PRODUCT = f"{OUT}/master_bias.fits"
CAMPAIGN = {
    "title": "Trial",
    "archive": {"kind": "local", "folder": "source"},
    "items": {
        "camera": {
            "instrument": "ccd",
            "frames": {"bias": "bias*.FIT", "dark": "dark*.FIT"},
        }
    },
}


def step(folder, name):
    """Run a program of the campaign."""
    raw, out, campaign = folder / RAW, folder / OUT, ["--campaign", folder / "trial.yaml"]
    name, _, exposure = name.partition(" ")
    statuses = sorted(raw.glob("*.json"))
    if name == "lock":
        call("archive/lock", *campaign, "--folder", folder / "source", "--replace")
    elif name == "fetch":
        call("archive/fetch", *campaign, "--folder", folder / "source", "--item", "camera",
             "--names", exposure, "--folder-of-items", raw.parent, "--output",
             raw.parent.parent / f"camera/batches/raw/{exposure}.list")  # fmt: skip
    elif name == "frames":
        call("archive/frames", "--item", "camera", "--instrument", "ccd", "--judgements",
             out / "judgements.tsv", "--output", out / "frames.tsv", *statuses)  # fmt: skip
    elif name == "role_list":
        call("archive/role_list", "--role", "bias", "--output", out / "bias.list",
             out / "frames.tsv")  # fmt: skip
    elif name == "product":
        call("ccd/master_bias", "--output", folder / PRODUCT, f"@{out / 'bias.list'}")
    else:
        pins = folder / "trial.pins.tsv"
        call("archive/pins", "--pins", pins, "--output", folder / "results/trial/pins.tsv",
             *statuses)  # fmt: skip


class Campaign(RuleBasedStateMachine):
    """Whatever happens: what is named is right or is refused, and a person's way out leads out."""

    def __init__(self):
        super().__init__()
        self.box = Path(tempfile.mkdtemp(prefix="darkroom-"))
        self.folder = self.box / "campaign"
        self.versions: dict[str, set[bytes]] = {}
        self.left: dict[str, bytes] = {}

    @property
    def damaged(self):
        """Files that are still as damage left them: neither made again nor lost."""
        return {
            name for name, content in self.left.items()
            if (self.folder / name).is_file() and (self.folder / name).read_bytes() == content
        }  # fmt: skip

    def teardown(self):
        """Remove the campaign."""
        shutil.rmtree(self.box)

    @initialize()
    def begin(self):
        """A person has frames, and says what to make of them."""
        source = self.folder / "source"
        for one in ccd.plan(CCD):
            if one.name in FRAMES:
                ccd.deliver(CCD, one.name, source / one.file)
                self.versions[one.file] = {(source / one.file).read_bytes()}
        (self.folder / "trial.yaml").write_text(yaml.safe_dump(CAMPAIGN, sort_keys=False))
        (self.folder / "results").mkdir()
        records.begin(self.folder / "results/trial", "snakemake", [(re.escape(p), False) for p in (
            PRODUCT, f"{OUT}/frames.tsv", f"{OUT}/judgements.tsv", f"{OUT}/bias.list",
            "results/trial/pins.tsv", *(f"{RAW}/{name}.json" for name in FRAMES),
        )])  # fmt: skip

    def program(self, name, decide=None):
        """Run a program in a process of its own; return its status and what it said."""
        log = self.box / "log"
        sweep = object.__new__(Sweep)
        sweep.case = Case(name, None, lambda folder: step(folder, name))
        sweep.folder, sweep.log = self.folder, log
        if decide is None:
            pid = os.fork()
            if pid == 0:
                os._exit(sweep._action())
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            status = kernel.watched(sweep._action, decide)
        said = log.read_text(errors="replace")
        assert "Traceback" not in said or decide, said
        return status, said

    # ------------------------------------------------------------------ what a person does

    @rule(name=st.sampled_from(STEPS))
    def one_program(self, name):
        """One program alone, also out of order: it ends well or with a sentence."""
        self.program(name)

    @rule()
    def run(self):
        """Everything in order, until something fails."""
        self.everything()

    def everything(self):
        """Return whether all ended well; then the product is that of the frames."""
        for name in STEPS:
            status, self.said = self.program(name)
            if status:
                return False
        frames = sorted((self.folder / RAW).glob("bias*.FIT"))
        for path in sorted((self.folder / RAW).glob("*.FIT")):
            assert path.read_bytes() in self.versions[path.name], f"{path.name} is no version"
        listed = (self.folder / OUT / "bias.list").read_text()
        assert all(path.name in listed for path in frames)
        assert len(frames) == 3
        assert self.pixels(self.folder / PRODUCT) == self.pixels(self.product_of(frames))
        return True

    def product_of(self, frames):
        """Return the product of frames as they are now, made elsewhere."""
        other = self.box / "other.fits"
        pid = os.fork()
        if pid == 0:
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 1)
            status = 1
            # A program of its own has read nothing yet of what this process read.
            forget()
            digests._known.clear()
            with suppress(BaseException):
                call("ccd/master_bias", "--output", other, *frames)
                status = 0
            os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        return other

    @staticmethod
    def pixels(path):
        """Return all pixels of a product as bytes."""
        with fits.open(path, checksum=True) as hdus:
            assert all(hdu.verify_checksum() == 1 for hdu in hdus)
            return [None if hdu.data is None else hdu.data.tobytes() for hdu in hdus]

    @rule()
    def run_and_check(self):
        """After a run that ended well a check finds every file as it was recorded."""
        if not self.damaged and self.everything():
            found = [one for one in self.found() if one.kind != "foreign"]
            assert found == [], found

    @precondition(lambda self: self.damaged)
    @rule()
    def check_the_damaged(self):
        """A check tells of every file that is damaged; nothing else is called so."""
        told = [one for one in self.found() if one.kind == "damaged"]
        for name in self.damaged:
            assert any(name in f"{one.path} {one.why}" for one in told), (name, told)

    def found(self):
        """Return what a check of the campaign finds."""
        campaign = open_campaign(self.folder / "trial.yaml", ROOT, self.folder / "source")
        return check_campaign(campaign, str(self.folder / "results"))[0].found

    @rule(name=st.sampled_from(FRAMES), value=st.integers(1, 255))
    def edit(self, name, value):
        """Somebody replaces a frame in the archive's folder by one of the same size."""
        path = self.folder / "source" / f"{name}.FIT"
        content = bytearray(path.read_bytes())
        content[2880] ^= value
        path.write_bytes(content)
        self.versions[path.name].add(bytes(content))

    @precondition(lambda self: self.damaged)
    @rule()
    def repair(self):
        """The damaged files are removed, as the sentences say; then all can be made."""
        for name in self.damaged:
            (self.folder / name).unlink()
        self.rerun()

    @rule()
    def rerun(self):
        """What stands in the way is removed, and everything is made again."""
        if not self.damaged and not self.everything():
            # Edited in the archive since it was pinned: accepted as the sentence says.
            assert "pinned is" in self.said or "refused" in self.said, self.said
            (self.folder / "trial.pins.tsv").unlink(missing_ok=True)
            for path in (self.folder / RAW).glob("*.json"):
                path.unlink()
            assert self.everything(), self.said

    # ------------------------------------------------------------------ what happens to it

    @rule(name=st.sampled_from(STEPS), n=st.integers(0, 40))
    def kill(self, name, n):
        """A program is killed at its n-th operation."""
        disk, count = Disk(self.folder), 0

        def decide(one):
            nonlocal count
            if apply(one, disk) is None:
                return 0
            count += 1
            if count > n:
                os.kill(one.pid, signal.SIGKILL)
            return 0

        self.program(name, decide)

    @rule(
        name=st.sampled_from(STEPS),
        n=st.integers(0, 40),
        names=st.sampled_from(["durable", "all"]),
        seed=st.integers(0, 9),
    )  # fmt: skip
    def cut_power(self, name, n, names, seed):
        """The power is cut at the n-th operation of a program; what was not flushed may be lost."""
        disk, count, left = Disk(self.folder), 0, None

        def decide(one):
            nonlocal count, left
            disk.settle()
            if count == n and left is None:
                left = after_power_cut(disk.tree, names, "any", seed)
            count += apply(one, disk) is not None
            return 0

        self.program(name, decide)
        disk.settle()
        write_tree(left or after_power_cut(disk.tree, names, "any", seed), self.folder)

    @rule(pick=st.integers(0, 99), place=st.integers(0, 10**6), cut=st.booleans())
    def damage(self, pick, place, cut):
        """A bit flips in a file, or its end is lost."""
        before = {self.folder / name for name in self.damaged}
        files = [path for path in self.files() if path not in before and self.is_told(path)]
        if files:
            path = files[pick % len(files)]
            content = bytearray(path.read_bytes())
            if content:
                if cut:
                    content = content[: place % len(content)]
                else:
                    content[place % len(content)] ^= 1 << place % 7
                path.write_bytes(content)
                self.left[str(path.relative_to(self.folder))] = bytes(content)

    def is_told(self, path):
        """Whether what reads the file can tell: tables without a digest of their rows cannot."""
        sealed = path.suffix == ".tsv" and "sha256:" in path.read_text(errors="replace")[:400]
        return path.suffix in (".FIT", ".fits") or sealed

    def files(self):
        """Return the files that programs made."""
        found = [self.folder / "trial.lock.tsv", self.folder / "trial.pins.tsv"]
        found += sorted((self.folder / "results").rglob("*"))
        return [
            path for path in found
            if path.is_file() and not is_temporary(str(path.relative_to(self.folder)))
            and records.FOLDER not in path.parts
            # Notes of a fetch, which it compares itself, and locks.
            and ".arrived" not in path.parts and path.name != ".claims"
        ]  # fmt: skip

    # ------------------------------------------------------------------ what holds at any time

    @invariant()
    def check(self):
        """Whatever is named and not damaged can be read, and is what is said of it."""
        damaged = self.damaged
        whole = {
            path for path in self.files()
            if str(path.relative_to(self.folder)) not in damaged
        }  # fmt: skip
        for path in sorted(whole):
            if path.suffix == ".json":
                status = json.loads(path.read_text())
                frame = path.with_name(status["file"])
                if status["accepted"] and f"{RAW}/{frame.name}" not in damaged:
                    assert sha256(frame) == status["sha256"], f"{path.name} and its frame differ"
            elif path.suffix == ".fits":
                self.pixels(path)
            elif path.suffix == ".FIT":
                assert path.read_bytes() in self.versions[path.name]
            elif path.name == "trial.lock.tsv":
                assert len(read_lock(path).exposures) == len(FRAMES)
            elif path.name.endswith("pins.tsv"):
                read_pins(path)
            else:
                assert path.read_bytes().endswith(b"\n"), f"{path.name} is cut"


def _warm():
    """Run every program once in this process, so that forks need not import what they use."""
    one = Campaign()
    try:
        one.begin()
        with open(one.box / "log", "w") as log, redirect_stdout(log):
            for name in STEPS:
                step(one.folder, name)
    finally:
        one.teardown()


def _run(examples, steps):
    try:
        _warm()
        run_state_machine_as_test(
            Campaign, settings=settings(max_examples=examples, stateful_step_count=steps)
        )
    finally:
        start_clock()


def test_a_campaign_in_trouble_is_right_or_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["pytest"])
    _run(examples=2, steps=4)


@pytest.mark.heavy
def test_a_campaign_in_much_trouble_is_right_or_refused(monkeypatch):
    monkeypatch.setattr("sys.argv", ["pytest"])
    _run(examples=100, steps=20)
