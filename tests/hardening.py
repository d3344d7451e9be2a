"""The numbered faults of the attack on darkroom, each with its tests and a reproduction.

    PYTHONPATH=scripts .venv/bin/python tests/hardening.py   this tree: every line ends in "gone"
    PYTHONPATH=OLD/scripts .venv/bin/python tests/hardening.py OLD   another one: what is seen there

Each reproduction is the harm itself (a foreign program ran, a wrong product was made with exit
status 0), with other members of its family: other fields, other files, other programs.

docs/integrity.md says which ordinary tests hold each of them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

TREE = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1]).resolve()
PYTHON = TREE / ".venvs/detector/bin/python"
CCD = {
    "shape": [24, 32], "bias": {"count": 4},
    "darks": [{"count": 3, "exptime": 10.0}, {"count": 3, "exptime": 60.0}],
    "targets": [{"exptime": 10.0}],
}  # fmt: skip
FAULTS: dict[int, list] = {}


def fault(number, member):
    """Enter a reproduction: it returns whether the harm was done."""

    def enter(function):
        FAULTS.setdefault(number, []).append((member, function))
        return function

    return enter


def library():
    """Return the modules of a tree, wherever they are."""
    try:
        from darkroom.campaign import lock, pins, status
        from darkroom.transport import download
    except ImportError:
        from darkroom.archive import download, lock, pins, status
    return SimpleNamespace(lock=lock, pins=pins, status=status, download=download)


def program(name, *words, cwd=None, **environment):
    """Run a program of the tree; return its status and what it said."""
    path = next(p for p in (TREE / "scripts").rglob(f"{name}.py") if "darkroom" not in p.parts)
    done = subprocess.run(
        [PYTHON, path, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False,
        timeout=300, env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | environment,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


class Box:
    """A folder with a campaign whose exposures are in a folder beside it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.source = self.folder / "source"
        self.yaml = self.folder / "small.yaml"
        self.raw = self.folder / "results/small/raw/camera"
        self.out = self.folder / "results/small/camera"
        self.lock_path = self.folder / "small.lock.tsv"

    def prepare(self):
        """Write frames, campaign and lock; begin records, where there are any."""
        import yaml

        try:
            from darkroom.ccd.simulate import exposures
        except ImportError:
            from darkroom.simulate import ccd as exposures
        for one in exposures.plan(CCD):
            exposures.deliver(CCD, one.name, self.source / one.file)
        item = {"instrument": "ccd", "frames": {"bias": "bias*.FIT", "dark": "dark*.FIT"}}
        self.yaml.write_text(yaml.safe_dump({
            "title": "Small", "archive": {"kind": "local", "folder": str(self.source)},
            "items": {"camera": item},
        }))  # fmt: skip
        assert program("lock", "--campaign", self.yaml)[0] == 0
        self.out.mkdir(parents=True)
        with contextlib.suppress(ImportError):
            from darkroom.integrity.records import begin

            begin(self.out.parent, "snakemake", [(".*", False)])
        return self

    def rows(self, change):
        """Rewrite the lock with changed rows, as one who knows the format would."""
        lock = library().lock
        found = lock.read_lock(self.lock_path)
        rows = [lock.Exposure(**(vars(row) | change(row))) for row in found.exposures]
        lock.Lock(self.lock_path, found.head, rows).write()

    def accepts_lock(self):
        """Return whether the lock is read without an error."""
        from darkroom.errors import DarkroomError

        try:
            from darkroom.campaign.campaign import open_campaign
        except ImportError:
            from darkroom.campaign import open_campaign
        try:
            return bool(library().lock.require_lock(open_campaign(self.yaml, TREE)))
        except DarkroomError:
            return False

    def fetch(self, name, cwd=None):
        """Fetch an exposure."""
        return program("fetch", "--campaign", self.yaml, "--item", "camera", "--exposure", name,
                       "--output", self.raw / f"{name}.json", cwd=cwd)  # fmt: skip

    def fetch_all(self):
        """Fetch all exposures."""
        for row in library().lock.read_lock(self.lock_path).exposures:
            assert self.fetch(row.exposure)[0] == 0

    def snakemake(self, *words):
        """Run snakemake of the tree on the campaign; return its status and what it said."""
        done = subprocess.run(
            [TREE / ".venv/bin/python", "-m", "snakemake", "-s", TREE / "Snakefile", "--cores",
             "1", *words], cwd=self.folder, capture_output=True, text=True, check=False,
            timeout=300, env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def shared(self):
        """Let paths that begin in the tree lead there from the folder."""
        for name in (".venv", ".venvs", "scripts", "config"):
            (self.folder / name).symlink_to(TREE / name)

    def ran(self):
        """Return whether a foreign command ran."""
        return any(p.name.startswith("RAN") for p in self.folder.rglob("*"))


def flip(path, at=-100):
    """Flip one bit of a file; its date stays."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def flip_a_pixel(path):
    """Flip a bit in the first pixels of the last image of a file."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        start = next(h for h in hdus if h.data is not None).fileinfo()["datLoc"]
    flip(path, start + 41)


# --------------------------------------------------------------- foreign code, foreign places


def _of_lock(field, value):
    def reproduce(box):
        box.rows(lambda row: {field: value} if row.exposure == "bias_001" else {})
        box.shared()
        name = value if field == "exposure" else "bias_001"
        item = value if field == "item" else "camera"
        for target in (f"results/small/raw/{item}/{name}.json", "all"):
            box.snakemake(target, "--config", "campaign=small.yaml")
        return box.ran() or box.accepts_lock()

    return reproduce


for _field, _value in (
    ("exposure", "b$(touch RAN)"), ("exposure", "b`touch RAN`"), ("item", "c;touch RAN"),
    ("file", "b;touch RAN.fits"), ("file", "b\n.fits"),
):  # fmt: skip
    fault(1, f"{_field} {_value!r}")(_of_lock(_field, _value))


def _of_file(name):
    def reproduce(box):
        box.shared()
        (box.folder / f"{name}.yaml").write_bytes(box.yaml.read_bytes())
        (box.folder / f"{name}.lock.tsv").write_bytes(box.lock_path.read_bytes())
        status, said = box.snakemake("-n", "--config", f"campaign={name}.yaml")
        box.snakemake("--config", f"campaign={name}.yaml")
        return box.ran() or status == 0 or "Traceback" in said

    return reproduce


for _name in ("a$(touch RAN)", "my camp", "x;touch RAN"):
    fault(2, f"{_name}.yaml")(_of_file(_name))


def _outside(uri):
    def reproduce(box):
        shutil.copy(next(box.source.glob("bias_002*")), box.folder / "outside.FIT")
        target = uri.replace("FOLDER", str(box.folder))
        with contextlib.suppress(Exception):
            box.rows(lambda row: {"uri": target} if row.exposure == "bias_001" else {})
        return box.fetch("bias_001")[0] == 0 and any(box.raw.glob("bias_001.FIT"))

    return reproduce


for _uri in ("local:FOLDER/outside.FIT", "local:../outside.FIT", "local:./../outside.FIT"):
    fault(3, _uri)(_outside(_uri))


def _token(server):
    def reproduce(box):
        try:
            from darkroom.transport.token import read_token
        except ImportError:
            from darkroom.archive.token import read_token
        os.environ["MAST_API_TOKEN"] = "a-secret-token-of-mine"
        try:
            return bool(read_token(server))
        except Exception:
            return False
        finally:
            del os.environ["MAST_API_TOKEN"]

    return reproduce


for _server in ("https://mast.example.org", "https://mast.stsci.edu.example.org",
                "https://mast.stsci.edu@example.org"):  # fmt: skip
    fault(4, _server)(_token(_server))


def _yaml(text):
    def reproduce(box):
        box.yaml.write_bytes(text if isinstance(text, bytes) else text.encode())
        code = "import sys; from darkroom.errors import DarkroomError\ntry:\n"
        code += " from darkroom.campaign.campaign import open_campaign\nexcept ImportError:\n"
        code += " from darkroom.campaign import open_campaign\ntry:\n open_campaign("
        code += f"{str(box.yaml)!r}, {str(TREE)!r})\nexcept DarkroomError: sys.exit(3)\n"
        started = time.monotonic()
        try:
            status = subprocess.run([PYTHON, "-c", code], capture_output=True, check=False,
                                    timeout=20).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return True
        return status != 3 or time.monotonic() - started > 15

    return reproduce


_GOOD = "archive: {kind: simulated, seed: 1}\nitems: {a: {instrument: ccd, simulate: {shape: [8, 8]"
_ALIASES = "title: x\nitems:\n  a0: &a0 {instrument: ccd, simulate: {shape: [8, 8]}}\n" + "".join(
    f"  a{n}: &a{n} {{{', '.join(f'b{m}: *a{n - 1}' for m in range(10))}}}\n" for n in range(1, 9)
)
for _member, _text in (
    ("nested aliases", _ALIASES), ("100,000 brackets", "a: " + "[" * 100_000),
    ("100,000 braces", "a: " + "{a: " * 100_000), ("not UTF-8", b"title: \xff\xfe\n"),
    ("a number of 5,000 digits", f"title: x\narchive: {{kind: simulated, seed: {'9' * 5000}}}\n"
     "items: {a: {instrument: ccd, simulate: {shape: [8, 8]}}}\n"),
    ("a key that is no string", "title: x\n? [1, 2]\n: y\n"),
    ("an unknown setting of simulate", "title: x\narchive: {kind: simulated}\n"
     "items: {a: {instrument: ccd, simulate: {shape: [8, 8], nonsense: 1}}}\n"),
):  # fmt: skip
    fault(5, _member)(_yaml(_text))


def _text(field, value):
    def reproduce(box):
        """Whether text that came from outside makes a lock that cannot be read, or is raw."""
        from darkroom.errors import DarkroomError

        lock = library().lock
        found = lock.read_lock(box.lock_path)
        rows = [lock.Exposure(**vars(row) | {field: {"filter": value}}) for row in found.exposures]
        try:
            # As the program does with what an archive answers.
            from darkroom.archive.entering import cleaned as entered
        except ImportError:
            entered = list
        try:
            lock.Lock(box.lock_path, found.head, entered(rows)).write()
        except DarkroomError:
            return False
        raw = any(one in box.lock_path.read_text() for one in ("\x1b", "\x9b", "\u2028"))
        return (
            raw
            or len(box.lock_path.read_text()) > 100_000
            or (
                # Refusing it when it is read is too late for who made it, but does no harm.
                field == "facts" and not box.accepts_lock()
            )
        )

    return reproduce


for _member, _value in (("ESC", "a\x1b]0;owned\x07b"), ("a line end", "a\nb"), ("CSI", "a\x9b31mb"),
                        ("U+2028", "a\u2028b"), ("30,000 characters", "a" * 30_000)):  # fmt: skip
    fault(6, f"{_member} in FILTER")(_text("facts", _value))


@fault(6, "ESC in a message about a header")
def _message(_box):
    from darkroom.errors import InputError

    return "\x1b" in str(InputError("a.fits", "has FILTER \x1b]0;owned"))


# ------------------------------------------------------------------------------- wrong bytes


class _Answer:
    def __init__(self, body, status=200, **headers):
        self.status_code, self.headers, self.raw = status, headers, io.BytesIO(body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def _download(second, size=400_000):
    def reproduce(box):
        old, new = (hashlib.shake_256(word).digest(size) for word in (b"old", b"new"))
        # The overlap is the same in both versions, as where only a later row was changed.
        new = old[:200_000] + new[200_000:]
        begin = 200_000 - 65536
        answers = [_Answer(old[:200_000], ETag='"v1"'), second(new, begin, size), None]

        class Session:
            def get(self, *_, **__):
                answer = answers.pop(0)
                if answer is None:
                    raise OSError("no more")
                return answer

        def refuse(response):
            raise OSError(f"status {response.status_code}")

        one = library().download.Download(Session(), "http://x", box.folder / "d", size, refuse)
        with contextlib.suppress(Exception):
            one.attempt()
        try:
            one.attempt()
        except Exception as error:
            return type(error) is ValueError
        return one.path.read_bytes() not in (old, new[:200_000] + new[200_000:]) or (
            one.path.read_bytes() == new
        )

    return reproduce


def _range(begin, size):
    return f"bytes {begin}-{size - 1}/{size}"


fault(7, "206 with another ETag")(_download(lambda new, begin, size: _Answer(
    new[begin:], 206, **{"ETag": '"v2"', "Content-Range": _range(begin, size)})))  # fmt: skip
fault(7, "206 without an ETag")(_download(lambda new, begin, size: _Answer(
    new[begin:], 206, **{"Content-Range": _range(begin, size)})))  # fmt: skip
fault(7, "a range of 5,000 digits")(_download(lambda new, begin, _: _Answer(
    new[begin:], 206, **{"ETag": '"v1"', "Content-Range": f"bytes {'9' * 5000}-9/9"})))  # fmt: skip


@fault(7, "206 that nobody asked for")
def _unasked(box):
    body = bytes(range(256)) * 10
    answer = _Answer(body, 206, **{"Content-Range": f"bytes 5-{len(body) + 4}/99999"})
    session = SimpleNamespace(get=lambda *_, **__: answer)
    one = library().download.Download(session, "http://x", box.folder / "d", None, print)
    try:
        one.attempt()
    except Exception:
        return False
    return True


@fault(8, "two rows of one file")
def _one_file(box):
    box.rows(lambda row: {"file": "bias_002.FIT"} if row.exposure == "bias_001" else {})
    return box.accepts_lock()


@fault(8, "three rows of one file")
def _three(box):
    box.rows(lambda row: {"file": "bias_002.FIT"} if row.role == "bias" else {})
    return box.accepts_lock()


@fault(8, "one exposure twice, of two files")
def _one_name(box):
    box.rows(lambda row: {"exposure": "bias_002"} if row.exposure == "bias_001" else {})
    return box.accepts_lock()


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
    import json

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
            "fetch": ["--campaign", box.yaml, "--item", "camera", "--exposure", "bias_001",
                      "--output", box.folder / "again/bias_001.json"],
        }[name]  # fmt: skip
        done = subprocess.run([PYTHON, "-c", code, path, *map(str, words)], capture_output=True,
                              text=True, check=False, env=os.environ | {
                                  "PYTHONPATH": str(TREE / "scripts")})  # fmt: skip
        assert done.returncode in (0, 9), done.stderr[-500:]
        return done.returncode == 9

    return reproduce


for _name in ("master_bias", "role_list", "pins", "fetch"):
    fault(14, _name)(_flushed(_name))


def main():
    """Print what is seen; return an exit status."""
    wanted = {int(word) for word in sys.argv[2:]} or set(FAULTS)
    seen = 0
    with tempfile.TemporaryDirectory(prefix="darkroom-") as scratch:
        whole = Box(Path(scratch, "whole"))
        whole.folder.mkdir()
        whole.prepare()
        for number in sorted(wanted):
            for member, reproduce in FAULTS[number]:
                folder = Path(scratch, "box")
                # The campaign names its folder: the copy takes the place of the first.
                shutil.rmtree(folder, ignore_errors=True)
                shutil.copytree(whole.folder, folder)
                box = Box(folder)
                box.yaml.write_text(box.yaml.read_text().replace(str(whole.folder), str(folder)))
                try:
                    found = "seen" if reproduce(box) else "gone"
                except Exception as error:
                    found = f"not tried ({type(error).__name__}: {str(error)[-200:]})"
                seen += found != "gone"
                print(f"{number:2d}  {member}: {found}", flush=True)
    return int(seen > 0)


if __name__ == "__main__":
    sys.exit(main())
