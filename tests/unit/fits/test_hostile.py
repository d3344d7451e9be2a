"""Headers that lie are refused before anything is read or allocated as they say."""

import gzip
import tracemalloc

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from darkroom.archive.local import header_facts
from darkroom.errors import InputError
from darkroom.fits import describe as described
from darkroom.fits.content import content_sha256, is_product
from darkroom.fits.describe import describe
from darkroom.fits.structure import BLOCK, LONGEST_HEADER, check_structure
from darkroom.fits.tiles import FrameStack
from darkroom.fits.verify import verify
from darkroom.transport.transfer import time_limit

# Far above what the small files here need, far below what their headers announce.
MOST_BYTES, MOST_SECONDS = 64_000_000, 60


def image():
    """Return the HDUs of a small frame with a second image."""
    first = fits.PrimaryHDU(np.arange(64, dtype=np.int16).reshape(8, 8))
    first.header["EXPTIME"] = 1.0
    second = fits.ImageHDU(np.ones((8, 8), np.float32), name="ERR")
    return fits.HDUList([first, second])


def table():
    """Return the HDUs of a small table with a column of variable length."""
    columns = [
        fits.Column("A", "J", array=[1, 2]),
        fits.Column("B", "3E", array=np.ones((2, 3))),
        fits.Column("C", "PJ()", array=np.array([[1, 2], [3]], dtype=object)),
    ]
    return fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)])


def compressed():
    """Return the HDUs of a small compressed image."""
    return fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.ones((64, 64), np.int32))])


MADE = {"image": image, "table": table, "compressed": compressed}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with one sound file of each kind."""
    folder = tmp_path_factory.mktemp("hostile")
    for name, make in MADE.items():
        make().writeto(folder / f"{name}.fits", checksum=True)
    return folder


def card(keyword, value):
    return f"{keyword:<8}= {value:>20}"[:80].ljust(80).encode("latin-1")


def with_card(content, keyword, value, hdu=0):
    """Return a file with a card's value changed, or the card put in before END, in an HDU."""
    start = content.find(b"XTENSION") if hdu else 0
    content = bytearray(content)
    for at in range(start, len(content), 80):
        if content[at : at + 8].decode("latin-1").strip() in (keyword, "END"):
            ended = content[at : at + 3] == b"END"
            content[at : at + 80] = card(keyword, value)
            if ended:
                content[at + 80 : at + 160] = b"END".ljust(80)
            return bytes(content)
    raise AssertionError(f"no room for {keyword}")


def all_readers(path):
    """Call every reader; each may refuse the file in words, and nothing else."""

    def stack():
        with FrameStack([path]) as frames:
            frames.read(slice(0, 1))

    readers = [verify, describe, stack, content_sha256, is_product, header_facts]
    refused = []
    tracemalloc.start()
    try:
        for reader in readers:
            try:
                with time_limit(MOST_SECONDS):
                    reader() if reader is stack else reader(path)
            except InputError as error:
                refused.append(str(error))
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()
    return refused


LIES = [
    ("image", 0, "NAXIS1", "1000000000000", "truncated"),
    ("image", 0, "NAXIS1", "-8", "NAXIS1 = -8 is less than 0"),
    ("image", 0, "NAXIS1", "8.5", "is no whole number"),
    ("image", 0, "NAXIS1", "'8'", "is no whole number"),
    ("image", 0, "NAXIS", "1000000000", "NAXIS = 1000000000, 999 at most"),
    ("image", 0, "NAXIS", "999", "NAXIS3 is missing"),
    ("image", 0, "BITPIX", "12", "BITPIX = 12 is none of"),
    ("image", 0, "PCOUNT", "1000000000000", "PCOUNT = 1000000000000 and GCOUNT = 1"),
    ("image", 1, "PCOUNT", "-64", "PCOUNT = -64 is less than 0"),
    ("image", 1, "GCOUNT", "1000000000", "GCOUNT = 1000000000, an image has 0 and 1"),
    ("image", 0, "GCOUNT", "0", "GCOUNT = 0, an image has 0 and 1"),
    ("image", 0, "naxis1", "1000000000000", "NAXIS1 is there twice"),
    ("table", 1, "TFORM1", "'1000000000J'", "its columns take 4000000020 bytes of a row"),
    ("table", 1, "TFORM1", "'2J'", "its columns take 28 bytes of a row, NAXIS1 = 24"),
    ("table", 1, "TFORM1", "'Z'", "is no format of a column"),
    ("table", 1, "TFORM3", "'1000000PJ(2)'", "is no format of a column"),
    ("table", 1, "TFIELDS", "1000000000", "999 at most"),
    ("table", 1, "TFIELDS", "4", "TFORM4 = '' is no format"),
    ("table", 1, "NAXIS2", "1000000000000", "truncated"),
    ("table", 1, "PCOUNT", "1000000000000", "truncated"),
    ("table", 1, "THEAP", "9999999", "THEAP = 9999999 lies outside the data"),
    ("compressed", 1, "ZNAXIS1", "1000000000", "ZNAXIS1|tiles|no method does that"),
    ("compressed", 1, "ZNAXIS2", "1000000000", "its image has 1000000000 tiles"),
    ("compressed", 1, "ZTILE1", "1000000000", "a tile is larger than the image"),
    ("compressed", 1, "ZBITPIX", "7", "ZBITPIX = 7 is none of"),
]


@pytest.mark.parametrize(("kind", "hdu", "keyword", "value", "said"), LIES)
def test_a_lie_about_size_is_refused_by_verify_before_harm(
    kind, hdu, keyword, value, said, folder, tmp_path
):
    path = tmp_path / "lie.fits"
    path.write_bytes(with_card((folder / f"{kind}.fits").read_bytes(), keyword, value, hdu))
    with pytest.raises(InputError, match=said):
        verify(path)
    assert all_readers(path)


def test_a_product_of_axes_beyond_any_number_of_bits_is_refused(folder, tmp_path):
    content = (folder / "image.fits").read_bytes()
    content = content.replace(card("NAXIS", 2)[:30], card("NAXIS", 999)[:30], 1)
    end = content.index(b"END".ljust(80))
    axes = b"".join(card(f"NAXIS{k}", 999999999999) for k in range(3, 1000))
    path = tmp_path / "axes.fits"
    header = content[:end] + axes + b"END".ljust(80)
    path.write_bytes(header.ljust(-(-len(header) // BLOCK) * BLOCK))
    with pytest.raises(InputError, match="axes make up more than any file holds"):
        verify(path)
    assert all_readers(path)


def test_a_header_without_end_is_refused_without_reading_all_of_it(tmp_path):
    path = tmp_path / "endless.fits"
    with path.open("wb") as stream:
        stream.write(card("SIMPLE", "T").ljust(BLOCK))
        # Sparse: 50 GB that nobody reads.
        stream.truncate(50_000_000_000)
    with pytest.raises(InputError, match=f"has no END within {LONGEST_HEADER} bytes"):
        check_structure(path)
    assert len(all_readers(path)) >= 4


def test_a_file_of_nothing_but_small_hdus_is_not_read_to_its_end(tmp_path):
    extension = fits.ImageHDU().header.tostring().encode()
    path = tmp_path / "many.fits"
    path.write_bytes(fits.PrimaryHDU().header.tostring().encode() + 10_001 * extension)
    with pytest.raises(InputError, match="has more than 10000 HDUs"):
        verify(path)


def test_gzip_that_unpacks_to_more_than_the_disk_may_take_is_given_up(tmp_path, monkeypatch):
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(gzip.compress(bytes(20_000_000)))
    usage = type("Usage", (), {"free": 10_000_000})
    monkeypatch.setattr("darkroom.fits.verify.shutil.disk_usage", lambda _: usage)
    with pytest.raises(InputError, match="unpack to more than the disk may take"):
        verify(path)
    assert not list(tmp_path.glob("darkroom-*"))


def test_a_compressed_file_that_grows_beyond_any_exposure_is_refused(tmp_path, monkeypatch):
    """17 MB of zeros are 4 GB: 40 s and the disk, before its header said that it is none."""
    path = tmp_path / "a.fits.gz"
    path.write_bytes(gzip.compress(bytes(9_000_000)))
    monkeypatch.setattr("darkroom.fits.verify._SMALL", 5_000_000)
    with pytest.raises(InputError, match=r"unpack to more than 5000000: it is no exposure"):
        verify(path)
    monkeypatch.setattr("darkroom.fits.verify._GROWTH", 2000)
    with pytest.raises(InputError, match=r"^(?!.*unpack)"):
        verify(path)


def test_sound_files_are_taken(folder):
    for name in MADE:
        verify(folder / f"{name}.fits")


KEYWORDS = [
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "NAXIS3", "PCOUNT", "GCOUNT",
    "GROUPS", "TFIELDS", "TFORM1", "TFORM2", "TFORM3", "TDIM2", "THEAP", "TNULL1", "TSCAL1",
    "ZIMAGE", "ZNAXIS", "ZNAXIS1", "ZNAXIS2", "ZTILE1", "ZTILE2", "ZBITPIX", "ZCMPTYPE", "ZVAL1",
    "BSCALE", "BZERO", "BLANK", "EXTNAME", "EXTVER", "DATASUM", "CHECKSUM", "EXPTIME", "DATE-OBS",
    "XBINNING", "IMAGETYP", "INSTRUME", "CREATOR", "EXTEND", "INHERIT", "CONTINUE", "HIERARCH",
]  # fmt: skip
VALUES = st.one_of(
    st.integers(-(10**12), 10**12).map(str),
    st.sampled_from(
        ["0", "1", "8", "T", "F", "'", "''", "'T'", "1E400", "NaN", "(1,2)", "", "= ="]
    ),
    st.sampled_from(["'BINTABLE'", "'TABLE'", "'IMAGE'", "'999999999E'", "'1PE(9)'", "'1QD(9)'"]),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20),
)


@settings(max_examples=60, phases=[Phase.generate])
@given(
    kind=st.sampled_from(sorted(MADE)),
    changes=st.lists(st.tuples(st.sampled_from(KEYWORDS), VALUES, st.booleans()), max_size=3),
    flips=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 4 * BLOCK),
)
def test_whatever_a_header_says_the_answer_is_words_in_bounded_time_and_memory(
    folder, kind, changes, flips, cut
):
    content = (folder / f"{kind}.fits").read_bytes()
    for keyword, value, second in changes:
        content = with_card(content, keyword, value, int(second))
    content = bytearray(content)
    for at, value in flips:
        content[at % (2 * BLOCK)] = value
    path = folder / "mutated.fits"
    path.write_bytes(content[: -cut % BLOCK or len(content)] if cut % 7 == 0 else content)
    all_readers(path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"NAXIS   =                    2", b"NAXIS   =                  'x'"),
        (b"NAXIS   =                    2", b"NAXIS   =                  2.0"),
        (b"NAXIS   =                    2", b"NOTHING =                    2"),
    ],
)
def test_a_header_of_no_use_is_refused_and_a_fault_of_ours_is_not_hidden(
    tmp_path, monkeypatch, old, new
):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU(np.zeros((4, 4), np.float32)).writeto(path)
    good = path.read_bytes()
    path.write_bytes(good.replace(old, new, 1))
    with pytest.raises(InputError):
        described.image_headers(path)
    path.write_bytes(good)

    def faulty(header):
        return header.nonsense

    monkeypatch.setattr(described, "plane_count", faulty)
    with pytest.raises(AttributeError):
        described.image_headers(path)


def test_a_fault_of_a_simulator_is_not_taken_for_one_of_the_campaign(monkeypatch):
    from darkroom.archive import simulated
    from darkroom.errors import DarkroomError

    def plan(asked):
        raise asked["error"]("x")

    monkeypatch.setattr(simulated, "simulator", lambda _: type("S", (), {"plan": plan}))
    for error in (OverflowError, ValueError, IndexError):
        with pytest.raises(DarkroomError, match="cannot make what 'simulate' asks for"):
            simulated._planned("a", {"error": error}, {})
    for error in (TypeError, KeyError, AttributeError):
        with pytest.raises(error):
            simulated._planned("a", {"error": error}, {})
