"""Lists of what was made of exposures, and the notes of what it was made from.

A batch's list and an item's are read by programs (``@list``) and while a run is planned; the keys
and notes tell what need not be fetched or made again.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

from darkroom.archive.arrivals import Arrivals
from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.exposure import read_exposure
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.status import acceptance, write_status
from darkroom.cli import ListFileParser, _of_the_system
from darkroom.errors import DarkroomError
from darkroom.integrity.listing import incomplete_lists, lists_by_file
from darkroom.integrity.records import begin
from darkroom.integrity.seen import forget
from darkroom.integrity.watch import settle, watch
from fuzz import mutate
from fuzz.subjects import Several

NAMES = ("e1", "e2", "e3")
BATCH, ITEM = "results/c/camera/batches/copies/0001.list", "results/c/camera/copies.list"


def _parser(kind=argparse.ArgumentParser):
    parser = kind()
    parser.add_argument("exposure", nargs="+", type=Path)
    parser.add_argument("--output", type=Path)
    add_batch_options(parser)
    return parser


def _copy(arguments):
    """Write the status of an exposure and its file, as a calibration does."""
    found = read_exposure(arguments.exposure)
    content = Path(found.pop("path")).read_bytes()
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.with_name(found["file"]).write_bytes(content)
    write_status(arguments.output, found)


class ListFile(Several):
    """The list of a batch, that of its item, the key of one exposure, and its arrival."""

    file = BATCH
    files = (
        BATCH, BATCH, ITEM, ITEM, "results/c/camera/copies/.made/e2.key",
        "results/c/raw/camera/.arrived/e2.key", "results/c/raw/camera/.arrived/e2.json",
    )  # fmt: skip

    def __init__(self, folder):
        super().__init__(folder)
        watch()
        self.results = folder / "results/c"
        self.results.mkdir(parents=True, exist_ok=True)
        begin(self.results, "snakemake", [])
        forget()
        raw = self.results / "raw"
        self.arrivals, self.rows = Arrivals(raw), []
        (raw / "camera/.arrived").mkdir(parents=True, exist_ok=True)
        for name in NAMES:
            content = name.encode() * 99
            (raw / f"camera/{name}.fits").write_bytes(content)
            row = Exposure("camera", "bias", name, f"{name}.fits", "u", len(content), {})
            found = acceptance(row, len(content), hashlib.sha256(content).hexdigest(), {}, [])
            write_status(raw / f"camera/{name}.json", found)
            self.arrivals.note(row, "k", found)
            self.rows.append(row)
        self._make()
        (folder / ITEM).write_bytes((folder / BATCH).read_bytes())
        self.sounds = {name: (folder / name).read_bytes() for name in dict.fromkeys(self.files)}

    def _make(self):
        first = self.results / "raw/camera/e1.json"
        words = ["--names", *NAMES, "--made", self.folder / BATCH, "--batch-key", "k", "--output",
                 self.results / "camera/copies/e1.json", first]  # fmt: skip
        step = Step(["exposure"], ["output"], [], _copy, lambda _: None)
        arguments = _parser().parse_args(list(map(str, words)))
        arguments.exposure = arguments.exposure[0]
        make(step, arguments)

    def made(self, chance):
        if chance.random() < 0.5:
            return super().made(chance)
        lines = self.sound.decode().split("\n")
        hostile = (f"@{self.path}", "@/dev/zero", f"@{self.folder}", "--output=x", "--", "..", "/")
        for _ in range(chance.randint(1, 2)):
            lines[chance.randrange(len(lines))] = str(chance.choice((*mutate.VALUES, *hostile)))
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    def read(self):
        """Plan, read the exposures of both lists, and make the batch and fetch it again."""
        forget()
        incomplete_lists(self.results)
        lists_by_file(self.results, "results/c")
        for name in (BATCH, ITEM):
            try:
                given = _parser(ListFileParser).parse_args([f"@{self.folder / name}"])
                for path in given.exposure:
                    read_exposure(path)
                settle()
            except SystemExit as error:
                assert error.code == 2  # argparse says what is wrong
            except OSError as error:
                # As at the end of each program.
                if said := _of_the_system(error):
                    raise DarkroomError(said) from error
                raise
        self._make()
        for row in self.rows:
            self.arrivals.status(row, "k")
            self.arrivals.known_sha256(row)
        assert self.arrivals.noted() == len(self.rows)
