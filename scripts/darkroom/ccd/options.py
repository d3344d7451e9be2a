"""Command-line options that the CCD programs share, and what follows from them."""

from __future__ import annotations

from darkroom.errors import DarkroomError

UNITS = """units: ADU and seconds; electrons where --gain is given.
a list of files may be given as @names.list, one name a line."""


def add_output(parser):
    """Add ``--output``."""
    parser.add_argument("--output", required=True, metavar="OUT", help="product to write")


def add_recover(parser):
    """Add ``--recover``."""
    parser.add_argument(
        "--recover",
        action="append",
        default=[],
        metavar="CARD=OTHER*SCALE",
        help="a malformed CARD may be read from OTHER when both agree, e.g. EXPTIME=EXPOINUS*1e-6",
    )


def add_gain(parser):
    """Add ``--gain``."""
    parser.add_argument(
        "--gain", type=float, metavar="E_PER_ADU", help="gain in e-/ADU: products in electrons"
    )


def add_saturation(parser):
    """Add ``--saturation``."""
    parser.add_argument(
        "--saturation",
        type=float,
        default=65535,
        metavar="ADU",
        help="level at and above which a sample is saturated (default: 65535; for cameras that "
        "write multiples of a number: the highest multiple not above it)",
    )


def add_stacking(parser):
    """Add the options of programs that combine frames."""
    parser.add_argument(
        "--clip",
        choices=("mad", "sigma", "none"),
        default="mad",
        help="rejection about the median: 1.4826 MAD, but at least the typical noise (default); "
        "standard deviation; none",
    )
    parser.add_argument(
        "--nsigma", type=float, default=5.0, metavar="K", help="rejection limit (default: 5)"
    )
    parser.add_argument(
        "--iterations", type=int, default=5, metavar="N", help="most rounds (default: 5)"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads (default: 1)")
    add_saturation(parser)
    add_gain(parser)
    add_recover(parser)


def add_tolerance(parser):
    """Add ``--temperature-tolerance``."""
    parser.add_argument(
        "--temperature-tolerance",
        type=float,
        default=0.2,
        metavar="C",
        help="frames of one temperature group differ by this at most, degrees Celsius "
        "(default: 0.2; a dark rate that doubles in 6 C changes by 2.3 %% in 0.2 C)",
    )


def check(arguments):
    """Refuse option values that cannot be meant.

    Raises
    ------
    DarkroomError
        Naming the option.
    """
    for name, least in (
        ("gain", 0.0),
        ("saturation", 0.0),
        ("temperature_tolerance", 0.0),
        ("nsigma", 0.0),
    ):
        value = getattr(arguments, name, None)
        if value is not None and not value > least:
            option = name.replace("_", "-")
            raise DarkroomError(f"--{option} {value:g}: a number above {least:g} is needed")


def clip(arguments):
    """Return the `Clip` asked for."""
    from darkroom.combine import Clip

    try:
        return Clip(arguments.clip, arguments.nsigma, arguments.iterations)
    except ValueError as error:
        raise DarkroomError(str(error)) from None


def recover(arguments):
    """Return the leaves to repair cards."""
    from darkroom.fits.describe import Recover

    return [Recover.parse(text) for text in arguments.recover]


def settings(arguments, *names):
    """Return the settings that shape a product, for its provenance: `names` and what is shared."""
    shared = ("clip", "nsigma", "iterations", "saturation", "gain", "temperature_tolerance")
    return {
        name: getattr(arguments, name)
        for name in (*shared, "recover", *names)
        if hasattr(arguments, name)
    }
