"""Make the state of noise maps: the levels of dark frames, to which later epochs are added.

Give the frames that noise maps are made of, of several EM gains and exposure times: calibrated
(level L2a, in detected EM electrons) or raw (level L1, prepared first). Frames taken for photon
counting are left out. The state holds the mean of the imaging area of every frame; the means of
fixed pattern, clock-induced charge and dark current are fitted to the frames of an epoch. A series
starts without --series; every later epoch names a state of it. States of one series merge, in any
order, by `scripts/report/epochs.py`; a frame that is withdrawn is removed by its own state.
"""

from __future__ import annotations

import argparse

from darkroom.cli import ListFileParser, run
from darkroom.epochs.options import add_between


def parse() -> argparse.Namespace:
    """Read the command line."""
    from darkroom.cgi.options import add_settings

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "state")
    parser.add_argument("product", choices=("noise_maps",))
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark frames (or @list)")
    parser.add_argument("--series", metavar="STATE", help="a state of the series to go on with")
    add_between(parser)
    parser.add_argument("--output", required=True, help="state to write")
    return parser.parse_args()


def main() -> None:
    """Make the state."""
    arguments = parse()
    from darkroom.cgi.geometry import read_geometry
    from darkroom.cgi.options import raw_settings
    from darkroom.cgi.raw.gather import are_raw
    from darkroom.cgi.request import geometry_files
    from darkroom.cgi.series.levels import frame_levels, series_cards, state_of, template_of
    from darkroom.epochs.merging import template_in
    from darkroom.epochs.state_file import save
    from darkroom.epochs.table import within
    from darkroom.errors import DarkroomError

    geometry = read_geometry(arguments.geometry)
    raw = raw_settings(arguments) if are_raw(arguments.files) else None
    cards = series_cards(geometry, raw)
    inputs = [*arguments.files, *geometry_files(arguments.geometry)]
    inputs += raw.calibration.files if raw else []
    template = None
    if arguments.series:
        template = template_in(arguments.series, cards)
        inputs.append(arguments.series)
    levels = frame_levels(arguments.files, geometry, raw)
    if not levels:
        raise DarkroomError("no frame is left: all are bad, or taken for photon counting")
    state = within(state_of(levels, template or template_of(levels)), arguments.between)
    save(arguments.output, state, cards, made_by="state", inputs=inputs)


if __name__ == "__main__":
    run(main)
