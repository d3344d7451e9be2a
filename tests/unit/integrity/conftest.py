"""A folder of results with a file that was recorded by another process."""

import pytest

from darkroom.integrity.recording import record
from darkroom.integrity.records import begin
from darkroom.integrity.seen import forget


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Give a folder of results with a file that was recorded by another process."""
    monkeypatch.chdir(tmp_path)
    forget()
    folder = tmp_path / "results/c"
    begin("results/c", "snakemake", [(r"results/c/(a|b)\.txt$", False)])
    (folder / "a.txt").write_text("whole")
    record(folder / "a.txt")
    forget()
    yield folder
    forget()
