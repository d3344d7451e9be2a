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


def add_raw_options(parser):
    """Add the options of raw frames: ``--preprocess`` and where calibrations come from."""
    parser.add_argument(
        "--preprocess",
        choices=("best", "peer"),
        default="best",
        help="raw frames (level L1): cosmic rays by the physics of the register (best, default), "
        "or exactly as corgidrp 5.1.1 (peer, for validation)",
    )
    parser.add_argument(
        "--nonlinearity",
        metavar="none|corgidrp|FILE",
        help="raw frames: table of relative gains by DN and EM gain (FITS or text), the one in "
        "corgidrp's wheel, or none for a linear detector; must be named",
    )
    parser.add_argument(
        "--kgain",
        metavar="NUMBER|FILE",
        help="raw frames: electrons per DN, or corgidrp's KGain file (default: 8.7)",
    )
    parser.add_argument(
        "--bias-offset",
        metavar="FILE",
        help="raw frames: noise maps whose bias offset (B_O) is taken back (default: none)",
    )


def raw_settings(arguments, *, divide=False, **more):
    """Return the settings of raw frames that arguments say.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of a parser that `add_raw_options` extended.
    divide : bool
        Divide by the EM gain.
    **more
        Further fields of `darkroom.cgi.raw.prepare.Settings`.
    """
    from darkroom.cgi.raw.calibration import read_calibration
    from darkroom.cgi.raw.prepare import Settings

    calibration = read_calibration(
        nonlinearity=arguments.nonlinearity,
        kgain=arguments.kgain,
        bias_offset=arguments.bias_offset,
    )
    return Settings(arguments.preprocess, calibration, divide, **more)


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
