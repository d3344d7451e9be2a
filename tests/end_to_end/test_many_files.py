"""Two thousand small files through an archive where one answer in twenty is bad."""

import csv
import hashlib
import os
import re
import resource
import threading
import time
from pathlib import Path

import pytest
import yaml

from loopback import exposures
from loopback.catalogue import Catalogue, Observation, Product
from loopback.mast import Mast

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]

FILES, VISITS = 2000, 10
KINDS = [
    "cut",
    "cut_without_length",
    "reset",
    "down",
    "silent",
    "html",
    "empty",
    "too_long",
    "corrupt",
    "unavailable",
]


def catalogue():
    """Visits of small files with checksums, so that damage without a change of size is seen."""

    def content(name):
        return exposures.wfc3(name, "ib0000010", "RAW", 1, checksum=True)

    visits = []
    for visit in range(VISITS):
        names = [f"ib{visit:02d}{number:04d}q" for number in range(FILES // VISITS)]
        products = [
            Product(f"{n}_raw.fits", "HST", n, "RAW", lambda n=n: content(n)) for n in names
        ]
        visits.append(Observation(f"ib{visit:02d}00010", "HST", "WFC3/IR", "77", products))
    return Catalogue(visits)


class Watch(threading.Thread):
    """Resident memory of the processes that fetch, as time goes by."""

    def __init__(self):
        super().__init__(daemon=True)
        self.samples, self.programs, self.most = [], set(), 0
        self.over = threading.Event()

    def run(self):
        begun = time.monotonic()
        while not self.over.wait(0.3):
            found = [kb for path in Path("/proc").glob("[0-9]*") if (kb := self._resident(path))]
            self.most = max(self.most, len(found))
            if found:
                self.samples.append((time.monotonic() - begun, max(found)))

    def _resident(self, path):
        try:
            if b"scripts/archive/fetch.py" not in (path / "cmdline").read_bytes():
                return 0
            text = (path / "status").read_text()
        except OSError:
            return 0
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        if not found or "Name:\tpython" not in text:
            return 0
        self.programs.add(path.name)
        return int(found[1])


def test_all_arrive_in_one_command(checkout, monkeypatch, capsys):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    with Mast(catalogue()) as server:
        settings = {
            "title": "Many",
            "archive": {"kind": "mast", "server": server.url, "timeout_s": 3},
            "crds": {"hst": {"context": "hst_1241.pmap"}},
            "items": {
                f"visit{visit}": {
                    "instrument": "wfc3",
                    "query": {"mission": "hst", "obs_id": f"ib{visit:02d}00010"},
                }
                for visit in range(VISITS)
            },
        }
        (checkout.folder / "many.yaml").write_text(yaml.safe_dump(settings))
        checkout.snakemake("lock", "--config", "campaign=many.yaml")
        server.faults.at_random(0.05, KINDS, "*_raw.fits", seed=1)
        watch = Watch()
        watch.start()
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        checkout.snakemake("exposures", "--cores", 4, "--config", "campaign=many.yaml")
        seconds = time.monotonic() - begun
        watch.over.set()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        struck = sum(server.faults.struck.values())
        products = server.catalogue.products.values()
        sums = {p.name: hashlib.sha256(p.content).hexdigest() for p in products}

    raw = checkout.folder / "results" / "many" / "raw"
    with (raw / "manifest.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == FILES
    assert {row["state"] for row in rows} == {"arrived"}
    for row in rows:
        data = (raw / row["item"] / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == sums[row["file"]] == row["sha256"]
        assert (raw / row["item"] / f"{row['exposure']}.json").is_file()
    left = list(raw.rglob("*.part*"))
    assert left == []
    assert struck > FILES * 0.03
    # Memory: the biggest process of the second half against the first.
    half = watch.samples[-1][0] / 2
    first = max(kb for t, kb in watch.samples if t <= half)
    second = max(kb for t, kb in watch.samples if t > half)
    assert second < 1.1 * first
    assert len(watch.programs) < FILES / 20
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    with capsys.disabled():
        print(
            f"\n{FILES} files, {struck} faults: {seconds:.0f} s, {cpu:.0f} CPU s of the run; "
            f"{len(watch.programs)} processes brought them, {watch.most} at once; the biggest had "
            f"{first / 1e3:.0f} MB in the first half, {second / 1e3:.0f} MB in the second; "
            f"load {os.getloadavg()[0]:.0f}"
        )
