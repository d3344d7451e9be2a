"""Write SIRS kernels as the JWST pipeline's step refpix loads them.

SIRS (simple improved reference subtraction) takes the left and right reference pixels, weighted row
by row, off each amplifier. The weights that leave least noise in darks stand in what
reference_pixels.py made of full frames, and go into an ASDF file (SIRSKernelModel) for detectors
that CRDS has none for. Use it with calibrate.py --sirs-kernel, or in the pipeline itself:
refpix_algorithm sirs, override_sirskernel FILE.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("product", type=Path, help="made by reference_pixels.py, FITS")
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
