"""Make a map of the bad pixels of the coronagraph's camera from a dark, and a flat if there is one.

Input: a dark of darkroom or corgidrp (photon-counted, traditional or synthesized), and if wanted a
flat field of corgidrp of the same area. The output is a BadPixelMap file of corgidrp: 8 for warm
and hot pixels, 4 for dead ones. Darks do not show dead pixels.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    from darkroom.campaign.settings import add_options, option_names
    from darkroom.cgi.settings import PixelSettings

    parser = ListFileParser(description=__doc__)
    add_options(parser, PixelSettings)
    parser.add_argument("--output", required=True, type=Path, help="bad-pixel map, FITS")
    parser.add_argument("dark", type=Path, metavar="DARK.fits", help="dark")
    arguments = parser.parse_args()

    from darkroom.cgi.pixels.product import make_map

    settings = {name: getattr(arguments, name) for name in option_names(PixelSettings)}
    for sentence in make_map(arguments.output, arguments.dark, settings):
        print(sentence)


if __name__ == "__main__":
    run(main)
