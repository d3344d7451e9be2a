"""Text files of others are regular files of a bounded size, whatever a link leads to."""

import os
import threading

import pytest

from darkroom.campaign.campaign import load_campaign
from darkroom.campaign.lock import read_lock
from darkroom.campaign.pins import read_pins
from darkroom.campaign.status import load_status
from darkroom.errors import InputError
from darkroom.reading import bounded_text

READERS = {
    "small.lock.tsv": read_lock,
    "small.pins.tsv": read_pins,
    "small.json": load_status,
    "small.yaml": lambda path: load_campaign(path, "none"),
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", ["a pipe", "a device", "a folder", "terabytes"])
def test_what_is_no_file_of_a_campaign_is_told_at_once(name, kind, tmp_path):
    """To open a pipe waits for a writer; a device does not end; a hole has no bytes on the disk."""
    path = tmp_path / name
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    elif kind == "a folder":
        path.mkdir()
    else:
        with path.open("wb") as stream:
            stream.truncate(1 << 42)
    found = []

    def read():
        try:
            READERS[name](path)
        except InputError as error:
            found.append(str(error))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(10)
    assert found
    fault = "bytes" if kind == "terabytes" else "is no regular file"
    assert fault in found[0]
    assert str(path) in found[0]


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("x" * 100)
    small = path.stat()
    path.write_text("x" * 5000)
    monkeypatch.setattr("pathlib.Path.stat", lambda *_, **__: small)
    with pytest.raises(ValueError, match="more than 1000 bytes"):
        bounded_text(path, 1000)
