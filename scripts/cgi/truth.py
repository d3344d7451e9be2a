"""Write the truth of an item's simulated frames, and compare noise maps and darks with it.

The truth is written as FITS images: fixed pattern, clock-induced charge, dark current, masks of hot
and dead pixels. The comparison is written as JSON: quantity, truth, found (the measured value),
error (as quoted by the product), and pull (found minus truth, in units of that error). The standard
deviation of the pulls of pixels is 1 when the quoted errors are right.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Write truth and comparison."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    parser.add_argument("--maps", required=True, type=Path, help="noise maps, full frame")
    parser.add_argument("--darks", nargs="*", default=[], type=Path, help="darks of the image area")
    parser.add_argument("--output", required=True, type=Path, help="truth, FITS")
    parser.add_argument("--comparison", required=True, type=Path, help="comparison, JSON")
    arguments = parser.parse_args()

    import numpy as np
    from astropy.io import fits

    from darkroom.archive.simulated import simulator_settings
    from darkroom.campaign.campaign import open_campaign
    from darkroom.cgi.counting.product import STATE
    from darkroom.cgi.darks.read import read_noise_maps, restore_empty
    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.simulate import exposures as cgi
    from darkroom.cgi.truth import compare_dark, compare_maps
    from darkroom.fits.write import write
    from darkroom.provenance import stamp
    from darkroom.report.truth_rows import write_rows

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    settings = simulator_settings(campaign.archive, campaign.items[arguments.item])
    truth, geometry = cgi.truth(settings), read_geometry(cgi.complete(settings)["geometry"])
    rows = compare_maps(read_noise_maps(arguments.maps), truth, geometry)
    for path in arguments.darks:
        with fits.open(path) as hdus:
            header = hdus[1].header
            gain, exptime = header["EMGAIN_C"], header["EXPTIME"]
            counted = header["PC_STAT"] == STATE
            kind = "synthesized" if header["IS_SYNTH"] else "traditional"
            kind = "photon-counted" if counted else kind
            section = geometry.section("image")
            if hdus[1].shape == geometry.shape:
                section = (slice(None), slice(None))
            name = f"{kind} dark of EM gain {gain:g} and {exptime:g} s"
            planes = restore_empty(header, hdus["DQ"].data, hdus[1].data, hdus["ERR"].data[0])
            rows += compare_dark(*planes, exptime, gain, truth, section, name, counted=counted)
    hdus = [fits.PrimaryHDU()]
    stamp(hdus[0].header, made_by="cgi_truth", inputs=[], settings=settings)
    for name in ("fpn", "cic", "dark"):
        hdus.append(fits.ImageHDU(truth[name].astype(np.float32), name=name.upper()))
    for name in ("hot", "bad"):
        hdus.append(fits.ImageHDU(truth[name].astype(np.uint8), name=name.upper()))
    write(arguments.output, hdus)
    write_rows(arguments.comparison, rows)


if __name__ == "__main__":
    run(main)
