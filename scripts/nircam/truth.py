"""Compare superbias, read noise, dark and mask of simulated darks with the truth of the simulation.

The truth is written as FITS images: bias, noise of one read without 1/f noise, kTC noise, dark
current, hot and telegraph pixels. The comparison is written as JSON: quantity, truth, found (the
measured value), error (as quoted by the product), and pull (found minus truth, in units of that
error). The standard deviation of the pulls of pixels is 1 when the quoted errors are right. The
residual 1/f noise after the reference pixel correction is predicted from its spectrum, roughly.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Write truth and comparison."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    pair = {"nargs": 2, "type": Path, "required": True, "metavar": ("REFERENCE", "DETAILS")}
    parser.add_argument("--superbias", **pair, help="products of superbias")
    parser.add_argument("--readnoise", **pair, help="products of readnoise")
    pair["required"] = False
    parser.add_argument("--dark", **pair, help="products of dark")
    parser.add_argument("--mask", **pair, help="products of mask, made of the dark")
    parser.add_argument(
        "--truth", required=True, type=Path, help="folder with the truth of the exposures"
    )
    parser.add_argument("--output", required=True, type=Path, help="truth, FITS")
    parser.add_argument("--comparison", required=True, type=Path, help="comparison, JSON")
    parser.add_argument("ramps", nargs="+", type=Path, metavar="RAMPS", help="exposures used")
    arguments = parser.parse_args()

    import json

    import numpy as np
    from astropy.io import fits

    from darkroom.archive.simulated import simulator_settings
    from darkroom.atomic import write_text
    from darkroom.campaign.campaign import open_campaign
    from darkroom.fits.write import write
    from darkroom.nircam import truth as nircam_truth
    from darkroom.nircam.dark import truth as dark_truth
    from darkroom.nircam.detector.patterns import PATTERNS
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.simulate.detector import layout
    from darkroom.nircam.simulate.noise import correlated_variance
    from darkroom.nircam.simulate.values import complete
    from darkroom.provenance import stamp

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    item = campaign.items[arguments.item]
    settings = complete(simulator_settings(campaign.archive, item))
    readout, nframes = layout(settings), PATTERNS[settings["readpatt"]][0]
    truth = nircam_truth.read_truth(
        arguments.truth, [path.name.partition(".")[0] for path in arguments.ramps]
    )
    classes = Classes.of_layout(readout)
    superbias, readnoise = (
        tuple(map(Product, paths)) for paths in (arguments.superbias, arguments.readnoise)
    )
    elapsed = (nframes + 1) / 2 * readout.frame_time
    made = item["nircam"]["superbias"]
    if made["method"] == "aligned" and made["sample"] != "group0":
        elapsed = 0.0  # the sample is the value right after the reset
        if (made["sample"], made["pedestal"]) == ("pedestal", "stcal"):
            groups = sum(PATTERNS[settings["readpatt"]])
            elapsed = (nframes + 1) / 2 * (readout.frame_time - 1 / groups)
    correlated = readout.flip(correlated_variance(settings, readout)) / nframes
    rows = nircam_truth.compare_superbias(*superbias, truth, classes, elapsed)
    rows += nircam_truth.compare_readnoise(*readnoise, truth, classes, correlated)

    if arguments.dark:
        dark, gain = Product(arguments.dark[1]), settings["gain"]
        independent = not np.any(correlated)
        rows += dark_truth.compare_dark(dark, truth, classes, gain, independent=independent)
        if arguments.mask:
            rows += dark_truth.compare_mask(dark, Product(arguments.mask[1]), truth, gain)

    hdus = [fits.PrimaryHDU()]
    stamp(hdus[0].header, made_by="nircam_truth", inputs=[], settings=settings)
    for name in nircam_truth.IMAGES:
        image = truth[name]
        kind = np.uint8 if image.dtype == bool else np.float32
        hdus.append(fits.ImageHDU(image.astype(kind), name=name.upper()))
    write(arguments.output, hdus)
    write_text(arguments.comparison, json.dumps(rows, indent=1) + "\n")
    for entry in rows:
        print("{quantity}: truth {truth:.6g}, found {found:.6g}, pull {pull}".format(**entry))


if __name__ == "__main__":
    run(main)
