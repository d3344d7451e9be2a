"""Write the bad-pixel mask for other programs: 0/1 FITS, DS9 regions, and a list of columns.

OUT is the mask, 1 for a bad pixel, of type uint8: the first HDU of one image, an extension for each
of several amplifiers. Beside it, OUT with the suffix .reg holds DS9 regions and with the suffix
.txt lines "x1 x2 y1 y2", counted from 1, as IRAF's fixpix takes them. With several amplifiers the
names of these two end in that of the amplifier. Bad are pixels that the hot-pixel product flags as
NONFINITE, SATURATED, HOT, UNSTABLE, LOW, NONLINEAR or LINE. Runs of bad pixels in a
column or row are one defect.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--output", required=True, type=Path, metavar="OUT", help="mask, FITS")
    parser.add_argument("hot_pixels", metavar="FILE", help="product of hot_pixels")
    return parser.parse_args()


def main() -> None:
    """Write the masks and the lists."""
    arguments = parse()
    import logging

    from astropy.io import fits

    from darkroom.atomic import write_text
    from darkroom.ccd.dq import DQ
    from darkroom.ccd.products import bad_pixels as bad
    from darkroom.ccd.products.amplifiers import NAME, opened_part, part_count
    from darkroom.errors import InputError
    from darkroom.fits.write import write
    from darkroom.provenance import stamp

    bits = DQ.NONFINITE | DQ.SATURATED | DQ.HOT | DQ.UNSTABLE | DQ.LOW | DQ.NONLINEAR | DQ.LINE
    count, hdus = part_count(arguments.hot_pixels), []
    made_by = fits.getheader(arguments.hot_pixels).get("MADEBY", "hot_pixels")
    if made_by != "hot_pixels":
        raise InputError(
            arguments.hot_pixels, f"was made by {made_by}, a product of hot_pixels is needed"
        )
    for number in range(count):
        with opened_part(arguments.hot_pixels, number) as part:
            if "DQ" not in part:
                raise InputError(
                    arguments.hot_pixels, "has no image DQ: it is no product of hot_pixels"
                )
            flagged = (part["DQ"].data & int(bits)) > 0
            name = part["DQ"].header.get(NAME, "")
        found = bad.defects(flagged)
        mask = bad.mask_of(flagged, found)
        hdu = fits.ImageHDU(mask, name=name) if count > 1 else fits.PrimaryHDU(mask)
        ncolumns, nrows = (sum(one.kind == kind for one in found) for kind in ("column", "row"))
        hdu.header["NBAD"] = (int(mask.sum()), "bad pixels")
        hdu.header["NBADCOL"] = (ncolumns, "bad columns, each one defect")
        hdu.header["NBADROW"] = (nrows, "bad rows, each one defect")
        hdu.header["NDEFECTS"] = (len(found), "defects in the lists beside this file")
        logging.info("%s %d bad pixels, %d bad columns", name, int(mask.sum()), ncolumns)
        hdus.append(hdu)
        stem = arguments.output.with_suffix("")
        stem = stem.with_name(f"{stem.name}_{name}") if count > 1 else stem
        write_text(stem.with_name(f"{stem.name}.reg"), bad.regions(found, name))
        write_text(stem.with_name(f"{stem.name}.txt"), bad.columns_list(found))
    if count > 1:
        hdus.insert(0, fits.PrimaryHDU())
    stamp(hdus[0].header, made_by="bad_pixels", inputs=[arguments.hot_pixels], settings={})
    write(arguments.output, hdus)


if __name__ == "__main__":
    run(main)
