"""Writing FITS products: atomically, with checksums, the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.atomic import written_atomically

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath


def binary_table(columns: Sequence[fits.Column], name: str) -> fits.BinTableHDU:
    """Return a table HDU of `astropy.io.fits.Column`s.

    The same as ``BinTableHDU.from_columns``, which imports all of astropy.table only to test the
    type of its data: 0.2 s in every program.
    """
    hdu = fits.BinTableHDU()
    hdu.data = fits.FITS_rec.from_columns(fits.ColDefs(columns))
    hdu.name = name
    return hdu


def write(path: StrPath, hdus: Sequence[Any], date: str | None = None) -> None:
    """Write HDUs to `path` atomically, with DATE in the primary header and CHECKSUM in all.

    Two runs with the same content give the same bytes but for the cards DATE, CHECKSUM and
    DATASUM's comment (astropy puts the time into the comments; they are blanked here).

    Parameters
    ----------
    path : path-like
        Final name of the product.
    hdus : sequence of astropy HDUs
        The first one must be a PrimaryHDU.
    date : str, optional
        Value of DATE instead of the present time: for intermediate files, whose digest must not
        depend on when they were made.
    """
    hdulist = fits.HDUList(list(hdus))
    hdulist[0].header["DATE"] = (
        date or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "time this file was written (UTC)",
    )
    add_checksums(hdulist)
    with written_atomically(path) as temporary:
        save(temporary, hdulist, output_verify="exception", checksum=False)


def save(path: StrPath, hdus: Any, **options: Any) -> None:
    """Write an HDU or a list of them; any failure of the disk is an error.

    Given a name, astropy writes pixels by numpy's ``tofile``, which says nothing when the last
    bytes of an array cannot be written: the file is of the right size, with a hole of zeros.

    Parameters
    ----------
    path : path-like
        A temporary name; a file that has it is replaced.
    hdus : HDU or HDUList
    **options
        Of astropy's ``writeto``.
    """
    with Path(path).open("wb") as stream:
        hdus.writeto(_Stream(stream), **options)


class _Stream:
    """A stream in which astropy does not recognise a file, so that it writes by `write` alone."""

    mode = "wb"

    def __init__(self, stream: IO[bytes]) -> None:
        self.write, self.flush = stream.write, stream.flush
        self.tell, self.seek = stream.tell, stream.seek
        # For astropy's message when the disk is full.
        self.name = stream.name


@contextmanager
def edited(path: StrPath, **options: Any) -> Iterator[fits.HDUList]:
    """Give the HDUs of a file; what was changed is in the file when the block ends well.

    Like astropy's mode "update", but written as `save` does. HDUs with CHECKSUM keep a right one.

    Parameters
    ----------
    path : path-like
        A file that has a temporary name.
    **options
        Of ``astropy.io.fits.open``.
    """
    with fits.open(io.BytesIO(Path(path).read_bytes()), memmap=False, **options) as hdus:
        yield hdus
        add_checksums([hdu for hdu in hdus if "CHECKSUM" in hdu.header])
        save(path, hdus)


def add_checksums(hdus: Sequence[Any]) -> None:
    """Add CHECKSUM and DATASUM, without the time that astropy puts into their comments."""
    for hdu in hdus:
        hdu.add_checksum(when="HDU checksum")
        hdu.header.comments["DATASUM"] = "data unit checksum"
        hdu.add_checksum(when="HDU checksum", override_datasum=False)
