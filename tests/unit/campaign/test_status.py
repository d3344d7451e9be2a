"""Status files from anybody: a damaged, copied or wrong one ends in one sentence."""

import hashlib
import json

import pytest

from darkroom.campaign.frames import frame_table, read_frames, write_frames
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.status import acceptance, read_status, write_status
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.records import begin
from darkroom.integrity.seals import sealed

ROW = Exposure("camera", "dark", "a", "a.fits", "local:a.fits", None, {"exptime_s": "10"})
SUM = hashlib.sha256(b"frame").hexdigest()


@pytest.fixture
def status(tmp_path):
    """Give the status file of an exposure of a campaign."""
    begin(tmp_path, "snakemake", [])
    folder = tmp_path / "raw" / "camera"
    folder.mkdir(parents=True)
    (folder / "a.fits").write_bytes(b"frame")
    write_status(folder / "a.json", acceptance(ROW, 5, SUM, ROW.facts, []))
    return folder / "a.json"


def test_a_status_is_read_as_it_was_written(status):
    found = read_status(status)
    assert len(found.pop("digest")) == 64
    assert found == acceptance(ROW, 5, SUM, ROW.facts, []) | {"path": f"{status.parent}/a.fits"}


@pytest.mark.parametrize("at", range(3, 400, 7))
def test_a_flipped_bit_is_found(status, at):
    content = bytearray(status.read_bytes())
    content[at % len(content)] ^= 1
    status.write_bytes(content)
    with pytest.raises(InputError, match=r"damaged status|is the status of|gone or has changed"):
        read_status(status)


class Broken:
    """A check with a fault of its own."""

    def judge(self, subjects):
        return [subject.no_such_name for subject in subjects]


def test_a_fault_of_a_check_is_no_fault_of_a_status_of_darkroom(status):
    """It says where it happened, and does not ask to fetch the exposures again."""
    found = read_status(status)
    with pytest.raises(DarkroomError, match=r"no_such_name.*test_status\.py line \d+") as caught:
        frame_table([found], [Broken()])
    assert isinstance(caught.value.__cause__, AttributeError)
    assert "received again" not in str(caught.value)
    found.pop("digest")
    with pytest.raises(DarkroomError, match="cannot be judged"):
        frame_table([found], [Broken()])


def test_what_is_beside_an_exposure_is_compared_with_its_status(status, monkeypatch):
    stated = {}
    monkeypatch.setattr(
        "darkroom.campaign.status.expect", lambda path, sha256, _by: stated.update({path: sha256})
    )
    more = hashlib.sha256(b"more").hexdigest()
    write_status(status, acceptance(ROW, 5, SUM, {}, []) | {"beside": {"a_ima.fits": more}})
    read_status(status)
    folder = status.parent
    assert stated == {folder / "a.fits": SUM, folder / "a_ima.fits": more}


def test_a_copied_status_is_refused(status):
    copied = status.with_name("b.json")
    copied.write_bytes(status.read_bytes())
    with pytest.raises(InputError, match=r"is the status of camera/a, not of camera/b: it was cop"):
        read_status(copied)


def test_the_status_of_another_item_is_refused(status, tmp_path):
    other = tmp_path / "raw" / "other"
    other.mkdir()
    (other / "a.json").write_bytes(status.read_bytes())
    with pytest.raises(InputError, match="is the status of camera/a, not of other/a"):
        read_status(other / "a.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("facts", None), ("facts", []), ("facts", {"exptime_s": []}), ("facts", {"judged": 3}),
        ("notes", 5), ("notes", [5]), ("size", "5"), ("size", -5), ("size", True),
        ("sha256", "ab"), ("sha256", None), ("accepted", "yes"), ("file", "../a.fits"),
        ("file", 3), ("reason", None), ("exposure", ["a"]), ("item", None), ("beside", []),
        ("beside", {"../b.fits": SUM}), ("beside", {"b.fits": "ab"}), ("beside", {"b.fits": None}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("seal", [sealed, dict])
def test_values_of_wrong_types_are_named(status, key, value, seal):
    content = json.loads(status.read_text()) | {key: value}
    del content["digest"]
    status.write_text(json.dumps(seal(content)))
    said = key if seal is sealed else "states no digest"
    with pytest.raises(InputError, match=f"damaged status file .*{said}"):
        read_status(status)


@pytest.mark.parametrize("text", [
    "[" * 100_000, '{"facts": ' + "[" * 20_000 + "]" * 20_000 + "}", "null", "[]", "", "\udcff",
])  # fmt: skip
def test_what_is_no_status_ends_in_a_sentence(status, text):
    status.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match="is a damaged status file"):
        read_status(status)


def test_a_digest_is_needed_in_a_campaign_alone(status, tmp_path_factory):
    content = json.loads(status.read_text())
    del content["digest"]
    status.write_text(json.dumps(content))
    with pytest.raises(InputError, match="states no digest"):
        read_status(status)
    elsewhere = tmp_path_factory.mktemp("by_hand")
    (elsewhere / "a.fits").write_bytes(b"frame")
    (elsewhere / "0.json").write_bytes(status.read_bytes())
    assert read_status(elsewhere / "0.json")["accepted"]


@pytest.mark.parametrize("tail", [b"\xff\n", b"a\tb\n", b'"\x00\n'])
def test_a_damaged_frame_table_ends_in_a_sentence(tmp_path, tail):
    path = tmp_path / "frames.tsv"
    write_frames(path, [])
    path.write_bytes(path.read_bytes() + tail)
    with pytest.raises(InputError, match=r"frames\.tsv: (is not a frame table|row 1 does not)"):
        read_frames(path)
