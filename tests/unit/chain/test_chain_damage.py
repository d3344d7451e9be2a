"""Raw exposures and references whose bytes change after the ramps were checked."""

import pytest

from nircam_jwst import own_program
from unit.chain.test_chain_ramps import World


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = World(tmp_path_factory.mktemp("damage"))
    done = made.check()
    assert done.returncode == 0, done.stderr
    return made


@pytest.mark.parametrize("program", ["superbias"])
@pytest.mark.parametrize("damaged", ["exposure"])
def test_a_flipped_bit_is_told_in_one_sentence_and_makes_no_product(
    world, tmp_path, program, damaged
):
    path = world.raw[1]
    if damaged == "reference":
        path = world.cache.place_for("jwst_nircam_superbias_0001.fits")
    whole = path.read_bytes()
    # A bit of a pixel, so that the file is as readable as before.
    place = len(whole) // 2
    path.chmod(0o644)
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    product, details = tmp_path / "product.fits", tmp_path / "details.fits"
    try:
        done = own_program(
            f"nircam/{program}", "--pedigree", "DUMMY", "--output", product, "--details", details,
            world.recipe(0), world.recipe(1),
        )  # fmt: skip
    finally:
        path.write_bytes(whole)
    assert done.returncode != 0
    assert not product.exists()
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1
    assert path.name in errors[0]
    words = "its recipe states" if damaged == "exposure" else "this reference has changed since"
    assert words in errors[0]
