"""What is damaged, and who reads it: lock, pins, campaign, status, FITS.

A subject makes an input from a seed, and reads it as the workflow does. It knows no file format:
sound files are written by the library, and are damaged as bytes, lines or values.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import yaml
from astropy.io import fits

from darkroom.archive import local, simulated
from darkroom.archive.entering import cleaned
from darkroom.archive.fetching import header_reader
from darkroom.archive.local import header_facts
from darkroom.archive.receive import facts_of
from darkroom.campaign.campaign import load_campaign
from darkroom.campaign.frames import (
    frame_table,
    require_accepted,
    require_some,
    role_list,
    write_frames,
)
from darkroom.campaign.judging import checks_of
from darkroom.campaign.lock import Lock, read_lock, require_lock
from darkroom.campaign.lock_rows import Exposure, check_exposures
from darkroom.campaign.names import name_fault
from darkroom.campaign.pins import Pins, conflicts, read_pins
from darkroom.campaign.status import acceptance, read_status, write_status
from darkroom.counterfactual.records import read_record
from darkroom.delivery.folder import refusal
from darkroom.delivery.form import Facts, fill
from darkroom.epochs import state as states
from darkroom.epochs.state_file import digest as state_digest
from darkroom.epochs.state_file import load as load_state
from darkroom.epochs.state_file import save as save_state
from darkroom.errors import as_written
from darkroom.fits.content import content_sha256, is_product
from darkroom.fits.describe import describe
from darkroom.fits.tiles import FrameStack
from darkroom.fits.verify import verify
from darkroom.gates import units
from darkroom.gates.gate import LEFT_OUT, MEAN, Gate, write_gates
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.statistic import Deviation
from darkroom.gates.verdict import judge, write_verdicts
from darkroom.judge.judgement import write_judgements
from darkroom.pipelines import campaign_products, item_products, pipelines
from darkroom.report.verdicts import item_verdicts
from darkroom.workflow.plan import Plan
from fuzz import mutate

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "config" / "schemas" / "campaign.schema.json"
SIMULATED = {
    "ccd": {"shape": [24, 32], "bias": {"count": 3}, "darks": [], "targets": []},
    "nircam": {"detector": "NRCA1", "subarray": "SUB160", "exposures": 1, "nints": 1, "ngroups": 3},
    "cgi": {"geometry": "small"},
    "wfc3": {"subarray": "SQ64SUB", "stars": 20, "exposures": [{"dither": [0.0, 0.0]}]},
}


class Subject:
    """One kind of input."""

    #: Name of its file.
    file = ""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / self.file

    def damage(self, number):
        """Write the input of a number."""
        chance = random.Random(f"{type(self).__name__} {number}")
        self.path.unlink(missing_ok=True)
        made = self.made(chance)
        # The sound one now and then: what refuses all is no reader.
        self.path.write_bytes(self.sound if number % 25 == 0 else made)

    def made(self, chance):
        """Return the bytes of an input."""
        way = chance.choice((mutate.of_bytes, mutate.of_lines))
        return way(self.sound, chance)


def _text(value):
    """Return a value as text in UTF-8."""
    return str(value).encode("utf-8", "replace").decode()


def _written(path, write):
    """Return the bytes that `write` writes."""
    write(path)
    return path.read_bytes()


class Several(Subject):
    """Files that are read together: `files`, of which one at a time is damaged.

    `sounds` has the content of each as it was made.
    """

    def damage(self, number):
        for name, content in self.sounds.items():
            (self.folder / name).write_bytes(content)
        self.name = self.files[number % len(self.files)]
        self.path, self.sound = self.folder / self.name, self.sounds[self.name]
        super().damage(number)


class LockFile(Subject):
    """The lock of a campaign of 12 frames."""

    file = "small.lock.tsv"

    def __init__(self, folder):
        super().__init__(folder)
        items = {"camera": {"instrument": "ccd", "frames": {"bias": "*"}}}
        settings = {"title": "t", "archive": {"kind": "local", "folder": "."}, "items": items}
        (folder / "small.yaml").write_text(yaml.safe_dump(settings))
        self.campaign = load_campaign(folder / "small.yaml", SCHEMA)
        facts = {"instrument": "X", "shape": "24x32", "exptime_s": "5", "temperature_c": "-10"}
        self.rows = [
            Exposure("camera", role, f"{role}_{k}", f"{role}_{k}.fits", f"local:{role}_{k}.fits",
                     2880 * k, facts)
            for role in ("bias", "dark", "science") for k in range(1, 5)
        ]  # fmt: skip
        self.head = {"campaign": "small", "archive": "local", "query": self.campaign.query_digest()}
        self.sound = _written(self.path, lambda _: self._lock(self.rows).write())

    def _lock(self, rows):
        return Lock(self.path, self.head, rows)

    def made(self, chance):
        if chance.random() < 0.4:
            return super().made(chance)
        # Rows that somebody wrote with a right digest, and hostile values in them.
        rows = list(self.rows)
        for _ in range(chance.randint(1, 3)):
            at, name = chance.randrange(len(rows)), chance.choice(fields(Exposure)).name
            value = chance.choice(mutate.VALUES)
            if name == "facts":
                value = rows[at].facts | {chance.choice(list(rows[at].facts)): _text(value)}
            # Text that is no UTF-8 has no digest: bytes are damaged above.
            value = value if name == "facts" else _text(value)
            rows[at] = replace(rows[at], **{name: value})
        return self._lock(rows).text().encode()

    def read(self):
        """Read it as planning does."""
        lock = require_lock(self.campaign)
        plan = Plan(self.campaign, "results", lambda: lock)
        made = pipelines(plan)
        for name in campaign_products(plan, made):
            assert not [part for part in name.split("/")[1:] if name_fault(part)], name
        for item in self.campaign.items:
            plan.image_memory(item, 1, 80)
        for pipeline in made.values():
            for program in pipeline.programs:
                pipeline.options("camera", program)


class PinsFile(Subject):
    """The pins of a campaign."""

    file = "small.pins.tsv"

    def __init__(self, folder):
        super().__init__(folder)
        self.sums = {("camera", f"bias_{k}"): f"{k:064x}" for k in range(12)}
        self.sound = _written(self.path, Pins("", self.sums).write)
        self.other = read_pins(self.path)

    def made(self, chance):
        if chance.random() < 0.5:
            return super().made(chance)
        text = self.sound.decode()
        key = chance.choice(list(self.sums))
        old = chance.choice((*key, self.sums[key], *text.split("\n")))
        new = str(chance.choice(mutate.VALUES))
        return text.replace(old, new, chance.choice((1, -1))).encode("utf-8", "surrogateescape")

    def read(self):
        """Read and compare them, and pin what is new."""
        pins = read_pins(self.path)
        conflicts(pins, self.other)
        for item, exposure in self.sums:
            pins.check(item, exposure, self.sums[item, exposure], "x.fits")
        pins.write(self.folder / "again.tsv")


class CampaignFile(Subject):
    """Campaigns as shipped, and one of a local folder; those that are accepted are locked."""

    file = "small.yaml"

    def __init__(self, folder):
        super().__init__(folder)
        shipped = sorted((ROOT / "config" / "campaigns").glob("*.yaml"))
        self.texts = [path.read_bytes() for path in shipped]
        (folder / "frames").mkdir(exist_ok=True)
        (folder / "frames" / "bias_1.fits").write_bytes(b"x")

    def made(self, chance):
        text = self.sound = chance.choice(self.texts)
        if chance.random() < 0.35:
            return super().made(chance)
        made = mutate.of_value(yaml.safe_load(text), chance)
        try:
            return yaml.safe_dump(made, sort_keys=False).encode("utf-8", "surrogateescape")
        except (RecursionError, yaml.YAMLError, UnicodeError):
            return b"[" * chance.randrange(100_000)

    def read(self):
        """Read it, look for its exposures, and plan its products."""
        campaign = load_campaign(self.path, SCHEMA)
        campaign.query_digest()
        kind = campaign.archive["kind"]
        if kind == "mast":
            return
        if kind == "local":
            campaign.archive["folder"] = str(self.folder / "frames")
        archive = {"local": local, "simulated": simulated}[kind]
        rows = cleaned(archive.find(campaign.archive, campaign.items))
        check_exposures(rows)
        lock = Lock(self.folder / "x.tsv", {"query": campaign.query_digest()}, rows)
        lock.write()
        again = read_lock(lock.path)
        plan = Plan(campaign, "results", lambda: again)
        item_products(plan, pipelines(plan))


class StatusFile(Subject):
    """The status of one of three exposures, judged by the checks of an instrument."""

    file = "b1.json"

    def __init__(self, folder):
        super().__init__(folder)
        self.statuses = []
        judged = {"bitpix": 16, "type": "bias", "state": [], "remarks": [], "temperature": "stated"}
        for name in ("b1", "b2", "b3"):
            (folder / f"{name}.fits").write_bytes(b"x" * 2880)
            facts = {"instrument": "X", "shape": "24x32", "binning": "1x1", "exptime_s": 1.0,
                     "temperature_c": -10.0, "date_obs": "2026-01-01", "mjd": 61041.0,
                     "judged": judged}  # fmt: skip
            row = Exposure("camera", "bias", name, f"{name}.fits", f"local:{name}.fits", 2880, {})
            self.statuses.append(acceptance(row, 2880, name * 32, facts, ["a note"]))
            write_status(folder / f"{name}.json", self.statuses[-1])
        self.sound = (folder / self.file).read_bytes()

    def made(self, chance):
        if chance.random() < 0.4:
            return super().made(chance)
        made = mutate.of_value(self.statuses[0], chance)
        try:
            return json.dumps(made).encode("utf-8", "surrogateescape")
        except RecursionError:
            return b'{"facts": ' * 10_000

    def read(self):
        """Judge the item as the program does."""
        paths = [self.folder / f"b{k}.json" for k in (1, 2, 3)]
        statuses = [read_status(path) for path in paths]
        checks = checks_of(random.Random(self.path.stat().st_size).choice(["", "ccd"]), {})
        rows, judgements = frame_table(statuses, checks)
        write_judgements(self.folder / "judgements.tsv", judgements)
        write_frames(self.folder / "frames.tsv", rows)
        role_list(rows, "bias")
        require_some("camera", rows)
        require_accepted("camera", rows)


class FitsFile(Subject):
    """Exposures of every simulator, images, tables and compressed ones."""

    file = "frame.fits"

    def __init__(self, folder):
        super().__init__(folder)
        self.kinds = [(content, "ccd") for content in _plain_files()]
        for instrument, settings in SIMULATED.items():
            self.kinds += [
                (content, instrument) for content in _simulated(folder, instrument, settings)
            ]

    def made(self, chance):
        content, self.instrument = chance.choice(self.kinds)
        self.sound = content
        if chance.random() < 0.5:
            return mutate.of_bytes(content, chance)
        return _with_cards(content, chance)

    def read(self):
        """Verify and describe it, as the program that fetches does, and read its pixels."""
        header_facts(self.path, {"instrument": self.instrument})
        verify(self.path)
        row = Exposure("camera", "bias", "frame", self.file, "local:frame.fits", None, {})
        facts_of(self.path, row, {}, header_reader(self.instrument))
        describe(self.path)
        if is_product(self.path):
            content_sha256(self.path)
        with FrameStack([self.path]) as frames:
            frames.read(slice(0, 1))


class StateFile(Subject):
    """The state of a pixel-wise product, of three exposures (darkroom.epochs)."""

    file = "state.fits"

    def __init__(self, folder):
        super().__init__(folder)
        rng = np.random.default_rng(1)
        classes = np.zeros((8, 12), np.uint8)
        level = np.full(classes.shape, 9000, np.int32)
        form = states.Template(level, np.array([12.0]), classes, classes == 0, ("all",))
        state = states.empty(form)
        for number in range(3):
            frame = np.rint(level + form.spread(rng.standard_normal(classes.shape) * 12))
            one = states.of_unit(form, f"e{number} 1", frame, np.zeros(frame.shape, bool))
            state = states.merge(state, one)
        cards = {"DETECTOR": ("NRCA1", "detector")}
        self.sound = _written(
            self.path, lambda path: save_state(path, state, cards, made_by="x", inputs=[])
        )

    def made(self, chance):
        if chance.random() < 0.5:
            return mutate.of_bytes(self.sound, chance)
        return _with_cards(self.sound, chance)

    def read(self):
        """Read it, and merge it with itself."""
        state, _ = load_state(self.path)
        assert state_digest(state)


class UnitsTable(Subject):
    """The table of units of a product."""

    file = "product.fits"

    def __init__(self, folder):
        super().__init__(folder)
        numbers = {name: np.arange(6.0).reshape(3, 2) for name in units.NUMBERS}
        made = units.Units(["a", "b", "c"], np.arange(1, 4), np.arange(3.0), np.arange(3.0),
                           [1, 2], numbers)  # fmt: skip
        hdus = fits.HDUList([fits.PrimaryHDU(), units.table(made, "DN")])
        self.sound = _written(self.path, lambda path: hdus.writeto(path, overwrite=True))

    def made(self, chance):
        if chance.random() < 0.5:
            return mutate.of_bytes(self.sound, chance)
        return _with_cards(self.sound, chance)

    def read(self):
        """Read it as judging does."""
        units.read(self.path)


class Verdicts(Several):
    """What judging reads and writes: gates, comparison, insertion, verdict."""

    file = "gates_bias.json"
    files = ("gates_bias.json", "counterfactual_bias.json", "insertion_bias.json",
             "judge/verdict_bias.json")  # fmt: skip

    def __init__(self, folder):
        super().__init__(folder)
        head = {"item": "camera", "instrument": "ccd", "product": "bias", "file": "bias.fits",
                "sha256": hashlib.sha256(b"x").hexdigest(), "notes": []}  # fmt: skip
        found = Deviation(0.3, 0.2, 9.0, 4, "DN")
        made = [Gate("level", "level", "sound", "equal", "mean", "DN", kind, found, 2.0, "because",
                     [0.1, 0.2, -0.1, 0.3, 0.0]) for kind in (MEAN, LEFT_OUT)]  # fmt: skip
        write_gates(folder / self.files[0], head, made)
        compared = {"format": "darkroom counterfactual 1", "current": {"sha256": "0" * 64},
                    "rows": [{"consumer": "a", "estimand": "b", "class": "c", "shift": 0.1,
                              "error": 0.2}],
                    "score": {"name": "s", "verdict": "better", "sentence": "better",
                              "exposures": 5}, "change_level": "MODERATE"}  # fmt: skip
        inserted = {"gates": [], "replaced": ["a.fits"], "affected": {"criteria": {"X": "Y"}}}
        (folder / self.files[1]).write_text(json.dumps(compared))
        (folder / self.files[2]).write_text(json.dumps(inserted))
        (folder / "bias.fits").write_bytes(b"x")
        (folder / "judge").mkdir(exist_ok=True)
        verdicts = judge([folder / self.files[0]], JudgeSettings())
        write_verdicts(verdicts, [folder / "judge" / "gates_bias.json"], folder / "verdict.tsv")
        self.sounds = {name: (folder / name).read_bytes() for name in self.files}

    def made(self, chance):
        if chance.random() < 0.3:
            return super().made(chance)
        made = mutate.of_value(json.loads(self.sound), chance)
        try:
            return json.dumps(made).encode("utf-8", "surrogateescape")
        except (RecursionError, ValueError):  # too deep, or a part of itself
            return b'{"gates": ' * 10_000

    def read(self):
        """Judge, show and deliver as the programs do."""
        judge([self.folder / self.files[0]], JudgeSettings())
        item_verdicts(self.folder, [])
        path = self.folder / self.files[3]
        verdict = read_record(path, "darkroom verdict 1")
        with as_written(path, "no verdict", "judge again"):
            refusal(verdict)
            fill(Facts(verdict, verdict.get("insertion") or {}, {"INSTRUME": "NIRCAM"}))


def _plain_files():
    """Return the bytes of small FITS files of each kind."""
    image = fits.PrimaryHDU(np.arange(768, dtype=np.int16).reshape(24, 32))
    image.header.update({"EXPTIME": 1.0, "CCD-TEMP": -10.0, "DATE-OBS": "2026-01-01T00:00:00"})
    column = fits.Column("A", "PJ()", array=np.array([[1, 2], [3]], dtype=object))
    made = (
        [image, fits.ImageHDU(np.ones((24, 32), np.float32), name="ERR")],
        [fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])],
        [fits.PrimaryHDU(), fits.CompImageHDU(np.ones((64, 64), np.int32), image.header)],
    )
    for hdus in made:
        stream = io.BytesIO()
        fits.HDUList(hdus).writeto(stream, checksum=True)
        yield stream.getvalue()
        yield gzip.compress(stream.getvalue(), mtime=0)


def _simulated(folder, instrument, settings):
    """Return the bytes of the smallest exposure of a simulator, cut to what is quickly read."""
    settings = {"seed": 1, **settings}
    item = {"instrument": instrument}
    simulator = simulated.simulator(item)
    planned = simulator.plan(settings)[0]
    (folder / instrument).mkdir(exist_ok=True)
    path = folder / instrument / planned.file
    simulator.deliver(settings, planned.name, path)
    content = path.read_bytes()
    return [content] if len(content) < 30_000_000 else []


def _with_cards(content, chance):
    """Return a file in whose headers a few cards have other values, names or copies."""
    content = bytearray(content)
    cards = [
        at
        for at in range(0, min(len(content), 40 * 2880), 80)
        if content[at + 8 : at + 10] == b"= "
    ]
    for _ in range(chance.randint(1, 4) if cards else 0):
        at = chance.choice(cards)
        kind = chance.randrange(4)
        if kind == 0:
            other = chance.choice(cards)
            content[at : at + 80] = content[other : other + 80]
        elif kind == 1:
            content[at : at + 8] = chance.choice(
                [b"NAXIS1", b"EXPTIME", b"END", b"\xff\x00", b"naxis", b"BZERO"]
            ).ljust(8)
        else:
            value = chance.choice(mutate.VALUES)
            text = str(value) if isinstance(value, int | float) else f"'{value}'"
            text = text.encode("latin-1", "replace")[:70].ljust(70)
            content[at + 10 : at + 80] = text
    return bytes(content)


SUBJECTS = {
    "lock": LockFile,
    "pins": PinsFile,
    "campaign": CampaignFile,
    "status": StatusFile,
    "fits": FitsFile,
    "state": StateFile,
    "units": UnitsTable,
    "verdicts": Verdicts,
}
