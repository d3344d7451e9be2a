"""Faults 9 to 14: damaged exposures, products, pins, locks and statuses; what was not flushed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

from hardening.box import PYTHON, TREE, fault, fetch_words, flip_a_pixel, program


def _damaged(prepare, damage, make, product):
    def reproduce(box):
        box.fetch_all()
        for words in prepare(box):
            status, said = program(*words)
            assert status == 0, said
        for path in damage(box):
            flip_a_pixel(path)
        return program(*make(box))[0] == 0 and product(box).exists()

    return reproduce


def _lists(box):
    """Return the commands from the statuses to the lists of frames."""
    statuses = sorted(box.raw.glob("*.json"))
    table = box.out / "frames.tsv"
    words = ["--item", "camera", "--output", table]
    if (TREE / "scripts/archive").is_dir():
        words += ["--instrument", "ccd", "--judgements", box.out / "judgements.tsv"]
    yield ("frames", *words, *statuses)
    for role in ("bias", "dark"):
        yield "role_list", "--role", role, "--output", box.out / f"{role}.list", table


def _made(*names):
    def prepare(box):
        yield from _lists(box)
        for name in names:
            yield (name, *_words(box, name))

    return prepare


def _words(box, name):
    bias, dark = f"@{box.out / 'bias.list'}", f"@{box.out / 'dark.list'}"
    words = {
        "master_bias": [bias], "read_noise": [bias], "master_dark": [dark],
        "dark_rate": ["--bias", bias, "--dark", dark],
        "hot_pixels": ["--rate", box.out / "dark_rate.fits", "--bias", bias, "--dark", dark],
        "subtract_dark": ["--master-dark", box.out / "master_dark.fits", "--dark-rate",
                          box.out / "dark_rate.fits", "--read-noise", box.out / "read_noise.fits",
                          "--hot-pixels", box.out / "hot_pixels.fits", "--output-dir", box.out,
                          sorted(box.source.glob("target*"))[0]],
    }[name]  # fmt: skip
    return words if name == "subtract_dark" else ["--output", box.out / f"{name}.fits", *words]


for _make, _frame in (("master_bias", "bias_002.FIT"), ("master_dark", "dark_10s_002.FIT"),
                      ("read_noise", "bias_001.FIT"),
                      ("dark_rate", "dark_60s_001.FIT")):  # fmt: skip
    fault(9, f"{_frame}, then {_make}")(_damaged(
        _made(), lambda box, frame=_frame: [box.raw / frame],
        lambda box, make=_make: (make, *_words(box, make)),
        lambda box, make=_make: box.out / f"{make}.fits"))  # fmt: skip

_ALL = ("master_dark", "dark_rate", "read_noise", "hot_pixels")
for _product in ("master_dark", "read_noise", "hot_pixels"):
    fault(10, f"{_product}, then subtract_dark")(_damaged(
        _made(*_ALL), lambda box, product=_product: [box.out / f"{product}.fits"],
        lambda box: ("subtract_dark", *_words(box, "subtract_dark")),
        lambda box: next(iter(box.out.glob("*_dsub.fits")), box.out / "none")))  # fmt: skip
fault(10, "dark_rate, then hot_pixels")(_damaged(
    _made("dark_rate"), lambda box: [box.out / "dark_rate.fits"],
    lambda box: ("hot_pixels", *_words(box, "hot_pixels")),
    lambda box: box.out / "hot_pixels.fits"))  # fmt: skip


def _pins(change):
    def reproduce(box):
        box.fetch_all()
        words = ["--pins", box.folder / "small.pins.tsv", "--output", box.out.parent / "pins.tsv"]
        words += sorted(box.raw.glob("*.json"))
        assert program("pins", *words)[0] == 0
        path = box.folder / "small.pins.tsv"
        changed = change(path.read_text())
        assert changed != path.read_text()
        path.write_text(changed)
        return program("pins", *words)[0] == 0

    return reproduce


for _member, _change in (
    ("# maker: x", lambda text: text.replace("# maker:", "# maker: x", 1)),
    ("cut at a line end", lambda text: text[: text.rstrip("\n").rindex("\n") + 1]),
    ("a row twice", lambda text: text + text.splitlines()[-1] + "\n"),
    ("rows in another order", lambda text: "\n".join(
        [*text.splitlines()[:-2], *reversed(text.splitlines()[-2:])]) + "\n"),
):  # fmt: skip
    fault(11, _member)(_pins(_change))


def _lock(change):
    def reproduce(box):
        text = box.lock_path.read_text()
        changed = change(text)
        assert changed != text
        box.lock_path.write_text(changed)
        return box.accepts_lock()

    return reproduce


def _cut_at_a_line_end(text):
    return text[: text.index("bias_003") - 12].rpartition("\n")[0] + "\n"


for _member, _change in (
    ("cut at a line end", _cut_at_a_line_end),
    ("no rows", lambda text: text[: text.index("\ncamera\t") + 1]),
    ("role BIAS", lambda text: text.replace("\tbias\t", "\tBIAS\t", 1)),
    ("a row twice", lambda text: text + text.splitlines()[-1] + "\n"),
    ("an unknown item", lambda text: text.replace("\ncamera\t", "\nother\t", 1)),
    ("another exposure time", lambda text: text.replace("60.0", "61.0", 1)
     if "60.0" in text else text.replace("\t60\t", "\t61\t", 1)),
):  # fmt: skip
    fault(12, _member)(_lock(_change))


@fault(12, "size -5, by one who knows the format")
def _size(box):
    box.rows(lambda _: {"size": -5})
    return box.accepts_lock()


@fault(13, "bias_001.json over bias_002.json")
def _copied(box):
    box.fetch_all()
    shutil.copy(box.raw / "bias_001.json", box.raw / "bias_002.json")
    return all(program(*words)[0] == 0 for words in _lists(box))


@fault(13, "facts of another type")
def _facts(box):
    box.fetch_all()
    path = box.raw / "bias_002.json"
    content = json.loads(path.read_text()) | {"facts": None}
    path.write_text(json.dumps(content))
    status, said = program(*next(_lists(box)))
    return status == 0 or "Traceback" in said


@fault(13, "a status of a dark as that of a bias, in the pins")
def _copied_pins(box):
    box.fetch_all()
    shutil.copy(box.raw / "dark_10s_001.json", box.raw / "bias_002.json")
    words = ["--pins", box.folder / "p.tsv", "--output", box.folder / "q.tsv"]
    return program("pins", *words, *sorted(box.raw.glob("*.json")))[0] == 0


def _flushed(name):
    def reproduce(box):
        """Whether a program ends with a named file that was never flushed."""
        box.fetch_all()
        for words in _lists(box):
            assert program(*words)[0] == 0
        code = (
            f"import os, sys, runpy; real = os.fsync; count = [0]; root = {str(box.folder)!r}\n"
            "def fsync(handle):\n count[0] += root in os.readlink(f'/proc/self/fd/{handle}')\n"
            " return real(handle)\n"
            "os.fsync = fsync\nsys.argv = sys.argv[1:]\n"
            "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
            "except SystemExit as end: assert not end.code\n"
            "sys.exit(0 if count[0] else 9)\n"
        )
        path = next(p for p in (TREE / "scripts").rglob(f"{name}.py") if "darkroom" not in p.parts)
        words = _words(box, name) if name == "master_bias" else {
            "role_list": ["--role", "bias", "--output", box.out / "b.list", box.out / "frames.tsv"],
            "pins": ["--pins", box.folder / "p.tsv", "--output", box.folder / "q.tsv",
                     *sorted(box.raw.glob("*.json"))],
            "fetch": ["--campaign", box.yaml,
                      *fetch_words("bias_001", box.folder / "again/camera")],
        }[name]  # fmt: skip
        done = subprocess.run([PYTHON, "-c", code, path, *map(str, words)], capture_output=True,
                              text=True, check=False, env=os.environ | {
                                  "PYTHONPATH": str(TREE / "scripts")})  # fmt: skip
        assert done.returncode in (0, 9), done.stderr[-500:]
        return done.returncode == 9

    return reproduce


for _name in ("master_bias", "role_list", "pins", "fetch"):
    fault(14, _name)(_flushed(_name))
