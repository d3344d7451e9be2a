"""Faults 1 to 6: foreign code ran, foreign places were read, foreign text came through raw."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time

from hardening.box import PYTHON, TREE, fault, library


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
