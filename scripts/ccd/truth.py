"""Write the truth of an item's simulated frames, and compare the products with it.

The truth is written as FITS images: bias without dark, read noise, dark rate at the reference
temperature, masks of hot, warm and unstable pixels. The comparison is written as JSON: quantity,
truth, found (the measured value), error (as quoted by the product), and pull (found minus truth,
in units of that error).
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run

PRODUCTS = ("master_bias", "read_noise", "dark_rate", "hot_pixels")


def main() -> None:
    """Write truth and comparison."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    for name in PRODUCTS:
        parser.add_argument(
            f"--{name.replace('_', '-')}", required=True, metavar="FILE", help=f"product of {name}"
        )
    parser.add_argument("--output", required=True, type=Path, help="truth, FITS")
    parser.add_argument("--comparison", required=True, type=Path, help="comparison, JSON")
    arguments = parser.parse_args()

    from contextlib import ExitStack

    import numpy as np
    from astropy.io import fits

    from darkroom.archive.simulated import simulator_settings
    from darkroom.campaign.campaign import open_campaign
    from darkroom.ccd.products.amplifiers import opened_part
    from darkroom.ccd.simulate import camera
    from darkroom.ccd.truth import compare
    from darkroom.fits.write import write
    from darkroom.provenance import stamp
    from darkroom.report.truth_rows import write_rows

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    settings = simulator_settings(campaign.archive, campaign.items[arguments.item])
    truth = camera.truth(settings)
    rows = []
    amplifiers = len(camera.amplifier_columns(settings))
    for number in range(amplifiers):
        part = camera.amplifier_truth(settings, truth, number)
        with ExitStack() as stack:
            products = {
                name: stack.enter_context(opened_part(getattr(arguments, name), number))
                for name in PRODUCTS
            }
            bias = products["master_bias"]["SCI"].header
            rates = [hdu for hdu in products["dark_rate"] if hdu.name == "SCI"]
            factors = [
                camera.dark_factor(settings, header["CCD-TEMP"])
                for header in (bias, *(hdu.header for hdu in rates))
            ]
            found = compare(part, factors, products, bias["EXPTIME"])
        where = f"amplifier {number + 1}: " if amplifiers > 1 else ""
        rows += [one | {"quantity": where + one["quantity"]} for one in found]
    hdus = [fits.PrimaryHDU()]
    stamp(hdus[0].header, made_by="ccd_truth", inputs=[], settings=settings)
    for name in ("bias", "read_noise", "dark_rate"):
        hdus.append(fits.ImageHDU(truth[name].astype(np.float32), name=name.upper()))
    for name in ("hot", "warm", "unstable"):
        hdus.append(fits.ImageHDU(truth[name].astype(np.uint8), name=name.upper()))
    write(arguments.output, hdus)
    write_rows(arguments.comparison, rows)


if __name__ == "__main__":
    run(main)
