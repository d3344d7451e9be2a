"""Compare the noise products of an item's simulated darks with the truth of the simulation.

Writes JSON: quantity, truth, found (the measured value), error (as quoted by the product), and pull
(found minus truth, in units of that error). The true white noise includes the shot noise of the
dark current. The true instability of the reference pixels is that predicted by the measured
spectrum, because simulated reference pixels track the active ones perfectly.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Write the comparison."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    parser.add_argument("--spectrum", required=True, type=Path, help="noise spectrum, FITS")
    parser.add_argument("--reference-pixels", type=Path, help="reference pixels, FITS")
    parser.add_argument("--output", required=True, type=Path, help="comparison, JSON")
    arguments = parser.parse_args()

    from darkroom.archive.simulated import simulator_settings
    from darkroom.campaign.campaign import open_campaign
    from darkroom.nircam import noise_truth
    from darkroom.nircam.detector.patterns import PATTERNS
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.simulate.detector import make_detector
    from darkroom.nircam.simulate.exposures import timing
    from darkroom.nircam.simulate.values import complete
    from darkroom.report.truth_rows import write_rows

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    full = complete(simulator_settings(campaign.archive, campaign.items[arguments.item]))
    coupling = make_detector(full).coupling
    full["nframes"] = PATTERNS[full["readpatt"]][0]
    rows = []
    if full["noise_sampling"] == "tick":
        true = noise_truth.true_parameters(full, coupling, timing(full).group)
        rows += noise_truth.compare_spectrum(Product(arguments.spectrum), true)
    if arguments.reference_pixels:
        product = Product(arguments.reference_pixels)
        rows += noise_truth.compare_reference_pixels(product, full, len(coupling))
    write_rows(arguments.output, rows)


if __name__ == "__main__":
    run(main)
