"""Options that programs of the CGI road share. Nothing heavy is imported here."""

#: Checks of frames by name, and what each asks.
CHECKS = {
    "unit": "BUNIT says electrons, with or without EM gain as the product needs",
    "bias": "the bias was subtracted",
    "cosmic-rays": "cosmic rays were masked",
    "linearity": "the non-linearity was corrected",
    "desmear": "the frame was not desmeared",
    "cti": "charge transfer was not corrected",
    "shot-noise": "no shot noise was added to the error",
    "dark": "no dark was subtracted",
}


def add_geometry(parser):
    """Add ``--geometry``."""
    parser.add_argument(
        "--geometry",
        metavar="sci|small|FILE",
        help="detector regions: sci is the flight detector of 1200 x 2200 (default), small one of "
        "120 x 220 for tests, else a JSON file",
    )


def add_frame_options(parser):
    """Add ``--geometry``, ``--waive`` and ``--checksums``."""
    add_geometry(parser)
    parser.add_argument(
        "--waive",
        action="append",
        default=[],
        choices=list(CHECKS),
        metavar="CHECK",
        help="do not make this check of the frames' headers (repeatable; the product says so): "
        + "; ".join(f"{name} ({what})" for name, what in CHECKS.items()),
    )
    parser.add_argument(
        "--checksums",
        action="store_true",
        help="take the SHA-256 of every frame for the product's table of inputs (frames that the "
        "workflow fetched have theirs already)",
    )
