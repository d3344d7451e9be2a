"""Synthesize a dark of the coronagraph from noise maps: F / g + t D + C.

Input: noise maps (made by noise_maps.py, or corgidrp's DetectorNoiseMaps) of the fixed pattern F,
clock-induced charge C and dark current D; an EM gain g; and an exposure time t. The output is a
Dark file of corgidrp in detected electrons. Its error includes the covariance of the three maps
when the file contains it.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    from darkroom.cgi.options import add_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "synthesize_dark")
    parser.add_argument("--gain", type=float, help="EM gain, at least 1")
    parser.add_argument("--exptime", type=float, help="exposure time [s]")
    parser.add_argument(
        "--like", type=Path, metavar="FRAME",
        help="take EM gain, exposure time and conversion gain from this frame's header",
    )  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, help="dark, FITS")
    parser.add_argument("maps", type=Path, metavar="NOISE_MAPS.fits", help="noise maps")
    arguments = parser.parse_args()

    from darkroom.cgi.darks.darks import synthesized_dark
    from darkroom.cgi.darks.product import write_synthesized_dark
    from darkroom.cgi.darks.read import read_noise_maps
    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.raw.calibration import LINEAR, read_calibration
    from darkroom.cgi.raw.frames import is_raw
    from darkroom.cgi.stacks.frame import open_frame
    from darkroom.errors import DarkroomError, InputError

    maps = read_noise_maps(arguments.maps)
    gain, exptime = arguments.gain, arguments.exptime
    if arguments.like:
        if gain is not None or exptime is not None:
            raise DarkroomError("--like replaces --gain and --exptime: give one or the other")
        with open_frame(arguments.like) as frame:
            gain, exptime = frame.headers.em_gain, frame.headers.exptime
            # The header of a raw frame has a nominal value; frames get that of the calibration.
            calibration = read_calibration(nonlinearity=LINEAR, kgain=arguments.kgain)
            maps.kgain = calibration.kgain if is_raw(frame.headers) else frame.headers.kgain
    if gain is None or exptime is None:
        raise DarkroomError("--gain and --exptime, or --like, must be given")
    dark = synthesized_dark(maps, exptime, gain)
    geometry = read_geometry(arguments.geometry)
    if dark.data.shape != geometry.shape:
        raise InputError(
            arguments.maps,
            f"maps of {dark.data.shape[0]} x {dark.data.shape[1]}, geometry {geometry.name!r} has "
            f"{geometry.shape[0]} x {geometry.shape[1]}",
            "name the right one with --geometry",
        )
    if arguments.region == "image":
        dark = dark.cut(geometry.section("image"))
    write_synthesized_dark(
        arguments.output, dark, maps,
        settings={"exptime_s": exptime, "em_gain": gain, "region": arguments.region,
                  "geometry": geometry.name},
        empty_pixels=arguments.empty_pixels,
    )  # fmt: skip
    print(f"EM gain {gain:g}, {exptime:g} s, from {maps.path.name}")


if __name__ == "__main__":
    run(main)
