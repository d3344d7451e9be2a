"""Write SIRS kernels in the form that the refpix step of the JWST pipeline loads.

SIRS (simple improved reference subtraction) predicts the row noise of each amplifier from the left
and right reference pixels, with one kernel along the rows for each side, and subtracts it. The
kernels that leave the least noise in darks are in the product of reference_pixels.py (full frames
only). They are written to an ASDF file (SIRSKernelModel), for detectors for which CRDS has none.
Use it with calibrate.py --sirs-kernel, or in the pipeline itself: refpix_algorithm sirs,
override_sirskernel FILE.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("product", type=Path, help="product of reference_pixels.py, FITS")
    parser.add_argument("--output", required=True, type=Path, help="kernels, .asdf")
    arguments = parser.parse_args()

    import darkroom
    from darkroom.fits.content import content_sha256
    from darkroom.nircam.refpix.sirs_file import read_weights, write_kernel

    product = arguments.product
    detector, weights = read_weights(product)
    source = {
        "creator": f"darkroom {darkroom.__version__}",
        "made_by": "sirs_kernel",
        "made_from": f"{product.name} content sha256 {content_sha256(product)}",
    }
    write_kernel(arguments.output, detector, weights, source)
    print(f"{arguments.output}: SIRS kernels of {detector}")


if __name__ == "__main__":
    run(main)
