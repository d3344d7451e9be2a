"""The harness sees every change of a disk, and finds programs that are not safe."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.atomic import rename_durably, write_text
from durability import kernel
from durability.disk import after_power_cut, named, plain
from durability.sweep import Case, Operation, Sweep

pytestmark = pytest.mark.skipif(kernel.available() != "", reason=kernel.available() or "-")


def sweep(tmp_path, run, prepare=lambda _: None, **more):
    # What a program by itself does, without the records of a campaign.
    case = Case("trial", prepare, run, **{"results": "", **more})
    return Sweep(case, tmp_path / "box", tmp_path / "log")


def test_writes_of_c_code_of_the_kernel_and_of_other_processes_are_seen(tmp_path):
    """The sweep itself requires that the model and the disk agree to the last byte."""

    def run(folder):
        np.arange(10_000).tofile(folder / "by_numpy")
        shutil.copyfile(folder / "by_numpy", folder / "by_the_kernel")
        code = f"import pathlib; pathlib.Path({str(folder)!r}, 'by_another').write_text('x')"
        subprocess.run([sys.executable, "-c", code], check=True)
        os.link(folder / "by_another", folder / "linked")
        (folder / "inner" / "deep").mkdir(parents=True)
        (folder / "inner" / "deep" / "file").write_text("y")
        os.rename(folder / "inner", folder / "moved")
        (folder / "by_another").unlink()

    found = sweep(tmp_path, run)
    kinds = {one.kind for one in found.operations}
    assert kinds >= {"write", "create", "rename", "link", "remove", "mkdir"}
    assert Operation("write", "by_numpy") in found.operations
    assert Operation("write", "by_the_kernel") in found.operations
    assert Operation("write", "by_another") in found.operations
    assert found.after["moved"] == {"deep": {"file": b"y"}}


def test_a_rename_without_a_flush_is_found(tmp_path):
    def run(folder):
        (folder / ".a.1.part").write_text("whole")
        os.replace(folder / ".a.1.part", folder / "a")

    faults = sweep(tmp_path, run).run().faults
    assert any("a is wrong (0 bytes)" in fault for fault in faults)
    assert any("lost after the end" in fault for fault in faults)


def test_a_name_that_is_not_flushed_is_found(tmp_path):
    def run(folder):
        descriptor = os.open(folder / ".a.1.part", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"whole")
        os.fsync(descriptor)
        os.close(descriptor)
        os.replace(folder / ".a.1.part", folder / "a")

    faults = sweep(tmp_path, run).run().faults
    assert faults == ["lost after the end: ['a']"]


def test_a_file_that_is_written_under_its_name_is_found(tmp_path):
    def run(folder):
        with (folder / "a").open("w") as stream:
            stream.write("whole")
            stream.flush()
            os.fsync(stream.fileno())

    assert any("a is wrong" in fault for fault in sweep(tmp_path, run).run().faults)


def test_a_note_that_comes_before_what_it_speaks_of_is_found(tmp_path):
    def run(folder):
        write_text(folder / "note.json", "frame.fits is good")
        write_text(folder / "frame.fits", "frame")

    found = sweep(tmp_path, run, notes={"note.json": ("frame.fits",)}).run()
    assert any("note.json speaks of frame.fits" in fault for fault in found.faults)


def test_a_failure_that_is_passed_over_is_found(tmp_path):
    def run(folder):
        try:
            write_text(folder / "a", "whole")
        except OSError:
            print("never mind")

    assert any("ended well, but ['a']" in fault for fault in sweep(tmp_path, run).run().faults)


def test_a_program_that_cannot_be_repeated_is_found(tmp_path):
    def run(folder):
        (folder / "begun").mkdir()
        write_text(folder / "a", "whole")
        (folder / "begun").rmdir()

    assert any("a repeat fails" in fault for fault in sweep(tmp_path, run).run().faults)


def test_what_astropy_loses_when_a_disk_is_full_for_a_moment_is_found(tmp_path):
    """The reason of `darkroom.fits.write.save`."""

    def run(folder):
        fits.PrimaryHDU(np.ones((20, 20))).writeto(folder / ".a.1.part")
        rename_durably(folder / ".a.1.part", folder / "a")

    faults = sweep(tmp_path, run).run(cuts=()).faults
    assert any("ended well, but ['a'] are not as they should be" in fault for fault in faults)


def test_a_durable_program_passes(tmp_path):
    def prepare(folder):
        write_text(folder / "note.json", "old")

    def run(folder):
        write_text(folder / "inner" / "frame.fits", "frame")
        write_text(folder / "note.json", "frame.fits is good")

    found = sweep(tmp_path, run, prepare, notes={"note.json": ("inner/frame.fits",)}).run()
    assert found.faults == []
    assert found.points > 150
    assert {"failed, said so", "power cut, all there", "power cut, some there"} <= {*found.outcomes}


def test_a_power_cut_leaves_what_was_flushed_and_any_part_of_the_rest(tmp_path):
    def run(folder):
        write_text(folder / "kept", "durable")
        (folder / "kept.tmp").write_text("0123456789")

    last = sweep(tmp_path, run).states[-1]
    cut = {data: named(after_power_cut(last, "all", data, 0)) for data in
           ("none", "half", "zeros", "all")}  # fmt: skip
    assert {tree["kept"] for tree in cut.values()} == {b"durable"}
    assert [cut[data]["kept.tmp"] for data in cut] == [b"", b"01234", bytes(10), b"0123456789"]
    assert named(after_power_cut(last, "durable", "none", 0)) == {"kept": b"durable"}
    some = {tuple(named(after_power_cut(last, "some", "all", seed))) for seed in range(20)}
    assert some == {("kept",), ("kept", "kept.tmp")}
    assert named(plain(last)).keys() == {"kept", "kept.tmp"}


def test_an_error_reaches_the_program_as_the_disk_gives_it(tmp_path):
    def run(folder):
        try:
            write_text(folder / "a", "x")
        except OSError as error:
            return {errno.EIO: 41, errno.ENOSPC: 42}[error.errno]

    status = []
    found = sweep(tmp_path, run)
    place = next(n for n, one in enumerate(found.operations) if one.kind == "rename")
    for error in (errno.EIO, errno.ENOSPC):
        counted = iter(range(10_000))
        action = found._action
        status.append(
            kernel.watched(
                action,
                lambda call, counted=counted, error=error: (
                    error if call.name.startswith("rename") and next(counted) == 0 else 0
                ),
            )
        )
    assert status == [41, 42]
    assert place > 0
