"""Files of states: the same bits back, damage and foreign files refused in a sentence."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs import state as states
from darkroom.epochs.state_file import load, save
from darkroom.errors import InputError

CARDS = {"INSTRUME": ("CAMERA", "camera"), "DETECTOR": ("A1", "detector")}


@pytest.fixture
def state():
    rng = np.random.default_rng(6)
    shape = (20, 30)
    classes = np.zeros(shape, np.uint8)
    classes[:, 15:] = 1
    form = states.Template(
        np.full(shape, 9000, np.int32),
        np.array([10.0, 20.0]),
        classes,
        np.ones(shape, bool),
        ("left", "right"),
    )
    whole = states.empty(form)
    for name in ("a 1", "e 2"):
        frame = 9000 + rng.normal(0, 25, shape)
        whole = states.merge(whole, states.of_unit(form, name, frame, np.zeros(shape, bool)))
    return whole


def test_a_state_comes_back_to_the_bit(state, tmp_path):
    state = states.remove(state, states.remove(state, _only(state, "a 1")))
    path = tmp_path / "state.fits"
    save(path, state, CARDS, made_by="test", inputs=[])
    found, cards = load(path)
    assert states.equal(found, state)
    assert cards == {"INSTRUME": "CAMERA", "DETECTOR": "A1"}


def _only(state, name):
    """Return the state of one unit of a state of two, from its own samples."""
    form = state.template
    rng = np.random.default_rng(6)
    frames = [9000 + rng.normal(0, 25, form.level.shape) for _ in range(2)]
    k = state.units.index(name)
    return states.of_unit(form, name, frames[k], np.zeros(form.level.shape, bool))


def test_an_empty_state_comes_back(state, tmp_path):
    path = tmp_path / "state.fits"
    save(path, states.empty(state.template), CARDS, made_by="test", inputs=[])
    found, _ = load(path)
    assert found.units == ()
    whole = states.merge(found, _only(state, "a 1"))
    assert whole.units == ("a 1",)


def test_states_of_equal_numbers_are_equal_files(state, tmp_path):
    for name in ("one.fits", "two.fits"):
        save(tmp_path / name, state, CARDS, made_by="test", inputs=[])
    one, two = (fits.getheader(tmp_path / name)["STATESUM"] for name in ("one.fits", "two.fits"))
    assert one == two


@pytest.mark.parametrize("place", ["COUNT", "TOTAL", "SQUARES", "LEVEL"])
def test_a_flipped_number_is_refused(state, tmp_path, place):
    path = tmp_path / "state.fits"
    save(path, state, CARDS, made_by="test", inputs=[])
    with fits.open(path) as hdus:
        start = hdus[place].fileinfo()["datLoc"]
    data = bytearray(path.read_bytes())
    data[start + 101] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="Checksum verification failed"):
        load(path)
    # Whoever makes the checksums fit again has still another state.
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus:
            hdu.add_checksum()
    with pytest.raises(InputError, match="SHA-256"):
        load(path)


def test_a_damaged_card_of_the_series_is_refused(state, tmp_path):
    """The digest is of the numbers alone; that of which detector they are counts as much."""
    path = tmp_path / "state.fits"
    save(path, state, CARDS, made_by="test", inputs=[])
    name, (value, _) = next((k, v) for k, v in CARDS.items() if isinstance(v[0], str))
    old = f"{name:8}= '{value}".encode()
    assert path.read_bytes().count(old) == 1
    path.write_bytes(path.read_bytes().replace(old, old[:-1] + bytes([old[-1] ^ 1])))
    with pytest.raises(InputError, match="Checksum verification failed"):
        load(path)


def test_foreign_cut_and_missing_files_are_refused(state, tmp_path):
    path = tmp_path / "state.fits"
    with pytest.raises(InputError, match="no such file"):
        load(path)
    save(path, state, CARDS, made_by="test", inputs=[])
    whole = path.read_bytes()
    for size in (100, 2880, len(whole) // 2, len(whole) - 4000):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError):
            load(path)
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(path, overwrite=True)
    with pytest.raises(InputError, match="DATATYPE is None"):
        load(path)
