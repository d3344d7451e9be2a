"""The token stays in the environment, with every library at its loudest."""

import threading
from pathlib import Path

import pytest

from loopback.campaigns import point_at
from loopback.mast import Mast

pytestmark = pytest.mark.end_to_end

CAMPAIGN = "wfc3_icxt27020"
FETCHED = "exposures"
TOKEN = "5ec4e700000000000000000000000000"
# Put into the library that every program of the run imports, for they take nothing from PYTHONPATH:
# all loggers at DEBUG, and http.client prints what it sends.
LOUD = """
import http.client, logging
http.client.HTTPConnection.debuglevel = 1
logging.basicConfig(level=logging.DEBUG)
real = logging.basicConfig
def loud(**options):
    real(**options | {"level": logging.DEBUG})
logging.basicConfig = loud
"""


class ProcessList(threading.Thread):
    """Looks for a text in the command lines of all processes, again and again."""

    def __init__(self, text):
        super().__init__(daemon=True)
        self.text, self.seen, self.looks, self.over = text.encode(), [], 0, threading.Event()

    def run(self):
        while not self.over.wait(0.1):
            self.looks += 1
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    line = path.read_bytes()
                except OSError:
                    continue
                if self.text in line:
                    self.seen.append(line)


@pytest.fixture
def loud(checkout, monkeypatch):
    """A checkout whose programs say everything they can, and have the token."""
    library = checkout.folder / "scripts" / "darkroom" / "__init__.py"
    assert not library.is_symlink()
    assert not library.parent.is_symlink()
    with library.open("a") as stream:
        stream.write(LOUD)
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    return checkout


def holders(folder):
    """Files below a folder that hold the token; the tests' own do."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not {".venv", ".venvs", "tests"} & set(path.relative_to(folder).parts)
        and TOKEN.encode() in path.read_bytes()
    ]


def test_the_token_is_nowhere(loud):
    """No file, log, product, manifest or command line; after faults of all kinds, too."""
    with Mast() as server:
        server.token, server.exclusive = TOKEN, {"icxt27hkq_raw.fits"}
        campaign = loud.folder / "config" / "campaigns" / f"{CAMPAIGN}.yaml"
        point_at(campaign, server.url, retries=1)
        watch = ProcessList(TOKEN)
        watch.start()
        text = loud.snakemake("lock", "--config", f"campaign={CAMPAIGN}")
        server.faults.add("cut", "icxt27hkq_raw.fits", times=1)
        server.faults.add("unavailable", "icxt27hoq_raw.fits", times=1)
        server.faults.add("missing", "icxt27020_drz.fits")
        text += loud.snakemake(FETCHED, "-p", "--config", f"campaign={CAMPAIGN}", status=1)
        server.faults.clear()
        server.token = "another"
        text += loud.snakemake(FETCHED, "-p", "--config", f"campaign={CAMPAIGN}", status=1)
        server.token = TOKEN
        text += loud.snakemake(FETCHED, "-p", "--config", f"campaign={CAMPAIGN}")
        watch.over.set()
        watch.join()
        assert f"mast_token={TOKEN}" in server.cookies
    assert "does not accept the token in MAST_API_TOKEN" in text
    logs = "".join(p.read_text() for p in loud.folder.glob("results/*/logs/**/*.log"))
    assert "mast_token=***" in logs, "the programs were not loud, so this proves nothing"
    assert watch.looks > 10
    assert watch.seen == []
    assert TOKEN not in text
    assert holders(loud.folder) == []
